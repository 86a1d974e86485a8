//! The sessions of a run once all are known, and what is kept of those that were handed on at once.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::sealed::stage;
use super::shelf::{Found, Shelves};
use crate::diagnosis::amend::Amendments;
use crate::diagnosis::outline::Outline;
use crate::limits;
use crate::session::pack::{Pack, Place, arrange};
use crate::session::{Brief, Finding, Session, Transport};

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
        if let Some((hash, path)) = outline.route().zip(session.opening.path())
            && self.paths.len() < limits::MAX_PATHS_COMPARED
        {
            let cut = |end: usize| path.get(..end);
            let path = || {
                let whole = (path.len() <= limits::MAX_SHARED_TEXT).then_some(path);
                let mut ends = (0..=limits::MAX_SHARED_TEXT).rev();
                whole
                    .or_else(|| ends.find_map(cut))
                    .unwrap_or_default()
                    .into()
            };
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
    pub(super) fn compare(self) -> Vec<Finding> {
        let Self {
            mut outlines,
            paths,
            ..
        } = self;
        let path = |outline: &Outline| Some(paths.get(&outline.route()?)?.to_string());
        // Legs are told the sessions themselves, which are gone.
        Amendments::find(&mut outlines, &[], &path).0
    }
}

/// All of both, in the first of them; where that is empty, nothing is moved.
fn append<T>(to: &mut Vec<T>, from: &mut Vec<T>) {
    if to.is_empty() {
        std::mem::swap(to, from);
    } else {
        to.append(from);
    }
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
    /// Compares the sessions of all shares.
    pub(super) fn join(all: Shelves) -> (Self, Vec<Finding>) {
        let Shelves {
            mut shelves,
            order,
            abnormal,
            opaque,
        } = all;
        let place = |&(_, shelf, at): &Found| {
            let shelved = shelves.get(shelf as usize)?.places.get(at as usize)?;
            Some((shelf, shelved.place))
        };
        let mut places: Vec<(u32, Place)> = order.iter().filter_map(place).collect();
        // Of the shelves one behind the other each begins at this index.
        let mut first = 0;
        let firsts: Vec<u32> = shelves
            .iter()
            .map(|shelf| {
                let next = first + u32::try_from(shelf.outlines.len()).unwrap_or(0);
                std::mem::replace(&mut first, next)
            })
            .collect();
        let index = |&(_, shelf, at): &Found| Some(firsts.get(shelf as usize)? + at);
        let indices: Vec<u32> = order.iter().filter_map(index).collect();
        drop(order);
        let (mut outlines, mut legs) = (Vec::new(), Vec::new());
        for shelf in &mut shelves {
            shelf.places = Vec::new();
            append(&mut outlines, &mut shelf.outlines);
            append(&mut legs, &mut shelf.legs);
        }
        arrange(&mut outlines, &indices);
        for (number, outline) in (1..).zip(&mut outlines) {
            outline.number = number;
        }
        arrange(&mut legs, &indices);
        drop(indices);
        let mut packs: Vec<Pack> = shelves.into_iter().map(|shelf| shelf.pack).collect();
        for (number, pack) in (0..).zip(&mut packs) {
            let its = places.iter_mut().filter(|(of, _)| *of == number);
            pack.arrange(its.map(|(_, place)| place));
        }
        let mut told = Self {
            packs,
            places,
            abnormal,
            opaque,
            amendments: Amendments::default(),
        };
        let path = |outline: &Outline| {
            let index = usize::try_from(outline.number.checked_sub(1)?).ok()?;
            told.get(index)?.opening.path().map(str::to_owned)
        };
        let (findings, amendments) = Amendments::find(&mut outlines, &legs, &path);
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
        let Some((pack, place)) = self.place(index) else {
            return false;
        };
        pack.read(place, session);
        session.number = index as u64 + 1;
        self.amendments.apply(index, session);
        true
    }

    /// What a row of a table shows of the one at `index`; `None` where there is none. `session` gives
    /// the room to read it to.
    #[inline]
    pub fn brief<'a>(&'a self, index: usize, session: &'a mut Session) -> Option<Brief<'a>> {
        let (pack, place) = self.place(index)?;
        let brief = pack.brief(place, session)?;
        Some(Brief {
            number: index as u64 + 1,
            cause: self.amendments.cause(index, brief.cause),
            ..brief
        })
    }

    fn place(&self, index: usize) -> Option<(&Pack, Place)> {
        let &(pack, place) = self.places.get(index)?;
        Some((self.packs.get(pack as usize)?, place))
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
