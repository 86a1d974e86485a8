//! What is under way: for whoever watches while nothing has ended.
//!
//! How much there is of everything is known from the last look at each connection. Other
//! questions cost a walk through their table, and no more is copied than was asked for.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Followed, Pipeline, tell};
use crate::flow::{FlowKey, Slot};
use crate::limits;
use crate::session::{Session, State};
use crate::time::Timestamp;

/// Names a session under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(Slot);

/// A session under way.
#[derive(Clone, Copy, Debug)]
pub struct OpenSession<'a> {
    /// By which more can be asked about it.
    pub id: SessionId,
    /// Who opened it.
    pub client: SocketAddr,
    /// Who was asked.
    pub server: SocketAddr,
    /// `Host` of the request, as sent.
    pub host: Option<&'a str>,
    /// Request target, as sent.
    pub path: Option<&'a str>,
    /// It is inside of TLS.
    pub is_tls: bool,
    /// Its first packet.
    pub started: Timestamp,
    /// When the 101 was complete; `None` while it is not.
    pub opened: Option<Timestamp>,
    /// The last packet of its connection.
    pub last: Timestamp,
    /// Whole messages of both sides.
    pub messages: u64,
    /// Payload bytes of data frames of both sides, as on the wire.
    pub bytes: u64,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// TCP connections that are followed.
    pub connections: usize,
    /// Sessions under way.
    pub sessions: usize,
    /// Those of them whose opening is complete.
    pub opened: usize,
    /// Bytes held while they wait for others.
    pub held: usize,
}

impl Pipeline {
    /// How much there is of everything, as of the last look at each connection: with many of
    /// them that is seconds ago.
    pub fn glance(&self) -> Glance {
        let standing = self.endings.as_ref().map(|endings| endings.survey.last());
        Glance {
            connections: self.flows.len(),
            sessions: standing.map_or(0, |standing| standing.sessions),
            opened: standing.map_or(0, |standing| standing.openings.len()),
            held: standing.map_or(0, |standing| standing.held),
        }
    }

    /// The sessions under way that are `wanted`: at most so many, those with the least `key`, in
    /// no order.
    pub fn open<K: Ord>(
        &self,
        most: usize,
        key: impl Fn(&OpenSession<'_>) -> K,
        wanted: impl Fn(&OpenSession<'_>) -> bool,
    ) -> Vec<OpenSession<'_>> {
        let mut open = Vec::new();
        let under_way = |(slot, flow, followed)| under_way(slot, flow, followed);
        for session in self.flows.entries().filter_map(under_way) {
            if !wanted(&session) {
                continue;
            }
            open.push(session);
            // Now and then, so that it costs little for each.
            if open.len() >= most.saturating_mul(2).max(16) {
                keep_least(&mut open, most, &key);
            }
        }
        keep_least(&mut open, most, &key);
        open
    }

    /// Server and opening of every session under way that was opened, as of then too.
    pub fn openings(&self) -> Arc<Vec<(SocketAddr, Timestamp)>> {
        let standing = self.endings.as_ref().map(|endings| endings.survey.last());
        standing.map_or_else(Arc::default, |standing| Arc::clone(&standing.openings))
    }

    /// A session under way, as it would be told if everything ended now; `None` when it is over.
    pub fn as_it_stands(&mut self, id: SessionId) -> Option<Session> {
        let (key, Followed::Whole(stack)) = self.flows.entry_mut(id.0)? else {
            return None;
        };
        let mut tracker = stack.described()?;
        let until = self.summary.span.map(|(_, last)| last);
        let mut session = tell(
            &mut tracker,
            stack.tcp(),
            stack.name(key),
            until,
            self.told.detail,
        );
        if session.verdict.state == State::Open {
            // Nothing ended, the capture neither.
            "It goes on.".clone_into(&mut session.verdict.summary);
        }
        Some(session)
    }

    /// Shortens the stories of the sessions under way to what there is room for. Wants to be
    /// called every second where stories are kept.
    pub fn shorten_stories(&mut self) {
        let slots: Vec<Slot> = self
            .flows
            .iter()
            .filter(
                |(_, followed)| matches!(followed, Followed::Whole(stack) if stack.has_session()),
            )
            .map(|(slot, _)| slot)
            .collect();
        let room = limits::MAX_LIVE_EVENTS / slots.len().max(1);
        let most = room.clamp(
            limits::LIVE_EVENTS_AT_OPENING,
            limits::MAX_LIVE_EVENTS_OF_ONE,
        );
        for slot in slots {
            if let Some(Followed::Whole(stack)) = self.flows.get_mut(slot) {
                stack.shorten_story(most);
            }
        }
    }
}

fn under_way(slot: Slot, flow: FlowKey, followed: &Followed) -> Option<OpenSession<'_>> {
    let Followed::Whole(stack) = followed else {
        return None;
    };
    let tracker = stack.tracker()?;
    let sent = tracker.sent();
    Some(OpenSession {
        id: SessionId(slot),
        client: flow.address(tracker.client),
        server: flow.address(tracker.client.other()),
        host: tracker.host(),
        path: tracker.path(),
        is_tls: stack.is_tls(),
        started: tracker.first.1,
        opened: tracker.opened(),
        last: stack.tcp().last().time,
        messages: sent.client.messages + sent.server.messages,
        bytes: sent.client.bytes.saturating_add(sent.server.bytes),
    })
}

fn keep_least<'a, K: Ord>(
    open: &mut Vec<OpenSession<'a>>,
    most: usize,
    key: impl Fn(&OpenSession<'a>) -> K,
) {
    if open.len() > most {
        open.select_nth_unstable_by_key(most, key);
        open.truncate(most);
    }
}
