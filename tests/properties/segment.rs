//! Rewrites packets at the level of TCP. Checksums are left as they were: nobody looks at them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::capture::{ETHERNET, Packet};

/// LINKTYPE_RAW: the packet begins with the IP header.
pub(crate) const RAW_IP: u16 = 101;
const SLL: u16 = 113;
const SLL2: u16 = 276;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;

/// Where the headers of a TCP segment begin in its packet.
#[derive(Clone, Copy)]
struct Layout {
    ip: usize,
    tcp: usize,
    payload: usize,
    /// Bytes of payload on the wire.
    payload_len: usize,
}

/// `None` for what is not TCP over IP, or cut within the headers.
fn layout(packet: &Packet) -> Option<Layout> {
    let bytes = &packet.bytes[..];
    let ip = match packet.link {
        ETHERNET => ethernet_payload(bytes)?,
        SLL => 16,
        SLL2 => 20,
        RAW_IP => 0,
        link => panic!("link type {link} in our captures"),
    };
    let (tcp, end) = match bytes.get(ip)? >> 4 {
        4 if *bytes.get(ip + 9)? == 6 => {
            let header_len = usize::from(bytes[ip] & 15) * 4;
            (ip + header_len, ip + number16(bytes, ip + 2)?)
        }
        6 if *bytes.get(ip + 6)? == 6 => (ip + 40, ip + 40 + number16(bytes, ip + 4)?),
        _ => return None,
    };
    let payload = tcp + usize::from(bytes.get(tcp + 12)? >> 4) * 4;
    bytes.get(tcp..payload)?;
    Some(Layout {
        ip,
        tcp,
        payload,
        payload_len: end.checked_sub(payload)?,
    })
}

/// Behind any VLAN tags; `None` for what is not IP.
fn ethernet_payload(bytes: &[u8]) -> Option<usize> {
    let mut at = 12;
    while number16(bytes, at)? == 0x8100 {
        at += 4;
    }
    matches!(number16(bytes, at)?, 0x0800 | 0x86dd).then_some(at + 2)
}

fn number16(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 2)?;
    Some(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Opens a TCP connection, from either side.
pub(crate) fn is_syn(packet: &Packet) -> bool {
    layout(packet).is_some_and(|at| packet.bytes[at.tcp + 13] & SYN != 0)
}

/// Sender and receiver.
pub(crate) fn ends(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    let at = layout(packet)?;
    let bytes = &packet.bytes[..];
    let address = |second: usize| -> IpAddr {
        if bytes[at.ip] >> 4 == 4 {
            Ipv4Addr::from_bits(number32(bytes, at.ip + 12 + second * 4)).into()
        } else {
            let start = at.ip + 8 + second * 16;
            let octets: [u8; 16] = bytes[start..start + 16].try_into().expect("16");
            Ipv6Addr::from(octets).into()
        }
    };
    let end = |second| {
        let port = number16(bytes, at.tcp + second * 2).unwrap_or_default();
        let port = u16::try_from(port).expect("16 bits");
        SocketAddr::new(address(second), port)
    };
    Some((end(0), end(1)))
}

/// The segment as two, the first with `at` bytes (counted around) of its payload.
pub(crate) fn cut(packet: &Packet, at: usize) -> Option<[Packet; 2]> {
    let place = layout(packet)?;
    let payload = &packet.bytes[place.payload..];
    let captured = payload.len().min(place.payload_len);
    if captured < 2 {
        return None;
    }
    let at = 1 + at % (captured - 1);
    let mut first = with_payload(packet, place, &payload[..at], at);
    let rest = place.payload_len - at;
    let mut second = with_payload(packet, place, &payload[at..captured], rest);
    first.bytes[place.tcp + 13] &= !(FIN | PSH);
    second.bytes[place.tcp + 13] &= !SYN;
    let syn = u32::from(packet.bytes[place.tcp + 13] & SYN != 0);
    let shift = u32::try_from(at).expect("small") + syn;
    add32(&mut second.bytes, place.tcp + 4, shift);
    Some([first, second])
}

fn with_payload(packet: &Packet, at: Layout, payload: &[u8], wire_len: usize) -> Packet {
    let mut bytes = packet.bytes[..at.payload].to_vec();
    bytes.extend(payload);
    let v4 = bytes[at.ip] >> 4 == 4;
    let (field, counted_from) = if v4 { (2, at.ip) } else { (4, at.ip + 40) };
    let len = u16::try_from(at.payload + wire_len - counted_from).expect("16 bits");
    bytes[at.ip + field..at.ip + field + 2].copy_from_slice(&len.to_be_bytes());
    Packet {
        bytes,
        wire_len: at.payload + wire_len,
        ..*packet
    }
}

fn add32(bytes: &mut [u8], at: usize, shift: u32) {
    let sum = number32(bytes, at).wrapping_add(shift);
    bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
}

/// The sequence number.
pub(crate) fn sequence(packet: &Packet) -> Option<u32> {
    layout(packet).map(|at| number32(&packet.bytes, at.tcp + 4))
}

/// The segment with its sender's sequence numbers moved by `own` and the receiver's by `other`.
pub(crate) fn shift(packet: &mut Packet, own: u32, other: u32) {
    let Some(at) = layout(packet) else { return };
    let bytes = &mut packet.bytes;
    add32(bytes, at.tcp + 4, own);
    if bytes[at.tcp + 13] & 0x10 == 0 {
        return;
    }
    add32(bytes, at.tcp + 8, other);
    let mut option = at.tcp + 20;
    while option < at.payload {
        match bytes[option] {
            0 => break,
            1 => option += 1,
            kind => {
                let len = usize::from(bytes[option + 1]);
                // SACK (RFC 2018 §3): pairs of edges.
                if kind == 5 {
                    for edge in (option + 2..option + len).step_by(4) {
                        add32(bytes, edge, other);
                    }
                }
                option += len;
            }
        }
    }
}

/// The packet with a VLAN tag; Ethernet only.
pub(crate) fn tag(packet: &mut Packet, vlan: u16) {
    assert_eq!(packet.link, ETHERNET);
    let [high, low] = (vlan & 0xfff).to_be_bytes();
    packet.bytes.splice(12..12, [0x81, 0x00, high, low]);
    packet.wire_len += 4;
}

/// The packet without its link layer; any other than IP as it was.
pub(crate) fn strip_link(packet: &mut Packet) {
    if let Some(at) = layout(packet) {
        packet.bytes.drain(..at.ip);
        packet.wire_len -= at.ip;
        packet.link = RAW_IP;
    }
}
