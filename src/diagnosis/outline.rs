//! What sessions are compared by. Of each one of a run this is kept until the last has ended, so
//! it is small; the session itself may be told and forgotten by then.

use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;

use foldhash::fast::RandomState;

use super::cohorts::{How, how, moved};
use super::legs::SAMPLE_KEY;
use crate::session::{Clocks, Gist, Party, Session, State};
use crate::time::Timestamp;

/// What cohorts are found by.
#[derive(Clone, Debug)]
pub struct Outline {
    /// As in [`Session::number`].
    pub number: u64,
    /// When it was opened; else when it began.
    pub(super) begun: Timestamp,
    signal: Nanos,
    ended: Nanos,
    clocks: [Nanos; 4],
    ping_period: Nanos,
    route: Option<NonZeroU64>,
    pub(super) cause: &'static str,
    server: (IpAddr, u16),
    how: Option<How>,
    pub(super) code: Option<u16>,
    pub(super) state: State,
    pub(super) closer: Option<Party>,
}

/// Nanoseconds, of a clock or since 1970; as small as they are where there are always some.
#[derive(Clone, Copy, Debug)]
struct Nanos(i64);

impl Nanos {
    /// There are none.
    const NONE: i64 = i64::MIN;

    fn get(self) -> Option<i64> {
        Some(self.0).filter(|&nanos| nanos != Self::NONE)
    }

    fn time(self) -> Option<Timestamp> {
        self.get().map(Timestamp::from_nanos)
    }
}

impl From<Option<i64>> for Nanos {
    fn from(nanos: Option<i64>) -> Self {
        Self(nanos.unwrap_or(Self::NONE))
    }
}

impl From<Option<Timestamp>> for Nanos {
    fn from(time: Option<Timestamp>) -> Self {
        time.map(|time| time.as_nanos()).into()
    }
}

/// A hash that may be missing, as small as one that may not.
fn hash(hash: u64) -> NonZeroU64 {
    NonZeroU64::new(hash).unwrap_or(NonZeroU64::MAX)
}

impl Outline {
    /// That of a session. All that are to be compared need the same `random`.
    pub fn new(session: &Gist<'_>, random: &RandomState) -> Self {
        let route = |path: &str| {
            let end = path.bytes().position(|byte| byte == b'?');
            hash(random.hash_one(path.get(..end.unwrap_or(path.len())).unwrap_or(path)))
        };
        let (how, ended) = how(session).unzip();
        let Clocks {
            client,
            server,
            either,
            age,
        } = session.clocks;
        Self {
            number: session.number,
            begun: session.opened.unwrap_or(session.started),
            signal: session.first_signal().into(),
            ended: ended.into(),
            clocks: [client, server, either, age].map(Nanos::from),
            ping_period: session.ping_period.into(),
            route: session.opening.path().map(route),
            cause: session.cause,
            server: (session.server.ip(), session.server.port()),
            how,
            code: session.code,
            state: session.state,
            closer: session.closer,
        }
    }

    /// Its verdict was corrected.
    pub fn correct(&mut self, session: &Session) {
        self.cause = session.verdict.cause;
    }

    /// As in [`Session::server`].
    pub fn server(&self) -> SocketAddr {
        self.server.into()
    }

    /// When the first terminating signal came; `None` where none did.
    pub(super) fn signal(&self) -> Option<Timestamp> {
        self.signal.time()
    }

    /// How its closer ended it, and when, where that does not say why.
    pub(super) fn end(&self) -> Option<(How, Timestamp)> {
        self.how.zip(self.ended.time())
    }

    /// When it ended; when it began, where it did not.
    pub(super) fn last(&self) -> Timestamp {
        self.signal().unwrap_or(self.begun)
    }

    /// Hash of the path without its query, which differs from session to session.
    pub fn route(&self) -> Option<u64> {
        self.route.map(NonZeroU64::get)
    }

    /// As in [`Session::ping_period`].
    pub(super) fn ping_period(&self) -> Option<i64> {
        self.ping_period.get()
    }

    pub(super) fn clocks(&self) -> Clocks {
        let [client, server, either, age] = self.clocks.map(Nanos::get);
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
    pub(super) started: Timestamp,
    opened: Nanos,
    heard: Nanos,
    path: Option<NonZeroU64>,
    key: Option<NonZeroU64>,
    identity: Option<NonZeroU64>,
    /// Of the client, and of the server.
    pub(super) messages: (u64, u64),
    client: (IpAddr, u16),
    /// Credentials are part of its identity.
    pub(super) has_credentials: bool,
    /// Index of the capture with its first packet.
    pub(super) file: u32,
}

impl Leg {
    /// That of a session. All that are to be compared need the same `random`.
    pub fn new(session: &Gist<'_>, random: &RandomState) -> Self {
        let opening = session.opening;
        let key = opening.key().filter(|key| *key != SAMPLE_KEY);
        Self {
            started: session.started,
            opened: session.opened.into(),
            heard: moved::heard(session).into(),
            path: opening.path().map(|path| hash(random.hash_one(path))),
            key: key.map(|key| hash(random.hash_one(key))),
            identity: moved::identity(session, random).map(hash),
            messages: (session.messages.client, session.messages.server),
            client: (session.client.ip(), session.client.port()),
            has_credentials: opening.credentials.is_some(),
            file: u32::try_from(session.first_packet.file()).unwrap_or(u32::MAX),
        }
    }

    /// As in [`Session::client`].
    pub(super) fn client(&self) -> SocketAddr {
        self.client.into()
    }

    /// As in [`Session::opened`].
    pub(super) fn opened(&self) -> Option<Timestamp> {
        self.opened.time()
    }

    /// When the client was heard last, where the session ended because of that.
    pub(super) fn heard(&self) -> Option<Timestamp> {
        self.heard.time()
    }

    /// Hash of the path.
    pub(super) fn path(&self) -> Option<u64> {
        self.path.map(NonZeroU64::get)
    }

    /// Hash of `Sec-WebSocket-Key`. That two which differ share one, and of a million sessions just
    /// two that began together, does not happen.
    pub(super) fn key(&self) -> Option<u64> {
        self.key.map(NonZeroU64::get)
    }

    /// Hash of whatever its opening tells of the client.
    pub(super) fn identity(&self) -> Option<u64> {
        self.identity.map(NonZeroU64::get)
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
        let outline = Outline::new(&(&session).into(), &RandomState::default());
        assert_eq!(outline.clocks(), session.clocks);
    }

    #[test]
    fn an_outline_is_small() {
        assert!(size_of::<Outline>() <= 128, "{}", size_of::<Outline>());
        assert!(size_of::<Leg>() <= 96, "{}", size_of::<Leg>());
    }
}
