//! From a packet to a TCP segment: link layers, VLAN tags, tunnels, IP.
//!
//! In: [`Packet`]s. Out: [`Segment`]s, by reference into the packet (or, for a datagram that
//! came in fragments, into the [`Decoder`]).
//!
//! `fast` reads what nearly every packet is: Ethernet, IP without options, TCP. Whatever it
//! is not sure of goes to `walk`, which peels one layer after the other.

use crate::capture::Packet;

mod address;
mod bytes;
mod fast;
mod fragments;
mod icmp;
mod ip;
mod link;
mod reason;
mod tcp;
#[cfg(test)]
mod tests;
mod tunnel;
mod walk;
mod wlan;

pub use address::Address;
pub use fragments::FragmentCounts;
pub use icmp::IcmpError;
pub use reason::{Header, Reason};
pub use tunnel::{Tunnel, Tunnels};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Innermost addresses.
    pub src: Address,
    /// Where it goes.
    pub dst: Address,
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
    /// TCP options, undecoded; cut where the capture cut the header.
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
    pub tunnel: &'a Tunnels,
}

/// What a packet came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// An ICMP error about a TCP segment.
    Icmp(IcmpError),
    /// Healthy and nothing of ours: UDP, ARP, …; also a fragment that was put by.
    Other,
    /// Should have been read, and could not be.
    Undecodable(Reason),
}

/// Decodes packets, in the order of the capture. Holds the IP fragments that wait for others.
#[derive(Debug, Default)]
pub struct Decoder {
    fragments: fragments::Fragments,
    /// Reassembled datagrams of the packet at hand: a fragmented tunnel packet may
    /// carry the last fragment of another datagram.
    datagrams: [Vec<u8>; 2],
    /// The tunnels of the packet at hand.
    tunnels: Tunnels,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes one packet. The answer borrows from the packet, or from this decoder where the
    /// packet completed a fragmented datagram, or came in a tunnel.
    pub fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Decoded<'a> {
        match Self::glance(packet).or_else(|| Self::look(packet)) {
            Some(segment) => Decoded::Tcp(segment),
            None => self.walk(packet),
        }
    }

    /// The segment in a packet of the commonest shape. Whatever else it is, [`Self::look`] tells, or
    /// [`Self::walk`].
    #[inline]
    pub fn glance<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
        fast::commonest(packet)
    }

    /// The segment in a packet of any usual shape. Whatever else it is, [`Self::walk`] tells.
    #[inline]
    pub fn look<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
        fast::segment(packet)
    }

    /// The same as [`Self::decode`], the long way.
    pub fn walk<'a>(&'a mut self, packet: &Packet<'a>) -> Decoded<'a> {
        let Self {
            fragments,
            datagrams,
            tunnels,
        } = self;
        walk::walk(packet, fragments, datagrams, tunnels)
    }

    /// What became of the IP fragments so far.
    pub fn fragment_counts(&self) -> FragmentCounts {
        self.fragments.counts()
    }
}
