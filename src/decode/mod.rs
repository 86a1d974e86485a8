//! From a packet to a TCP segment: link layers, VLAN tags, tunnels, IP.
//!
//! In: [`Packet`](crate::capture::Packet)s. Out: [`Segment`]s, by reference into the packet.

use std::net::IpAddr;

/// TCP flags (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more bytes from this end.
    pub const FIN: u8 = 0x01;
    /// First packet of an end: its sequence number is the ISN.
    pub const SYN: u8 = 0x02;
    /// The connection is gone.
    pub const RST: u8 = 0x04;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;

    /// Any of `bits` is set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// A TCP segment of the innermost IP packet.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Innermost addresses.
    pub src: IpAddr,
    /// Where it goes.
    pub dst: IpAddr,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number of the first payload byte (of the SYN, where it has one).
    pub seq: u32,
    /// Acknowledgement number; counts only with [`Flags::ACK`].
    pub ack: u32,
    /// Flags.
    pub flags: Flags,
    /// Receive window as in the header, not scaled.
    pub window: u16,
    /// TCP options, undecoded.
    pub options: &'a [u8],
    /// The payload bytes that the capture holds.
    pub payload: &'a [u8],
    /// Payload bytes on the wire; at least `payload.len()`.
    pub wire_len: u32,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
    /// Outermost VLAN identifier.
    pub vlan: Option<u16>,
    /// Tunnels around the innermost IP packet.
    pub tunnel: Tunnels,
}

/// The tunnels around a packet, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tunnels {}
