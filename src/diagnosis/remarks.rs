//! What the end of TCP behind both Close frames shows: it changes nothing of how the session
//! ended, and is told as an anomaly.

use super::order::{Order, order};
use crate::session::facts::{Facts, Mark, Sides};
use crate::session::{Anomaly, Side};

/// A server that has both Close frames is to end TCP at once (RFC 6455 §7.1.1). A second covers
/// what a busy one takes.
const AT_ONCE: i64 = 1_000_000_000;

/// The oddities behind a closing handshake.
pub(super) fn remarks(facts: &Facts) -> Vec<Anomaly> {
    let first = |side: Side| {
        let close = facts.sides[side].closes.first()?;
        close.frame.fault.is_none().then_some(close.mark)
    };
    let (Some(client), Some(server)) = (first(Side::Client), first(Side::Server)) else {
        return Vec::new();
    };
    let closes = Sides { client, server };
    left_open(facts, &closes)
        .into_iter()
        .chain(reset(facts, &closes))
        .collect()
}

fn ends(facts: &Facts, side: Side) -> impl Iterator<Item = Mark> {
    let facts = &facts.sides[side];
    let rst = facts.rst.filter(|_| !facts.rst_forged);
    facts.close_notify.into_iter().chain(facts.fin).chain(rst)
}

/// The server kept the connection until the client had enough.
fn left_open(facts: &Facts, closes: &Sides<Mark>) -> Option<Anomaly> {
    let server = &facts.sides[Side::Server];
    // Its FIN may be missing from the capture.
    if !server.captured || server.holes.iter().any(|hole| !hole.found) {
        return None;
    }
    let place = |mark: &Mark| (mark.time, mark.packet);
    let by_client = ends(facts, Side::Client).min_by_key(place)?;
    let is_first = ends(facts, Side::Server).all(|mark| order(&mark, &by_client) != Order::Before);
    let closed = closes.client.time.max(closes.server.time);
    let waited = by_client.time.since(closed);
    (is_first && waited > AT_ONCE).then(|| Anomaly {
        rule: "tcp-left-open-after-close",
        from: Side::Server,
        packet: by_client.packet,
        time: by_client.time,
        detail: format!(
            "the client ended TCP {} after both Closes",
            super::case::span(waited)
        ),
    })
}

/// One side reset what was closed already: its own Close stands before the RST, and that of its
/// peer had arrived.
fn reset(facts: &Facts, closes: &Sides<Mark>) -> Option<Anomaly> {
    Side::BOTH.into_iter().find_map(|side| {
        let sent = &facts.sides[side];
        let rst = sent.rst.filter(|_| !sent.rst_forged)?;
        let answer = &closes[side.other()];
        let is_behind_own = rst.start >= closes[side].end;
        let acked = facts.sides[side.other()].acked.max(rst.heard.unwrap_or(0));
        let is_behind = acked >= answer.end || rst.time >= answer.time;
        (is_behind_own && is_behind).then(|| Anomaly {
            rule: "reset-after-close",
            from: side,
            packet: rst.packet,
            time: rst.time,
            detail: "behind both Closes: harmless".to_owned(),
        })
    })
}
