//! Compressed captures: which they are, by content, and their decoders.
//!
//! In: a byte stream. Out: the decompressed one, over all members or frames that stand one after
//! the other. A decoder tells a stream that is cut short by [`io::ErrorKind::UnexpectedEof`].

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use lz4_flex::frame::{Error as Lz4Error, FrameDecoder};

/// Compressed bytes handed to a decoder at a time.
const INPUT_BLOCK: usize = 128 << 10;

/// Memory that an xz file may ask for. `xz -9` takes 65 MiB to unpack; the format goes up to 4 GiB.
/// (zstd has such a limit of its own, 128 MiB.)
const XZ_MEMORY: u64 = 256 << 20;

/// LZ4 frame format: a frame, and one of the old kind, which has no end mark.
const LZ4_MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
const LZ4_LEGACY_MAGIC: [u8; 4] = 0x184c_2102_u32.to_le_bytes();

/// A compressed format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Xz,
    Lz4,
}

impl Compression {
    /// What a file that begins with `head` is compressed with.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // A skippable frame (RFC 8878 §3.1.2): pzstd begins with one. LZ4 has the same, but none
            // of its tools begins with it.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ if head.starts_with(&LZ4_MAGIC) || head.starts_with(&LZ4_LEGACY_MAGIC) => {
                Some(Self::Lz4)
            }
            _ => None,
        }
    }

    /// Its common name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        }
    }

    /// The decompressed stream.
    ///
    /// # Errors
    /// Where the decoder cannot be set up (memory).
    pub(super) fn decoder(
        self,
        source: impl Read + Send + 'static,
    ) -> io::Result<Box<dyn Read + Send>> {
        let source = BufReader::with_capacity(INPUT_BLOCK, source);
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(source)),
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(source)?),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(source, stream))
            }
            Self::Lz4 => Box::new(Lz4Frames::new(source)),
        })
    }
}

/// LZ4 frames, one after the other. The library's decoder stops after each, and takes one that is
/// cut short between two blocks for a whole one.
struct Lz4Frames<R: BufRead> {
    frames: FrameDecoder<Watched<R>>,
    /// At the start of a frame, if there is one more.
    between: bool,
    /// The frame has no end mark: it ends with the file.
    legacy: bool,
}

/// Passes bytes on and remembers whether its reader asked for more than there are.
struct Watched<R> {
    source: R,
    overread: bool,
}

impl<R: BufRead> Lz4Frames<R> {
    fn new(source: R) -> Self {
        let frames = FrameDecoder::new(Watched {
            source,
            overread: false,
        });
        Self {
            frames,
            between: true,
            legacy: false,
        }
    }
}

impl<R: BufRead> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        self.overread |= read == 0 && !out.is_empty();
        Ok(read)
    }
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.between {
                let next = self.frames.get_mut().source.fill_buf()?;
                if next.is_empty() {
                    return Ok(0);
                }
                self.legacy = next.starts_with(&LZ4_LEGACY_MAGIC);
                self.between = false;
            }
            let skip = match self.frames.read(out) {
                Ok(0) => 0,
                Ok(read) => return Ok(read),
                Err(error) => skippable(&error).ok_or(error)?,
            };
            self.between = true;
            let Watched { source, overread } = self.frames.get_mut();
            let skipped = io::copy(&mut source.by_ref().take(skip), &mut io::sink())?;
            if skipped < skip || (*overread && !self.legacy) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Octets of user data to pass over, where `error` says that a skippable frame has begun.
fn skippable(error: &io::Error) -> Option<u64> {
    match error.get_ref()?.downcast_ref()? {
        Lz4Error::SkippableFrame(len) => Some(u64::from(*len)),
        _ => None,
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use std::io::Write;

    use super::super::testing::*;
    use super::super::{CaptureError, NoteKind};
    use super::*;

    fn capture(packets: u8) -> Vec<u8> {
        let mut bytes = Order::Little.pcap_header(MICROS, 1);
        for number in 0..packets {
            let data: Vec<u8> = (0..200).map(|at| number.wrapping_mul(31) ^ at).collect();
            bytes.extend(Order::Little.pcap_record(number.into(), 0, &data));
        }
        bytes
    }

    fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    const ALL: [Compression; 4] = [
        Compression::Gzip,
        Compression::Zstd,
        Compression::Xz,
        Compression::Lz4,
    ];

    #[test]
    fn whole_and_in_members() {
        let bytes = capture(20);
        let (expected, _) = read(bytes.clone());
        for compression in ALL {
            assert_eq!(
                Compression::of(&compress(compression, b"")),
                Some(compression)
            );
            for pieces in [1, 2, 7] {
                let size = bytes.len().div_ceil(pieces);
                let members = bytes.chunks(size).map(|piece| compress(compression, piece));
                let (packets, notes) = read(members.collect::<Vec<_>>().concat());
                assert_eq!(packets, expected, "{compression:?} in {pieces}");
                assert_eq!(notes, [], "{compression:?} in {pieces}");
            }
        }
    }

    #[test]
    fn skippable_frames_and_empty_members() {
        let bytes = capture(3);
        let skippable = [
            &0x184d_2a53_u32.to_le_bytes()[..],
            &3_u32.to_le_bytes(),
            b"abc",
        ]
        .concat();
        for compression in [Compression::Zstd, Compression::Lz4] {
            let (one, two) = bytes.split_at(100);
            let [one, none, two] = [one, b"", two].map(|part| compress(compression, part));
            let (packets, notes) = read(
                [&one, &skippable, &none, &two, &skippable]
                    .map(|v| &v[..])
                    .concat(),
            );
            assert_eq!((packets.len(), notes.len()), (3, 0), "{compression:?}");
            let cut = [&one[..], &two, &skippable[..10]].concat();
            let (packets, notes) = read(cut);
            assert_eq!(packets.len(), 3, "{compression:?}");
            assert!(
                matches!(&notes[..], [note] if note.kind == NoteKind::CutShort),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn cut_at_every_byte() {
        let bytes = capture(20);
        let (whole, _) = read(bytes.clone());
        for compression in ALL {
            let compressed = [
                compress(compression, &bytes[..2000]),
                compress(compression, &bytes[2000..]),
            ]
            .concat();
            let mut most = 0;
            for cut in 1..compressed.len() {
                let mut source = match reader(compressed[..cut].to_vec()) {
                    Ok(source) => source,
                    Err(CaptureError::Damaged { .. } | CaptureError::HeaderCutShort { .. }) => {
                        continue;
                    }
                    Err(CaptureError::NotACapture { .. }) if cut < 6 => continue,
                    Err(error) => panic!("{compression:?} cut at {cut}: {error}"),
                };
                let (packets, notes) = drain(&mut source);
                assert!(whole.starts_with(&packets), "{compression:?} cut at {cut}");
                assert!(packets.len() >= most, "{compression:?} cut at {cut}");
                most = packets.len();
                let [note] = &notes[..] else {
                    panic!("{compression:?} cut at {cut}: {notes:?}")
                };
                assert_eq!(
                    note.kind,
                    NoteKind::CutShort,
                    "{compression:?} cut at {cut}"
                );
            }
            // A block of zstd or lz4 comes whole or not at all; here each member is one.
            let blocks = matches!(compression, Compression::Zstd | Compression::Lz4);
            assert!(
                most >= if blocks { 9 } else { 18 },
                "{compression:?}: {most}"
            );
        }
    }

    #[test]
    fn a_legacy_lz4_frame_ends_with_the_file() {
        let bytes = capture(3);
        let block = lz4_flex::block::compress(&bytes);
        let mut legacy = LZ4_LEGACY_MAGIC.to_vec();
        legacy.extend(length(&block).to_le_bytes());
        legacy.extend(block);
        let (packets, notes) = read(legacy);
        assert_eq!((packets.len(), notes.len()), (3, 0));
    }

    #[test]
    fn damage_is_told_and_what_came_before_is_kept() {
        let bytes = capture(20);
        for compression in ALL {
            let mut compressed =
                [compress(compression, &bytes), compress(compression, &bytes)].concat();
            let middle = compressed.len() / 2 + 1;
            for byte in compressed.iter_mut().skip(middle).take(8) {
                *byte ^= 0x5a;
            }
            let (packets, notes) = read(compressed);
            // xz fails with what it unpacked in the same call, at most a block of the buffer.
            assert!(packets.len() >= 19, "{compression:?}: {}", packets.len());
            let [note] = &notes[..] else {
                panic!("{compression:?}: {notes:?}")
            };
            assert!(
                matches!(note.kind, NoteKind::Corrupt(_)),
                "{compression:?}: {note:?}"
            );
        }
    }
}
