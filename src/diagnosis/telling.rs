//! The verdict in words, and the packets that it rests on.

use super::case::{Case, push_capital};
use super::rules::{close, transport};
use crate::session::{Evidence, Side, State};

/// What happened, in plain words: the facts first, then what shows the cause.
pub(super) fn summary(case: &Case<'_>, why: &str) -> String {
    let statement = match case.ending.state {
        State::Open => Some("Still open when the capture ended.".to_owned()),
        State::Connecting => {
            Some("The opening had no answer yet when the capture ended.".to_owned())
        }
        State::Failed => None,
        State::Closed if case.facts.is_opaque() => None,
        State::Closing | State::Closed => {
            close::statement(case).or_else(|| transport::statement(case))
        }
    };
    let statement = statement.as_deref().unwrap_or_default();
    let mut told = String::with_capacity(statement.len() + why.len() + 1);
    for part in [statement, why] {
        if !told.is_empty() && !part.is_empty() {
            told.push(' ');
        }
        push_capital(&mut told, part);
    }
    if told.is_empty() {
        told.push_str("How it ended is not in the capture.");
    }
    told
}

/// The deciding packets, in order of time, each once; `shown`: those that show the cause.
pub(super) fn evidence(case: &Case<'_>, mut shown: Vec<Evidence>) -> Vec<Evidence> {
    if case.ending.state == State::Failed {
        if let Some((packet, time)) = case.facts.request {
            shown.push(Evidence {
                packet,
                time,
                from: Some(Side::Client),
                what: "opening request".into(),
            });
        }
        if let Some((packet, time)) = case.facts.answered {
            let status = case.facts.opening.http_status;
            let what = status.map_or_else(
                || "answer".into(),
                |status| format!("answer: HTTP status {status}").into(),
            );
            shown.push(Evidence {
                packet,
                time,
                from: Some(Side::Server),
                what,
            });
        }
    }
    shown.extend(transport::signals(case));
    // What a rule said of a packet tells more than the plain signal, and stands first.
    shown.sort_by_key(|evidence| (evidence.time, evidence.packet));
    shown.dedup_by(|a, b| (a.packet, a.from, &a.what) == (b.packet, b.from, &b.what));
    shown
}
