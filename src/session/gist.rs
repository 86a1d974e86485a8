//! What is kept of every session until all are known, however much of it is told.

use std::net::SocketAddr;

use super::facts::Sides;
use super::{
    Captured, Clocks, Opening, Party, Session, Side, State, Tls, Transport, TransportEnd,
    is_abnormal,
};
use crate::capture::PacketId;
use crate::time::Timestamp;

/// What a row shows of a session, and what sessions are compared by: borrowed from the session, or
/// from what one would be made of. Names and rules are those of [`Session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gist<'a> {
    /// As in [`Session::number`].
    pub number: u64,
    /// As in [`Session::transport`].
    pub transport: Transport,
    /// As in [`Session::client`].
    pub client: SocketAddr,
    /// As in [`Session::server`].
    pub server: SocketAddr,
    /// As in [`Session::opening`].
    pub opening: &'a Opening,
    /// As in [`Session::tls`].
    pub tls: Option<&'a Tls>,
    /// As in [`Session::started`].
    pub started: Timestamp,
    /// As in [`Session::opened`].
    pub opened: Option<Timestamp>,
    /// As in [`Session::ended`].
    pub ended: Option<Timestamp>,
    /// As in [`Session::clocks`].
    pub clocks: Clocks,
    /// As in [`Session::ping_period`].
    pub ping_period: Option<i64>,
    /// As in [`Verdict::state`](super::Verdict::state).
    pub state: State,
    /// As in [`Verdict::code`](super::Verdict::code).
    pub code: Option<u16>,
    /// As in [`Verdict::reason`](super::Verdict::reason).
    pub reason: Option<&'a str>,
    /// As in [`Verdict::closer`](super::Verdict::closer).
    pub closer: Option<Party>,
    /// As in [`Verdict::cause`](super::Verdict::cause).
    pub cause: &'static str,
    /// The first in time of the Close frames of each side.
    pub closes: Sides<Option<FirstClose>>,
    /// As in [`Session::transport_end`].
    pub transport_end: Option<TransportEnd>,
    /// Whole messages that each side sent.
    pub messages: Sides<u64>,
    /// As in [`Session::captured`].
    pub captured: Captured,
    /// As in [`Session::first_packet`].
    pub first_packet: PacketId,
}

/// The first Close frame of a side, as in [`Close`](super::Close).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstClose {
    /// Its code.
    pub code: Option<u16>,
    /// Some of its bytes are missing.
    pub lost: bool,
    /// When.
    pub time: Timestamp,
}

impl Gist<'_> {
    /// As in [`Session::is_abnormal`].
    pub fn is_abnormal(&self) -> bool {
        is_abnormal(self.state, self.code)
    }

    /// When the first terminating signal came; `None` where none did.
    pub fn first_signal(&self) -> Option<Timestamp> {
        let closes = [self.closes.client, self.closes.server];
        let close = closes.into_iter().flatten().map(|close| close.time);
        close.chain(self.transport_end.map(|end| end.time)).min()
    }
}

impl<'a> From<&'a Session> for Gist<'a> {
    fn from(session: &'a Session) -> Self {
        let verdict = &session.verdict;
        let first = |side: Side| {
            let close = session.closes.iter().find(|close| close.from == side)?;
            Some(FirstClose {
                code: close.code,
                lost: close.lost,
                time: close.time,
            })
        };
        Self {
            number: session.number,
            transport: session.transport,
            client: session.client,
            server: session.server,
            opening: &session.opening,
            tls: session.tls.as_ref(),
            started: session.started,
            opened: session.opened,
            ended: session.ended,
            clocks: session.clocks,
            ping_period: session.ping_period,
            state: verdict.state,
            code: verdict.code,
            reason: verdict.reason.as_deref(),
            closer: verdict.closer,
            cause: verdict.cause,
            closes: Sides {
                client: first(Side::Client),
                server: first(Side::Server),
            },
            transport_end: session.transport_end,
            messages: Sides {
                client: session.client_sent.messages,
                server: session.server_sent.messages,
            },
            captured: session.captured,
            first_packet: session.first_packet,
        }
    }
}
