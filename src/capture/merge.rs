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
    /// The file whose packet is lent, or that has more to tell before its next one: its index and
    /// its reader, taken out of its slot.
    current: Option<(usize, Box<Reader>)>,
}

/// One of the files.
enum Slot {
    /// `ahead`: its packet has been read and has to wait for its turn.
    Open { reader: Box<Reader>, ahead: bool },
    /// It is the current one.
    Current,
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
        Step::Note(_) | Step::Secrets(_) | Step::End => Timestamp::from_nanos(i64::MIN),
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
            Slot::Current => self
                .current
                .as_ref()
                .map_or((0, None), |(_, reader)| reader.position()),
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

    /// Makes the next file in turn the current one; whether its packet has been read, `None` at the
    /// end of all.
    #[cold]
    fn take_turn(&mut self) -> Result<Option<bool>, CaptureError> {
        while let Some(Reverse((_, index))) = self.queue.pop() {
            let Some(slot) = self.files.get_mut(index) else {
                continue;
            };
            let (reader, ahead) = match mem::replace(slot, Slot::Done(0, Some(0))) {
                Slot::Open { reader, ahead } => (reader, ahead),
                Slot::Waiting { path, len } => {
                    *slot = Slot::Done(0, len);
                    let file = u16::try_from(index).unwrap_or(u16::MAX);
                    let reader = open_with_block(&path, file, self.block)?;
                    (Box::new(reader), false)
                }
                other @ (Slot::Current | Slot::Done(..)) => {
                    *slot = other;
                    continue;
                }
            };
            *slot = Slot::Current;
            self.current = Some((index, reader));
            return Ok(Some(ahead));
        }
        Ok(None)
    }

    /// Puts the current file's reader back, or what is left of it.
    fn put_back(&mut self, slot: impl FnOnce(Box<Reader>) -> Slot) {
        if let Some((index, reader)) = self.current.take()
            && let Some(place) = self.files.get_mut(index)
        {
            *place = slot(reader);
        }
    }

    /// As [`advance`](PacketSource::advance), whatever it takes.
    #[inline(never)]
    fn advance_in_turn(&mut self) -> Result<Step, CaptureError> {
        loop {
            let Some((index, reader)) = &mut self.current else {
                match self.take_turn()? {
                    Some(true) => return Ok(Step::Packet),
                    Some(false) => continue,
                    None => return Ok(Step::End),
                }
            };
            // Whatever is no packet is not moved before it is known to be none.
            let step = reader.advance();
            if matches!(step, Ok(Step::End)) {
                // Gives its buffer and handle back.
                self.put_back(|reader| {
                    let (read, len) = reader.position();
                    Slot::Done(read, len)
                });
                continue;
            }
            if !matches!(step, Ok(Step::Packet)) {
                return step;
            }
            let Some(Reverse(first)) = self.queue.peek() else {
                return Ok(Step::Packet);
            };
            let next = (reader.packet().time, *index);
            if next < *first {
                return Ok(Step::Packet);
            }
            self.queue.push(Reverse(next));
            self.put_back(|reader| Slot::Open {
                reader,
                ahead: true,
            });
        }
    }
}

impl PacketSource for Merged {
    /// After an error in one file the next call goes on with the others.
    // Always: the answer, which is nearly always the same, would come back through memory.
    #[inline(always)]
    fn advance(&mut self) -> Result<Step, CaptureError> {
        // The packets of the last file that is left wait for no other's.
        if self.queue.is_empty()
            && let Some((_, reader)) = &mut self.current
            && reader.advance_buffered()
        {
            return Ok(Step::Packet);
        }
        self.advance_in_turn()
    }

    #[inline]
    fn packet(&self) -> Packet<'_> {
        match &self.current {
            Some((_, reader)) => reader.packet(),
            None => Packet {
                id: PacketId::default(),
                time: Timestamp::default(),
                link: LinkType(0),
                wire_len: 0,
                data: &[],
            },
        }
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

    use super::super::NoteKind;
    use super::super::testing::*;
    use super::*;

    struct Files(tempfile::TempDir, Vec<PathBuf>);

    impl Files {
        /// One capture for each list of times, in seconds.
        fn of(times: &[&[u32]]) -> Self {
            let mut files = Self(tempfile::tempdir().unwrap(), Vec::new());
            for times in times {
                let records = times
                    .iter()
                    .map(|&time| Order::Little.pcap_record(time, 0, b"x"));
                let records = records.collect::<Vec<_>>().concat();
                files.add(&[Order::Little.pcap_header(MICROS, 1), records].concat());
            }
            files
        }

        fn add(&mut self, bytes: &[u8]) {
            let path = self.0.path().join(self.1.len().to_string());
            fs::write(&path, bytes).unwrap();
            self.1.push(path);
        }
    }

    /// File, number and second of all packets.
    fn order(merged: &mut Merged) -> Vec<(usize, u64, i64)> {
        let (packets, notes) = drain(merged);
        assert_eq!(notes, []);
        packets
            .iter()
            .map(|p| (p.file, p.number, p.nanos / 1_000_000_000))
            .collect()
    }

    #[test]
    fn by_time_then_by_file() {
        let files = Files::of(&[&[1, 5, 5, 9], &[2, 5, 6], &[], &[0, 9, 10]]);
        let (mut merged, errors) = open_all(&files.1);
        assert!(errors.is_empty());
        assert!(merged.packet().data.is_empty());
        let expected = [
            (3, 1, 0),
            (0, 1, 1),
            (1, 1, 2),
            (0, 2, 5),
            (0, 3, 5),
            (1, 2, 5),
            (1, 3, 6),
            (0, 4, 9),
            (3, 2, 9),
            (3, 3, 10),
        ];
        assert_eq!(order(&mut merged), expected);
        assert!(matches!(merged.advance(), Ok(Step::End)));
        let (read, total) = merged.position();
        assert_eq!(Some(read), total);
    }

    #[test]
    fn a_file_keeps_its_own_order() {
        let files = Files::of(&[&[5, 3, 8], &[4, 6]]);
        let (mut merged, _) = open_all(&files.1);
        assert_eq!(
            order(&mut merged),
            [(1, 1, 4), (0, 1, 5), (0, 2, 3), (1, 2, 6), (0, 3, 8)]
        );
        let (mut single, _) = open_all(&files.1[..1]);
        assert_eq!(order(&mut single), [(0, 1, 5), (0, 2, 3), (0, 3, 8)]);
    }

    #[test]
    fn a_rotated_set_opens_one_file_at_a_time() {
        // A ring that was overwritten in the middle, as `tcpdump -W` leaves it.
        let times: Vec<Vec<u32>> = (0..40)
            .map(|file| vec![(file + 20) % 40 * 10, (file + 20) % 40 * 10 + 9])
            .collect();
        let mut files = Files::of(&times.iter().map(Vec::as_slice).collect::<Vec<_>>());
        fs::remove_file(&files.1[7]).unwrap();
        let (mut merged, errors) = open_all(&files.1);
        assert!(matches!(&errors[..], [CaptureError::NotFound { file }] if *file == files.1[7]));
        let mut last = None;
        let mut count = 0;
        while let Step::Packet = merged.advance().unwrap() {
            let open = merged
                .files
                .iter()
                .filter(|slot| matches!(slot, Slot::Open { .. }))
                .count();
            assert!(open <= 2, "{open} files are open");
            let packet = merged.packet();
            assert!(last <= Some(packet.time));
            last = Some(packet.time);
            count += 1;
        }
        assert_eq!(count, 78);
        let (read, total) = merged.position();
        assert_eq!(Some(read), total);
        // One that is gone when its turn comes is an error, and the others go on.
        files.1.remove(7);
        let (mut merged, errors) = open_all(&files.1);
        assert_eq!(errors.len(), 0);
        fs::remove_file(&files.1[30]).unwrap();
        let steps: Vec<_> = (0..78).map(|_| merged.advance()).collect();
        assert_eq!(steps.iter().filter(|step| step.is_err()).count(), 1);
        assert_eq!(
            steps
                .iter()
                .filter(|step| matches!(step, Ok(Step::Packet)))
                .count(),
            76
        );
    }

    #[test]
    fn notes_name_their_file_and_the_others_go_on() {
        for filler in [0, 20] {
            let mut files = Files::of(&[&[1, 4], &[2, 3]]);
            files.add(&[Order::Big.pcap_header(MICROS, 1), vec![0; 5]].concat());
            for _ in 0..filler {
                files.add(&Order::Big.pcap_header(MICROS, 1));
            }
            let first = fs::read(&files.1[0]).unwrap();
            fs::write(&files.1[0], &first[..first.len() - 1]).unwrap();
            let (packets, notes) = drain(&mut open_all(&files.1).0);
            assert_eq!(packets.len(), 3);
            let told: Vec<_> = notes
                .iter()
                .map(|n| (&n.file, n.offset, n.after_packet))
                .collect();
            assert_eq!(told, [(&files.1[2], 24, 0), (&files.1[0], 41, 1)]);
            assert!(notes.iter().all(|note| note.kind == NoteKind::CutShort));
        }
    }

    #[test]
    fn nothing_to_open() {
        let (mut merged, errors) = open_all::<PathBuf>(&[]);
        assert!(errors.is_empty());
        assert!(matches!(merged.advance(), Ok(Step::End)));
    }
}
