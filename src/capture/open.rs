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
    if let (_, Some(Stop::End)) = head(path, &mut buffer, MAGIC_LEN)? {
        return Err(CaptureError::Empty {
            file: path.to_owned(),
        });
    }
    let compression = Compression::of(buffer.unread());
    if let Some(compression) = compression {
        let decoder = compression
            .decoder(buffer.into_source())
            .map_err(|source| CaptureError::Io {
                file: path.to_owned(),
                source,
            })?;
        buffer = Buffer::new(decoder, block);
    }
    let (start, _) = head(path, &mut buffer, MAGIC_LEN)?;
    let needed = if Pcap::is(start) {
        pcap::FILE_HEADER_LEN
    } else if PcapNg::is(start) {
        SECTION_HEAD_LEN
    } else {
        return Err(not_a_capture(path, &mut buffer, compression));
    };
    let (header, _) = head(path, &mut buffer, needed)?;
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

/// The unread bytes: `len` at least or, where the stream is shorter, all there are and why.
fn head<'a>(
    path: &Path,
    buffer: &'a mut Buffer,
    len: usize,
) -> Result<(&'a [u8], Option<Stop>), CaptureError> {
    let stop = match buffer.require(len).err() {
        Some(Stop::System(source)) => return Err(refused(path, source)),
        stop => stop,
    };
    Ok((buffer.unread(), stop))
}

/// What a file is instead of a capture.
fn not_a_capture(
    path: &Path,
    buffer: &mut Buffer,
    compression: Option<Compression>,
) -> CaptureError {
    let file = path.to_owned();
    let (start, stop) = match head(path, buffer, FOREIGN_LEN) {
        Ok(head) => head,
        Err(error) => return error,
    };
    match (compression, stop) {
        (Some(compression), Some(Stop::CutShort | Stop::Corrupt(_))) if start.len() < MAGIC_LEN => {
            CaptureError::Damaged {
                file,
                compression: compression.name(),
            }
        }
        _ => {
            let (what, advice) = foreign::describe(start);
            let within = compression.map(Compression::name);
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
