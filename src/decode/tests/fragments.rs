//! Fragments through the decoder: any order, copies, overlaps, losses.

use super::*;
use crate::decode::reason::Reason;

const SECOND: i64 = 1_000_000_000;

/// A fragment of the IPv4 packet `whole`: bytes `from..to` of its payload.
fn fragment4(whole: &[u8], from: usize, to: usize, id: u8) -> Vec<u8> {
    let payload = &whole[20..];
    let end = to.min(payload.len());
    let mut bytes = [&whole[..20], &payload[from..end]].concat();
    let total_len = (bytes.len() as u16).to_be_bytes();
    bytes[2..4].copy_from_slice(&total_len);
    bytes[5] = id;
    let more = if end < payload.len() { 0x2000 } else { 0 };
    bytes[6..8].copy_from_slice(&(more | (from as u16 / 8)).to_be_bytes());
    bytes
}

/// The same for IPv6.
fn fragment6(whole: &[u8], from: usize, to: usize, id: u8) -> Vec<u8> {
    let payload = &whole[40..];
    let end = to.min(payload.len());
    let place = (from as u16 | u16::from(end < payload.len())).to_be_bytes();
    let head = [whole[6], 0, place[0], place[1], 0, 0, 0, id];
    let mut bytes = [&whole[..40], &head, &payload[from..end]].concat();
    bytes[6] = 44;
    let len = (bytes.len() as u16 - 40).to_be_bytes();
    bytes[4..6].copy_from_slice(&len);
    bytes
}

fn at(time: i64, data: &[u8]) -> Packet<'_> {
    Packet {
        time: Timestamp::from_nanos(time),
        ..packet(101, data)
    }
}

#[test]
fn any_order_with_copies() {
    for (whole, fragment) in [
        (tcp4(), fragment4 as fn(&[u8], usize, usize, u8) -> Vec<u8>),
        (tcp6(), fragment6),
    ] {
        let parts = [
            fragment(&whole, 0, 8, 1),
            fragment(&whole, 8, 16, 1),
            fragment(&whole, 16, 99, 1),
        ];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut decoder = Decoder::new();
            for index in [order[0], order[0], order[1], order[0], order[1]] {
                assert_eq!(decoder.decode(&at(0, &parts[index])), Decoded::Other);
            }
            match decoder.decode(&at(0, &parts[order[2]])) {
                Decoded::Tcp(segment) => {
                    assert_eq!((segment.seq, segment.payload), (1000, PAYLOAD))
                }
                other => panic!("{other:?}"),
            }
            // A late copy begins nothing new.
            assert_eq!(decoder.decode(&at(0, &parts[order[0]])), Decoded::Other);
            let counts = decoder.fragment_counts();
            assert_eq!(
                (counts.fragments, counts.reassembled, counts.overlapping),
                (7, 1, 0)
            );
        }
    }
}

#[test]
fn an_identifier_comes_again() {
    let (first, second) = (fragment4(&tcp4(), 0, 16, 1), fragment4(&tcp4(), 16, 99, 1));
    let mut decoder = Decoder::new();
    for time in [0, 2 * SECOND, 4 * SECOND] {
        assert_eq!(decoder.decode(&at(time, &first)), Decoded::Other);
        assert!(matches!(
            decoder.decode(&at(time, &second)),
            Decoded::Tcp(_)
        ));
    }
}

#[test]
fn overlaps_give_up_the_datagram() {
    let whole = tcp4();
    let overlapping = [
        [fragment4(&whole, 0, 16, 1), fragment4(&whole, 8, 99, 1)],
        [fragment4(&whole, 8, 24, 1), fragment4(&whole, 0, 16, 1)],
        [fragment4(&whole, 16, 99, 1), fragment4(&whole, 16, 24, 1)],
    ];
    for [one, other] in overlapping {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.decode(&at(0, &one)), Decoded::Other);
        assert_eq!(
            decoder.decode(&at(0, &other)),
            Decoded::Undecodable(Reason::FragmentOverlap)
        );
        // Nor may the rest be used.
        let rest = fragment4(&whole, 16, 99, 1);
        assert_eq!(
            decoder.decode(&at(0, &rest)),
            Decoded::Undecodable(Reason::FragmentOverlap)
        );
        assert_eq!(decoder.fragment_counts().overlapping, 1);
    }
    // In the same place, other bytes.
    let mut changed = fragment4(&whole, 0, 16, 1);
    changed[25] ^= 1;
    let mut decoder = Decoder::new();
    assert_eq!(
        decoder.decode(&at(0, &fragment4(&whole, 0, 16, 1))),
        Decoded::Other
    );
    assert_eq!(
        decoder.decode(&at(0, &changed)),
        Decoded::Undecodable(Reason::FragmentOverlap)
    );
}

#[test]
fn fragments_expire() {
    let (first, second) = (fragment4(&tcp4(), 0, 16, 1), fragment4(&tcp4(), 16, 99, 1));
    let mut decoder = Decoder::new();
    assert_eq!(decoder.decode(&at(0, &first)), Decoded::Other);
    assert_eq!(decoder.decode(&at(31 * SECOND, &second)), Decoded::Other);
    assert_eq!(decoder.fragment_counts().expired, 1);
    assert!(matches!(
        decoder.decode(&at(60 * SECOND, &first)),
        Decoded::Tcp(_)
    ));
}

#[test]
fn snapped_fragments_lose_only_the_end() {
    let whole = ipv4(6, &[&tcp4()[20..], &[b'x'; 400]].concat());
    let (first, second) = (fragment4(&whole, 0, 200, 1), fragment4(&whole, 200, 999, 1));
    let mut decoder = Decoder::new();
    let snapped = Packet {
        wire_len: first.len() as u32,
        data: &first[..96],
        ..packet(101, &first)
    };
    assert_eq!(decoder.decode(&packet(101, &second)), Decoded::Other);
    let Decoded::Tcp(segment) = decoder.decode(&snapped) else {
        panic!()
    };
    assert_eq!((segment.payload.len(), segment.wire_len), (96 - 40, 407));
}

#[test]
fn a_fragmented_tunnel_carries_a_fragment() {
    let (first, second) = (fragment4(&tcp4(), 0, 16, 1), fragment4(&tcp4(), 16, 99, 1));
    let outer = ipv4(4, &second);
    let mut decoder = Decoder::new();
    assert_eq!(
        decoder.decode(&packet(101, &ipv4(4, &first))),
        Decoded::Other
    );
    assert_eq!(
        decoder.decode(&packet(101, &fragment4(&outer, 0, 24, 9))),
        Decoded::Other
    );
    let last = fragment4(&outer, 24, 99, 9);
    let Decoded::Tcp(segment) = decoder.decode(&packet(101, &last)) else {
        panic!()
    };
    assert_inner(&Segment {
        ip_id: Some(0),
        ..segment
    });
    assert_eq!(segment.tunnel.to_string(), "ipip");
}

#[test]
fn hostile_fragments_stay_within_limits() {
    let mut decoder = Decoder::new();
    let whole = ipv4(6, &[0; 60_000]);
    let mut refused = 0;
    for piece in 0..1000 {
        let bytes = fragment4(&whole, piece * 16, piece * 16 + 8, 1);
        refused += u32::from(
            decoder.decode(&packet(101, &bytes)) == Decoded::Undecodable(Reason::TooManyFragments),
        );
    }
    assert_eq!((refused, decoder.fragment_counts().over_limit), (488, 1));
    // Many datagrams that never end: the oldest go.
    for id in 0..1000_u16 {
        let mut bytes = fragment4(&whole, 0, 56_000, 2);
        bytes[4..6].copy_from_slice(&(id + 2000).to_be_bytes());
        assert_eq!(decoder.decode(&packet(101, &bytes)), Decoded::Other);
    }
    assert!(decoder.fragments.held() <= 4 << 20);
    for id in 0..10_000_u16 {
        let mut bytes = fragment4(&whole, 8, 16, 2);
        bytes[4..6].copy_from_slice(&(id + 5000).to_be_bytes());
        assert_eq!(decoder.decode(&packet(101, &bytes)), Decoded::Other);
    }
    assert!(decoder.fragments.held() <= 4 << 20);
    assert!(decoder.fragment_counts().over_limit > 5000);
    // Beyond 64 KiB, empty, or not a multiple of eight.
    let mut beyond = fragment4(&whole, 0, 16, 3);
    beyond[6..8].copy_from_slice(&0x1fff_u16.to_be_bytes());
    assert!(matches!(
        decoder.decode(&packet(101, &beyond)),
        Decoded::Undecodable(Reason::Malformed(_))
    ));
    for len in [0, 12] {
        let odd = fragment4(&whole, 0, len, 4);
        assert!(matches!(
            decoder.decode(&packet(101, &odd)),
            Decoded::Undecodable(Reason::Malformed(_))
        ));
    }
}
