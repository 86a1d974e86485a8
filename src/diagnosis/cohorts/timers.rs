//! Sessions that were cut after the same silence (an idle timer) or at the same age (a cap).

use std::ops::Range;

use super::equal::{Cluster, LEAST, densest, reach};
use super::{Clock, Cohort, Crowd, Ends, How, Member, Shared};
use crate::diagnosis::knowledge::timers::{self, By, Timer};
use crate::session::{Confidence, Party, Side};
use crate::time::Timestamp;

/// Shorter silences than this are how conversations go.
const LEAST_TIMER: i64 = 1_000_000_000;

/// Timers on one path are few. What is left after so many is chance.
const MAX_ROUNDS: usize = 8;

/// Sessions whose Pings are too slow, for that to be what they have in common.
const LEAST_SLOW: usize = 3;

/// How far apart equal times may lie: a second at most, and less for short timers, whose ticks
/// are finer.
fn tolerance(nanos: i64) -> i64 {
    (nanos / 50).clamp(100_000_000, 1_000_000_000)
}

/// The clocks of silence, in the order in which they are preferred where they fit equally well:
/// the last byte of a session is also the last byte of one side, and to name the side says more.
const CLOCKS: [Clock; 3] = [Clock::Server, Clock::Client, Clock::Either];

fn silence(member: &Member, clock: Clock) -> Option<i64> {
    match clock {
        Clock::Server => member.clocks.server,
        Clock::Client => member.clocks.client,
        Clock::Either => member.clocks.either,
    }
}

const fn age(member: &Member) -> Option<i64> {
    member.clocks.age
}

/// Sessions that ended alike.
struct Alike<'a> {
    members: &'a mut [Member],
    crowd: &'a Crowd<'a>,
    by: Party,
    how: How,
}

/// A cluster, the clock it is on, and what would explain it as well.
struct Fit {
    shared: Shared,
    rival: Option<&'static str>,
    /// The clocks of silence on which all of them agree, the best first.
    clocks: Vec<Clock>,
    cluster: Cluster,
}

/// Some of a crowd that ended alike: where they stand among its members.
pub(super) struct Group {
    place: Range<usize>,
    /// So many that belong to no cohort were looked at all together, and show nothing.
    barren: usize,
}

/// The groups among `members`, who are put in order.
pub(super) fn groups(members: &mut [Member]) -> Vec<Group> {
    let looks = |member: &Member| (member.by, member.how);
    members.sort_by_key(looks);
    let mut end = 0;
    let groups = members.chunk_by(|one, other| looks(one) == looks(other));
    groups
        .map(|group| {
            let from = end;
            end += group.len();
            Group {
                place: from..end,
                barren: 0,
            }
        })
        .collect()
}

/// The cohorts among `members`, who are of `crowd`.
pub(super) fn find(
    members: &mut [Member],
    groups: &mut [Group],
    crowd: &Crowd<'_>,
    ends: Ends,
) -> Vec<Cohort> {
    let mut cohorts = Vec::new();
    for group in groups {
        let members = members.get_mut(group.place.clone()).unwrap_or_default();
        let Some((by, how)) = members.first().map(|first| (first.by, first.how)) else {
            continue;
        };
        // A program that ends takes all of its sessions along; that is no timer.
        if by == Party::Client && ends == Ends::AtOnce {
            continue;
        }
        let mut alike = Alike {
            members,
            crowd,
            by,
            how,
        };
        alike.add_cohorts(ends, &mut group.barren, &mut cohorts);
    }
    cohorts
}

impl Alike<'_> {
    fn add_cohorts(&mut self, ends: Ends, barren: &mut usize, cohorts: &mut Vec<Cohort>) {
        let mut all = self.members.iter().filter(|it| !it.is_told).count();
        // (Whoever belongs to a cohort never leaves it: as many are the same ones.)
        let is_settled = |count: usize, barren: usize| count < LEAST || count == barren;
        if is_settled(all, *barren) {
            return;
        }
        let open = |(at, member): (usize, &Member)| (!member.is_told).then_some(at);
        let mut left: Vec<usize> = Vec::with_capacity(all);
        left.extend(self.members.iter().enumerate().filter_map(open));
        for _ in 0..MAX_ROUNDS {
            if is_settled(left.len(), *barren) {
                break;
            }
            let Some(mut fit) = self.best(&left) else {
                if left.len() == all {
                    *barren = all;
                }
                break;
            };
            fit.cluster.members.sort_unstable();
            left.retain(|at| fit.cluster.members.binary_search(at).is_err());
            let reach = self.reach_of_ends(&fit.cluster);
            if scattered(&fit, reach) != (ends == Ends::Scattered) {
                continue;
            }
            // What was cut at one stroke is close in time; a timer is closer to its own time. Ages
            // show nothing then: they are as equal as the beginnings were.
            let is_age = matches!(fit.shared, Shared::Age(_));
            if ends == Ends::AtOnce && (is_age || fit.cluster.spread > reach) {
                continue;
            }
            all -= fit.cluster.members.len();
            cohorts.push(self.tell(&fit, ends));
        }
    }

    fn tell(&mut self, fit: &Fit, ends: Ends) -> Cohort {
        let mut indices = Vec::with_capacity(fit.cluster.members.len());
        for &at in &fit.cluster.members {
            if let Some(member) = self.members.get_mut(at) {
                member.is_told = true;
                indices.push(member.index);
            }
        }
        let (confidence, rival) = match ends {
            Ends::Scattered => (Confidence::High, fit.rival),
            Ends::AtOnce => (Confidence::Medium, fit.rival.or(Some("mass-cut"))),
        };
        Cohort {
            shared: fit.shared,
            by: self.by,
            how: Some(self.how),
            confidence,
            rival,
            timers: self.timers(fit),
            slow_pings: self.slow_pings(fit),
            of: self.crowd.size as u64,
            indices,
        }
    }

    /// What explains most of the sessions that are `left`.
    fn best(&self, left: &[usize]) -> Option<Fit> {
        let idle = CLOCKS
            .into_iter()
            .filter_map(|clock| Some((clock, self.cluster(left, |member| silence(member, clock))?)))
            // The first of the best: `max_by_key` would take the last.
            .rev()
            .max_by_key(|(_, cluster)| (cluster.members.len(), -cluster.spread));
        let aged = self.cluster(left, age);
        match (idle, aged) {
            (Some((clock, idle)), aged) => {
                let by_age = match &aged {
                    Some(aged) if aged.members.len() != idle.members.len() => {
                        aged.members.len() > idle.members.len()
                    }
                    Some(aged) => is_age(&idle, aged),
                    None => false,
                };
                match aged.filter(|_| by_age) {
                    Some(aged) => Some(self.fit(Shared::Age(aged.least), aged)),
                    None => Some(self.fit(Shared::Idle(clock, idle.least), idle)),
                }
            }
            (None, Some(aged)) => Some(self.fit(Shared::Age(aged.least), aged)),
            (None, None) => None,
        }
    }

    fn fit(&self, shared: Shared, cluster: Cluster) -> Fit {
        let agrees = |clock: Option<Clock>| {
            let value = |member: &Member| clock.map_or(age(member), |clock| silence(member, clock));
            let values: Option<Vec<i64>> = self.pick(&cluster).map(value).collect();
            let Some(values) = values else { return false };
            match (values.iter().min(), values.iter().max()) {
                (Some(&least), Some(most)) => {
                    least >= LEAST_TIMER && most.saturating_sub(least) <= tolerance(least)
                }
                _ => false,
            }
        };
        let (rival, clocks) = match shared {
            Shared::Idle(best, _) => {
                let others = CLOCKS
                    .into_iter()
                    .filter(|&clock| clock != best && agrees(Some(clock)));
                let clocks = std::iter::once(best).chain(others).collect();
                (agrees(None).then_some("lifetime-limit"), clocks)
            }
            _ => {
                let idle = CLOCKS.iter().any(|&clock| agrees(Some(clock)));
                (idle.then_some("idle-timeout"), Vec::new())
            }
        };
        Fit {
            shared,
            rival,
            clocks,
            cluster,
        }
    }

    /// The timers that are known to strike so.
    fn timers(&self, fit: &Fit) -> Vec<&'static Timer> {
        use timers::Clock as Counts;
        let counts = match fit.shared {
            Shared::Age(_) => vec![Counts::Age],
            _ => fit
                .clocks
                .iter()
                .map(|clock| match clock {
                    Clock::Server => Counts::ServerBytes,
                    Clock::Client => Counts::ClientBytes,
                    Clock::Either => Counts::EitherBytes,
                })
                .collect(),
        };
        let code = match self.how {
            How::Close(code) => Some(code),
            How::Fin | How::Rst => None,
        };
        let is_theirs = |timer: &Timer| match self.by {
            Party::Client => timer.by.may_be(Side::Client),
            Party::Server => timer.by.may_be(Side::Server),
            Party::Both | Party::Network => timer.by == By::Path,
        };
        let seconds = Timestamp::from_nanos(fit.cluster.least).seconds_since(Timestamp::default());
        counts
            .into_iter()
            .flat_map(|counts| timers::candidates(counts, seconds, 0.0))
            .filter(|timer| timer.ends.fits_close(code) && is_theirs(timer))
            .collect()
    }

    /// How often those ping who do so steadily, where they are many and the timer is no longer
    /// than that.
    fn slow_pings(&self, fit: &Fit) -> Option<i64> {
        let Shared::Idle(_, nanos) = fit.shared else {
            return None;
        };
        let is_slow = |period: &i64| *period >= nanos / 5 * 4;
        let period = |member: &Member| member.ping_period;
        let mut slow: Vec<i64> = self
            .pick(&fit.cluster)
            .filter_map(period)
            .filter(is_slow)
            .collect();
        slow.sort_unstable();
        let is_many =
            slow.len() >= LEAST_SLOW && slow.len().saturating_mul(2) >= fit.cluster.members.len();
        slow.get(slow.len() / 2).copied().filter(|_| is_many)
    }

    fn pick(&self, cluster: &Cluster) -> impl Iterator<Item = &Member> {
        cluster
            .members
            .iter()
            .filter_map(|&at| self.members.get(at))
    }

    fn cluster(&self, left: &[usize], clock: impl Fn(&Member) -> Option<i64>) -> Option<Cluster> {
        let value = |&at: &usize| Some((clock(self.members.get(at)?)?, at));
        let mut values: Vec<(i64, usize)> = Vec::with_capacity(left.len());
        values.extend(left.iter().filter_map(value));
        values.sort_unstable();
        let longest = values.last()?.0;
        // Each session is looked at on three clocks.
        let trials = self.crowd.run.saturating_mul(CLOCKS.len());
        densest(&values, 0..longest, trials, tolerance, |least, _| {
            least >= LEAST_TIMER
        })
    }

    fn reach_of_ends(&self, cluster: &Cluster) -> i64 {
        reach(self.pick(cluster).map(|member| member.ended.as_nanos()))
    }
}

/// Whether the age explains sessions of which both silence and age are equal. A timer is closer
/// to its own time than to any other; where neither is much closer, a silence that makes up most
/// of the age is the plainer reason, and a short one at the end of a busy life is none.
fn is_age(idle: &Cluster, aged: &Cluster) -> bool {
    if idle.spread.saturating_mul(2) < aged.spread {
        return false;
    }
    aged.spread.saturating_mul(2) < idle.spread && idle.least < aged.least / 10 * 9
        || idle.least < aged.least / 2
}

/// The ends lie so far apart that the equal times are no consequence of equal ends.
fn scattered(fit: &Fit, reach: i64) -> bool {
    let tolerance = tolerance(fit.cluster.least);
    reach >= tolerance.saturating_mul(2)
        || (reach >= tolerance / 2 && reach >= fit.cluster.spread.saturating_mul(8))
}
