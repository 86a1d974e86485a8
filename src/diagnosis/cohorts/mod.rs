//! What several sessions share: a timer that cut them all, an age that none outlived, one moment
//! in which they all ended. One session shows such a cause at best as likely; three show it.
//!
//! In: the outline of every session of a run. Out: [`Finding`]s, and for the sessions that they are
//! about the verdict that follows.

mod equal;
mod mass;
pub(super) mod moved;
mod share;
#[cfg(test)]
pub(crate) mod testing;
mod timers;
mod window;
mod words;

use std::cell::OnceCell;
use std::net::SocketAddr;

pub use self::window::Window;
use super::knowledge::timers::Timer;
use super::outline::Outline;
use super::servers::Servers;
use crate::session::{Clocks, Confidence, EndKind, Finding, Gist, Party, Session, Side, State};
use crate::time::Timestamp;

/// Finds what sessions share, and what those are to be told whose verdicts it corrects. The
/// findings come in the order of their first sessions. `servers` are those of `outlines`; `path`
/// gives that of a session, where it is known.
pub(super) fn find(
    outlines: &[Outline],
    servers: &Servers,
    path: &dyn Fn(&Outline) -> Option<String>,
) -> (Vec<Finding>, Vec<Correction>) {
    let cohorts = cohorts(outlines, servers, &[]);
    let mut findings: Vec<Finding> = cohorts
        .iter()
        .map(|cohort| cohort.finding(outlines))
        .collect();
    findings.extend(share::find(outlines, servers, &findings, path));
    findings.sort_by_key(|finding| (finding.sessions.first().copied(), finding.name));
    let corrections = cohorts.into_iter().map(Correction::from).collect();
    (findings, corrections)
}

/// The cohorts among sessions; `open`: those that are not among them since they go on, by
/// server, which is in order.
fn cohorts(
    outlines: &[Outline],
    servers: &Servers,
    open: &[(SocketAddr, Timestamp)],
) -> Vec<Cohort> {
    let mut cohorts = Vec::new();
    for (theirs, crowd) in servers.crowds().iter() {
        let from = open.partition_point(|&(server, _)| server < theirs);
        let to = open.partition_point(|&(server, _)| server <= theirs);
        let their_open = open.get(from..to).unwrap_or_default();
        let (mut crowd, mut members) = Crowd::new(outlines, crowd, their_open);
        crowd.run += open.len();
        // What ended at different times after equal silences was a timer, even where many of
        // these ends were close together by chance. What ended at one time needs no timer.
        let mut groups = timers::groups(&mut members);
        let mut timed =
            |members: &mut [Member], ends| timers::find(members, &mut groups, &crowd, ends);
        cohorts.extend(timed(&mut members, Ends::Scattered));
        cohorts.extend(mass::find(&mut members, &crowd));
        cohorts.extend(timed(&mut members, Ends::AtOnce));
    }
    cohorts
}

/// How the ends of the sessions in question lie in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// Apart: that they have something else in common says much.
    Scattered,
    /// Close together: then much else is bound to be equal.
    AtOnce,
}

/// The sessions of one server address that were open at some time.
#[derive(Debug)]
struct Crowd<'a> {
    /// How many of them there are, with those that go on.
    size: usize,
    /// When the first was opened.
    first: Option<Timestamp>,
    /// When the last ended.
    last: Option<Timestamp>,
    /// How many sessions the run has in all, of any server.
    run: usize,
    outlines: &'a [Outline],
    indices: &'a [u32],
    open: &'a [(SocketAddr, Timestamp)],
    /// Few are asked for these.
    times: OnceCell<Times>,
}

/// When the sessions of a crowd were opened, and when those ended that did; sorted.
#[derive(Debug)]
struct Times {
    openings: Vec<Timestamp>,
    endings: Vec<Timestamp>,
}

impl<'a> Crowd<'a> {
    /// That of some of all sessions, and those of them of which more may be learnt from the others.
    fn new(
        outlines: &'a [Outline],
        indices: &'a [u32],
        open: &'a [(SocketAddr, Timestamp)],
    ) -> (Self, Vec<Member>) {
        let mut crowd = Self {
            size: open.len(),
            first: open.iter().map(|&(_, opened)| opened).min(),
            last: None,
            run: outlines.len(),
            outlines,
            indices,
            open,
            times: OnceCell::new(),
        };
        let mut members = Vec::new();
        for (index, outline) in opened(outlines, indices) {
            crowd.size += 1;
            let first = crowd.first.unwrap_or(outline.begun);
            crowd.first = Some(first.min(outline.begun));
            crowd.last = crowd.last.max(outline.signal());
            members.extend(Member::new(index, outline));
        }
        (crowd, members)
    }

    /// How many were open just before `time`.
    fn open_before(&self, time: Timestamp) -> usize {
        let Times { openings, endings } = self.times.get_or_init(|| self.times());
        let before = |times: &[Timestamp]| times.partition_point(|&at| at < time);
        before(openings).saturating_sub(before(endings))
    }

    fn times(&self) -> Times {
        let all = || opened(self.outlines, self.indices).map(|(_, outline)| outline);
        let open = self.open.iter().map(|&(_, opened)| opened);
        let mut times = Times {
            openings: open.chain(all().map(|outline| outline.begun)).collect(),
            endings: all().filter_map(Outline::signal).collect(),
        };
        // Nearly in order already: this takes less time then.
        times.openings.sort();
        times.endings.sort();
        times
    }
}

/// Those of some sessions that were opened, with their indices.
fn opened<'a>(
    outlines: &'a [Outline],
    indices: &'a [u32],
) -> impl Iterator<Item = (usize, &'a Outline)> {
    let indices = indices.iter().map(|&index| index as usize);
    let all = indices.filter_map(|index| Some((index, outlines.get(index)?)));
    all.filter(|(_, outline)| !matches!(outline.state, State::Failed | State::Connecting))
}

/// How the side that ended a session did so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// FIN, without a Close.
    Fin,
    /// RST, without a Close.
    Rst,
    /// A Close frame; 1005 for an empty one.
    Close(u16),
}

/// A session that ended in a way which does not say why.
#[derive(Clone, Debug)]
struct Member {
    index: usize,
    by: Party,
    how: How,
    begun: Timestamp,
    ended: Timestamp,
    clocks: Clocks,
    /// See [`Session::ping_period`].
    ping_period: Option<i64>,
    /// It belongs to a cohort already.
    is_told: bool,
}

impl Member {
    /// `None` where the session has not ended, or where it is known why.
    fn new(index: usize, outline: &Outline) -> Option<Self> {
        let (how, ended) = outline.end()?;
        Some(Self {
            index,
            by: outline.closer?,
            how,
            begun: outline.begun,
            ended,
            clocks: outline.clocks(),
            ping_period: outline.ping_period(),
            is_told: false,
        })
    }
}

/// How the closer of a session ended it, and when; `None` where it has not ended, or where it is
/// known why.
pub(super) fn how(session: &Gist<'_>) -> Option<(How, Timestamp)> {
    if !matches!(session.state, State::Closed | State::Closing) || is_explained(session.cause) {
        return None;
    }
    let by = session.closer?;
    let side = match by {
        Party::Client => Some(Side::Client),
        Party::Server => Some(Side::Server),
        Party::Both => return None,
        Party::Network => None,
    };
    let close = side.and_then(|side| session.closes[side]);
    let (how, ended) = match close {
        Some(close) if close.lost => return None,
        Some(close) => (How::Close(close.code.unwrap_or(1005)), close.time),
        None => {
            let end = session.transport_end?;
            match end.how {
                // In TLS, the end of TCP follows.
                EndKind::Fin | EndKind::CloseNotify | EndKind::Alert => (How::Fin, end.time),
                EndKind::Rst => (How::Rst, end.time),
                EndKind::Silence => return None,
            }
        }
    };
    // Clients say goodbye when they are done; that many are done after the same time is how
    // programs are written, and no timer that anybody would want to raise.
    if by == Party::Client && matches!(how, How::Close(_)) {
        return None;
    }
    if matches!(how, How::Close(code) if !matches!(code, 1000 | 1001 | 1005 | 1011 | 1012)) {
        return None;
    }
    Some((how, ended))
}

/// False for causes that say how a session ended and leave open why; all others are left alone.
fn is_explained(cause: &str) -> bool {
    !matches!(
        cause,
        "fin-without-close"
            | "rst-without-close"
            | "tls-truncated"
            | "tls-closed-no-close-frame"
            | "idle-timeout"
            | "lifetime-limit"
            | "server-closed-mid-traffic"
            | "client-closed-mid-traffic"
            | "cut-inside-frame"
            | "cut-inside-message"
            | "rst-unprompted"
            | "rst-both-ways"
            | "closed-normal"
            | "closed-without-code"
            | "server-going-away"
            | "internal-error"
            | "close-unanswered"
            | "cut-after-close-sent"
            | "rst-unread-data"
            | "rst-on-stale-flow"
            // Why is said, and yet it tells of the others that end with it.
            | SERVICE_RESTART
    )
}

const SERVICE_RESTART: &str = "service-restart";

/// What a cohort has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shared {
    /// How long it had been quiet on a clock, in nanoseconds.
    Idle(Clock, i64),
    /// How old they were, in nanoseconds.
    Age(i64),
    /// When they ended: all within so many nanoseconds.
    Moment(i64),
}

/// Whose bytes set a timer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Server,
    Client,
    Either,
}

/// Sessions of one server that ended for one cause.
#[derive(Clone, Debug)]
struct Cohort {
    shared: Shared,
    /// Who ended them.
    by: Party,
    /// How, where all ended alike.
    how: Option<How>,
    confidence: Confidence,
    /// Another cause that would explain it.
    rival: Option<&'static str>,
    /// Timers that are known to strike so, what one meets most often first.
    timers: Vec<&'static Timer>,
    /// Their Pings come so often, in nanoseconds: too seldom for that timer.
    slow_pings: Option<i64>,
    /// How many could have been among them.
    of: u64,
    indices: Vec<usize>,
}

impl Cohort {
    /// What was found.
    const fn name(&self) -> &'static str {
        match self.shared {
            Shared::Idle(..) => "idle-timeout",
            Shared::Age(_) => "lifetime-limit",
            Shared::Moment(_) => "mass-cut",
        }
    }

    /// What its sessions ended of.
    const fn cause(&self) -> &'static str {
        match self.slow_pings {
            Some(_) => "keepalive-too-slow",
            None => self.name(),
        }
    }

    /// What its sessions share.
    fn finding(&self, outlines: &[Outline]) -> Finding {
        let all = || self.indices.iter().filter_map(|&index| outlines.get(index));
        let server = all().next().map(|outline| outline.server());
        let mut numbers: Vec<u64> = all().map(|outline| outline.number).collect();
        numbers.sort_unstable();
        Finding {
            name: self.name(),
            cause: self.cause(),
            confidence: self.confidence,
            server,
            sessions: numbers,
            of: self.of,
            summary: words::summary(self, server),
            advice: words::advice(self),
        }
    }
}

/// What the sessions of a cohort are told.
#[derive(Debug)]
pub(super) struct Correction {
    cause: &'static str,
    confidence: Confidence,
    rival: Option<&'static str>,
    /// Where it lies, and what to do.
    note: String,
    advice: String,
    pub(super) indices: Vec<usize>,
}

impl From<Cohort> for Correction {
    fn from(cohort: Cohort) -> Self {
        Self {
            cause: cohort.cause(),
            confidence: cohort.confidence,
            rival: cohort.rival,
            note: words::note(&cohort),
            advice: words::advice(&cohort),
            indices: cohort.indices,
        }
    }
}

impl Correction {
    /// The cause of one of them, which by itself has this one.
    pub(super) fn cause(&self, own: &'static str) -> &'static str {
        // The wire states that one.
        if own == SERVICE_RESTART {
            own
        } else {
            self.cause
        }
    }

    /// Tells one of them.
    pub(super) fn apply(&self, session: &mut Session) {
        let verdict = &mut session.verdict;
        verdict.summary.push_str(&self.note);
        verdict.cause = self.cause(verdict.cause);
        if verdict.cause == SERVICE_RESTART {
            return;
        }
        verdict.confidence = self.confidence;
        verdict.advice = self.advice.clone().into();
        verdict
            .other_causes
            .retain(|&other| other != self.cause && Some(other) != self.rival);
        if let Some(rival) = self.rival {
            verdict.other_causes.insert(0, rival);
        }
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests: a panic is a failure")]
mod tests;
