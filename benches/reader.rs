//! Packets and bytes per second of the readers, by the format of the file.

#![expect(
    clippy::indexing_slicing,
    reason = "the fixtures are ours: a benchmark fails by panicking"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use flate2::Compression;
use flate2::write::GzEncoder;
use hangup::capture::{PacketSource, Step, open};

#[path = "support/replicate.rs"]
mod replicate;

/// Bytes of a capture, as pcap. Its packets are small, so that what each costs is seen, and the
/// same again and again, so that unpacking is faster here than elsewhere.
const CAPTURE_LEN: usize = 16 << 20;

fn main() {
    divan::main();
}

/// The same packets in this format, in `folder`.
fn capture(folder: &Path, format: &str) -> PathBuf {
    let (header, records) = replicate::fixture("two-clients");
    let mut pcap = header;
    while pcap.len() < CAPTURE_LEN {
        pcap.extend(records.concat());
    }
    let (name, bytes) = match format {
        "pcap" => ("capture.pcap", pcap),
        "pcapng" => ("capture.pcapng", pcapng(&pcap)),
        _ => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(&pcap).expect("a Vec takes everything");
            let packed = packed.finish().expect("a Vec takes everything");
            ("capture.pcap.gz", packed)
        }
    };
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the temporary folder takes the capture");
    path
}

/// The records of `pcap` as enhanced packet blocks of one interface (pcapng draft §4.3).
fn pcapng(pcap: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pcap.len() * 2);
    let mut block = |kind: u32, body: &[u8]| {
        let padding = body.len().next_multiple_of(4) - body.len();
        let len = u32::try_from(body.len() + padding + 12).expect("blocks are small");
        out.extend([kind, len].map(u32::to_le_bytes).as_flattened());
        out.extend(body);
        out.extend(&[0; 3][..padding]);
        out.extend(len.to_le_bytes());
    };
    let section = [0x1a2b_3c4d_u32, 1, u32::MAX, u32::MAX].map(u32::to_le_bytes);
    block(0x0a0d_0d0a, section.as_flattened());
    let interface = [1_u32, 0].map(u32::to_le_bytes);
    block(1, interface.as_flattened());
    for record in replicate::records(pcap) {
        let (head, data) = record.split_at(replicate::RECORD_HEADER_LEN);
        let micros = replicate::word(head, 0) * 1_000_000 + replicate::word(head, 4);
        let high = u32::try_from(micros >> 32).expect("a time before the year 9999");
        let low = u32::try_from(micros & u64::from(u32::MAX)).expect("masked");
        let mut body = [0, high, low].map(u32::to_le_bytes).as_flattened().to_vec();
        body.extend(&head[8..]);
        body.extend(data);
        block(6, &body);
    }
    out
}

/// Reads all packets; how many, and their bytes.
fn read(path: &Path) -> (usize, usize) {
    let mut reader = open(path, 0).expect("the capture is one");
    let (mut packets, mut bytes) = (0, 0);
    loop {
        match reader.advance().expect("the file can be read") {
            Step::Packet => {
                packets += 1;
                bytes += reader.packet().data.len();
            }
            Step::Secrets(_) => {}
            Step::Note(note) => panic!("the capture is whole: {note:?}"),
            Step::End => return (packets, bytes),
        }
    }
}

#[divan::bench(args = ["pcap", "pcapng", "pcap.gz"])]
fn packets(bencher: Bencher<'_, '_>, format: &str) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let path = capture(folder.path(), format);
    let (packets, bytes) = read(&path);
    bencher
        .counter(ItemsCount::new(packets))
        .counter(BytesCount::new(bytes))
        .bench_local(|| read(&path));
}
