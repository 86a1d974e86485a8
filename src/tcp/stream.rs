//! The assembler of one direction: 64-bit offsets, bytes in order by reference, holes.

use super::held::{Held, Piece};
use super::{Chunk, Origin};
use crate::limits;
use crate::time::Timestamp;

/// One direction of a connection: what one end sent.
#[derive(Debug, Default)]
pub struct Stream {
    /// Sequence number of offset 0; counts once `started`.
    base: u32,
    started: bool,
    /// The SYN was seen, so offset 0 is the first byte.
    from_syn: bool,
    /// Offset of the next byte to hand on.
    next: u64,
    /// How far the peer has acknowledged.
    acked: u64,
    /// What came before its turn, and what never came.
    holes: Option<Box<Holes>>,
}

/// What only streams with holes need.
#[derive(Debug, Default)]
struct Holes {
    held: Held,
    /// Since when the peer's acknowledgement lies behind a hole.
    acked_since: Option<Timestamp>,
    gaps: u64,
    lost: u64,
}

impl Stream {
    /// The sequence number of offset 0 is known.
    pub fn is_started(&self) -> bool {
        self.started
    }

    /// Sequence numbers of its first byte and of the next one expected.
    pub fn seqs(&self) -> Option<(u32, u32)> {
        self.started
            .then(|| (self.base, self.base.wrapping_add(low_bits(self.next))))
    }

    /// It was seen from its SYN on.
    pub fn is_from_syn(&self) -> bool {
        self.from_syn
    }

    /// Offset of the next byte expected: how many were handed on or given up.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How far the peer has acknowledged.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Bytes missing from the capture so far, and in how many holes.
    pub fn lost(&self) -> (u64, u64) {
        let holes = self.holes.as_ref();
        holes.map_or((0, 0), |holes| (holes.lost, holes.gaps))
    }

    /// Segments whose bytes contradict those that came before (the first are kept).
    pub fn conflicts(&self) -> u64 {
        self.holes.as_ref().map_or(0, |holes| holes.held.conflicts)
    }

    /// Memory held by bytes that wait behind a hole.
    pub fn held_bytes(&self) -> usize {
        self.holes.as_ref().map_or(0, |holes| holes.held.cost())
    }

    /// Waits for no hole any longer.
    pub fn abandon_holes(&mut self, emit: &mut impl FnMut(Chunk<'_>)) {
        while let Some(first) = self.first_held() {
            self.skip_to(first, emit);
        }
    }

    fn first_held(&self) -> Option<u64> {
        self.holes.as_ref()?.held.first()
    }

    /// Bytes wait behind a hole.
    pub fn has_hole(&self) -> bool {
        self.first_held().is_some()
    }

    /// A SYN with this sequence number was seen. False where it contradicts what is known:
    /// it belongs to another connection.
    pub fn handle_syn(&mut self, seq: u32) -> bool {
        let first = seq.wrapping_add(1);
        if self.started && (self.from_syn || self.next > 0 || self.has_hole()) {
            self.from_syn |= self.base == first;
            return self.base == first;
        }
        // Nothing was handed on yet: what came before was of an older connection.
        self.start(first);
        self.from_syn = true;
        true
    }

    /// Another packet shows that the next byte has this sequence number.
    pub fn begin_at(&mut self, seq: u32, is_first: bool) {
        if !self.started {
            self.start(seq);
            self.from_syn = is_first;
        }
    }

    fn start(&mut self, seq: u32) {
        self.base = seq;
        self.started = true;
    }

    /// The offset of a sequence number, taken as the one nearest to the next byte expected.
    /// Negative: before the first byte seen. 0 while nothing was seen.
    pub fn offset(&self, seq: u32) -> i64 {
        if !self.started {
            return 0;
        }
        // RFC 9293 §3.4: sequence numbers compare modulo 2^32.
        let expected = self.base.wrapping_add(low_bits(self.next));
        let distance = i64::from(seq.wrapping_sub(expected).cast_signed());
        i64::try_from(self.next)
            .unwrap_or(i64::MAX)
            .saturating_add(distance)
    }

    /// The next byte expected has this sequence number.
    #[inline]
    pub(super) fn expects(&self, seq: u32) -> bool {
        seq == self.base.wrapping_add(low_bits(self.next))
    }

    /// The peer acknowledged this sequence number.
    #[inline(always)]
    pub fn handle_ack(&mut self, ack: u32) {
        if !self.started {
            return;
        }
        let offset = u64::try_from(self.offset(ack)).unwrap_or(0);
        // An acknowledgement of what nobody can have sent yet is none.
        if offset > self.acked && offset <= self.next.saturating_add(limits::MAX_AHEAD) {
            self.acked = offset;
        }
    }

    /// Bytes of a segment. Hands on what is in order now, and keeps what is not.
    /// Returns whether any of it was new.
    pub fn handle_data(
        &mut self,
        seq: u32,
        bytes: &[u8],
        wire_len: u32,
        origin: Origin,
        emit: &mut impl FnMut(Chunk<'_>),
    ) -> bool {
        if !self.started {
            self.start(seq);
        }
        let offset = self.offset(seq);
        let Some(end) = offset
            .checked_add(i64::from(wire_len))
            .and_then(|end| u64::try_from(end).ok())
        else {
            return false;
        };
        if end <= self.next {
            return false;
        }
        // What was handed on already stays as it was: the first bytes win.
        let skip = self.next.saturating_sub(u64::try_from(offset).unwrap_or(0));
        let skip = if offset < 0 {
            self.next.saturating_add(offset.unsigned_abs())
        } else {
            skip
        };
        let bytes = usize::try_from(skip)
            .ok()
            .and_then(|skip| bytes.get(skip..))
            .unwrap_or_default();
        let start = u64::try_from(offset).unwrap_or(0).max(self.next);
        let first_held = self.first_held();
        if start == self.next {
            // Another hole is in front now, if any: patience with it begins anew.
            if let Some(holes) = &mut self.holes {
                holes.acked_since = None;
            }
            if first_held.is_none_or(|first| first >= end) {
                self.deliver(bytes, end - start, origin, emit);
                self.drain(emit);
                return true;
            }
        } else if start - self.next > limits::MAX_AHEAD {
            return false;
        }
        let is_new =
            self.holes
                .get_or_insert_default()
                .held
                .insert(start, bytes, end - start, origin);
        if start == self.next {
            self.drain(emit);
        }
        is_new
    }

    /// Gives up the hole in front of held bytes when waiting has become pointless: the peer has
    /// acknowledged past it (so it had the bytes, and the capture has not), or the limit is hit.
    pub fn give_up_holes(&mut self, now: Timestamp, emit: &mut impl FnMut(Chunk<'_>)) {
        loop {
            let Some(holes) = &mut self.holes else { return };
            let Some(first) = holes.held.first() else {
                holes.acked_since = None;
                return;
            };
            let cost = holes.held.cost();
            // Acknowledgements can stand before their data in a capture: give the data time.
            let acked = self.acked >= first;
            if acked {
                holes.acked_since.get_or_insert(now);
            }
            let patience_over = holes
                .acked_since
                .is_some_and(|since| now.since(since) > limits::ACKED_HOLE_PATIENCE_NANOS);
            if !(cost > limits::MAX_HELD_BYTES
                || acked && (patience_over || cost > limits::MAX_HELD_BYTES_ACKED))
            {
                return;
            }
            holes.acked_since = None;
            self.skip_to(first, emit);
        }
    }

    /// The connection is over: hands on everything that waits, with the holes before it and at
    /// the end of the stream.
    ///
    /// `declared`: how far the end said that its stream reaches (FIN, RST). `heard`: what the
    /// peer's RST acknowledges. It tells that bytes were sent, not that anybody read them.
    pub fn finish(
        &mut self,
        last: Origin,
        declared: Option<u64>,
        heard: Option<u32>,
        emit: &mut impl FnMut(Chunk<'_>),
    ) {
        let limit = self.next.saturating_add(limits::MAX_AHEAD);
        let declared = declared.filter(|&end| end <= limit);
        self.abandon_holes(emit);
        // The acknowledgement of a FIN counts one more than there are bytes (RFC 9293 §3.4).
        // Where the capture lost the FIN, the one byte beyond is taken for it.
        let heard = heard.map_or(0, |ack| u64::try_from(self.offset(ack)).unwrap_or(0));
        let heard = if heard <= self.next.saturating_add(limits::MAX_AHEAD) {
            heard
        } else {
            0
        };
        let known = self.acked.max(heard);
        let acked = match declared {
            Some(end) => known.min(end),
            None if known == self.next.saturating_add(1) => self.next,
            None => known,
        };
        let end = acked.max(declared.unwrap_or(0));
        if self.started && end > self.next {
            self.gap(end, last, emit);
        }
    }

    fn skip_to(&mut self, offset: u64, emit: &mut impl FnMut(Chunk<'_>)) {
        if offset > self.next {
            let origin = self
                .holes
                .as_ref()
                .and_then(|holes| holes.held.first_origin());
            if let Some(origin) = origin {
                self.gap(offset, origin, emit);
            }
        }
        self.drain(emit);
    }

    fn gap(&mut self, end: u64, origin: Origin, emit: &mut impl FnMut(Chunk<'_>)) {
        let len = end.saturating_sub(self.next);
        let holes = self.holes.get_or_insert_default();
        holes.gaps += 1;
        holes.lost = holes.lost.saturating_add(len);
        emit(Chunk::Gap {
            offset: self.next,
            len,
            origin,
        });
        self.next = end;
    }

    /// Hands on bytes that begin with the next one expected; none may wait behind them.
    #[inline]
    pub(super) fn hand_on(
        &mut self,
        bytes: &[u8],
        origin: Origin,
        emit: &mut impl FnMut(Chunk<'_>),
    ) {
        emit(Chunk::Data {
            offset: self.next,
            bytes,
            origin,
        });
        self.next = self.next.saturating_add(bytes.len() as u64);
    }

    fn deliver(
        &mut self,
        bytes: &[u8],
        wire_len: u64,
        origin: Origin,
        emit: &mut impl FnMut(Chunk<'_>),
    ) {
        if !bytes.is_empty() {
            self.hand_on(bytes, origin, emit);
        }
        // The tail that a snap length cut off is a hole of known length.
        let missing = wire_len.saturating_sub(bytes.len() as u64);
        if missing > 0 {
            self.gap(self.next.saturating_add(missing), origin, emit);
        }
    }

    fn drain(&mut self, emit: &mut impl FnMut(Chunk<'_>)) {
        while let Some((start, piece)) = self
            .holes
            .as_mut()
            .and_then(|holes| holes.held.pop_up_to(self.next))
        {
            let Piece {
                bytes,
                wire_len,
                origin,
            } = piece;
            let skip = self.next - start;
            if skip < wire_len {
                let bytes = usize::try_from(skip)
                    .ok()
                    .and_then(|skip| bytes.get(skip..))
                    .unwrap_or_default();
                self.deliver(bytes, wire_len - skip, origin, emit);
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "sequence numbers are the low 32 bits of offsets"
)]
const fn low_bits(offset: u64) -> u32 {
    offset as u32
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
