//! One direction: where its records begin and end, whatever pieces and holes they come in.

use std::ops::Range;

use super::guard::{Guard, Proven};
use super::messages::Messages;
use super::record::{HEADER_LEN, Header};
use crate::limits;
use crate::tcp::{Origin, Waiting};

/// The place of the next record is not known.
#[derive(Debug)]
pub(super) struct Hole {
    /// Bytes up to those that are searched.
    pub(super) lost: u64,
    /// The packet that showed it.
    pub(super) origin: Origin,
}

/// One direction of a connection.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) guard: Guard,
    pub(super) messages: Messages,
    /// The beginning of a record, or, behind a hole, what may hold one.
    begun: Vec<u8>,
    /// Rest of a record that is not whole, still to come.
    pub(super) skip: u64,
    pub(super) hole: Option<Hole>,
    /// Bytes decrypted in vain, as far as records that were opened have not made up for them.
    spent: u64,
    /// Where plaintext goes on.
    pub(super) plain_next: u64,
    /// What cannot be read before the other direction has said something; its offsets are those
    /// of the TCP stream.
    pub(super) waiting: Waiting,
    pub(super) is_blocked: bool,
    /// Nothing more is to be read of it.
    pub(super) is_over: bool,
    /// Bytes that may hold application data, and that nothing told of yet.
    pub(super) dark: u64,
    /// The last packet of these.
    pub(super) darkened: Option<Origin>,
}

/// What the next bytes came to.
pub(super) enum Next {
    /// All used; the record is not whole yet.
    More,
    /// A whole record lies in the input.
    Here(Header, Range<usize>),
    /// A whole record lies in [`Lane::take_begun`], header and all; so many bytes of the input
    /// belong to it.
    Kept(Header, usize),
    /// So many bytes belong to a record that is not whole.
    Skipped(usize),
    /// No record begins like this.
    Broken,
}

/// What the search behind a hole came to.
pub(super) enum Found {
    /// Not yet.
    Nothing,
    /// A record that proves itself, at this place of [`Lane::take_begun`].
    Record(Header, usize, Proven),
    /// Too much was tried in vain.
    Exhausted,
}

impl Lane {
    /// A record of so many bytes was opened: that much more may be tried in vain.
    pub(super) fn note_opened(&mut self, bytes: usize) {
        let earned = (bytes as u64).saturating_mul(limits::TRIAL_BYTES_EARNED);
        self.spent = self.spent.saturating_sub(earned);
    }

    /// Bytes that will not be read.
    pub(super) fn darken(&mut self, bytes: u64, origin: Origin) {
        self.dark = self.dark.saturating_add(bytes);
        self.darkened = Some(origin);
    }

    /// The next record of `input`, which begins where the last one ended.
    pub(super) fn next(&mut self, input: &[u8]) -> Next {
        if input.is_empty() {
            return Next::More;
        }
        if self.skip > 0 {
            let part = usize::try_from(self.skip).map_or(input.len(), |skip| skip.min(input.len()));
            self.skip -= part as u64;
            return Next::Skipped(part);
        }
        if self.begun.is_empty() {
            let header = match input.first_chunk() {
                Some(bytes) => Header::parse(*bytes),
                None => return self.keep(input),
            };
            return match header {
                None => Next::Broken,
                Some(header) if header.total() <= input.len() => {
                    Next::Here(header, HEADER_LEN..header.total())
                }
                Some(header) => {
                    self.begun.reserve_exact(header.total());
                    self.keep(input)
                }
            };
        }
        let missing = HEADER_LEN.saturating_sub(self.begun.len());
        let (head, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
        self.begun.extend_from_slice(head);
        let Some(header) = self.begun.first_chunk() else {
            return Next::More;
        };
        let Some(header) = Header::parse(*header) else {
            return Next::Broken;
        };
        let missing = header.total().saturating_sub(self.begun.len());
        match rest.get(..missing) {
            Some(part) => {
                self.begun.extend_from_slice(part);
                Next::Kept(header, head.len() + missing)
            }
            None => self.keep(rest),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Next {
        self.begun.extend_from_slice(bytes);
        Next::More
    }

    /// Memory held.
    pub(super) fn held_bytes(&self) -> usize {
        self.begun.capacity() + self.waiting.len() + self.messages.held_bytes()
    }

    /// How many bytes are kept.
    pub(super) fn begun_len(&self) -> usize {
        self.begun.len()
    }

    /// Takes out what is kept.
    pub(super) fn take_begun(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.begun)
    }

    /// Room for the next record that is kept, where there is none.
    pub(super) fn reuse(&mut self, mut room: Vec<u8>) {
        if self.begun.capacity() == 0 {
            room.clear();
            self.begun = room;
        }
    }

    /// Keeps no room where nothing is kept.
    pub(super) fn release(&mut self) {
        if self.begun.is_empty() {
            self.begun = Vec::new();
        }
    }

    /// The header of the record under way.
    pub(super) fn under_way(&self) -> Option<Header> {
        Header::parse(*self.begun.first_chunk()?)
    }

    /// Looks behind a hole for a record that proves itself.
    pub(super) fn search(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Found {
        self.begun.extend_from_slice(bytes);
        let Some(hole) = &mut self.hole else {
            return Found::Nothing;
        };
        let begun = std::mem::take(&mut self.begun);
        let mut budget = limits::MAX_TRIAL_BYTES.saturating_sub(self.spent);
        let mut at = 0;
        let mut found = Found::Nothing;
        while let Some(rest) = begun.get(at..)
            && let Some(header) = rest.first_chunk()
        {
            let header = Header::parse(*header).filter(|header| self.guard.fits(header));
            if let Some(header) = header {
                let Some(body) = rest.get(HEADER_LEN..header.total()) else {
                    break;
                };
                let skip = self.guard.most_skipped(hole.lost.saturating_add(at as u64));
                let proven = self
                    .guard
                    .open_within(&header, body, skip, &mut budget, out);
                if let Some(proven) = proven {
                    found = Found::Record(header, at, proven);
                    break;
                }
                if budget == 0 {
                    found = Found::Exhausted;
                    break;
                }
            }
            at += 1;
        }
        self.begun = begun;
        self.spent = limits::MAX_TRIAL_BYTES.saturating_sub(budget);
        if matches!(found, Found::Nothing) {
            // What was tried at every place is done with.
            self.begun.drain(..at.min(self.begun.len()));
            hole.lost = hole.lost.saturating_add(at as u64);
        }
        found
    }
}
