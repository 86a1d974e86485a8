//! What is told of a connection that is over, or given up.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::{Attempts, Common, Dark, Followed, Outlet, Recording, Stack, tell, tell_gist};
use crate::capture::PacketId;
use crate::flow::{End, FlowKey};
use crate::limits;
use crate::session::{Detail, Session, State, Summary};
use crate::time::Timestamp;
use crate::tls::{Sealed, Stage, Unread};

/// Tells the opening attempts of a connection that goes on.
pub(super) fn tell_earlier(
    key: FlowKey,
    stack: &mut Stack,
    told: &mut Ended,
    until: Option<Timestamp>,
) {
    if !stack.has_earlier() {
        return;
    }
    let name = stack.name(key);
    for mut tracker in stack.take_earlier() {
        let trace = stack.trace.as_deref().cloned();
        let session = tell(&mut tracker, stack.tcp(), name, until, told.detail);
        told.push(session, trace);
    }
}

pub(super) fn conclude(
    key: FlowKey,
    followed: Followed,
    common: &mut Common,
    told: &mut Ended,
    summary: &mut Summary,
) {
    match followed {
        Followed::Prelude(prelude) => told.attempts.add_prelude(key, *prelude),
        Followed::Whole(mut stack) => conclude_in_place(key, &mut stack, common, told, summary),
        Followed::Passing(passing) => {
            if let Some(Dark { unread, server }) = passing.dark() {
                told.add_tls_server(server.map(|end| key.address(end)));
                count(unread, summary);
            }
        }
        Followed::TimeWait(_) => {}
    }
}

/// TLS that could not be read.
fn count(unread: Unread, summary: &mut Summary) {
    match unread {
        Unread::NotTls => {}
        Unread::NoKey => summary.tls_without_keys += 1,
        reason => *summary.tls_unread.entry(reason.to_string()).or_default() += 1,
    }
}

pub(super) fn conclude_in_place(
    key: FlowKey,
    stack: &mut Stack,
    common: &mut Common,
    told: &mut Ended,
    summary: &mut Summary,
) {
    let name = stack.name(key);
    let until = told.seen_until(summary);
    stack.finish(common);
    told.add_tls_server(stack.tls_server(&key));
    let sealed = stack.sealed();
    let is_failed = |sealed: &Sealed| sealed.stage == Stage::Handshake;
    // Keys would not show more of a handshake that failed than its alert.
    if !sealed.as_ref().is_some_and(is_failed)
        && let Some(unread) = stack.unread()
    {
        count(unread, summary);
    }
    tell_earlier(key, stack, told, until);
    let is_traced = stack.trace.is_some();
    if let Some((tracker, tcp)) = stack.finished() {
        for end in End::BOTH {
            let (bytes, gaps) = tcp.stream(end).lost();
            summary.lost_bytes += bytes;
            summary.gaps += gaps;
        }
        let is_unconnected = tracker.is_unconnected();
        if !is_unconnected
            && !is_traced
            && let Some(shelf) = told.sessions.rows()
        {
            return tell_gist(tracker, tcp, name, until, |gist| shelf.push_row(gist));
        }
        let session = tell(tracker, tcp, name, until, told.detail);
        if is_unconnected {
            told.attempts.add_tunnel(session);
        } else {
            let trace = stack.trace.take().map(|mut trace| {
                trace.add_secrets(|| stack.secrets(&common.keys));
                *trace
            });
            told.push(session, trace);
        }
    } else if let Some(sealed) = sealed {
        conclude_sealed(key, (stack, sealed), common, told, summary);
    }
}

/// Tells of TLS that nothing could be read of: a handshake that failed, or, where asked for,
/// whatever ended.
fn conclude_sealed(
    key: FlowKey,
    (stack, sealed): (&Stack, Sealed),
    common: &Common,
    told: &mut Ended,
    summary: &mut Summary,
) {
    let is_failed = sealed.stage == Stage::Handshake;
    let tells_opaque = common.keys.tells_opaque;
    if !is_failed && !tells_opaque {
        return;
    }
    let Some(mut tracker) = stack.seal(&key, sealed, common.settings.story) else {
        return;
    };
    let until = told.seen_until(summary);
    let session = tell(
        &mut tracker,
        stack.tcp(),
        stack.name(key),
        until,
        told.detail,
    );
    if !matches!(session.verdict.state, State::Failed | State::Closed) {
        return;
    }
    summary.tls_failed += u64::from(is_failed);
    told.tls_failed += u64::from(is_failed);
    if tells_opaque || told.tls_failed <= limits::MAX_TLS_FAILURES {
        told.push(session, stack.trace.as_deref().cloned());
    }
}

/// Sessions that are over.
#[derive(Default)]
pub(super) struct Ended {
    /// How much is made of each session.
    pub(super) detail: Detail,
    pub(super) sessions: Outlet,
    /// What may be sessions too.
    pub(super) attempts: Attempts,
    /// How many of the sessions are handshakes of TLS that failed, with those left out.
    pub(super) tls_failed: u64,
    /// Servers that answered in TLS.
    pub(super) tls_servers: HashSet<SocketAddr>,
    /// The packets of some of them, by what puts sessions in order.
    pub(super) recordings: Vec<((u64, PacketId), Recording)>,
    /// What time it is, where time passes without packets.
    pub(super) now: Option<Timestamp>,
}

impl Ended {
    fn add_tls_server(&mut self, server: Option<SocketAddr>) {
        if self.tls_servers.len() < limits::MAX_KNOWN_SERVERS {
            self.tls_servers.extend(server);
        }
    }

    pub(super) fn new(detail: Detail) -> Self {
        Self {
            detail,
            attempts: Attempts::new(detail),
            ..Self::default()
        }
    }

    /// Up to when what happened was seen.
    pub(super) fn seen_until(&self, summary: &Summary) -> Option<Timestamp> {
        summary.span.map(|(_, last)| last).max(self.now)
    }

    pub(super) fn push(&mut self, session: Session, recording: Option<Recording>) {
        if let Some(recording) = recording {
            let place = (session.number, session.first_packet);
            self.recordings.push((place, recording));
        }
        self.sessions.push(session);
    }
}
