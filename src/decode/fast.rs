//! The short way for what nearly every packet is: Ethernet with at most two VLAN tags, or one of
//! the plain link types; IP without options, extensions or fragments; TCP.
//!
//! They answer only when they are sure; the property test beside [`walk`](super::walk) holds both
//! ways to the same answers.

use super::bytes::Bytes;
use super::link::{self, ether_type};
use super::reason::Header;
use super::tcp::{self, IpFields};
use super::{Address, Segment, Tunnels};
use crate::capture::Packet;

const TCP: u8 = 6;

/// The segment in a packet of the commonest shape, Ethernet and IPv4; `None` where it has another,
/// or is damaged.
#[inline]
pub(super) fn commonest<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    if packet.link.0 != link::ETHERNET {
        return None;
    }
    let (head, bytes) = Bytes::of(packet).take::<14>(Header::Ethernet).ok()?;
    if u16::from_be_bytes([head[12], head[13]]) != ether_type::IPV4 {
        return None;
    }
    ipv4(bytes, None)
}

/// The segment in a packet of any usual shape; `None` where it has another, or is damaged.
#[inline]
pub(super) fn segment<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    let bytes = Bytes::of(packet);
    let (version, vlan, bytes) = match packet.link.0 {
        link::ETHERNET => {
            let (head, bytes) = bytes.take::<14>(Header::Ethernet).ok()?;
            tagged(u16::from_be_bytes([head[12], head[13]]), bytes)?
        }
        link::RAW | link::RAW_BSD | link::RAW_OPENBSD => (bytes.first_nibble()?, None, bytes),
        link::NULL => {
            // The address family, in the byte order of the capturing machine.
            let (family, bytes) = bytes.take::<4>(Header::Loopback).ok()?;
            match family {
                [2, 0, 0, 0] | [0, 0, 0, 2] => (4, None, bytes),
                [24 | 28 | 30, 0, 0, 0] | [0, 0, 0, 24 | 28 | 30] => (6, None, bytes),
                _ => return None,
            }
        }
        link::LINUX_SLL => {
            let (head, bytes) = bytes.take::<16>(Header::LinuxCooked).ok()?;
            if !link::carries_ether_type(u16::from_be_bytes([head[2], head[3]])) {
                return None;
            }
            tagged(u16::from_be_bytes([head[14], head[15]]), bytes)?
        }
        link::LINUX_SLL2 => {
            let (head, bytes) = bytes.take::<20>(Header::LinuxCooked).ok()?;
            if !link::carries_ether_type(u16::from_be_bytes([head[8], head[9]])) {
                return None;
            }
            tagged(u16::from_be_bytes([head[0], head[1]]), bytes)?
        }
        _ => return None,
    };
    if version == 4 {
        ipv4(bytes, vlan)
    } else {
        ipv6(bytes, vlan)
    }
}

/// IP version, VLAN and payload behind at most two tags.
#[inline]
fn tagged(mut kind: u16, mut bytes: Bytes<'_>) -> Option<(u8, Option<u16>, Bytes<'_>)> {
    let mut vlan = None;
    for _ in 0..3 {
        match kind {
            ether_type::IPV4 => return Some((4, vlan, bytes)),
            ether_type::IPV6 => return Some((6, vlan, bytes)),
            ether_type::VLAN | ether_type::VLAN_SERVICE => {
                let (tag, rest) = bytes.take::<4>(Header::Vlan).ok()?;
                vlan = vlan.or(link::vlan_id([tag[0], tag[1]]));
                kind = u16::from_be_bytes([tag[2], tag[3]]);
                bytes = rest;
            }
            _ => return None,
        }
    }
    None
}

#[inline]
fn ipv4(bytes: Bytes<'_>, vlan: Option<u16>) -> Option<Segment<'_>> {
    let (head, rest) = bytes.take::<20>(Header::Ipv4).ok()?;
    // No options; neither more fragments nor an offset; don't-fragment does not matter.
    let fragment = u16::from_be_bytes([head[6], head[7]]) & 0x3fff;
    if head[0] != 0x45 || fragment != 0 || head[9] != TCP {
        return None;
    }
    let payload_len =
        usize::from(u16::from_be_bytes([head[2], head[3]])).checked_sub(head.len())?;
    let ip = IpFields {
        src: Address::v4([head[12], head[13], head[14], head[15]]),
        dst: Address::v4([head[16], head[17], head[18], head[19]]),
        ttl: head[8],
        id: Some(u16::from_be_bytes([head[4], head[5]])),
    };
    tcp::segment(ip, rest.limit(payload_len), vlan, &Tunnels::NONE).ok()
}

#[inline]
fn ipv6(bytes: Bytes<'_>, vlan: Option<u16>) -> Option<Segment<'_>> {
    let (head, rest) = bytes.take::<8>(Header::Ipv6).ok()?;
    let (src, rest) = rest.take::<16>(Header::Ipv6).ok()?;
    let (dst, rest) = rest.take::<16>(Header::Ipv6).ok()?;
    let payload_len = usize::from(u16::from_be_bytes([head[4], head[5]]));
    // Length 0: a jumbogram, or segmentation offload.
    if head[0] >> 4 != 6 || head[6] != TCP || payload_len == 0 {
        return None;
    }
    let ip = IpFields {
        src: Address::v6(*src),
        dst: Address::v6(*dst),
        ttl: head[7],
        id: None,
    };
    tcp::segment(ip, rest.limit(payload_len), vlan, &Tunnels::NONE).ok()
}
