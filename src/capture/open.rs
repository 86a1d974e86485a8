//! Opens a capture: what it is follows from its content, never from its name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::CaptureError;
use super::buffer::{BLOCK, Buffer, Stop};
use super::compressed::Compression;
use super::foreign;
use super::pcap::{self, Pcap};
use super::pcapng::{PcapNg, SECTION_HEAD_LEN};
use super::reader::{Format, Progress, Reader};

/// The name that stands for standard input.
pub(super) const STDIN: &str = "-";

/// Octets that tell every format apart.
const MAGIC_LEN: usize = 12;

/// Octets looked at to say what a file is that is no capture.
const FOREIGN_LEN: usize = 512;

/// Opens the capture at `path` (`-`: standard input), plain or compressed with gzip, zstd, xz or lz4.
/// `file_index` becomes [`PacketId::file`](super::PacketId::file) of its packets.
///
/// # Errors
/// Where it cannot be read or is no capture: one message each, with what to do.
pub fn open(path: &Path, file_index: u16) -> Result<Reader, CaptureError> {
    open_with_block(path, file_index, BLOCK)
}

/// As [`open`], with a buffer of `block` bytes to begin with.
pub(super) fn open_with_block(
    path: &Path,
    file: u16,
    block: usize,
) -> Result<Reader, CaptureError> {
    let mut progress = Progress::default();
    let read = Arc::clone(&progress.read);
    let source: Box<dyn Read + Send> = if path == Path::new(STDIN) {
        Box::new(Counted {
            source: io::stdin(),
            read,
        })
    } else {
        let source = File::open(path).map_err(|error| refused(path, error))?;
        let metadata = source.metadata().map_err(|error| refused(path, error))?;
        if metadata.is_dir() {
            return Err(CaptureError::Directory {
                file: path.to_owned(),
            });
        }
        progress.total = metadata.is_file().then_some(metadata.len());
        Box::new(Counted { source, read })
    };
    let (buffer, format) = recognise(path, source, block)?;
    Ok(Reader::new(path, file, progress, buffer, format))
}

/// Decompresses if need be, and passes the file header.
pub(super) fn recognise(
    path: &Path,
    source: Box<dyn Read + Send>,
    block: usize,
) -> Result<(Buffer, Format), CaptureError> {
    let mut buffer = Buffer::new(source, block);
    let compression = Compression::of(head(path, &mut buffer, MAGIC_LEN)?);
    if let Some(compression) = compression {
        let decoder = compression
            .decoder(buffer.into_source())
            .map_err(|source| CaptureError::Io {
                file: path.to_owned(),
                source,
            })?;
        buffer = Buffer::new(decoder, block);
    }
    let start = head(path, &mut buffer, MAGIC_LEN)?;
    let needed = if Pcap::is(start) {
        pcap::FILE_HEADER_LEN
    } else if PcapNg::is(start) {
        SECTION_HEAD_LEN
    } else {
        return Err(not_a_capture(path, &mut buffer, compression));
    };
    let header = head(path, &mut buffer, needed)?;
    if header.len() < needed {
        let have = header.len();
        return Err(CaptureError::HeaderCutShort {
            file: path.to_owned(),
            have,
            needed,
        });
    }
    let format = match Pcap::parse(header) {
        Some(format) => {
            buffer.consume(needed);
            Format::Pcap(format)
        }
        None => Format::PcapNg(Box::new(PcapNg::new())),
    };
    Ok((buffer, format))
}

/// The unread bytes: `len` at least or, where the stream is shorter, all there are.
fn head<'a>(path: &Path, buffer: &'a mut Buffer, len: usize) -> Result<&'a [u8], CaptureError> {
    match buffer.require(len) {
        Err(Stop::System(source)) => Err(refused(path, source)),
        _ => Ok(buffer.unread()),
    }
}

/// What a file is instead of a capture.
fn not_a_capture(
    path: &Path,
    buffer: &mut Buffer,
    compression: Option<Compression>,
) -> CaptureError {
    let file = path.to_owned();
    if let Err(error) = head(path, buffer, FOREIGN_LEN) {
        return error;
    }
    let start = buffer.unread();
    let within = compression.map(Compression::name);
    match within {
        Some(compression) if buffer.is_damaged() && start.len() < MAGIC_LEN => {
            CaptureError::Damaged { file, compression }
        }
        _ if start.is_empty() => CaptureError::Empty { file },
        _ => {
            let (what, advice) = foreign::describe(start);
            CaptureError::NotACapture {
                file,
                within,
                what,
                advice,
            }
        }
    }
}

/// Why the system would not let us.
fn refused(path: &Path, source: io::Error) -> CaptureError {
    let file = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => CaptureError::NotFound { file },
        io::ErrorKind::PermissionDenied => CaptureError::NotAllowed { file },
        io::ErrorKind::IsADirectory => CaptureError::Directory { file },
        _ => CaptureError::Io { file, source },
    }
}

/// Counts the bytes of the file itself.
struct Counted<R> {
    source: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::super::testing::*;
    use super::super::{NoteKind, PacketSource, Step};
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        reader(bytes.to_vec()).err().unwrap().to_string()
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| open(path, 0).err().unwrap().to_string();
        assert!(error(folder.path()).contains("is a directory"));
        assert!(error(&folder.path().join("none")).contains("no such file"));
        let empty = folder.path().join("empty\x1b[2J");
        fs::write(&empty, b"").unwrap();
        assert!(error(&empty).contains("is empty (0 bytes)"));
        assert!(
            !error(&empty).contains('\x1b'),
            "the name reaches the terminal"
        );
    }

    #[test]
    fn what_is_no_capture_is_named() {
        let cases: [(&[u8], &str); 13] = [
            (b"GMBU\0\0\0\0and more", "Network Monitor"),
            (b"snoop\0\0\0\0\0\0\x02", "snoop"),
            (
                b"PK\x03\x04whatever follows",
                "zip archive; unpack it first",
            ),
            (b"7z\xbc\xaf\x27\x1cwhatever", "7z archive"),
            (b"\x7fELF\x02\x01\x01", "ELF"),
            (b"{\"log\": {\"version\": \"1.2\"}}", "a HAR file"),
            (b"[1, 2]", "it is JSON"),
            (b"[section]\nkey = 1", "it is text"),
            (b"\n<!DOCTYPE html>\n<html>", "an HTML page"),
            (b"CLIENT_RANDOM 00 11\n", "--keylog"),
            (b"just some words", "it is text"),
            (&[0; 40], "zero bytes"),
            (
                b"\x81\x92\xfe\xff\x00\x01\xff\xee\xff\xff\xff\xff\xff",
                "an unknown format",
            ),
        ];
        for (bytes, expected) in cases {
            let message = refusal(bytes);
            assert!(message.contains("not a packet capture"), "{message}");
            assert!(message.contains(expected), "{message}");
        }
        let erf = [0, 0, 0, 0, 0, 0, 0, 0x65, 2, 4, 0, 82, 0, 0, 0, 64];
        assert!(refusal(&erf).contains("ERF"));
        let zipped = zstd::encode_all(&b"some words"[..], 1).unwrap();
        assert!(refusal(&zipped).contains("unpacked from zstd, it is text"));
        let twice = zstd::encode_all(&zipped[..], 1).unwrap();
        assert!(refusal(&twice).contains("unpacked from zstd, it is zstd data"));
        let nothing = zstd::encode_all(&b""[..], 1).unwrap();
        assert!(refusal(&nothing).contains("is empty"));
        assert!(refusal(&zipped[..6]).contains("zstd data is damaged or cut short"));
    }

    #[test]
    fn position_counts_the_file_as_it_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("named.after.nothing");
        let record = Order::Little.pcap_record(0, 0, &[7; 5000]).repeat(300);
        let bytes = [Order::Little.pcap_header(MICROS, 1), record].concat();
        for stored in [zstd::encode_all(&bytes[..], 1).unwrap(), bytes] {
            fs::write(&path, &stored).unwrap();
            let mut reader = open(&path, 3).unwrap();
            assert_eq!(reader.position().1, Some(stored.len() as u64));
            assert!(reader.packet().data.is_empty());
            let (packets, _) = drain(&mut reader);
            assert_eq!((packets.len(), packets[299].file), (300, 3));
            assert_eq!(reader.position().0, stored.len() as u64);
            assert!(matches!(reader.advance(), Ok(Step::End)));
            assert!(reader.packet().data.is_empty());
        }
    }

    /// Something that begins like a format we read.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let start = prop_oneof![
            Just(vec![]),
            Just(Order::Little.pcap_header(MICROS, 1)),
            Just(Order::Big.pcap_header(KUZNETZOV, 1)),
            Just(Order::Little.section()),
            Just([Order::Little.section(), Order::Little.interface(1, 0, &[])].concat()),
            Just(
                [
                    Order::Big.section(),
                    Order::Big.interface(1, 9, &[14, 0, 8, 0])
                ]
                .concat()
            ),
            Just(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
            Just(vec![0x28, 0xb5, 0x2f, 0xfd]),
            Just(b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46".to_vec()),
            Just(vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]),
            Just(vec![0x02, 0x21, 0x4c, 0x18]),
        ];
        // Small words, so that lengths and types come out plausible now and then.
        let word = prop_oneof![
            0..40_u32,
            Just(12),
            Just(6),
            Just(0x0a0d_0d0a),
            any::<u32>()
        ];
        let words = prop::collection::vec((word, any::<bool>()), 0..60);
        let tail = prop::collection::vec(any::<u8>(), 0..60);
        (start, words, tail).prop_map(|(mut bytes, words, tail)| {
            for (word, big) in words {
                bytes.extend(if big {
                    word.to_be_bytes()
                } else {
                    word.to_le_bytes()
                });
            }
            bytes.extend(tail);
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_bytes_come_to_an_end(bytes in hostile()) {
            if let Ok(mut reader) = reader(bytes) {
                let (_, notes) = drain(&mut reader);
                prop_assert!(notes.iter().filter(|note| note.kind.is_partial()).count() <= 1);
                prop_assert!(notes.len() <= 2);
            }
        }

        #[test]
        fn a_flipped_byte_spoils_nothing_before_it(at in 24..244_usize, flip in 1..=255_u8) {
            let record = Order::Little.pcap_record(1, 2, &[3; 28]).repeat(5);
            let mut bytes = [Order::Little.pcap_header(NANOS, 1), record].concat();
            let (whole, _) = read(bytes.clone());
            bytes[at] ^= flip;
            let (packets, notes) = read(bytes);
            let before = (at - 24) / 44;
            prop_assert_eq!(&packets[..before], &whole[..before]);
            prop_assert!(packets.len() == 5 || notes.len() == 1 || packets.len() > before);
            prop_assert!(!notes.iter().any(|note| matches!(note.kind, NoteKind::Dropped(_))));
        }
    }
}
