//! Tests of what is put by.

use proptest::prelude::*;

use super::super::testing::{Got, origin};
use super::*;

fn data(offset: u64, bytes: &[u8]) -> Chunk<'_> {
    Chunk::Data {
        offset,
        bytes,
        origin: origin(1),
    }
}

fn gap(offset: u64, len: u64) -> Chunk<'static> {
    Chunk::Gap {
        offset,
        len,
        origin: origin(1),
    }
}

/// Bytes with gaps: what was pushed, as chunks that follow each other.
fn fill(parts: &[(Vec<u8>, u64)]) -> (Waiting, Got) {
    let mut waiting = Waiting::default();
    let mut pushed = Got::default();
    for (bytes, missing) in parts {
        if !bytes.is_empty() {
            waiting.push(data(pushed.end, bytes));
            pushed.take(data(pushed.end, bytes));
        }
        if *missing > 0 {
            waiting.push(gap(pushed.end, *missing));
            match pushed.gaps.last_mut() {
                Some(last) if last.0 + last.1 == pushed.end => {
                    last.1 += missing;
                    pushed.end += missing;
                }
                _ => pushed.take(gap(pushed.end, *missing)),
            }
        }
    }
    (waiting, pushed)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_comes_back_from_any_place(
        parts in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..20), 0u64..5), 0..12),
        from in 0u64..200,
    ) {
        let (mut waiting, pushed) = fill(&parts);
        let from = from.min(pushed.end);
        let mut later = Got { end: from, ..Got::default() };
        waiting.replay(from, |chunk| later.take(chunk));
        prop_assert_eq!(later.end, pushed.end);
        prop_assert!(pushed.bytes.ends_with(&later.bytes));
        let missing: u64 = pushed.gaps.iter()
            .map(|&(offset, len)| (offset + len).saturating_sub(from.max(offset)))
            .sum();
        prop_assert_eq!(later.bytes.len() as u64 + missing, pushed.end - from);
        let mut all = Got::default();
        waiting.drain(|chunk| all.take(chunk));
        prop_assert_eq!(all, pushed);
        prop_assert!(waiting.is_empty());
    }
}

#[test]
fn past_the_limit_bytes_become_one_gap() {
    let mut waiting = Waiting::default();
    let block = vec![1; 64 << 10];
    let mut offset = 0;
    for _ in 0..10 {
        waiting.push(data(offset, &block));
        offset += block.len() as u64;
    }
    assert_eq!(waiting.len(), limits::MAX_WAITING_BYTES);
    let mut all = Got::default();
    waiting.drain(|chunk| all.take(chunk));
    let kept = limits::MAX_WAITING_BYTES as u64;
    assert_eq!(all.gaps, [(kept, offset - kept)]);
    assert_eq!(waiting.len(), 0);
}

#[test]
fn the_beginning_is_read_across_pieces_and_up_to_a_gap() {
    let (waiting, _) = fill(&[
        (b"ab".to_vec(), 0),
        (b"cdef".to_vec(), 3),
        (b"g".to_vec(), 0),
    ]);
    let mut first = [0; 4];
    assert_eq!((waiting.begin(&mut first), first), ((4, true), *b"abcd"));
    let mut first = [0; 8];
    assert_eq!(
        (waiting.begin(&mut first), &first),
        ((6, true), b"abcdef\0\0")
    );
    let (waiting, _) = fill(&[(b"abc".to_vec(), 0)]);
    assert_eq!(waiting.begin(&mut first), (3, false));
}

#[test]
fn what_is_forgotten_is_a_gap_as_long_as_it_was() {
    let (mut waiting, _) = fill(&[(b"ab".to_vec(), 0), (b"cdef".to_vec(), 3)]);
    let before = waiting.len();
    let mut all = Got::default();
    waiting.replay(0, |chunk| all.take(chunk));
    let len = before as u64 + all.gaps.iter().map(|&(_, len)| len).sum::<u64>();
    waiting.forget();
    let mut left = Got::default();
    waiting.replay(0, |chunk| left.take(chunk));
    assert_eq!((waiting.len(), left.gaps), (0, vec![(0, len)]));
    let mut nothing = Waiting::default();
    nothing.forget();
    assert!(nothing.is_empty());
}
