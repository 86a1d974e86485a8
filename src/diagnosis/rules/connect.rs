//! Attempts that came to no request: the server could not be reached, or a proxy did not want it.

use std::borrow::Cow;

use super::{Found, icmp};
use crate::diagnosis::case::{Case, span};
use crate::diagnosis::causes::status_advice;
use crate::session::facts::{At, Unconnected};
use crate::session::{Confidence, Evidence, Party, Side};

/// Why an attempt without a request is told at all.
const ELSEWHERE: &str = " Others in the capture ask for a WebSocket there.";

fn shown((packet, time): At, from: Side, what: impl Into<Cow<'static, str>>) -> Evidence {
    Evidence {
        packet,
        time,
        from: Some(from),
        what: what.into(),
    }
}

/// RFC 9293 §3.10.7.1: a host where nothing listens answers a SYN with a RST.
pub(super) fn refused(case: &Case<'_>) -> Option<Found> {
    let Some(Unconnected::Syn {
        last,
        reset: Some(reset),
        ..
    }) = case.facts.unconnected
    else {
        return None;
    };
    Some(
        case.found("connect-refused", Confidence::Certain, Party::Server)
            .why(|| format!(
                "The server refused the connection: its address answered the SYN with a RST.{ELSEWHERE}"
            ))
            .show(|| shown(last, Side::Client, "SYN"))
            .show(|| shown(reset, Side::Server, "RST")),
    )
}

/// RFC 792, RFC 4443: something on the way, or the host, said that it cannot be reached.
pub(super) fn unreachable(case: &Case<'_>) -> Option<Found> {
    let Some(Unconnected::Syn { last, .. }) = case.facts.unconnected else {
        return None;
    };
    let icmp = case.facts.icmp.as_ref()?;
    let says = icmp::in_words(icmp)?;
    Some(
        case.found("icmp-unreachable", Confidence::Certain, Party::Network)
            .why(|| {
                format!(
                    "The client could not connect: {} answered its SYN with {says}.{ELSEWHERE}",
                    icmp.reporter
                )
            })
            .show(|| shown(last, Side::Client, "SYN"))
            .show(|| icmp::evidence(icmp, &says)),
    )
}

/// RFC 9293 §3.8.1: a SYN that is repeated and never answered.
pub(super) fn unanswered(case: &Case<'_>) -> Option<Found> {
    let Some(Unconnected::Syn {
        sent,
        last,
        reset: None,
    }) = case.facts.unconnected
    else {
        return None;
    };
    let times = || match sent {
        1 => "once".to_owned(),
        _ => {
            let since = case.facts.begun.map_or(0, |begun| last.1.since(begun));
            format!("{sent} times in {}", span(since))
        }
    };
    // Who sends it once only gave up sooner than TCP does, or is no TCP.
    let confidence = if sent == 1 {
        Confidence::Medium
    } else {
        Confidence::Certain
    };
    Some(
        case.found("syn-unanswered", confidence, Party::Network)
            .why(|| format!(
                "The client could not connect: it sent its SYN {}, and nothing came back.{ELSEWHERE}",
                times()
            ))
            .show(|| shown(last, Side::Client, "last SYN, never answered")),
    )
}

/// RFC 9110 §9.3.6: any status but 2xx, and there is no tunnel.
pub(super) fn no_tunnel(case: &Case<'_>) -> Option<Found> {
    let Some(Unconnected::Tunnel {
        target,
        status,
        asked,
        answered,
    }) = &case.facts.unconnected
    else {
        return None;
    };
    Some(
        case.found("proxy-connect-refused", Confidence::Certain, Party::Server)
            .why(|| format!(
                "The proxy answered CONNECT {target} with HTTP status {status} instead of opening a tunnel."
            ))
            .advise(|| tunnel_advice(*status))
            .show(|| shown(*asked, Side::Client, "CONNECT"))
            .show(|| shown(
                *answered,
                Side::Server,
                format!("the proxy's answer: HTTP status {status}"),
            )),
    )
}

fn tunnel_advice(status: u16) -> String {
    match status {
        407 => "Log in to the proxy: set its user and password in the client.".to_owned(),
        403 | 405 => "Have the host and port allowed at the proxy, or go past it.".to_owned(),
        502..=504 => {
            "The proxy could not reach the server: look at name, port and firewall from there."
                .to_owned()
        }
        _ => status_advice(status).to_owned(),
    }
}
