//! The packets of one file, whatever its format.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::buffer::{Buffer, Stop};
use super::pcap::Pcap;
use super::pcapng::{Next, PcapNg};
use super::{CaptureError, LinkType, Note, NoteKind, Packet, PacketId, PacketSource, Step};
use crate::time::Timestamp;

/// A packet, as its place in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) wire_len: u32,
    /// Place and length of the captured bytes in the buffer.
    pub(super) from: usize,
    pub(super) len: usize,
}

/// Who knows where the next packet lies.
pub(super) enum Format {
    Pcap(Pcap),
    PcapNg(Box<PcapNg>),
    /// Nobody any more; notes still to be told.
    Ended(std::vec::IntoIter<NoteKind>),
}

/// How far into a file its reader has come, counted below decompression.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) read: Arc<AtomicU64>,
    pub(super) total: Option<u64>,
}

impl Progress {
    pub(super) fn position(&self) -> (u64, Option<u64>) {
        (self.read.load(Ordering::Relaxed), self.total)
    }
}

/// One capture file: pcap or pcapng, compressed or not. Made by [`open`](super::open()).
pub struct Reader {
    path: PathBuf,
    file: u16,
    progress: Progress,
    buffer: Buffer,
    format: Format,
    record: Record,
    /// Packets so far.
    number: u64,
}

impl Reader {
    pub(super) fn new(
        path: &Path,
        file: u16,
        progress: Progress,
        buffer: Buffer,
        format: Format,
    ) -> Self {
        let record = Record {
            time: Timestamp::default(),
            link: LinkType(0),
            wire_len: 0,
            from: 0,
            len: 0,
        };
        Self {
            path: path.to_owned(),
            file,
            progress,
            buffer,
            format,
            record,
            number: 0,
        }
    }

    /// Bytes of the file read so far and, where it is known, its length: both as it is stored, that is
    /// before decompression. Reading is a block ahead of [`packet`](PacketSource::packet).
    pub fn position(&self) -> (u64, Option<u64>) {
        self.progress.position()
    }

    fn note(&self, kind: NoteKind) -> Note {
        let (file, offset) = (self.path.clone(), self.buffer.offset());
        Note {
            file,
            offset,
            after_packet: self.number,
            kind,
        }
    }

    /// Lists what is to be told after the last packet, and starts telling.
    #[cold]
    fn stop(&mut self, stop: Stop) -> Result<Step, CaptureError> {
        let mut notes = Vec::new();
        if let Format::PcapNg(format) = &self.format
            && format.dropped() > 0
        {
            notes.push(NoteKind::Dropped(format.dropped()));
        }
        let mut failed = None;
        match stop {
            Stop::End => {}
            Stop::CutShort => notes.push(NoteKind::CutShort),
            Stop::Corrupt(what) => notes.push(NoteKind::Corrupt(what)),
            Stop::System(source) => {
                failed = Some(CaptureError::Io {
                    file: self.path.clone(),
                    source,
                });
            }
        }
        self.format = Format::Ended(notes.into_iter());
        self.record.len = 0;
        failed.map_or_else(|| self.advance(), Err)
    }

    /// Moves on to the next packet where that takes no more than a look into the buffer, as it does
    /// nearly always; whether it did.
    #[inline(always)]
    pub(super) fn advance_buffered(&mut self) -> bool {
        let record = match &self.format {
            Format::Pcap(format) => format.buffered(&mut self.buffer),
            Format::PcapNg(_) => return self.advance_buffered_block(),
            Format::Ended(_) => None,
        };
        let Some(record) = record else {
            return false;
        };
        self.record = record;
        self.number += 1;
        true
    }

    /// The same for pcapng, whose records would be moved once more where both ways meet.
    #[inline(never)]
    fn advance_buffered_block(&mut self) -> bool {
        let Format::PcapNg(format) = &mut self.format else {
            return false;
        };
        let Some(record) = format.buffered(&mut self.buffer) else {
            return false;
        };
        self.record = record;
        self.number += 1;
        true
    }

    /// As [`advance`](PacketSource::advance), whatever it takes.
    #[inline(never)]
    fn advance_further(&mut self) -> Result<Step, CaptureError> {
        // Each way stores the record by itself: where they meet first, it is moved once more.
        let stop = match &mut self.format {
            Format::Pcap(format) => match format.next(&mut self.buffer) {
                Ok(record) => {
                    self.record = record;
                    self.number += 1;
                    return Ok(Step::Packet);
                }
                Err(stop) => stop,
            },
            Format::PcapNg(format) => {
                let next = format.next(&mut self.buffer);
                self.number += format.take_numbered();
                match next {
                    Ok(Next::Packet(record)) => {
                        self.record = record;
                        self.number += 1;
                        return Ok(Step::Packet);
                    }
                    Ok(Next::Secrets(secrets)) => return Ok(Step::Secrets(secrets)),
                    Err(stop) => stop,
                }
            }
            Format::Ended(notes) => {
                let note = notes.next();
                return Ok(note.map_or(Step::End, |kind| Step::Note(self.note(kind))));
            }
        };
        self.stop(stop)
    }
}

impl PacketSource for Reader {
    #[inline]
    fn advance(&mut self) -> Result<Step, CaptureError> {
        if self.advance_buffered() {
            return Ok(Step::Packet);
        }
        self.advance_further()
    }

    #[inline]
    fn packet(&self) -> Packet<'_> {
        let Record {
            time,
            link,
            wire_len,
            from,
            len,
        } = self.record;
        let data = self.buffer.slice(from, len);
        Packet {
            id: PacketId::new(self.file, self.number),
            time,
            link,
            wire_len,
            data,
        }
    }
}
