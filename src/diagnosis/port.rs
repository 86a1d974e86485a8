//! Clients that speak TLS to a port of plain HTTP, or the other way: a server that says no word
//! to that is told by what else is known of its port.

use super::causes;
use crate::session::{Confidence, EndKind, Gist, Party, Session, State, Tls, Transport};

/// What other connections show of a server's port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// It answers plain HTTP.
    pub plain: bool,
    /// It speaks TLS.
    pub tls: bool,
}

/// What cannot be understood is not thought over for longer, in nanoseconds.
const AT_ONCE: i64 = 1_000_000_000;

/// What else is known of its port may change the verdict.
pub fn may_be_astray(session: &Gist<'_>) -> bool {
    let (plain, tls) = (
        session.transport == Transport::Wss,
        session.transport == Transport::Ws,
    );
    astray(session, Port { plain, tls }).is_some()
}

/// Corrects the verdict of a session that went to the wrong port; whether it did.
pub fn correct(session: &mut Session, port: Port) -> bool {
    let Some(astray) = astray(&(&*session).into(), port) else {
        return false;
    };
    let summary = astray.in_words(session);
    let verdict = &mut session.verdict;
    verdict.other_causes.insert(0, verdict.cause);
    verdict.cause = astray.cause();
    verdict.confidence = Confidence::High;
    verdict.culprit = Some(Party::Client);
    verdict.summary = summary;
    if let Some(cause) = causes::lookup(verdict.cause) {
        verdict.advice = cause.advice.into();
    }
    true
}

/// How a session went to the wrong port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Astray {
    /// In plain text to one of TLS, which answered with this status, or without a word.
    Plain(Option<u16>),
    /// In TLS to one of plain text.
    Tls,
}

/// How, if so. A port that is known to speak both says nothing.
fn astray(session: &Gist<'_>, port: Port) -> Option<Astray> {
    if session.state != State::Failed || session.closer != Some(Party::Server) {
        return None;
    }
    let is_at_once = session.clocks.client.is_some_and(|quiet| quiet <= AT_ONCE);
    match (session.transport, port) {
        (
            Transport::Ws,
            Port {
                plain: false,
                tls: true,
            },
        ) => match session.cause {
            "upgrade-cut" if is_at_once => Some(Astray::Plain(None)),
            "upgrade-refused" if session.opening.http_status == Some(400) => {
                Some(Astray::Plain(Some(400)))
            }
            _ => None,
        },
        (
            Transport::Wss,
            Port {
                plain: true,
                tls: false,
            },
        ) => {
            // Of a server that agreed on a cipher TLS is known.
            let is_unanswered = |tls: &Tls| tls.cipher_suite.is_none();
            let is_cut = session.cause == "tls-handshake-cut" && is_at_once;
            (is_cut && session.tls.is_some_and(is_unanswered)).then_some(Astray::Tls)
        }
        _ => None,
    }
}

impl Astray {
    const fn cause(self) -> &'static str {
        match self {
            Self::Plain(_) => "plaintext-on-tls-port",
            Self::Tls => "tls-on-plaintext-port",
        }
    }

    fn in_words(self, session: &Session) -> String {
        let how = match session.transport_end.map(|end| end.how) {
            Some(EndKind::Rst) => "reset the connection (RST)",
            _ => "ended TCP (FIN)",
        };
        match self {
            Self::Plain(status) => {
                let answer = status.map_or_else(
                    || format!("{how} without a word"),
                    |status| format!("answered HTTP status {status}"),
                );
                format!(
                    "The client asked in plain HTTP, and the server {answer}; in other connections \
                     this port speaks TLS."
                )
            }
            Self::Tls => format!(
                "The client began with TLS, and the server {how} without a word; in other \
                 connections this port answers plain HTTP."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::session::{Clocks, TransportEnd};

    const TLS: Port = Port {
        plain: false,
        tls: true,
    };
    const PLAIN: Port = Port {
        plain: true,
        tls: false,
    };

    /// A server ended TCP so long after the client's last byte.
    fn failed(transport: Transport, cause: &'static str, quiet: i64) -> Session {
        let mut session = sample::abrupt(1);
        session.transport = transport;
        session.tls = (transport == Transport::Wss).then(Tls::default);
        session.clocks = Clocks {
            client: Some(quiet),
            ..Clocks::default()
        };
        session.verdict.state = State::Failed;
        session.verdict.closer = Some(Party::Server);
        session.verdict.cause = cause;
        session.transport_end = session.transport_end.map(|end| TransportEnd {
            how: EndKind::Fin,
            from: Party::Server,
            ..end
        });
        session
    }

    fn cause(mut session: Session, port: Port) -> &'static str {
        correct(&mut session, port);
        session.verdict.cause
    }

    #[test]
    fn a_port_that_speaks_one_of_both_has_no_word_for_the_other() {
        let plain = || failed(Transport::Ws, "upgrade-cut", 1_000);
        let wss = || failed(Transport::Wss, "tls-handshake-cut", 1_000);
        assert!(may_be_astray(&(&plain()).into()) && may_be_astray(&(&wss()).into()));
        assert_eq!(cause(plain(), TLS), "plaintext-on-tls-port");
        assert_eq!(cause(wss(), PLAIN), "tls-on-plaintext-port");
        for port in [
            Port::default(),
            Port {
                plain: true,
                tls: true,
            },
        ] {
            assert_eq!(cause(plain(), port), "upgrade-cut");
            assert_eq!(cause(wss(), port), "tls-handshake-cut");
        }
        assert_eq!(cause(plain(), PLAIN), "upgrade-cut");
        assert_eq!(cause(wss(), TLS), "tls-handshake-cut");
    }

    #[test]
    fn what_was_understood_is_left_as_it_is() {
        let late = failed(Transport::Ws, "upgrade-cut", 30_000_000_000);
        assert!(!may_be_astray(&(&late).into()));
        let mut agreed = failed(Transport::Wss, "tls-handshake-cut", 1_000);
        agreed.tls = Some(Tls {
            cipher_suite: Some("TLS_AES_128_GCM_SHA256".to_owned()),
            ..Tls::default()
        });
        assert_eq!(cause(agreed, PLAIN), "tls-handshake-cut");
        let mut by_client = failed(Transport::Ws, "upgrade-cut", 1_000);
        by_client.verdict.closer = Some(Party::Client);
        assert_eq!(cause(by_client, TLS), "upgrade-cut");
        let mut refused = failed(Transport::Ws, "upgrade-refused", 1_000);
        refused.opening.http_status = Some(403);
        assert_eq!(cause(refused.clone(), TLS), "upgrade-refused");
        refused.opening.http_status = Some(400);
        assert_eq!(cause(refused, TLS), "plaintext-on-tls-port");
    }
}
