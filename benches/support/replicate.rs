//! Large captures out of a small one.

use std::fs;
use std::path::Path;

/// Octets of a pcap file header.
pub(crate) const FILE_HEADER_LEN: usize = 24;

/// Octets before the data of each packet.
pub(crate) const RECORD_HEADER_LEN: usize = 16;

/// File header and records of a fixture, a little-endian pcap with microseconds.
pub(crate) fn fixture(case: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("fixtures").join(case).join("capture.pcap");
    let bytes = fs::read(&path).expect("benchmarks run in the repository");
    assert_eq!(word(&bytes, 0), 0xa1b2_c3d4, "of the usual kind");
    let records = records(&bytes).map(<[u8]>::to_vec).collect();
    (bytes[..FILE_HEADER_LEN].to_vec(), records)
}

/// The records of a pcap, each with its header.
pub(crate) fn records(pcap: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = &pcap[FILE_HEADER_LEN..];
    std::iter::from_fn(move || {
        let len = usize::try_from(word(rest.get(..12)?, 8)).ok()?;
        let (record, behind) = rest.split_at_checked(RECORD_HEADER_LEN + len)?;
        rest = behind;
        Some(record)
    })
}

/// The little-endian 32-bit number at `at`.
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    let octets = bytes[at..at + 4].try_into().expect("four octets");
    u64::from(u32::from_le_bytes(octets))
}
