//! Tests of the reader of frames.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::close_frame::Body;
use super::super::testing::{Frame, Seen, expected, sent, wire};
use super::*;
use crate::tcp::testing::origin;

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A part of a stream: bytes, or the length of a hole.
#[derive(Clone, Debug)]
enum Part {
    Bytes(Vec<u8>),
    Hole(u64),
}

/// Reads parts as packets 1, 2, …; what was found, each with its packet.
fn read_parts(
    side: Side,
    compression: Compression,
    parts: &[Part],
) -> (Vec<(Seen, Option<u64>)>, Tail) {
    let mut reader = Reader::new(side, compression, &Windows::new(1, 0));
    let mut seen = Vec::new();
    let mut offset = 0;
    for (packet, part) in (1..).zip(parts) {
        let origin = origin(packet);
        let chunk = match part {
            Part::Bytes(bytes) => Chunk::Data {
                offset,
                bytes,
                origin,
            },
            Part::Hole(len) => Chunk::Gap {
                offset,
                len: *len,
                origin,
            },
        };
        reader.handle_chunk(chunk, &mut |item| seen.push(Seen::of(&item)));
        offset += match part {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Hole(len) => *len,
        };
    }
    let tail = reader.finish(&mut |item| seen.push(Seen::of(&item)));
    (seen, tail)
}

fn read(side: Side, parts: &[Part]) -> Vec<Seen> {
    let (seen, _) = read_parts(side, Compression::None, parts);
    seen.into_iter().map(|(seen, _)| seen).collect()
}

fn bytes(bytes: &[u8]) -> Part {
    Part::Bytes(bytes.to_vec())
}

/// The violations in one chunk of bytes.
fn faults(side: Side, compression: Compression, stream: &[u8]) -> Vec<Rule> {
    let (seen, _) = read_parts(side, compression, &[bytes(stream)]);
    seen.into_iter()
        .filter_map(|(seen, _)| match seen {
            Seen::Violation(rule, _) => Some(rule),
            _ => None,
        })
        .collect()
}

/// Bytes cut into packets at these places.
fn cut(stream: &[u8], cuts: &[usize]) -> Vec<Part> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2)
        .map(|w| bytes(&stream[w[0]..w[1]]))
        .collect()
}

/// The packet in which a byte lies.
fn packet_of(parts: &[Part], offset: u64) -> Option<u64> {
    let mut end = 0;
    (1..).zip(parts).find_map(|(packet, part)| {
        end += match part {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Hole(len) => *len,
        };
        (offset < end).then_some(packet)
    })
}

proptest! {
    // Chance may make a row of frames behind a hole, so the dice are always the same.
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(6455), ..ProptestConfig::default() })]

    #[test]
    fn legal_frames_come_out_as_they_were_sent_whatever_way_they_are_cut(
        (side, frames) in sent(),
        cuts in proptest::collection::vec(any::<usize>(), 0..30),
    ) {
        let stream = wire(&frames);
        let parts = cut(&stream, &cuts);
        let (seen, tail) = read_parts(side, Compression::None, &parts);
        let expected: Vec<_> = expected(&frames)
            .into_iter()
            .map(|(seen, last)| (seen, packet_of(&parts, last)))
            .collect();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!(tail, Tail::Boundary);
    }

    #[test]
    fn a_hole_inside_of_a_payload_costs_only_its_content(
        (side, frames) in sent(),
        place in any::<prop::sample::Index>(),
        len in 1usize..400,
    ) {
        let stream = wire(&frames);
        // A hole in the payload of one frame, none of its header.
        let mut start = 0;
        let mut payloads = Vec::new();
        for frame in &frames {
            let end = start + wire(std::slice::from_ref(frame)).len();
            let from = end - frame.payload.len();
            if from < end && frame.opcode() != Opcode::TEXT && !frame.opcode().is_control() {
                payloads.push(from..end);
            }
            start = end;
        }
        prop_assume!(!payloads.is_empty());
        let payload = payloads[place.index(payloads.len())].clone();
        let from = payload.start + (len * 7) % payload.len();
        let to = (from + len).min(payload.end);
        let parts = [
            bytes(&stream[..from]),
            Part::Hole((to - from) as u64),
            bytes(&stream[to..]),
        ];
        let seen: Vec<Seen> = read(side, &parts);
        let expected: Vec<Seen> = expected(&frames).into_iter().map(|(seen, _)| seen).collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn holes_never_invent_a_close_nor_a_violation(
        (side, frames) in sent(),
        holes in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..600), 1..4),
        segment in 30usize..1460,
    ) {
        let stream = wire(&frames);
        prop_assume!(!stream.is_empty());
        let mut missing = vec![false; stream.len()];
        for (place, len) in holes {
            let from = place.index(stream.len());
            let to = (from + len).min(stream.len());
            missing[from..to].fill(true);
        }
        let mut parts = Vec::new();
        let mut offset = 0;
        for run in missing.chunk_by(|a, b| a == b) {
            let end = offset + run.len();
            if run[0] {
                parts.push(Part::Hole(run.len() as u64));
            } else {
                parts.extend(stream[offset..end].chunks(segment).map(bytes));
            }
            offset = end;
        }
        let sent: Vec<Seen> = expected(&frames).into_iter().map(|(seen, _)| seen).collect();
        for seen in read(side, &parts) {
            prop_assert!(!matches!(seen, Seen::Violation(..)), "{:?} is none", seen);
            if let Seen::Close(body, start, end) = &seen {
                let known = sent.iter().any(|sent| matches!(
                    sent, Seen::Close(_, from, to) if (from, to) == (start, end)));
                prop_assert!(known, "{:?} was not sent", seen);
                prop_assert!(*body == Body::Lost || matches!(body, Body::Code(..)) || sent.contains(&seen));
            }
        }
    }

    #[test]
    fn any_bytes_and_holes_are_read_without_a_panic(
        client in any::<bool>(),
        parts in proptest::collection::vec(
            prop_oneof![
                4 => proptest::collection::vec(any::<u8>(), 1..200).prop_map(Part::Bytes),
                1 => prop_oneof![1u64..300, Just(1 << 30)].prop_map(Part::Hole),
            ], 0..20),
    ) {
        let side = if client { Side::Client } else { Side::Server };
        let (seen, _) = read_parts(side, Compression::Unknown, &parts);
        let end: u64 = parts.iter().map(|part| match part {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Hole(len) => *len,
        }).sum();
        for (seen, _) in seen {
            if let Seen::Close(_, start, stop) = seen {
                prop_assert!(start < stop && stop <= end);
            }
        }
    }
}

/// Behind a hole that swallowed a header frames are found where they begin, or not at all.
#[test]
fn frames_behind_a_lost_header_are_found_at_the_right_place() {
    for side in [Side::Client, Side::Server] {
        let frame = |opcode, payload: &[u8]| {
            let frame = Frame::whole(opcode, payload);
            match side {
                Side::Client => frame.masked(MASK),
                Side::Server => frame,
            }
        };
        let first = wire(&[frame(Opcode::BINARY, &[0xee; 50])]);
        let lost = wire(&[frame(Opcode::BINARY, &[0xdd; 60])]);
        let mut parts = vec![bytes(&first), Part::Hole(lost.len() as u64)];
        let mut rest = 0;
        for n in 0..6 {
            let next = wire(&[frame(
                Opcode::TEXT,
                format!("message number {n}").as_bytes(),
            )]);
            rest += next.len();
            parts.push(bytes(&next));
        }
        let close = wire(&[frame(Opcode::CLOSE, b"\x03\xe8")]);
        parts.push(bytes(&close));
        let at = (first.len() + lost.len()) as u64;
        let seen = read(side, &parts);
        assert!(
            seen.contains(&Seen::Lost(first.len() as u64, lost.len() as u64)),
            "{seen:?}"
        );
        assert!(seen.contains(&Seen::Found(at)), "{seen:?}");
        let start = at + rest as u64;
        let end = start + close.len() as u64;
        assert_eq!(
            seen.last(),
            Some(&Seen::Close(Body::Code(1000, vec![]), start, end))
        );
        let messages = seen.iter().filter(|seen| matches!(seen, Seen::Message(..)));
        assert_eq!(messages.count(), 7);
    }
}

#[test]
fn a_hole_over_a_masking_key_loses_only_the_payloads_meaning() {
    let ping = wire(&[Frame::whole(Opcode::PING, b"beat").masked(MASK)]);
    let text = wire(&[Frame::whole(Opcode::TEXT, b"hi").masked(MASK)]);
    let seen = read(
        Side::Client,
        &[
            bytes(&ping[..3]),
            Part::Hole(3),
            bytes(&ping[6..]),
            bytes(&text),
        ],
    );
    assert_eq!(
        seen,
        [
            Seen::Frame(Opcode::PING, 4),
            Seen::Control(Opcode::PING, vec![]),
            Seen::Frame(Opcode::TEXT, 2),
            Seen::Message(Some(Opcode::TEXT), 2),
        ]
    );
}

#[test]
fn a_close_of_which_bytes_are_missing_says_no_more_than_they_do() {
    let close = wire(&[Frame::whole(Opcode::CLOSE, b"\x03\xe9going away")]);
    let len = close.len() as u64;
    for (kept, body) in [
        (2, Body::Lost),
        (3, Body::Lost),
        (4, Body::Code(1001, vec![])),
        (6, Body::Code(1001, b"go".to_vec())),
    ] {
        let parts = [bytes(&close[..kept]), Part::Hole(len - kept as u64)];
        assert_eq!(
            read(Side::Server, &parts).last(),
            Some(&Seen::Close(body, 0, len)),
            "{kept}"
        );
    }
}

#[test]
fn each_rule_fires_on_its_smallest_example_and_not_on_its_neighbour() {
    use Rule::*;
    let long =
        |first: u8, len: u8| [vec![first, 126, 0, len], vec![b'a'; usize::from(len)]].concat();
    let server: [(Rule, Vec<u8>, Vec<u8>); 14] = [
        (
            MaskedServerFrame,
            b"\x81\x80\x01\x02\x03\x04".to_vec(),
            b"\x81\x00".to_vec(),
        ),
        (ReservedBit, b"\xa1\x00".to_vec(), b"\x81\x00".to_vec()),
        (ReservedBit, b"\x91\x00".to_vec(), b"\x81\x00".to_vec()),
        (ReservedBit, b"\xc9\x00".to_vec(), b"\x89\x00".to_vec()),
        (
            CompressionNotNegotiated,
            b"\xc1\x00".to_vec(),
            b"\x81\x00".to_vec(),
        ),
        (ReservedOpcode, b"\x83\x00".to_vec(), b"\x82\x00".to_vec()),
        (ReservedOpcode, b"\x8b\x00".to_vec(), b"\x8a\x00".to_vec()),
        (
            ControlTooLong,
            long(0x89, 126),
            [&b"\x89\x7d"[..], &[b'a'; 125]].concat(),
        ),
        (
            ControlFragmented,
            b"\x09\x00".to_vec(),
            b"\x89\x00".to_vec(),
        ),
        (
            UnexpectedContinuation,
            b"\x80\x00".to_vec(),
            b"\x01\x00\x80\x00".to_vec(),
        ),
        (
            InterleavedMessage,
            b"\x01\x00\x81\x00".to_vec(),
            b"\x01\x00\x89\x00\x80\x00".to_vec(),
        ),
        (NonMinimalLength, long(0x82, 125), long(0x82, 126)),
        (
            LengthMsb,
            b"\x82\x7f\x80\0\0\0\0\0\0\0".to_vec(),
            b"\x82\x7f\x7f\0\0\0\0\0\0\0".to_vec(),
        ),
        (
            TextNotUtf8,
            b"\x81\x01\xff".to_vec(),
            b"\x82\x01\xff".to_vec(),
        ),
    ];
    for (rule, wrong, right) in server {
        assert_eq!(
            faults(Side::Server, Compression::None, &wrong),
            [rule],
            "{wrong:x?}"
        );
        assert_eq!(
            faults(Side::Server, Compression::None, &right),
            [],
            "{rule:?}: {right:x?}"
        );
    }
    assert_eq!(
        faults(Side::Client, Compression::None, b"\x81\x00"),
        [UnmaskedClientFrame]
    );
    assert_eq!(
        faults(Side::Client, Compression::None, b"\x81\x80\x01\x02\x03\x04"),
        []
    );
    // Negotiated compression: RSV1 on the first frame of a message, and nowhere else.
    assert_eq!(faults(Side::Server, Compression::Unknown, b"\xc1\x00"), []);
    assert_eq!(
        faults(Side::Server, Compression::Unknown, b"\x41\x00\x80\x00"),
        []
    );
    assert_eq!(
        faults(Side::Server, Compression::Unknown, b"\x41\x00\xc0\x00"),
        [ReservedBit]
    );
    assert_eq!(
        faults(Side::Server, Compression::Unknown, b"\xe1\x00"),
        [ReservedBit]
    );
    assert_eq!(
        faults(Side::Server, Compression::Unknown, b"\xc1\x01\xff"),
        [],
        "compressed text is no UTF-8"
    );
}

#[test]
fn each_rule_of_a_close_fires_on_its_smallest_example() {
    for (body, rule) in [
        (&b""[..], None),
        (b"\x03", Some(Rule::CloseLength1)),
        (b"\x03\xe8", None),
        (b"\x03\xec", Some(Rule::BadCloseCode)),
        (b"\x03\xe8\xe2\x82\xac", None),
        (b"\x03\xe8\xe2\x82", Some(Rule::CloseReasonNotUtf8)),
    ] {
        let stream = wire(&[Frame::whole(Opcode::CLOSE, body)]);
        assert_eq!(
            faults(Side::Server, Compression::None, &stream),
            Vec::from_iter(rule),
            "{body:?}"
        );
    }
}

#[test]
fn text_is_judged_over_the_whole_message() {
    let euro = "€".as_bytes();
    let half = |tail: &[u8]| {
        wire(&[
            Frame::begun(Opcode::TEXT, &euro[..2]),
            Frame::whole(Opcode::PING, b"\xff"),
            Frame::whole(Opcode::CONTINUATION, tail),
        ])
    };
    assert_eq!(
        faults(Side::Server, Compression::None, &half(&euro[2..])),
        []
    );
    assert_eq!(
        faults(Side::Server, Compression::None, &half(b"")),
        [Rule::TextNotUtf8]
    );
    assert_eq!(
        faults(Side::Server, Compression::None, &half(b"a")),
        [Rule::TextNotUtf8]
    );
}

#[test]
fn what_follows_ones_own_close_is_told_once_and_read_while_it_is_frames() {
    let close = wire(&[Frame::whole(Opcode::CLOSE, b"\x03\xe8")]);
    let more = wire(&[
        Frame::whole(Opcode::TEXT, b"late"),
        Frame::whole(Opcode::CLOSE, b"\x03\xe9"),
        Frame::whole(Opcode::TEXT, b"later"),
    ]);
    assert_eq!(faults(Side::Server, Compression::None, &close), []);
    let both = [close.clone(), more].concat();
    let seen = read(Side::Server, &[bytes(&both)]);
    let closes = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Close(..)))
        .count();
    assert_eq!(closes, 2);
    let rules = faults(Side::Server, Compression::None, &both);
    assert_eq!(rules.first(), Some(&Rule::DataAfterClose));
    assert!(rules.iter().all(|&rule| rule == Rule::DataAfterClose));
    // What is no frame at all ends the reading.
    let noise = [&close[..], b"\xb3\x00", &close].concat();
    let seen = read(Side::Server, &[bytes(&noise)]);
    let closes = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Close(..)))
        .count();
    assert_eq!(closes, 1);
}

#[test]
fn one_slip_leaves_the_framing_whole_and_a_second_breaks_it() {
    let slip = b"\x83\x01x";
    let close = wire(&[Frame::whole(Opcode::CLOSE, b"\x03\xe8")]);
    let has_close = |parts: &[&[u8]]| {
        read(Side::Server, &[bytes(&parts.concat())])
            .iter()
            .any(|seen| matches!(seen, Seen::Close(..)))
    };
    assert!(has_close(&[slip, &close]));
    assert!(!has_close(&[slip, slip, &close]));
    // A length that cannot be: nothing is inside of that frame.
    let impossible = bytes(b"\x82\x7f\x80\0\0\0\0\0\0\0");
    let (_, tail) = read_parts(
        Side::Server,
        Compression::None,
        &[impossible, bytes(&close)],
    );
    assert_eq!(tail, Tail::Boundary);
}

#[test]
fn an_end_that_never_masks_breaks_one_rule_and_no_framing() {
    let stream = wire(&[
        Frame::whole(Opcode::TEXT, b"one"),
        Frame::whole(Opcode::TEXT, b"two"),
        Frame::whole(Opcode::CLOSE, b"\x03\xe8"),
    ]);
    let seen = read(Side::Client, &[bytes(&stream)]);
    assert!(matches!(seen.last(), Some(Seen::Close(..))), "{seen:?}");
}

#[test]
fn huge_lengths_cost_nothing_and_are_told_as_they_stand() {
    let head = b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff";
    let (seen, tail) = read_parts(
        Side::Server,
        Compression::None,
        &[bytes(head), bytes(b"abc")],
    );
    let len = u64::MAX >> 1;
    assert_eq!(seen[0].0, Seen::Frame(Opcode::BINARY, len));
    assert_eq!(tail, Tail::InFrame(Opcode::BINARY, 3, len));
    let huge_close = b"\x88\x7f\x7f\xff\xff\xff\xff\xff\xff\xff";
    let parts = [bytes(huge_close), bytes(&[b'a'; 100_000])];
    let (seen, _) = read_parts(Side::Server, Compression::None, &parts);
    assert_eq!(seen[0].0, Seen::Violation(Rule::ControlTooLong, 0));
}

#[test]
fn payload_of_long_control_frames_is_kept_in_part() {
    let ping = wire(&[Frame::whole(Opcode::PING, &[b'a'; 100_000])]);
    let seen = read(Side::Server, &[bytes(&ping)]);
    assert_eq!(
        seen.last(),
        Some(&Seen::Control(
            Opcode::PING,
            vec![b'a'; limits::MAX_CONTROL_PAYLOAD]
        ))
    );
}

#[test]
fn the_tail_says_where_a_stream_stopped() {
    let begun = wire(&[Frame::begun(Opcode::TEXT, b"abc")]);
    for (stream, tail) in [
        (&b""[..], Tail::Boundary),
        (b"\x81", Tail::InHeader),
        (b"\x81\x05he", Tail::InFrame(Opcode::TEXT, 2, 5)),
        (b"\x81\x00", Tail::Boundary),
        (&begun, Tail::InMessage),
    ] {
        let (_, found) = read_parts(Side::Server, Compression::None, &[bytes(stream)]);
        assert_eq!(found, tail, "{stream:x?}");
    }
    let (_, found) = read_parts(Side::Server, Compression::None, &[Part::Hole(5)]);
    assert_eq!(found, Tail::Unknown);
}
