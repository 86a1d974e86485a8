//! Attempts to connect that came to nothing. Whether they were for a WebSocket only the rest of
//! the capture shows: where one was asked for at the same server, before or after.

use super::known::Known;
use super::prelude::Prelude;
use super::tell::tell;
use crate::flow::FlowKey;
use crate::limits;
use crate::session::facts::Unconnected;
use crate::session::{Detail, Session, Tracker, Transport};
use crate::tcp::Origin;
use crate::time::Timestamp;

/// One of them.
#[derive(Debug)]
enum Attempt {
    /// TCP did not connect.
    Syn(FlowKey, Prelude),
    /// A proxy opened no tunnel.
    Tunnel(Box<Session>),
}

impl Attempt {
    /// How WebSockets are asked for where it went; `None` where they are not.
    fn transport(&self, known: &Known) -> Option<Transport> {
        match self {
            Self::Syn(key, prelude) => known.server(key.address(prelude.client().other())),
            Self::Tunnel(session) => known.target(session.opening.host()?),
        }
    }

    /// What to keep first: a SYN that was never repeated is a scanner's, mostly. Then what came
    /// first, so that it is the same however connections are shared out.
    fn rank(&self) -> (bool, u64) {
        match self {
            Self::Syn(_, prelude) => (prelude.is_single(), prelude.ordinal()),
            Self::Tunnel(session) => (false, session.number),
        }
    }
}

/// Those of a share of the connections.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    kept: Vec<Attempt>,
    /// How many there were too many.
    forgotten: u64,
    detail: Detail,
}

impl Attempts {
    pub(super) fn new(detail: Detail) -> Self {
        Self {
            detail,
            ..Self::default()
        }
    }

    /// A connection without a byte is over.
    pub(super) fn add_prelude(&mut self, key: FlowKey, prelude: Prelude) {
        if prelude.unconnected().is_some() {
            self.add(Attempt::Syn(key, prelude));
        }
    }

    /// A tunnel was refused.
    pub(super) fn add_tunnel(&mut self, session: Session) {
        self.add(Attempt::Tunnel(Box::new(session)));
    }

    fn add(&mut self, attempt: Attempt) {
        if self.kept.len() >= 2 * limits::MAX_ATTEMPTS {
            self.cut();
        }
        self.kept.push(attempt);
    }

    fn cut(&mut self) {
        if self.kept.len() > limits::MAX_ATTEMPTS {
            self.forgotten += (self.kept.len() - limits::MAX_ATTEMPTS) as u64;
            self.kept
                .select_nth_unstable_by_key(limits::MAX_ATTEMPTS, Attempt::rank);
            self.kept.truncate(limits::MAX_ATTEMPTS);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Some are of proxies, which are asked for servers by name.
    pub(super) fn has_tunnels(&self) -> bool {
        let is_tunnel = |attempt: &Attempt| matches!(attempt, Attempt::Tunnel(_));
        self.kept.iter().any(is_tunnel)
    }

    /// Those of another share as well.
    pub(super) fn extend(&mut self, other: Self) {
        self.kept.extend(other.kept);
        self.forgotten += other.forgotten;
        self.detail = self.detail.max(other.detail);
    }

    /// The sessions that they are, as of `now`, and how many attempts nobody looked at. In a
    /// capture that is not `whole` a single SYN may be all that is left of a connection.
    pub(super) fn tell(
        mut self,
        known: &Known,
        now: Timestamp,
        whole: bool,
    ) -> (Vec<Session>, u64) {
        self.cut();
        self.kept
            .retain(|attempt| attempt.transport(known).is_some());
        let is_single = |attempt: &Attempt| attempt.rank().0;
        let singles = self.kept.iter().filter(|it| is_single(it)).count();
        if singles > limits::MAX_SINGLE_SYNS {
            self.forgotten += singles as u64;
        }
        if singles > limits::MAX_SINGLE_SYNS || !whole {
            self.kept.retain(|attempt| !is_single(attempt));
        }
        let detail = self.detail;
        let told = |attempt: Attempt| {
            let transport = attempt.transport(known)?;
            let session = match attempt {
                Attempt::Syn(key, prelude) => tell_syn(key, &prelude, detail, now)?,
                Attempt::Tunnel(session) => *session,
            };
            Some(Session {
                transport,
                ..session
            })
        };
        let told = self.kept.into_iter().filter_map(told).collect();
        (told, self.forgotten)
    }
}

fn tell_syn(key: FlowKey, prelude: &Prelude, detail: Detail, now: Timestamp) -> Option<Session> {
    let what = prelude.unconnected()?;
    let is_answered = matches!(what, Unconnected::Syn { reset: Some(_), .. }) || prelude.has_icmp();
    let (packet, time) = prelude.first();
    // RFC 6298 §2: sooner than that nobody tries again.
    if !is_answered && now.since(time) < limits::FIRST_RESEND_NANOS {
        return None;
    }
    let stack = prelude.replay();
    let first = Origin {
        packet,
        time,
        ack: None,
        record_end: None,
    };
    let story = detail == Detail::Story;
    let mut tracker = Tracker::unconnected(prelude.client(), first, what, story);
    let name = stack.name(key);
    Some(tell(&mut tracker, stack.tcp(), name, Some(now), detail))
}
