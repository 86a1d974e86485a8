//! The verdict in words, and the packets that it rests on.

use super::case::{Case, capital};
use super::rules::{Found, close, transport};
use crate::session::{Evidence, Side, State};

/// What happened, in plain words: the facts first, then what shows the cause.
pub(super) fn summary(case: &Case<'_>, found: &Found) -> String {
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
    let parts = [statement.unwrap_or_default(), found.why.clone()];
    let told: Vec<String> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| capital(part))
        .collect();
    if told.is_empty() {
        "How it ended is not in the capture.".to_owned()
    } else {
        told.join(" ")
    }
}

/// The deciding packets, in order of time, each once.
pub(super) fn evidence(case: &Case<'_>, found: &mut Found) -> Vec<Evidence> {
    let mut shown = std::mem::take(&mut found.evidence);
    if case.ending.state == State::Failed {
        if let Some((packet, time)) = case.facts.request {
            shown.push(Evidence {
                packet,
                time,
                from: Some(Side::Client),
                what: "opening request".to_owned(),
            });
        }
        if let Some((packet, time)) = case.facts.answered {
            let status = case.facts.opening.http_status;
            let what = status.map_or_else(
                || "answer".to_owned(),
                |status| format!("answer: HTTP status {status}"),
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
    shown.dedup_by_key(|evidence| (evidence.packet, evidence.from, evidence.what.clone()));
    shown
}
