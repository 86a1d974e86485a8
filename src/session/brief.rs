//! What a row of a table shows of a session.

use std::net::SocketAddr;

use super::{Party, Session, State, Transport, TransportEnd};
use crate::time::Timestamp;

/// What a row of a table shows of a session: borrowed, since there may be millions of rows. Names
/// and rules are those of [`Session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief<'a> {
    /// As in [`Session::number`].
    pub number: u64,
    /// As in [`Session::started`].
    pub started: Timestamp,
    /// As in [`Session::ended`].
    pub ended: Option<Timestamp>,
    /// As in [`Session::client`].
    pub client: SocketAddr,
    /// As in [`Session::server`].
    pub server: SocketAddr,
    /// The path; of a session that came to none, the name that its client asked TLS for.
    pub path: Option<&'a str>,
    /// Status of the answer to its opening; of one that succeeded it may be left out.
    pub http_status: Option<u16>,
    /// As in [`Session::transport`].
    pub transport: Transport,
    /// The alert of its TLS, empty for none; `None` where there is no TLS.
    pub alert: Option<&'static str>,
    /// As in [`Session::transport_end`].
    pub end: Option<TransportEnd>,
    /// How long both sides had been quiet when it ended, in nanoseconds.
    pub quiet: Option<i64>,
    /// As in [`Verdict::state`](super::Verdict::state).
    pub state: State,
    /// As in [`Verdict::code`](super::Verdict::code).
    pub code: Option<u16>,
    /// As in [`Verdict::closer`](super::Verdict::closer).
    pub closer: Option<Party>,
    /// As in [`Verdict::cause`](super::Verdict::cause).
    pub cause: &'static str,
    /// As in [`Verdict::reason`](super::Verdict::reason).
    pub reason: Option<&'a str>,
}

impl<'a> From<&'a Session> for Brief<'a> {
    fn from(session: &'a Session) -> Self {
        let verdict = &session.verdict;
        let tls = session.tls.as_ref();
        let path = session.opening.path();
        Self {
            number: session.number,
            started: session.started,
            ended: session.ended,
            client: session.client,
            server: session.server,
            path: path.or_else(|| tls?.sni.as_deref()),
            http_status: session.opening.http_status,
            transport: session.transport,
            alert: tls.map(|tls| tls.alert.unwrap_or_default()),
            end: session.transport_end,
            quiet: session.clocks.either,
            state: verdict.state,
            code: verdict.code,
            closer: verdict.closer,
            cause: verdict.cause,
            reason: verdict.reason.as_deref(),
        }
    }
}
