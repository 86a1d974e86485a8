//! Connections that have ended, and stay for a while: packets may come late. What may still change
//! what is told stays whole; of what is closed only its place in the table does (`time_wait`).

use std::collections::VecDeque;

use super::{Followed, Pipeline};
use crate::flow::Slot;
use crate::limits;
use crate::time::Timestamp;

/// Connections that have ended.
pub(super) struct Lingering {
    /// The first one to go at the front, with the last that was seen of it.
    ended: VecDeque<(Timestamp, Slot)>,
    /// Up to when that one stays: looked at for every packet.
    until: Timestamp,
}

impl Default for Lingering {
    fn default() -> Self {
        Self {
            ended: VecDeque::new(),
            until: Timestamp::from_nanos(i64::MAX),
        }
    }
}

impl Lingering {
    /// One more stays.
    pub(super) fn push(&mut self, last: Timestamp, slot: Slot) {
        self.ended.push_back((last, slot));
        self.look_at_first();
    }

    /// The next one that has stayed long enough.
    fn pop(&mut self, now: Timestamp) -> Option<Slot> {
        if now <= self.until {
            return None;
        }
        let (_, slot) = self.ended.pop_front()?;
        self.look_at_first();
        Some(slot)
    }

    fn look_at_first(&mut self) {
        let last = self
            .ended
            .front()
            .map_or(i64::MAX, |(last, _)| last.as_nanos());
        self.until = Timestamp::from_nanos(last.saturating_add(limits::LINGER_NANOS));
    }
}

impl Pipeline {
    /// Lets go of connections that ended long enough ago.
    #[inline]
    pub(super) fn release(&mut self, now: Timestamp) {
        if now > self.lingering.until {
            self.release_ended(now);
        }
    }

    #[cold]
    fn release_ended(&mut self, now: Timestamp) {
        while let Some(slot) = self.lingering.pop(now) {
            let last = |followed: &mut Followed| followed.last().map(|(time, _)| time);
            match self.flows.get_mut(slot).and_then(last) {
                Some(last) if now.since(last) <= limits::LINGER_NANOS => {
                    self.lingering.push(last, slot);
                }
                _ => {
                    if let Some((key, followed)) = self.flows.remove(slot) {
                        self.conclude(key, followed);
                    }
                }
            }
        }
    }
}
