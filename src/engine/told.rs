//! The sessions of a run once all are known, and what is kept of those that were handed on at once.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::sealed::stage;
use super::shelf::Shelves;
use crate::diagnosis::amend::Amendments;
use crate::diagnosis::outline::Outline;
use crate::limits;
use crate::session::pack::{Pack, Place};
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
        let outline = Outline::new(&(&*session).into(), &self.random);
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

/// Adds what is on a shelf of those that have a number. Nothing is copied where there is but one
/// shelf.
fn append_told<T>(all: &mut Vec<T>, shelf: &mut Vec<T>, numbers: &[u32]) {
    let mut its = numbers.iter();
    shelf.retain(|_| its.next().is_some_and(|&number| number > 0));
    if all.is_empty() {
        std::mem::swap(all, shelf);
    } else {
        all.append(shelf);
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
        // The number of each on each shelf; 0 for those that are not told.
        let mut numbers: Vec<Vec<u32>> = shelves
            .iter()
            .map(|shelf| vec![0; shelf.places.len()])
            .collect();
        for (number, &(_, shelf, at)) in (1..).zip(&order) {
            let its = numbers.get_mut(shelf as usize);
            if let Some(place) = its.and_then(|its| its.get_mut(at as usize)) {
                *place = number;
            }
        }
        let mut places = vec![(0, Place::default()); order.len()];
        drop(order);
        // There are never many twice, and what is large stays where it is.
        let (mut outlines, mut legs) = (Vec::new(), Vec::new());
        for ((index, shelf), numbers) in (0..).zip(&mut shelves).zip(&numbers) {
            let its = shelf.places.iter().zip(&mut shelf.outlines).zip(numbers);
            for ((shelved, outline), &number) in its {
                outline.number = number.into();
                let at = number.checked_sub(1).map(|at| at as usize);
                if let Some(place) = at.and_then(|at| places.get_mut(at)) {
                    *place = (index, shelved.place);
                }
            }
            shelf.places = Vec::new();
            append_told(&mut outlines, &mut shelf.outlines, numbers);
            append_told(&mut legs, &mut shelf.legs, numbers);
        }
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
        self.amendments.apply(session);
        true
    }

    /// What a row of a table shows of the one at `index`; `None` where there is none. `session` gives
    /// the room to read it to.
    #[inline]
    pub fn brief<'a>(&'a self, index: usize, session: &'a mut Session) -> Option<Brief<'a>> {
        let (pack, place) = self.place(index)?;
        let number = index as u64 + 1;
        let cause = |own| self.amendments.cause(number, own);
        pack.brief(place, session, number, cause)
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
