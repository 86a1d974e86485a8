//! Packets built byte by byte, and what becomes of them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "test code"
)]

use std::net::IpAddr;

use etherparse::PacketBuilder;

use super::{Decoded, Decoder, Segment, Tunnels};
use crate::capture::{LinkType, Packet, PacketId};
use crate::time::Timestamp;

mod agreement;
mod fragments;
mod links;
mod tunnels;

const PAYLOAD: &[u8] = b"\x81\x05hello";
const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

fn packet(link: u16, data: &[u8]) -> Packet<'_> {
    Packet {
        id: PacketId::new(0, 1),
        time: Timestamp::from_nanos(0),
        link: LinkType(link),
        wire_len: data.len() as u32,
        data,
    }
}

/// The innermost packet of most tests: IPv4 with TCP.
fn tcp4() -> Vec<u8> {
    let builder = PacketBuilder::ipv4([10, 0, 0, 5], [10, 0, 0, 9], 63)
        .tcp(51234, 80, 1000, 8192)
        .ack(77)
        .psh();
    let mut bytes = Vec::new();
    builder.write(&mut bytes, PAYLOAD).unwrap();
    bytes
}

/// The same in IPv6.
fn tcp6() -> Vec<u8> {
    let (src, dst) = (
        [0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5],
        [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
    );
    let mut bytes = Vec::new();
    PacketBuilder::ipv6(src, dst, 63)
        .tcp(51234, 80, 1000, 8192)
        .ack(77)
        .psh()
        .write(&mut bytes, PAYLOAD)
        .unwrap();
    bytes
}

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS[..], &kind.to_be_bytes(), payload].concat()
}

/// An IPv4 packet with any payload.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total_len = (20 + payload.len() as u16).to_be_bytes();
    let head = [
        0x45,
        0,
        total_len[0],
        total_len[1],
        0,
        7,
        0,
        0,
        64,
        protocol,
        0,
        0,
        192,
        0,
        2,
        1,
        192,
        0,
        2,
        2,
    ];
    [&head[..], payload].concat()
}

/// An IPv6 packet with any payload.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, len[0], len[1], next, 64];
    let (src, dst) = ([0x20; 16], [0x30; 16]);
    [&head[..], &src, &dst, payload].concat()
}

fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len() as u16).to_be_bytes();
    [
        &src_port.to_be_bytes()[..],
        &dst_port.to_be_bytes(),
        &len,
        &[0, 0],
        payload,
    ]
    .concat()
}

/// What the segment of [`tcp4`] or [`tcp6`] must look like, whatever is around it.
#[track_caller]
fn assert_inner(segment: &Segment<'_>) {
    assert_eq!((segment.src_port, segment.dst_port), (51234, 80));
    assert_eq!(
        (segment.seq, segment.ack, segment.flags.0, segment.window),
        (1000, 77, 0x18, 8192)
    );
    assert_eq!(
        (segment.payload, segment.wire_len, segment.ttl),
        (PAYLOAD, PAYLOAD.len() as u32, 63)
    );
    match segment.src.ip() {
        IpAddr::V4(src) => assert_eq!((src.octets(), segment.ip_id), ([10, 0, 0, 5], Some(0))),
        IpAddr::V6(src) => assert_eq!((src.octets()[15], segment.ip_id), (5, None)),
    }
}

/// Decodes a packet that holds [`tcp4`] or [`tcp6`]; answers its tunnels and VLAN. Also cuts it
/// at every byte: whatever comes of that, it must be no panic and no wrong segment.
#[track_caller]
fn decode_inner(link: u16, data: &[u8]) -> (String, Option<u16>) {
    let mut decoder = Decoder::new();
    for len in 0..data.len() {
        let cut = Packet {
            wire_len: data.len() as u32,
            data: &data[..len],
            ..packet(link, data)
        };
        if let Decoded::Tcp(segment) = decoder.decode(&cut) {
            assert_eq!(
                (segment.src_port, segment.seq, segment.flags.0),
                (51234, 1000, 0x18)
            );
            assert_eq!(segment.wire_len, PAYLOAD.len() as u32);
            assert!(PAYLOAD.starts_with(segment.payload));
        }
    }
    match decoder.decode(&packet(link, data)) {
        Decoded::Tcp(segment) => {
            assert_inner(&segment);
            (segment.tunnel.to_string(), segment.vlan)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn decode_other(link: u16, data: &[u8], expected: Decoded<'_>) {
    assert_eq!(Decoder::new().decode(&packet(link, data)), expected);
}
