//! Bytes that came before their turn, until the hole in front of them is filled or given up.

use std::collections::BTreeMap;

use super::Origin;

/// What one held piece costs besides its bytes: map node, vector header, allocator.
const OVERHEAD: usize = 96;

/// A run of bytes that waits.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// Bytes on the wire; those past `bytes.len()` were not captured.
    pub(super) wire_len: u64,
    pub(super) origin: Origin,
}

/// Pieces by stream offset; they never overlap.
#[derive(Debug, Default)]
pub(super) struct Held {
    pieces: BTreeMap<u64, Piece>,
    cost: usize,
    /// Segments whose bytes differ from those that came first.
    pub(super) conflicts: u64,
}

impl Held {
    /// Memory held, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Where the first piece begins.
    pub(super) fn first(&self) -> Option<u64> {
        self.pieces.first_key_value().map(|(&offset, _)| offset)
    }

    /// The packet of the first piece.
    pub(super) fn first_origin(&self) -> Option<Origin> {
        self.pieces.first_key_value().map(|(_, piece)| piece.origin)
    }

    /// Takes the first piece out if it begins at or before `offset`.
    pub(super) fn pop_up_to(&mut self, offset: u64) -> Option<(u64, Piece)> {
        let entry = self.pieces.first_entry()?;
        if *entry.key() > offset {
            return None;
        }
        let (start, piece) = entry.remove_entry();
        self.cost = self.cost.saturating_sub(piece.bytes.len() + OVERHEAD);
        Some((start, piece))
    }

    /// Keeps what is new of a segment; where bytes are held already, the first ones stay.
    /// Returns whether any of it was new.
    pub(super) fn insert(
        &mut self,
        start: u64,
        bytes: &[u8],
        wire_len: u64,
        origin: Origin,
    ) -> bool {
        let end = start.saturating_add(wire_len);
        let mut at = start;
        let mut conflict = false;
        let mut is_new = false;
        while at < end {
            let before = self.pieces.range(..=at).next_back().map(|(&o, p)| (o, p));
            if let Some((offset, piece)) = before
                && offset.saturating_add(piece.wire_len) > at
            {
                let stop = offset.saturating_add(piece.wire_len).min(end);
                conflict |= cut(bytes, start, at, stop)
                    .iter()
                    .zip(cut(&piece.bytes, offset, at, stop))
                    .any(|(new, old)| new != old);
                at = stop;
                continue;
            }
            let stop = self.pieces.range(at..end).next().map_or(end, |(&o, _)| o);
            let part = cut(bytes, start, at, stop);
            self.cost += part.len() + OVERHEAD;
            self.pieces.insert(
                at,
                Piece {
                    bytes: part.to_vec(),
                    wire_len: stop - at,
                    origin,
                },
            );
            at = stop;
            is_new = true;
        }
        self.conflicts += u64::from(conflict);
        is_new
    }
}

/// The part of `bytes`, which begin at stream offset `start`, that lies in `from..to`.
fn cut(bytes: &[u8], start: u64, from: u64, to: u64) -> &[u8] {
    let index = |offset: u64| {
        usize::try_from(offset.saturating_sub(start))
            .unwrap_or(usize::MAX)
            .min(bytes.len())
    };
    bytes.get(index(from)..index(to)).unwrap_or_default()
}
