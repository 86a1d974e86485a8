//! What may be told of a capture that lost something: less than of the whole one, never
//! something else.

use std::fmt::Display;
use std::net::SocketAddr;

use hangup::session::{Close, Confidence, Session, Side, State, View};

use crate::capture::Packet;
use crate::known::Known;
use crate::told::told;

/// What is told of `packets`, which are what is left of `known`, and is not true; empty if all is.
pub(crate) fn invented(known: &Known, packets: &[Packet]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut whole: Vec<&Session> = known.sessions.iter().collect();
    for session in told(packets, &known.keys) {
        let of_these_ends: Vec<usize> = (0..whole.len())
            .filter(|&number| ends(whole[number]) == ends(&session))
            .collect();
        // Of several sessions on the same ports it is the one that explains most.
        let best = of_these_ends
            .into_iter()
            .map(|number| (compare(whole[number], &session), number))
            .min_by_key(|(wrong, _)| wrong.len());
        match best {
            Some((complaints, number)) => {
                wrong.extend(complaints);
                whole.swap_remove(number);
            }
            None => wrong.push(format!("an invented session: {}", in_short(&session))),
        }
    }
    wrong
}

/// Without their roles: which end opened the session may be what was lost.
fn ends(session: &Session) -> [SocketAddr; 2] {
    let mut ends = [session.client, session.server];
    ends.sort();
    ends
}

/// What `told` says and `whole` does not.
fn compare(whole: &Session, told: &Session) -> Vec<String> {
    let mut wrong = Vec::new();
    if whole.client != told.client {
        return vec![format!("roles changed: {}", in_short(told))];
    }
    let (one, other) = (&whole.verdict, &told.verdict);
    let mut check = |what: &str, whole: Option<String>, told: Option<String>| {
        if told.is_some() && told != whole {
            wrong.push(format!("{what}: {told:?}, not {whole:?}"));
        }
    };
    check("code", text(one.code), text(other.code));
    let closer = |closer: Option<_>| closer.map(|closer| format!("{closer:?}"));
    check("closer", closer(one.closer), closer(other.closer));
    check("clean", text(one.clean), text(other.clean));
    for (name, one, other) in [
        ("client view", &one.client_view, &other.client_view),
        ("server view", &one.server_view, &other.server_view),
    ] {
        // An echo that fits a hole: the record says that it was not read.
        if other.presumed {
            continue;
        }
        let clean = |view: &View| text(view.clean);
        check(
            &format!("code of the {name}"),
            text(one.code),
            text(other.code),
        );
        check(&format!("clean of the {name}"), clean(one), clean(other));
    }
    if other.confidence == Confidence::Certain
        && other.cause != one.cause
        && !CONSEQUENCES.contains(&other.cause)
    {
        wrong.push(format!(
            "cause: certainly {}, not {}",
            other.cause, one.cause
        ));
    }
    let mut sent: Vec<&Close> = whole.closes.iter().collect();
    for close in &told.closes {
        match sent.iter().position(|sent| is_what_is_left_of(close, sent)) {
            Some(found) => drop(sent.swap_remove(found)),
            None => wrong.push(format!("an invented Close: {close:?}")),
        }
    }
    if !wrong.is_empty() {
        wrong.push(format!(
            "  told {}\n  of   {}",
            in_short(told),
            in_short(whole)
        ));
    }
    wrong
}

/// Causes that only say what the packets that are left show.
const CONSEQUENCES: [&str; 1] = [
    // Nothing after the last packet is in the capture, whatever there was.
    "open-at-end-of-capture",
];

fn text(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// The same, or its code or the end of its reason is what was lost.
fn is_what_is_left_of(close: &Close, whole: &Close) -> bool {
    let reason = close.reason.as_deref().unwrap_or_default();
    let whole_reason = whole.reason.as_deref().unwrap_or_default();
    close.from == whole.from
        && (close.code.is_none() || close.code == whole.code)
        && whole_reason.starts_with(reason.trim_end_matches('\u{fffd}'))
}

fn in_short(session: &Session) -> String {
    let verdict = &session.verdict;
    let view = |view: &View| format!("{:?}/{:?}", view.code, view.clean);
    let closes: Vec<String> = session
        .closes
        .iter()
        .map(|close| {
            let from = if close.from == Side::Client {
                "client"
            } else {
                "server"
            };
            format!("{from}:{:?}", close.code)
        })
        .collect();
    format!(
        "{} > {} {:?} code {:?} closer {:?} client {} server {} cause {} ({:?}) closes {closes:?} end {:?}",
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

/// Whether it is one that is over.
pub(crate) fn is_over(session: &Session) -> bool {
    matches!(session.verdict.state, State::Closed | State::Failed)
}
