//! From what was collected of a session to the record that every output shows.

use std::borrow::Cow;

use super::stack::Name;
use crate::diagnosis::{Diagnosis, diagnose};
use crate::flow::End;
use crate::limits;
use crate::session::facts::{Facts, SeenClose, SideFacts, Sides};
use crate::session::{Captured, Close, Detail, Session, Side, State, Tracker, Transport};
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
    let is_over = matches!(verdict.state, State::Closed | State::Failed);
    let answered = facts.answered.map(|(_, time)| time);
    let ended = transport_end
        .map(|end| end.time)
        .or(answered)
        .or(facts.icmp.map(|icmp| icmp.time))
        .filter(|_| is_over);
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
        transport: match &tls {
            Some(_) if facts.is_opaque() => Transport::Tls,
            Some(_) => Transport::Wss,
            None => Transport::Ws,
        },
        client: name.key.address(client),
        server: name.key.address(client.other()),
        opening: facts.opening,
        tls,
        vlan: name.vlan,
        tunnel: (!name.tunnel.is_empty()).then(|| name.tunnel.to_string()),
        started,
        opened: tracker.opened(),
        ended,
        last_byte,
        clocks,
        ping_period: Side::BOTH
            .into_iter()
            .find_map(|side| facts.sides[side].pings.steady())
            .map(|(_, longest)| longest),
        verdict,
        closes,
        transport_end,
        client_sent: facts.sides.client.sent,
        server_sent: facts.sides.server.sent,
        anomalies,
        lost_bytes: End::BOTH.iter().map(|&end| tcp.stream(end).lost().0).sum(),
        captured: match (facts.sides.client.captured, facts.sides.server.captured) {
            (true, false) => Captured::ClientOnly,
            (false, true) => Captured::ServerOnly,
            _ => Captured::Both,
        },
        first_packet,
        last_packet,
        related: Vec::new(),
        events: tracker
            .events
            .take()
            .map_or_else(Vec::new, |events| *events),
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
