//! Sessions whose transport ended without any Close frame: the 1006 family.

use std::borrow::Cow;

use super::{Found, broken, the};
use crate::diagnosis::case::{Case, evidence, span};
use crate::session::facts::Answer;
use crate::session::{Confidence, EndKind, Evidence, Party, Side};
use crate::ws::{Rule, Tail};

/// A second: shorter silences are pauses in the traffic.
const PAUSE: i64 = 1_000_000_000;

/// A frame from which on a server's limit may be what ended the session: the smallest limit
/// that is a default somewhere (Tomcat's text buffer).
const SMALLEST_LIMIT: u64 = 8192;

/// The one that cut fails the connection because of what its peer had sent
/// (RFC 6455 §7.1.7; the Close that may come with it is left out by some).
pub(super) fn violation(case: &Case<'_>) -> Option<Found> {
    let cutter = case.cutter()?;
    let culprit = cutter.other();
    let violation = case.side(culprit).violation?;
    let waited = case.cut_at()?.since(violation.time);
    let confidence = if waited <= case.prompt() {
        Confidence::High
    } else {
        Confidence::Medium
    };
    Some(
        case.found(name(violation.rule), confidence, Party::from(culprit))
            .why(|| format!("Before that {} {}.", the(culprit), violation.rule.broken()))
            .show(|| broken(culprit, &violation)),
    )
}

/// A rule was broken, and the end did not come from who had to mind it.
pub(super) fn unheeded_violation(case: &Case<'_>) -> Option<Found> {
    let (culprit, violation) = Side::BOTH
        .into_iter()
        .find_map(|side| Some((side, case.side(side).violation?)))?;
    Some(
        case.found(
            name(violation.rule),
            Confidence::Medium,
            Party::from(culprit),
        )
        .why(|| {
            format!(
                "Before that {} {}, after which {} may have stopped listening.",
                the(culprit),
                violation.rule.broken(),
                the(culprit.other())
            )
        })
        .show(|| broken(culprit, &violation)),
    )
}

/// The cause that a broken rule stands for.
pub(super) fn name(rule: Rule) -> &'static str {
    match rule {
        Rule::TextNotUtf8 => "text-not-utf8",
        Rule::DeflateCorrupt => "deflate-corrupt",
        _ => "protocol-violation",
    }
}

/// The capture does not hold the bytes that would tell.
pub(super) fn capture(case: &Case<'_>) -> Option<Found> {
    if case.code.is_some() {
        return None;
    }
    let began_late = case.facts.request.is_none() && case.facts.answered.is_none();
    let missing = Side::BOTH
        .into_iter()
        .filter_map(|side| {
            case.side(side)
                .holes
                .iter()
                .rfind(|hole| !hole.found)
                .map(|hole| (side, hole))
        })
        .max_by_key(|(_, hole)| hole.time);
    let found = case.found(
        if began_late {
            "begins-mid-stream"
        } else {
            "capture-gap"
        },
        Confidence::Low,
        None,
    );
    Some(match missing {
        Some((side, hole)) => found
            .why(|| format!(
                "{} bytes of the {}'s stream are not in the capture, and a Close frame fits into them.",
                hole.len,
                side.name()
            ))
            .show(|| Evidence {
                packet: hole.packet,
                time: hole.time,
                from: Some(side),
                what: format!("{} bytes missing before this packet", hole.len).into(),
            }),
        None => found.why(|| "One direction is not in the capture."),
    })
}

/// Cut while its peer was in the middle of a large message: a limit, perhaps.
pub(super) fn too_big(case: &Case<'_>) -> Option<Found> {
    let cutter = case.cutter()?;
    let sender = cutter.other();
    let facts = case.side(sender);
    let frame = facts.last_data_frame?;
    let size = frame.before.saturating_add(frame.len);
    let under_way = matches!(facts.tail, Tail::InFrame(..) | Tail::InMessage);
    (under_way && size >= SMALLEST_LIMIT && case.idle() < PAUSE).then(|| {
        case.found("message-too-big", Confidence::Medium, Party::from(sender))
            .why(|| {
                format!(
                    "It did so in the middle of a message of {size} bytes that {} was sending.",
                    the(sender)
                )
            })
            .show(|| Evidence {
                packet: frame.packet,
                time: frame.time,
                from: Some(sender),
                what: format!("{} frame of {} bytes", frame.opcode.name(), frame.len).into(),
            })
    })
}

/// A RST right behind its peer's bytes: they came to a socket that nobody read any more
/// (RFC 1122 §4.2.2.13).
pub(super) fn unread_data(case: &Case<'_>) -> Option<Found> {
    let cutter = case.cutter().filter(|_| case.how() == Some(EndKind::Rst))?;
    let peer = cutter.other();
    let (packet, time) = case.side(peer).last_data?;
    let full = case.side(cutter).habits.longest_zero_window(case.cut_at()?) > 0;
    // More than an answer: it had stopped reading, or was not there to answer.
    let in_a_row = case.side(peer).habits.segments_in_a_row;
    (in_a_row >= 2 || full).then(|| {
        let confidence = if full { Confidence::High } else { Confidence::Medium };
        case.found("rst-unread-data", confidence, Party::from(cutter))
            .why(|| format!("Bytes of {} had come that nobody read: the process ended, or closed the socket without reading on.", the(peer)))
            .show(|| Evidence { packet, time, from: Some(peer), what: "bytes that were not read".into() })
    })
}

/// The one that cut was itself in the middle of a frame or message.
pub(super) fn inside_frame(case: &Case<'_>) -> Option<Found> {
    let cutter = case.cutter()?;
    let culprit = Party::from(cutter);
    let tail = case.side(cutter).tail;
    let name = match tail {
        Tail::InFrame(..) | Tail::InHeader => "cut-inside-frame",
        Tail::InMessage => "cut-inside-message",
        Tail::Boundary | Tail::Unknown => return None,
    };
    let why = || match tail {
        Tail::InFrame(opcode, have, len) => format!(
            "Its own last frame ({}) was not finished: {have} of {len} bytes had come.",
            opcode.name()
        ),
        Tail::InMessage => {
            "Its own last message was not finished: its last fragment had not come.".to_owned()
        }
        _ => "Its own last frame was not finished: not even its header had come.".to_owned(),
    };
    let found = case.found(name, Confidence::Certain, culprit).why(why);
    Some(match case.side(cutter).last_data {
        Some((packet, time)) => found.show(|| Evidence {
            packet,
            time,
            from: Some(cutter),
            what: "last bytes, inside of a frame".into(),
        }),
        None => found,
    })
}

/// A 101, then not one frame of either side, then the end from the server's side: a proxy that
/// says yes and does not pass anything on.
pub(super) fn not_relayed(case: &Case<'_>) -> Option<Found> {
    let answered = matches!(case.facts.answer, Answer::Switched(None));
    let silent = Side::BOTH.iter().all(|&side| {
        let facts = case.side(side);
        facts.captured && !facts.sent_frame && facts.holes.is_empty()
    });
    let prompt = case.clocks.age? <= case.prompt();
    (case.cutter() == Some(Side::Server) && answered && silent && prompt).then(|| {
        case.found("tunnel-not-relayed", Confidence::Medium, Party::Server)
            .why(|| "It did so right after its 101, before a frame of either side had passed.")
    })
}

/// One side ended its stream, and the other went on sending for longer than the news takes.
pub(super) fn answered_late(case: &Case<'_>) -> Option<Found> {
    let cutter = case.cutter().filter(|_| case.how() == Some(EndKind::Fin))?;
    let peer = case.side(cutter.other());
    let answer = peer.fin.or(peer.rst)?;
    let late = answer.time.since(case.cut_at()?) > case.prompt();
    (late && peer.habits.bytes_after_fin > 0).then(|| {
        case.found(
            "fin-answered-late",
            Confidence::Low,
            Party::from(cutter.other()),
        )
    })
}

/// Not idle: an application or a process ended it.
pub(super) fn mid_traffic(case: &Case<'_>) -> Option<Found> {
    let is_end = matches!(case.how(), Some(EndKind::Fin | EndKind::CloseNotify));
    let cutter = case.cutter().filter(|_| is_end)?;
    let name = match cutter {
        Side::Client => "client-closed-mid-traffic",
        Side::Server => "server-closed-mid-traffic",
    };
    let has_spoken = case.clocks.either.is_some();
    (has_spoken && case.idle() < PAUSE)
        .then(|| case.found(name, Confidence::Medium, Party::from(cutter)))
}

/// The plain fact.
pub(super) fn plain(case: &Case<'_>) -> Option<Found> {
    let end = case.ending.transport_end?;
    let found = match end.how {
        EndKind::Fin | EndKind::CloseNotify | EndKind::Alert => {
            case.found("fin-without-close", Confidence::Low, end.from)
        }
        EndKind::Rst => case.found("rst-unprompted", Confidence::Medium, end.from),
        EndKind::Silence => case.found("silence", Confidence::Medium, Party::Network),
    };
    Some(found)
}

/// The end in words, before any why.
pub(in crate::diagnosis) fn statement(case: &Case<'_>) -> Option<String> {
    let end = case.ending.transport_end?;
    let who = match end.from {
        Party::Client => "The client",
        Party::Server => "The server",
        Party::Both | Party::Network => "Something between the two",
    };
    let quiet = match case.clocks.either {
        Some(quiet) if quiet >= PAUSE / 10 => {
            format!(", {} after the last byte of either side", span(quiet))
        }
        Some(_) => ", right behind the last bytes".to_owned(),
        None => String::new(),
    };
    let fact = match end.how {
        EndKind::Fin => format!("{who} ended TCP (FIN){quiet}"),
        EndKind::CloseNotify => format!("{who} ended TLS (close_notify){quiet}"),
        EndKind::Alert => format!("{who} ended TLS with a fatal alert{quiet}"),
        EndKind::Rst => format!("{who} reset the connection (RST){quiet}"),
        EndKind::Silence => return Some(silence(case)),
    };
    Some(match case.code {
        Some(_) => format!("{fact}, without a Close frame: both ends see 1006."),
        None => format!("{fact}."),
    })
}

fn silence(case: &Case<'_>) -> String {
    let talker = case.cutter().map_or("one side", Side::name);
    let times = Side::BOTH
        .iter()
        .filter_map(|&side| case.side(side).unanswered)
        .map(|(times, _)| times)
        .max();
    let times = times.map_or_else(String::new, |times| format!(" {times} times"));
    format!(
        "The {talker} sent its last bytes{times} and heard nothing any more: both ends see 1006, each when it gives up."
    )
}

/// The packets that show how the transport ended.
pub(in crate::diagnosis) fn signals(case: &Case<'_>) -> Vec<Evidence> {
    let mut shown = Vec::new();
    for side in Side::BOTH {
        let facts = case.side(side);
        if let Some(close) = facts.closes.first() {
            let what = close
                .frame
                .code()
                .map(|code| ["Close ", itoa::Buffer::new().format(code)].concat());
            let what = what.map_or(Cow::Borrowed("Close"), Cow::Owned);
            shown.push(evidence(&close.mark, side, what));
        }
        if let Some(notify) = &facts.close_notify {
            shown.push(evidence(notify, side, "close_notify (TLS)"));
        }
        if let Some((code, alert)) = &facts.fatal_alert {
            shown.push(evidence(alert, side, format!("fatal alert {code} (TLS)")));
        }
        if let Some(fin) = &facts.fin {
            shown.push(evidence(fin, side, "FIN"));
        }
        if let Some(rst) = &facts.rst {
            let what = if facts.rst_forged {
                "RST that this side did not send"
            } else {
                "RST"
            };
            shown.push(evidence(rst, side, what));
        }
        if let Some((times, last)) = facts.unanswered.as_ref().filter(|_| case.ending.is_silence) {
            shown.push(evidence(
                last,
                side,
                format!("sent {times} times, never answered"),
            ));
        }
        // The last bytes before a silence are what the silence is counted from.
        if facts.closes.is_empty()
            && case.idle() >= PAUSE
            && let Some((packet, time)) = facts.last_data
        {
            shown.push(Evidence {
                packet,
                time,
                from: Some(side),
                what: "last bytes of this side".into(),
            });
        }
    }
    shown
}
