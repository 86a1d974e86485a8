//! A server or a path whose sessions end without a Close far more often than all others.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::equal::is_no_chance;
use crate::diagnosis::outline::Outline;
use crate::diagnosis::servers::Servers;
use crate::session::{Confidence, Finding, State};

/// Shares of fewer sessions say nothing.
const LEAST_SESSIONS: u64 = 5;

/// Characters of a path that are shown.
const MAX_SHOWN_PATH: usize = 80;

/// How many ended, and how many of these without a Close.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    ended: u64,
    abnormal: u64,
}

impl Share {
    const fn add(&mut self, is_abnormal: bool) {
        self.ended += 1;
        self.abnormal += is_abnormal as u64;
    }

    const fn join(&mut self, part: Self) {
        self.ended += part.ended;
        self.abnormal += part.abnormal;
    }

    const fn without(self, part: Self) -> Self {
        Self {
            ended: self.ended - part.ended,
            abnormal: self.abnormal - part.abnormal,
        }
    }

    /// At least half, and more than chance brings where the share is that of the `others`, to
    /// which one abnormal end and one other are lent, so that a few sessions prove little.
    #[expect(clippy::cast_precision_loss, reason = "estimates, not figures")]
    fn is_outlying(self, others: Self, trials: usize) -> bool {
        if self.ended < LEAST_SESSIONS
            || others.ended < LEAST_SESSIONS
            || self.abnormal * 2 < self.ended
        {
            return false;
        }
        let mean = (self.ended * (others.abnormal + 1)) as f64 / (others.ended + 2) as f64;
        is_no_chance(mean, self.abnormal, trials)
    }
}

/// The number of a server, or one of its paths by its hash.
type Place = (u32, Option<u64>);

/// The servers and paths that stand out among sessions that no finding in `told` explains.
/// `servers` are those of `outlines`; `path` gives that of a session.
pub(super) fn find(
    outlines: &[Outline],
    servers: &Servers,
    told: &[Finding],
    path: &dyn Fn(&Outline) -> Option<String>,
) -> Vec<Finding> {
    let mut explained: Vec<u64> = told
        .iter()
        .flat_map(|finding| finding.sessions.iter().copied())
        .collect();
    explained.sort_unstable();
    let counted = || {
        let all = outlines.iter().zip(servers.numbers()).enumerate();
        all.filter(|(_, (outline, _))| {
            outline.state == State::Closed
                && outline.code.is_some()
                && explained.binary_search(&outline.number).is_err()
        })
    };
    let mut all = Share::default();
    let mut places: HashMap<Place, Share, RandomState> = HashMap::default();
    for (_, (outline, &server)) in counted() {
        let place = (server, outline.route());
        places.entry(place).or_default().add(is_cut(outline));
    }
    // What was at a path was at its server.
    let paths: Vec<(u32, Share)> = places
        .iter()
        .filter(|((_, route), _)| route.is_some())
        .map(|(&(server, _), &share)| (server, share))
        .collect();
    for (server, share) in paths {
        places.entry((server, None)).or_default().join(share);
    }
    let whole = places.iter().filter(|((_, route), _)| route.is_none());
    whole.for_each(|(_, &share)| all.join(share));
    let mut outlying: HashMap<Place, Outlying, RandomState> = HashMap::default();
    for (&place, &share) in &places {
        let whole = match place {
            (_, None) => all,
            (server, Some(_)) => places.get(&(server, None)).copied().unwrap_or_default(),
        };
        let others = whole.without(share);
        if share.is_outlying(others, places.len()) {
            outlying.insert(
                place,
                Outlying {
                    share,
                    others,
                    cut: Vec::new(),
                },
            );
        }
    }
    if outlying.is_empty() {
        return Vec::new();
    }
    for (index, (outline, &server)) in counted().filter(|(_, (outline, _))| is_cut(outline)) {
        for place in places_of(outline, server) {
            if let Some(outlying) = outlying.get_mut(&place) {
                outlying.cut.push(index);
            }
        }
    }
    let number = |index: &usize| outlines.get(*index).map(|outline| outline.number);
    for outlying in outlying.values_mut() {
        outlying.cut.sort_unstable_by_key(number);
    }
    let mut found: Vec<_> = outlying.into_iter().collect();
    // A server before its paths.
    found.sort_unstable_by_key(|((server, route), outlying)| {
        (
            *server,
            route.is_some(),
            outlying.cut.first().and_then(number),
        )
    });
    found
        .into_iter()
        .filter_map(|((server, route), outlying)| {
            let path = match route {
                Some(_) => Some(path(outlines.get(*outlying.cut.first()?)?)?),
                None => None,
            };
            Some(outlying.finding(servers.address(server)?, path.as_deref(), outlines))
        })
        .collect()
}

fn is_cut(outline: &Outline) -> bool {
    outline.code == Some(1006)
}

/// Its server, and its path there.
fn places_of(outline: &Outline, server: u32) -> impl Iterator<Item = Place> {
    let path = outline.route().map(|route| (server, Some(route)));
    std::iter::once((server, None)).chain(path)
}

/// A share that stands out.
struct Outlying {
    share: Share,
    others: Share,
    /// Indices of its sessions that ended without a Close, in the order of their numbers.
    cut: Vec<usize>,
}

impl Outlying {
    fn finding(&self, server: SocketAddr, path: Option<&str>, outlines: &[Outline]) -> Finding {
        let Self { share, others, cut } = self;
        let cut = || cut.iter().filter_map(|&index| outlines.get(index));
        let mut causes: BTreeMap<&'static str, u64> = BTreeMap::new();
        for outline in cut() {
            *causes.entry(outline.cause).or_default() += 1;
        }
        let cause = causes
            .into_iter()
            .max_by_key(|&(_, count)| count)
            .map_or("", |(cause, _)| cause);
        let (what, rest) = match path {
            Some(path) => {
                let path = path.split_once('?').map_or(path, |(route, _)| route);
                let cut = path.char_indices().nth(MAX_SHOWN_PATH);
                let shown = cut.and_then(|(at, _)| path.get(..at));
                let dots = if shown.is_some() { "…" } else { "" };
                (
                    format!("{}{dots} at {server}", shown.unwrap_or(path)),
                    "other paths there",
                )
            }
            None => (server.to_string(), "other servers"),
        };
        Finding {
            name: "abnormal-share",
            cause,
            confidence: Confidence::Medium,
            server: Some(server),
            sessions: cut().map(|outline| outline.number).collect(),
            of: share.ended,
            summary: format!(
                "{} of {} sessions to {what} ended without a Close frame (1006), and only {} of {} to {rest}.",
                share.abnormal, share.ended, others.abnormal, others.ended
            ),
            advice: format!(
                "Look for what is different there: its version, its proxy, the size of its messages. Most of these \
             ends are {cause}."
            ),
        }
    }
}
