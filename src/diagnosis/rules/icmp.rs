//! What routers and hosts say of packets that they cannot deliver (RFC 792, RFC 4443).

use std::net::IpAddr;

use super::{Found, the};
use crate::diagnosis::case::Case;
use crate::diagnosis::ending::SILENCE_SENDS;
use crate::session::facts::{IcmpMeaning, IcmpSeen};
use crate::session::{Confidence, Evidence, Party};

/// The error in words, with type and code; `None` where it is none of these.
pub(in crate::diagnosis) fn in_words(icmp: &IcmpSeen) -> Option<String> {
    let IcmpSeen {
        reporter,
        kind,
        code,
        ..
    } = *icmp;
    let (name, what) = match (reporter, kind, code) {
        (IpAddr::V4(_), 3, 0 | 6 | 11) => ("ICMP", "network unreachable"),
        (IpAddr::V4(_), 3, 1 | 7 | 8 | 12) => ("ICMP", "host unreachable"),
        (IpAddr::V4(_), 3, 2) => ("ICMP", "protocol unreachable"),
        (IpAddr::V4(_), 3, 3) => ("ICMP", "port unreachable"),
        (IpAddr::V4(_), 3, 4) => ("ICMP", "packet too large for the path (MTU)"),
        (IpAddr::V4(_), 3, 9 | 10 | 13) => ("ICMP", "administratively prohibited"),
        (IpAddr::V4(_), 3, _) => ("ICMP", "unreachable"),
        (IpAddr::V4(_), 11, _) => ("ICMP", "time to live exceeded (a loop of routers)"),
        (IpAddr::V6(_), 1, 0) => ("ICMPv6", "no route"),
        (IpAddr::V6(_), 1, 1 | 5) => ("ICMPv6", "administratively prohibited"),
        (IpAddr::V6(_), 1, 3) => ("ICMPv6", "address unreachable"),
        (IpAddr::V6(_), 1, 4) => ("ICMPv6", "port unreachable"),
        (IpAddr::V6(_), 1, _) => ("ICMPv6", "unreachable"),
        (IpAddr::V6(_), 2, _) => ("ICMPv6", "packet too large for the path (MTU)"),
        (IpAddr::V6(_), 3, _) => ("ICMPv6", "hop limit exceeded (a loop of routers)"),
        _ => return None,
    };
    Some(format!("{name} {what} (type {kind}, code {code})"))
}

pub(super) fn evidence(icmp: &IcmpSeen, says: &str) -> Evidence {
    Evidence {
        packet: icmp.packet,
        time: icmp.time,
        from: None,
        what: format!("{says}, from {}", icmp.reporter).into(),
    }
}

/// What a side had sent came back as undeliverable, and nothing was heard of its peer any more.
/// RFC 1122 §4.2.3.9: an error that may pass ends no connection, so it has to have lasted until
/// TCP had tried again and again.
pub(super) fn unreachable(case: &Case<'_>) -> Option<Found> {
    let icmp = case.facts.icmp.as_ref()?;
    let side = icmp.quoted;
    let facts = case.side(side);
    // Anything that its peer sent since would have cleared this.
    let (times, _) = facts.unanswered?;
    let is_undelivered = icmp.offset >= facts.acked;
    let is_over = match icmp.meaning()? {
        IcmpMeaning::Hard => case.ending.is_silence || case.cutter() == Some(side),
        IcmpMeaning::Soft | IcmpMeaning::TooBig => times >= SILENCE_SENDS,
    };
    let says = in_words(icmp)?;
    (is_undelivered && is_over).then(|| {
        case.found("icmp-unreachable", Confidence::High, Party::Network)
            .why(|| {
                format!(
                    "What {} sent came back from {}: {says}.",
                    the(side),
                    icmp.reporter
                )
            })
            .show(|| evidence(icmp, &says))
    })
}
