//! What the tests of the readers share: tiny writers of captures, and a reader of all there is.

use std::io::Cursor;
use std::path::Path;

use super::open::recognise;
use super::reader::Progress;
use super::{CaptureError, Note, PacketSource, Reader, Step};

pub(super) const MICROS: u32 = 0xa1b2_c3d4;
pub(super) const NANOS: u32 = 0xa1b2_3c4d;
pub(super) const KUZNETZOV: u32 = 0xa1b2_cd34;

/// Writes integers in one byte order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) const BOTH: [Self; 2] = [Self::Little, Self::Big];

    fn bytes<const N: usize>(self, mut little: [u8; N]) -> [u8; N] {
        if self == Self::Big {
            little.reverse();
        }
        little
    }

    pub(super) fn u16(self, value: u16) -> [u8; 2] {
        self.bytes(value.to_le_bytes())
    }

    pub(super) fn u32(self, value: u32) -> [u8; 4] {
        self.bytes(value.to_le_bytes())
    }

    pub(super) fn u64(self, value: u64) -> [u8; 8] {
        self.bytes(value.to_le_bytes())
    }

    pub(super) fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|&value| self.u32(value)).collect()
    }

    /// A pcap file header.
    pub(super) fn pcap_header(self, magic: u32, link: u32) -> Vec<u8> {
        let version = [self.u16(2), self.u16(4)].concat();
        [
            self.words(&[magic]),
            version,
            self.words(&[0, 0, 65_535, link]),
        ]
        .concat()
    }

    /// A pcap packet, its length on the wire 10 more than captured.
    pub(super) fn pcap_record(self, seconds: u32, fraction: u32, data: &[u8]) -> Vec<u8> {
        let len = length(data);
        [&self.words(&[seconds, fraction, len, len + 10]), data].concat()
    }

    /// A pcapng block around `body`, padded.
    pub(super) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let body = padded(body);
        let len = length(&body) + 12;
        [self.words(&[kind, len]), body, self.words(&[len])].concat()
    }

    pub(super) fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        let body = [
            self.words(&[0x1a2b_3c4d]),
            version,
            self.words(&[u32::MAX; 2]),
        ]
        .concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub(super) fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len()).unwrap();
        [
            self.u16(code).to_vec(),
            self.u16(len).to_vec(),
            padded(value),
        ]
        .concat()
    }

    pub(super) fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        let body = [
            &self.u16(link)[..],
            &self.u16(0),
            &self.u32(snaplen),
            options,
        ]
        .concat();
        self.block(1, &body)
    }

    /// An enhanced packet, its length on the wire 10 more than captured.
    pub(super) fn enhanced(self, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
        let [high, low] = halves(ticks);
        let len = length(data);
        self.block(
            6,
            &[&self.words(&[interface, high, low, len, len + 10]), data].concat(),
        )
    }
}

pub(super) fn halves(ticks: u64) -> [u32; 2] {
    [
        u32::try_from(ticks >> 32).unwrap(),
        u32::try_from(ticks & 0xffff_ffff).unwrap(),
    ]
}

pub(super) fn length(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A packet, kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    pub(super) file: usize,
    pub(super) number: u64,
    pub(super) nanos: i64,
    pub(super) link: u16,
    pub(super) wire_len: u32,
    pub(super) data: Vec<u8>,
}

/// A reader of `bytes`; its buffer so small that it is refilled all the time.
pub(super) fn reader(bytes: Vec<u8>) -> Result<Reader, CaptureError> {
    let path = Path::new("test");
    let (buffer, format) = recognise(path, Box::new(Cursor::new(bytes)), 32)?;
    Ok(Reader::new(path, 0, Progress::default(), buffer, format))
}

/// All packets and notes.
pub(super) fn drain(source: &mut impl PacketSource) -> (Vec<Kept>, Vec<Note>) {
    let (mut packets, mut notes) = (Vec::new(), Vec::new());
    loop {
        match source.advance().unwrap() {
            Step::Packet => {
                let packet = source.packet();
                packets.push(Kept {
                    file: packet.id.file(),
                    number: packet.id.number(),
                    nanos: packet.time.as_nanos(),
                    link: packet.link.0,
                    wire_len: packet.wire_len,
                    data: packet.data.to_vec(),
                });
            }
            Step::Note(note) => notes.push(note),
            Step::Secrets(_) => {}
            Step::End => return (packets, notes),
        }
    }
}

pub(super) fn read(bytes: Vec<u8>) -> (Vec<Kept>, Vec<Note>) {
    drain(&mut reader(bytes).unwrap())
}

/// Reads `bytes` cut short at every place. `ends` are the places where a file may end, each but the
/// first (before any packet) after one more packet: everything before the cut must come, and one note
/// if the cut is elsewhere.
pub(super) fn cut_everywhere(bytes: &[u8], ends: &[(usize, usize)]) {
    let (whole, _) = read(bytes.to_vec());
    let first = ends.first().unwrap().0;
    for cut in first..=bytes.len() {
        let (packets, notes) = read(bytes[..cut].to_vec());
        let &(end, count) = ends.iter().rfind(|&&(end, _)| end <= cut).unwrap();
        assert_eq!(packets, whole[..count], "cut at {cut}");
        if end == cut {
            assert_eq!(notes, [], "cut at {cut}");
        } else {
            let [note] = &notes[..] else {
                panic!("cut at {cut}: {notes:?}")
            };
            assert_eq!(note.kind, super::NoteKind::CutShort, "cut at {cut}");
            assert_eq!(
                (note.offset, note.after_packet),
                (end as u64, count as u64),
                "cut at {cut}"
            );
        }
    }
}
