//! Endings as they happen: which connections may be over, and when it is time to say so.
//!
//! A capture file is read to its end before anything is told; on an interface there is no end.
//! So what looks like an ending is watched for a short while and then told. What comes later
//! changes nothing any more: the connection stays in the table, but nobody looks at its bytes.

use std::collections::{HashMap, VecDeque};

use super::{Attempts, Followed, Pipeline, Recording, Stack, conclude, conclude_in_place, tell};
use crate::capture::PacketId;
use crate::diagnosis::port;
use crate::engine::known::Known;
use crate::engine::sealed::stage;
use crate::engine::stack::{Settings, Verge};
use crate::flow::{Slot, Table};
use crate::limits;
use crate::session::{Confidence, EndKind, Session, State, Summary, Transport};
use crate::time::Timestamp;
use crate::tls::{KeyLog, Secrets};
use crate::ws::Windows;

/// What a pipeline without an end keeps.
#[derive(Default)]
pub(super) struct Endings {
    /// Connections that may be ending, the one looked at longest ago first.
    candidates: VecDeque<Candidate>,
    /// Connections that wait for their secrets, and since when.
    keyless: Vec<(Timestamp, Slot)>,
    /// Secrets there were at the last look.
    secrets: u64,
    /// When packets were last found to have been dropped before anybody saw them.
    dropped: Option<Timestamp>,
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
        if !stack.is_keyless && stack.awaits_secrets() {
            stack.is_keyless = true;
            self.keyless.push((now, slot));
        }
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

/// What is missing in a stream shows: the bytes behind it do not fit. That nothing came at all
/// may mean that the capture dropped it.
fn doubt(session: &mut Session) {
    let verdict = &mut session.verdict;
    let is_silent = session
        .transport_end
        .is_none_or(|end| end.how == EndKind::Silence);
    if is_silent && verdict.state != State::Open && verdict.confidence > Confidence::Low {
        verdict.confidence = Confidence::Low;
        verdict.summary.push_str(
            " Meanwhile packets were dropped while capturing: an answer may have been among them.",
        );
    }
}

impl Pipeline {
    /// One for packets that never end: sessions are to be [taken](Self::take_sessions) as they
    /// end, and it needs to be told what [time](Self::handle_tick) it is.
    pub fn live(story: bool) -> Self {
        Self {
            endings: Some(Endings::default()),
            max_connections: limits::MAX_LIVE_CONNECTIONS,
            max_syns_waiting: limits::MAX_LIVE_SYNS_WAITING,
            settings: Settings {
                story,
                windows: Windows::new(limits::MAX_LIVE_WINDOWS),
            },
            ..Self::new(story)
        }
    }

    /// Secrets of TLS may come at any time: connections wait a while for theirs.
    pub fn expect_key_log(&mut self) {
        self.keys.secrets = Secrets::of_capture(KeyLog::growing());
    }

    /// Time passes, with packets or without; wants to be called several times a second. Concludes
    /// the sessions that are over, and lets go of connections that nothing is expected of.
    pub fn handle_tick(&mut self, now: Timestamp) {
        let Some(mut endings) = self.endings.take() else {
            return;
        };
        self.told.now = Some(now);
        let mut left = limits::MAX_TOLD_AT_ONCE;
        while left > 0
            && let Some(candidate) = endings.candidates.front()
            && apart(now, candidate.looked_at, limits::QUIET_NANOS)
            && let Some(candidate) = endings.candidates.pop_front()
        {
            if self.conclude_if_over(&candidate, now) {
                left -= 1;
                continue;
            }
            endings.candidates.push_back(Candidate {
                looked_at: now,
                ..candidate
            });
        }
        self.resume_keyless(&mut endings, now);
        let swept = *endings.swept.get_or_insert(now);
        if apart(now, swept, limits::SWEEP_NANOS) {
            endings.swept = Some(now);
            self.sweep(now);
            if let Some(recorder) = &mut self.recorder {
                recorder.check(&mut self.flows, true);
            }
            self.tell_attempts(&mut endings.known, now);
        }
        self.endings = Some(endings);
    }

    /// Packets were dropped up to now, since this was last asked.
    pub fn note_drops(&mut self, now: Timestamp) {
        if let Some(endings) = &mut self.endings {
            endings.dropped = Some(now);
        }
    }

    /// Adds what key logs had to say meanwhile.
    pub fn handle_key_log(&mut self, text: &[u8]) {
        self.keys.secrets.feed(text);
    }

    /// Reads what waited for secrets that are there by now, and stops waiting in time.
    fn resume_keyless(&mut self, endings: &mut Endings, now: Timestamp) {
        let secrets = self.keys.secrets.added();
        let has_news = std::mem::replace(&mut endings.secrets, secrets) != secrets;
        let mut keyless = std::mem::take(&mut endings.keyless);
        keyless.retain(|&(since, slot)| {
            let is_late = apart(now, since, limits::SECRETS_PATIENCE_NANOS);
            if !has_news && !is_late {
                return true;
            }
            let Some(Followed::Whole(stack)) = self.flows.get_mut(slot) else {
                return false;
            };
            let is_done = stack.resume(&mut self.keys, is_late);
            if is_done {
                // It may have ended meanwhile.
                endings.watch(stack, slot, now);
            }
            !is_done
        });
        endings.keyless = keyless;
    }

    /// The sessions concluded since the last call, numbered in the order of telling; with their
    /// packets, where these are recorded.
    pub fn take_sessions(&mut self) -> Vec<(Session, Option<Recording>)> {
        let Some(endings) = &mut self.endings else {
            return Vec::new();
        };
        let mut sessions = self.told.sessions.take();
        let recordings = std::mem::take(&mut self.told.recordings);
        let mut recordings: HashMap<(u64, PacketId), Recording> = recordings.into_iter().collect();
        self.told.tls_failed = 0;
        let Endings { known, .. } = endings;
        let tls_servers = self.told.tls_servers.drain();
        tls_servers.for_each(|server| known.add_tls(server));
        // Up to here the number is the ordinal of the connection.
        sessions.sort_by_key(|session| (session.number, session.first_packet));
        let depends = |session: &Session| stage(session).is_some() || port::may_be_astray(session);
        if sessions.iter().any(depends) {
            know_open(known, &self.flows);
        }
        sessions.iter().for_each(|session| known.add(session));
        // Which servers speak WebSocket is known so far only.
        if !self.keys.tells_opaque {
            sessions.retain(|session| known.is_meant(session));
        }
        let tell = |mut session: Session| {
            let recording = recordings.remove(&(session.number, session.first_packet));
            endings.told += 1;
            endings.abnormal += u64::from(session.is_abnormal());
            let port = endings.known.port(&session);
            port::correct(&mut session, port);
            self.summary.tls_opaque += u64::from(session.transport == Transport::Tls);
            session.number = endings.told;
            if endings
                .dropped
                .is_some_and(|at| at >= session.last_byte.unwrap_or(session.started))
            {
                doubt(&mut session);
            }
            (session, recording)
        };
        sessions.into_iter().map(tell).collect()
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
                &mut self.told,
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
    pub(super) fn tell_attempts(&mut self, known: &mut Known, now: Timestamp) {
        if self.told.attempts.is_empty() {
            return;
        }
        know_open(known, &self.flows);
        let asked = self.told.sessions.waiting().iter();
        asked.for_each(|session| known.add(session));
        let attempts =
            std::mem::replace(&mut self.told.attempts, Attempts::new(self.settings.story));
        let (told, forgotten) = attempts.tell(known, now, self.summary.gaps == 0);
        told.into_iter()
            .for_each(|session| self.told.sessions.push(session));
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
            not_inflated: self.settings.windows.refused(),
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
        if stack.awaits_secrets() {
            return false;
        }
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
                let session = tell(*tracker, stack.tcp(), stack.name(key), Some(now));
                self.told.push(session, stack.trace.as_deref().cloned());
            }
        } else {
            conclude_in_place(
                key,
                stack,
                &mut self.keys,
                &mut self.told,
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
                    &mut self.told,
                    &mut self.summary,
                );
            }
        }
    }
}

/// The servers of sessions that are under way.
fn know_open(known: &mut Known, flows: &Table<Followed>) {
    for (_, key, followed) in flows.entries() {
        if let Followed::Whole(stack) = followed {
            known.add_open(&key, stack);
        }
    }
}
