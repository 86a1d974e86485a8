//! Stream chunks that are put by.

use super::{Chunk, Origin};
use crate::limits;

/// Stream bytes kept until it is known what they are.
#[derive(Debug, Default)]
pub struct Waiting {
    pieces: Vec<Piece>,
    len: usize,
}

#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
    gap: u64,
    origin: Origin,
}

impl Waiting {
    /// Keeps a chunk; past the limit its bytes are given up and become a gap.
    pub fn push(&mut self, chunk: Chunk<'_>) {
        let piece = match chunk {
            Chunk::Data {
                offset,
                bytes,
                origin,
            } if self.len + bytes.len() <= limits::MAX_WAITING_BYTES => {
                self.len += bytes.len();
                Piece {
                    offset,
                    bytes: bytes.to_vec(),
                    gap: 0,
                    origin,
                }
            }
            Chunk::Data {
                offset,
                bytes,
                origin,
            } => Piece {
                offset,
                bytes: Vec::new(),
                gap: bytes.len() as u64,
                origin,
            },
            Chunk::Gap {
                offset,
                len,
                origin,
            } => Piece {
                offset,
                bytes: Vec::new(),
                gap: len,
                origin,
            },
        };
        match self.pieces.last_mut() {
            // Gaps that follow each other are one.
            Some(last)
                if last.gap > 0 && piece.gap > 0 && last.offset + last.gap == piece.offset =>
            {
                last.gap += piece.gap;
            }
            _ => self.pieces.push(piece),
        }
    }

    /// Fills `first` with the first bytes there are, up to the next gap: how many, and whether a
    /// gap follows them.
    pub fn begin(&self, first: &mut [u8]) -> (usize, bool) {
        let mut len = 0;
        for piece in &self.pieces {
            if piece.gap > 0 && len > 0 {
                return (len, true);
            }
            for (place, &byte) in first.iter_mut().skip(len).zip(&piece.bytes) {
                *place = byte;
                len += 1;
            }
        }
        (len, false)
    }

    /// The first bytes are missing.
    pub fn begins_with_gap(&self) -> bool {
        self.pieces.first().is_some_and(|piece| piece.gap > 0)
    }

    /// Bytes kept.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Some of what is kept is not missing.
    pub fn has_bytes(&self) -> bool {
        self.len > 0
    }

    /// Nothing is kept, not even a gap.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Gives up the bytes: they become a gap.
    pub fn forget(&mut self) {
        let last = self.pieces.pop();
        let Some((offset, last)) = self
            .pieces
            .first()
            .or(last.as_ref())
            .map(|piece| piece.offset)
            .zip(last)
        else {
            return;
        };
        let end = last.offset + last.gap + last.bytes.len() as u64;
        self.clear();
        self.pieces.push(Piece {
            offset,
            bytes: Vec::new(),
            gap: end - offset,
            origin: last.origin,
        });
    }

    /// Nothing of it is of use any more.
    pub fn clear(&mut self) {
        self.pieces.clear();
        self.len = 0;
    }

    /// What was kept from a stream offset on, in order.
    pub fn replay(&self, from: u64, mut each: impl FnMut(Chunk<'_>)) {
        for Piece {
            offset,
            bytes,
            gap,
            origin,
        } in &self.pieces
        {
            let skip = from.saturating_sub(*offset);
            let begin = offset + skip;
            if *gap > skip {
                each(Chunk::Gap {
                    offset: begin,
                    len: gap - skip,
                    origin: *origin,
                });
            }
            let rest = usize::try_from(skip)
                .ok()
                .and_then(|skip| bytes.get(skip..));
            if let Some(bytes) = rest.filter(|rest| !rest.is_empty()) {
                each(Chunk::Data {
                    offset: begin,
                    bytes,
                    origin: *origin,
                });
            }
        }
    }

    /// Everything that was kept of two directions, in the order of packets; `true`: of the second.
    pub fn merge(mut self, mut second: Self, mut each: impl FnMut(bool, Chunk<'_>)) {
        let first = self.pieces.drain(..).map(|piece| (false, piece));
        let second = second.pieces.drain(..).map(|piece| (true, piece));
        let mut pieces: Vec<(bool, Piece)> = first.chain(second).collect();
        // Stable: each direction keeps its own order among pieces of the same packet.
        pieces.sort_by_key(|(_, piece)| piece.origin.packet);
        for (is_second, piece) in pieces {
            let mut one = Self {
                len: piece.bytes.len(),
                pieces: vec![piece],
            };
            one.drain(|chunk| each(is_second, chunk));
        }
    }

    /// Everything that was kept, in order.
    pub fn drain(&mut self, mut each: impl FnMut(Chunk<'_>)) {
        self.len = 0;
        for Piece {
            offset,
            bytes,
            gap,
            origin,
        } in self.pieces.drain(..)
        {
            if gap > 0 {
                each(Chunk::Gap {
                    offset,
                    len: gap,
                    origin,
                });
            } else {
                each(Chunk::Data {
                    offset,
                    bytes: &bytes,
                    origin,
                });
            }
        }
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
