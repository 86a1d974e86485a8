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
mod signs;
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
use signs::Signs;

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

/// In the order of decision, with the signs without which a rule never answers: a Close, and what
/// led to it.
const CLOSED: &[(Signs, Rule)] = &[
    (Signs::UNCODED, close::lost),
    (Signs::COMPLAINT, close::violation),
    (Signs::COMPLAINT, close::message_too_big),
    (Signs::BROKEN, close::illegal_code),
    (Signs::STUCK, ping::lost_on_the_way),
    (Signs::PING, ping::answered_but_closed),
    (Signs::PING, ping::unanswered),
    (Signs::PING, ping::late),
    (Signs::REASON, timer::known_reason),
    (Signs::COMPLAINT, close::error_code),
    (Signs::UNANSWERED, close::cut_after_close),
    (Signs::UNANSWERED, close::unanswered),
    (Signs::ANSWERED, close::crossed),
    (Signs::TIMED, timer::idle_close),
    (Signs::BACK, silence::suspended),
    (Signs::NONE, close::plain),
];

/// The end of a transport without a Close, from the most telling marks to the plain facts.
const CUT: &[(Signs, Rule)] = &[
    (Signs::VIOLATION, transport::violation),
    (Signs::UNCODED, transport::capture),
    (Signs::UNHEARD, icmp::unreachable),
    (Signs::STALL, silence::keep_alive_probes),
    (Signs::STALL, silence::zero_window),
    (Signs::UNHEARD, silence::vanished),
    (Signs::STUCK, silence::one_way_loss),
    (Signs::RST, reset::injected),
    (Signs::RST, reset::both_ways),
    (Signs::PING, ping::unanswered),
    (Signs::PING, ping::late),
    (Signs::BACK, silence::suspended),
    (Signs::UNFINISHED, transport::too_big),
    (Signs::UNFINISHED, transport::inside_frame),
    (Signs::NONE, transport::not_relayed),
    (Signs::RST, transport::unread_data),
    (Signs::RST, reset::stale),
    (Signs::VIOLATION, transport::unheeded_violation),
    (Signs::TIMED, timer::idle),
    (Signs::TLS, tls::alert),
    (Signs::TLS, tls::closed),
    (Signs::NONE, transport::mid_traffic),
    (Signs::NONE, transport::plain),
    (Signs::NONE, transport::answered_late),
    (Signs::TLS, tls::truncated),
];

/// Of an opening that failed.
const NOT_OPENED: &[(Signs, Rule)] = &[
    (Signs::NONE, connect::no_tunnel),
    (Signs::NONE, connect::refused),
    (Signs::NONE, connect::unreachable),
    (Signs::NONE, connect::unanswered),
    (Signs::NONE, opening::header_stripped),
    (Signs::NONE, opening::refused),
    (Signs::NONE, opening::tls_port),
    (Signs::NONE, opening::not_http),
    (Signs::NONE, opening::mismatch),
    (Signs::NONE, tls::alert),
    (Signs::NONE, icmp::unreachable),
    (Signs::NONE, silence::vanished),
    (Signs::NONE, opening::unanswered),
    (Signs::NONE, opening::cut),
];

/// Of a handshake of TLS that failed.
const SEALED: &[(Signs, Rule)] = &[
    (Signs::NONE, sealed::on_plaintext_port),
    (Signs::NONE, sealed::refused),
    (Signs::NONE, sealed::refused_unread),
    (Signs::NONE, silence::vanished),
    (Signs::NONE, sealed::cut),
];

/// Of TLS that cannot be read.
const OPAQUE: &[(Signs, Rule)] = &[(Signs::NONE, sealed::opaque)];

pub(super) use sealed::{is_mute, perhaps_closed};

/// The cause of a case, told as `detail` wants it.
pub(super) fn judge(case: &Case<'_>, detail: Detail) -> Found {
    let (rules, signs) = match case.ending.state {
        State::Open | State::Connecting => {
            return case.found("open-at-end-of-capture", Confidence::Certain, None);
        }
        State::Failed if case.facts.sealed.is_some() => (SEALED, Signs::NONE),
        State::Failed => (NOT_OPENED, Signs::NONE),
        State::Closed if case.facts.is_opaque() => (OPAQUE, Signs::NONE),
        State::Closing | State::Closed if case.ended_by_close() => (CLOSED, Signs::of_closed(case)),
        State::Closing | State::Closed => (CUT, Signs::of_cut(case)),
    };
    let may_answer = |&&(needed, rule): &&(Signs, Rule)| {
        let may_answer = signs.has(needed);
        debug_assert!(may_answer || rule(case).is_none(), "{needed:?} is missing");
        may_answer
    };
    let mut rules = rules.iter().filter(may_answer).map(|&(_, rule)| rule);
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
