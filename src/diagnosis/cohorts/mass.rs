//! Sessions of all ages that ended in one moment: a restart, a reload, a deploy, a crash.

use super::equal::{LEAST, densest, reach};
use super::{Cohort, Crowd, How, Member, Shared};
use crate::session::{Confidence, Party};
use crate::time::Timestamp;

/// How long a moment may last: a process that ends closes its sessions one after the other.
const MOMENT: i64 = 2_000_000_000;

/// Restarts of one server in one capture that are told.
const MAX_ROUNDS: usize = 32;

/// Sessions that began closer together than this may as well have ended together for being
/// equally old.
const LEAST_REACH_OF_STARTS: i64 = 250_000_000;

pub(super) fn find(members: &mut [Member], crowd: &Crowd<'_>) -> Vec<Cohort> {
    let mut cohorts = Vec::new();
    let mut ends: Vec<(i64, usize)> = members
        .iter()
        .enumerate()
        .filter(|(_, member)| may_be_cut(member))
        .map(|(at, member)| (member.ended.as_nanos(), at))
        .collect();
    ends.sort_unstable();
    let first = crowd.first.map_or(0, |time| time.as_nanos());
    let last = crowd.last.map_or(i64::MAX, |time| time.as_nanos());
    for _ in 0..MAX_ROUNDS {
        let share = |end: i64, count: usize| {
            is_good_share(count, crowd.open_before(Timestamp::from_nanos(end)))
        };
        let Some(mut cluster) = densest(&ends, first..last, crowd.run, |_| MOMENT, share) else {
            break;
        };
        cluster.members.sort_unstable();
        ends.retain(|(_, at)| cluster.members.binary_search(at).is_err());
        let moment = Timestamp::from_nanos(cluster.least);
        // What began in that moment was not there to be cut.
        let cut: Vec<usize> = cluster
            .members
            .into_iter()
            .filter(|&at| members.get(at).is_some_and(|member| member.begun < moment))
            .collect();
        let times = |time: fn(&Member) -> Timestamp| {
            reach(
                cut.iter()
                    .filter_map(|&at| members.get(at))
                    .map(|member| time(member).as_nanos()),
            )
        };
        let (starts, ends) = (times(|member| member.begun), times(|member| member.ended));
        let open = crowd.open_before(moment);
        if !is_good_share(cut.len(), open)
            || starts < ends.saturating_mul(2).max(LEAST_REACH_OF_STARTS)
        {
            continue;
        }
        cohorts.push(tell(members, &cut, open as u64, ends));
    }
    cohorts
}

/// The far end ended it, or something between: without a Close, or with a code for leaving.
fn may_be_cut(member: &Member) -> bool {
    let code_fits =
        !matches!(member.how, How::Close(code) if !matches!(code, 1000 | 1001 | 1005 | 1012));
    !member.is_told && code_fits && matches!(member.by, Party::Server | Party::Network)
}

/// So many of those that were `open` that it was about the server, not about them. Behind one
/// address there may be several servers of which one restarts; a few are not enough for that.
const fn is_good_share(count: usize, open: usize) -> bool {
    count >= LEAST && (count * 2 >= open || (count >= 10 && count * 5 >= open))
}

fn tell(members: &mut [Member], cut: &[usize], open: u64, reach: i64) -> Cohort {
    let mut indices = Vec::with_capacity(cut.len());
    let mut ways = Vec::with_capacity(cut.len());
    let mut by = Party::Server;
    for &at in cut {
        if let Some(member) = members.get_mut(at) {
            member.is_told = true;
            indices.push(member.index);
            ways.push(member.how);
            by = member.by;
        }
    }
    ways.sort_unstable();
    ways.dedup();
    let how = if let [how] = ways.as_slice() {
        Some(*how)
    } else {
        None
    };
    Cohort {
        shared: Shared::Moment(reach),
        by,
        how,
        confidence: Confidence::High,
        rival: None,
        timers: Vec::new(),
        slow_pings: None,
        of: open.max(cut.len() as u64),
        indices,
    }
}
