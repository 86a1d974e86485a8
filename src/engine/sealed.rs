//! Sessions of TLS connections of which nothing could be read: which of them are told.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::stack::Stack;
use crate::flow::{End, FlowKey};
use crate::session::{Session, Tracker};
use crate::tls::{Sealed, Stage};

impl Stack {
    /// A session of TLS that nothing was read of; `None` where the capture does not show how far
    /// it came.
    pub(super) fn seal(&self, key: &FlowKey, sealed: Sealed) -> Option<Box<Tracker>> {
        let tcp = self.tcp();
        // What the capture lost may have been the rest of the handshake.
        let is_whole = |&end: &End| {
            let stream = tcp.stream(end);
            tcp.has_seen(end) && stream.is_from_syn() && stream.lost() == (0, 0)
        };
        let is_known = sealed.stage == Stage::Opaque || End::BOTH.iter().all(is_whole);
        let client = sealed.client.unwrap_or_else(|| likely_client(key));
        is_known.then(|| self.seal_as(client, sealed))
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

/// Leaves out handshakes that failed, but for those with servers that speak WebSocket in another
/// session: that address, or that name, was meant for it.
pub(super) fn retain_known(sessions: &mut Vec<Session>) {
    if sessions.iter().all(|session| stage(session).is_none()) {
        return;
    }
    let mut addresses: HashSet<SocketAddr> = HashSet::new();
    let mut names: HashSet<String> = HashSet::new();
    let name = |session: &Session| {
        let sni = session.tls.as_ref()?.sni.as_ref()?;
        Some(sni.to_ascii_lowercase())
    };
    for session in sessions.iter().filter(|session| stage(session).is_none()) {
        addresses.insert(session.server);
        names.extend(name(session));
    }
    sessions.retain(|session| {
        stage(session).is_none()
            || addresses.contains(&session.server)
            || name(session).is_some_and(|name| names.contains(&name))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::session::Tls;

    fn wss(number: u64, port: u16, name: &str, stage: Option<Stage>) -> Session {
        let mut session = sample::abrupt(number);
        session.server.set_port(port);
        session.tls = Some(Tls {
            sni: Some(name.to_owned()),
            stage,
            ..Tls::default()
        });
        session
    }

    #[test]
    fn a_server_is_known_by_its_address_or_its_name() {
        let failed = Some(Stage::Handshake);
        let mut sessions = vec![
            wss(1, 443, "a.example", None),
            wss(2, 443, "b.example", failed),
            wss(3, 444, "A.Example", failed),
            wss(4, 445, "c.example", failed),
            // What failed makes nothing known.
            wss(5, 445, "d.example", failed),
        ];
        retain_known(&mut sessions);
        let numbers: Vec<u64> = sessions.iter().map(|session| session.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}
