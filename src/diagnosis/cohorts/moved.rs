//! A client that went to another network: its session fell silent, and it was back from another
//! address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::first_signal;
use crate::session::{Confidence, Opening, Party, Session, State};
use crate::time::Timestamp;

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

/// What makes two sessions those of one client, as far as openings show.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    server: SocketAddr,
    host: Option<String>,
    path: Option<String>,
    user_agent: String,
    credentials: Option<u64>,
}

impl Identity {
    fn of(session: &Session) -> Option<Self> {
        let Opening {
            host,
            path,
            user_agent,
            credentials,
            ..
        } = &session.opening;
        Some(Self {
            server: session.server,
            host: host.clone(),
            path: path.clone(),
            user_agent: user_agent.clone()?,
            credentials: *credentials,
        })
    }
}

/// A session of a client that moved, and the one that it came back with.
struct Move {
    from: usize,
    to: usize,
    after: i64,
    confidence: Confidence,
}

/// Corrects the verdicts of sessions whose clients moved.
pub(super) fn find(sessions: &mut [Session]) {
    if !sessions
        .iter()
        .any(|session| went_silent(session).is_some())
    {
        return;
    }
    let mut crowds: BTreeMap<Identity, Vec<usize>> = BTreeMap::new();
    for (index, session) in sessions.iter().enumerate() {
        if let Some(identity) = Identity::of(session) {
            crowds.entry(identity).or_default().push(index);
        }
    }
    let moves: Vec<Move> = crowds
        .iter()
        .flat_map(|(identity, crowd)| moves(sessions, crowd, identity.credentials.is_some()))
        .collect();
    for moved in &moves {
        tell(sessions, moved);
    }
}

/// When the client was heard last, in a session that ended because it was not heard any more.
fn went_silent(session: &Session) -> Option<Timestamp> {
    let verdict = &session.verdict;
    let is_silent = verdict.state == State::Closed && SILENT.contains(&verdict.cause);
    let ended_by_client = verdict.closer == Some(Party::Client)
        || session
            .transport_end
            .is_some_and(|end| end.from == Party::Client);
    if !is_silent || ended_by_client {
        return None;
    }
    let quiet = session.clocks.client?;
    let end = first_signal(session)?;
    Some(Timestamp::from_nanos(end.as_nanos().saturating_sub(quiet)))
}

fn moves(sessions: &[Session], crowd: &[usize], has_credentials: bool) -> Vec<Move> {
    let all = || {
        crowd
            .iter()
            .filter_map(|&index| Some((index, sessions.get(index)?)))
    };
    let addresses: BTreeSet<IpAddr> = all().map(|(_, session)| session.client.ip()).collect();
    let most = if has_credentials { MOST_ADDRESSES } else { 2 };
    if !(2..=most).contains(&addresses.len()) {
        return Vec::new();
    }
    let moved = |(from, session): (usize, &Session)| {
        let heard = went_silent(session)?;
        let mut later: Vec<(usize, &Session)> = all()
            .filter(|(_, other)| other.started > heard && other.opened.is_some())
            .collect();
        later.sort_by_key(|(_, other)| (other.started, other.number));
        // Whoever comes back from where it was has not moved.
        let &(to, other) = later.first()?;
        let after = other.started.since(heard);
        (other.client.ip() != session.client.ip() && after <= SOON).then_some(Move {
            from,
            to,
            after,
            confidence: if has_credentials {
                Confidence::High
            } else {
                Confidence::Medium
            },
        })
    };
    all().filter_map(moved).collect()
}

fn tell(sessions: &mut [Session], moved: &Move) {
    let Some((number, client)) = sessions
        .get(moved.to)
        .map(|other| (other.number, other.client.ip()))
    else {
        return;
    };
    let Some(session) = sessions.get_mut(moved.from) else {
        return;
    };
    let verdict = &mut session.verdict;
    let seconds = Timestamp::from_nanos(moved.after).seconds_since(Timestamp::default());
    verdict.other_causes.insert(0, verdict.cause);
    verdict.cause = "network-changed";
    verdict.confidence = moved.confidence;
    verdict.culprit = Some(Party::Client);
    verdict.summary.push_str(&format!(
        " {seconds:.1} s after it was heard last, what seems to be the same client was back from {client} (session {number})."
    ));
    if let Some(cause) = crate::diagnosis::causes::lookup("network-changed") {
        cause.advice.clone_into(&mut verdict.advice);
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests: a panic is a failure")]
mod tests {
    use super::super::testing::{address, cut, open};
    use super::*;
    use crate::session::EndKind;

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
        find(&mut sessions);
        sessions
            .iter()
            .map(|session| session.verdict.cause)
            .collect()
    }

    #[test]
    fn a_client_that_is_back_from_elsewhere_has_moved() {
        let mut sessions = vec![silent(), back(2, "192.0.2.7:6000", 5_000)];
        find(&mut sessions);
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
        find(&mut sessions);
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
        other.opening.path = Some("/other".to_owned());
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
