//! Tunnels: IP in IP, GRE with ERSPAN and PPTP, MPLS in IP, VXLAN, GENEVE, GTP-U, Teredo.
//!
//! UDP says nothing about its payload: a tunnel is taken by its port *and* a sane header, and
//! what has only the port is somebody else's UDP.

use std::fmt;

use etherparse::{IpNumber, UdpHeaderSlice, ip_number};

use super::bytes::Bytes;
use super::ip::Version;
use super::link::ether_type;
use super::reason::{Header, Reason};
use super::walk::{Layer, Next, Passed, Stop};

/// One tunnel, with what tells it from others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tunnel {
    /// IPv4 or IPv6 in IPv4 or IPv6 (RFC 2003, 2473, 4213).
    IpInIp,
    /// GRE (RFC 2784, 2890): its key. PPTP (RFC 2637): its call, which differs by direction.
    Gre(Option<u32>),
    /// A mirrored port: the session.
    Erspan(Option<u16>),
    /// RFC 7348: the network identifier.
    Vxlan(u32),
    /// RFC 8926: the network identifier.
    Geneve(u32),
    /// Mobile networks: the tunnel endpoint identifier, which differs by direction.
    Gtp(u32),
    /// RFC 4380.
    Teredo,
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IpInIp => f.write_str("ipip"),
            Self::Gre(None) => f.write_str("gre"),
            Self::Gre(Some(key)) => write!(f, "gre:{key}"),
            Self::Erspan(None) => f.write_str("erspan"),
            Self::Erspan(Some(session)) => write!(f, "erspan:{session}"),
            Self::Vxlan(id) => write!(f, "vxlan:{id}"),
            Self::Geneve(id) => write!(f, "geneve:{id}"),
            Self::Gtp(id) => write!(f, "gtp:{id}"),
            Self::Teredo => f.write_str("teredo"),
        }
    }
}

/// The tunnels around a packet, outermost first; of more than four, the outermost four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tunnels([Option<Tunnel>; 4]);

impl Tunnels {
    /// The IP packet is in no tunnel.
    pub const NONE: Self = Self([None; 4]);

    /// No tunnel.
    pub fn is_empty(&self) -> bool {
        self.0.first().is_none_or(Option::is_none)
    }

    /// Outermost first.
    pub fn iter(&self) -> impl Iterator<Item = Tunnel> {
        self.0.iter().map_while(|tunnel| *tunnel)
    }

    pub(super) fn push(&mut self, tunnel: Tunnel) {
        if let Some(free) = self.0.iter_mut().find(|kept| kept.is_none()) {
            *free = Some(tunnel);
        }
    }
}

/// As in `vxlan:42/gre`.
impl fmt::Display for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, tunnel) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            tunnel.fmt(f)?;
        }
        Ok(())
    }
}

/// The inside of an IP payload that is neither TCP nor ICMP.
pub(super) fn inside<'a>(protocol: IpNumber, bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    match protocol {
        ip_number::IPV4 => {
            passed.enter(Tunnel::IpInIp)?;
            Ok((Layer::Ip(Version::V4), bytes))
        }
        ip_number::IPV6 => {
            passed.enter(Tunnel::IpInIp)?;
            Ok((Layer::Ip(Version::V6), bytes))
        }
        ip_number::GRE => gre(bytes, passed),
        ip_number::MPLS_IN_IP => Ok((Layer::Mpls, bytes)),
        ip_number::UDP => udp(bytes, passed),
        _ => Err(Stop::Other),
    }
}

/// GRE (RFC 1701, 2784, 2890), and version 1 of PPTP (RFC 2637 §4.1).
fn gre<'a>(bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    const ACKNOWLEDGEMENT: u8 = 0x80;
    let (head, mut rest) = bytes.take::<4>(Header::Gre)?;
    let [flags, version, high, low] = *head;
    let has_sequence = flags & SEQUENCE != 0;
    if flags & (CHECKSUM | ROUTING) != 0 {
        rest = rest.skip(4, Header::Gre)?;
    }
    let mut key = None;
    if flags & KEY != 0 {
        let (field, behind) = rest.take::<4>(Header::Gre)?;
        (key, rest) = (Some(*field), behind);
    }
    if has_sequence {
        rest = rest.skip(4, Header::Gre)?;
    }
    let kind = u16::from_be_bytes([high, low]);
    match version & 0x07 {
        0 => {}
        1 => {
            // Key: payload length, call. No sequence number: nothing but an acknowledgement.
            let (ether_type::PPP, Some([_, _, high, low]), true) = (kind, key, has_sequence) else {
                return Err(Stop::Other);
            };
            if version & ACKNOWLEDGEMENT != 0 {
                rest = rest.skip(4, Header::Gre)?;
            }
            passed.enter(Tunnel::Gre(Some(u32::from_be_bytes([0, 0, high, low]))))?;
            return Ok((Layer::Ppp, rest));
        }
        _ => return Err(Reason::Malformed(Header::Gre).into()),
    }
    if flags & ROUTING != 0 {
        rest = source_routes(rest)?;
    }
    match kind {
        0x88be | 0x22eb => erspan(kind, has_sequence, rest, passed),
        kind => {
            passed.enter(Tunnel::Gre(key.map(u32::from_be_bytes)))?;
            Ok((Layer::EtherType(kind), rest))
        }
    }
}

/// RFC 1701: entries of family, offset, length, up to one of family 0 and length 0.
fn source_routes(mut rest: Bytes<'_>) -> Result<Bytes<'_>, Reason> {
    loop {
        let (entry, behind) = rest.take::<4>(Header::Gre)?;
        rest = behind.skip(usize::from(entry[3]), Header::Gre)?;
        if matches!(entry, [0, 0, _, 0]) {
            return Ok(rest);
        }
    }
}

/// ERSPAN (draft-foschiano-erspan-03 §4): type I has no header, type II 8 bytes, type III 12 and more.
fn erspan<'a>(kind: u16, has_sequence: bool, bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    const TYPE_III: u16 = 0x22eb;
    if kind != TYPE_III && !has_sequence {
        passed.enter(Tunnel::Erspan(None))?;
        return Ok((Layer::Ethernet, bytes));
    }
    let (head, rest) = bytes.take::<8>(Header::Erspan)?;
    let session = u16::from_be_bytes([head[2], head[3]]) & 0x03ff;
    passed.enter(Tunnel::Erspan(Some(session)))?;
    if kind != TYPE_III {
        return Ok((Layer::Ethernet, rest));
    }
    let (last, rest) = rest.take::<4>(Header::Erspan)?;
    // P, frame type (0 Ethernet, 2 IP), hardware, direction, granularity, O: a subheader follows.
    let rest = if last[3] & 1 == 1 {
        rest.skip(8, Header::Erspan)?
    } else {
        rest
    };
    match (last[2] >> 2) & 0x1f {
        0 => Ok((Layer::Ethernet, rest)),
        2 => Ok((Layer::Ip(Version::Any), rest)),
        _ => Err(Stop::Other),
    }
}

fn udp<'a>(bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    // Anything that is wrong here is no tunnel, and UDP is nothing of ours.
    let head = UdpHeaderSlice::from_slice(bytes.data).map_err(|_| Stop::Other)?;
    let payload = bytes.skip(head.slice().len(), Header::Udp)?;
    match (head.source_port(), head.destination_port()) {
        (_, 4789 | 8472) => vxlan(payload, passed),
        (_, 4790) => vxlan_gpe(payload, passed),
        (_, 6081) => geneve(payload, passed),
        (2152, _) | (_, 2152) => gtp(payload, passed),
        (3544, _) | (_, 3544) => teredo(payload, passed),
        _ => Err(Stop::Other),
    }
}

/// RFC 7348 §5; with bit G, the group policy of draft-smith-vxlan-group-policy.
fn vxlan<'a>(bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    let (head, rest) = bytes.take::<8>(Header::Vxlan).map_err(|_| Stop::Other)?;
    match *head {
        [0x08, 0, 0, 0, a, b, c, 0] | [0x88, _, _, _, a, b, c, 0] => {
            passed.enter(Tunnel::Vxlan(u32::from_be_bytes([0, a, b, c])))?;
            Ok((Layer::Ethernet, rest))
        }
        _ => Err(Stop::Other),
    }
}

/// VXLAN with a protocol field (draft-ietf-nvo3-vxlan-gpe-12 §3.1), version 0, no OAM.
fn vxlan_gpe<'a>(bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    let (head, rest) = bytes.take::<8>(Header::Vxlan).map_err(|_| Stop::Other)?;
    let [0x0c, 0, 0, protocol, a, b, c, 0] = *head else {
        return Err(Stop::Other);
    };
    let layer = match protocol {
        1 => Layer::Ip(Version::V4),
        2 => Layer::Ip(Version::V6),
        3 => Layer::Ethernet,
        _ => return Err(Stop::Other),
    };
    passed.enter(Tunnel::Vxlan(u32::from_be_bytes([0, a, b, c])))?;
    Ok((layer, rest))
}

/// RFC 8926 §3.4.
fn geneve<'a>(bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    const CONTROL: u8 = 0x80;
    let (head, rest) = bytes.take::<8>(Header::Geneve).map_err(|_| Stop::Other)?;
    let [lengths, flags, high, low, a, b, c, 0] = *head else {
        return Err(Stop::Other);
    };
    let is_version_0 = lengths & 0xc0 == 0;
    if !is_version_0 || flags & CONTROL != 0 {
        return Err(Stop::Other);
    }
    let options_len = usize::from(lengths & 0x3f).saturating_mul(4);
    passed.enter(Tunnel::Geneve(u32::from_be_bytes([0, a, b, c])))?;
    Ok((
        Layer::EtherType(u16::from_be_bytes([high, low])),
        rest.skip(options_len, Header::Geneve)?,
    ))
}

/// GTP-U version 1 (3GPP TS 29.281 §5.1), a G-PDU that carries IP.
fn gtp<'a>(bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    const EXTENSION: u8 = 0x04;
    const OPTIONAL_FIELDS: u8 = 0x07;
    let (head, mut rest) = bytes.take::<8>(Header::Gtp).map_err(|_| Stop::Other)?;
    // Version 1, protocol type GTP, reserved bit 0.
    let [flags @ 0x30..=0x37, 255, _, _, a, b, c, d] = *head else {
        return Err(Stop::Other);
    };
    if flags & OPTIONAL_FIELDS != 0 {
        let (fields, behind) = rest.take::<4>(Header::Gtp)?;
        rest = behind;
        let mut next = if flags & EXTENSION != 0 { fields[3] } else { 0 };
        // Each extension header: its length in units of four bytes, and the next type last.
        while next != 0 {
            let units = rest.data.first().copied().unwrap_or(0);
            let len = usize::from(units).saturating_mul(4);
            let Some(last) = len.checked_sub(1) else {
                return Err(Reason::Malformed(Header::Gtp).into());
            };
            next = rest
                .data
                .get(last)
                .copied()
                .ok_or(Reason::CutShort(Header::Gtp))?;
            rest = rest.skip(len, Header::Gtp)?;
        }
    }
    let Some(4 | 6) = rest.first_nibble() else {
        return Err(Stop::Other);
    };
    passed.enter(Tunnel::Gtp(u32::from_be_bytes([a, b, c, d])))?;
    Ok((Layer::Ip(Version::Any), rest))
}

/// Teredo (RFC 4380 §5.1.1): authentication and origin may stand before the IPv6 packet, one end
/// of which has a Teredo address.
fn teredo<'a>(bytes: Bytes<'a>, passed: &mut Passed) -> Next<'a> {
    const PREFIX: [u8; 4] = [0x20, 0x01, 0, 0];
    let mut rest = bytes;
    if let [0, 1, id_len, value_len, ..] = rest.data {
        let len = usize::from(*id_len)
            .saturating_add(usize::from(*value_len))
            .saturating_add(13);
        rest = rest.skip(len, Header::Teredo).map_err(|_| Stop::Other)?;
    }
    if let [0, 0, ..] = rest.data {
        rest = rest.skip(8, Header::Teredo).map_err(|_| Stop::Other)?;
    }
    let has_prefix = |at: usize| {
        rest.data
            .get(at..)
            .is_some_and(|address| address.starts_with(&PREFIX))
    };
    if rest.first_nibble() != Some(6) || !(has_prefix(8) || has_prefix(24)) {
        return Err(Stop::Other);
    }
    passed.enter(Tunnel::Teredo)?;
    Ok((Layer::Ip(Version::V6), rest))
}
