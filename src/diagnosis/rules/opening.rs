//! Openings that never became a WebSocket.

use super::Found;
use crate::diagnosis::case::{Case, span};
use crate::diagnosis::causes::status_advice;
use crate::http::Fault;
use crate::session::facts::Answer;
use crate::session::{Confidence, Evidence, Party, Side};

/// A key without an Upgrade: RFC 9110 §7.6.1, Upgrade goes hop by hop, and a proxy that does not
/// know it drops it.
pub(super) fn header_stripped(case: &Case<'_>) -> Option<Found> {
    let stripped = !case.facts.upgrade_asked && case.facts.request.is_some();
    let status = || match case.facts.answer {
        Answer::Refused(status) => format!(" It was answered with HTTP status {status}."),
        _ => String::new(),
    };
    stripped.then(|| {
        case.found("upgrade-header-stripped", Confidence::High, Party::Client)
            .why(|| format!("The request arrived without its Upgrade header, so something on the way removed it.{}", status()))
    })
}

/// RFC 6455 §4.1: any status but 101 is ordinary HTTP.
pub(super) fn refused(case: &Case<'_>) -> Option<Found> {
    let Answer::Refused(status) = case.facts.answer else {
        return None;
    };
    let found = case
        .found("upgrade-refused", Confidence::Certain, Party::Server)
        .why(|| {
            format!("The server answered the opening with HTTP status {status} instead of 101.")
        });
    Some(found.advise(|| status_advice(status)))
}

/// A server that wants TLS and is asked in plain text may say so in an alert (RFC 8446 §6).
pub(super) fn tls_port(case: &Case<'_>) -> Option<Found> {
    let Answer::TlsAlert(name) = case.facts.answer else {
        return None;
    };
    Some(
        case.found("plaintext-on-tls-port", Confidence::Certain, Party::Client).why(|| format!(
            "The client asked in plain HTTP, and the server answered with a TLS alert ({name}): it wants TLS."
        )),
    )
}

pub(super) fn not_http(case: &Case<'_>) -> Option<Found> {
    (case.facts.answer == Answer::NotHttp).then(|| {
        case.found("not-http", Confidence::Certain, Party::Server)
            .why(|| "The server answered the opening with something that is no HTTP.")
    })
}

/// RFC 6455 §4.1, the list at its end.
pub(super) fn mismatch(case: &Case<'_>) -> Option<Found> {
    let Answer::Switched(Some(fault)) = case.facts.answer else {
        return None;
    };
    let (name, what) = match fault {
        Fault::Upgrade => (
            "upgrade-bad-accept",
            "a 101 whose Upgrade header does not name websocket",
        ),
        Fault::Connection => (
            "upgrade-bad-accept",
            "a 101 whose Connection header does not name upgrade",
        ),
        Fault::Accept => (
            "upgrade-bad-accept",
            "a 101 whose Sec-WebSocket-Accept does not belong to the client's key",
        ),
        Fault::Extension => (
            "extension-mismatch",
            "an extension that the client had not offered",
        ),
        Fault::Subprotocol => (
            "subprotocol-mismatch",
            "a subprotocol that the client had not offered",
        ),
    };
    Some(
        case.found(name, Confidence::Certain, Party::Server)
            .why(|| format!("The server answered with {what}, and the client gave up.")),
    )
}

/// The request arrived (it was acknowledged), and nothing came back.
pub(super) fn unanswered(case: &Case<'_>) -> Option<Found> {
    let (packet, time) = case.facts.request?;
    let waited = case.cut_at()?.since(time);
    if case.facts.answer != Answer::None || case.cutter() != Some(Side::Client) {
        return None;
    }
    Some(
        case.found("upgrade-unanswered", Confidence::High, Party::Server)
            .why(|| {
                format!(
                    "The server never answered the opening; the client gave up after {}.",
                    span(waited)
                )
            })
            .show(|| Evidence {
                packet,
                time,
                from: Some(Side::Client),
                what: "opening request".into(),
            }),
    )
}

/// The server, or something in its name, ended the connection instead of answering.
pub(super) fn cut(case: &Case<'_>) -> Option<Found> {
    let waited = case
        .facts
        .request
        .zip(case.cut_at())
        .map(|((_, time), cut)| cut.since(time).max(0));
    let who = match case.cutter() {
        Some(Side::Client) => "client",
        _ => "server",
    };
    let why = || {
        let after = waited.map_or_else(String::new, |waited| {
            format!(" {} after the request", span(waited))
        });
        format!("The {who}'s side cut the connection{after}, before the opening was answered.")
    };
    let found = case.found("upgrade-cut", Confidence::High, Party::Server);
    Some(found.why(why))
}
