//! Tests of the assembler.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::super::testing::{Got, at, origin, origin_at};
use super::*;

/// A stream with everything it handed on.
#[derive(Default)]
struct Rig {
    /// How far the end says that its stream reaches.
    declared: Option<u64>,
    stream: Stream,
    got: Got,
    packets: u64,
}

impl Rig {
    /// Whose byte 0 has this sequence number.
    fn from_syn(base: u32) -> Self {
        let mut rig = Self::default();
        assert!(rig.stream.handle_syn(base.wrapping_sub(1)));
        rig
    }

    fn data(&mut self, seq: u32, bytes: &[u8]) -> bool {
        self.snapped(seq, bytes, u32::try_from(bytes.len()).unwrap_or(u32::MAX))
    }

    fn snapped(&mut self, seq: u32, bytes: &[u8], wire_len: u32) -> bool {
        self.packets += 1;
        let got = &mut self.got;
        self.stream
            .handle_data(seq, bytes, wire_len, origin(self.packets), &mut |chunk| {
                got.take(chunk);
            })
    }

    fn give_up(&mut self, millis: i64) {
        let got = &mut self.got;
        self.stream
            .give_up_holes(at(millis), &mut |chunk| got.take(chunk));
    }

    fn finish(self) -> Got {
        self.finish_hearing(None)
    }

    /// With what the peer's RST acknowledges.
    fn finish_hearing(mut self, heard: Option<u32>) -> Got {
        let got = &mut self.got;
        self.stream.finish(
            origin_at(u64::MAX >> 16, 0),
            self.declared,
            heard,
            &mut |chunk| got.take(chunk),
        );
        self.got
    }
}

const PATIENCE_MILLIS: i64 = limits::ACKED_HOLE_PATIENCE_NANOS / 1_000_000;

/// A sender's bytes, the segments that carry them, and how they are mixed up.
#[derive(Clone, Debug)]
struct Traffic {
    base: u32,
    bytes: Vec<u8>,
    /// Offset and length of each segment, in the order of the capture.
    segments: Vec<(usize, usize)>,
}

/// Every byte at least once, in segments of any size, some of them twice, some retransmitted
/// with other borders; each up to 12 places away from where it was sent.
fn traffic() -> impl Strategy<Value = Traffic> {
    let near_wrap = (-3000i32..3000).prop_map(i32::cast_unsigned);
    (
        prop_oneof![any::<u32>(), near_wrap],
        proptest::collection::vec(any::<u8>(), 1..2000),
    )
        .prop_flat_map(|(base, bytes)| {
            let len = bytes.len();
            (
                Just(base),
                Just(bytes),
                proptest::collection::vec(0..len, 0..40),
                proptest::collection::vec((0..len, 1usize..400, 0usize..60), 0..20),
                proptest::collection::vec(0usize..12, 128),
            )
        })
        .prop_map(|(base, bytes, mut cuts, again, shifts)| {
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            cuts.dedup();
            let mut segments: Vec<_> = cuts.windows(2).map(|w| (w[0], w[1] - w[0])).collect();
            for (from, len, place) in again {
                let len = len.min(bytes.len() - from);
                segments.insert(place.min(segments.len()), (from, len));
            }
            let mut mixed: Vec<_> = (0..).zip(segments).collect();
            mixed.sort_by_key(|&(index, _): &(usize, _)| index + shifts[index % shifts.len()]);
            let segments = mixed.into_iter().map(|(_, segment)| segment).collect();
            Traffic {
                base,
                bytes,
                segments,
            }
        })
}

fn seq(base: u32, offset: usize) -> u32 {
    base.wrapping_add(low_bits(offset as u64))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_come_out_in_order_whatever_way_they_came(
        traffic in traffic(),
        acks in proptest::collection::vec(0usize..2000, 1..20),
    ) {
        let Traffic { base, bytes, segments } = traffic;
        let mut rig = Rig::from_syn(base);
        for (&(from, len), &ack) in segments.iter().zip(acks.iter().cycle()) {
            // Acknowledgements of any part, ahead of their data: patience lasts for all of it.
            rig.stream.handle_ack(seq(base, ack.min(bytes.len())));
            rig.data(seq(base, from), &bytes[from..from + len]);
            rig.give_up(0);
        }
        prop_assert!(!rig.stream.has_hole());
        prop_assert_eq!(rig.stream.conflicts(), 0);
        prop_assert_eq!(rig.stream.next(), bytes.len() as u64);
        let got = rig.finish();
        prop_assert_eq!(got.gaps, vec![]);
        prop_assert_eq!(got.bytes, bytes);
    }

    #[test]
    fn what_is_missing_is_a_gap_and_the_rest_is_there(
        traffic in traffic(),
        dropped in proptest::collection::vec(any::<bool>(), 64),
        fin in any::<bool>(),
    ) {
        let Traffic { base, bytes, segments } = traffic;
        let mut rig = Rig::from_syn(base);
        let mut held = vec![false; bytes.len()];
        for (&(from, len), drop) in segments.iter().zip(dropped.iter().cycle()) {
            if !drop {
                rig.data(seq(base, from), &bytes[from..from + len]);
                held[from..from + len].fill(true);
            }
        }
        let last = held.iter().rposition(|&held| held).map_or(0, |at| at + 1);
        let end = if fin { bytes.len() } else { last };
        if fin {
            rig.declared = Some(end as u64);
        }
        let got = rig.finish();
        let mut gaps = Vec::new();
        let mut at = 0;
        for run in held[..end].chunk_by(|a, b| a == b) {
            if !run[0] {
                gaps.push((at as u64, run.len() as u64));
            }
            at += run.len();
        }
        let rest: Vec<u8> = (0..end).filter(|&at| held[at]).map(|at| bytes[at]).collect();
        prop_assert_eq!(got.gaps, gaps);
        prop_assert_eq!(got.bytes, rest);
        prop_assert_eq!(got.end, end as u64);
    }

    #[test]
    fn hostile_segments_neither_panic_nor_break_the_order(
        base in any::<u32>(),
        segments in proptest::collection::vec(
            (any::<u32>(), 0usize..64, any::<u32>(), any::<u32>(), 0i64..100_000), 0..60),
    ) {
        let mut rig = Rig::from_syn(base);
        let bytes = [7; 64];
        for (seq, len, wire, ack, millis) in segments {
            let wire_len = wire.max(u32::try_from(len).unwrap_or(0));
            rig.stream.handle_ack(ack);
            rig.snapped(seq, &bytes[..len], wire_len);
            rig.give_up(millis);
        }
        let lost = rig.stream.lost();
        let got = rig.finish();
        prop_assert!(got.gaps.len() as u64 >= lost.1);
        prop_assert_eq!(got.end, got.bytes.len() as u64 + got.gaps.iter().map(|gap| gap.1).sum::<u64>());
    }
}

#[test]
fn the_sequence_wraps_at_every_position() {
    let bytes: Vec<u8> = (0..40).collect();
    for before in 0u32..=41 {
        let base = before.wrapping_neg();
        let mut rig = Rig::from_syn(base);
        for from in [20, 10, 30, 0] {
            rig.data(seq(base, from), &bytes[from..from + 10]);
        }
        rig.stream.handle_ack(seq(base, 40));
        assert_eq!(rig.stream.acked(), 40, "{before}");
        assert_eq!(rig.finish().bytes, bytes, "{before}");
    }
}

#[test]
fn offsets_go_on_past_the_first_wrap() {
    let mut rig = Rig::from_syn(5);
    let mut base = 5u32;
    // Five segments of 1 GiB that a snap length cut to nothing.
    for _ in 0..5 {
        rig.snapped(base, b"", 1 << 30);
        base = base.wrapping_add(1 << 30);
    }
    assert!(rig.data(base, b"on"));
    assert_eq!(rig.stream.next(), (5 << 30) + 2);
    assert_eq!(rig.stream.lost(), (5 << 30, 5));
    assert_eq!(rig.got.bytes, b"on");
}

#[test]
fn the_first_of_differing_bytes_win_and_the_conflict_is_counted() {
    let mut rig = Rig::from_syn(0);
    rig.data(4, b"efgh");
    rig.data(2, b"CDEFGHIJ");
    assert_eq!(rig.stream.conflicts(), 1);
    rig.data(2, b"CDef");
    assert_eq!(rig.stream.conflicts(), 1, "the same bytes are no conflict");
    rig.data(0, b"abXX");
    assert_eq!(rig.stream.conflicts(), 2, "also where it fills the hole");
    assert_eq!(rig.finish().bytes, b"abCDefghIJ");
}

#[test]
fn what_was_handed_on_stays_and_only_the_new_part_counts() {
    let mut rig = Rig::from_syn(0);
    assert!(rig.data(0, b"abc"));
    assert!(!rig.data(0, b"abc"), "a retransmission is nothing new");
    assert!(!rig.data(1, b"X"));
    assert!(
        !rig.data(u32::MAX, b"\0"),
        "a keep-alive probe is nothing new"
    );
    assert!(rig.data(1, b"XXd"), "its last byte is");
    assert_eq!(rig.finish().bytes, b"abcd");
}

#[test]
fn a_segment_held_already_is_nothing_new() {
    let mut rig = Rig::from_syn(0);
    assert!(rig.data(10, b"klmn"));
    assert!(!rig.data(10, b"klmn"));
    assert!(!rig.data(11, b"lm"));
    assert!(rig.data(8, b"ijklmno"), "both ends of it are");
    assert!(!rig.data(8, b"ijklmno"));
}

#[test]
fn an_acknowledged_hole_is_given_up_after_the_patience_and_never_before() {
    let mut rig = Rig::from_syn(0);
    rig.data(3, b"def");
    rig.give_up(0);
    rig.give_up(100 * PATIENCE_MILLIS);
    assert_eq!(rig.got.gaps, [], "not acknowledged: it may still come");
    rig.stream.handle_ack(2);
    rig.give_up(100 * PATIENCE_MILLIS);
    rig.give_up(102 * PATIENCE_MILLIS);
    assert_eq!(rig.got.gaps, [], "acknowledged in part");
    rig.stream.handle_ack(6);
    rig.give_up(102 * PATIENCE_MILLIS);
    rig.give_up(103 * PATIENCE_MILLIS);
    assert_eq!(rig.got.gaps, [], "patience is not over");
    rig.give_up(103 * PATIENCE_MILLIS + 1);
    assert_eq!(rig.got.gaps, [(0, 3)]);
    assert_eq!(rig.got.bytes, b"def");
    assert!(!rig.stream.has_hole());
}

#[test]
fn each_hole_has_a_patience_of_its_own() {
    let mut rig = Rig::from_syn(0);
    rig.data(3, b"d");
    rig.stream.handle_ack(4);
    rig.give_up(0);
    rig.data(0, b"abc");
    // Acknowledged ahead of its data as well, but long after the first.
    rig.data(6, b"g");
    rig.stream.handle_ack(7);
    rig.give_up(50 * PATIENCE_MILLIS);
    rig.give_up(50 * PATIENCE_MILLIS + 1);
    assert_eq!(rig.got.gaps, []);
    rig.data(4, b"ef");
    assert_eq!(rig.finish().bytes, b"abcdefg");
}

#[test]
fn the_patience_with_one_hole_does_not_count_for_the_one_behind_it() {
    let mut rig = Rig::from_syn(0);
    rig.data(1, b"b");
    rig.data(3, b"d");
    rig.stream.handle_ack(2);
    rig.give_up(0);
    rig.data(0, b"a");
    rig.give_up(PATIENCE_MILLIS / 2);
    rig.stream.handle_ack(4);
    rig.give_up(2 * PATIENCE_MILLIS);
    assert_eq!(rig.got.gaps, []);
    rig.data(2, b"c");
    assert_eq!(rig.finish().bytes, b"abcd");
}

#[test]
fn an_acknowledged_hole_is_given_up_at_its_byte_limit() {
    let mut rig = Rig::from_syn(0);
    let block = vec![1; 64 << 10];
    let mut seq = 10;
    rig.stream.handle_ack(10 + (2 << 20));
    while rig.got.gaps.is_empty() {
        rig.data(seq, &block);
        seq += 64 << 10;
        rig.give_up(0);
    }
    let held = rig.got.bytes.len();
    assert!(held + (64 << 10) > limits::MAX_HELD_BYTES_ACKED, "{held}");
    assert!(held <= limits::MAX_HELD_BYTES_ACKED + (64 << 10), "{held}");
    assert_eq!(rig.got.gaps, [(0, 10)]);
}

#[test]
fn a_hole_never_acknowledged_waits_up_to_its_byte_limit() {
    for (step, len) in [(64 << 10, 64 << 10), (1460, 1460), (3, 1)] {
        let mut rig = Rig::from_syn(0);
        let block = vec![1; len];
        let mut seq = 10;
        let mut segments = 0;
        while rig.got.gaps.is_empty() {
            rig.data(seq, &block);
            rig.give_up(i64::from(seq) * PATIENCE_MILLIS);
            seq += step;
            segments += 1;
            assert!(segments * len <= limits::MAX_HELD_BYTES + len);
        }
        // What the bookkeeping costs is counted: small segments hit the limit sooner.
        assert!(
            segments * (len + 128) >= limits::MAX_HELD_BYTES,
            "{segments} of {len}"
        );
    }
}

#[test]
fn finish_tells_the_holes_at_the_end_and_exactly_those() {
    let end = |acked: Option<u32>, declared: Option<u64>| {
        let mut rig = Rig::from_syn(0);
        rig.data(0, b"abc");
        if let Some(acked) = acked {
            rig.stream.handle_ack(acked);
        }
        rig.declared = declared;
        rig.finish().gaps
    };
    assert_eq!(end(None, None), []);
    assert_eq!(end(Some(3), None), []);
    assert_eq!(
        end(Some(4), None),
        [],
        "the one byte beyond is the lost FIN"
    );
    assert_eq!(end(Some(5), None), [(3, 2)]);
    assert_eq!(end(Some(4), Some(3)), [], "the FIN is acknowledged");
    assert_eq!(end(Some(8), Some(7)), [(3, 4)]);
    assert_eq!(end(None, Some(7)), [(3, 4)], "FIN or RST further on");
    assert_eq!(end(Some(3), Some(7)), [(3, 4)]);
    assert_eq!(end(None, Some(2)), [], "an end before what was seen");
    assert_eq!(
        end(None, Some(u64::MAX)),
        [],
        "an end that nobody can have sent"
    );
}

#[test]
fn finish_tells_holes_between_held_bytes_and_behind_them() {
    let mut rig = Rig::from_syn(0);
    rig.data(2, b"c");
    rig.data(5, b"f");
    rig.stream.handle_ack(9);
    let got = rig.finish();
    assert_eq!(got.gaps, [(0, 2), (3, 2), (6, 3)]);
    assert_eq!(got.bytes, b"cf");
}

#[test]
fn a_snapped_tail_is_a_gap_of_known_length() {
    let mut rig = Rig::from_syn(0);
    rig.snapped(0, b"abc", 10);
    assert_eq!(
        (rig.got.gaps.clone(), rig.stream.next()),
        (vec![(3, 7)], 10)
    );
    rig.data(10, b"k");
    // Held first, then handed on: the same.
    rig.snapped(13, b"n", 4);
    rig.data(11, b"lm");
    assert_eq!(rig.got.gaps, [(3, 7), (14, 3)]);
    assert_eq!(rig.got.bytes, b"abcklmn");
    assert_eq!(rig.stream.lost(), (10, 2));
}

#[test]
fn acknowledgements_absurdly_ahead_are_ignored() {
    let mut rig = Rig::from_syn(0);
    rig.data(0, b"abc");
    rig.stream.handle_ack(3 + (1 << 30) + 1);
    rig.stream.handle_ack(u32::MAX);
    assert_eq!(rig.stream.acked(), 0);
    rig.stream.handle_ack(3);
    rig.stream.handle_ack(1);
    assert_eq!(rig.stream.acked(), 3, "none is taken back");
    assert_eq!(rig.finish().gaps, []);
}

#[test]
fn segments_absurdly_ahead_are_dropped() {
    let mut rig = Rig::from_syn(0);
    assert!(!rig.data((1 << 30) + 1, b"x"));
    assert!(rig.data(1 << 30, b"x"));
    assert!(!rig.data(1 << 31, b"x"));
    assert_eq!(rig.finish().gaps, [(0, 1 << 30)]);
}

#[test]
fn a_stream_without_its_syn_begins_with_its_first_bytes() {
    let mut rig = Rig::default();
    rig.stream.handle_ack(77);
    assert_eq!((rig.stream.acked(), rig.stream.is_started()), (0, false));
    rig.data(1000, b"abc");
    assert!(!rig.data(990, b"0123456789"), "before its beginning");
    assert!(rig.data(998, b"01abcd"));
    assert!(!rig.stream.is_from_syn());
    assert!(!rig.stream.handle_syn(5), "the SYN of another connection");
    assert!(rig.stream.handle_syn(999), "its own, late in the capture");
    assert!(rig.stream.is_from_syn());
    assert_eq!(rig.finish().bytes, b"abcd");
}

#[test]
fn a_stream_of_which_nothing_was_seen_has_no_end() {
    let rig = Rig {
        declared: Some(50),
        ..Rig::default()
    };
    assert_eq!(rig.finish(), Got::default());
}

#[test]
fn a_reset_tells_of_bytes_that_were_sent_but_nothing_absurd() {
    for (heard, gaps) in [
        (3, &[][..]),
        (4, &[]),
        (9, &[(3, 6)]),
        (2, &[]),
        (1 << 31, &[]),
        (3 + (1 << 30) + 1, &[]),
    ] {
        let mut rig = Rig::from_syn(0);
        rig.data(0, b"abc");
        assert_eq!(rig.finish_hearing(Some(heard)).gaps, gaps, "{heard}");
    }
}
