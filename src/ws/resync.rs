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
/// Bits of evidence in a frame that ends where a segment does, at most: its length has seven.
const LANDING: u32 = 7;
/// Bits of such evidence that prove a place at the start of a segment.
const LANDINGS: u32 = 2 * LANDING;

/// Payload of the longest legal control frame (RFC 6455 §5.5).
const MAX_CONTROL_LEN: u64 = 125;

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
    /// Bits of evidence in frames that ended where a segment did.
    landed: u32,
    /// A Close with a legal code was among them.
    closed: bool,
    /// One of them ended a message, or was a control frame.
    has_fin: bool,
    /// A message is unfinished behind them; `None` before the first frame of one.
    in_message: Option<bool>,
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

    /// Gives these bytes up, and the places where frames may begin in them.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
        self.candidates.clear();
    }

    /// The next chunk; the offset of a proven boundary, once there is one.
    pub(super) fn push(&mut self, chunk: Chunk<'_>) -> Option<u64> {
        let terms = self.terms;
        let mut chunk = chunk;
        match chunk {
            Chunk::Data {
                offset,
                bytes,
                origin,
            } => {
                let len = bytes.len() as u64;
                self.end = offset.saturating_add(len);
                // Whichever candidate is right, these bytes are payload, and of no control
                // frame: what stands behind them can be read without them.
                let known = self.candidates.len();
                let inside = |candidate: &Candidate| {
                    candidate.next >= self.end && candidate.partial.is_empty()
                };
                let is_payload = len > MAX_CONTROL_LEN && self.candidates.iter().all(inside);
                self.candidates
                    .retain_mut(|candidate| candidate.follow(terms, offset, bytes));
                self.add_candidates(offset, bytes);
                if is_payload && known > 0 && self.candidates.len() == known {
                    chunk = Chunk::Gap {
                        offset,
                        len,
                        origin,
                    };
                }
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
        self.keep(chunk);
        let proven = |candidate: &&Candidate| {
            let row = if candidate.at_segment {
                ROW_AT_SEGMENT
            } else {
                ROW_ANYWHERE
            };
            // Messages behind two-byte lengths look like continuation frames without an end.
            (self.anywhere || candidate.has_fin)
                && (candidate.headers >= row
                    || candidate.at_segment && candidate.landed >= LANDINGS)
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
    /// The second is whether it would do so without the other direction, the third how many frames
    /// they are.
    pub(super) fn finish(&self) -> Option<(u64, bool, u32)> {
        // Among short segments many a place leads to the end by chance.
        let last = |candidate: &&Candidate| {
            candidate.at_segment && candidate.next == self.end && candidate.landed >= LANDING - 2
        };
        let found = self
            .candidates
            .iter()
            .filter(last)
            .min_by_key(|candidate| candidate.start)?;
        Some((found.start, found.closed, found.headers))
    }

    /// The chunks from a proven boundary on.
    pub(super) fn replay(&self, from: u64, each: impl FnMut(Chunk<'_>)) {
        self.kept.replay(from, each);
    }

    fn add_candidates(&mut self, offset: u64, bytes: &[u8]) {
        let places = if self.anywhere { bytes.len() } else { 1 };
        for (start, at) in (offset..).zip(0..places) {
            let rest = bytes.get(at..).unwrap_or_default();
            let at_segment = start == offset;
            // Two bytes of a snapped segment are too few for a longer frame's length.
            let is_snapped = at_segment && known_extent(rest).is_none() && rest.len() >= 2;
            if !is_snapped && legal_header(rest, self.terms).is_none() {
                continue;
            }
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
                closed: false,
                has_fin: false,
                in_message: None,
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
        let mut begins_here = false;
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
                Some(Some((header, closed))) => {
                    self.closed |= closed;
                    begins_here = self.partial.is_empty();
                    if !self.step(&header) {
                        return false;
                    }
                }
                Some(None) => return false,
                None => {
                    if self.partial.is_empty() {
                        self.partial.extend_from_slice(rest);
                    }
                    return true;
                }
            }
        }
        if self.next == end {
            // Where segments are short, much that began before ends with one of them.
            let by_chance = bytes.len().checked_ilog2().unwrap_or(0).min(LANDING);
            self.landed += if begins_here { LANDING } else { by_chance };
        }
        true
    }

    /// Bytes up to `end` are missing; false where a header was among them.
    fn leap(&mut self, terms: Terms, end: u64) -> bool {
        if !self.partial.is_empty() {
            let missing = end.saturating_sub(self.next + self.partial.len() as u64);
            let header = snapped_header(&self.partial, missing);
            if !header
                .is_some_and(|header| header_fault(&header, terms).is_none() && self.step(&header))
            {
                return false;
            }
        }
        self.landed += if self.next == end { LANDING } else { 0 };
        self.next >= end
    }

    /// Goes on behind a frame; false where it cannot follow those before it (RFC 6455 §5.4), or
    /// is an empty fragment: nobody sends those, and zeros are full of them.
    fn step(&mut self, header: &Header) -> bool {
        if !header.opcode.is_control() {
            let goes_on = header.opcode == Opcode::CONTINUATION;
            if self
                .in_message
                .is_some_and(|in_message| in_message != goes_on)
                || header.len == 0 && !header.fin
            {
                return false;
            }
            self.in_message = Some(!header.fin);
        }
        self.partial.clear();
        self.headers += 1;
        self.has_fin |= header.fin;
        self.next = self
            .next
            .saturating_add(u64::from(header.header_len))
            .saturating_add(header.len);
        true
    }
}

/// The header that bytes begin with, if its length is there and it breaks no rule; nor its
/// Close body, if that is there too. The second is whether it is a Close with a legal code,
/// which chance makes once in a million.
fn legal_header(bytes: &[u8], terms: Terms) -> Option<(Header, bool)> {
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
        let close = CloseFrame::new(&body, false, None);
        return close
            .fault
            .is_none()
            .then_some((header, close.code().is_some()));
    }
    Some((header, false))
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

/// A header of which the snap length cut off the end, in a segment with so many bytes more.
/// Where the length is cut off too, the frame is taken to fill the segment, if its length can.
pub(super) fn snapped_header(bytes: &[u8], missing: u64) -> Option<Header> {
    if let Some(header) = known_extent(bytes) {
        return Some(header);
    }
    let &[first, second, ..] = bytes else {
        return None;
    };
    let (lengths, length_bytes) = match second & 0x7f {
        126 => (126..=0xffff, 2),
        _ => (0x1_0000..=u64::MAX, 8),
    };
    let is_masked = second & 0x80 != 0;
    let header_len = 2 + length_bytes + if is_masked { 4 } else { 0 };
    let len = (bytes.len() as u64 + missing).checked_sub(u64::from(header_len))?;
    let (_, shortest) = parse_header(&[first, 0]).ok()?;
    let mask = is_masked.then_some([0; 4]);
    lengths.contains(&len).then_some(Header {
        mask,
        len,
        header_len,
        ..shortest
    })
}

#[cfg(test)]
#[path = "resync_tests.rs"]
mod tests;
