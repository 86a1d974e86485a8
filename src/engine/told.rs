//! The sessions of a run, from the moment they are told: packed until they are written, or handed
//! on at once.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::sealed::stage;
use crate::capture::PacketId;
use crate::diagnosis::amend::Amendments;
use crate::diagnosis::outline::{Leg, Outline};
use crate::limits;
use crate::session::pack::{Pack, Place};
use crate::session::{Finding, Session, Tls, Transport};

/// Where a pipeline puts the sessions that it tells.
pub(super) enum Outlet {
    /// They wait to be taken.
    Waiting(Vec<Session>),
    /// They are kept until all are known.
    Packed(Box<Shelf>),
}

impl Outlet {
    pub(super) fn push(&mut self, session: Session) {
        match self {
            Self::Waiting(sessions) => sessions.push(session),
            Self::Packed(shelf) => shelf.push(session),
        }
    }

    /// Some wait.
    pub(super) fn has_any(&self) -> bool {
        matches!(self, Self::Waiting(sessions) if !sessions.is_empty())
    }

    /// Those that wait.
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
    pack: Pack,
    places: Vec<Shelved>,
    outlines: Vec<Outline>,
    legs: Vec<Leg>,
}

/// Where a session is, and what puts it in order.
#[derive(Clone, Copy, Debug)]
struct Shelved {
    ordinal: u64,
    first_packet: PacketId,
    place: Place,
    /// Hash of the name of its server in TLS.
    name: Option<u64>,
    /// Nothing of it was read.
    is_sealed: bool,
    is_opaque: bool,
    is_abnormal: bool,
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
            is_opaque: session.transport == Transport::Tls,
            is_abnormal: session.is_abnormal(),
            place: self.pack.push(session),
        });
    }
}

/// A session on a shelf: what puts it in order, which shelf, and where there.
type Found = (Shelved, u32, usize);

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

/// What is kept of sessions that were handed on as they ended: enough to compare them by.
#[derive(Debug, Default)]
pub(super) struct Gone {
    random: RandomState,
    outlines: Vec<Outline>,
    /// Paths without their queries, by hash.
    paths: HashMap<u64, Box<str>, RandomState>,
    /// TLS that could not be read is told.
    tells_opaque: bool,
    pub(super) told: u64,
    pub(super) abnormal: u64,
    pub(super) opaque: u64,
}

impl Gone {
    pub(super) fn new(tells_opaque: bool) -> Self {
        Self {
            tells_opaque,
            ..Self::default()
        }
    }

    /// Numbers the next one, and remembers it; false for a failed handshake of TLS that is not to be
    /// told, since it is not known yet which servers speak WebSocket.
    pub(super) fn add(&mut self, session: &mut Session) -> bool {
        if stage(session).is_some() && !self.tells_opaque {
            return false;
        }
        self.opaque += u64::from(session.transport == Transport::Tls);
        self.told += 1;
        self.abnormal += u64::from(session.is_abnormal());
        session.number = self.told;
        if self.outlines.len() >= limits::MAX_OUTLINES {
            return true;
        }
        let outline = Outline::new(session, &self.random);
        if let Some((hash, path)) = outline.route().zip(session.opening.path.as_deref())
            && self.paths.len() < limits::MAX_PATHS_COMPARED
        {
            let end = path.floor_char_boundary(limits::MAX_SHARED_TEXT);
            let path = || path.get(..end).unwrap_or_default().into();
            self.paths.entry(hash).or_insert_with(path);
        }
        self.outlines.push(outline);
        true
    }

    /// So many were not compared with the others.
    pub(super) fn uncompared(&self) -> u64 {
        self.told - self.outlines.len() as u64
    }

    /// What they share.
    pub(super) fn compare(&self) -> Vec<Finding> {
        let path = |index: usize| {
            let path = self.paths.get(&self.outlines.get(index)?.route()?)?;
            Some(path.to_string())
        };
        Amendments::find(&self.outlines, &path).0
    }
}

fn count(found: &[Found], is_it: impl Fn(&Shelved) -> bool) -> u64 {
    found.iter().filter(|(shelved, ..)| is_it(shelved)).count() as u64
}

/// The sessions of a run, in the order of their first packets, numbered.
#[derive(Debug, Default)]
pub struct Told {
    packs: Vec<Pack>,
    /// The pack that each is in, and where.
    places: Vec<(u32, Place)>,
    abnormal: u64,
    opaque: u64,
    amendments: Amendments,
}

impl Told {
    /// Puts shares together, and compares all of their sessions.
    /// `tells_opaque`: TLS that could not be read, too.
    pub(super) fn join(shelves: Vec<Shelf>, tells_opaque: bool) -> (Self, Vec<Finding>) {
        let mut order: Vec<Found> = Vec::new();
        for (pack, shelf) in (0..).zip(&shelves) {
            let places = shelf.places.iter().enumerate();
            order.extend(places.map(|(at, &place)| (place, pack, at)));
        }
        if !tells_opaque {
            retain_known(&mut order, &shelves);
        }
        let place = |(shelved, ..): &Found| (shelved.ordinal, shelved.first_packet);
        if !order.is_sorted_by_key(place) {
            order.sort_by_key(place);
        }
        let mut told = Self {
            places: order
                .iter()
                .map(|(shelved, pack, _)| (*pack, shelved.place))
                .collect(),
            abnormal: count(&order, |shelved| shelved.is_abnormal),
            opaque: count(&order, |shelved| shelved.is_opaque),
            ..Self::default()
        };
        let (mut outlines, mut legs) = (Vec::new(), Vec::new());
        outlines.reserve_exact(order.len());
        legs.reserve_exact(order.len());
        for (number, (_, pack, at)) in (1..).zip(&order) {
            let shelf = shelves.get(*pack as usize);
            if let Some((outline, leg)) =
                shelf.and_then(|it| it.outlines.get(*at).zip(it.legs.get(*at)))
            {
                let mut outline = outline.clone();
                outline.number = number;
                outlines.push(outline);
                legs.push(leg.clone());
            }
        }
        drop(order);
        told.packs = shelves.into_iter().map(|shelf| shelf.pack).collect();
        let path = |index| told.get(index)?.opening.path;
        let (findings, mut amendments) = Amendments::find(&outlines, &path);
        amendments.join(&outlines, &legs);
        told.amendments = amendments;
        (told, findings)
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.places.len()
    }

    /// There are none.
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many are [abnormal](Session::is_abnormal).
    pub const fn abnormal(&self) -> u64 {
        self.abnormal
    }

    /// How many may be anything: TLS that could not be read.
    pub const fn opaque(&self) -> u64 {
        self.opaque
    }

    /// Reads the one at `index`, whose number is one more, into `session`, whose texts and lists
    /// are used again; false where there is none.
    pub fn read(&self, index: usize, session: &mut Session) -> bool {
        let Some((pack, place)) = self.places.get(index) else {
            return false;
        };
        let Some(pack) = self.packs.get(*pack as usize) else {
            return false;
        };
        pack.read(*place, session);
        session.number = index as u64 + 1;
        self.amendments.apply(index, session);
        true
    }

    /// The one at `index`.
    pub fn get(&self, index: usize) -> Option<Session> {
        let mut session = Session::blank();
        self.read(index, &mut session).then_some(session)
    }

    /// All of them, each by itself.
    pub fn iter(&self) -> impl Iterator<Item = Session> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}
