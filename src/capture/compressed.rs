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
