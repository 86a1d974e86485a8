//! One side speaks, and nothing comes back.

use super::{Found, the};
use crate::diagnosis::case::{Case, evidence, span};
use crate::diagnosis::ending::SILENCE_SENDS;
use crate::session::{Confidence, Evidence, Party, Side};

/// A minute: silent flow expiry takes at least that long.
const LONG: i64 = 60_000_000_000;

/// A window that was zero this long is a reader that stopped, not one that was busy.
const STALL: i64 = 5_000_000_000;

/// Sent so often, bytes have been on their way for a quarter of a minute (RFC 6298).
const SURELY_GONE: u32 = 6;

/// Bytes that were sent so often, and not acknowledged by a peer that is heard, do not arrive.
const STUCK_SENDS: u32 = SILENCE_SENDS + 1;

/// A path that is merely bad comes back sooner.
const ASLEEP: i64 = 10_000_000_000;

/// How long a program takes to notice that its device is awake again.
const WAKING: i64 = 2_000_000_000;

/// The side whose last bytes were repeated in vain.
fn unheard(case: &Case<'_>) -> Option<(Side, u32)> {
    Side::BOTH.into_iter().find_map(|side| {
        let facts = case.side(side);
        let (times, last) = facts.unanswered?;
        let in_vain = times >= SILENCE_SENDS && last.end >= facts.acked;
        in_vain.then_some((side, times))
    })
}

/// Retransmissions that nothing answers (RFC 9293 §3.8.3).
pub(super) fn vanished(case: &Case<'_>) -> Option<Found> {
    let (side, times) = unheard(case)?;
    let (_, last) = case.side(side).unanswered?;
    let peer = side.other();
    let after_idle = case
        .facts
        .burst
        .filter(|&(from, .., idle)| from == side && idle >= LONG);
    let is_early = may_heal(case, side, times);
    let confidence = if is_early {
        Confidence::Low
    } else if case.side(peer).captured {
        Confidence::High
    } else {
        Confidence::Medium
    };
    let shown = || {
        evidence(
            &last,
            side,
            format!("sent {times} times, never acknowledged"),
        )
    };
    let too_soon = match is_early {
        true => " The capture ends too soon after that to show that none came later.",
        false => "",
    };
    let found = match after_idle {
        Some((_, packet, time, idle)) => case.found("path-blackhole-after-idle", confidence, Party::Network)
            .why(|| format!(
                "The first bytes of {} after {} of silence were never acknowledged, though it sent them {times} times.{too_soon}",
                the(side),
                span(idle)
            ))
            .show(|| Evidence { packet, time, from: Some(side), what: format!("first bytes after {}", span(idle)).into() })
            .show(shown),
        None => {
            let found = case.found("peer-vanished", confidence, Party::Network);
            found
                .why(|| format!("{times} times {} sent bytes that were never acknowledged, and no packet came back.{too_soon}", the(side)))
                .show(shown)
        }
    };
    Some(match is_early {
        true => found.or("open-at-end-of-capture"),
        false => found,
    })
}

/// The capture ends before the next repetition was due, and there were few: networks recover
/// from outages of seconds. Each wait is twice the one before (RFC 6298 §5.5), so the next is
/// longer than all of them together.
fn may_heal(case: &Case<'_>, side: Side, times: u32) -> bool {
    let facts = case.side(side);
    let waited = facts
        .unanswered
        .zip(facts.last_data)
        .map(|((_, last), (_, first))| (last.time, last.time.since(first)));
    times < SURELY_GONE
        && waited
            .zip(case.facts.watched_until)
            .is_some_and(|((last, waits), until)| until.since(last) < waits)
}

/// One side repeats itself, and its peer talks on without having received any of it.
pub(super) fn one_way_loss(case: &Case<'_>) -> Option<Found> {
    Side::BOTH.into_iter().find_map(|side| deaf(case, side))
}

/// What `side` sends does not arrive, and what its peer sends does.
pub(super) fn deaf(case: &Case<'_>, side: Side) -> Option<Found> {
    let facts = case.side(side);
    let peer = side.other();
    let (times, heard, last) = facts.stuck?;
    let is_lost = times >= STUCK_SENDS && heard >= 2 && last.start >= facts.acked;
    // A reader that stands still acknowledges nothing new either.
    let is_open = case.side(peer).habits.longest_zero_window(last.time) == 0;
    (is_lost && is_open).then(|| {
        case.found("one-way-loss", Confidence::High, Party::Network)
            .why(|| format!(
                "{times} times {} sent the same bytes while packets of {} kept coming, and none acknowledged them.",
                the(side),
                the(peer)
            ))
            .show(|| evidence(
                &last,
                side,
                format!("sent {times} times, never acknowledged"),
            ))
    })
}

/// The client was gone for a while, as a device is that sleeps, and ended the session as soon
/// as it was back.
pub(super) fn suspended(case: &Case<'_>) -> Option<Found> {
    let back = case.facts.back.filter(|back| back.side == Side::Client)?;
    let closed = case.first_close.map(|(side, _, close)| {
        let is_leaving = side == Side::Client && close.frame.code() == Some(1001);
        (is_leaving, close.mark.time)
    });
    let (is_its_end, ended) = match closed {
        Some(closed) => closed,
        None => (case.cutter() == Some(Side::Client), case.cut_at()?),
    };
    let waited = ended.since(back.at.1);
    (is_its_end && back.silence >= ASLEEP && (0..=WAKING).contains(&waited)).then(|| {
        let found = case.found("suspended-client", Confidence::Medium, Party::Client)
            .why(|| format!(
                "For {} the client had not been heard, though the server sent the same bytes {} times; once back, it ended the session.",
                span(back.silence),
                back.times
            ))
            .show(|| Evidence {
                packet: back.at.0,
                time: back.at.1,
                from: Some(Side::Client),
                what: format!("first packet after {}", span(back.silence)).into(),
            });
        // A path that failed for so long looks the same from the other end.
        found.or("peer-vanished")
    })
}

/// RFC 9293 §3.8.4: probes that nobody answers.
pub(super) fn keep_alive_probes(case: &Case<'_>) -> Option<Found> {
    let (side, count, last) = Side::BOTH.into_iter().find_map(|side| {
        let (count, last) = case.side(side).habits.unanswered_keep_alives?;
        (count >= SILENCE_SENDS).then_some((side, count, last))
    })?;
    Some(
        case.found(
            "keepalive-probes-unanswered",
            Confidence::High,
            Party::Network,
        )
        .why(|| {
            format!(
                "{count} TCP keep-alive probes of {} went unanswered.",
                the(side)
            )
        })
        .show(|| Evidence {
            packet: last.packet,
            time: last.time,
            from: Some(side),
            what: "keep-alive probe, unanswered".into(),
        }),
    )
}

/// A receiver whose window stayed at zero: its application had stopped reading.
pub(super) fn zero_window(case: &Case<'_>) -> Option<Found> {
    let end = case.cut_at()?;
    let (reader, stalled) = Side::BOTH.into_iter().find_map(|side| {
        let stalled = case.side(side).habits.longest_zero_window(end);
        (stalled >= STALL).then_some((side, stalled))
    })?;
    let gave_up = case.cutter() == Some(reader.other());
    let name = if gave_up {
        "kill-by-slow-reader-guard"
    } else {
        "zero-window-stall"
    };
    Some(
        case.found(name, Confidence::High, Party::from(reader))
            .why(|| {
                format!(
                    "The receive window of {} had been zero for {}: it did not read.",
                    the(reader),
                    span(stalled)
                )
            }),
    )
}
