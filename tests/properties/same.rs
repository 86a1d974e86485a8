//! What a capture tells does not depend on how its bytes were cut into segments, in which order
//! and how often they were captured, nor in what kind of files they were stored.

use std::collections::HashMap;
use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;

use crate::answer::answer;
use crate::capture::{self, ETHERNET, Format, Packet};
use crate::invented::invented;
use crate::known::{Known, difference, verdicts};
use crate::segment::{cut, ends, is_syn, sequence, shift, strip_link, tag};
use crate::{config, exact_format, fixture, format};

/// These files, read as one capture, tell what the fixture tells, except for `ignored`.
fn unchanged(known: &Known, files: &[Vec<u8>], ignored: &[&str]) -> TestCaseResult {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..files.len())
        .map(|number| format!("{number}.pcap"))
        .collect();
    for (name, file) in names.iter().zip(files) {
        fs::write(folder.path().join(name), file).unwrap();
    }
    known.hand_on_keys(folder.path());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let told = verdicts(&answer(folder.path(), &names));
    match difference(&known.verdicts, &told, ignored) {
        None => Ok(()),
        Some(difference) => Err(TestCaseError::fail(difference)),
    }
}

/// The capture holds the streams from their beginning, without holes.
fn is_whole(known: &Known) -> bool {
    known.packets.first().is_some_and(is_syn)
        && known.verdicts.iter().all(|told| told["lost_bytes"] == 0)
}

/// Behind a hole a frame must prove itself, and how it lies in its packets is part of the proof:
/// with other packets less may be told there, but nothing else.
fn unchanged_where_whole(known: &Known, packets: &[Packet]) -> TestCaseResult {
    if is_whole(known) {
        return unchanged(known, &[capture::pcap(packets)], &[]);
    }
    let untruths = invented(known, packets);
    prop_assert!(untruths.is_empty(), "{}", untruths.join("\n"));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn segments_cut_anywhere(
        // How many segments came in a row before a RST is a mark of what else may have led to it.
        known in fixture(|known| known.case.name != "one-way-loss"),
        cuts in vec((any::<Index>(), any::<Index>()), 1..40),
    ) {
        let mut packets = known.packets.clone();
        for (packet, place) in cuts {
            let number = packet.index(packets.len());
            if let Some(pieces) = cut(&packets[number], place.index(1 << 16)) {
                packets.splice(number..=number, pieces);
            }
        }
        unchanged_where_whole(known, &packets)?;
    }

    #[test]
    fn packets_captured_twice(
        known in fixture(|_| true),
        copies in vec((any::<Index>(), 0..8_usize), 1..40),
    ) {
        let mut packets = known.packets.clone();
        for (packet, later) in copies {
            let number = packet.index(packets.len());
            let copy = packets[number].clone();
            let place = number + 1 + later.min(mixable(&packets, number));
            let nanos = packets[place - 1].nanos;
            packets.insert(place, Packet { nanos, ..copy });
        }
        unchanged(known, &[capture::pcap(&packets)], &[])?;
    }

    #[test]
    fn packets_out_of_order(
        // Of two RST, each forged in the name of the other end, the first is the signal; a request
        // that comes behind 64 KiB of its answer was taken for lost; and in TLS 1.0 each record is
        // deciphered with the one before: where a hello comes after its answer, the last alert
        // may stay unread. A CONNECT behind its answer is not seen to be one. An echo before the Close
        // that it answers ends the repeats by which a client is known to have slept. Of TLS that is not
        // read, order in the capture is all there is.
        known in fixture(|known| {
            ![
                "forged-reset-both",
                "proxy-connect-refused",
                "suspended-client",
                "tls-distrusted-late",
                "tls-endings",
                "tls-refused-keyless",
                "tls-wrong-port",
                "tls10-tls11",
            ]
            .contains(&known.case.name.as_str())
        }),
        delays in vec(0..=8_usize, 1..60),
    ) {
        let mut packets = known.packets.clone();
        for run in packets.chunk_by_mut(|a, b| !is_syn(a) && !is_syn(b) && b.nanos - a.nanos < SOON) {
            let times: Vec<u64> = run.iter().map(|packet| packet.nanos).collect();
            let mut order: Vec<(usize, usize)> = (0..run.len())
                .map(|number| (number + delays[number % delays.len()], number))
                .collect();
            order.sort_unstable();
            let moved: Vec<Packet> = order.iter().map(|(_, from)| run[*from].clone()).collect();
            for ((slot, packet), nanos) in run.iter_mut().zip(moved).zip(times) {
                *slot = Packet { nanos, ..packet };
            }
        }
        unchanged_where_whole(known, &packets)?;
    }

    #[test]
    fn every_kind_of_file(
        known in fixture(|_| true),
        format in format(),
        gzip in any::<bool>(),
    ) {
        let file = capture::write(&known.packets, &format);
        let file = if gzip { capture::gzip(&file) } else { file };
        unchanged(known, &[file], &[])?;
    }

    #[test]
    fn interfaces_of_different_link_types(
        known in fixture(|_| true),
        without_link in vec(any::<bool>(), 1..20),
        big in any::<bool>(),
    ) {
        let mut packets = known.packets.clone();
        for (packet, strip) in packets.iter_mut().zip(without_link.iter().cycle()) {
            if *strip {
                strip_link(packet);
            }
        }
        let format = Format::PcapNg { resolutions: vec![9], big };
        unchanged(known, &[capture::write(&packets, &format)], &["vlan"])?;
    }

    #[test]
    fn rotated_files_in_any_order(
        known in fixture(|_| true),
        cuts in vec(any::<Index>(), 1..=2),
        order in Just(vec![0, 1, 2]).prop_shuffle(),
        format in exact_format(),
    ) {
        let mut rest = &known.packets[..];
        let mut parts = Vec::new();
        for cut in cuts {
            let mut cut = cut.index(rest.len() + 1);
            // Which of two packets at the same time comes first, the files must not decide.
            while rest.get(cut.wrapping_sub(1)..=cut).is_some_and(|pair| pair[0].nanos == pair[1].nanos) {
                cut += 1;
            }
            let (part, others) = rest.split_at(cut);
            parts.push(part);
            rest = others;
        }
        parts.push(rest);
        let parts = order.iter().filter_map(|number| parts.get(*number));
        let files: Vec<Vec<u8>> = parts.map(|part| capture::write(part, &format)).collect();
        unchanged(known, &files, &[])?;
    }

    #[test]
    fn vlan_tags(
        known in fixture(|known| known.packets.iter().all(|packet| packet.link == ETHERNET)),
        tags in vec(0..4096_u16, 1..=3),
    ) {
        let mut packets = known.packets.clone();
        for packet in &mut packets {
            tags.iter().for_each(|vlan| tag(packet, *vlan));
        }
        unchanged(known, &[capture::pcap(&packets)], &["vlan"])?;
    }

    #[test]
    fn sequence_numbers_that_wrap(
        // What an ICMP error quotes would have to be shifted too.
        known in fixture(|known| !known.case.name.starts_with("icmp-")),
        before in (0..3000_u32, 0..3000_u32),
    ) {
        let mut packets = known.packets.clone();
        let mut shifts = HashMap::new();
        for packet in &packets {
            if let (Some((from, to)), Some(first)) = (ends(packet), sequence(packet)) {
                let before = if from < to { before.0 } else { before.1 };
                shifts
                    .entry((from, to))
                    .or_insert_with(|| before.wrapping_add(first).wrapping_neg());
            }
        }
        for packet in &mut packets {
            let Some((from, to)) = ends(packet) else { continue };
            let of = |from, to| shifts.get(&(from, to)).copied().unwrap_or_default();
            shift(packet, of(from, to), of(to, from));
        }
        unchanged(known, &[capture::pcap(&packets)], &[])?;
    }
}

/// Packets less than this apart may change places, or come twice: a capture of several queues
/// or interfaces mixes them.
const SOON: u64 = 10_000_000;

/// `b` may come before `a`, which it follows. Not around a SYN: what belongs to which connection
/// of the same ports would be another question.
fn may_mix(a: &Packet, b: &Packet) -> bool {
    !is_syn(a) && !is_syn(b) && b.nanos - a.nanos < SOON
}

/// Behind how many packets this one may come as well.
fn mixable(packets: &[Packet], number: usize) -> usize {
    let first = &packets[number];
    let later = packets[number + 1..].iter();
    later.take_while(|packet| may_mix(first, packet)).count()
}
