//! From what was collected of a session to the record that every output shows.

use std::borrow::Cow;

use super::stack::Name;
use crate::diagnosis::{Diagnosis, diagnose, judge};
use crate::flow::End;
use crate::limits;
use crate::session::facts::{Facts, SeenClose, SideFacts, Sides};
use crate::session::{
    Captured, Close, Detail, FirstClose, Gist, Session, Side, State, Tls, Tracker, Transport,
    TransportEnd,
};
use crate::tcp::Connection;
use crate::time::Timestamp;

/// `until`: up to when the capture shows what happened; `detail`: how much is wanted of it. What
/// the tracker held is part of what is told.
pub(super) fn tell(
    tracker: &mut Tracker,
    tcp: &Connection,
    name: Name,
    until: Option<Timestamp>,
    detail: Detail,
) -> Session {
    let mut facts = Facts {
        watched_until: until,
        ..Facts::default()
    };
    tracker.conclude(tcp, &mut facts);
    let Diagnosis {
        verdict,
        transport_end,
        clocks,
        remarks,
    } = diagnose(&facts, detail);
    let client = tracker.client;
    let (first_packet, started) = tracker.first;
    let (mut anomalies, tls) = match &mut tracker.rare {
        Some(rare) => (std::mem::take(&mut rare.anomalies), rare.tls.take()),
        None => (Vec::new(), None),
    };
    let room = limits::MAX_ANOMALIES.saturating_sub(anomalies.len());
    anomalies.extend(remarks.into_iter().take(room));
    let closes = closes(&facts.sides, detail);
    let ended = ended(&facts, verdict.state, transport_end);
    let last_byte = Side::BOTH
        .into_iter()
        .filter_map(|side| facts.sides[side].last_data)
        .map(|(_, time)| ended.map_or(time, |ended| time.min(ended)))
        .max();
    let last_packet = if facts.superseded {
        facts
            .answered
            .or(facts.request)
            .map_or(first_packet, |(packet, _)| packet)
    } else {
        tcp.last().packet
    };
    Session {
        // Until all sessions are known: what puts them in order.
        number: name.ordinal,
        transport: transport(&facts, tls.as_ref()),
        client: name.key.address(client),
        server: name.key.address(client.other()),
        captured: captured(&facts.sides),
        ping_period: ping_period(&facts.sides),
        opening: facts.opening,
        tls,
        vlan: name.vlan,
        tunnel: (!name.tunnel.is_empty()).then(|| name.tunnel.to_string()),
        started,
        opened: tracker.opened(),
        ended,
        last_byte,
        clocks,
        verdict,
        closes,
        transport_end,
        client_sent: facts.sides.client.sent,
        server_sent: facts.sides.server.sent,
        anomalies,
        lost_bytes: End::BOTH.iter().map(|&end| tcp.stream(end).lost().0).sum(),
        first_packet,
        last_packet,
        related: Vec::new(),
        events: tracker
            .events
            .take()
            .map_or_else(Vec::new, |events| *events),
    }
}

/// Tells no more of it than the [`Gist`], to `put`.
pub(super) fn tell_gist(
    tracker: &mut Tracker,
    tcp: &Connection,
    name: Name,
    until: Option<Timestamp>,
    put: impl FnOnce(&Gist<'_>),
) {
    // Where assertions are on, it has to be that of the session.
    #[cfg(debug_assertions)]
    let whole = tell(&mut tracker.clone(), tcp, name, until, Detail::Row);
    let mut facts = Facts {
        watched_until: until,
        ..Facts::default()
    };
    tracker.conclude(tcp, &mut facts);
    let verdict = judge(&facts);
    let client = tracker.client;
    let (first_packet, started) = tracker.first;
    let tls = tracker.rare.as_ref().and_then(|rare| rare.tls.as_ref());
    let gist = Gist {
        number: name.ordinal,
        transport: transport(&facts, tls),
        client: name.key.address(client),
        server: name.key.address(client.other()),
        opening: &facts.opening,
        tls,
        started,
        opened: tracker.opened(),
        ended: ended(&facts, verdict.state, verdict.transport_end),
        clocks: verdict.clocks,
        ping_period: ping_period(&facts.sides),
        state: verdict.state,
        code: verdict.code,
        reason: verdict.reason.as_deref(),
        closer: verdict.closer,
        cause: verdict.cause,
        closes: Sides {
            client: first_close(&facts.sides.client),
            server: first_close(&facts.sides.server),
        },
        transport_end: verdict.transport_end,
        messages: Sides {
            client: facts.sides.client.sent.messages,
            server: facts.sides.server.sent.messages,
        },
        captured: captured(&facts.sides),
        first_packet,
    };
    #[cfg(debug_assertions)]
    assert_eq!(gist, Gist::from(&whole));
    put(&gist);
}

fn transport(facts: &Facts, tls: Option<&Tls>) -> Transport {
    match tls {
        Some(_) if facts.is_opaque() => Transport::Tls,
        Some(_) => Transport::Wss,
        None => Transport::Ws,
    }
}

/// When it ended, if it has.
fn ended(facts: &Facts, state: State, transport_end: Option<TransportEnd>) -> Option<Timestamp> {
    let is_over = matches!(state, State::Closed | State::Failed);
    let answered = facts.answered.map(|(_, time)| time);
    transport_end
        .map(|end| end.time)
        .or(answered)
        .or(facts.icmp.map(|icmp| icmp.time))
        .filter(|_| is_over)
}

fn ping_period(sides: &Sides<SideFacts>) -> Option<i64> {
    Side::BOTH
        .into_iter()
        .find_map(|side| sides[side].pings.as_ref()?.steady())
        .map(|(_, longest)| longest)
}

const fn captured(sides: &Sides<SideFacts>) -> Captured {
    match (sides.client.captured, sides.server.captured) {
        (true, false) => Captured::ClientOnly,
        (false, true) => Captured::ServerOnly,
        _ => Captured::Both,
    }
}

/// Every Close frame, in order of time.
fn closes(sides: &Sides<SideFacts>, detail: Detail) -> Vec<Close> {
    let mut closes = Vec::with_capacity(sides.client.closes.len() + sides.server.closes.len());
    for from in Side::BOTH {
        closes.extend(sides[from].closes.iter().map(|SeenClose { frame, mark }| {
            // A row shows that of its verdict only.
            let reason = (detail > Detail::Row).then(|| frame.reason()).flatten();
            Close {
                from,
                code: frame.code(),
                reason: reason.map(Cow::into_owned),
                lost: frame.lost,
                packet: mark.packet,
                time: mark.time,
            }
        }));
    }
    closes.sort_by_key(|close| (close.time, close.packet));
    closes
}

/// The first one of a side, in order of time.
fn first_close(side: &SideFacts) -> Option<FirstClose> {
    let closes = side.closes.iter();
    let SeenClose { frame, mark } = closes.min_by_key(|it| (it.mark.time, it.mark.packet))?;
    Some(FirstClose {
        code: frame.code(),
        lost: frame.lost,
        time: mark.time,
    })
}
