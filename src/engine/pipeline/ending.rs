//! Endings as they happen: which connections may be over, and when it is time to say so.
//!
//! A capture file is read to its end before anything is told; on an interface there is no end.
//! So what looks like an ending is watched for a short while and then told. What comes later
//! changes nothing any more: the connection stays in the table, but nobody looks at its bytes.

use std::collections::VecDeque;

use super::{Attempts, Followed, Pipeline, Stack, conclude, conclude_in_place, tell};
use crate::engine::attempts::Known;
use crate::engine::sealed::stage;
use crate::engine::stack::Verge;
use crate::flow::{Slot, Table};
use crate::limits;
use crate::session::{Session, Summary, Transport};
use crate::time::Timestamp;

/// What a pipeline without an end keeps.
#[derive(Default)]
pub(super) struct Endings {
    /// Connections that may be ending, the one looked at longest ago first.
    candidates: VecDeque<Candidate>,
    /// When the whole table was looked through last.
    swept: Option<Timestamp>,
    /// Where sessions that were told, or are under way, were asked for.
    known: Known,
    /// Sessions told so far.
    told: u64,
    abnormal: u64,
}

struct Candidate {
    looked_at: Timestamp,
    since: Timestamp,
    slot: Slot,
}

impl Endings {
    /// After each packet: takes note of a connection that may be ending.
    #[inline]
    pub(super) fn watch(&mut self, stack: &mut Stack, slot: Slot, now: Timestamp) {
        if !stack.is_watched && stack.verge() != Verge::None {
            stack.is_watched = true;
            self.candidates.push_back(Candidate {
                looked_at: now,
                since: now,
                slot,
            });
        }
    }
}

/// At least so much time lies between the two. The clock of a host may be set back: then nobody
/// knows how much passed, and waiting until it has caught up would take too long.
fn apart(now: Timestamp, then: Timestamp, nanos: i64) -> bool {
    now.since(then).saturating_abs() >= nanos
}

impl Pipeline {
    /// One for packets that never end: sessions are to be [taken](Self::take_sessions) as they
    /// end, and it needs to be told what [time](Self::handle_tick) it is.
    pub fn live(story: bool) -> Self {
        Self {
            endings: Some(Endings::default()),
            max_connections: limits::MAX_LIVE_CONNECTIONS,
            max_syns_waiting: limits::MAX_LIVE_SYNS_WAITING,
            ..Self::new(story)
        }
    }

    /// Time passes, with packets or without; wants to be called several times a second. Concludes
    /// the sessions that are over, and lets go of connections that nothing is expected of.
    pub fn handle_tick(&mut self, now: Timestamp) {
        let Some(mut endings) = self.endings.take() else {
            return;
        };
        while let Some(candidate) = endings.candidates.front()
            && apart(now, candidate.looked_at, limits::QUIET_NANOS)
            && let Some(candidate) = endings.candidates.pop_front()
        {
            if self.conclude_if_over(&candidate, now) {
                continue;
            }
            endings.candidates.push_back(Candidate {
                looked_at: now,
                ..candidate
            });
        }
        let swept = *endings.swept.get_or_insert(now);
        if apart(now, swept, limits::SWEEP_NANOS) {
            endings.swept = Some(now);
            self.sweep(now);
            self.tell_attempts(&mut endings.known, now);
        }
        self.endings = Some(endings);
    }

    /// The sessions concluded since the last call, numbered in the order of telling.
    pub fn take_sessions(&mut self) -> Vec<Session> {
        let Some(endings) = &mut self.endings else {
            return Vec::new();
        };
        let mut sessions = std::mem::take(&mut self.sessions);
        // Which server speaks WebSocket is not known yet.
        if !self.keys.tells_opaque {
            sessions.retain(|session| stage(session).is_none());
        }
        // Up to here the number is the ordinal of the connection.
        sessions.sort_by_key(|session| (session.number, session.first_packet));
        for session in &mut sessions {
            endings.told += 1;
            endings.abnormal += u64::from(session.is_abnormal());
            if stage(session).is_none() {
                endings.known.add(session);
            }
            self.summary.tls_opaque += u64::from(session.transport == Transport::Tls);
            session.number = endings.told;
        }
        sessions
    }

    /// Concludes whatever is still going on. Its sessions are to be taken.
    pub fn finish_live(&mut self) {
        if let Some(endings) = &mut self.endings {
            know_open(&mut endings.known, &self.flows);
        }
        for (key, followed) in self.flows.drain() {
            conclude(
                key,
                followed,
                &mut self.keys,
                (&mut self.sessions, &mut self.attempts),
                &mut self.summary,
            );
        }
        if let Some(mut endings) = self.endings.take() {
            let now = self
                .summary
                .span
                .map_or(Timestamp::default(), |(_, last)| last);
            self.tell_attempts(&mut endings.known, now);
            self.endings = Some(endings);
        }
    }

    /// Tells the attempts to connect that were for a server of WebSockets, as far as is known by
    /// now.
    fn tell_attempts(&mut self, known: &mut Known, now: Timestamp) {
        if self.attempts.is_empty() {
            return;
        }
        know_open(known, &self.flows);
        self.sessions.iter().for_each(|session| known.add(session));
        let attempts = std::mem::replace(&mut self.attempts, Attempts::new(self.story));
        let (told, forgotten) = attempts.tell(known, now, self.summary.gaps == 0);
        self.sessions.extend(told);
        self.summary.attempts_forgotten += forgotten;
    }

    /// The totals up to now.
    pub fn summary(&self) -> Summary {
        let (told, abnormal) = match &self.endings {
            Some(endings) => (endings.told, endings.abnormal),
            None => (0, 0),
        };
        Summary {
            sessions: told,
            abnormal,
            ..self.summary.clone()
        }
    }

    /// Packets up to now.
    pub const fn packets(&self) -> u64 {
        self.summary.packets
    }

    /// Sessions that are going on, by a look at every connection.
    pub fn open_sessions(&self) -> usize {
        let open = |followed: &Followed| match followed {
            Followed::Whole(stack) => stack.has_session(),
            Followed::Prelude(_) | Followed::Passing(_) => false,
        };
        self.flows
            .iter()
            .filter(|(_, followed)| open(followed))
            .count()
    }

    /// Whether nothing more is to be waited for: it is told, or did not end after all.
    fn conclude_if_over(&mut self, candidate: &Candidate, now: Timestamp) -> bool {
        let Some((key, Followed::Whole(stack))) = self.flows.entry_mut(candidate.slot) else {
            return true;
        };
        let quiet = |nanos| apart(now, stack.tcp().last().time, nanos);
        let verge = stack.verge();
        let is_over = match verge {
            Verge::None => {
                stack.is_watched = false;
                return true;
            }
            Verge::Over | Verge::Refused => quiet(limits::QUIET_NANOS),
            Verge::HalfOver => quiet(limits::HALF_OVER_NANOS),
            Verge::Unheard => apart(now, candidate.since, limits::UNHEARD_NANOS),
        };
        if !is_over {
            return false;
        }
        stack.is_watched = false;
        if verge == Verge::Refused {
            // The connection may carry other requests, and another attempt.
            if let Some(tracker) = stack.take_refused() {
                let session = tell(*tracker, stack.tcp(), stack.name(key));
                self.sessions.push(session);
            }
        } else {
            conclude_in_place(
                key,
                stack,
                &mut self.keys,
                (&mut self.sessions, &mut self.attempts),
                &mut self.summary,
            );
            stack.retire();
        }
        true
    }

    /// Looks through the whole table for connections that were forgotten by their ends, or whose
    /// end was not captured.
    fn sweep(&mut self, now: Timestamp) {
        let patience = |followed: &Followed| match followed {
            Followed::Whole(stack) if stack.has_session() => limits::SESSION_IDLE_NANOS,
            Followed::Whole(stack) if stack.is_done() => limits::LINGER_NANOS,
            Followed::Passing(_) => limits::LINGER_NANOS,
            Followed::Prelude(prelude) => match prelude.unconnected() {
                Some(_) if followed.is_over() || prelude.has_icmp() => limits::REFUSED_NANOS,
                // Longer than SYNs are apart.
                Some(_) => limits::HALF_OVER_NANOS,
                None if followed.is_over() => limits::LINGER_NANOS,
                None => limits::CONNECTION_IDLE_NANOS,
            },
            _ if followed.is_over() => limits::LINGER_NANOS,
            Followed::Whole(_) => limits::CONNECTION_IDLE_NANOS,
        };
        let idle: Vec<Slot> = self
            .flows
            .iter()
            .filter(|(_, followed)| apart(now, followed.last().0, patience(followed)))
            .map(|(slot, _)| slot)
            .collect();
        for slot in idle {
            if let Some((key, followed)) = self.flows.remove(slot) {
                conclude(
                    key,
                    followed,
                    &mut self.keys,
                    (&mut self.sessions, &mut self.attempts),
                    &mut self.summary,
                );
            }
        }
    }
}

/// The servers of sessions that are under way.
fn know_open(known: &mut Known, flows: &Table<Followed>) {
    for (_, key, followed) in flows.entries() {
        if let Followed::Whole(stack) = followed
            && let Some((server, transport)) = stack.server(&key)
        {
            known.add_server(server, transport);
        }
    }
}
