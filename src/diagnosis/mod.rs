//! From facts to verdict: who ended a session, how, why, and what each end knows of it.
//!
//! Pure: no clock, no file. In: [`Facts`]. Out: [`Verdict`], with the packets it rests on.

pub mod amend;
mod case;
pub mod causes;
pub mod cohorts;
mod ending;
mod habits;
pub mod knowledge;
pub mod legs;
mod order;
pub mod outline;
pub mod port;
mod remarks;
mod rules;
pub(crate) mod servers;
mod telling;
#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests;
mod views;

use std::borrow::Cow;

use crate::flow::End;
use crate::session::facts::{Answer, Facts, SeenClose, Unconnected};
use crate::session::{
    Anomaly, Clocks, Detail, EndKind, Party, Side, State, TransportEnd, Verdict, View,
};
use crate::ws::Body;
use case::Case;
use ending::Ending;
use rules::{Found, Words};

/// A verdict, and how the transport ended.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// Who, how, why.
    pub verdict: Verdict,
    /// The first signal that ended the transport.
    pub transport_end: Option<TransportEnd>,
    /// How long it had been quiet when the first terminating signal came.
    pub clocks: Clocks,
    /// What was odd behind the end.
    pub remarks: Vec<Anomaly>,
}

/// A verdict as far as a row shows it, or sessions are compared by it. Names and rules are those of
/// [`Verdict`] and [`Diagnosis`].
#[derive(Clone, Debug)]
pub struct Judgement<'a> {
    /// As in [`Verdict::state`].
    pub state: State,
    /// As in [`Verdict::code`].
    pub code: Option<u16>,
    /// As in [`Verdict::reason`].
    pub reason: Option<Cow<'a, str>>,
    /// As in [`Verdict::closer`].
    pub closer: Option<Party>,
    /// As in [`Verdict::cause`].
    pub cause: &'static str,
    /// As in [`Diagnosis::transport_end`].
    pub transport_end: Option<TransportEnd>,
    /// As in [`Diagnosis::clocks`].
    pub clocks: Clocks,
}

/// Judges a session by its facts, for a row.
pub fn judge(facts: &Facts) -> Judgement<'_> {
    let ending = ending::ending(facts);
    let (code, reason) = code(facts, &ending);
    let case = Case::new(facts, &ending, code);
    judgement(&case, reason, &rules::judge(&case, Detail::Row))
}

fn judgement<'a>(case: &Case<'_>, reason: Option<Cow<'a, str>>, found: &Found) -> Judgement<'a> {
    let ending = case.ending;
    let closer = if ending.state == State::Failed {
        failed_closer(case.facts, ending)
    } else if rules::perhaps_closed(case) {
        None
    } else {
        ending.closer
    };
    Judgement {
        state: ending.state,
        code: case.code,
        reason,
        closer: closer.filter(|_| !matches!(ending.state, State::Open | State::Connecting)),
        cause: found.name,
        transport_end: ending.transport_end,
        clocks: case.clocks,
    }
}

/// Judges a session by its facts. What no row shows is made only where `detail` asks for it.
pub fn diagnose(facts: &Facts, detail: Detail) -> Diagnosis {
    let ending = ending::ending(facts);
    let (code, reason) = code(facts, &ending);
    let case = Case::new(facts, &ending, code);
    let found = rules::judge(&case, detail);
    let Judgement {
        state,
        code,
        reason,
        closer,
        cause,
        transport_end,
        clocks,
    } = judgement(&case, reason, &found);
    let mut diagnosis = Diagnosis {
        verdict: Verdict {
            state,
            code,
            reason: reason.map(Cow::into_owned),
            clean: None,
            closer,
            culprit: found.culprit,
            cause,
            confidence: found.confidence,
            other_causes: Vec::new(),
            summary: String::new(),
            advice: Cow::Borrowed(""),
            client_view: View::default(),
            server_view: View::default(),
            evidence: Vec::new(),
        },
        transport_end,
        clocks,
        remarks: Vec::new(),
    };
    if detail > Detail::Row {
        diagnosis.complete(&case, found);
    }
    diagnosis
}

impl Diagnosis {
    /// Adds what no row shows: what each end knows, what shows the cause, and what to do.
    fn complete(&mut self, case: &Case<'_>, found: Found) {
        let (facts, ending) = (case.facts, case.ending);
        let verdict = &mut self.verdict;
        verdict.client_view = seen_by(Side::Client, facts, ending);
        verdict.server_view = seen_by(Side::Server, facts, ending);
        verdict.clean = match (verdict.client_view.clean, verdict.server_view.clean) {
            (Some(true), Some(true)) => Some(true),
            (Some(false), _) | (_, Some(false)) => Some(false),
            _ => None,
        };
        let Words {
            why,
            advice,
            evidence,
            others,
        } = found.words.map_or_else(Words::default, |words| *words);
        verdict.summary = telling::summary(case, &why);
        verdict.evidence = telling::evidence(case, evidence);
        verdict.other_causes = others;
        verdict.advice = advice.unwrap_or_else(|| self::advice(found.name));
        if case.ended_by_close() {
            self.remarks = remarks::remarks(facts);
        }
    }
}

/// What the API of `side` reports, as far as it can by now.
fn seen_by(side: Side, facts: &Facts, ending: &Ending) -> View {
    let view = match (ending.state, side) {
        (State::Failed, Side::Client) => failed_view(),
        (State::Failed, Side::Server) => failed_server_view(facts),
        (State::Closed, _) if facts.is_opaque() => View::default(),
        (State::Closed | State::Closing, _) if perhaps_never_opened(facts) => View::default(),
        (State::Closed, _) => views::view(side, facts, ending),
        (State::Closing, _) => only_known(views::view(side, facts, ending)),
        (State::Open | State::Connecting, _) => View::default(),
    };
    let note = habits::note(side, facts, ending);
    View { note, ..view }
}

fn advice(cause: &str) -> Cow<'static, str> {
    causes::lookup(cause)
        .map(|cause| cause.advice.into())
        .unwrap_or_default()
}

/// The answer is lost, and no frame shows what it was: a refusal, perhaps, after which the server
/// has no WebSocket to report on.
fn perhaps_never_opened(facts: &Facts) -> bool {
    facts.answer == Answer::Lost && !Side::BOTH.iter().any(|&side| facts.sides[side].sent_frame)
}

/// RFC 6455 §7.1.5: no Close was received by an end whose opening failed.
fn failed_view() -> View {
    View {
        code: Some(1006),
        reason: None,
        clean: Some(false),
        presumed: false,
        note: None,
    }
}

/// A server that refused has no WebSocket to report on; one that answered 101 has.
fn failed_server_view(facts: &Facts) -> View {
    match facts.answer {
        Answer::Switched(_) => failed_view(),
        _ => View::default(),
    }
}

/// While the transport is up, an end that received no Close has nothing to report yet.
fn only_known(view: View) -> View {
    if view.code == Some(1006) {
        View::default()
    } else {
        view
    }
}

fn failed_closer(facts: &Facts, ending: &Ending) -> Option<Party> {
    match (&facts.unconnected, &facts.icmp) {
        (Some(Unconnected::Tunnel { .. } | Unconnected::Syn { reset: Some(_), .. }), _) => {
            return Some(Party::Server);
        }
        (Some(Unconnected::Syn { reset: None, .. }), icmp) => {
            return icmp.map(|_| Party::Network);
        }
        (None, _) => {}
    }
    if let Some(tls) = &facts.sealed {
        if tls.hidden_alert {
            return Some(Party::Client);
        }
        // HTTP in answer to a ClientHello is a refusal too.
        if End::BOTH
            .iter()
            .any(|&end| tls.outlines[end].http.is_some())
        {
            return Some(Party::Server);
        }
        let is_alert = |end: TransportEnd| end.how == EndKind::Alert;
        if ending.transport_end.is_some_and(is_alert) && rules::is_mute(facts) {
            return None;
        }
    }
    match facts.answer {
        Answer::Refused(_) | Answer::NotHttp | Answer::TlsAlert(_) => Some(Party::Server),
        _ => ending.closer,
    }
}

/// The code of the first Close on the wire, as sent; 1005 for an empty one, 1006 for none,
/// `None` for what the capture lost or has not seen end.
fn code<'a>(facts: &'a Facts, ending: &Ending) -> (Option<u16>, Option<Cow<'a, str>>) {
    match ending.state {
        State::Connecting | State::Open => return (None, None),
        State::Failed if facts.failed_in_tls() => return (Some(1015), None),
        State::Failed => return (Some(1006), None),
        State::Closed if facts.is_opaque() => return (None, None),
        State::Closing | State::Closed => {}
    }
    let told = |close: &'a SeenClose| match close.frame.body {
        Body::Empty => (Some(1005), None),
        Body::Code(code, _) => (Some(code), close.frame.reason()),
        Body::OneByte | Body::Lost => (None, None),
    };
    let first = ending.first_close.and_then(|side| {
        // The first of its Close frames that says something.
        facts.sides[side]
            .closes
            .iter()
            .find(|close| !matches!(close.frame.body, Body::OneByte))
    });
    let any = || {
        Side::BOTH
            .iter()
            .find_map(|&side| facts.sides[side].closes.first())
    };
    let may_be_lost = |side: &Side| views::close_may_be_lost(*side, facts);
    // A malformed Close is a violation: what its receiver says to it is yet to come, or lost.
    if first.is_none()
        && any().is_some()
        && (ending.state == State::Closing || Side::BOTH.iter().any(may_be_lost))
    {
        return (None, None);
    }
    match first.or_else(any) {
        Some(_)
            if ending
                .first_close
                .is_some_and(|by| ending::first_code_is_lost(facts, by)) =>
        {
            (None, None)
        }
        Some(close) => told(close),
        None if Side::BOTH.iter().any(may_be_lost) => (None, None),
        None => (Some(1006), None),
    }
}
