//! Finds where frames begin, behind a hole that swallowed a header or in a stream whose
//! beginning is missing.
//!
//! A place is taken only when it proves itself: a legal header whose length leads to another
//! legal header, or to the end of a segment, several times over. Few random bytes make a legal
//! header (about 1 in 40), and far fewer a length that leads to a segment's end.

use super::close_frame::CloseFrame;
use super::frame::{Header, MAX_HEADER_LEN, Opcode, parse_header, unmask};
use super::rules::{Terms, header_fault};
use crate::limits;
use crate::tcp::{Chunk, Waiting};

/// Headers in a row that prove a place at the start of a segment, where frames mostly begin.
const ROW_AT_SEGMENT: u32 = 4;
/// Headers in a row that prove any other place: there are a thousand times as many of them.
const ROW_ANYWHERE: u32 = 7;
/// Frames ending where segments do, in a row, that prove a place at the start of one.
const LANDINGS: u32 = 2;

/// A place where a frame may begin, and how far it led.
#[derive(Clone, Debug)]
struct Candidate {
    start: u64,
    at_segment: bool,
    /// Where its next header is to be, and the bytes of it that came so far.
    next: u64,
    partial: Vec<u8>,
    /// Legal headers so far.
    headers: u32,
    /// How often a frame ended where a segment did.
    landed: u32,
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Resync {
    terms: Terms,
    /// Look inside of segments too, not only at their starts.
    anywhere: bool,
    candidates: Vec<Candidate>,
    kept: Waiting,
    end: u64,
}

impl Resync {
    pub(super) fn new(terms: Terms, anywhere: bool) -> Self {
        Self {
            terms,
            anywhere,
            candidates: Vec::new(),
            kept: Waiting::default(),
            end: 0,
        }
    }

    /// Bytes kept for [`Self::replay`].
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// The next chunk; the offset of a proven boundary, once there is one.
    pub(super) fn push(&mut self, chunk: Chunk<'_>) -> Option<u64> {
        let terms = self.terms;
        match chunk {
            Chunk::Data { offset, bytes, .. } => {
                self.end = offset.saturating_add(bytes.len() as u64);
                self.candidates
                    .retain_mut(|candidate| candidate.follow(terms, offset, bytes));
                self.add_candidates(offset, bytes);
            }
            Chunk::Gap { offset, len, .. } => {
                self.end = offset.saturating_add(len);
                let end = self.end;
                self.candidates
                    .retain_mut(|candidate| candidate.leap(terms, end));
            }
        }
        if self.candidates.is_empty() {
            self.kept.clear();
            return None;
        }
        self.kept.push(chunk);
        let proven = |candidate: &&Candidate| {
            let row = if candidate.at_segment {
                ROW_AT_SEGMENT
            } else {
                ROW_ANYWHERE
            };
            candidate.headers >= row || candidate.at_segment && candidate.landed >= LANDINGS
        };
        self.candidates
            .iter()
            .filter(proven)
            .map(|candidate| candidate.start)
            .min()
    }

    /// Keeps a chunk without looking for more: a boundary is known, and waits to be used.
    pub(super) fn keep(&mut self, chunk: Chunk<'_>) {
        self.kept.push(chunk);
    }

    /// No more bytes come: a row of frames that leads exactly to the end proves itself too.
    pub(super) fn finish(&self) -> Option<u64> {
        let last = |candidate: &&Candidate| candidate.at_segment && candidate.next == self.end;
        self.candidates
            .iter()
            .filter(last)
            .map(|candidate| candidate.start)
            .min()
    }

    /// The chunks from a proven boundary on.
    pub(super) fn replay(&self, from: u64, each: impl FnMut(Chunk<'_>)) {
        self.kept.replay(from, each);
    }

    fn add_candidates(&mut self, offset: u64, bytes: &[u8]) {
        let places = if self.anywhere { bytes.len() } else { 1 };
        for (start, at) in (offset..).zip(0..places) {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.len() < 2 || legal_header(rest, self.terms).is_none() {
                continue;
            }
            let at_segment = start == offset;
            if self.candidates.len() >= limits::MAX_RESYNC_CANDIDATES {
                // Segment starts are the likelier ones: they take the place of another.
                let weakest = self
                    .candidates
                    .iter()
                    .position(|candidate| !candidate.at_segment);
                match weakest {
                    Some(index) if at_segment => drop(self.candidates.swap_remove(index)),
                    _ => continue,
                }
            }
            let mut candidate = Candidate {
                start,
                at_segment,
                next: start,
                partial: Vec::new(),
                headers: 0,
                landed: 0,
            };
            if candidate.follow(self.terms, start, rest) {
                self.candidates.push(candidate);
            }
        }
    }
}

impl Candidate {
    /// Follows the row of frames through these bytes; false where it leads to nonsense.
    fn follow(&mut self, terms: Terms, offset: u64, bytes: &[u8]) -> bool {
        let end = offset.saturating_add(bytes.len() as u64);
        while self.next < end {
            let from = (self.next + self.partial.len() as u64).saturating_sub(offset);
            let rest = usize::try_from(from)
                .ok()
                .and_then(|from| bytes.get(from..))
                .unwrap_or_default();
            let header = if self.partial.is_empty() {
                parse_header(rest)
                    .is_ok()
                    .then(|| legal_header(rest, terms))
            } else {
                let missing = MAX_HEADER_LEN
                    .saturating_sub(self.partial.len())
                    .min(rest.len());
                self.partial
                    .extend_from_slice(rest.get(..missing).unwrap_or_default());
                parse_header(&self.partial)
                    .is_ok()
                    .then(|| legal_header(&self.partial, terms))
            };
            match header {
                Some(Some(header)) => self.step(&header),
                Some(None) => return false,
                None => {
                    if self.partial.is_empty() {
                        self.partial.extend_from_slice(rest);
                    }
                    return true;
                }
            }
        }
        self.landed += u32::from(self.next == end);
        true
    }

    /// Bytes up to `end` are missing; false where a header was among them.
    fn leap(&mut self, terms: Terms, end: u64) -> bool {
        if !self.partial.is_empty() {
            // The length may have come, though the masking key behind it did not.
            match legal_header(&self.partial, terms) {
                Some(header) => self.step(&header),
                None => return false,
            }
        }
        self.landed += u32::from(self.next == end);
        self.next >= end
    }

    fn step(&mut self, header: &Header) {
        self.partial.clear();
        self.headers += 1;
        self.next = self
            .next
            .saturating_add(u64::from(header.header_len))
            .saturating_add(header.len);
    }
}

/// The header that bytes begin with, if its length is there and it breaks no rule; nor its
/// Close body, if that is there too.
fn legal_header(bytes: &[u8], terms: Terms) -> Option<Header> {
    let header = known_extent(bytes)?;
    if header_fault(&header, terms).is_some() {
        return None;
    }
    if header.opcode == Opcode::CLOSE
        && let Ok(len) = usize::try_from(header.len)
        && let Some(body) = bytes
            .get(usize::from(header.header_len)..)
            .and_then(|rest| rest.get(..len))
    {
        let mut body = body.to_vec();
        unmask(&mut body, header.mask.unwrap_or_default(), 0);
        if CloseFrame::new(&body, false, None).fault.is_some() {
            return None;
        }
    }
    Some(header)
}

/// A header whose length is known; a masking key that is not there yet is taken as zero.
pub(super) fn known_extent(bytes: &[u8]) -> Option<Header> {
    if let Ok((_, header)) = parse_header(bytes) {
        return Some(header);
    }
    let length_bytes = match bytes.get(1)? & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if bytes.len() < 2 + length_bytes {
        return None;
    }
    let mut padded = [0; MAX_HEADER_LEN];
    for (place, &byte) in padded.iter_mut().zip(bytes) {
        *place = byte;
    }
    parse_header(&padded).ok().map(|(_, header)| header)
}
