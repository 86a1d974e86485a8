//! Several captures as one: by the time of their packets.
//!
//! In: [`Reader`]s. Out: their packets. Within one file its own order is kept, even where its clock
//! went back; packets of the same time come in the order in which the files were named.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::path::{Path, PathBuf};

use super::buffer::{BLOCK, SMALL_BLOCK};
use super::open::open_with_block;
use super::reader::Reader;
use super::{CaptureError, LinkType, Packet, PacketId, PacketSource, Step};
use crate::time::Timestamp;

/// More files than this are opened only when their first packet's turn has come, and with small
/// buffers: of a ring of a thousand files hardly two are open at a time. Files that all overlap are
/// all open: 64 KiB each, and no more than the system's limit on open files allows.
const MAX_EAGER: usize = 16;

/// Files that a [`PacketId`] can tell apart.
const MAX_FILES: usize = 1 << 16;

/// Several captures, merged by time; for a single one, just that.
pub struct Merged {
    /// In the order in which they were named.
    files: Vec<Slot>,
    /// Size of the buffers to begin with.
    block: usize,
    /// Of every file but the current one that is not at its end, the time of its next packet, or
    /// one before that.
    queue: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The file whose packet is lent, or that has more to tell before its next one.
    current: Option<usize>,
}

/// One of the files.
enum Slot {
    /// `ahead`: its packet has been read and has to wait for its turn.
    Open { reader: Box<Reader>, ahead: bool },
    /// Closed until the turn of its first packet.
    Waiting { path: PathBuf, len: Option<u64> },
    /// At its end, or never opened; its position.
    Done(u64, Option<u64>),
}

/// Opens captures (`-`: standard input) to be read as one. Those that cannot be opened do not stop
/// the others: there is one error for each. [`PacketId::file`](super::PacketId::file) is the index in
/// `paths`.
pub fn open_all<P: AsRef<Path>>(paths: &[P]) -> (Merged, Vec<CaptureError>) {
    let wait = paths.len() > MAX_EAGER;
    let block = if wait { SMALL_BLOCK } else { BLOCK };
    let mut merged = Merged {
        files: Vec::new(),
        block,
        queue: BinaryHeap::new(),
        current: None,
    };
    let mut errors = Vec::new();
    for (index, path) in paths.iter().map(AsRef::as_ref).enumerate() {
        let Ok(file) = u16::try_from(index) else {
            errors.push(CaptureError::TooMany {
                file: path.to_owned(),
                max: MAX_FILES,
            });
            break;
        };
        let slot = open_with_block(path, file, block).and_then(|reader| first(reader, path, wait));
        let slot = slot.map(|(time, slot)| {
            merged.queue.push(Reverse((time, index)));
            slot
        });
        merged.files.push(slot.unwrap_or_else(|error| {
            errors.push(error);
            Slot::Done(0, Some(0))
        }));
    }
    (merged, errors)
}

/// A file before its first packet and, if it is to wait for that, the packet's time.
fn first(mut reader: Reader, path: &Path, wait: bool) -> Result<(Timestamp, Slot), CaptureError> {
    let (_, len) = reader.position();
    // What has no length (standard input, a named pipe) cannot be opened a second time.
    if !wait || len.is_none() {
        let reader = Box::new(reader);
        return Ok((
            Timestamp::from_nanos(i64::MIN),
            Slot::Open {
                reader,
                ahead: false,
            },
        ));
    }
    let time = match reader.advance()? {
        Step::Packet => reader.packet().time,
        Step::Note(_) | Step::End => Timestamp::from_nanos(i64::MIN),
    };
    Ok((
        time,
        Slot::Waiting {
            path: path.to_owned(),
            len,
        },
    ))
}

impl Merged {
    /// Bytes of all files read so far and, where all are known, their length: see
    /// [`Reader::position`].
    pub fn position(&self) -> (u64, Option<u64>) {
        let positions = self.files.iter().map(|slot| match slot {
            Slot::Open { reader, .. } => reader.position(),
            Slot::Waiting { len, .. } => (0, *len),
            Slot::Done(read, len) => (*read, *len),
        });
        positions.fold((0, Some(0)), |(read, total), (more, len)| {
            (
                read.saturating_add(more),
                total.zip(len).map(|(a, b)| a.saturating_add(b)),
            )
        })
    }

    /// The next file in turn, opened, and whether its packet has been read; `None` at the end of all.
    #[cold]
    fn take_turn(&mut self) -> Result<Option<(usize, bool)>, CaptureError> {
        let Some(Reverse((_, index))) = self.queue.pop() else {
            return Ok(None);
        };
        let Some(slot) = self.files.get_mut(index) else {
            return Ok(None);
        };
        if let Slot::Waiting { path, len } = slot {
            let (path, len) = (mem::take(path), *len);
            *slot = Slot::Done(0, len);
            let file = u16::try_from(index).unwrap_or(u16::MAX);
            let reader = Box::new(open_with_block(&path, file, self.block)?);
            *slot = Slot::Open {
                reader,
                ahead: false,
            };
        }
        self.current = Some(index);
        let Slot::Open { ahead, .. } = slot else {
            return Ok(Some((index, false)));
        };
        Ok(Some((index, mem::take(ahead))))
    }

    /// Gives the current file's buffer and handle back.
    fn finish(&mut self) {
        let current = self
            .current
            .take()
            .and_then(|index| self.files.get_mut(index));
        if let Some(slot) = current
            && let Slot::Open { reader, .. } = slot
        {
            let (read, len) = reader.position();
            *slot = Slot::Done(read, len);
        }
    }
}

impl PacketSource for Merged {
    /// After an error in one file the next call goes on with the others.
    fn advance(&mut self) -> Result<Step, CaptureError> {
        loop {
            let index = match self.current {
                Some(index) => index,
                None => match self.take_turn()? {
                    Some((_, true)) => return Ok(Step::Packet),
                    Some((index, false)) => index,
                    None => return Ok(Step::End),
                },
            };
            let Some(Slot::Open { reader, ahead }) = self.files.get_mut(index) else {
                self.current = None;
                continue;
            };
            match reader.advance()? {
                Step::Packet => {
                    let Some(Reverse(first)) = self.queue.peek() else {
                        return Ok(Step::Packet);
                    };
                    let next = (reader.packet().time, index);
                    if next < *first {
                        return Ok(Step::Packet);
                    }
                    *ahead = true;
                    self.queue.push(Reverse(next));
                    self.current = None;
                }
                Step::Note(note) => return Ok(Step::Note(note)),
                Step::End => self.finish(),
            }
        }
    }

    fn packet(&self) -> Packet<'_> {
        match self.current.and_then(|index| self.files.get(index)) {
            Some(Slot::Open { reader, .. }) => reader.packet(),
            _ => Packet {
                id: PacketId::default(),
                time: Timestamp::default(),
                link: LinkType(0),
                wire_len: 0,
                data: &[],
            },
        }
    }
}
