//! Whatever the bytes: an answer in time, no panic, and nothing on the terminal but text.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;

use crate::answer::KEYS;
use crate::capture;
use crate::run::hangup;
use crate::{config, fixture, format};

/// Ethernet, IPv4 and TCP with the options that Linux sends, in bytes.
const HEADERS: usize = 14 + 20 + 32;

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

proptest! {
    #![proptest_config(config())]

    /// Behind the headers of IP and TCP, so that the bytes come to be read as TLS.
    #[test]
    fn flipped_bytes_of_tls_that_is_read(
        known in fixture(|known| !known.keys.is_empty()),
        flips in vec((any::<Index>(), any::<Index>(), 1..=255_u8), 1..30),
        way in 0..WAYS.len(),
    ) {
        let mut packets = known.packets.clone();
        for (packet, place, flip) in flips {
            let count = packets.len();
            let bytes = &mut packets[packet.index(count)].bytes;
            if bytes.len() > HEADERS {
                let place = HEADERS + place.index(bytes.len() - HEADERS);
                bytes[place] ^= flip;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        known.hand_on_keys(folder.path());
        let way = [WAYS[way], &["--tls", "--keylog", KEYS]].concat();
        harmless_in(folder.path(), &capture::pcap(&packets), &way)?;
    }
}

fn harmless(file: &[u8], way: &[&str]) -> TestCaseResult {
    harmless_in(tempfile::tempdir().unwrap().path(), file, way)
}

fn harmless_in(folder: &Path, file: &[u8], way: &[&str]) -> TestCaseResult {
    fs::write(folder.join("bad.pcap"), file).unwrap();
    let run = hangup(folder, ["read", "bad.pcap"].iter().chain(way));
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
