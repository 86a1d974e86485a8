//! Heartbeats: Pings of the WebSocket protocol that decided the end (RFC 6455 §5.5.2).

use super::{Found, the};
use crate::diagnosis::case::{Case, span};
use crate::session::facts::{PongSeen, SeenClose};
use crate::session::{Confidence, Evidence, Party, Side};
use crate::time::Timestamp;

/// A Ping that old should have been answered on any path.
const OVERDUE: i64 = 500_000_000;

/// A side that ended the session while a Ping of its own was unanswered.
struct Overdue {
    pinger: Side,
    /// The oldest of these Pings, and how many there were.
    packet: crate::capture::PacketId,
    count: u32,
    sent: Timestamp,
    /// How long it had waited, in nanoseconds.
    waited: i64,
    late: Option<PongSeen>,
    confidence: Confidence,
}

fn overdue(case: &Case<'_>) -> Option<Overdue> {
    let (pinger, end, close) = match case.first_close {
        Some((side, _, close)) => (side, close.mark.time, Some(close)),
        None => (case.cutter()?, case.cut_at()?, None),
    };
    let pings = case.side(pinger).pings.as_ref()?;
    let ((packet, sent, count), late) = pings.unanswered_at(end)?;
    let confidence = close.map_or(Some(Confidence::High), means_a_ping)?;
    let waited = end.since(sent);
    let peer = case.side(pinger.other());
    // A Pong may lie in a hole, or in the direction that was not captured.
    let is_known = peer.captured && peer.holes.iter().all(|hole| hole.found);
    (is_known && waited >= OVERDUE.max(case.prompt())).then_some(Overdue {
        pinger,
        packet,
        count,
        sent,
        waited,
        late,
        confidence,
    })
}

/// How surely a Close speaks of a heartbeat: by its reason or code; `None` where its code speaks
/// of something else.
fn means_a_ping(close: &SeenClose) -> Option<Confidence> {
    match close.frame.code() {
        _ if speaks_of_ping(close) => Some(Confidence::Certain),
        // Python's websockets and those who follow it send it for a missing Pong.
        Some(1011) => Some(Confidence::High),
        None | Some(1000..=1002 | 3000..=4999) => Some(Confidence::Medium),
        _ => None,
    }
}

fn speaks_of_ping(close: &SeenClose) -> bool {
    const WORDS: [&str; 5] = ["ping", "pong", "keepalive", "keep-alive", "heartbeat"];
    close.frame.reason().is_some_and(|reason| {
        let reason = reason.to_ascii_lowercase();
        WORDS.iter().any(|word| reason.contains(word))
    })
}

/// Nothing came back.
pub(super) fn unanswered(case: &Case<'_>) -> Option<Found> {
    let Overdue {
        pinger,
        packet,
        count,
        sent,
        waited,
        late: None,
        confidence,
    } = overdue(case)?
    else {
        return None;
    };
    let peer = pinger.other();
    let why = || {
        let pings = match count {
            1 => "a Ping".to_owned(),
            _ => format!("{count} Pings"),
        };
        let (pinger, waited) = (the(pinger), span(waited));
        format!("{pinger} had sent {pings} and got no Pong for {waited}.")
    };
    let found = case
        .found("ping-unanswered", confidence, Party::from(peer))
        .why(why)
        .show(|| Evidence {
            packet,
            time: sent,
            from: Some(pinger),
            what: "Ping that was never answered".into(),
        });
    // TCP went on acknowledging: the machine lives, the application does not answer.
    let acknowledged = case
        .side(pinger)
        .unanswered
        .is_none_or(|(times, _)| times < 2);
    Some(match acknowledged {
        true => found.or("app-stalled"),
        false => found,
    })
}

/// It came, but too late.
pub(super) fn late(case: &Case<'_>) -> Option<Found> {
    let Overdue {
        pinger,
        waited,
        late: Some(pong),
        confidence,
        ..
    } = overdue(case)?
    else {
        return None;
    };
    let peer = pinger.other();
    Some(
        case.found("late-pong", confidence, Party::from(peer))
            .why(|| {
                format!(
                    "{} had waited {} for a Pong; it came {} after the Ping, too late.",
                    the(pinger),
                    span(waited),
                    span(pong.delay)
                )
            })
            .show(|| Evidence {
                packet: pong.packet,
                time: pong.time,
                from: Some(peer),
                what: "late Pong".into(),
            }),
    )
}

/// The Close speaks of a missing Pong, and what its peer sends does not arrive.
pub(super) fn lost_on_the_way(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    super::silence::deaf(case, side.other()).filter(|_| speaks_of_ping(close))
}

/// The Pong was on the wire in time, and the Close speaks of a missing one all the same.
pub(super) fn answered_but_closed(case: &Case<'_>) -> Option<Found> {
    let (side, facts, close) = case.first_close?;
    let pings = facts.pings.as_ref()?;
    let pong = pings.answered?;
    let in_time = pings.unanswered_at(close.mark.time).is_none();
    (in_time && close.frame.code() == Some(1011) && speaks_of_ping(close)).then(|| {
        case.found("ping-answered-but-closed", Confidence::High, Party::from(side))
            .why(|| format!(
                "It says that a Ping went unanswered, but the Pong was on the wire after {}: {} did not read it.",
                span(pong.delay),
                the(side)
            ))
            .show(|| Evidence {
                packet: pong.packet,
                time: pong.time,
                from: Some(side.other()),
                what: "Pong, in time".into(),
            })
    })
}
