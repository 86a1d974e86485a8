//! Resets: forged ones, and those of hosts that had forgotten the connection.

use super::{Found, the};
use crate::diagnosis::case::{Case, evidence, span};
use crate::diagnosis::knowledge::timers;
use crate::session::{Confidence, EndKind, Evidence, Party, Side};

/// A minute: NATs and load balancers that forget idle connections wait at least that long.
const LONG: i64 = 60_000_000_000;

/// A RST that its alleged sender did not send.
pub(super) fn injected(case: &Case<'_>) -> Option<Found> {
    if case.facts.has_crossed_resets() {
        return None;
    }
    let (side, rst) = Side::BOTH.into_iter().find_map(|side| {
        let facts = case.side(side);
        facts
            .rst
            .filter(|_| facts.rst_forged)
            .map(|rst| (side, rst))
    })?;
    Some(
        case.found("rst-injected", Confidence::High, Party::Network)
            .why(|| {
                format!(
                    "It came in the name of {}, which did not send it: {}.",
                    the(side),
                    case.side(side).forged_marks().join("; ")
                )
            })
            .show(|| evidence(&rst, side, "RST that this side did not send")),
    )
}

/// RSTs to both ends at once: no end answers a RST with a RST (RFC 9293 §3.10.7).
pub(super) fn both_ways(case: &Case<'_>) -> Option<Found> {
    case.facts.has_crossed_resets().then(|| {
        case.found("rst-both-ways", Confidence::High, Party::Network)
            .why(|| "Both ends were reset at the same time, each in the name of the other: a box between them did it.")
    })
}

/// Silence, then bytes, then at once a RST: the far end, or a box before it, had forgotten the
/// connection.
pub(super) fn stale(case: &Case<'_>) -> Option<Found> {
    let cutter = case.cutter().filter(|_| case.how() == Some(EndKind::Rst))?;
    let (from, packet, time, idle) = case.facts.burst?;
    let quiet_since = case
        .side(cutter)
        .last_data
        .is_none_or(|(_, last)| last < time);
    let prompt = case.cut_at()?.since(time) <= case.prompt();
    (from != cutter && quiet_since && prompt).then(|| {
        let confidence = if idle >= LONG {
            Confidence::High
        } else {
            Confidence::Medium
        };
        case.found("rst-on-stale-flow", confidence, Party::from(cutter))
            .why(|| {
                format!(
                    "The first bytes after {} of silence were answered with it{}.",
                    span(idle),
                    forgotten(idle)
                )
            })
            .show(|| Evidence {
                packet,
                time,
                from: Some(from),
                what: format!("first bytes after {}", span(idle)).into(),
            })
    })
}

/// A table that is known to forget connections after less than that.
#[expect(clippy::cast_precision_loss, reason = "seconds of a timer")]
fn forgotten(idle: i64) -> String {
    timers::forgotten(idle as f64 / 1e9)
        .next()
        .map_or_else(String::new, |timer| {
            format!(
                "; {} forgets a connection after {} s",
                timer.product, timer.seconds
            )
        })
}
