//! Link layers: what stands before an IP header when no tunnel is involved.
//!
//! Numbers of link types: tcpdump.org/linktypes.html. Of Ethernet types: IEEE 802 numbers at IANA.

use etherparse::{MacsecHeaderSlice, err};

use super::bytes::Bytes;
use super::ip::Version;
use super::reason::{Header, Reason};
use super::walk::{Layer, Next, Stop};

pub(super) const NULL: u16 = 0;
pub(super) const ETHERNET: u16 = 1;
pub(super) const RAW_BSD: u16 = 12;
pub(super) const RAW_OPENBSD: u16 = 14;
pub(super) const RAW: u16 = 101;
pub(super) const LINUX_SLL: u16 = 113;
pub(super) const LINUX_SLL2: u16 = 276;

/// Ethernet types.
pub(super) mod ether_type {
    pub(in crate::decode) const IPV4: u16 = 0x0800;
    pub(in crate::decode) const TRANSPARENT_ETHERNET: u16 = 0x6558;
    pub(in crate::decode) const VLAN: u16 = 0x8100;
    pub(in crate::decode) const IPV6: u16 = 0x86dd;
    pub(in crate::decode) const PPP: u16 = 0x880b;
    pub(in crate::decode) const MPLS: u16 = 0x8847;
    pub(in crate::decode) const MPLS_MULTICAST: u16 = 0x8848;
    pub(in crate::decode) const PPPOE_SESSION: u16 = 0x8864;
    pub(in crate::decode) const VLAN_SERVICE: u16 = 0x88a8;
    pub(in crate::decode) const MACSEC: u16 = 0x88e5;
    /// 802.1ah (provider backbone bridging).
    pub(in crate::decode) const BACKBONE: u16 = 0x88e7;
    /// VN-Tag and 802.1BR E-Tag, between a switch and its extenders.
    pub(in crate::decode) const VN_TAG: u16 = 0x8926;
    pub(in crate::decode) const E_TAG: u16 = 0x893f;
    /// Stacked VLANs before 802.1ad.
    pub(in crate::decode) const VLAN_OLD: [u16; 3] = [0x9100, 0x9200, 0x9300];
}

/// Values below are lengths of 802.3 frames.
const FIRST_ETHER_TYPE: u16 = 0x0600;

/// Begins with the header of this link type.
pub(super) fn link(link_type: u32, bytes: Bytes<'_>) -> Next<'_> {
    let Ok(number) = u16::try_from(link_type) else {
        return Err(Reason::LinkType(link_type).into());
    };
    match number {
        ETHERNET => Ok((Layer::Ethernet, bytes)),
        RAW | RAW_BSD | RAW_OPENBSD => Ok((Layer::Ip(Version::Any), bytes)),
        228 => Ok((Layer::Ip(Version::V4), bytes)),
        229 => Ok((Layer::Ip(Version::V6), bytes)),
        NULL | 108 => loopback(bytes),
        LINUX_SLL => {
            let (head, rest) = bytes.take::<16>(Header::LinuxCooked)?;
            cooked(
                u16::from_be_bytes([head[2], head[3]]),
                u16::from_be_bytes([head[14], head[15]]),
                rest,
            )
        }
        LINUX_SLL2 => {
            let (head, rest) = bytes.take::<20>(Header::LinuxCooked)?;
            cooked(
                u16::from_be_bytes([head[8], head[9]]),
                u16::from_be_bytes([head[0], head[1]]),
                rest,
            )
        }
        9 => Ok((Layer::Ppp, bytes)),
        50 | 104 => hdlc(bytes),
        51 => Ok((Layer::Pppoe, bytes)),
        // FDDI: frame control, two addresses, LLC.
        10 => Ok((Layer::Llc, bytes.skip(13, Header::Fddi)?)),
        105 => Ok((Layer::Wlan { padded: false }, bytes)),
        127 => super::wlan::radiotap(bytes),
        117 => pflog(bytes),
        192 => per_packet_information(bytes),
        239 => nflog(bytes),
        258 => pktap(bytes),
        _ => Err(Reason::LinkType(link_type).into()),
    }
}

/// NULL and LOOP: an address family in the byte order of the capturing machine.
fn loopback(bytes: Bytes<'_>) -> Next<'_> {
    let (family, rest) = bytes.take::<4>(Header::Loopback)?;
    match u32::from_be_bytes(*family).min(u32::from_le_bytes(*family)) {
        2 => Ok((Layer::Ip(Version::V4), rest)),
        // Linux; NetBSD and OpenBSD; FreeBSD; macOS.
        10 | 24 | 28 | 30 => Ok((Layer::Ip(Version::V6), rest)),
        _ => Err(Stop::Other),
    }
}

/// In the Linux cooked headers: whether a device of this kind (`ARPHRD_…`) gives an Ethernet type
/// as protocol. GRE devices do: their protocol types are the same numbers.
pub(super) fn carries_ether_type(device: u16) -> bool {
    !matches!(device, WLAN_RADIOTAP_DEVICE | NETLINK_DEVICE)
}

const WLAN_RADIOTAP_DEVICE: u16 = 803;
const NETLINK_DEVICE: u16 = 824;

fn cooked(device: u16, protocol: u16, rest: Bytes<'_>) -> Next<'_> {
    const LLC: u16 = 4;
    match (device, protocol) {
        (WLAN_RADIOTAP_DEVICE, _) => super::wlan::radiotap(rest),
        (NETLINK_DEVICE, _) => Err(Stop::Other),
        (_, LLC) => Ok((Layer::Llc, rest)),
        (_, kind) => Ok((Layer::EtherType(kind), rest)),
    }
}

pub(super) fn ethernet(bytes: Bytes<'_>) -> Next<'_> {
    let (head, rest) = bytes.take::<14>(Header::Ethernet)?;
    let kind = u16::from_be_bytes([head[12], head[13]]);
    Ok((
        if kind < FIRST_ETHER_TYPE {
            Layer::Llc
        } else {
            Layer::EtherType(kind)
        },
        rest,
    ))
}

/// The VLAN of a tag; 0 is a priority without a VLAN (802.1Q §9.6).
#[inline]
pub(super) fn vlan_id(tag: [u8; 2]) -> Option<u16> {
    match u16::from_be_bytes(tag) & 0x0fff {
        0 => None,
        id => Some(id),
    }
}

/// What an Ethernet type announces. GRE and GENEVE use the same numbers.
pub(super) fn ether_payload<'a>(kind: u16, bytes: Bytes<'a>, vlan: &mut Option<u16>) -> Next<'a> {
    // The next type stands in the last two bytes of most tags.
    fn tag<const N: usize>(
        bytes: Bytes<'_>,
        header: Header,
    ) -> Result<(&[u8; N], Layer, Bytes<'_>), Reason> {
        let (tag, rest) = bytes.take::<N>(header)?;
        let kind = tag.last_chunk().map_or(0, |kind| u16::from_be_bytes(*kind));
        Ok((
            tag,
            if kind < FIRST_ETHER_TYPE {
                Layer::Llc
            } else {
                Layer::EtherType(kind)
            },
            rest,
        ))
    }
    match kind {
        ether_type::IPV4 => Ok((Layer::Ip(Version::V4), bytes)),
        ether_type::IPV6 => Ok((Layer::Ip(Version::V6), bytes)),
        ether_type::VLAN | ether_type::VLAN_SERVICE => {
            let (tag, layer, rest) = tag::<4>(bytes, Header::Vlan)?;
            *vlan = vlan.or(vlan_id([tag[0], tag[1]]));
            Ok((layer, rest))
        }
        old if ether_type::VLAN_OLD.contains(&old) => ether_payload(ether_type::VLAN, bytes, vlan),
        ether_type::VN_TAG => {
            tag::<6>(bytes, Header::EtherTag).map(|(_, layer, rest)| Ok((layer, rest)))?
        }
        ether_type::E_TAG => {
            tag::<8>(bytes, Header::EtherTag).map(|(_, layer, rest)| Ok((layer, rest)))?
        }
        ether_type::BACKBONE => Ok((Layer::Ethernet, bytes.skip(4, Header::EtherTag)?)),
        ether_type::TRANSPARENT_ETHERNET => Ok((Layer::Ethernet, bytes)),
        ether_type::MPLS | ether_type::MPLS_MULTICAST => Ok((Layer::Mpls, bytes)),
        ether_type::PPPOE_SESSION => Ok((Layer::Pppoe, bytes)),
        ether_type::PPP => Ok((Layer::Ppp, bytes)),
        ether_type::MACSEC => macsec(bytes),
        _ => Err(Stop::Other),
    }
}

/// 802.1AE. Its check value at the end goes with the padding.
fn macsec(bytes: Bytes<'_>) -> Next<'_> {
    let head = MacsecHeaderSlice::from_slice(bytes.data).map_err(|error| match error {
        err::macsec::HeaderSliceError::Len(_) => Reason::CutShort(Header::Macsec),
        err::macsec::HeaderSliceError::Content(_) => Reason::Malformed(Header::Macsec),
    })?;
    let Some(kind) = head.next_ether_type() else {
        return Err(Reason::Encrypted(Header::Macsec).into());
    };
    Ok((
        Layer::EtherType(kind.0),
        bytes.skip(head.slice().len(), Header::Macsec)?,
    ))
}

/// 802.2 LLC, with SNAP (RFC 1042) or with its own number for IP.
pub(super) fn llc(bytes: Bytes<'_>) -> Next<'_> {
    let (head, rest) = bytes.take::<3>(Header::Llc)?;
    match head {
        [0xaa, 0xaa, 0x03] => {
            let (snap, rest) = rest.take::<5>(Header::Llc)?;
            // Both the plain encapsulation and the one of 802.1H bridges.
            match snap {
                [0, 0, 0 | 0xf8, high, low] => {
                    Ok((Layer::EtherType(u16::from_be_bytes([*high, *low])), rest))
                }
                _ => Err(Stop::Other),
            }
        }
        [0x06, 0x06, 0x03] => Ok((Layer::Ip(Version::V4), rest)),
        _ => Err(Stop::Other),
    }
}

/// PPP (RFC 1661), its address and control bytes and the first protocol byte being optional.
pub(super) fn ppp(bytes: Bytes<'_>) -> Next<'_> {
    let bytes = match bytes.data {
        [0xff, 0x03, ..] => bytes.skip(2, Header::Ppp)?,
        _ => bytes,
    };
    let (first, rest) = bytes.take::<1>(Header::Ppp)?;
    // RFC 1661 §2: the low bit marks the last byte of the protocol number.
    let (protocol, rest) = if first[0] & 1 == 1 {
        (u16::from(first[0]), rest)
    } else {
        let (protocol, rest) = bytes.take::<2>(Header::Ppp)?;
        (u16::from_be_bytes(*protocol), rest)
    };
    match protocol {
        0x0021 => Ok((Layer::Ip(Version::V4), rest)),
        0x0057 => Ok((Layer::Ip(Version::V6), rest)),
        0x0281 | 0x0283 => Ok((Layer::Mpls, rest)),
        _ => Err(Stop::Other),
    }
}

/// PPPoE session (RFC 2516 §4): version, type, code 0, session, length.
pub(super) fn pppoe(bytes: Bytes<'_>) -> Next<'_> {
    let (head, rest) = bytes.take::<6>(Header::Pppoe)?;
    match head {
        [0x11, 0, _, _, high, low] => Ok((
            Layer::Ppp,
            rest.limit(usize::from(u16::from_be_bytes([*high, *low]))),
        )),
        [0x11, ..] => Err(Stop::Other),
        _ => Err(Reason::Malformed(Header::Pppoe).into()),
    }
}

/// HDLC with Cisco's header (unicast, multicast) or with PPP (RFC 1662).
fn hdlc(bytes: Bytes<'_>) -> Next<'_> {
    match bytes.data {
        [0x0f | 0x8f, _, high, low, ..] => Ok((
            Layer::EtherType(u16::from_be_bytes([*high, *low])),
            bytes.skip(4, Header::Hdlc)?,
        )),
        [] | [0x0f | 0x8f, ..] => Err(Reason::CutShort(Header::Hdlc).into()),
        _ => Ok((Layer::Ppp, bytes)),
    }
}

/// MPLS labels (RFC 3032). Nothing says what they carry: the first nibble must tell (RFC 4928).
pub(super) fn mpls(mut bytes: Bytes<'_>) -> Next<'_> {
    loop {
        let (label, rest) = bytes.take::<4>(Header::Mpls)?;
        bytes = rest;
        if label[2] & 1 == 1 {
            break;
        }
    }
    let known = |at: usize| {
        let kind = bytes.data.get(at..).and_then(|rest| rest.first_chunk());
        kind.is_some_and(|kind| {
            matches!(
                u16::from_be_bytes(*kind),
                ether_type::IPV4 | ether_type::IPV6 | ether_type::VLAN
            )
        })
    };
    match bytes.first_nibble() {
        Some(4 | 6) => Ok((Layer::Ip(Version::Any), bytes)),
        // Ethernet behind a control word (RFC 4448 §4.6), or without.
        Some(0) if known(4 + 12) => Ok((Layer::Ethernet, bytes.skip(4, Header::Mpls)?)),
        Some(_) if known(12) => Ok((Layer::Ethernet, bytes)),
        Some(_) => Err(Stop::Other),
        None => Err(Reason::CutShort(Header::Mpls).into()),
    }
}

/// The log of the BSD packet filter: its own length first, then padding to four bytes.
fn pflog(bytes: Bytes<'_>) -> Next<'_> {
    let (head, _) = bytes.take::<1>(Header::Pflog)?;
    let header_len = usize::from(head[0]).next_multiple_of(4);
    Ok((
        Layer::Ip(Version::Any),
        bytes.skip(header_len, Header::Pflog)?,
    ))
}

/// Per-packet information: little-endian length and the link type of what follows.
fn per_packet_information(bytes: Bytes<'_>) -> Next<'_> {
    let (head, _) = bytes.take::<8>(Header::Ppi)?;
    let header_len = usize::from(u16::from_le_bytes([head[2], head[3]]));
    if header_len < head.len() {
        return Err(Reason::Malformed(Header::Ppi).into());
    }
    let link_type = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    Ok((Layer::Link(link_type), bytes.skip(header_len, Header::Ppi)?))
}

/// The netfilter log: type-length-value fields in the byte order of the capturing machine;
/// type 9 is the packet, from its IP header on.
fn nflog(bytes: Bytes<'_>) -> Next<'_> {
    const PAYLOAD: u16 = 9;
    let (_, mut fields) = bytes.take::<4>(Header::Nflog)?;
    loop {
        let (head, _) = fields.take::<4>(Header::Nflog)?;
        let (len, kind) = ([head[0], head[1]], [head[2], head[3]]);
        // Lengths and types are small: the order that makes them small is the right one.
        let little = u16::from_le_bytes(kind) <= u16::from_be_bytes(kind);
        let read = if little {
            u16::from_le_bytes
        } else {
            u16::from_be_bytes
        };
        let len = usize::from(read(len));
        let Some(value_len) = len.checked_sub(head.len()) else {
            return Err(Reason::Malformed(Header::Nflog).into());
        };
        if read(kind) == PAYLOAD {
            let value = fields.skip(head.len(), Header::Nflog)?.limit(value_len);
            return Ok((Layer::Ip(Version::Any), value));
        }
        fields = fields.skip(len.next_multiple_of(4), Header::Nflog)?;
    }
}

/// macOS: little-endian length at 0, link type of what follows at 8.
fn pktap(bytes: Bytes<'_>) -> Next<'_> {
    let (head, _) = bytes.take::<12>(Header::Pktap)?;
    let header_len = usize::try_from(u32::from_le_bytes([head[0], head[1], head[2], head[3]]))
        .unwrap_or(usize::MAX);
    if header_len < head.len() {
        return Err(Reason::Malformed(Header::Pktap).into());
    }
    let link_type = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    Ok((
        Layer::Link(link_type),
        bytes.skip(header_len, Header::Pktap)?,
    ))
}
