//! The packets of connections under way, kept for the case that somebody wants them: the opening,
//! and the recent past.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use zeroize::Zeroizing;

use super::followed::Followed;
use crate::capture::{LinkType, Packet, PacketId};
use crate::flow::Table;
use crate::limits;
use crate::time::Timestamp;

/// Octets before each packet: time, file, number, link type, length on the wire, length here.
const HEAD_LEN: usize = 8 + 2 + 8 + 2 + 4 + 4;

/// What is kept of a packet that is larger than all that may be kept.
const SNAP_LEN: usize = 256;

/// Room grows in steps of so many bytes, which leave memory less ragged than what just fits.
const STEP: usize = 64;

/// What one holds, as part of what all hold.
#[derive(Default)]
struct Charge {
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Charge {
    fn of(total: &Arc<AtomicUsize>) -> Self {
        Self {
            bytes: 0,
            total: Arc::clone(total),
        }
    }

    fn set(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            self.total.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.total.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Clone for Charge {
    fn clone(&self) -> Self {
        let mut charge = Self::of(&self.total);
        charge.set(self.bytes);
        charge
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// The packets of a connection, as far as they are kept.
#[derive(Clone, Default)]
pub struct Recording {
    charge: Charge,
    /// Up to when the session was open, or as much of it as may be kept.
    opening: VecDeque<u8>,
    /// The latest.
    recent: VecDeque<u8>,
    /// Packets between the two that are not kept.
    left_out: u64,
    /// The secrets are wanted, too.
    wants_secrets: bool,
    /// The text of a key log with what opens it.
    secrets: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("bytes", &self.bytes())
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}

impl Recording {
    /// Memory that it takes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.opening.capacity() + self.recent.capacity()
    }

    /// Packets between the opening and the recent past that were let go of.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The text of a TLS key log with the secrets of this connection, where they were asked for.
    pub fn secrets(&self) -> Option<&[u8]> {
        self.secrets.as_deref().map(Vec::as_slice)
    }

    /// Hands over the packets in order.
    pub fn each<E>(&self, mut take: impl FnMut(&Packet<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut data = Vec::new();
        for part in [&self.opening, &self.recent] {
            let mut bytes = part.iter();
            while let Some(head) = Head::read(&mut bytes) {
                data.clear();
                data.extend(bytes.by_ref().take(head.len));
                take(&Packet {
                    id: head.id,
                    time: head.time,
                    link: head.link,
                    wire_len: head.wire_len,
                    data: &data,
                })?;
            }
        }
        Ok(())
    }

    /// Keeps a packet; at most `allowance` bytes of the recent past. Where there is no `room`
    /// nothing grows.
    fn push(&mut self, packet: &Packet<'_>, is_open: bool, allowance: usize, room: usize) {
        let len = packet.data.len();
        let allowance = match room {
            0 => allowance.min(self.recent.capacity()),
            _ => allowance,
        };
        let in_opening = !is_open
            && room > 0
            && self.recent.is_empty()
            && self.left_out == 0
            && self.opening.len() + HEAD_LEN + len <= limits::MAX_RECORDED_OPENING;
        let kept = if in_opening || HEAD_LEN + len <= allowance {
            packet.data
        } else {
            packet.data.get(..SNAP_LEN).unwrap_or(packet.data)
        };
        let needed = HEAD_LEN + kept.len();
        let target = if in_opening {
            &mut self.opening
        } else if needed <= allowance {
            self.trim(allowance - needed);
            &mut self.recent
        } else {
            self.left_out += 1;
            return;
        };
        let (held, free) = (target.capacity(), target.capacity() - target.len());
        if free < needed {
            // By halves, not by doubling: there are many of these.
            let more = needed.max(held / 2) - free;
            target.reserve_exact(free + more.next_multiple_of(STEP));
        }
        target.extend(&packet.time.as_nanos().to_le_bytes());
        target.extend(&u16::try_from(packet.id.file()).unwrap_or(0).to_le_bytes());
        target.extend(&packet.id.number().to_le_bytes());
        target.extend(&packet.link.0.to_le_bytes());
        target.extend(&packet.wire_len.to_le_bytes());
        target.extend(&u32::try_from(kept.len()).unwrap_or(0).to_le_bytes());
        target.extend(kept);
        self.charge.set(self.bytes());
    }

    /// Notes what opens it, where that is wanted; what was noted before stays.
    pub(super) fn add_secrets(&mut self, text: impl FnOnce() -> Option<Zeroizing<Vec<u8>>>) {
        if self.wants_secrets && self.secrets.is_none() {
            self.secrets = text();
        }
    }

    /// Lets go of the oldest of the recent past, down to `allowance` bytes.
    fn trim(&mut self, allowance: usize) {
        while self.recent.len() > allowance
            && let Some(head) = Head::read(&mut self.recent.iter())
        {
            let end = (HEAD_LEN + head.len).min(self.recent.len());
            self.recent.drain(..end);
            self.left_out += 1;
        }
    }
}

/// What stands before each packet.
struct Head {
    time: Timestamp,
    id: PacketId,
    link: LinkType,
    wire_len: u32,
    len: usize,
}

impl Head {
    fn read<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<Self> {
        fn next<'a, const N: usize>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<[u8; N]> {
            let mut taken = [0; N];
            for place in &mut taken {
                *place = *bytes.next()?;
            }
            Some(taken)
        }
        let time = i64::from_le_bytes(next(bytes)?);
        let file = u16::from_le_bytes(next(bytes)?);
        let number = u64::from_le_bytes(next(bytes)?);
        let link = u16::from_le_bytes(next(bytes)?);
        let wire_len = u32::from_le_bytes(next(bytes)?);
        let len = u32::from_le_bytes(next(bytes)?);
        Some(Self {
            time: Timestamp::from_nanos(time),
            id: PacketId::new(file, number),
            link: LinkType(link),
            wire_len,
            len: usize::try_from(len).ok()?,
        })
    }
}

/// What a pipeline that records keeps.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Also keep the secrets of recorded sessions.
    with_secrets: bool,
    /// What all hold together, those included that wait to be written.
    held: Arc<AtomicUsize>,
    /// All that may be held.
    max: usize,
    /// The place in the table of connections that is looked at next.
    hand: usize,
    /// Connections that are not recorded, because there is no room.
    refused: u64,
}

impl Recorder {
    pub(super) fn new(with_secrets: bool) -> Self {
        Self {
            with_secrets,
            held: Arc::default(),
            max: limits::MAX_RECORDED_IN_ALL,
            hand: 0,
            refused: 0,
        }
    }

    /// Connections that are not recorded, because there is no room.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    fn room(&self) -> usize {
        self.max.saturating_sub(self.held.load(Ordering::Relaxed))
    }

    /// Bytes of the recent past that each connection may keep: ever less, the less room is left.
    fn allowance(&self) -> usize {
        (self.room() / limits::RECORDED_SHARE)
            .clamp(limits::MIN_RECORDED_SESSION, limits::MAX_RECORDED_SESSION)
    }

    /// Keeps a packet of a connection, which has been handled. Whether the session is open.
    pub(super) fn keep(
        &mut self,
        trace: &mut Option<Box<Recording>>,
        packet: &Packet<'_>,
        is_open: bool,
        is_first: bool,
    ) {
        let (room, allowance) = (self.room(), self.allowance());
        let trace = match trace {
            Some(trace) => trace,
            None if room == 0 => {
                self.refused += u64::from(is_first);
                return;
            }
            // Its beginning may be gone, but better the rest than nothing.
            None => trace.insert(Box::new(Recording {
                charge: Charge::of(&self.held),
                wants_secrets: self.with_secrets,
                ..Recording::default()
            })),
        };
        trace.push(packet, is_open, allowance, room);
    }

    /// Where more than half of what may be held is: lets a few connections, the next time the
    /// next ones, keep no more of their past than they may by now. Called for each packet, so
    /// that those that are quiet do not keep what others need.
    pub(super) fn even_out(&mut self, flows: &mut Table<Followed>) {
        if self.room() > self.max / 2 {
            return;
        }
        let allowance = self.allowance();
        for _ in 0..limits::EVENED_OUT_AT_ONCE {
            if let Some(followed) = flows.place_mut(self.hand)
                && let Some(trace) = followed.trace_mut()
                && trace.recent.capacity() > allowance + STEP
            {
                trace.trim(allowance);
                trace.recent.shrink_to(allowance);
                trace.charge.set(trace.bytes());
            }
            self.hand += 1;
            if self.hand >= flows.places() {
                self.hand = 0;
            }
        }
    }
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
