//! Made-up sessions that end in given ways.

use std::net::SocketAddr;

use crate::capture::PacketId;
use crate::report::sample;
use crate::session::{Clocks, Close, EndKind, Party, Session, Side, State, TransportEnd};

/// The server of all made-up sessions that do not say otherwise.
pub(crate) const SERVER: &str = "10.0.0.9:443";

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Opened and last heard of (client, server) at these milliseconds; open.
pub(crate) fn open(number: u64, opened: i64, client: i64, server: i64) -> Session {
    let mut session = sample::open(number);
    session.server = address(SERVER);
    session
        .client
        .set_port(40_000 + u16::try_from(number % 20_000).unwrap_or(0));
    (session.started, session.opened) = (sample::at(opened), Some(sample::at(opened)));
    session.last_byte = Some(sample::at(client.max(server)));
    // Turned into times of silence by what ends it.
    session.clocks = Clocks {
        client: Some(client),
        server: Some(server),
        either: Some(client.max(server)),
        age: Some(opened),
    };
    session
}

fn stop(session: &mut Session, by: Party, millis: i64, code: Option<u16>, cause: &'static str) {
    let since = |then: Option<i64>| then.map(|then| (millis - then) * 1_000_000);
    let clocks = session.clocks;
    session.clocks = Clocks {
        client: since(clocks.client),
        server: since(clocks.server),
        either: since(clocks.either),
        age: since(clocks.age),
    };
    session.ended = Some(sample::at(millis));
    let verdict = &mut session.verdict;
    (verdict.state, verdict.closer, verdict.code) = (State::Closed, Some(by), code);
    verdict.cause = cause;
}

/// Ended without a Close.
pub(crate) fn cut(mut session: Session, how: EndKind, by: Party, millis: i64) -> Session {
    stop(&mut session, by, millis, Some(1006), "fin-without-close");
    session.transport_end = Some(TransportEnd {
        how,
        from: by,
        packet: PacketId::new(0, 21),
        time: sample::at(millis),
    });
    session
}

/// Ended by a Close.
pub(crate) fn closed(mut session: Session, code: u16, by: Side, millis: i64) -> Session {
    let cause = match code {
        1000 => "closed-normal",
        1012 => "service-restart",
        1001 => "server-going-away",
        _ => "application-close",
    };
    stop(&mut session, by.into(), millis, Some(code), cause);
    session.closes = vec![Close {
        from: by,
        code: Some(code),
        reason: None,
        lost: false,
        packet: PacketId::new(0, 21),
        time: sample::at(millis),
    }];
    session
}

/// A number below `below` that looks like chance, the same every time.
pub(crate) fn chance(seed: u64, below: i64) -> i64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    i64::try_from((mixed ^ (mixed >> 32)) >> 1).unwrap_or(0) % below
}
