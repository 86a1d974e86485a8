//! TLS of which nothing could be read: why a handshake failed, and what else it shows.

use super::{Found, the};
use crate::diagnosis::case::{Case, capital, evidence, span};
use crate::session::facts::{Facts, Mark};
use crate::session::{Confidence, EndKind, Evidence, Party, Side};
use crate::tcp::Origin;
use crate::tls::{ENCRYPTED_ALERT, ENCRYPTED_RECORD, Outline, Sealed, Unread};

/// The server answered a ClientHello with HTTP.
pub(super) fn on_plaintext_port(case: &Case<'_>) -> Option<Found> {
    let http = outline(case, Side::Server)?.http?;
    Some(
        case.found(
            "tls-on-plaintext-port",
            Confidence::Certain,
            Party::Client,
        )
        .why(|| "The client began with TLS, and the server answered in plain HTTP: this port knows no TLS.")
        .show(|| Evidence {
            packet: http.packet,
            time: http.time,
            from: Some(Side::Server),
            what: "answer in plain HTTP".into(),
        }),
    )
}

/// A fatal alert in the handshake (RFC 8446 §6.2): who presented what it complains of is to blame.
pub(super) fn refused(case: &Case<'_>) -> Option<Found> {
    let first = |side: Side| Some((side, case.side(side).fatal_alert?));
    // An alert that answers the other side's end complains of that end; and a server that said
    // nothing gave no cause for any other.
    let is_answer = |&(side, (_, mark)): &(Side, (&str, Mark))| {
        let is_behind = case.ending.transport_end.is_some_and(|end| {
            end.from == side.other().into() && (end.time, end.packet) < (mark.time, mark.packet)
        });
        is_behind || side == Side::Client && is_mute(case.facts)
    };
    let told = Side::BOTH.into_iter().filter_map(first);
    let told = told.filter(|told| !is_answer(told));
    let (by, (name, _)) = told.min_by_key(|(_, (_, mark))| (mark.time, mark.packet))?;
    let why = || {
        let after = last(case, by.other())
            .map(|(what, _)| format!(" after the {}'s {what}", by.other().name()))
            .unwrap_or_default();
        let by = capital(the(by));
        format!("{by} refused the TLS handshake{after}: {name}.")
    };
    let culprit = culprit(by, name);
    let found = case
        .found("tls-alert", Confidence::Certain, culprit)
        .why(why);
    Some(match alert_advice(name) {
        Some(advice) => found.advise(|| advice),
        None => found,
    })
}

/// The server said nothing in TLS that is in the capture, and the client sent an alert: what that
/// answers, a FIN, say, is not in the capture or comes behind it there.
pub(in crate::diagnosis) fn is_mute(facts: &Facts) -> bool {
    let is_mute = |sealed: &Sealed| {
        let server = sealed.client.map(|client| &sealed.outlines[client.other()]);
        server.is_some_and(|server| server.first.is_none() && server.http.is_none())
    };
    facts.sides.client.fatal_alert.is_some() && facts.sealed.as_deref().is_some_and(is_mute)
}

/// Who is to blame for what an alert says: who sent what its sender did not take, but where the
/// sender says that the fault is its own.
fn culprit(by: Side, alert: &str) -> Option<Party> {
    match alert {
        "internal_error" | "user_canceled" => Some(by.into()),
        // A server lacks nothing of its own when a name is not known to it; records that do not
        // open may have been changed on the way.
        "bad_record_mac" | "decryption_failed" => None,
        _ => Some(by.other().into()),
    }
}

fn alert_advice(alert: &str) -> Option<&'static str> {
    Some(match alert {
        "unknown_ca" | "bad_certificate" | "certificate_unknown" | "unsupported_certificate" => {
            "Its sender does not trust the certificate of the other side: send the whole chain, \
             with the intermediate certificates; use a name that stands in it; or install the CA \
             at the side that refuses. In a browser, visit the https address of the host: it \
             tells more there."
        }
        "certificate_expired" => {
            "Renew the certificate, and check the clock of the side that complains."
        }
        "certificate_required" | "no_certificate" => {
            "The server wants a certificate of the client: give the client one, or stop asking \
             for it on this path."
        }
        "access_denied" => "The certificate is valid, and not admitted: check who may connect.",
        "unrecognized_name" => {
            "The server knows no site of the name in SNI: correct the host name, or add it there."
        }
        "handshake_failure" | "insufficient_security" | "protocol_version" => {
            "The two have no version or cipher in common: one of them is too old, or too strict."
        }
        "no_application_protocol" => {
            "Offer http/1.1 in ALPN at the client, or allow it at the server."
        }
        _ => return None,
    })
}

/// The same by an alert that is encrypted: in TLS 1.3 all that a client says behind the server's
/// certificate is.
pub(super) fn refused_unread(case: &Case<'_>) -> Option<Found> {
    let sealed = case.facts.sealed.as_deref()?;
    let (_, mark) = last(case, Side::Client).filter(|_| sealed.hidden_alert)?;
    Some(
        case.found("tls-alert", Confidence::High, Party::Server)
            .why(||
                "The client refused the TLS handshake after it had seen the server's certificate: its \
                 only encrypted record is shorter than any but an alert. Most often it does not \
                 trust the certificate.",
            )
            .advise(||
                "Read the capture with the key log of the client or the server: then the alert can \
                 be read. Or look at what the client logged.",
            )
            .show(|| evidence(&mark, Side::Client, "encrypted alert (by its length)")),
    )
}

/// The connection ended inside the handshake, and nobody said why in a way that can be read.
pub(super) fn cut(case: &Case<'_>) -> Option<Found> {
    case.facts.sealed.as_ref()?;
    let cutter = case.cutter();
    let by = cutter.map_or("something between the two", the);
    // What came behind the end did not lead to it.
    let is_before = |mark: &Mark| {
        let end = case.ending.transport_end;
        end.is_none_or(|end| (mark.time, mark.packet) <= (end.time, end.packet))
    };
    let shown = Side::BOTH
        .into_iter()
        .filter_map(|side| {
            let both = [last(case, side)?, first(case, side)?];
            Some((side, both.into_iter().find(|(_, mark)| is_before(mark))?))
        })
        .max_by_key(|(_, (_, mark))| (mark.time, mark.packet));
    let server_spoke = outline(case, Side::Server).is_some_and(|server| server.last.is_some());
    let (why, culprit) = match cutter {
        Some(Side::Client) if server_spoke => (
            "It had seen the server's certificate, and gave up without an alert: most often it \
             does not trust it.",
            Some(Party::Server),
        ),
        Some(Side::Client) => ("It gave up before the server said anything.", None),
        Some(Side::Server) if server_spoke => ("", Some(Party::Server)),
        Some(Side::Server) if shown.is_none() => (
            "It, or a box in its name, takes no connections now, or none of this client.",
            Some(Party::Server),
        ),
        Some(Side::Server) => (
            "The server said nothing in TLS: it has no version, cipher or name in common with the \
             client and does not say so, a box on the way filters the name, or this port speaks \
             no TLS.",
            Some(Party::Server),
        ),
        None => ("", Some(Party::Network)),
    };
    let how = match case.how() {
        Some(EndKind::Fin) => "ended TCP (FIN)",
        Some(EndKind::CloseNotify) => "ended TLS (close_notify)",
        Some(EndKind::Alert) => "ended TLS with a fatal alert",
        Some(EndKind::Rst) => "reset the connection (RST)",
        _ => "was heard of no more",
    };
    let sentence = || {
        let place = match &shown {
            Some((side, (what, _))) => {
                let side = side.name();
                format!("inside of the TLS handshake, right behind the {side}'s {what}")
            }
            None => "before the TLS handshake".to_owned(),
        };
        let sentence = format!("{} {how} {place}. {why}", capital(by));
        sentence.trim_end().to_owned()
    };
    let found = case.found("tls-handshake-cut", Confidence::High, culprit);
    let found = found.why(sentence);
    Some(match &shown {
        Some((side, (what, mark))) => {
            found.show(|| evidence(mark, *side, format!("the last of TLS: {what}")))
        }
        None => found,
    })
}

/// Whatever TLS shows of a connection that nobody can read.
pub(super) fn opaque(case: &Case<'_>) -> Option<Found> {
    let sealed = case.facts.sealed.as_deref()?;
    let alert = last_alert(sealed, case);
    let why = || {
        let mut why = vec![ended(case)];
        why.extend(
            Side::BOTH
                .into_iter()
                .filter_map(|side| records(case, side)),
        );
        if let Some((by, alert)) = alert.as_ref().and_then(|alert| Some((alert.from?, alert))) {
            why.push(format!("At the end {} first sent {}.", the(by), alert.what));
        }
        why.extend(closing_sizes(sealed, case));
        if sealed.offered.len() == 1 && sealed.offered.iter().any(|name| name == "http/1.1") {
            let hint = "The client offered http/1.1 only (ALPN), as browsers do for WebSockets.";
            why.push(hint.to_owned());
        }
        why.join(" ")
    };
    let mut found = case.found("tls-opaque", Confidence::Low, None).why(why);
    if let Some(alert) = alert {
        found = found.show(|| alert);
    }
    Some(match sealed.unread {
        Some(Unread::Suite(_) | Unread::Version(_)) => found.advise(|| {
            "Its cipher or version cannot be read, even with keys: capture where it is plain, \
             such as behind the proxy that ends TLS."
        }),
        _ => found,
    })
}

/// What ended it, in words.
fn ended(case: &Case<'_>) -> String {
    let by = case.cutter().map_or("something between the two", the);
    let quiet = case.clocks.either.map_or_else(String::new, |quiet| {
        format!(", {} after the last byte of either side", span(quiet))
    });
    let how = match case.how() {
        Some(EndKind::Fin) => "ended TCP (FIN)",
        Some(EndKind::Rst) => "reset the connection (RST)",
        Some(EndKind::CloseNotify) => "ended TLS (close_notify)",
        Some(EndKind::Alert) => "ended TLS with a fatal alert",
        Some(EndKind::Silence) | None => {
            return "Nothing was answered any more. What was in it cannot be read.".to_owned();
        }
    };
    format!(
        "{} {how}{quiet}; what was in it cannot be read.",
        capital(by)
    )
}

/// How many records an end sent.
fn records(case: &Case<'_>, side: Side) -> Option<String> {
    let outline = outline(case, side).filter(|outline| outline.records > 0)?;
    let last = outline.lengths[0].map_or_else(String::new, |last| {
        if outline.records > 1 {
            format!(", the last one of {last}")
        } else {
            String::new()
        }
    });
    let plural = if outline.records == 1 { "" } else { "s" };
    Some(format!(
        "{} sent {} encrypted record{plural} of {} bytes{last}.",
        capital(the(side)),
        outline.records,
        outline.bytes
    ))
}

/// The end that first sent what is, or by its size may be, an alert: with nothing behind it, most
/// likely a close_notify.
fn last_alert(sealed: &Sealed, case: &Case<'_>) -> Option<Evidence> {
    let alert = |side| {
        let outline = outline(case, side)?;
        let (what, origin) = outline.last?;
        let is_alert =
            what == ENCRYPTED_ALERT || what == ENCRYPTED_RECORD && has_alert_size(outline, sealed);
        is_alert.then_some(Evidence {
            packet: origin.packet,
            time: origin.time,
            from: Some(side),
            what: if what == ENCRYPTED_ALERT {
                "an encrypted alert of TLS".into()
            } else {
                "a record of the size of a TLS alert".into()
            },
        })
    };
    Side::BOTH
        .into_iter()
        .filter_map(alert)
        .min_by_key(|alert| (alert.time, alert.packet))
}

fn has_alert_size(outline: &Outline, sealed: &Sealed) -> bool {
    let length = outline.lengths[0];
    length.is_some() && length == sealed.overhead.map(|overhead| overhead + 2)
}

/// A Close may have been the first signal in what cannot be read: the transport ended in order,
/// right behind the last bytes of an end.
pub(in crate::diagnosis) fn perhaps_closed(case: &Case<'_>) -> bool {
    case.facts.is_opaque() && case.how() != Some(EndKind::Rst) && case.idle() <= case.prompt()
}

/// The last records of both ends are as long as a Close frame and its echo (RFC 6455 §5.5.1).
fn closing_sizes(sealed: &Sealed, case: &Case<'_>) -> Option<String> {
    let overhead = sealed.overhead?;
    let plain = |side| {
        let lengths = outline(case, side)?.lengths;
        let [last, before] = lengths.map(|length| length?.checked_sub(overhead));
        // Two bytes are an alert, as TLS 1.3 has them at the end: the last data stands before.
        if last == Some(2) { before } else { last }
    };
    let (client, server) = (plain(Side::Client)?, plain(Side::Server)?);
    // A server's header has two bytes, a client's six; codes have two, reasons up to 123.
    let is_close = matches!(server, 4..=127) && client == server + 4;
    is_close.then(|| {
        "The last records of both have the sizes of a Close frame and its echo: perhaps it was a \
         WebSocket that was closed in order (a hint, no more)."
            .to_owned()
    })
}

fn outline<'a>(case: &Case<'a>, side: Side) -> Option<&'a Outline> {
    let sealed = case.facts.sealed.as_deref()?;
    let client = sealed.client?;
    Some(match side {
        Side::Client => &sealed.outlines[client],
        Side::Server => &sealed.outlines[client.other()],
    })
}

/// The last record of an end: what it is, and its packet.
fn last(case: &Case<'_>, side: Side) -> Option<(&'static str, Mark)> {
    Some(marked(outline(case, side)?.last?))
}

/// The first one.
fn first(case: &Case<'_>, side: Side) -> Option<(&'static str, Mark)> {
    Some(marked(outline(case, side)?.first?))
}

fn marked((what, origin): (&'static str, Origin)) -> (&'static str, Mark) {
    let mark = Mark {
        start: 0,
        end: 0,
        heard: None,
        packet: origin.packet,
        time: origin.time,
    };
    (what, mark)
}
