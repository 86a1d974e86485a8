//! What the library at one end is known to report otherwise than RFC 6455 has it. It stands
//! beside the view, never in it.

use super::ending::Ending;
use super::knowledge::libraries::{Situation, habit, recognise};
use crate::http::Fault;
use crate::session::facts::{Answer, Facts};
use crate::session::{Party, Side, State};
use crate::ws::{Body, Rule};

/// The habit of the library at `side` in what it went through, where both are known.
pub(super) fn note(side: Side, facts: &Facts, ending: &Ending) -> Option<&'static str> {
    let name = match side {
        Side::Client => facts.opening.user_agent(),
        Side::Server => facts.opening.server_software(),
    };
    let library = recognise(name?)?;
    situations(side, facts, ending)
        .into_iter()
        .find_map(|situation| habit(library, side, situation?))
}

/// What `side` went through, the most particular first.
fn situations(side: Side, facts: &Facts, ending: &Ending) -> [Option<Situation>; 4] {
    let own = &facts.sides[side];
    let peer = &facts.sides[side.other()];
    let refusable = match facts.answer {
        Answer::Switched(Some(Fault::Accept)) => Some(Situation::BadAccept),
        Answer::Switched(Some(Fault::Extension | Fault::Subprotocol)) => {
            Some(Situation::OfferIgnored)
        }
        _ => None,
    };
    if !matches!(ending.state, State::Closed | State::Closing) {
        return [refusable, None, None, None];
    }
    let close = peer.closes.first();
    let odd = close.and_then(|close| match (&close.frame.body, close.frame.fault) {
        (Body::Empty, _) => Some(Situation::EmptyClose),
        (Body::OneByte, _) => Some(Situation::OneByteClose),
        (_, Some(Rule::BadCloseCode)) => Some(Situation::IllegalCode),
        (_, Some(Rule::CloseReasonNotUtf8)) => Some(Situation::ReasonNotUtf8),
        _ => None,
    });
    let violation = peer.violation.map(|_| Situation::ViolationSeen);
    let first = ending.first_close.map(|first| match first == side {
        true if close.is_some() => Situation::ClosedFirstAnswered,
        true => Situation::ClosedFirstUnanswered,
        false if own.closes.is_empty() && peer.rst.is_some() => Situation::PeerClosedThenReset,
        false => Situation::PeerClosed,
    });
    let cut = (first.is_none() && ending.closer == Some(Party::from(side.other())))
        .then_some(Situation::NoClose);
    [refusable, odd.or(violation), first, cut]
}
