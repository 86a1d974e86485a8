//! The rules: each looks at a case and says whether its cause is there. They are asked in the
//! order below; the first that answers gives the cause, and others that answer too are told as
//! what also fits, unless the first is certain.

pub(super) mod close;
mod connect;
pub(super) mod icmp;
mod opening;
mod ping;
mod reset;
mod sealed;
mod silence;
mod timer;
mod tls;
pub(super) mod transport;

use std::borrow::Cow;

use super::case::Case;
use super::views::close_may_be_lost;
use crate::session::facts::Answer;
use crate::session::facts::Violation;
use crate::session::{Confidence, Detail, Evidence, Party, Side, State};

/// A cause that fits, and how well.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Name of the cause, as in [`super::causes`].
    pub(super) name: &'static str,
    pub(super) confidence: Confidence,
    pub(super) culprit: Option<Party>,
    /// Where the case is to be told [in words](Case::in_words).
    pub(super) words: Option<Box<Words>>,
}

/// Why it fits.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// One sentence that says what shows it; may be empty.
    pub(super) why: Cow<'static, str>,
    /// Advice for this very case; else that of the cause.
    pub(super) advice: Option<Cow<'static, str>>,
    /// The packets that decide it.
    pub(super) evidence: Vec<Evidence>,
    /// Other causes that fit.
    pub(super) others: Vec<&'static str>,
}

impl Case<'_> {
    /// A cause that fits.
    fn found(
        &self,
        name: &'static str,
        confidence: Confidence,
        culprit: impl Into<Option<Party>>,
    ) -> Found {
        Found {
            name,
            confidence,
            culprit: culprit.into(),
            words: self.in_words.then(Box::default),
        }
    }
}

impl Found {
    fn why<W: Into<Cow<'static, str>>>(mut self, why: impl FnOnce() -> W) -> Self {
        if let Some(words) = &mut self.words {
            words.why = why().into();
        }
        self
    }

    fn advise<A: Into<Cow<'static, str>>>(mut self, advice: impl FnOnce() -> A) -> Self {
        if let Some(words) = &mut self.words {
            words.advice = Some(advice().into());
        }
        self
    }

    fn show(mut self, evidence: impl FnOnce() -> Evidence) -> Self {
        if let Some(words) = &mut self.words {
            words.evidence.push(evidence());
        }
        self
    }

    /// This fits as well.
    fn or(mut self, other: &'static str) -> Self {
        if let Some(words) = &mut self.words {
            words.others.push(other);
        }
        self
    }
}

type Rule = fn(&Case<'_>) -> Option<Found>;

/// In the order of decision: the opening; a Close, and what led to it; the end of a transport
/// without a Close, from the most telling marks to the plain facts.
const CLOSED: &[Rule] = &[
    close::lost,
    close::violation,
    close::message_too_big,
    close::illegal_code,
    ping::lost_on_the_way,
    ping::answered_but_closed,
    ping::unanswered,
    ping::late,
    timer::known_reason,
    close::error_code,
    close::cut_after_close,
    close::unanswered,
    close::crossed,
    timer::idle_close,
    silence::suspended,
    close::plain,
];

const CUT: &[Rule] = &[
    transport::violation,
    transport::capture,
    icmp::unreachable,
    silence::keep_alive_probes,
    silence::zero_window,
    silence::vanished,
    silence::one_way_loss,
    reset::injected,
    reset::both_ways,
    ping::unanswered,
    ping::late,
    silence::suspended,
    transport::too_big,
    transport::inside_frame,
    transport::not_relayed,
    transport::unread_data,
    reset::stale,
    transport::unheeded_violation,
    timer::idle,
    tls::alert,
    tls::closed,
    transport::mid_traffic,
    transport::plain,
    transport::answered_late,
    tls::truncated,
];

const NOT_OPENED: &[Rule] = &[
    connect::no_tunnel,
    connect::refused,
    connect::unreachable,
    connect::unanswered,
    opening::header_stripped,
    opening::refused,
    opening::tls_port,
    opening::not_http,
    opening::mismatch,
    tls::alert,
    icmp::unreachable,
    silence::vanished,
    opening::unanswered,
    opening::cut,
];

/// Of a handshake of TLS that failed.
const SEALED: &[Rule] = &[
    sealed::on_plaintext_port,
    sealed::refused,
    sealed::refused_unread,
    silence::vanished,
    sealed::cut,
];

/// Of TLS that cannot be read.
const OPAQUE: &[Rule] = &[sealed::opaque];

pub(super) use sealed::{is_mute, perhaps_closed};

/// The cause of a case, told as `detail` wants it.
pub(super) fn judge(case: &Case<'_>, detail: Detail) -> Found {
    let rules = match case.ending.state {
        State::Open | State::Connecting => {
            return case.found("open-at-end-of-capture", Confidence::Certain, None);
        }
        State::Failed if case.facts.sealed.is_some() => SEALED,
        State::Failed => NOT_OPENED,
        State::Closed if case.facts.is_opaque() => OPAQUE,
        State::Closing | State::Closed if case.ended_by_close() => CLOSED,
        State::Closing | State::Closed => CUT,
    };
    let mut rules = rules.iter();
    let mut found = match rules.find_map(|rule| Some((rule(case)?, rule))) {
        // Of all rules only the one that decides is asked for words.
        Some((found, rule)) if detail > Detail::Row => rule(&case.told_in_words()).unwrap_or(found),
        Some((found, _)) => found,
        None => case.found("capture-gap", Confidence::Low, None),
    };
    if opened_perhaps(case) {
        found.confidence = Confidence::Low;
    }
    if !is_settled(case) {
        found.confidence = found.confidence.min(Confidence::High);
    }
    if detail > Detail::Row && found.confidence != Confidence::Certain {
        let others = rules.filter_map(|rule| Some(rule(case)?.name));
        let name = found.name;
        let told = &mut found.words.get_or_insert_default().others;
        told.extend(others.filter(|other| *other != name));
        told.dedup();
    }
    found
}

/// What the first Close led to is in the capture, and it was the first one.
fn is_settled(case: &Case<'_>) -> bool {
    let Some((side, ..)) = case.first_close else {
        return true;
    };
    let peer = side.other();
    let is_known = case.ending.state == State::Closed && !close_may_be_lost(peer, case.facts);
    case.ending.closer.is_some() && (is_known || !case.side(peer).closes.is_empty())
}

/// A client must refuse this 101 (RFC 6455 §4.1), and nothing shows whether it did.
fn opened_perhaps(case: &Case<'_>) -> bool {
    matches!(case.facts.answer, Answer::Switched(Some(_)))
        && case.ending.state != State::Failed
        && !case.side(Side::Client).sent_frame
}

/// The packet in which a rule of RFC 6455 was broken.
fn broken(culprit: Side, violation: &Violation) -> Evidence {
    Evidence {
        packet: violation.packet,
        time: violation.time,
        from: Some(culprit),
        what: format!("violation: {}", violation.rule.name()).into(),
    }
}

/// `the client` or `the server`.
const fn the(side: Side) -> &'static str {
    match side {
        Side::Client => "the client",
        Side::Server => "the server",
    }
}
