//! Endings as they happen: which connections may be over, and when it is time to say so.
//!
//! A capture file is read to its end before anything is told; on an interface there is no end.
//! So what looks like an ending is watched for a short while and then told. What comes later
//! changes nothing any more: the connection stays in the table, but nobody looks at its bytes.

use std::collections::{HashMap, VecDeque};

use super::survey::Survey;
use super::{
    Attempts, Followed, Passing, Pipeline, Recording, Stack, conclude, conclude_in_place, tell,
};
use crate::capture::PacketId;
use crate::diagnosis::port;
use crate::engine::known::Known;
use crate::engine::stack::Verge;
use crate::engine::upper::{Common, Settings};
use crate::flow::Slot;
use crate::limits;
use crate::session::{Confidence, Detail, EndKind, Session, State, Summary, Transport};
use crate::time::Timestamp;
use crate::tls::{KeyLog, Keyring, Secrets};
use crate::ws::Windows;

/// What a pipeline without an end keeps.
#[derive(Default)]
pub(super) struct Endings {
    /// Connections that may be ending, the one looked at longest ago first.
    candidates: VecDeque<Candidate>,
    /// Connections that wait for their secrets, the one looked at longest ago first.
    keyless: VecDeque<Keyless>,
    /// When packets were last found to have been dropped before anybody saw them.
    dropped: Option<Timestamp>,
    /// A look at every connection in turn.
    pub(super) survey: Survey,
    /// When attempts to connect were told last.
    attempts_told: Option<Timestamp>,
    /// The place in the table up to which all was told at the end.
    finished: usize,
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

struct Keyless {
    since: Timestamp,
    /// Secrets there were when it was looked at.
    secrets: u64,
    slot: Slot,
}

impl Endings {
    /// After each packet: takes note of a connection that may be ending.
    pub(super) fn watch(&mut self, stack: &mut Stack, slot: Slot, now: Timestamp) {
        if !stack.is_keyless && stack.awaits_secrets() {
            stack.is_keyless = true;
            self.keyless.push_back(Keyless {
                since: now,
                secrets: 0,
                slot,
            });
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
pub(super) fn apart(now: Timestamp, then: Timestamp, nanos: i64) -> bool {
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
    pub fn live(detail: Detail) -> Self {
        Self {
            endings: Some(Endings::default()),
            max_connections: limits::MAX_LIVE_CONNECTIONS,
            max_syns_waiting: limits::MAX_LIVE_SYNS_WAITING,
            common: Common {
                keys: Keyring::new(Secrets::default()),
                settings: Settings {
                    story: detail == Detail::Story,
                    windows: Windows::new(
                        limits::MAX_LIVE_WINDOWS,
                        limits::MAX_LIVE_KEPT_COMPRESSED_IN_ALL,
                    ),
                },
            },
            ..Self::new(detail)
        }
    }

    /// Secrets of TLS may come at any time: connections wait a while for theirs.
    pub fn expect_key_log(&mut self) {
        self.common.keys.secrets = Secrets::of_capture(KeyLog::growing());
    }

    /// Time passes, with packets or without; wants to be called several times a second. Lets go of
    /// connections that nothing is expected of. Takes a few milliseconds at most.
    pub fn handle_tick(&mut self, now: Timestamp) {
        let Some(mut endings) = self.endings.take() else {
            return;
        };
        self.told.now = Some(now);
        self.resume_keyless(&mut endings, now);
        let Endings {
            survey,
            known,
            attempts_told,
            ..
        } = &mut endings;
        let told = *attempts_told.get_or_insert(now);
        if self.survey(survey, known, now) && apart(now, told, limits::ATTEMPTS_NANOS) {
            *attempts_told = Some(now);
            self.tell_attempts(known, now);
        }
        self.endings = Some(endings);
    }

    /// Concludes sessions that are over, `most` at a time. Whether there may be more.
    pub fn conclude_ended(&mut self, now: Timestamp, most: usize) -> bool {
        let Some(mut endings) = self.endings.take() else {
            return false;
        };
        let mut left = most;
        let mut looks = limits::MAX_CANDIDATES_AT_ONCE;
        while left > 0
            && looks > 0
            && let Some(candidate) = endings.candidates.front()
            && apart(now, candidate.looked_at, limits::QUIET_NANOS)
            && let Some(candidate) = endings.candidates.pop_front()
        {
            looks -= 1;
            if self.conclude_if_over(&candidate, now) {
                left -= 1;
                continue;
            }
            endings.candidates.push_back(Candidate {
                looked_at: now,
                ..candidate
            });
        }
        self.endings = Some(endings);
        left == 0 || looks == 0
    }

    /// Packets were dropped up to now, since this was last asked.
    pub fn note_drops(&mut self, now: Timestamp) {
        if let Some(endings) = &mut self.endings {
            endings.dropped = Some(now);
        }
    }

    /// Adds what key logs had to say meanwhile.
    pub fn handle_key_log(&mut self, text: &[u8]) {
        self.common.keys.secrets.feed(text);
    }

    /// Reads what waited for secrets that are there by now, and stops waiting in time.
    fn resume_keyless(&mut self, endings: &mut Endings, now: Timestamp) {
        let secrets = self.common.keys.secrets.added();
        for _ in 0..endings.keyless.len().min(limits::MAX_KEYLESS_AT_ONCE) {
            let Some(keyless) = endings.keyless.pop_front() else {
                return;
            };
            let is_late = apart(now, keyless.since, limits::SECRETS_PATIENCE_NANOS);
            if keyless.secrets == secrets && !is_late {
                endings.keyless.push_back(keyless);
                continue;
            }
            let Some(Followed::Whole(stack)) = self.flows.get_mut(keyless.slot) else {
                continue;
            };
            if stack.resume(&mut self.common, is_late) {
                // It may have ended meanwhile.
                endings.watch(stack, keyless.slot, now);
            } else {
                endings.keyless.push_back(Keyless { secrets, ..keyless });
            }
        }
    }

    /// The sessions concluded since the last call, numbered in the order of telling; with their
    /// packets, where these are recorded.
    pub fn take_sessions(&mut self) -> Vec<(Session, Option<Recording>)> {
        let Some(endings) = &mut self.endings else {
            return Vec::new();
        };
        let mut sessions = self.told.sessions.take();
        if sessions.is_empty() {
            return Vec::new();
        }
        let recordings = std::mem::take(&mut self.told.recordings);
        let mut recordings: HashMap<(u64, PacketId), Recording> = recordings.into_iter().collect();
        self.told.tls_failed = 0;
        let Endings { known, .. } = endings;
        let tls_servers = self.told.tls_servers.drain();
        tls_servers.for_each(|server| known.add_tls(server));
        // Up to here the number is the ordinal of the connection.
        sessions.sort_by_key(|session| (session.number, session.first_packet));
        sessions.iter().for_each(|session| known.add(session));
        // Which servers speak WebSocket is known so far only.
        if !self.common.keys.tells_opaque {
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

    /// Nothing more comes: concludes what is over, and then whatever is still going on, some
    /// connections at a time; `false` when there is nothing left. What it holds of them stays
    /// where it is: the process ends, and to give it all back takes longer than to tell it.
    pub fn finish_some(&mut self) -> bool {
        let Some(mut endings) = self.endings.take() else {
            return false;
        };
        let ended = endings.candidates.len().min(limits::MAX_TOLD_AT_ONCE);
        let ended: Vec<Slot> = endings
            .candidates
            .drain(..ended)
            .map(|it| it.slot)
            .collect();
        let is_over = |followed: &mut Followed| followed.is_over();
        let slots: Vec<Slot> = if ended.is_empty() {
            let stretch = self
                .flows
                .stretch(endings.finished, limits::MAX_TOLD_AT_ONCE);
            let slots = stretch.map(|(slot, ..)| slot).collect();
            endings.finished += limits::MAX_TOLD_AT_ONCE;
            slots
        } else {
            let over = |slot: &Slot| self.flows.get_mut(*slot).is_some_and(is_over);
            ended.into_iter().filter(over).collect()
        };
        for slot in slots {
            self.finish_one(slot, &mut endings.known);
        }
        let is_left = endings.finished < self.flows.places();
        if !is_left {
            let now = self.summary.span.map(|(_, last)| last);
            self.tell_attempts(&mut endings.known, now.unwrap_or_default());
        }
        self.endings = Some(endings);
        is_left
    }

    fn finish_one(&mut self, slot: Slot, known: &mut Known) {
        let Self {
            flows,
            common,
            told,
            summary,
            ..
        } = self;
        match flows.entry_mut(slot) {
            Some((key, Followed::Whole(stack))) => {
                known.add_open(&key, stack);
                conclude_in_place(key, stack, common, told, summary);
                stack.retire();
            }
            Some((key, followed)) => {
                if let Some(server) = followed.dark_server(&key) {
                    known.add_tls(server);
                }
                if let Some((key, followed)) = flows.remove(slot) {
                    conclude(key, followed, common, told, summary);
                }
            }
            None => {}
        }
    }

    /// Tells the attempts to connect that were for a server of WebSockets, as far as is known by
    /// now.
    pub(super) fn tell_attempts(&mut self, known: &mut Known, now: Timestamp) {
        if self.told.attempts.is_empty() {
            return;
        }
        let asked = self.told.sessions.waiting().iter();
        asked.for_each(|session| known.add(session));
        let attempts = std::mem::replace(&mut self.told.attempts, Attempts::new(self.told.detail));
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
            not_inflated: self.common.settings.windows.refused(),
            ..self.summary.clone()
        }
    }

    /// Packets up to now.
    pub const fn packets(&self) -> u64 {
        self.summary.packets
    }

    /// Whether nothing more is to be waited for: it is told, or did not end after all.
    fn conclude_if_over(&mut self, candidate: &Candidate, now: Timestamp) -> bool {
        let Some((key, followed)) = self.flows.entry_mut(candidate.slot) else {
            return true;
        };
        let Followed::Whole(stack) = followed else {
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
            if let Some(mut tracker) = stack.take_refused() {
                let (name, detail) = (stack.name(key), self.told.detail);
                let session = tell(&mut tracker, stack.tcp(), name, Some(now), detail);
                self.told.push(session, stack.trace.as_deref().cloned());
            }
        } else {
            conclude_in_place(
                key,
                stack,
                &mut self.common,
                &mut self.told,
                &mut self.summary,
            );
            stack.retire();
            *followed = Followed::Passing(Box::new(Passing::new(stack)));
        }
        true
    }
}
