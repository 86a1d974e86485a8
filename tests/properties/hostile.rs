//! Whatever the bytes: an answer in time, no panic, and nothing on the terminal but text.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;

use crate::capture;
use crate::run::hangup;
use crate::{config, fixture, format};

/// What to show; CSV in a pipe holds texts as they are.
const WAYS: [&[&str]; 4] = [
    &["--verbose"],
    &["--session", "1"],
    &["--view", "events"],
    &["--view", "closes", "--format", "jsonl"],
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn flipped_bytes(
        known in fixture(|_| true),
        format in format(),
        flips in vec((any::<Index>(), 1..=255_u8), 1..30),
        way in 0..WAYS.len(),
    ) {
        let mut file = capture::write(&known.packets, &format);
        for (place, flip) in flips {
            let place = place.index(file.len());
            file[place] ^= flip;
        }
        harmless(&file, WAYS[way])?;
    }

    #[test]
    fn flipped_bytes_of_a_compressed_file(
        known in fixture(|_| true),
        flips in vec((any::<Index>(), 1..=255_u8), 1..4),
        way in 0..WAYS.len(),
    ) {
        let mut file = capture::gzip(&capture::pcap(&known.packets));
        for (place, flip) in flips {
            let place = place.index(file.len());
            file[place] ^= flip;
        }
        harmless(&file, WAYS[way])?;
    }

    #[test]
    fn files_cut_short(
        known in fixture(|_| true),
        format in format(),
        gzip in any::<bool>(),
        end in any::<Index>(),
        way in 0..WAYS.len(),
    ) {
        let file = capture::write(&known.packets, &format);
        let mut file = if gzip { capture::gzip(&file) } else { file };
        file.truncate(end.index(file.len()));
        harmless(&file, WAYS[way])?;
    }
}

fn harmless(file: &[u8], way: &[&str]) -> TestCaseResult {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.pcap"), file).unwrap();
    let run = hangup(folder.path(), ["read", "bad.pcap"].iter().chain(way));
    // 2: it was no capture any more, or has no session 1.
    prop_assert!(matches!(run.status, Some(0 | 2 | 3)), "{run:?}");
    prop_assert!(run.status != Some(2) || run.stdout.is_empty(), "{run:?}");
    for text in [&run.stdout, &run.stderr] {
        let raw = text.chars().find(|char| is_raw(*char));
        prop_assert!(raw.is_none(), "{raw:?} in {text}");
    }
    Ok(())
}

/// Acts on a terminal instead of being shown: C0, C1, and what turns the direction of text.
fn is_raw(char: char) -> bool {
    (char.is_control() && char != '\n')
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
