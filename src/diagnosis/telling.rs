//! The verdict in words, and the packets that it rests on.

use super::cause::Found;
use super::ending::Ending;
use crate::session::facts::{Answer, Facts, Mark};
use crate::session::{EndKind, Evidence, Party, Side, State};
use crate::ws::close;

/// What is told of a verdict.
pub(super) struct Told {
    pub(super) summary: String,
    pub(super) evidence: Vec<Evidence>,
}

pub(super) fn tell(facts: &Facts, ending: &Ending, found: &Found, code: Option<u16>) -> Told {
    Told {
        summary: summary(facts, ending, found, code),
        evidence: evidence(facts, ending, found),
    }
}

fn summary(facts: &Facts, ending: &Ending, found: &Found, code: Option<u16>) -> String {
    match ending.state {
        State::Open => "Still open when the capture ended.".to_owned(),
        State::Connecting => {
            "The opening request had no answer yet when the capture ended.".to_owned()
        }
        State::Failed => not_opened(facts, found),
        State::Closing | State::Closed => match ending.first_close {
            Some(side) => closed(facts, ending, found, side),
            None => without_close(facts, ending, found, code),
        },
    }
}

fn not_opened(facts: &Facts, found: &Found) -> String {
    match (found.name, facts.answer) {
        ("upgrade-header-stripped", _) => {
            "The request reached the server without its Upgrade header: something on the way removed it.".to_owned()
        }
        (_, Answer::Refused(status)) => format!("The server answered the opening with HTTP status {status} instead of 101."),
        (_, Answer::NotHttp) => "The server answered the opening with something that is no HTTP.".to_owned(),
        ("extension-mismatch", _) => "The server chose an extension that the client had not offered, and the client gave up.".to_owned(),
        ("subprotocol-mismatch", _) => "The server chose a subprotocol that the client had not offered, and the client gave up.".to_owned(),
        ("upgrade-bad-accept", _) => "The server's 101 is not one that a client may accept, and the client gave up.".to_owned(),
        ("upgrade-unanswered", _) => "The server never answered the opening; the client gave up.".to_owned(),
        _ => "The connection was cut before the opening was answered.".to_owned(),
    }
}

fn closed(facts: &Facts, ending: &Ending, found: &Found, side: Side) -> String {
    let who = side.name();
    let close = facts.sides[side].closes.first();
    let what = match close.and_then(|close| close.frame.code()) {
        Some(code) => format!("{code} ({})", close::name(code)),
        None if close.is_some_and(|close| close.frame.lost) => {
            "a Close whose code the capture lost".to_owned()
        }
        None => "an empty Close (1005)".to_owned(),
    };
    let answered = !facts.sides[side.other()].closes.is_empty();
    let answer = if ending.closer == Some(Party::Both) {
        "; the other side closed at the same time"
    } else if answered {
        ", and was answered"
    } else if ending.transport_end.is_some() {
        "; no Close came back"
    } else {
        ""
    };
    let why = found.violation.map_or_else(String::new, |(by, violation)| {
        format!(
            " Before that the {} broke a rule: {}.",
            by.name(),
            violation.rule.name()
        )
    });
    format!("The {who} closed with {what}{answer}.{why}")
}

fn without_close(facts: &Facts, ending: &Ending, found: &Found, code: Option<u16>) -> String {
    let Some(end) = ending.transport_end else {
        return "How it ended lies in bytes that the capture does not hold.".to_owned();
    };
    let who = match end.from {
        Party::Client => "client",
        Party::Server => "server",
        Party::Both | Party::Network => "network",
    };
    let idle = Side::BOTH
        .iter()
        .filter_map(|&side| facts.sides[side].last_data)
        .map(|(_, time)| time)
        .max()
        .map(|last| end.time.seconds_since(last).max(0.0));
    let after = idle.map_or_else(String::new, |seconds| {
        format!(", {seconds:.1} s after the last byte")
    });
    let fact = match end.how {
        EndKind::Fin => format!("The {who}'s side ended TCP (FIN){after}"),
        EndKind::Rst if end.from == Party::Network => {
            format!("A reset (RST) that neither side sent cut the connection{after}")
        }
        EndKind::Rst => format!("The {who}'s side reset the connection (RST){after}"),
        EndKind::Silence => {
            format!("The {who} repeated its last bytes in vain: nothing came back any more")
        }
    };
    let why = found.violation.map_or_else(String::new, |(by, violation)| {
        format!(
            " Before that the {} broke a rule: {}.",
            by.name(),
            violation.rule.name()
        )
    });
    match code {
        Some(_) => format!("{fact}, without a Close frame. Both ends report 1006.{why}"),
        None => format!(
            "{fact}. Whether a Close frame came before lies in bytes that the capture does not hold.{why}"
        ),
    }
}

fn evidence(facts: &Facts, ending: &Ending, found: &Found) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    if ending.state == State::Failed {
        if let Some((packet, time)) = facts.request {
            evidence.push(Evidence {
                packet,
                time,
                from: Some(Side::Client),
                what: "opening request".to_owned(),
            });
        }
        if let Some((packet, time)) = facts.answered {
            let status = facts.opening.http_status;
            let what = status.map_or_else(
                || "answer".to_owned(),
                |status| format!("answer: HTTP status {status}"),
            );
            evidence.push(Evidence {
                packet,
                time,
                from: Some(Side::Server),
                what,
            });
        }
    }
    if let Some((side, violation)) = found.violation {
        let what = format!("violation: {}", violation.rule.name());
        evidence.push(Evidence {
            packet: violation.packet,
            time: violation.time,
            from: Some(side),
            what,
        });
    }
    for side in Side::BOTH {
        let facts = &facts.sides[side];
        let mut add = |mark: &Mark, what: String| {
            evidence.push(Evidence {
                packet: mark.packet,
                time: mark.time,
                from: Some(side),
                what,
            });
        };
        if let Some(close) = facts.closes.first() {
            let code = close
                .frame
                .code()
                .map_or_else(|| "Close".to_owned(), |code| format!("Close {code}"));
            add(&close.mark, code);
        }
        if let Some(fin) = &facts.fin {
            add(fin, "FIN".to_owned());
        }
        if let Some(rst) = &facts.rst {
            add(
                rst,
                if facts.rst_forged {
                    "RST that this side did not send"
                } else {
                    "RST"
                }
                .to_owned(),
            );
        }
        if let Some((times, last)) = facts.unanswered.as_ref().filter(|_| ending.is_silence) {
            add(last, format!("sent {times} times, never answered"));
        }
        for hole in &facts.holes {
            let what = format!("{} bytes missing before this packet", hole.len);
            evidence.push(Evidence {
                packet: hole.packet,
                time: hole.time,
                from: Some(side),
                what,
            });
        }
    }
    evidence.sort_by_key(|evidence| (evidence.time, evidence.packet));
    evidence
}
