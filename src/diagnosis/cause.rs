//! Which cause the facts show. One arm a cause; the names are those of [`super::causes`].

use super::ending::Ending;
use super::views::close_may_be_lost;
use crate::http::Fault;
use crate::session::facts::{Answer, Facts, SeenClose, Violation};
use crate::session::{Confidence, EndKind, Party, Side, State};
use crate::ws::{Body, Rule};

/// A cause, and how sure it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) name: &'static str,
    pub(super) confidence: Confidence,
    pub(super) culprit: Option<Party>,
    /// The broken rule that it rests on, and whose.
    pub(super) violation: Option<(Side, Violation)>,
}

impl Found {
    const fn new(name: &'static str, confidence: Confidence, culprit: Option<Party>) -> Self {
        Self {
            name,
            confidence,
            culprit,
            violation: None,
        }
    }
}

pub(super) fn cause(facts: &Facts, ending: &Ending, code: Option<u16>) -> Found {
    match ending.state {
        State::Open | State::Connecting => {
            Found::new("open-at-end-of-capture", Confidence::Certain, None)
        }
        State::Failed => not_opened(facts),
        State::Closing | State::Closed => match ending.first_close {
            Some(side) => closed(facts, ending, side),
            None => no_close(facts, ending, code),
        },
    }
}

fn not_opened(facts: &Facts) -> Found {
    let server = Some(Party::Server);
    let certain = |name| Found::new(name, Confidence::Certain, server);
    match facts.answer {
        // RFC 9110 §7.6.1: Upgrade goes hop by hop; a proxy that does not know it drops it.
        _ if !facts.upgrade_asked => Found::new(
            "upgrade-header-stripped",
            Confidence::High,
            Some(Party::Client),
        ),
        Answer::Refused(_) => certain("upgrade-refused"),
        Answer::NotHttp => certain("not-http"),
        Answer::Switched(Some(Fault::Extension)) => certain("extension-mismatch"),
        Answer::Switched(Some(Fault::Subprotocol)) => certain("subprotocol-mismatch"),
        Answer::Switched(_) | Answer::Lost => certain("upgrade-bad-accept"),
        // Who gave up waiting is not who let them wait.
        Answer::None if facts.sides.client.fin.is_some() || facts.sides.client.rst.is_some() => {
            let server_first = facts.sides.server.fin.is_some() || facts.sides.server.rst.is_some();
            Found::new(
                if server_first {
                    "upgrade-cut"
                } else {
                    "upgrade-unanswered"
                },
                Confidence::High,
                server,
            )
        }
        Answer::None => Found::new("upgrade-cut", Confidence::High, server),
    }
}

/// Ended by a Close frame of `side`.
fn closed(facts: &Facts, ending: &Ending, side: Side) -> Found {
    use Confidence::{Certain, High, Low};
    let own = &facts.sides[side];
    let peer = &facts.sides[side.other()];
    let Some(close) = own
        .closes
        .iter()
        .find(|close| !matches!(close.frame.body, Body::OneByte))
    else {
        return Found::new("capture-gap", Low, None);
    };
    let sender = Some(Party::from(side));
    let receiver = Some(Party::from(side.other()));
    let answered = !peer.closes.is_empty();
    let unanswered =
        !answered && ending.transport_end.is_some() && !close_may_be_lost(side.other(), peer);
    let found = |name, culprit| Found::new(name, Certain, culprit);
    match (&close.frame.body, close.frame.code()) {
        (Body::Lost, _) => Found::new("capture-gap", High, None),
        (_, Some(1002 | 1007)) if peer.violation.is_some() => {
            violated(side.other(), peer.violation, Certain)
        }
        (_, Some(1007)) => found("text-not-utf8", receiver),
        (_, Some(1002)) => Found::new("protocol-error-unexplained", Low, receiver),
        _ if close.frame.fault == Some(Rule::BadCloseCode) => {
            found("unassigned-close-code", sender)
        }
        (_, Some(1009)) => found("message-too-big", receiver),
        (_, Some(1003)) => found("unsupported-data", receiver),
        (_, Some(1010)) => found("mandatory-extension", receiver),
        (_, Some(1008)) => found("policy-violation", receiver),
        (_, Some(1011)) => found("internal-error", sender),
        (_, Some(1012)) => found("service-restart", sender),
        (_, Some(1013)) => found("try-again-later", sender),
        (_, Some(1014)) => found("bad-gateway", sender),
        (_, Some(3000..=4999)) => found("application-close", None),
        _ if unanswered => found("close-unanswered", receiver),
        _ if crossed(close, peer.closes.first()) => found("simultaneous-close", None),
        (_, Some(1001)) if side == Side::Client => found("client-going-away", None),
        (_, Some(1001)) => found("server-going-away", None),
        (Body::Empty, _) => found("closed-without-code", None),
        _ => found("closed-normal", None),
    }
}

fn crossed(one: &SeenClose, other: Option<&SeenClose>) -> bool {
    use super::order::{Order, order};
    other.is_some_and(|other| order(&one.mark, &other.mark) == Order::Crossed)
}

fn violated(by: Side, violation: Option<Violation>, confidence: Confidence) -> Found {
    let name = match violation.map(|violation| violation.rule) {
        Some(Rule::TextNotUtf8) => "text-not-utf8",
        _ => "protocol-violation",
    };
    Found {
        violation: violation.map(|violation| (by, violation)),
        ..Found::new(name, confidence, Some(by.into()))
    }
}

/// Ended without a Close frame, or with none that can be read.
fn no_close(facts: &Facts, ending: &Ending, code: Option<u16>) -> Found {
    let broke = Side::BOTH.into_iter().find_map(|side| {
        let violation = facts.sides[side].violation?;
        Some((side, violation))
    });
    // A side that ends the transport right after its peer broke a rule fails the connection
    // (RFC 6455 §7.1.7); the Close that it may send with it is left out by some.
    if let Some((side, violation)) = broke
        && ending.closer != Some(side.into())
    {
        return violated(side, Some(violation), Confidence::Medium);
    }
    if code.is_none() {
        let began_late = facts.request.is_none() && facts.answered.is_none();
        return Found::new(
            if began_late {
                "begins-mid-stream"
            } else {
                "capture-gap"
            },
            Confidence::Low,
            None,
        );
    }
    match ending.transport_end.map(|end| end.how) {
        Some(EndKind::Fin) => Found::new("fin-without-close", Confidence::Certain, ending.closer),
        Some(EndKind::Rst) => Found::new("rst-without-close", Confidence::Certain, ending.closer),
        Some(EndKind::Silence) => Found::new("silence", Confidence::High, Some(Party::Network)),
        None => Found::new("capture-gap", Confidence::Low, None),
    }
}
