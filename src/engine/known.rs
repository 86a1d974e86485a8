//! What a capture shows of servers: where WebSockets are asked for, and which ports speak TLS.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::sealed::stage;
use super::stack::Stack;
use crate::capture::PacketId;
use crate::diagnosis::port::Port;
use crate::diagnosis::servers::AddressKey;
use crate::flow::FlowKey;
use crate::limits;
use crate::session::{Captured, Gist, Session, Transport};

/// Where WebSockets are asked for, and what else is known of these servers.
#[derive(Debug, Default)]
pub(super) struct Known {
    servers: HashMap<AddressKey, Server, RandomState>,
    /// `host:port` as a CONNECT would name it.
    targets: HashMap<String, Transport>,
    /// Those that clients of TLS asked for (SNI), in lower case.
    names: HashSet<String>,
    /// What was added so far.
    count: u64,
}

#[derive(Debug, Default)]
struct Server {
    /// How a WebSocket was first asked for, and what says when that was.
    asked: Option<(Order, Transport)>,
    port: Port,
}

/// What puts sessions in order.
pub(super) type Order = (u64, PacketId);

/// How a session asked for its WebSocket, and what its server showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    transport: Transport,
    /// Without the packets of that server, an answer of it may be missing as well.
    is_heard: bool,
    has_answered: bool,
}

impl Asked {
    pub(super) fn new(session: &Gist<'_>) -> Self {
        let status = session.opening.http_status;
        Self {
            transport: session.transport,
            is_heard: session.captured != Captured::ClientOnly,
            // A port of TLS has an answer of its own to what is plain.
            has_answered: session.opened.is_some() || status.is_some_and(|status| status != 400),
        }
    }
}

impl Known {
    /// Somebody asked for this one, unless its TLS failed. Of several at one server the first
    /// one tells how.
    pub(super) fn add(&mut self, session: &Session) {
        self.add_as(session, Asked::new(&session.into()));
    }

    /// The same of a session of which only a row may be left.
    pub(super) fn add_as(&mut self, session: &Session, asked: Asked) {
        if self.targets.len() >= limits::MAX_KNOWN_SERVERS || stage(session).is_some() {
            return;
        }
        let Session {
            server, transport, ..
        } = *session;
        let order = self.next(server, asked.is_heard.then_some(transport));
        self.add_asked(server, asked, order);
        if let Some(host) = session.opening.host() {
            self.targets
                .entry(authority(host, transport))
                .or_insert(transport);
        }
        if let Some(name) = name(session) {
            self.names.insert(name);
        }
    }

    /// The same for one that is going on.
    pub(super) fn add_open(&mut self, key: &FlowKey, stack: &Stack) {
        if let Some(server) = stack.tls_server(key) {
            self.add_tls(server);
        }
        if let Some((server, transport)) = stack.server(key) {
            let order = self.next(server, Some(transport));
            if let Some(known) = self.add_server(server, transport, order) {
                known.port.plain |= transport == Transport::Ws && stack.is_open();
            }
            if let Some(sni) = stack.sni()
                && self.names.len() < limits::MAX_KNOWN_SERVERS
            {
                self.names.insert(sni.to_ascii_lowercase());
            }
        }
    }

    /// What puts the next one, at this server, behind all before; makes a name of its address,
    /// unless it is known already.
    fn next(&mut self, server: SocketAddr, asked: Option<Transport>) -> Order {
        self.count += 1;
        if let Some(transport) = asked.filter(|_| self.server(server).is_none()) {
            self.targets.entry(server.to_string()).or_insert(transport);
        }
        (self.count, PacketId::default())
    }

    /// A WebSocket was asked of `server`; what else names that server is not made known.
    pub(super) fn add_asked(&mut self, server: SocketAddr, asked: Asked, order: Order) {
        let known = if asked.is_heard {
            self.add_server(server, asked.transport, order)
        } else {
            self.servers.get_mut(&server.into())
        };
        if let Some(known) = known {
            known.port.plain |= asked.transport == Transport::Ws && asked.has_answered;
        }
    }

    /// What is known of it then; `None` where there is no room for it.
    fn add_server(
        &mut self,
        server: SocketAddr,
        transport: Transport,
        order: Order,
    ) -> Option<&mut Server> {
        let known = self.entry(server)?;
        known.port.tls |= transport != Transport::Ws;
        if known.asked.is_none_or(|(first, _)| order < first) {
            known.asked = Some((order, transport));
        }
        Some(known)
    }

    /// This one has answered in TLS.
    pub(super) fn add_tls(&mut self, server: SocketAddr) {
        if let Some(known) = self.entry(server) {
            known.port.tls = true;
        }
    }

    fn entry(&mut self, server: SocketAddr) -> Option<&mut Server> {
        if self.servers.len() < limits::MAX_KNOWN_SERVERS {
            return Some(self.servers.entry(server.into()).or_default());
        }
        self.servers.get_mut(&server.into())
    }

    /// How WebSockets are asked for at this address.
    pub(super) fn server(&self, server: SocketAddr) -> Option<Transport> {
        self.servers.get(&server.into())?.asked.map(|(_, how)| how)
    }

    /// The same for what a CONNECT names.
    pub(super) fn target(&self, target: &str) -> Option<Transport> {
        self.targets.get(&target.to_ascii_lowercase()).copied()
    }

    /// What else is known of the port that this session was asked of.
    pub(super) fn port(&self, session: &Session) -> Port {
        self.servers
            .get(&session.server.into())
            .map(|known| known.port)
            .unwrap_or_default()
    }

    /// Its TLS could be read, or it failed where WebSockets are asked for otherwise: that
    /// address, or that name, was meant for it.
    pub(super) fn is_meant(&self, session: &Session) -> bool {
        stage(session).is_none()
            || self.server(session.server).is_some()
            || name(session).is_some_and(|name| self.names.contains(&name))
    }
}

/// The name that a client of TLS asked for, in lower case.
fn name(session: &Session) -> Option<String> {
    Some(session.tls.as_ref()?.sni.as_ref()?.to_ascii_lowercase())
}

/// A `Host` with the port that it leaves out (RFC 6455 §3).
fn authority(host: &str, transport: Transport) -> String {
    let behind_literal = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    let host = host.to_ascii_lowercase();
    match transport {
        _ if behind_literal.contains(':') => host,
        Transport::Ws => format!("{host}:80"),
        Transport::Wss | Transport::Tls => format!("{host}:443"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_host_without_a_port_has_that_of_its_scheme() {
        for (host, transport, told) in [
            ("Chat.example", Transport::Ws, "chat.example:80"),
            ("chat.example", Transport::Wss, "chat.example:443"),
            ("chat.example:8080", Transport::Ws, "chat.example:8080"),
            ("[2001:db8::1]", Transport::Wss, "[2001:db8::1]:443"),
            ("[2001:db8::1]:80", Transport::Wss, "[2001:db8::1]:80"),
        ] {
            assert_eq!(authority(host, transport), told);
        }
    }

    #[test]
    fn a_server_is_known_by_its_address_or_its_name() {
        let sessions = sample::servers_half_known();
        let mut known = Known::default();
        sessions.iter().for_each(|session| known.add(session));
        let meant = sessions.iter().filter(|session| known.is_meant(session));
        let numbers: Vec<u64> = meant.map(|session| session.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}
