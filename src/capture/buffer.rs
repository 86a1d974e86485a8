//! One reused buffer between a byte stream and the parser of a capture format.
//!
//! In: any [`Read`], in large blocks. Out: slices of it, by reference; the only bytes ever moved
//! are those of a record that the end of the buffer cut in two.

use std::io::{self, Read};

/// Bytes asked for at a time. 256 KiB stays within the second-level cache, so that the parser finds
/// there what the kernel has just copied; larger blocks were not faster.
pub(super) const BLOCK: usize = 256 << 10;

/// The block where many files are open together: memory is then their number times this.
pub(super) const SMALL_BLOCK: usize = 64 << 10;

/// A record longer than this is taken for corrupt, before any memory is set aside for it. libpcap
/// and Wireshark refuse packets above 256 KiB; USB and reassembling capture cards write larger ones.
pub(super) const MAX_RECORD: usize = 16 << 20;

/// Why no more records come.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file ends where it may.
    End,
    /// The file ends inside a record, or its compressed form inside a member.
    CutShort,
    /// What cannot be right.
    Corrupt(String),
    /// The system could not read on.
    System(io::Error),
}

/// How the stream behind the buffer ended. Kept, because a decoder that is asked again after an
/// error may claim a proper end.
enum Ended {
    Properly,
    CutShort,
    Corrupt(String),
}

/// A byte stream, seen through a window that grows to the record at hand.
pub(super) struct Buffer {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    /// Unread are `bytes[start..end]`.
    start: usize,
    end: usize,
    /// Position of the first of `bytes` in the stream.
    base: u64,
    ended: Option<Ended>,
}

impl Buffer {
    pub(super) fn new(source: Box<dyn Read + Send>, block: usize) -> Self {
        Self {
            source,
            bytes: vec![0; block],
            start: 0,
            end: 0,
            base: 0,
            ended: None,
        }
    }

    /// At least `len` unread bytes; all that there are. `len` is at most [`MAX_RECORD`] and a
    /// header: the caller has checked.
    ///
    /// # Errors
    /// [`Stop::End`] if the stream ended properly with nothing unread, else what ended it.
    #[inline]
    pub(super) fn require(&mut self, len: usize) -> Result<&[u8], Stop> {
        if self.end - self.start < len {
            self.refill(len)?;
        }
        Ok(self.unread())
    }

    /// What has been read and not been consumed.
    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The first unread bytes, where there are so many.
    #[inline]
    pub(super) fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        self.bytes.get(self.start..self.end)?.first_chunk()
    }

    /// Passes `len` bytes, and tells where in the buffer they begin: [`Self::slice`] lends them until
    /// the next [`Self::require`].
    #[inline]
    pub(super) fn consume(&mut self, len: usize) -> usize {
        let from = self.start;
        let len = len.min(self.end - self.start);
        self.start += len;
        from
    }

    /// The same where so many bytes are unread; else nothing is passed.
    #[inline]
    pub(super) fn consume_whole(&mut self, len: usize) -> Option<usize> {
        (self.end - self.start >= len).then(|| self.consume(len))
    }

    /// `len` bytes from `from`, a place that [`Self::consume`] told.
    #[inline]
    pub(super) fn slice(&self, from: usize, len: usize) -> &[u8] {
        self.bytes
            .get(from..from.saturating_add(len))
            .unwrap_or_default()
    }

    /// Position of the first unread byte in the (decompressed) stream.
    pub(super) const fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Whether the decoder behind this gave up. (An error of the system is not kept.)
    pub(super) const fn is_damaged(&self) -> bool {
        matches!(self.ended, Some(Ended::CutShort | Ended::Corrupt(_)))
    }

    /// The stream from the first unread byte on, for a decoder to stand in between.
    pub(super) fn into_source(self) -> impl Read + Send + use<> {
        io::Cursor::new(self.unread().to_vec()).chain(self.source)
    }

    #[cold]
    fn refill(&mut self, len: usize) -> Result<(), Stop> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() < len {
            self.bytes.resize(len.next_power_of_two(), 0);
        }
        while self.end < len && self.ended.is_none() {
            let free = self.bytes.get_mut(self.end..).unwrap_or_default();
            match self.source.read(free) {
                Ok(0) => self.ended = Some(Ended::Properly),
                Ok(read) => self.end += read.min(free.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Only the system's own errors have a number; a decoder's have a text.
                Err(error) if error.raw_os_error().is_some() => return Err(Stop::System(error)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended = Some(Ended::CutShort);
                }
                Err(error) => self.ended = Some(Ended::Corrupt(error.to_string())),
            }
        }
        match &self.ended {
            _ if self.end >= len => Ok(()),
            Some(Ended::Corrupt(what)) => Err(Stop::Corrupt(what.clone())),
            Some(Ended::Properly) if self.end == 0 => Err(Stop::End),
            _ => Err(Stop::CutShort),
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
    use super::*;

    /// Gives `piece` bytes at a time, then fails with `error`, then claims a proper end.
    struct Dribble {
        bytes: Vec<u8>,
        at: usize,
        piece: usize,
        error: Option<io::Error>,
    }

    impl Read for Dribble {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let len = rest.len().min(self.piece).min(out.len());
            if len == 0 {
                return self.error.take().map_or(Ok(0), Err);
            }
            out[..len].copy_from_slice(&rest[..len]);
            self.at += len;
            Ok(len)
        }
    }

    fn dribble(len: u8, piece: usize, error: Option<io::Error>) -> Buffer {
        let bytes = (0..len).collect();
        Buffer::new(
            Box::new(Dribble {
                bytes,
                at: 0,
                piece,
                error,
            }),
            8,
        )
    }

    #[test]
    fn lends_in_order_whatever_the_pieces() {
        for piece in 1..20 {
            let mut buffer = dribble(100, piece, None);
            for round in 0..20_u8 {
                assert_eq!(buffer.require(5).unwrap()[0], round * 5);
                let from = buffer.consume(5);
                assert_eq!(buffer.slice(from, 5)[4], round * 5 + 4);
            }
            assert_eq!(buffer.offset(), 100);
            assert!(matches!(buffer.require(1), Err(Stop::End)));
        }
    }

    #[test]
    fn grows_for_a_record_longer_than_a_block() {
        let mut buffer = dribble(100, 7, None);
        buffer.require(3).unwrap();
        buffer.consume(3);
        assert_eq!(buffer.require(97).unwrap().len(), 97);
        assert!(matches!(buffer.require(98), Err(Stop::CutShort)));
    }

    #[test]
    fn an_error_of_a_decoder_is_kept_and_what_came_before_it_stays() {
        let eof = || Some(io::ErrorKind::UnexpectedEof.into());
        let mut buffer = dribble(10, 4, eof());
        assert_eq!(buffer.require(10).unwrap().len(), 10);
        buffer.consume(10);
        for _ in 0..2 {
            assert!(matches!(buffer.require(1), Err(Stop::CutShort)));
        }
        let mut buffer = dribble(10, 4, Some(io::Error::other("bad block")));
        assert!(matches!(buffer.require(11), Err(Stop::Corrupt(what)) if what == "bad block"));
        assert_eq!(buffer.require(10).unwrap().len(), 10);
    }

    #[test]
    fn an_error_of_the_system_is_told_as_such() {
        let mut buffer = dribble(2, 4, Some(io::Error::from_raw_os_error(5)));
        assert!(matches!(buffer.require(3), Err(Stop::System(_))));
    }
}
