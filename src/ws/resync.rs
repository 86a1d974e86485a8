//! Finds the next frame behind a hole that swallowed a header.
//!
//! A place is taken only when it proves itself: a legal header whose length leads to another
//! legal header, or to the end of a segment, several times over. Few random bytes make a legal
//! header (about 1 in 40), and fewer still a length that leads to a segment's end.

use super::close_frame::CloseFrame;
use super::frame::{Header, Opcode, parse_header, unmask};
use super::rules::{Terms, header_fault};
use crate::limits;
use crate::tcp::Origin;

/// Headers in a row that prove a place at the start of a segment, where frames mostly begin.
const ROW_AT_SEGMENT: u32 = 4;
/// Headers in a row that prove any other place: there are a thousand times as many of them.
const ROW_ANYWHERE: u32 = 7;

/// A place where a frame may begin.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    start: u64,
    at_segment: bool,
    /// Where its next header is to be.
    next: u64,
    /// Legal headers so far.
    headers: u32,
    /// How often a frame ended where a segment did.
    landed: u32,
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Resync {
    terms: Terms,
    bytes: Vec<u8>,
    /// Offset of `bytes[0]`.
    start: u64,
    /// Where segments begin, and their packets.
    segments: Vec<(u64, Origin)>,
    candidates: Vec<Candidate>,
}

impl Resync {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            terms,
            bytes: Vec::new(),
            start: 0,
            segments: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// The next bytes; the offset of a proven boundary, once there is one.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8], origin: Origin) -> Option<u64> {
        if self.end() != offset || self.bytes.is_empty() {
            // The first bytes, or another hole: what came before leads nowhere.
            self.bytes.clear();
            self.segments.clear();
            self.candidates.retain(|candidate| candidate.next >= offset);
            self.start = offset;
        }
        self.make_room(bytes.len());
        self.segments.push((offset, origin));
        self.bytes.extend_from_slice(bytes);
        self.add_candidates(offset);
        self.follow();
        let proven = |candidate: &&Candidate| {
            let row = if candidate.at_segment {
                ROW_AT_SEGMENT
            } else {
                ROW_ANYWHERE
            };
            candidate.headers >= row || candidate.at_segment && candidate.landed >= 2
        };
        let found = self
            .candidates
            .iter()
            .filter(proven)
            .min_by_key(|candidate| candidate.start)?;
        Some(self.known_from(found))
    }

    /// No more bytes come: a row of frames that leads exactly to the end proves itself too.
    pub(super) fn finish(&mut self) -> Option<u64> {
        let end = self.end();
        let last = |candidate: &&Candidate| {
            candidate.at_segment && candidate.headers >= 1 && candidate.next == end
        };
        let found = self
            .candidates
            .iter()
            .filter(last)
            .min_by_key(|candidate| candidate.start)?;
        Some(self.known_from(found))
    }

    /// The bytes from a proven boundary on, segment by segment.
    pub(super) fn replay(&self, from: u64, mut each: impl FnMut(u64, &[u8], Origin)) {
        let ends = self
            .segments
            .iter()
            .skip(1)
            .map(|&(offset, _)| offset)
            .chain([self.end()]);
        for (&(offset, origin), end) in self.segments.iter().zip(ends) {
            let begin = offset.max(from);
            if begin < end {
                each(begin, self.slice(begin, end), origin);
            }
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Where reading can go on: the candidate's start, or its next header where the start has
    /// been given up already.
    fn known_from(&self, candidate: &Candidate) -> u64 {
        if candidate.start >= self.start {
            candidate.start
        } else {
            candidate.next
        }
    }

    fn slice(&self, from: u64, to: u64) -> &[u8] {
        let index =
            |offset: u64| usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes
            .get(index(from)..index(to).min(self.bytes.len()))
            .unwrap_or_default()
    }

    fn make_room(&mut self, wanted: usize) {
        if self.bytes.len() + wanted <= limits::MAX_RESYNC_BYTES {
            return;
        }
        let drop = self
            .bytes
            .len()
            .min(wanted.max(limits::MAX_RESYNC_BYTES / 2));
        self.bytes.drain(..drop);
        self.start += drop as u64;
        let start = self.start;
        let first = self
            .segments
            .partition_point(|&(offset, _)| offset <= start);
        self.segments.drain(..first.saturating_sub(1));
    }

    fn add_candidates(&mut self, segment: u64) {
        for start in segment..self.end() {
            let Some(header) = self.legal_header(start) else {
                continue;
            };
            let at_segment = start == segment;
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
            let next = after(start, &header);
            self.candidates.push(Candidate {
                start,
                at_segment,
                next,
                headers: 1,
                landed: 0,
            });
        }
    }

    /// Follows every candidate as far as the bytes go; those that lead to nonsense are dropped.
    fn follow(&mut self) {
        let end = self.end();
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain_mut(|candidate| {
            while candidate.next < end {
                if parse_header(self.slice(candidate.next, end)).is_err() {
                    return true;
                }
                let Some(header) = self.legal_header(candidate.next) else {
                    return false;
                };
                candidate.next = after(candidate.next, &header);
                candidate.headers += 1;
            }
            candidate.landed += u32::from(candidate.next == end);
            true
        });
        self.candidates = candidates;
    }

    /// The header at an offset, if it is whole and breaks no rule, and its Close body neither.
    fn legal_header(&self, offset: u64) -> Option<Header> {
        let (rest, header) = parse_header(self.slice(offset, self.end())).ok()?;
        if header_fault(&header, self.terms).is_some() {
            return None;
        }
        if header.opcode == Opcode::CLOSE
            && let Some(body) = usize::try_from(header.len)
                .ok()
                .and_then(|len| rest.get(..len))
        {
            let mut body = body.to_vec();
            unmask(&mut body, header.mask.unwrap_or_default(), 0);
            if CloseFrame::new(&body, false, None).fault.is_some() {
                return None;
            }
        }
        Some(header)
    }
}

fn after(start: u64, header: &Header) -> u64 {
    start
        .saturating_add(u64::from(header.header_len))
        .saturating_add(header.len)
}
