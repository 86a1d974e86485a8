//! What the others of a run add to the verdict of one session.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::cohorts::moved::{self, Move};
use super::cohorts::{self, Correction};
use super::legs;
use super::outline::{Leg, Outline};
use super::servers::Servers;
use crate::session::{Finding, Session};

/// What is to be added, by index of the session.
#[derive(Debug, Default)]
pub struct Amendments {
    cohorts: Vec<Correction>,
    /// One more than the index of its cohort, 0 for none, for each session; empty where there is
    /// no cohort.
    of: Vec<u32>,
    legs: HashMap<usize, Other, RandomState>,
    moves: HashMap<usize, Move, RandomState>,
}

/// What the other legs of a session tell.
#[derive(Debug, Default)]
pub(super) struct Other {
    pub(super) related: Vec<u64>,
    /// Where the end began.
    pub(super) origin: String,
}

impl Amendments {
    /// Compares all sessions of a run, in the order of their numbers; `legs` may be empty where
    /// nobody is to be told of them. The findings come in the order of their first sessions. `path`
    /// gives that of a session, where it is known.
    pub fn find(
        outlines: &mut [Outline],
        legs: &[Leg],
        path: &dyn Fn(&Outline) -> Option<String>,
    ) -> (Vec<Finding>, Self) {
        let moves = moved::find(outlines, legs);
        for &index in moves.keys() {
            if let Some(outline) = outlines.get_mut(index) {
                outline.cause = moved::CAUSE;
            }
        }
        let servers = Servers::of(outlines);
        let (findings, cohorts) = cohorts::find(outlines, &servers, path);
        let mut of = Vec::new();
        if !cohorts.is_empty() {
            of.resize(outlines.len(), 0);
        }
        for (number, cohort) in (1..).zip(&cohorts) {
            for &index in &cohort.indices {
                if let Some(of) = of.get_mut(index) {
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

    /// Adds what there is to `session`, the one at `index`.
    pub fn apply(&self, index: usize, session: &mut Session) {
        if let Some(moved) = self.moves.get(&index) {
            moved.apply(session);
        }
        if let Some(cohort) = self.cohort(index) {
            cohort.apply(session);
        }
        if let Some(other) = self.legs.get(&index) {
            session.related.clone_from(&other.related);
            session.verdict.summary.push_str(&other.origin);
        }
    }

    /// The cause of the session at `index`, which by itself has this one.
    #[inline]
    pub fn cause(&self, index: usize, own: &'static str) -> &'static str {
        let has_moved = !self.moves.is_empty() && self.moves.contains_key(&index);
        let cause = if has_moved { moved::CAUSE } else { own };
        self.cohort(index).map_or(cause, |it| it.cause(cause))
    }

    fn cohort(&self, index: usize) -> Option<&Correction> {
        let at = self.of.get(index)?.checked_sub(1)?;
        self.cohorts.get(at as usize)
    }
}

/// Compares `sessions`, and tells them what there is to add.
#[cfg(test)]
pub(super) fn compare(sessions: &mut [Session]) -> Vec<Finding> {
    let random = RandomState::default();
    let mut outlines: Vec<Outline> = sessions
        .iter()
        .map(|session| Outline::new(session, &random))
        .collect();
    let legs: Vec<Leg> = sessions
        .iter()
        .map(|session| Leg::new(session, &random))
        .collect();
    let path = |outline: &Outline| {
        let mut all = sessions.iter();
        let session = all.find(|session| session.number == outline.number);
        session?.opening.path().map(str::to_owned)
    };
    let (findings, amendments) = Amendments::find(&mut outlines, &legs, &path);
    for (index, session) in sessions.iter_mut().enumerate() {
        amendments.apply(index, session);
    }
    findings
}
