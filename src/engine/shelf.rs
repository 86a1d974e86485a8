//! The sessions of each share of a run, packed as they are told, until all are known.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::known::Known;
use super::sealed::stage;
use crate::capture::PacketId;
use crate::diagnosis::outline::{Leg, Outline};
use crate::diagnosis::port;
use crate::session::pack::{Pack, Place};
use crate::session::{Session, Tls, Transport};

/// Where a pipeline puts the sessions that it tells.
pub(super) enum Outlet {
    /// They wait to be taken.
    Waiting(Vec<Session>),
    /// They are kept until all are known.
    Packed(Box<Shelf>),
}

impl Default for Outlet {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

impl Outlet {
    pub(super) fn push(&mut self, session: Session) {
        match self {
            Self::Waiting(sessions) => sessions.push(session),
            Self::Packed(shelf) => shelf.push(session),
        }
    }

    /// Those that wait.
    pub(super) fn waiting(&self) -> &[Session] {
        match self {
            Self::Waiting(sessions) => sessions,
            Self::Packed(_) => &[],
        }
    }

    /// Takes those that wait.
    pub(super) fn take(&mut self) -> Vec<Session> {
        match self {
            Self::Waiting(sessions) => std::mem::take(sessions),
            Self::Packed(_) => Vec::new(),
        }
    }
}

/// The sessions of one share of all connections, in the order in which they were told; numbered
/// with the ordinals of their connections.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    random: RandomState,
    pub(super) pack: Pack,
    places: Vec<Shelved>,
    pub(super) outlines: Vec<Outline>,
    pub(super) legs: Vec<Leg>,
}

/// Where a session is, and what puts it in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelved {
    ordinal: u64,
    first_packet: PacketId,
    pub(super) place: Place,
    /// Hash of the name of its server in TLS.
    name: Option<u64>,
    /// Nothing of it was read.
    is_sealed: bool,
    /// What else is known of its server's port may change its verdict.
    may_be_astray: bool,
    pub(super) is_opaque: bool,
    pub(super) is_abnormal: bool,
}

impl Shelf {
    /// An empty one. All whose sessions are to be compared need the same `random`.
    pub(super) fn new(random: RandomState) -> Self {
        Self {
            random,
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, session: Session) {
        self.outlines.push(Outline::new(&session, &self.random));
        self.legs.push(Leg::new(&session, &self.random));
        let name = |tls: &Tls| Some(tls.sni.as_ref()?.to_ascii_lowercase());
        let name = session.tls.as_ref().and_then(name);
        self.places.push(Shelved {
            ordinal: session.number,
            first_packet: session.first_packet,
            name: name.map(|name| self.random.hash_one(name)),
            is_sealed: stage(&session).is_some(),
            may_be_astray: port::may_be_astray(&session),
            is_opaque: session.transport == Transport::Tls,
            is_abnormal: session.is_abnormal(),
            place: self.pack.push(session),
        });
    }
}

/// A session on a shelf: what puts it in order, which shelf, and where there.
pub(super) type Found = (Shelved, u32, usize);

/// The shelves of all shares.
pub(super) struct Shelves {
    pub(super) shelves: Vec<Shelf>,
    /// Their sessions, in the order of their first packets.
    pub(super) order: Vec<Found>,
}

impl Shelves {
    /// `tells_opaque`: TLS that could not be read, too.
    pub(super) fn new(shelves: Vec<Shelf>, tells_opaque: bool) -> Self {
        let mut all = Self {
            order: Vec::new(),
            shelves: Vec::with_capacity(shelves.len()),
        };
        shelves.into_iter().for_each(|shelf| all.take_up(shelf));
        if !tells_opaque {
            retain_known(&mut all.order, &all.shelves);
        }
        all.sort();
        all
    }

    /// More sessions.
    pub(super) fn add(&mut self, sessions: Vec<Session>) {
        let random = self.shelves.first().map(|shelf| shelf.random.clone());
        let mut shelf = Shelf::new(random.unwrap_or_default());
        sessions.into_iter().for_each(|session| shelf.push(session));
        self.take_up(shelf);
        self.sort();
    }

    fn take_up(&mut self, shelf: Shelf) {
        let number = u32::try_from(self.shelves.len()).unwrap_or(u32::MAX);
        let places = shelf.places.iter().enumerate();
        self.order
            .extend(places.map(|(at, &place)| (place, number, at)));
        self.shelves.push(shelf);
    }

    fn sort(&mut self) {
        let place = |(shelved, ..): &Found| (shelved.ordinal, shelved.first_packet);
        if !self.order.is_sorted_by_key(place) {
            self.order.sort_by_key(place);
        }
    }

    /// What else is known of their servers' ports may change some verdicts.
    pub(super) fn may_be_astray(&self) -> bool {
        self.order.iter().any(|(it, ..)| it.may_be_astray)
    }

    /// Corrects these.
    pub(super) fn correct(&mut self, known: &Known) {
        let Self { shelves, order } = self;
        let mut corrected = Vec::new();
        order.retain(|(shelved, shelf, _)| {
            let shelf = shelves.get(*shelf as usize);
            let Some(shelf) = shelf.filter(|_| shelved.may_be_astray) else {
                return true;
            };
            let mut session = Session::blank();
            shelf.pack.read(shelved.place, &mut session);
            session.number = shelved.ordinal;
            let port = known.port(&session);
            let is_astray = port::correct(&mut session, port);
            if is_astray {
                corrected.push(session);
            }
            !is_astray
        });
        if !corrected.is_empty() {
            self.add(corrected);
        }
    }

    /// Where WebSockets were asked for.
    pub(super) fn known(&self) -> Known {
        let mut known = Known::default();
        let mut session = Session::blank();
        for (shelved, shelf, _) in self.order.iter().filter(|(it, ..)| !it.is_sealed) {
            if let Some(shelf) = self.shelves.get(*shelf as usize) {
                shelf.pack.read(shelved.place, &mut session);
                known.add(&session);
            }
        }
        known
    }
}

/// Leaves out handshakes that failed, but for those with servers that speak WebSocket in another
/// session: that address, or that name, was meant for it.
fn retain_known(found: &mut Vec<Found>, shelves: &[Shelf]) {
    if !found.iter().any(|(shelved, ..)| shelved.is_sealed) {
        return;
    }
    let server = |&(_, shelf, at): &Found| {
        let outline = shelves.get(shelf as usize)?.outlines.get(at)?;
        Some(outline.server())
    };
    let mut servers: HashSet<SocketAddr> = HashSet::new();
    let mut names: HashSet<u64> = HashSet::new();
    for read in found.iter().filter(|(shelved, ..)| !shelved.is_sealed) {
        servers.extend(server(read));
        names.extend(read.0.name);
    }
    found.retain(|it| {
        !it.0.is_sealed
            || server(it).is_some_and(|server| servers.contains(&server))
            || it.0.name.is_some_and(|name| names.contains(&name))
    });
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::tls::Stage;

    #[test]
    fn a_server_is_known_by_its_address_or_its_name() {
        let failed = Some(Stage::Handshake);
        let sessions = [
            sample::wss(1, 443, "a.example", None),
            sample::wss(2, 443, "b.example", failed),
            sample::wss(3, 444, "A.Example", failed),
            sample::wss(4, 445, "c.example", failed),
            // What failed makes nothing known.
            sample::wss(5, 445, "d.example", failed),
        ];
        let random = RandomState::default();
        let mut shelves = [random.clone(), random].map(Shelf::new);
        for session in sessions {
            shelves[usize::from(session.number % 2 == 0)].push(session);
        }
        let all = Shelves::new(shelves.into(), false);
        let numbers: Vec<u64> = all.order.iter().map(|(it, ..)| it.ordinal).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}
