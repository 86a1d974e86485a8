//! What the others of a run add to the verdict of one session.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::cohorts::moved::{self, Move};
use super::cohorts::{self, Correction};
use super::legs;
use super::outline::{Leg, Outline};
use super::servers::Servers;
use crate::session::{Finding, Session};

/// What is to be added, by number of the session.
#[derive(Debug, Default)]
pub struct Amendments {
    cohorts: Vec<Correction>,
    /// One more than the index of its cohort, 0 for none, for each session, that with the number 1
    /// first; empty where there is no cohort.
    of: Vec<u32>,
    legs: HashMap<u64, Other, RandomState>,
    moves: HashMap<u64, Move, RandomState>,
}

/// What the other legs of a session tell.
#[derive(Debug, Default)]
pub(super) struct Other {
    pub(super) related: Vec<u64>,
    /// Where the end began.
    pub(super) origin: String,
}

impl Amendments {
    /// Compares all sessions of a run, in any order; `legs` may be empty where nobody is to be told
    /// of them. The findings come in the order of their first sessions. `path` gives that of a
    /// session, where it is known.
    pub fn find(
        outlines: &mut [Outline],
        legs: &[Leg],
        path: &dyn Fn(&Outline) -> Option<String>,
    ) -> (Vec<Finding>, Self) {
        let mut moves = HashMap::default();
        for (index, moved) in moved::find(outlines, legs) {
            if let Some(outline) = outlines.get_mut(index) {
                outline.cause = moved::CAUSE;
                moves.insert(outline.number, moved);
            }
        }
        let servers = Servers::of(outlines);
        let (findings, cohorts) = cohorts::find(outlines, &servers, path);
        let mut of = Vec::new();
        if !cohorts.is_empty() {
            let numbers = outlines.iter().map(|outline| outline.number);
            of.resize(numbers.max().map_or(0, place), 0);
        }
        for (number, cohort) in (1..).zip(&cohorts) {
            let members = cohort.indices.iter().filter_map(|&at| outlines.get(at));
            for outline in members {
                if let Some(of) = place(outline.number)
                    .checked_sub(1)
                    .and_then(|at| of.get_mut(at))
                {
                    *of = number;
                }
            }
        }
        let amendments = Self {
            cohorts,
            of,
            legs: legs::join(outlines, legs, &servers),
            moves,
        };
        (findings, amendments)
    }

    /// Adds what there is to `session`.
    pub fn apply(&self, session: &mut Session) {
        let number = session.number;
        if let Some(moved) = self.moves.get(&number) {
            moved.apply(session);
        }
        if let Some(cohort) = self.cohort(number) {
            cohort.apply(session);
        }
        if let Some(other) = self.legs.get(&number) {
            session.related.clone_from(&other.related);
            session.verdict.summary.push_str(&other.origin);
        }
    }

    /// The cause of the session with this number, which by itself has that one.
    #[inline]
    pub fn cause(&self, number: u64, own: &'static str) -> &'static str {
        let has_moved = !self.moves.is_empty() && self.moves.contains_key(&number);
        let cause = if has_moved { moved::CAUSE } else { own };
        self.cohort(number).map_or(cause, |it| it.cause(cause))
    }

    #[inline]
    fn cohort(&self, number: u64) -> Option<&Correction> {
        let at = self.of.get(place(number).checked_sub(1)?)?;
        self.cohorts.get(at.checked_sub(1)? as usize)
    }
}

/// Where a session stands among all, the first one at 1.
fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Compares `sessions`, and tells them what there is to add.
#[cfg(test)]
pub(super) fn compare(sessions: &mut [Session]) -> Vec<Finding> {
    let random = RandomState::default();
    let mut outlines: Vec<Outline> = sessions
        .iter()
        .map(|session| Outline::new(&session.into(), &random))
        .collect();
    let legs: Vec<Leg> = sessions
        .iter()
        .map(|session| Leg::new(&session.into(), &random))
        .collect();
    let path = |outline: &Outline| {
        let mut all = sessions.iter();
        let session = all.find(|session| session.number == outline.number);
        session?.opening.path().map(str::to_owned)
    };
    let (findings, amendments) = Amendments::find(&mut outlines, &legs, &path);
    for session in sessions {
        amendments.apply(session);
    }
    findings
}
