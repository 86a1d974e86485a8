//! Attempts that never came to an opening request: TCP did not connect, or a proxy opened no
//! tunnel.

use std::net::IpAddr;

use super::Side;
use crate::capture::PacketId;
use crate::time::Timestamp;

/// A packet, and when it was captured.
pub type At = (PacketId, Timestamp);

/// What kept a client from asking for a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unconnected {
    /// Its SYN was answered by an RST, an ICMP error, or not at all.
    Syn {
        /// How often it was sent; copies in the capture count once.
        sent: u32,
        /// The last one.
        last: At,
        /// The RST that answered it.
        reset: Option<At>,
    },
    /// A proxy answered CONNECT with another status than 2xx (RFC 9110 §9.3.6).
    Tunnel {
        /// `host:port` that the client wanted to reach, as sent.
        target: String,
        /// Status of the answer.
        status: u16,
        /// The request.
        asked: At,
        /// Its answer.
        answered: At,
    },
}

/// An ICMP error about something that one side sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpSeen {
    /// Whose packet it quotes.
    pub quoted: Side,
    /// Where in that side's stream the quoted packet stands.
    pub offset: u64,
    /// Who sent it; ICMPv6 where this is an IPv6 address.
    pub reporter: IpAddr,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// Its packet.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

/// What an ICMP error says of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpMeaning {
    /// The packet was too large for the path: TCP is to send smaller ones (RFC 1191, RFC 8201).
    TooBig,
    /// It may pass: RFC 1122 §4.2.3.9 has TCP try on.
    Soft,
    /// Nobody will take such packets.
    Hard,
}

impl IcmpSeen {
    /// `None` for errors that say nothing of whether the other side can be reached.
    pub fn meaning(&self) -> Option<IcmpMeaning> {
        meaning(self.reporter, self.kind, self.code)
    }
}

/// See [`IcmpSeen::meaning`].
pub(crate) fn meaning(reporter: IpAddr, kind: u8, code: u8) -> Option<IcmpMeaning> {
    use IcmpMeaning::{Hard, Soft, TooBig};
    match (reporter, kind, code) {
        (IpAddr::V4(_), 3, 4) | (IpAddr::V6(_), 2, _) => Some(TooBig),
        // RFC 1122 §4.2.3.9: protocol and port are hard; and whatever forbids (RFC 1812 §5.2.7.1).
        (IpAddr::V4(_), 3, 2 | 3 | 9 | 10 | 13) | (IpAddr::V6(_), 1, 1 | 4..=6) => Some(Hard),
        (IpAddr::V4(_), 3 | 11, _) | (IpAddr::V6(_), 1 | 3, _) => Some(Soft),
        _ => None,
    }
}
