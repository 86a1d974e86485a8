//! Silences and ages that are those of a known timer.

use super::{Found, the};
use crate::diagnosis::case::{Case, span};
use crate::diagnosis::knowledge::fingerprints::fingerprint;
use crate::diagnosis::knowledge::timers::{self, Clock, Timer, seconds};
use crate::session::{Confidence, Party, Side};

/// Below this many seconds ordinary pauses look like timers.
const SHORT: f64 = 20.0;

/// Products named in one sentence.
const MAX_NAMED: usize = 4;

/// A timer that fits, and the clock that it watches.
struct Match {
    seconds: f64,
    clock: Clock,
    names: Vec<&'static str>,
}

/// The known timers that fire at one of the clocks of the end, and that `side` can be behind.
fn matching(case: &Case<'_>, side: Side, code: Option<u16>) -> Option<Match> {
    let clocks = [
        (Clock::EitherBytes, case.clocks.either),
        (Clock::ServerBytes, case.clocks.server),
        (Clock::ClientBytes, case.clocks.client),
    ];
    let slack = seconds(case.round_trip());
    clocks.into_iter().find_map(|(clock, nanos)| {
        let idle = seconds(nanos?);
        let may_be = |timer: &Timer| timer.by.may_be(side) && timer.ends.fits_close(code);
        let mut names: Vec<&'static str> = Vec::new();
        for timer in timers::candidates(clock, idle, slack).filter(|timer| may_be(timer)) {
            if names.len() < MAX_NAMED && !names.contains(&&*timer.product) {
                names.push(&timer.product);
            }
        }
        (!names.is_empty()).then_some(Match {
            seconds: idle,
            clock,
            names,
        })
    })
}

/// The transport was cut just when a known timer fires.
pub(super) fn idle(case: &Case<'_>) -> Option<Found> {
    let cutter = case.cutter()?;
    let Match {
        seconds,
        clock,
        names,
    } = matching(case, cutter, None)?;
    let confidence = if seconds < SHORT {
        Confidence::Low
    } else {
        Confidence::Medium
    };
    let why = || {
        let (since, names) = (clock.since(), names.join(", "));
        format!("{seconds:.1} s {since} is where these cut: {names}.")
    };
    // Pings that come no sooner than the timer fires do not hold it off.
    let period = Side::BOTH.iter().find_map(|&side| {
        let (_, longest) = case.side(side).pings.as_ref()?.steady()?;
        Some((side, longest))
    });
    Some(match period {
        Some((pinger, period)) if timers::seconds(period) >= 0.8 * seconds => case
            .found("keepalive-too-slow", Confidence::High, Party::from(cutter))
            .why(|| {
                format!(
                    "{} {} pings every {}, which is too late to hold that off.",
                    why(),
                    the(pinger),
                    span(period)
                )
            }),
        _ => case
            .found("idle-timeout", confidence, Party::from(cutter))
            .why(why),
    })
}

/// The Close of a server or proxy whose timer ends sessions with a Close.
pub(super) fn idle_close(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    let code = close.frame.code()?;
    let Match {
        seconds,
        clock,
        names,
    } = matching(case, side, Some(code))?;
    let confidence = if seconds < SHORT {
        Confidence::Low
    } else {
        Confidence::Medium
    };
    Some(
        case.found("idle-timeout", confidence, Party::from(side))
            .why(|| {
                format!(
                    "{seconds:.1} s {} is where these close with {code}: {}.",
                    clock.since(),
                    names.join(", ")
                )
            }),
    )
}

/// The reason is one that a known program writes.
pub(super) fn known_reason(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    let reason = close.frame.reason()?;
    let known = fingerprint(close.frame.code(), &reason, side)?;
    let name = known
        .cause
        .as_deref()
        .and_then(crate::diagnosis::causes::lookup)?
        .name;
    Some(
        case.found(name, Confidence::High, Party::from(side))
            .why(|| {
                format!(
                    "That reason is what {} writes: {}.",
                    known.generator,
                    known.means.trim_end_matches('.')
                )
            }),
    )
}
