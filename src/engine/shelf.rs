//! The sessions of each share of a run, packed as they are told, until all are known.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::num::NonZeroU64;

use foldhash::fast::RandomState;

use super::known::{Asked, Known, Order};
use crate::diagnosis::outline::{Leg, Outline};
use crate::diagnosis::port;
use crate::session::pack::{Pack, Place};
use crate::session::{Detail, Gist, Session, Tls, Transport};

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
    // A session is large: inlined, it is copied less on its way.
    #[inline]
    pub(super) fn push(&mut self, session: Session) {
        match self {
            Self::Waiting(sessions) => sessions.push(session),
            Self::Packed(shelf) => shelf.push(&session),
        }
    }

    /// Where those are kept of which no more than a row is wanted.
    pub(super) fn rows(&mut self) -> Option<&mut Shelf> {
        match self {
            Self::Packed(shelf) if shelf.detail == Detail::Row => Some(shelf),
            Self::Packed(_) | Self::Waiting(_) => None,
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
    detail: Detail,
    random: RandomState,
    pub(super) pack: Pack,
    pub(super) places: Vec<Shelved>,
    pub(super) outlines: Vec<Outline>,
    pub(super) legs: Vec<Leg>,
}

/// Where a session is, and what is to be known of it before all are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelved {
    order: Order,
    pub(super) place: Place,
    /// Hash of the name of its server in TLS.
    name: Option<NonZeroU64>,
    asked: Asked,
    /// Nothing of it was read.
    is_sealed: bool,
    /// What else is known of its server's port may change its verdict.
    may_be_astray: bool,
    is_opaque: bool,
    is_abnormal: bool,
}

impl Shelf {
    /// An empty one, of which so much is wanted. All whose sessions are to be compared need the
    /// same `random`.
    pub(super) fn new(random: RandomState, detail: Detail) -> Self {
        Self {
            detail,
            random,
            pack: Pack::new(detail),
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, session: &Session) {
        let place = self.pack.push(session);
        self.put(&session.into(), place);
    }

    /// The same of a session of which no more than a row is wanted.
    pub(super) fn push_row(&mut self, session: &Gist<'_>) {
        let place = self.pack.push_row(session);
        self.put(session, place);
    }

    fn put(&mut self, session: &Gist<'_>, place: Place) {
        self.outlines.push(Outline::new(session, &self.random));
        self.legs.push(Leg::new(session, &self.random));
        let name = |tls: &Tls| Some(tls.sni.as_ref()?.to_ascii_lowercase());
        let name = session.tls.and_then(name);
        self.places.push(Shelved {
            order: (session.number, session.first_packet),
            name: name.and_then(|name| NonZeroU64::new(self.random.hash_one(name))),
            asked: Asked::new(session),
            is_sealed: session.tls.is_some_and(|tls| tls.stage.is_some()),
            may_be_astray: port::may_be_astray(session),
            is_opaque: session.transport == Transport::Tls,
            is_abnormal: session.is_abnormal(),
            place,
        });
    }

    /// Corrects those that went to the wrong port.
    fn correct(&mut self, known: &Known) {
        let places = self.places.iter_mut().zip(&mut self.outlines);
        for (shelved, outline) in places.filter(|(it, _)| it.may_be_astray) {
            let mut session = Session::blank();
            self.pack.read(shelved.place, &mut session);
            let port = known.port(&session);
            if port::correct(&mut session, port) {
                outline.correct(&session);
                shelved.place = self.pack.push(&session);
            }
        }
    }
}

/// What puts a session in order, its shelf, and where it is there.
pub(super) type Found = (Order, u32, u32);

/// The shelves of all shares.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    pub(super) shelves: Vec<Shelf>,
    /// Their sessions, in the order of their first packets.
    pub(super) order: Vec<Found>,
    pub(super) abnormal: u64,
    pub(super) opaque: u64,
}

impl Shelves {
    /// `tells_opaque`: TLS that could not be read, too.
    pub(super) fn new(shelves: Vec<Shelf>, tells_opaque: bool) -> Self {
        let meant = (!tells_opaque).then(|| Meant::new(&shelves)).flatten();
        let mut all = Self::default();
        for shelf in shelves {
            all.take_up(shelf, meant.as_ref());
        }
        all.sort();
        all
    }

    /// More sessions.
    pub(super) fn add(&mut self, sessions: Vec<Session>) {
        if sessions.is_empty() {
            return;
        }
        let first = self.shelves.first();
        let (random, detail) = first
            .map(|it| (it.random.clone(), it.detail))
            .unwrap_or_default();
        let mut shelf = Shelf::new(random, detail);
        sessions.iter().for_each(|session| shelf.push(session));
        self.take_up(shelf, None);
        self.sort();
    }

    /// All of a shelf, but handshakes that failed only where they were `meant` for WebSockets.
    fn take_up(&mut self, shelf: Shelf, meant: Option<&Meant>) {
        let number = u32::try_from(self.shelves.len()).unwrap_or(u32::MAX);
        self.order.reserve_exact(shelf.places.len());
        for (at, (shelved, outline)) in (0..).zip(shelf.places.iter().zip(&shelf.outlines)) {
            if meant.is_none_or(|meant| meant.has(shelved, outline)) {
                self.order.push((shelved.order, number, at));
                self.abnormal += u64::from(shelved.is_abnormal);
                self.opaque += u64::from(shelved.is_opaque);
            }
        }
        self.shelves.push(shelf);
    }

    fn sort(&mut self) {
        if self.order.is_sorted() {
            return;
        }
        match counted(&self.order) {
            Some(sorted) => self.order = sorted,
            None => self.order.sort_unstable(),
        }
    }

    /// What else is known of their servers' ports may change some verdicts.
    pub(super) fn may_be_astray(&self) -> bool {
        let mut all = self.shelves.iter().flat_map(|shelf| &shelf.places);
        all.any(|shelved| shelved.may_be_astray)
    }

    /// Corrects these.
    pub(super) fn correct(&mut self, known: &Known) {
        self.shelves
            .iter_mut()
            .for_each(|shelf| shelf.correct(known));
    }

    /// Where WebSockets were asked for; `by_name`: under which names, too.
    pub(super) fn known(&self, by_name: bool) -> Known {
        let mut known = Known::default();
        if !by_name {
            for shelf in &self.shelves {
                let asked = shelf.places.iter().zip(&shelf.outlines);
                for (shelved, outline) in asked.filter(|(it, _)| !it.is_sealed) {
                    known.add_asked(outline.server(), shelved.asked, shelved.order);
                }
            }
            return known;
        }
        let mut session = Session::blank();
        for (_, shelf, at) in &self.order {
            let shelf = self.shelves.get(*shelf as usize);
            if let Some((shelf, shelved)) =
                shelf.and_then(|shelf| Some((shelf, shelf.places.get(*at as usize)?)))
                && !shelved.is_sealed
            {
                shelf.pack.read(shelved.place, &mut session);
                known.add_as(&session, shelved.asked);
            }
        }
        known
    }
}

/// Where there are so many times as many connections as sessions, these are sooner compared than
/// counted.
const SPARSE: usize = 16;

/// In order: the ordinals of their connections, which lie close together, tell how many come before
/// each. `None` where they do not.
fn counted(all: &[Found]) -> Option<Vec<Found>> {
    let ordinal = |((ordinal, _), ..): &Found| usize::try_from(*ordinal).unwrap_or(usize::MAX);
    let last = all.iter().map(ordinal).max()?;
    if last / SPARSE > all.len() {
        return None;
    }
    let mut places = vec![0_u32; last + 1];
    for found in all {
        *places.get_mut(ordinal(found))? += 1;
    }
    let mut sum = 0;
    for place in &mut places {
        sum += std::mem::replace(place, sum);
    }
    let mut sorted = all.to_vec();
    for found in all {
        let place = places.get_mut(ordinal(found))?;
        *sorted.get_mut(*place as usize)? = *found;
        *place += 1;
    }
    // Few connections have several.
    for same in sorted.chunk_by_mut(|one, other| ordinal(one) == ordinal(other)) {
        same.sort_unstable();
    }
    Some(sorted)
}

/// Servers that speak WebSocket in some session: handshakes with that address, or that name, that
/// failed were meant for it.
struct Meant {
    servers: HashSet<SocketAddr, RandomState>,
    names: HashSet<NonZeroU64, RandomState>,
}

impl Meant {
    /// `None` where no handshake failed.
    fn new(shelves: &[Shelf]) -> Option<Self> {
        let all = || {
            let all = shelves.iter();
            all.flat_map(|shelf| shelf.places.iter().zip(&shelf.outlines))
        };
        if !all().any(|(shelved, _)| shelved.is_sealed) {
            return None;
        }
        let read = || all().filter(|(shelved, _)| !shelved.is_sealed);
        Some(Self {
            servers: read().map(|(_, outline)| outline.server()).collect(),
            names: read().filter_map(|(shelved, _)| shelved.name).collect(),
        })
    }

    fn has(&self, shelved: &Shelved, outline: &Outline) -> bool {
        !shelved.is_sealed
            || self.servers.contains(&outline.server())
            || shelved.name.is_some_and(|name| self.names.contains(&name))
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;
    use crate::capture::PacketId;
    use crate::report::sample;

    #[test]
    fn what_is_counted_is_sorted() {
        let packet = |number| PacketId::new(0, number);
        let all: Vec<Found> = [(7, 9), (2, 4), (7, 3), (0, 1), (3, 2), (2, 4)]
            .into_iter()
            .zip(0..)
            .map(|((ordinal, first), at)| ((ordinal, packet(first)), 0, at))
            .collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(counted(&all), Some(sorted));
        let far = ((1000, packet(1)), 0, 6);
        assert_eq!(counted(&[all, vec![far]].concat()), None);
        assert_eq!(counted(&[]), None);
    }

    #[test]
    fn a_server_is_known_by_its_address_or_its_name() {
        let sessions = sample::servers_half_known();
        let random = RandomState::default();
        let mut shelves = [random.clone(), random].map(|it| Shelf::new(it, Detail::Whole));
        for session in sessions {
            shelves[usize::from(session.number % 2 == 0)].push(&session);
        }
        let all = Shelves::new(shelves.into(), false);
        let numbers: Vec<u64> = all
            .order
            .iter()
            .map(|((ordinal, _), ..)| *ordinal)
            .collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}
