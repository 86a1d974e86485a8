//! What sessions share that ended not long ago, while others go on: for whoever watches.

use std::collections::VecDeque;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::cohorts;
use crate::diagnosis::outline::Outline;
use crate::diagnosis::servers::Servers;
use crate::limits;
use crate::session::{Finding, Session, State};
use crate::time::Timestamp;

/// The sessions that ended last, and what was told of them.
#[derive(Debug, Default)]
pub struct Window {
    random: RandomState,
    /// In the order in which they were told.
    outlines: VecDeque<Outline>,
    /// The numbers of those that are shown.
    shown: VecDeque<u64>,
    told: Vec<Told>,
}

/// A finding that was told.
#[derive(Debug)]
struct Told {
    finding: Finding,
    /// Sessions that it was about so far, those that left the window among them.
    count: usize,
    /// How many these were when it was told last.
    count_told: usize,
}

impl Window {
    /// A session ended. Its number is larger than those before. What no session that `is_shown`
    /// is part of is not told.
    pub fn push(&mut self, session: &Session, is_shown: bool) {
        if matches!(
            session.verdict.state,
            State::Closed | State::Closing | State::Open
        ) {
            let outline = Outline::new(&session.into(), &self.random);
            self.outlines.push_back(outline);
            if is_shown {
                self.shown.push_back(session.number);
            }
        }
        if self.outlines.len() > limits::MAX_WINDOW_SESSIONS {
            self.outlines.pop_front();
        }
        if self.shown.len() > limits::MAX_WINDOW_SESSIONS {
            self.shown.pop_front();
        }
    }

    /// What was found since the last call: each once, and again whenever it has doubled.
    /// `open`: server and opening of each session that goes on.
    pub fn find(&mut self, now: Timestamp, mut open: Vec<(SocketAddr, Timestamp)>) -> Vec<Finding> {
        let is_old = |outline: &Outline| now.since(outline.last()) > limits::WINDOW_NANOS;
        while self.outlines.front().is_some_and(is_old) {
            self.outlines.pop_front();
        }
        open.sort_unstable();
        let outlines = self.outlines.make_contiguous();
        let oldest = outlines.first().map_or(u64::MAX, |outline| outline.number);
        let found: Vec<Finding> = cohorts(outlines, &Servers::of(outlines), &open)
            .iter()
            .map(|cohort| cohort.finding(outlines))
            .collect();
        while self.shown.front().is_some_and(|&number| number < oldest) {
            self.shown.pop_front();
        }
        let is_shown = |finding: &Finding| {
            let shown = |number| self.shown.binary_search(number).is_ok();
            finding.sessions.iter().any(shown)
        };
        let found: Vec<Finding> = found.into_iter().filter(is_shown).collect();
        // What nothing in the window can be like any more.
        self.told.retain(|told| {
            told.finding
                .sessions
                .last()
                .is_some_and(|&last| oldest <= last)
        });
        let mut new: Vec<Finding> = found
            .into_iter()
            .filter(|finding| self.is_news(finding))
            .collect();
        new.sort_by_key(|finding| (finding.sessions.first().copied(), finding.name));
        new
    }

    fn is_news(&mut self, finding: &Finding) -> bool {
        let is_same = |told: &&mut Told| {
            let known = &told.finding;
            (known.name, known.server) == (finding.name, finding.server)
                && shared(&known.sessions, &finding.sessions) > 0
        };
        let Some(told) = self.told.iter_mut().find(is_same) else {
            let count = finding.sessions.len();
            self.told.push(Told {
                finding: finding.clone(),
                count,
                count_told: count,
            });
            return true;
        };
        told.count += finding.sessions.len() - shared(&told.finding.sessions, &finding.sessions);
        told.finding.clone_from(finding);
        let has_doubled = told.count >= told.count_told.saturating_mul(2);
        if has_doubled {
            told.count_told = told.count;
        }
        has_doubled
    }
}

/// How many numbers two lists, each in order, have in common.
fn shared(one: &[u64], other: &[u64]) -> usize {
    one.iter()
        .filter(|number| other.binary_search(number).is_ok())
        .count()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SERVER, address, chance, cut, open};
    use super::*;
    use crate::diagnosis::amend::compare;
    use crate::report::sample::at;
    use crate::session::{EndKind, Party};

    /// Cut by the server a minute after its last byte, at different times.
    fn timed(number: u64) -> Session {
        let n = i64::try_from(number).unwrap_or(0);
        let opened = 7_000 * n;
        let last = opened + 1_000 + chance(number, 3_000);
        let mut session = cut(
            open(number, opened, last - 30, last),
            EndKind::Fin,
            Party::Server,
            last + 60_000 + n % 7,
        );
        session.number = number;
        session
    }

    /// Cut in one moment, after different lives.
    fn cut_at(number: u64, millis: i64) -> Session {
        let opened = millis - 100_000 - chance(number, 90_000);
        let last = millis - chance(number + 500, 20_000);
        cut(
            open(number, opened, last, last - 10),
            EndKind::Rst,
            Party::Server,
            millis + chance(number, 50),
        )
    }

    fn end(session: &Session) -> Timestamp {
        session.ended.unwrap_or_default()
    }

    #[test]
    fn a_timer_is_told_once_and_when_it_doubles() {
        let mut window = Window::default();
        let mut told = Vec::new();
        for number in 1..=100 {
            let session = timed(number);
            window.push(&session, true);
            for finding in window.find(end(&session), Vec::new()) {
                assert_eq!(finding.name, "idle-timeout");
                told.push(finding.sessions.len());
            }
        }
        assert_eq!(told, [3, 6, 12, 24, 48, 96]);
    }

    #[test]
    fn what_is_found_is_what_reading_finds() {
        let mut sessions: Vec<Session> = (1..=20).map(timed).collect();
        let mut window = Window::default();
        sessions
            .iter()
            .for_each(|session| window.push(session, true));
        let now = end(&timed(20));
        let live = window.find(now, Vec::new());
        assert_eq!(live, compare(&mut sessions));
    }

    #[test]
    fn a_few_ends_among_many_that_go_on_are_no_restart() {
        let sessions: Vec<Session> = (1..=5).map(|n| cut_at(n, 500_000)).collect();
        let server = address(SERVER);
        let found = |open: usize| {
            let mut window = Window::default();
            sessions
                .iter()
                .for_each(|session| window.push(session, true));
            let open = (0..open).map(|_| (server, at(1_000))).collect();
            let findings = window.find(at(501_000), open);
            findings.first().map(|finding| (finding.name, finding.of))
        };
        assert_eq!(found(0), Some(("mass-cut", 5)));
        assert_eq!(found(3), Some(("mass-cut", 8)));
        assert_eq!(found(100), None);
    }

    #[test]
    fn a_second_restart_is_another_finding() {
        let mut window = Window::default();
        let mut round = |first: u64, millis: i64| {
            (first..first + 6).for_each(|n| window.push(&cut_at(n, millis), true));
            window.find(at(millis + 1_000), Vec::new()).len()
        };
        assert_eq!(round(1, 500_000), 1);
        assert_eq!(round(7, 900_000), 1);
    }

    #[test]
    fn what_is_about_none_of_those_shown_is_not_told() {
        let found = |shown: u64| {
            let mut window = Window::default();
            (1..=20).for_each(|n| window.push(&timed(n), n == shown));
            window.find(end(&timed(20)), Vec::new()).len()
        };
        assert_eq!((found(0), found(7)), (0, 1));
    }

    #[test]
    fn what_ended_long_ago_is_forgotten() {
        let mut window = Window::default();
        let last = timed(2);
        window.push(&timed(1), true);
        window.push(&last, true);
        let late = end(&last).as_nanos() + limits::WINDOW_NANOS + 1;
        assert!(
            window
                .find(Timestamp::from_nanos(late), Vec::new())
                .is_empty()
        );
        assert!(window.outlines.is_empty());
        for number in 0..=limits::MAX_WINDOW_SESSIONS as u64 {
            window.push(&timed(number), true);
        }
        assert_eq!(window.outlines.len(), limits::MAX_WINDOW_SESSIONS);
    }
}
