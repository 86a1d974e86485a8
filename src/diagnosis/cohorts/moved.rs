//! A client that went to another network: its session fell silent, and it was back from another
//! address.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::diagnosis::outline::{Leg, Outline};
use crate::session::{Confidence, Gist, Party, Session, State};
use crate::time::Timestamp;

/// What such a session is told.
pub(in crate::diagnosis) const CAUSE: &str = "network-changed";

/// How soon a client that noticed nothing but another network is back, in nanoseconds.
const SOON: i64 = 30_000_000_000;

/// Addresses with one identity, where credentials are part of it: more are a fleet that shares
/// them, or a person who travels.
const MOST_ADDRESSES: usize = 4;

/// Causes that say that the client was not heard any more.
const SILENT: [&str; 5] = [
    "peer-vanished",
    "silence",
    "one-way-loss",
    "keepalive-probes-unanswered",
    "ping-unanswered",
];

/// What makes two sessions those of one client, as far as openings show; `None` where they show too
/// little.
pub(in crate::diagnosis) fn identity(session: &Gist<'_>, random: &RandomState) -> Option<u64> {
    let opening = session.opening;
    let (host, path, credentials) = (opening.host(), opening.path(), opening.credentials);
    let user_agent = opening.user_agent()?;
    Some(random.hash_one((session.server, host, path, user_agent, credentials)))
}

/// When the client was heard last, in a session that ended because it was not heard any more.
pub(in crate::diagnosis) fn heard(session: &Gist<'_>) -> Option<Timestamp> {
    let is_silent = session.state == State::Closed && SILENT.contains(&session.cause);
    let ended_by_client = session.closer == Some(Party::Client)
        || session
            .transport_end
            .is_some_and(|end| end.from == Party::Client);
    if !is_silent || ended_by_client {
        return None;
    }
    let quiet = session.clocks.client?;
    let end = session.first_signal()?;
    Some(Timestamp::from_nanos(end.as_nanos().saturating_sub(quiet)))
}

/// The session that a client which moved came back with.
#[derive(Debug)]
pub(in crate::diagnosis) struct Move {
    number: u64,
    client: IpAddr,
    after: i64,
    confidence: Confidence,
}

impl Move {
    /// Tells the session that fell silent.
    pub(in crate::diagnosis) fn apply(&self, session: &mut Session) {
        let verdict = &mut session.verdict;
        let silence = std::mem::replace(&mut verdict.cause, CAUSE);
        verdict.confidence = self.confidence;
        verdict.culprit = Some(Party::Client);
        verdict.other_causes.insert(0, silence);
        let seconds = Timestamp::from_nanos(self.after).seconds_since(Timestamp::default());
        verdict.summary.push_str(&format!(
            " {seconds:.1} s after it was heard last, what seems to be the same client was back from {} (session {}).",
            self.client, self.number
        ));
        if let Some(cause) = crate::diagnosis::causes::lookup(CAUSE) {
            verdict.advice = cause.advice.into();
        }
    }
}

/// The sessions whose clients moved, with their indices.
pub(in crate::diagnosis) fn find(outlines: &[Outline], legs: &[Leg]) -> Vec<(usize, Move)> {
    let silent = legs.iter().filter(|leg| leg.heard().is_some());
    let sought: HashSet<u64, RandomState> = silent.filter_map(|leg| leg.identity()).collect();
    let mut moves = Vec::new();
    if sought.is_empty() {
        return moves;
    }
    let mut crowds: HashMap<u64, Vec<Seen<'_>>, RandomState> = HashMap::default();
    for (index, (outline, leg)) in outlines.iter().zip(legs).enumerate() {
        if let Some(identity) = leg.identity().filter(|it| sought.contains(it)) {
            let number = outline.number;
            let seen = Seen { index, number, leg };
            crowds.entry(identity).or_default().push(seen);
        }
    }
    for crowd in crowds.values_mut() {
        crowd.sort_by_key(|seen| (seen.leg.started, seen.number));
        add(&mut moves, crowd);
    }
    moves
}

/// A session of whoever is sought.
struct Seen<'a> {
    index: usize,
    number: u64,
    leg: &'a Leg,
}

/// Those in a crowd with one identity, in the order in which they began.
fn add(moves: &mut Vec<(usize, Move)>, crowd: &[Seen<'_>]) {
    let has_credentials = crowd.iter().any(|seen| seen.leg.has_credentials);
    let addresses: BTreeSet<IpAddr> = crowd.iter().map(|seen| seen.leg.client().ip()).collect();
    let most = if has_credentials { MOST_ADDRESSES } else { 2 };
    if !(2..=most).contains(&addresses.len()) {
        return;
    }
    let opened: Vec<&Seen<'_>> = crowd
        .iter()
        .filter(|seen| seen.leg.opened().is_some())
        .collect();
    for Seen { index, leg, .. } in crowd {
        let Some(heard) = leg.heard() else { continue };
        let later = opened.partition_point(|seen| seen.leg.started <= heard);
        let Some(next) = opened.get(later) else {
            continue;
        };
        let after = next.leg.started.since(heard);
        let client = next.leg.client().ip();
        // Whoever comes back from where it was has not moved.
        if client != leg.client().ip() && after <= SOON {
            let moved = Move {
                number: next.number,
                client,
                after,
                confidence: if has_credentials {
                    Confidence::High
                } else {
                    Confidence::Medium
                },
            };
            moves.push((*index, moved));
        }
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests: a panic is a failure")]
mod tests {
    use super::super::testing::{address, cut, open};
    use super::*;
    use crate::diagnosis::amend::compare;
    use crate::session::{EndKind, Said};

    /// Its client is heard for a second, and then no more.
    fn silent() -> Session {
        let mut session = cut(
            open(1, 0, 1_000, 900),
            EndKind::Silence,
            Party::Server,
            20_000,
        );
        session.client = address("10.0.0.5:5000");
        session.verdict.cause = "peer-vanished";
        session.verdict.closer = Some(Party::Network);
        session.opening.credentials = Some(7);
        session
    }

    /// Opened from another address at these milliseconds.
    fn back(number: u64, client: &str, millis: i64) -> Session {
        let mut session = open(number, millis, millis + 900, millis + 900);
        session.client = address(client);
        session.opening.credentials = Some(7);
        session
    }

    fn causes(mut sessions: Vec<Session>) -> Vec<&'static str> {
        compare(&mut sessions);
        sessions
            .iter()
            .map(|session| session.verdict.cause)
            .collect()
    }

    #[test]
    fn a_client_that_is_back_from_elsewhere_has_moved() {
        let mut sessions = vec![silent(), back(2, "192.0.2.7:6000", 5_000)];
        compare(&mut sessions);
        let verdict = &sessions[0].verdict;
        assert_eq!(
            (verdict.cause, verdict.confidence),
            ("network-changed", Confidence::High)
        );
        assert_eq!(verdict.other_causes, ["peer-vanished"]);
        assert!(verdict.summary.contains("4.0 s") && verdict.summary.contains("session 2"));
        assert_eq!(sessions[1].verdict.cause, "open-at-end-of-capture");
        // Without credentials it may be another.
        let mut sessions = vec![silent(), back(2, "192.0.2.7:6000", 5_000)];
        sessions
            .iter_mut()
            .for_each(|session| session.opening.credentials = None);
        compare(&mut sessions);
        assert_eq!(sessions[0].verdict.confidence, Confidence::Medium);
    }

    #[test]
    fn its_neighbours_have_not() {
        let stays = |sessions: Vec<Session>| assert_eq!(causes(sessions)[0], "peer-vanished");
        // From the same address; too late; before; somebody else; another path.
        stays(vec![silent(), back(2, "10.0.0.5:6000", 5_000)]);
        stays(vec![silent(), back(2, "192.0.2.7:6000", 40_000)]);
        stays(vec![silent(), back(2, "192.0.2.7:6000", 500)]);
        let mut other = back(2, "192.0.2.7:6000", 5_000);
        other.opening.credentials = Some(8);
        stays(vec![silent(), other]);
        let mut other = back(2, "192.0.2.7:6000", 5_000);
        other.opening.say(Said {
            path: Some("/other"),
            ..Said::default()
        });
        stays(vec![silent(), other]);
        // First from the same address again, then from another.
        stays(vec![
            silent(),
            back(2, "10.0.0.5:6000", 3_000),
            back(3, "192.0.2.7:6000", 5_000),
        ]);
        // One of many who look alike.
        let mut crowd = vec![silent()];
        crowd.extend((2..=9).map(|n| back(n, &format!("192.0.2.{n}:6000"), 5_000)));
        stays(crowd);
        // It is known why that one ended.
        let mut ended = silent();
        ended.verdict.cause = "idle-timeout";
        assert_eq!(
            causes(vec![ended, back(2, "192.0.2.7:6000", 5_000)])[0],
            "idle-timeout"
        );
        let mut left = silent();
        left.transport_end = left.transport_end.map(|end| crate::session::TransportEnd {
            from: Party::Client,
            ..end
        });
        stays(vec![left, back(2, "192.0.2.7:6000", 5_000)]);
    }
}
