//! Sessions of TLS connections of which nothing could be read.

use super::stack::Stack;
use crate::flow::{End, FlowKey};
use crate::session::{Session, Tracker};
use crate::tls::{Sealed, Stage};

impl Stack {
    /// A session of TLS that nothing was read of; `None` where the capture does not show how far
    /// it came.
    pub(super) fn seal(&self, key: &FlowKey, sealed: Sealed, story: bool) -> Option<Tracker> {
        let tcp = self.tcp();
        // What the capture lost may have been the rest of the handshake.
        let is_whole = |&end: &End| {
            let stream = tcp.stream(end);
            tcp.has_seen(end) && stream.is_from_syn() && stream.lost() == (0, 0)
        };
        let is_known = sealed.stage == Stage::Opaque || End::BOTH.iter().all(is_whole);
        let client = sealed.client.unwrap_or_else(|| likely_client(key));
        is_known.then(|| self.seal_as(client, sealed, story))
    }
}

/// Servers mostly wait at the lower port.
fn likely_client(key: &FlowKey) -> End {
    let port = |end| key.address(end).port();
    if port(End::A) < port(End::B) {
        End::B
    } else {
        End::A
    }
}

/// How far TLS came in a session that nothing was read of.
pub(super) fn stage(session: &Session) -> Option<Stage> {
    session.tls.as_ref()?.stage
}
