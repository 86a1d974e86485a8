//! ICMP errors that quote a TCP segment (RFC 792, RFC 4443): a firewall's or a router's
//! last word on a connection.

use std::net::IpAddr;

use etherparse::ip_number;

use super::Address;
use super::bytes::Bytes;
use super::ip::{self, Version};
use super::reason::Header;
use super::tcp::IpFields;
use super::walk::Layer;

/// An ICMP error about a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Who sent it; ICMPv6 where this is an IPv6 address.
    pub from: IpAddr,
    /// ICMP type: v4 3 unreachable, 4 source quench, 11 time exceeded, 12 parameter
    /// problem; v6 1 unreachable, 2 packet too big, 3 time exceeded, 4 parameter problem.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// Source address of the quoted segment.
    pub src: IpAddr,
    /// Destination address of the quoted segment.
    pub dst: IpAddr,
    /// Source port of the quoted segment.
    pub src_port: u16,
    /// Destination port of the quoted segment.
    pub dst_port: u16,
    /// Sequence number of the quoted segment.
    pub seq: u32,
}

/// The error in an ICMP message; `None` where it is another message, or not about TCP.
pub(super) fn error(from: IpAddr, bytes: Bytes<'_>) -> Option<IcmpError> {
    let (head, quoted) = bytes.take::<8>(Header::Icmp).ok()?;
    let (kind, code) = (head[0], head[1]);
    let version = match (from, kind) {
        (IpAddr::V4(_), 3 | 4 | 11 | 12) => Version::V4,
        (IpAddr::V6(_), 1..=4) => Version::V6,
        _ => return None,
    };
    let mut quoted_ip = IpFields {
        src: Address::NOWHERE,
        dst: Address::NOWHERE,
        ttl: 0,
        id: None,
    };
    let (Layer::Transport(ip_number::TCP), segment) =
        ip::packet(version, quoted, &mut quoted_ip).ok()?
    else {
        return None;
    };
    // RFC 792: the quote holds eight bytes of payload at least.
    let (head, _) = segment.take::<8>(Header::Tcp).ok()?;
    Some(IcmpError {
        from,
        kind,
        code,
        src: quoted_ip.src.ip(),
        dst: quoted_ip.dst.ip(),
        src_port: u16::from_be_bytes([head[0], head[1]]),
        dst_port: u16::from_be_bytes([head[2], head[3]]),
        seq: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
    })
}
