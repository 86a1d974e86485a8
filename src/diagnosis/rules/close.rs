//! Sessions that ended with a Close frame.

use std::borrow::Cow;

use super::{Found, broken, the, transport};
use crate::diagnosis::case::{Case, capital, evidence, span};
use crate::diagnosis::knowledge::{private_codes, sizes, timers};
use crate::diagnosis::order::{Order, order};
use crate::diagnosis::views::close_may_be_lost;
use crate::session::facts::SeenClose;
use crate::session::{Confidence, Evidence, Party, Side};
use crate::ws::{Body, Rule, close};

/// A first Close frame whose code is not in the capture.
pub(super) fn lost(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    if close.frame.body == Body::Lost {
        let found = case.found("capture-gap", Confidence::High, None);
        return Some(
            found
                .why(|| "Its code is in bytes that the capture does not hold.")
                .show(|| evidence(&close.mark, side, "Close, its body not captured")),
        );
    }
    case.code.is_none().then(|| {
        case.found("capture-gap", Confidence::High, None).why(|| format!(
            "Before that {} had sent bytes that the capture does not hold, and a Close fits into them.",
            the(side.other())
        ))
    })
}

/// RFC 6455 §7.1.7: an end that saw a violation fails the connection; 1002 and 1007 say so.
pub(super) fn violation(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    let culprit = side.other();
    let code = close.frame.code()?;
    if !matches!(code, 1002 | 1007) {
        return None;
    }
    let Some(violation) = case.side(culprit).violation else {
        let name = if code == 1007 {
            "text-not-utf8"
        } else {
            "protocol-error-unexplained"
        };
        return Some(
            case.found(name, Confidence::Low, Party::from(culprit))
                .why(|| "What it objected to is not to be seen in the capture."),
        );
    };
    // That a payload does not inflate here, its receiver need not have found.
    let confidence = if violation.rule == Rule::DeflateCorrupt {
        Confidence::High
    } else {
        Confidence::Certain
    };
    Some(
        case.found(
            transport::name(violation.rule),
            confidence,
            Party::from(culprit),
        )
        .why(|| format!("Before that {} {}.", the(culprit), violation.rule.broken()))
        .show(|| broken(culprit, &violation)),
    )
}

pub(super) fn message_too_big(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    if close.frame.code() != Some(1009) {
        return None;
    }
    let sender = side.other();
    let found = case.found("message-too-big", Confidence::Certain, Party::from(sender));
    let Some(frame) = case.side(sender).last_data_frame else {
        return Some(found);
    };
    let size = frame.before.saturating_add(frame.len);
    let facts = case.side(sender);
    let broke = facts
        .violation
        .filter(|violation| violation.rule == Rule::LengthMsb);
    let why = || match (broke, facts.inflated.last) {
        (Some(violation), _) => format!("Before that {} {}.", the(sender), violation.rule.broken()),
        // Limits count what an application gets.
        (None, Some(inflated)) => format!(
            "The last message of {} had {size} bytes or more on the wire, {inflated} or more inflated{}.",
            the(sender),
            limits_below(inflated, facts.largest_received())
        ),
        (None, None) => format!(
            "The last message of {} had {size} bytes or more{}.",
            the(sender),
            limits_below(size, facts.largest_received())
        ),
    };
    Some(found.why(why).show(|| Evidence {
        packet: frame.packet,
        time: frame.time,
        from: Some(sender),
        what: format!("{} frame of {} bytes", frame.opcode.name(), frame.len).into(),
    }))
}

/// Known limits that a message of this size breaks, and those that got through do not.
fn limits_below(size: u64, passed: u64) -> String {
    let passed = if passed < size { passed } else { 0 };
    let mut known = sizes::nearby(size, passed);
    known.next().map_or_else(String::new, |limit| {
        format!(
            "; the known limit just below that is {} bytes ({})",
            limit.bytes, limit.product
        )
    })
}

/// RFC 6455 §7.4: a code that may not be on the wire.
pub(super) fn illegal_code(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    (close.frame.fault == Some(Rule::BadCloseCode)).then(|| {
        case.found(
            "unassigned-close-code",
            Confidence::Certain,
            Party::from(side),
        )
        .why(|| "That code may not be sent; who receives it has to fail the connection.")
    })
}

/// Codes that name a fault themselves.
pub(super) fn error_code(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    let (sender, receiver) = (Party::from(side), Party::from(side.other()));
    let (name, culprit) = match close.frame.code()? {
        1003 => ("unsupported-data", receiver),
        1008 => ("policy-violation", receiver),
        1010 => ("mandatory-extension", receiver),
        1011 => ("internal-error", sender),
        1012 => ("service-restart", sender),
        1013 => ("try-again-later", sender),
        1014 => ("bad-gateway", sender),
        _ => return None,
    };
    let found = case.found(name, Confidence::Certain, culprit);
    let is_cut = || cut_after_close(case).or_else(|| unanswered(case));
    let why = || Some(is_cut()?.words?.why);
    Some(found.why(|| why().unwrap_or_default()))
}

/// Nobody answered the Close, and nothing says that an answer is only missing from the capture.
fn is_unanswered(case: &Case<'_>, side: Side) -> bool {
    let peer = case.side(side.other());
    peer.closes.is_empty()
        && peer.captured
        && !close_may_be_lost(side.other(), case.facts)
        && case.how().is_some()
}

/// The closer took the transport away at once: an answer could not come.
pub(super) fn cut_after_close(case: &Case<'_>) -> Option<Found> {
    let (side, facts, close) = case.first_close?;
    let end = case.ending.transport_end?;
    let own = facts
        .fin
        .or(facts.rst)
        .filter(|mark| mark.packet == end.packet && case.cutter() == Some(side))?;
    let prompt = end.time.since(close.mark.time) <= case.prompt();
    (is_unanswered(case, side) && prompt).then(|| {
        let (how, signal) = match facts.fin {
            Some(_) => ("ended TCP (FIN)", "FIN"),
            None => ("reset the connection (RST)", "RST"),
        };
        case.found(
            "cut-after-close-sent",
            Confidence::Certain,
            Party::from(side),
        )
        .why(|| format!("It {how} at once, so no answer could come."))
        .show(|| evidence(&own, side, signal))
    })
}

pub(super) fn unanswered(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    let end = case.ending.transport_end?;
    let waited = end.time.since(close.mark.time).max(0);
    let peer = side.other();
    if !is_unanswered(case, side) {
        return None;
    }
    let why = || match case.cutter() {
        _ if case.ending.is_silence => "Nothing came back any more.".to_owned(),
        Some(cutter) if cutter == peer => {
            format!("{} ended TCP instead of answering.", capital(the(peer)))
        }
        _ => format!(
            "{} ended TCP after {}{}.",
            capital(the(side)),
            span(waited),
            close_timeout(waited)
        ),
    };
    let found = case.found("close-unanswered", Confidence::Certain, Party::from(peer));
    Some(found.why(why))
}

/// Who is known to wait just so long for the answer to a Close.
#[expect(clippy::cast_precision_loss, reason = "seconds of a timer")]
fn close_timeout(waited: i64) -> String {
    let seconds = waited as f64 / 1e9;
    let mut known = timers::close_timeouts().filter(|timer| timer.fits(seconds, 0.0));
    known.next().map_or_else(String::new, |timer| {
        format!(", as {} does ({})", timer.product, timer.setting)
    })
}

/// RFC 6455 §7.1.5: Closes that cross may leave the ends with different codes.
pub(super) fn crossed(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    let other = case.side(side.other()).closes.first()?;
    (order(&close.mark, &other.mark) == Order::Crossed).then(|| {
        case.found("simultaneous-close", Confidence::Certain, None)
            .why(|| "The other side closed at the same time: the two Closes crossed on the way.")
            .show(|| evidence(&other.mark, side.other(), "Close that crossed it"))
    })
}

/// What the code says, and nothing more.
pub(super) fn plain(case: &Case<'_>) -> Option<Found> {
    let (side, _, close) = case.first_close?;
    let name = match (close.frame.code(), side) {
        (None, _) => "closed-without-code",
        (Some(1001), Side::Client) => "client-going-away",
        (Some(1001), Side::Server) => "server-going-away",
        (Some(code @ 3000..=4999), _) => {
            let found = case.found("application-close", Confidence::Certain, None);
            return Some(found.why(|| private_meaning(case, code, close).unwrap_or_default()));
        }
        _ => "closed-normal",
    };
    Some(case.found(name, Confidence::Certain, None))
}

/// What the service or subprotocol means by a code of its own.
fn private_meaning(case: &Case<'_>, code: u16, close: &SeenClose) -> Option<String> {
    let opening = &case.facts.opening;
    let known = private_codes::resolve(
        code,
        opening.subprotocol(),
        opening.host(),
        opening.path(),
        close.frame.reason().as_deref(),
    )?;
    let meaning = if known.meaning.is_empty() {
        String::new()
    } else {
        format!(": {}", known.meaning)
    };
    Some(format!(
        "In {} that is {}{meaning}.",
        known.service, known.name
    ))
}

/// The closing in words, before any why: who, with what, and whether it was answered.
pub(in crate::diagnosis) fn statement(case: &Case<'_>) -> Option<String> {
    let (side, _, close) = case.first_close?;
    let what = match (&close.frame.body, close.frame.code()) {
        (Body::Lost, _) => Cow::Borrowed("a Close frame"),
        (_, None) => "an empty Close (the API shows 1005)".into(),
        (_, Some(code)) => close::in_words(code).into(),
    };
    let peer = case.side(side.other());
    let first_signal = case.ending.closer;
    let answer = if first_signal == Some(Party::Both) {
        ""
    } else if first_signal == Some(side.other().into()) {
        // The other side had ended TCP before: the Close came too late to be seen.
        return Some(format!(
            "{} ended TCP first, without a Close; {}'s Close {what} came after that, too late to be read.",
            capital(the(side.other())),
            the(side)
        ));
    } else if !peer.closes.is_empty() {
        ", and was answered"
    } else if !peer.captured {
        "; whether it was answered was not captured"
    } else if close_may_be_lost(side.other(), case.facts) {
        "; whether it was answered lies in bytes that the capture does not hold"
    } else if case.how().is_some() {
        ", and got no Close back"
    } else {
        ""
    };
    let who = match side {
        Side::Client => "The client",
        Side::Server => "The server",
    };
    Some([who, " closed with ", &what, answer, "."].concat())
}
