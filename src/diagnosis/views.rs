//! What each end's own API reports (RFC 6455 §7.1.5 to §7.1.7).

use super::ending::Ending;
use crate::session::facts::{Facts, Hole, Mark, SeenClose, SideFacts};
use crate::session::{Side, State, View};
use crate::ws::Body;

/// The frame header of a Close: two bytes, and four of masking key from a client
/// (RFC 6455 §5.2).
const fn close_header_len(from: Side) -> u64 {
    match from {
        Side::Client => 6,
        Side::Server => 2,
    }
}

/// A Close frame fits into so many bytes. Its body is empty, or two bytes and more
/// (RFC 6455 §5.5.1), so one byte more than its header fits none exactly.
fn close_fits(from: Side, len: u64) -> bool {
    let header = close_header_len(from);
    len == header || len >= header + 2
}

/// How long the Close is by which `from` echoes another one.
pub(super) fn echo_len(from: Side, of: &SeenClose) -> Option<u64> {
    let body = match &of.frame.body {
        Body::Empty => 0,
        Body::Code(_, reason) if !of.frame.lost => 2 + reason.len() as u64,
        Body::Code(..) | Body::OneByte | Body::Lost => return None,
    };
    Some(close_header_len(from) + body)
}

/// A Close of this side may lie in this hole. One that frames follow hides none: a Close is the
/// last thing that its sender sends (RFC 6455 §5.5.1).
pub(super) fn may_hide_close(from: Side, hole: &Hole) -> bool {
    let fits = |len| close_fits(from, len);
    !hole.found && (fits(hole.len) || hole.may_count_fin && fits(hole.len.saturating_sub(1)))
}

/// A Close of this side may lie in bytes that the capture does not hold.
pub(super) fn close_may_be_lost(from: Side, facts: &Facts) -> bool {
    let side = &facts.sides[from];
    !side.captured || side.begins_behind || side.holes.iter().any(|hole| may_hide_close(from, hole))
}

/// What the API of `side` reports.
pub(super) fn view(side: Side, facts: &Facts, ending: &Ending) -> View {
    let peer = &facts.sides[side.other()];
    let unclean = |code| View {
        code: Some(code),
        clean: Some(false),
        ..View::default()
    };
    let valid = first_valid_close(peer);
    let hole = peer
        .holes
        .iter()
        .find(|hole| may_hide_close(side.other(), hole));
    // RFC 6455 §7.1.7: a violation makes its receiver fail the connection; what follows is
    // not read any more.
    if let Some(violation) = peer.violation
        && valid.is_none_or(|close| violation.offset <= close.mark.start)
        && hole.is_none_or(|hole| violation.offset < hole.offset)
    {
        return unclean(1006);
    }
    match (valid, hole) {
        (Some(close), hole) if hole.is_none_or(|hole| hole.offset > close.mark.start) => {
            match was_received(side, &close.mark, facts, ending) {
                Some(true) => received(side, close, facts, ending),
                Some(false) => unclean(1006),
                None => View::default(),
            }
        }
        _ if !peer.captured || peer.begins_behind => View::default(),
        (later, Some(hole)) => presumed(side, hole, later, facts, ending),
        (_, None) => unclean(1006),
    }
}

fn first_valid_close(facts: &SideFacts) -> Option<&SeenClose> {
    facts
        .closes
        .iter()
        .find(|close| close.frame.fault.is_none())
}

/// The Close came before `side` had ended; `None` where the capture lost what would tell.
fn was_received(side: Side, close: &Mark, facts: &Facts, ending: &Ending) -> Option<bool> {
    let own = &facts.sides[side];
    let peer = &facts.sides[side.other()];
    // A RST that something between forged ended this side when it came.
    if let Some(rst) = peer.rst.filter(|_| peer.rst_forged)
        && rst.start < close.end
    {
        return Some(false);
    }
    // An end that has said in TLS that it is done reads no more, as one that sent FIN.
    let alert = own.fatal_alert.map(|(_, mark)| mark);
    if let Some(end) = own.close_notify.or(alert).or(own.fin) {
        // Linux counts what it had received in the FIN's acknowledgement; without one, time
        // has to do.
        let in_time = end
            .heard
            .map_or(close.time <= end.time, |heard| heard >= close.end);
        return Some(in_time);
    }
    if let Some(rst) = own.rst.filter(|_| !own.rst_forged) {
        if peer.acked >= close.end {
            return Some(true);
        }
        if rst.heard.is_none_or(|heard| heard < close.end) {
            return Some(false);
        }
        // A reset by an end that had closed: the answer to its Close was still unread, unless
        // something else may have been what was unread.
        return if peer.close_notify.is_some() {
            Some(true)
        } else if !own.closes.is_empty() {
            Some(false)
        } else if close_may_be_lost(side, facts) {
            None
        } else {
            Some(true)
        };
    }
    // Its FIN may have come before the capture began, or be lost with what it sent last.
    let may_hide_fin = own.begins_behind || own.holes.last().is_some_and(|it| it.may_count_fin);
    if own.captured && may_hide_fin {
        return None;
    }
    match ending.state {
        // Silence: what the peer repeated in vain was not received.
        _ if ending.is_silence => Some(peer.acked >= close.end),
        // It may be on its way still, and this side may end before it comes.
        State::Closing if peer.acked < close.end => None,
        _ => Some(true),
    }
}

fn received(side: Side, close: &SeenClose, facts: &Facts, ending: &Ending) -> View {
    let code = match close.frame.body {
        Body::Empty => Some(1005),
        Body::Code(code, _) => Some(code),
        Body::OneByte | Body::Lost => None,
    };
    let reason = if close.frame.lost {
        None
    } else {
        Some(close.frame.reason().unwrap_or_default().into_owned())
    };
    View {
        code,
        reason,
        clean: sent_close(side, facts, ending),
        presumed: false,
        note: None,
    }
}

/// Its own Close is on the wire; `None` where it may be in bytes that are not captured, or come
/// after the end of the capture.
fn sent_close(side: Side, facts: &Facts, ending: &Ending) -> Option<bool> {
    let own = &facts.sides[side];
    let is_shut = own.close_notify.is_some() || own.fatal_alert.is_some();
    let has_ended = own.fin.is_some() || own.rst.is_some() || is_shut;
    let is_cut = ending.is_silence || facts.sides[side.other()].rst.is_some();
    if !own.closes.is_empty() {
        Some(true)
    } else if close_may_be_lost(side, facts) || !has_ended && !is_cut {
        None
    } else {
        Some(false)
    }
}

/// The peer's Close lies in a hole, or may. Where the hole has exactly the length of the echo
/// of this side's own Close (RFC 6455 §5.5.1: the echo repeats the code), that is presumed.
fn presumed(
    side: Side,
    hole: &Hole,
    later: Option<&SeenClose>,
    facts: &Facts,
    ending: &Ending,
) -> View {
    let own = first_valid_close(&facts.sides[side]);
    let Some(own) = own.filter(|own| later.is_none() && !own.frame.lost) else {
        return View::default();
    };
    let Some(len) = echo_len(side.other(), own) else {
        return View::default();
    };
    let code = own.frame.code().unwrap_or(1005);
    let end = hole.record_end.unwrap_or(hole.offset.saturating_add(len));
    let place = Mark {
        start: hole.offset,
        end,
        heard: None,
        packet: hole.packet,
        time: hole.time,
    };
    if !hole.may_have_len(len) || was_received(side, &place, facts, ending) != Some(true) {
        return View::default();
    }
    let reason = own.frame.reason().unwrap_or_default().into_owned();
    View {
        code: Some(code),
        reason: Some(reason),
        clean: Some(true),
        presumed: true,
        note: None,
    }
}
