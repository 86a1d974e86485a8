//! One session's facts with what follows from them at once, as the rules see it.

use std::borrow::Cow;

use super::ending::Ending;
use crate::session::facts::{Facts, Mark, SeenClose, SideFacts};
use crate::session::{Clocks, EndKind, Evidence, Party, Side};
use crate::time::Timestamp;
use crate::ws::Body;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// What a round trip is taken to be where the capture does not show one: rather long, so that
/// nothing is called late that may be in time.
const UNKNOWN_ROUND_TRIP: i64 = SECOND / 5;

/// A session to judge.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) facts: &'a Facts,
    pub(super) ending: &'a Ending,
    pub(super) code: Option<u16>,
    pub(super) clocks: Clocks,
    /// Who closed first, and with what: the first of its Close frames that says something.
    pub(super) first_close: Option<(Side, &'a SideFacts, &'a SeenClose)>,
    /// What is found is to be told in sentences; a rule that only decides has no need of them.
    pub(super) in_words: bool,
}

impl<'a> Case<'a> {
    pub(super) fn new(facts: &'a Facts, ending: &'a Ending, code: Option<u16>) -> Self {
        Self {
            facts,
            ending,
            code,
            clocks: clocks(facts, ending),
            first_close: first_close(facts, ending),
            in_words: false,
        }
    }

    /// The same, to be told in words.
    pub(super) fn told_in_words(&self) -> Self {
        Self {
            in_words: true,
            ..*self
        }
    }

    pub(super) fn side(&self, side: Side) -> &'a SideFacts {
        &self.facts.sides[side]
    }

    /// A Close was the first signal, or one of two that crossed.
    pub(super) fn ended_by_close(&self) -> bool {
        let first_close = self.ending.first_close.map(Party::from);
        let closer = self.ending.closer;
        first_close.is_some()
            && (closer.is_none() || closer == Some(Party::Both) || closer == first_close)
    }

    /// The side that ended the transport first, if one did.
    pub(super) fn cutter(&self) -> Option<Side> {
        match self.ending.transport_end?.from {
            Party::Client => Some(Side::Client),
            Party::Server => Some(Side::Server),
            Party::Both | Party::Network => None,
        }
    }

    /// How the transport ended.
    pub(super) fn how(&self) -> Option<EndKind> {
        self.ending.transport_end.map(|end| end.how)
    }

    /// When the transport ended.
    pub(super) fn cut_at(&self) -> Option<Timestamp> {
        self.ending.transport_end.map(|end| end.time)
    }

    /// A round trip, in nanoseconds.
    pub(super) fn round_trip(&self) -> i64 {
        self.facts.round_trip.unwrap_or(UNKNOWN_ROUND_TRIP)
    }

    /// So long after something that it is no answer to it: several round trips and what a
    /// delayed acknowledgement or a busy process may add, in nanoseconds.
    pub(super) fn prompt(&self) -> i64 {
        self.round_trip().saturating_mul(4).max(SECOND / 4)
    }

    /// How long both sides had been quiet at the end, in nanoseconds.
    pub(super) fn idle(&self) -> i64 {
        self.clocks.either.unwrap_or(0)
    }
}

fn first_close<'a>(
    facts: &'a Facts,
    ending: &Ending,
) -> Option<(Side, &'a SideFacts, &'a SeenClose)> {
    let side = ending.first_close?;
    let facts = &facts.sides[side];
    let says = |close: &&SeenClose| !matches!(close.frame.body, Body::OneByte);
    Some((side, facts, facts.closes.iter().find(says)?))
}

/// The clocks at the first terminating signal (a Close that is no violation, a FIN, a RST).
fn clocks(facts: &Facts, ending: &Ending) -> Clocks {
    let closed = Side::BOTH
        .iter()
        .filter_map(|&side| facts.sides[side].closes.first())
        .map(|close| close.mark.time)
        .min();
    let cut = ending.transport_end.map(|end| end.time);
    let Some(end) = closed.into_iter().chain(cut).min() else {
        return Clocks::default();
    };
    let since = |side: Side| {
        let facts_of = &facts.sides[side];
        // Bytes of a Close are no traffic; without one, every byte counts.
        let last = if closed.is_some() {
            facts_of.last_frame
        } else {
            facts_of.last_data
        };
        let opening = if side == Side::Client {
            facts.request
        } else {
            facts.answered
        };
        last.or(opening).map(|(_, time)| end.since(time).max(0))
    };
    let (client, server) = (since(Side::Client), since(Side::Server));
    Clocks {
        client,
        server,
        either: client.into_iter().chain(server).min(),
        age: facts.answered.map(|(_, time)| end.since(time).max(0)),
    }
}

/// A time span for a sentence.
pub(super) fn span(nanos: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    let seconds = nanos as f64 / 1e9;
    if seconds >= 600.0 {
        format!("{:.1} min", seconds / 60.0)
    } else if seconds >= 0.995 {
        format!("{seconds:.1} s")
    } else if seconds >= 0.001 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        "less than 1 ms".to_owned()
    }
}

/// A packet for the evidence.
pub(super) fn evidence(mark: &Mark, from: Side, what: impl Into<Cow<'static, str>>) -> Evidence {
    Evidence {
        packet: mark.packet,
        time: mark.time,
        from: Some(from),
        what: what.into(),
    }
}

/// With a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut capital = String::with_capacity(text.len());
    push_capital(&mut capital, text);
    capital
}

/// Adds `text` with a capital first letter.
pub(super) fn push_capital(to: &mut String, text: &str) {
    let mut chars = text.chars();
    to.extend(chars.next().into_iter().flat_map(char::to_uppercase));
    to.push_str(chars.as_str());
}
