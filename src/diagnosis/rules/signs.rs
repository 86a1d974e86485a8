//! What a case shows at first sight. Most sessions show little, and most rules need not be asked
//! then.

use crate::diagnosis::case::Case;
use crate::diagnosis::knowledge::timers;
use crate::session::Side;
use crate::session::facts::SideFacts;
use crate::ws::{Body, Tail};

/// A set of signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signs(u16);

impl Signs {
    /// Of what shows in any case.
    pub(super) const NONE: Self = Self(0);
    /// The code is not known.
    pub(super) const UNCODED: Self = Self(1);
    /// The first Close breaks a rule itself.
    pub(super) const BROKEN: Self = Self(1 << 1);
    /// The first Close has a code for something that went wrong.
    pub(super) const COMPLAINT: Self = Self(1 << 2);
    /// The first Close gives a reason.
    pub(super) const REASON: Self = Self(1 << 3);
    /// The first Close was not answered by another.
    pub(super) const UNANSWERED: Self = Self(1 << 4);
    /// The first Close was.
    pub(super) const ANSWERED: Self = Self(1 << 5);
    /// A side sent a Ping.
    pub(super) const PING: Self = Self(1 << 6);
    /// A side sent bytes that its peer, which was heard, did not acknowledge.
    pub(super) const STUCK: Self = Self(1 << 7);
    /// The client was away for a while.
    pub(super) const BACK: Self = Self(1 << 8);
    /// It was quiet for as long as a known timer waits.
    pub(super) const TIMED: Self = Self(1 << 9);
    /// A side broke a rule.
    pub(super) const VIOLATION: Self = Self(1 << 10);
    /// A side reset the connection, or it was reset in its name.
    pub(super) const RST: Self = Self(1 << 11);
    /// A side stopped inside of a frame or a message.
    pub(super) const UNFINISHED: Self = Self(1 << 12);
    /// There were alerts of TLS, or TLS at all.
    pub(super) const TLS: Self = Self(1 << 13);
    /// A side closed its window, or probed whether the other lives.
    pub(super) const STALL: Self = Self(1 << 14);
    /// Something that a side sent was never acknowledged.
    pub(super) const UNHEARD: Self = Self(1 << 15);

    /// Those that count where a Close ended it.
    pub(super) fn of_closed(case: &Case<'_>) -> Self {
        let mut signs = Self::of_both(case);
        if let Some((side, _, close)) = case.first_close {
            signs.add(Self::BROKEN, close.frame.fault.is_some());
            let is_complaint = |code: u16| !matches!(code, 1000 | 1001 | 3000..=4999);
            signs.add(
                Self::COMPLAINT,
                close.frame.code().is_some_and(is_complaint),
            );
            let has_reason = match &close.frame.body {
                Body::Code(_, reason) => close.frame.lost || !reason.is_empty(),
                Body::Empty | Body::OneByte | Body::Lost => false,
            };
            signs.add(Self::REASON, has_reason);
            let is_answered = !case.side(side.other()).closes.is_empty();
            signs.add(Self::ANSWERED, is_answered);
            signs.add(Self::UNANSWERED, !is_answered);
        }
        signs
    }

    /// Those that count where the transport ended without one.
    pub(super) fn of_cut(case: &Case<'_>) -> Self {
        let mut signs = Self::of_both(case);
        signs.add(Self::TLS, case.facts.is_tls);
        for side in Side::BOTH {
            let SideFacts {
                violation,
                rst,
                tail,
                close_notify,
                fatal_alert,
                unanswered,
                habits,
                ..
            } = case.side(side);
            signs.add(Self::VIOLATION, violation.is_some());
            signs.add(Self::RST, rst.is_some());
            signs.add(Self::UNFINISHED, *tail != Tail::Boundary);
            signs.add(Self::TLS, close_notify.is_some() || fatal_alert.is_some());
            signs.add(Self::UNHEARD, unanswered.is_some());
            signs.add(Self::STALL, habits.has_stalled());
        }
        signs
    }

    fn of_both(case: &Case<'_>) -> Self {
        let mut signs = Self::NONE;
        let slack = timers::seconds(case.round_trip());
        let is_timed = timers::may_have_fired(&case.clocks, slack);
        signs.add(Self::UNCODED, case.code.is_none());
        signs.add(Self::BACK, case.facts.back.is_some());
        signs.add(Self::TIMED, is_timed);
        for side in Side::BOTH {
            let facts = case.side(side);
            signs.add(Self::PING, facts.pings.is_some());
            signs.add(Self::STUCK, facts.stuck.is_some());
        }
        signs
    }

    const fn add(&mut self, sign: Self, is_there: bool) {
        if is_there {
            self.0 |= sign.0;
        }
    }

    /// All of these are there.
    pub(super) const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }
}
