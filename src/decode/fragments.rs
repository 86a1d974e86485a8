//! IP fragments, held until their datagram is whole (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! Everything here is bounded, since fragments are an old way to exhaust whoever collects them.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::quality::RandomState;

use super::Tunnels;
use super::bytes::Bytes;
use super::reason::{Header, Reason};
use super::tcp::IpFields;
use crate::time::Timestamp;

/// The largest payload that the length field of IPv4 allows.
const MAX_DATAGRAM_LEN: u32 = 65_535;
/// Bytes held for all datagrams together, bookkeeping included.
const MAX_HELD: usize = 4 << 20;
/// Datagrams remembered: bounds the table where fragments are tiny.
const MAX_DATAGRAMS: usize = 4096;
/// Fragments of one datagram: 64 KiB in pieces of 128 bytes, far below any real MTU.
const MAX_PIECES: usize = 512;
/// How long a datagram may take (Linux: `ipfrag_time`), in nanoseconds of packet time.
const LIFETIME: u64 = 30_000_000_000;
/// How long a whole datagram is remembered, so that copies of its fragments (a mirrored port, a
/// capture on several interfaces) do not begin a new one. Short, since identifiers come again.
const REMEMBERED: u64 = 1_000_000_000;
/// What an entry costs beside its bytes, roughly.
const DATAGRAM_COST: usize = 256;
const PIECE_COST: usize = size_of::<Piece>();

/// What became of IP fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentCounts {
    /// Fragments seen.
    pub fragments: u64,
    /// Datagrams made whole.
    pub reassembled: u64,
    /// Datagrams given up because their fragments overlap without being copies.
    pub overlapping: u64,
    /// Datagrams given up because fragments did not come in time.
    pub expired: u64,
    /// Datagrams given up because too much was held, or because they came in too many pieces.
    pub over_limit: u64,
}

/// A fragment, by the fields of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) id: u32,
    /// What the datagram carries: counts in the first fragment only (RFC 8200 §4.5).
    pub(super) protocol: u8,
    /// In bytes.
    pub(super) offset: u32,
    pub(super) more: bool,
}

/// Which datagram a fragment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// IPv4 only: in IPv6 it may differ between the fragments of one datagram.
    protocol: u8,
    /// Private addresses come again in other tunnels.
    tunnels: Tunnels,
}

impl Key {
    pub(super) fn new(ip: &IpFields, fragment: &Fragment, tunnels: Tunnels) -> Self {
        let protocol = if ip.src.is_v4 { fragment.protocol } else { 0 };
        Self {
            src: ip.src.ip(),
            dst: ip.dst.ip(),
            id: fragment.id,
            protocol,
            tunnels,
        }
    }
}

/// What [`Fragments::insert`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Put by, or known already.
    Held,
    /// Not to be used.
    Refused(Reason),
    /// The datagram is whole, as far as it was captured: `lost` bytes are missing at its end.
    Whole { protocol: u8, lost: usize },
}

/// A fragment in a datagram: where it stands, and where its captured bytes are held.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u32,
    /// On the wire.
    len: u32,
    held_at: usize,
    held_len: usize,
}

impl Piece {
    fn end(&self) -> u32 {
        self.start.saturating_add(self.len)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Filling,
    Whole,
    Refused(Reason),
}

#[derive(Debug)]
struct Datagram {
    /// Tells it from a later one of the same key.
    serial: u64,
    /// When its state began.
    since: Timestamp,
    state: State,
    protocol: u8,
    /// Known once the last fragment was seen.
    total: Option<u32>,
    /// Sum of the pieces.
    covered: u32,
    /// In order, without overlap.
    pieces: Vec<Piece>,
    /// Captured bytes of the pieces, in the order in which they came.
    held: Vec<u8>,
}

impl Datagram {
    fn is_over(&self, now: Timestamp) -> bool {
        let lifetime = if self.state == State::Whole {
            REMEMBERED
        } else {
            LIFETIME
        };
        // A clock that jumped back ends it too.
        now.since(self.since).unsigned_abs() > lifetime
    }

    fn cost(&self) -> usize {
        self.held
            .len()
            .saturating_add(self.pieces.len().saturating_mul(PIECE_COST))
            .saturating_add(DATAGRAM_COST)
    }

    /// Ends it, and frees what it held.
    fn end(&mut self, state: State, now: Timestamp) {
        (self.state, self.since) = (state, now);
        self.pieces = Vec::new();
        self.held = Vec::new();
    }

    /// Takes in one fragment. An error gives up the whole datagram.
    fn insert(&mut self, fragment: Fragment, bytes: Bytes<'_>, len: u32) -> Result<(), Reason> {
        let piece = Piece {
            start: fragment.offset,
            len,
            held_at: self.held.len(),
            held_len: bytes.data.len(),
        };
        let index = self
            .pieces
            .partition_point(|other| other.start < piece.start);
        if let Some(other) = self.pieces.get(index) {
            if other.start == piece.start && other.len == piece.len {
                let held = self.held.get(other.held_at..).unwrap_or_default();
                let compared = other.held_len.min(piece.held_len);
                return match held.get(..compared) == bytes.data.get(..compared) {
                    true => Ok(()),
                    false => Err(Reason::FragmentOverlap),
                };
            }
            if other.start < piece.end() {
                return Err(Reason::FragmentOverlap);
            }
        }
        let before = index
            .checked_sub(1)
            .and_then(|index| self.pieces.get(index));
        let known_end = self.pieces.last().map_or(0, Piece::end).max(piece.end());
        let total = if fragment.more {
            self.total
        } else {
            Some(piece.end())
        };
        let contradicts = total.is_some_and(|total| {
            total < known_end || self.total.is_some_and(|known| known != total)
        });
        if before.is_some_and(|before| before.end() > piece.start) || contradicts {
            return Err(Reason::FragmentOverlap);
        }
        if self.pieces.len() >= MAX_PIECES {
            return Err(Reason::TooManyFragments);
        }
        if fragment.offset == 0 {
            self.protocol = fragment.protocol;
        }
        self.total = total;
        self.covered = self.covered.saturating_add(len);
        self.pieces.insert(index, piece);
        self.held.extend_from_slice(bytes.data);
        Ok(())
    }

    /// Writes the datagram to `out`, up to the first byte that was not captured; answers how many
    /// are missing from there on.
    fn assemble(&self, out: &mut Vec<u8>) -> usize {
        out.clear();
        for piece in &self.pieces {
            let end = piece.held_at.saturating_add(piece.held_len);
            out.extend_from_slice(self.held.get(piece.held_at..end).unwrap_or_default());
            if piece.held_len < usize::try_from(piece.len).unwrap_or(usize::MAX) {
                break;
            }
        }
        usize::try_from(self.covered)
            .unwrap_or(usize::MAX)
            .saturating_sub(out.len())
    }
}

/// The datagrams of which fragments were seen.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    datagrams: HashMap<Key, Datagram, RandomState>,
    /// Oldest first. An entry whose serial number is not that of the datagram is out of date.
    order: VecDeque<(Key, u64)>,
    serial: u64,
    /// Sum of the costs in `datagrams`.
    held: usize,
    counts: FragmentCounts,
}

impl Fragments {
    pub(super) fn counts(&self) -> FragmentCounts {
        self.counts
    }

    /// Bytes held, bookkeeping included.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        assert_eq!(
            self.held,
            self.datagrams.values().map(Datagram::cost).sum::<usize>()
        );
        self.held
    }

    /// Takes in a fragment; when it is the last that was missing, `out` becomes the datagram.
    pub(super) fn insert(
        &mut self,
        key: Key,
        fragment: Fragment,
        bytes: Bytes<'_>,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) -> Outcome {
        self.counts.fragments = self.counts.fragments.saturating_add(1);
        let malformed = Outcome::Refused(Reason::Malformed(Header::Fragment));
        let Ok(len) = u32::try_from(bytes.wire_len()) else {
            return malformed;
        };
        let is_aligned = len.is_multiple_of(8) || !fragment.more;
        let fits = fragment
            .offset
            .checked_add(len)
            .is_some_and(|end| end <= MAX_DATAGRAM_LEN);
        if len == 0 || !is_aligned || !fits {
            return malformed;
        }
        self.forget_old(now);
        let is_over = self
            .datagrams
            .get(&key)
            .is_some_and(|datagram| datagram.is_over(now));
        if is_over && self.remove(&key) == Some(State::Filling) {
            self.counts.expired = self.counts.expired.saturating_add(1);
        }
        let serial = &mut self.serial;
        let order = &mut self.order;
        let held = &mut self.held;
        let datagram = self.datagrams.entry(key).or_insert_with(|| {
            *serial = serial.wrapping_add(1);
            order.push_back((key, *serial));
            *held = held.saturating_add(DATAGRAM_COST);
            Datagram {
                serial: *serial,
                since: now,
                state: State::Filling,
                protocol: fragment.protocol,
                total: None,
                covered: 0,
                pieces: Vec::new(),
                held: Vec::new(),
            }
        });
        match datagram.state {
            State::Filling => {}
            State::Whole => return Outcome::Held,
            State::Refused(reason) => return Outcome::Refused(reason),
        }
        let cost_before = datagram.cost();
        let outcome = match datagram.insert(fragment, bytes, len) {
            Ok(()) if datagram.total == Some(datagram.covered) => {
                let lost = datagram.assemble(out);
                datagram.end(State::Whole, now);
                self.counts.reassembled = self.counts.reassembled.saturating_add(1);
                Outcome::Whole {
                    protocol: datagram.protocol,
                    lost,
                }
            }
            Ok(()) => Outcome::Held,
            Err(reason) => {
                // RFC 5722 §4: nor may what still comes of it be used.
                datagram.end(State::Refused(reason), now);
                let count = match reason {
                    Reason::FragmentOverlap => &mut self.counts.overlapping,
                    _ => &mut self.counts.over_limit,
                };
                *count = count.saturating_add(1);
                Outcome::Refused(reason)
            }
        };
        self.held = self
            .held
            .saturating_sub(cost_before)
            .saturating_add(datagram.cost());
        while self.held > MAX_HELD || self.order.len() > MAX_DATAGRAMS {
            if self.drop_oldest() {
                self.counts.over_limit = self.counts.over_limit.saturating_add(1);
            }
        }
        outcome
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some((key, serial)) = self.order.front() {
            match self.datagrams.get(key) {
                Some(datagram) if datagram.serial == *serial && !datagram.is_over(now) => return,
                _ => {
                    if self.drop_oldest() {
                        self.counts.expired = self.counts.expired.saturating_add(1);
                    }
                }
            }
        }
    }

    /// Forgets the oldest datagram; answers whether one was lost by that.
    fn drop_oldest(&mut self) -> bool {
        let Some((key, serial)) = self.order.pop_front() else {
            self.held = 0;
            return false;
        };
        match self.datagrams.get(&key) {
            Some(datagram) if datagram.serial == serial => {
                self.remove(&key) == Some(State::Filling)
            }
            _ => false,
        }
    }

    fn remove(&mut self, key: &Key) -> Option<State> {
        let datagram = self.datagrams.remove(key)?;
        self.held = self.held.saturating_sub(datagram.cost());
        Some(datagram.state)
    }
}
