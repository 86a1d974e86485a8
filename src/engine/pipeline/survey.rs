//! A look at every connection in turn, a stretch of the table with each tick, so that no packet
//! has to wait for it: who is idle, and how much there is of everything.

use std::net::SocketAddr;
use std::sync::Arc;

use super::ending::apart;
use super::{Followed, Pipeline};
use crate::engine::known::Known;
use crate::flow::Slot;
use crate::limits;
use crate::time::Timestamp;

/// How it stood when the whole table was last looked through: at the last tick where the table
/// is small, and seconds ago where it is large.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Sessions under way.
    pub(super) sessions: usize,
    /// Server and opening of those that were opened.
    pub(super) openings: Arc<Vec<(SocketAddr, Timestamp)>>,
    /// Bytes held while they wait for others.
    pub(super) held: usize,
}

/// How far the look has come.
#[derive(Default)]
pub(super) struct Survey {
    /// The place to go on at.
    next: usize,
    so_far: Standing,
    last: Standing,
}

impl Survey {
    pub(super) const fn last(&self) -> &Standing {
        &self.last
    }
}

impl Pipeline {
    /// Looks at the next connections; whether they were the last ones. Forgets those that their
    /// ends forgot, or whose end was not captured, and gets to `know` the servers of the others.
    pub(super) fn survey(
        &mut self,
        survey: &mut Survey,
        known: &mut Known,
        now: Timestamp,
    ) -> bool {
        let mut idle: Vec<Slot> = Vec::new();
        let standing = &mut survey.so_far;
        let openings = Arc::make_mut(&mut standing.openings);
        let stretch = self
            .flows
            .stretch(survey.next, limits::MAX_SURVEYED_AT_ONCE);
        for (slot, key, followed) in stretch {
            let is_idle = |(last, _)| apart(now, last, patience(followed));
            if followed.last().is_none_or(is_idle) {
                idle.push(slot);
                continue;
            }
            standing.held += followed.held_bytes();
            let Followed::Whole(stack) = followed else {
                if let Some(server) = followed.dark_server(&key) {
                    known.add_tls(server);
                }
                continue;
            };
            known.add_open(&key, stack);
            if let Some(tracker) = stack.tracker()
                && let Some((server, _)) = stack.server(&key)
            {
                standing.sessions += 1;
                openings.extend(tracker.opened().map(|at| (server, at)));
            }
        }
        for slot in idle {
            if let Some((key, followed)) = self.flows.remove(slot) {
                self.conclude(key, followed);
            }
        }
        survey.next += limits::MAX_SURVEYED_AT_ONCE;
        let is_whole = survey.next >= self.flows.places();
        if is_whole {
            survey.next = 0;
            survey.last = std::mem::take(&mut survey.so_far);
        }
        is_whole
    }
}

/// How long a connection may be without a packet before nothing is expected of it.
fn patience(followed: &Followed) -> i64 {
    match followed {
        Followed::Whole(stack) if stack.has_session() => limits::SESSION_IDLE_NANOS,
        Followed::Whole(stack) if stack.is_done() => limits::LINGER_NANOS,
        Followed::Passing(passing) if passing.dark().is_none() => limits::LINGER_NANOS,
        Followed::Prelude(prelude) => match prelude.unconnected() {
            Some(_) if followed.is_over() || prelude.has_icmp() => limits::REFUSED_NANOS,
            // Longer than SYNs are apart.
            Some(_) => limits::HALF_OVER_NANOS,
            None if followed.is_over() => limits::LINGER_NANOS,
            None => limits::CONNECTION_IDLE_NANOS,
        },
        Followed::TimeWait(_) => limits::LINGER_NANOS,
        _ if followed.is_over() => limits::LINGER_NANOS,
        Followed::Whole(_) | Followed::Passing(_) => limits::CONNECTION_IDLE_NANOS,
    }
}
