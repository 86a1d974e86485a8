//! What sessions are compared by. Of each one of a run this is kept until the last has ended, so
//! it is small; the session itself may be told and forgotten by then.

use std::hash::BuildHasher;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::cohorts::{How, how, moved};
use super::legs::SAMPLE_KEY;
use crate::session::{Clocks, Party, Session, State};
use crate::time::Timestamp;

/// What cohorts are found by.
#[derive(Clone, Debug)]
pub struct Outline {
    /// As in [`Session::number`].
    pub number: u64,
    pub(super) server: SocketAddr,
    /// When it was opened; else when it began.
    pub(super) begun: Timestamp,
    /// When the first terminating signal came; `None` where none did.
    pub(super) signal: Option<Timestamp>,
    pub(super) state: State,
    pub(super) code: Option<u16>,
    pub(super) closer: Option<Party>,
    pub(super) cause: &'static str,
    /// How its closer ended it, and when, where that does not say why.
    pub(super) end: Option<(How, Timestamp)>,
    clocks: [i64; 4],
    ping_period: i64,
    /// Hash of the path without its query, which differs from session to session.
    pub(super) route: Option<u64>,
}

/// When the first terminating signal came; `None` where none did.
pub(super) fn first_signal(session: &Session) -> Option<Timestamp> {
    let close = session.closes.iter().map(|close| close.time).min();
    let end = session.transport_end.map(|end| end.time);
    close.into_iter().chain(end).min()
}

/// A clock that never ran.
const NONE: i64 = i64::MIN;

impl Outline {
    /// That of `session`. All that are to be compared need the same `random`.
    pub fn new(session: &Session, random: &RandomState) -> Self {
        let verdict = &session.verdict;
        let route = |path: &str| {
            let route = path.split_once('?').map_or(path, |(route, _)| route);
            random.hash_one(route)
        };
        let Clocks {
            client,
            server,
            either,
            age,
        } = session.clocks;
        Self {
            number: session.number,
            server: session.server,
            begun: session.opened.unwrap_or(session.started),
            signal: first_signal(session),
            state: verdict.state,
            code: verdict.code,
            closer: verdict.closer,
            cause: verdict.cause,
            end: how(session),
            clocks: [client, server, either, age].map(|clock| clock.unwrap_or(NONE)),
            ping_period: session.ping_period.unwrap_or(NONE),
            route: session.opening.path().map(route),
        }
    }

    /// Its verdict was corrected.
    pub fn correct(&mut self, session: &Session) {
        self.cause = session.verdict.cause;
    }

    /// As in [`Session::server`].
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// When it ended; when it began, where it did not.
    pub(super) fn last(&self) -> Timestamp {
        self.signal.unwrap_or(self.begun)
    }

    /// Hash of the path without its query.
    pub const fn route(&self) -> Option<u64> {
        self.route
    }

    /// As in [`Session::ping_period`].
    pub(super) fn ping_period(&self) -> Option<i64> {
        Some(self.ping_period).filter(|&it| it != NONE)
    }

    pub(super) fn clocks(&self) -> Clocks {
        let [client, server, either, age] = self
            .clocks
            .map(|clock| Some(clock).filter(|&it| it != NONE));
        Clocks {
            client,
            server,
            either,
            age,
        }
    }
}

/// What other legs are found by, and clients that moved.
#[derive(Clone, Debug)]
pub struct Leg {
    pub(super) client: SocketAddr,
    pub(super) started: Timestamp,
    pub(super) opened: Option<Timestamp>,
    /// Index of the capture with its first packet.
    pub(super) file: usize,
    /// Hash of the path.
    pub(super) path: Option<u64>,
    /// Of the client, and of the server.
    pub(super) messages: (u64, u64),
    /// Hash of `Sec-WebSocket-Key`. That two which differ share one, and of a million sessions just
    /// two that began together, does not happen.
    pub(super) key: Option<u64>,
    /// Hash of whatever its opening tells of the client.
    pub(super) identity: Option<u64>,
    /// Credentials are part of that.
    pub(super) has_credentials: bool,
    /// When the client was heard last, where the session ended because of that.
    pub(super) heard: Option<Timestamp>,
}

impl Leg {
    /// That of `session`. All that are to be compared need the same `random`.
    pub fn new(session: &Session, random: &RandomState) -> Self {
        let opening = &session.opening;
        let key = opening.key().filter(|key| *key != SAMPLE_KEY);
        Self {
            client: session.client,
            started: session.started,
            opened: session.opened,
            file: session.first_packet.file(),
            path: opening.path().map(|path| random.hash_one(path)),
            messages: (session.client_sent.messages, session.server_sent.messages),
            key: key.map(|key| random.hash_one(key)),
            identity: moved::identity(session, random),
            has_credentials: opening.credentials.is_some(),
            heard: moved::heard(session),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn clocks_come_back() {
        let mut session = sample::abrupt(1);
        session.clocks = Clocks {
            client: None,
            server: Some(0),
            either: Some(7),
            age: None,
        };
        let outline = Outline::new(&session, &RandomState::default());
        assert_eq!(outline.clocks(), session.clocks);
    }

    #[test]
    fn an_outline_is_small() {
        assert!(size_of::<Outline>() <= 176, "{}", size_of::<Outline>());
        assert!(size_of::<Leg>() <= 152, "{}", size_of::<Leg>());
    }
}
