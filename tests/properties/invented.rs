//! What may be told of a capture that lost something: less than of the whole one, never
//! something else.

use std::fmt::{Debug, Display};
use std::net::SocketAddr;

use hangup::session::{Captured, Close, Confidence, Session, View};

use crate::capture::Packet;
use crate::known::Known;
use crate::told::told;

/// What a capture that lost something cannot know, by fixture and by what is told: with the reason
/// why nothing in the rest can show it.
const UNKNOWABLE: [(&str, &[&str], &str); 15] = [
    (
        "close-simultaneous",
        &["code", "closer"],
        "of two Closes that crossed the client's counts as the first, of one that is left that one",
    ),
    (
        "close-answer-differs",
        &["code"],
        "the lost Close is as long as the echo of the other would be",
    ),
    (
        "fin-answered-by-close",
        &["code"],
        "the Close came after the FIN of its receiver, which acknowledged it with nothing but a RST",
    ),
    (
        "forged-reset-both",
        &["closer"],
        "that a RST is forged shows only by the one to the other end",
    ),
    (
        "forged-reset-client",
        &["closer"],
        "that a RST is forged shows only by what its alleged sender sends after it",
    ),
    ("illegal-close-client", ILLEGAL, ILLEGAL_WHY),
    ("illegal-close-server", ILLEGAL, ILLEGAL_WHY),
    ("loss-far", HEALED, HEALED_WHY),
    ("loss-near", HEALED, HEALED_WHY),
    ("outage-that-heals", HEALED, HEALED_WHY),
    (
        "port-reuse",
        &[
            "session",
            "code",
            "closer",
            "clean",
            "view code",
            "view clean",
            "cause",
            "Close",
        ],
        "without the SYN between them two connections on the same ports are one",
    ),
    ("suspended-client", HEALED, HEALED_WHY),
    (
        "violations-server-undici",
        &["roles"],
        "a server that masks, alone in the capture, is what a client is",
    ),
    (
        "violations-client-ws",
        &["roles"],
        "a client that does not mask, alone in the capture, is what a server is",
    ),
    (
        "violations-server-ws",
        &["roles"],
        "a server that masks, alone in the capture, is what a client is",
    ),
];

const ILLEGAL: &[&str] = &["code", "closer", "clean", "view code", "view clean"];
const ILLEGAL_WHY: &str = "a Close that may not be sent is not looked for in holes";

const HEALED: &[&str] = &["code", "closer", "clean", "view code", "view clean"];
const HEALED_WHY: &str = "an outage that heals is a silence to a capture that ends in it";

/// Causes that only say what the packets that are left show.
const CONSEQUENCES: [&str; 1] = [
    // Nothing after the last packet is in the capture, whatever there was.
    "open-at-end-of-capture",
];

/// Something that is told and is not true: what kind of thing, and the particulars.
type Untruth = (&'static str, String);

/// What is told of `packets`, which are what is left of `known`, and is not true; empty if all is.
pub(crate) fn invented(known: &Known, packets: &[Packet]) -> Vec<String> {
    let mut untruths = Vec::new();
    let mut whole: Vec<&Session> = known.sessions.iter().collect();
    for session in told(packets, &known.keys) {
        // Of several sessions on the same ports it is the one that explains most.
        let best = (0..whole.len())
            .filter(|&number| ends(whole[number]) == ends(&session))
            .map(|number| (compare(whole[number], &session), number))
            .min_by_key(|(untruths, _)| untruths.len());
        match best {
            Some((found, number)) => {
                untruths.extend(found);
                whole.swap_remove(number);
            }
            None => untruths.push(("session", in_short(&session))),
        }
    }
    untruths.retain(|(kind, _)| {
        !UNKNOWABLE
            .iter()
            .any(|(name, kinds, _)| *name == known.case.name && kinds.contains(kind))
    });
    untruths
        .into_iter()
        .map(|(kind, text)| format!("{kind}: {text}"))
        .collect()
}

/// Without their roles: which end opened the session may be what was lost.
fn ends(session: &Session) -> [SocketAddr; 2] {
    let mut ends = [session.client, session.server];
    ends.sort();
    ends
}

/// What `told` says and `whole` does not.
fn compare(whole: &Session, told: &Session) -> Vec<Untruth> {
    if whole.client != told.client {
        return vec![("roles", in_short(told))];
    }
    let mut untruths = Vec::new();
    let mut check = |kind, whole: Option<String>, told_as: Option<String>| {
        if told_as.is_some() && told_as != whole {
            let text = format!("{told_as:?}, not {whole:?}\n  {}", in_short(told));
            untruths.push((kind, text));
        }
    };
    let (one, other) = (&whole.verdict, &told.verdict);
    // Of one direction alone, who ends it is told as the closer, and to have been heard.
    let both = told.captured == Captured::Both;
    if both {
        check("code", text(one.code), text(other.code));
        check("closer", name(one.closer), name(other.closer));
    }
    check("clean", text(one.clean), text(other.clean));
    for (one, other) in [
        (&one.client_view, &other.client_view),
        (&one.server_view, &other.server_view),
    ] {
        // An echo that fits a hole: the record says that it was not read.
        if !other.presumed {
            if both {
                check("view code", text(one.code), text(other.code));
            }
            check("view clean", text(one.clean), text(other.clean));
        }
    }
    if other.confidence == Confidence::Certain && !CONSEQUENCES.contains(&other.cause) {
        let certain = |cause: &str| Some(cause.to_owned());
        check("cause", certain(one.cause), certain(other.cause));
    }
    let mut sent: Vec<&Close> = whole.closes.iter().collect();
    for close in &told.closes {
        match sent.iter().position(|sent| is_left_of(close, sent)) {
            Some(found) => drop(sent.swap_remove(found)),
            None => untruths.push(("Close", format!("{close:?}"))),
        }
    }
    untruths
}

fn text(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn name(value: Option<impl Debug>) -> Option<String> {
    value.map(|value| format!("{value:?}"))
}

/// The same, or its code or the end of its reason is what was lost.
fn is_left_of(close: &Close, whole: &Close) -> bool {
    let reason = close.reason.as_deref().unwrap_or_default();
    let whole_reason = whole.reason.as_deref().unwrap_or_default();
    close.from == whole.from
        && (close.code.is_none() || close.code == whole.code)
        && whole_reason.starts_with(reason.trim_end_matches('\u{fffd}'))
}

fn in_short(session: &Session) -> String {
    let verdict = &session.verdict;
    let view = |view: &View| (view.code, view.clean);
    let closes: Vec<_> = session
        .closes
        .iter()
        .map(|close| (close.from, close.code))
        .collect();
    format!(
        "{} > {}: {:?}, code {:?}, closer {:?}, views {:?} {:?}, cause {} ({:?}), Closes {closes:?}, end {:?}",
        session.client,
        session.server,
        verdict.state,
        verdict.code,
        verdict.closer,
        view(&verdict.client_view),
        view(&verdict.server_view),
        verdict.cause,
        verdict.confidence,
        session.transport_end.map(|end| (end.how, end.from)),
    )
}
