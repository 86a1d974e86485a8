//! A server or a path whose sessions end without a Close far more often than all others.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::equal::is_no_chance;
use crate::session::{Confidence, Finding, Session, State};

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

/// The servers and paths that stand out among sessions that no finding in `told` explains.
pub(super) fn find(sessions: &[Session], told: &[Finding]) -> Vec<Finding> {
    let mut explained: Vec<u64> = told
        .iter()
        .flat_map(|finding| finding.sessions.iter().copied())
        .collect();
    explained.sort_unstable();
    let counted: Vec<&Session> = sessions
        .iter()
        .filter(|session| session.verdict.state == State::Closed && session.verdict.code.is_some())
        .filter(|session| explained.binary_search(&session.number).is_err())
        .collect();
    let mut all = Share::default();
    let mut servers: BTreeMap<SocketAddr, Share> = BTreeMap::new();
    let mut paths: BTreeMap<(SocketAddr, &str), Share> = BTreeMap::new();
    for session in &counted {
        let is_abnormal = is_cut(session);
        all.add(is_abnormal);
        servers.entry(session.server).or_default().add(is_abnormal);
        if let Some(path) = path(session) {
            paths
                .entry((session.server, path))
                .or_default()
                .add(is_abnormal);
        }
    }
    let mut outlying: BTreeMap<(SocketAddr, Option<&str>), (Share, Share)> = BTreeMap::new();
    let trials = servers.len() + paths.len();
    for (&server, &share) in &servers {
        let others = all.without(share);
        if share.is_outlying(others, trials) {
            outlying.insert((server, None), (share, others));
        }
    }
    for (&(server, path), &share) in &paths {
        let others = servers
            .get(&server)
            .copied()
            .unwrap_or_default()
            .without(share);
        if share.is_outlying(others, trials) {
            outlying.insert((server, Some(path)), (share, others));
        }
    }
    if outlying.is_empty() {
        return Vec::new();
    }
    let mut cut: BTreeMap<(SocketAddr, Option<&str>), Vec<&Session>> = BTreeMap::new();
    for session in counted.into_iter().filter(|session| is_cut(session)) {
        let keys = [
            Some((session.server, None)),
            path(session).map(|path| (session.server, Some(path))),
        ];
        for key in keys
            .into_iter()
            .flatten()
            .filter(|key| outlying.contains_key(key))
        {
            cut.entry(key).or_default().push(session);
        }
    }
    let tell = |(key, cut): (_, Vec<&Session>)| Some(finding(key, outlying.get(&key)?, &cut));
    cut.into_iter().filter_map(tell).collect()
}

fn is_cut(session: &Session) -> bool {
    session.verdict.code == Some(1006)
}

/// The path without its query, which differs from session to session.
fn path(session: &Session) -> Option<&str> {
    let path = session.opening.path.as_deref()?;
    Some(path.split_once('?').map_or(path, |(path, _)| path))
}

fn finding(
    (server, path): (SocketAddr, Option<&str>),
    (share, others): &(Share, Share),
    cut: &[&Session],
) -> Finding {
    let mut causes: BTreeMap<&'static str, u64> = BTreeMap::new();
    for session in cut {
        *causes.entry(session.verdict.cause).or_default() += 1;
    }
    let cause = causes
        .into_iter()
        .max_by_key(|&(_, count)| count)
        .map_or("", |(cause, _)| cause);
    let (what, rest) = match path {
        Some(path) => {
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
        sessions: cut.iter().map(|session| session.number).collect(),
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
