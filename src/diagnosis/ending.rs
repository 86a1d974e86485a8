//! How a session ended on the wire: the first terminating signal of each side, whose came
//! first, and how far the session had come.

use super::order::{Order, order};
use super::views::{echo_len, may_hide_close};
use crate::session::facts::{Answer, Facts, Hole, Mark, SeenClose, SideFacts};
use crate::session::{EndKind, Party, Side, State, TransportEnd};

/// A segment that was sent so often without any answer was not received: the original and two
/// retransmissions.
pub(super) const SILENCE_SENDS: u32 = 3;

/// How a session ended.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) state: State,
    pub(super) closer: Option<Party>,
    pub(super) transport_end: Option<TransportEnd>,
    /// The side that first closed, by a Close frame that was no violation.
    pub(super) first_close: Option<Side>,
    pub(super) is_silence: bool,
}

/// The first terminating signal of a side.
#[derive(Clone, Copy, Debug)]
enum Signal<'a> {
    Close(&'a Mark),
    CloseNotify(&'a Mark),
    Alert(&'a Mark),
    Fin(&'a Mark),
    Rst(&'a Mark),
    /// A RST in this side's name that it did not send.
    Forged(&'a Mark),
}

impl<'a> Signal<'a> {
    const fn mark(&self) -> &'a Mark {
        match self {
            Self::Close(mark)
            | Self::CloseNotify(mark)
            | Self::Alert(mark)
            | Self::Fin(mark)
            | Self::Rst(mark)
            | Self::Forged(mark) => mark,
        }
    }
}

pub(super) fn ending(facts: &Facts) -> Ending {
    let is_unheard = Side::BOTH
        .iter()
        .any(|&side| in_vain(facts, side).is_some());
    let (silent, deserted) = match is_unheard {
        true => (silence(facts), deserted(facts)),
        false => (None, None),
    };
    let ends = Side::BOTH.map(|side| (side, transport_signal(&facts.sides[side])));
    let transport_end = transport_end(facts, &ends, silent, deserted);
    let signals = ends.map(|(side, end)| (side, close_signal(&facts.sides[side]).or(end)));
    let closer = match deserted {
        Some(_) => Some(Party::Network),
        None => closer(facts, signals, silent),
    };
    let closes = signals.map(|(side, signal)| match signal {
        Some(Signal::Close(mark)) => Some((side, mark)),
        _ => None,
    });
    let first_close = match closes {
        [Some((_, client)), Some((_, server))] => match order(client, server) {
            Order::After => Some(Side::Server),
            Order::Before | Order::Crossed => Some(Side::Client),
        },
        [one, other] => one.or(other).map(|(side, _)| side),
    };
    let is_silence = transport_end.is_some_and(|end| end.how == EndKind::Silence);
    Ending {
        state: state(facts, transport_end.is_some()),
        closer,
        transport_end,
        first_close,
        is_silence,
    }
}

/// A Close that was no violation, in a stream without one before it; or what ended the
/// transport.
fn signal(facts: &SideFacts) -> Option<Signal<'_>> {
    close_signal(facts).or_else(|| transport_signal(facts))
}

fn close_signal(facts: &SideFacts) -> Option<Signal<'_>> {
    let close = facts.closes.iter().find(|close| is_signal(close))?;
    Some(Signal::Close(&close.mark))
}

fn transport_signal(facts: &SideFacts) -> Option<Signal<'_>> {
    let rst = facts.rst.as_ref().map(|rst| {
        if facts.rst_forged {
            Signal::Forged(rst)
        } else {
            Signal::Rst(rst)
        }
    });
    // In one stream, alerts of TLS stand before FIN and RST.
    let notify = facts.close_notify.as_ref().map(Signal::CloseNotify);
    let alert = facts.fatal_alert.as_ref();
    let alert = alert.map(|(_, mark)| Signal::Alert(mark));
    let fin = facts.fin.as_ref().map(Signal::Fin);
    notify.or(alert).or(fin).or(rst)
}

/// A malformed Close is a violation, not a signal; one with a code that may not be sent still
/// says that its sender wants to close.
fn is_signal(close: &SeenClose) -> bool {
    use crate::ws::Rule;
    matches!(close.frame.fault, None | Some(Rule::BadCloseCode))
}

fn closer(
    facts: &Facts,
    signals: [(Side, Option<Signal<'_>>); 2],
    silent: Option<Side>,
) -> Option<Party> {
    let party = |side: Side, signal: &Signal<'_>| match signal {
        Signal::Forged(_) => Party::Network,
        _ => side.into(),
    };
    // A side whose Close may lie in a hole may have closed before anything that is seen, or at
    // the same time; not where the hole has the length of the echo to the Close that is seen.
    let unsure = |side: Side, by: &Mark| {
        let other = &facts.sides[side];
        let hides = |hole: &&Hole| may_hide_close(side, hole);
        let is_first = |hole: &Hole| may_be_earlier(hole, by) || !is_echo_of(hole, side, facts);
        other.captured
            && (other.begins_behind || other.holes.iter().find(hides).is_some_and(is_first))
    };
    match signals {
        [(client, Some(one)), (server, Some(other))] => {
            let first = match order(one.mark(), other.mark()) {
                Order::Before => (client, one),
                Order::After => (server, other),
                Order::Crossed if unsure(client, other.mark()) || unsure(server, one.mark()) => {
                    return None;
                }
                Order::Crossed => return Some(Party::Both),
            };
            if unsure(first.0.other(), first.1.mark()) {
                return None;
            }
            Some(party(first.0, &first.1))
        }
        [(side, Some(only)), _] | [_, (side, Some(only))] => {
            if unsure(side.other(), only.mark()) {
                None
            } else {
                Some(party(side, &only))
            }
        }
        [(_, None), (_, None)] => silent.map(|_| Party::Network),
    }
}

/// What lies in the hole may have been sent before this: its sender had received it.
fn may_be_earlier(hole: &Hole, by: &Mark) -> bool {
    by.heard.is_none_or(|heard| heard >= hole.least_end())
}

/// The hole has exactly the length that the answer of `side` to the other's Close has
/// (RFC 6455 §5.5.1: it typically echoes the code; libraries echo the reason too).
fn is_echo_of(hole: &Hole, side: Side, facts: &Facts) -> bool {
    let close = facts.sides[side.other()]
        .closes
        .iter()
        .find(|close| close.frame.fault.is_none());
    close
        .and_then(|close| echo_len(side, close))
        .is_some_and(|len| hole.may_have_len(len))
}

/// The code of a Close that is seen may not be the first one: another may lie in a hole that
/// its sender had received, or before the capture.
pub(super) fn first_code_is_lost(facts: &Facts, by: Side) -> bool {
    let other = by.other();
    let Some(close) = facts.sides[by].closes.first() else {
        return false;
    };
    let peer = &facts.sides[other];
    if !peer.captured || !peer.closes.is_empty() {
        return false;
    }
    let hides = |hole: &&Hole| may_hide_close(other, hole) && may_be_earlier(hole, &close.mark);
    peer.begins_behind
        || peer
            .holes
            .iter()
            .find(hides)
            .is_some_and(|hole| !is_echo_of(hole, other, facts))
}

/// The last time that a side repeated what nobody had answered, where it did so often.
fn in_vain(facts: &Facts, side: Side) -> Option<Mark> {
    let (times, last) = facts.sides[side].unanswered?;
    (times >= SILENCE_SENDS).then_some(last)
}

/// The side that was still talking when nobody answered any more.
fn silence(facts: &Facts) -> Option<Side> {
    Side::BOTH
        .into_iter()
        .filter_map(|side| {
            let last = in_vain(facts, side)?;
            (last.end >= facts.sides[side].acked).then_some((last.time, side))
        })
        .max_by_key(|&(time, _)| time)
        .map(|(_, side)| side)
}

/// The side that had repeated in vain before the other gave up by a FIN, which was not
/// acknowledged either: the path was dead before.
fn deserted(facts: &Facts) -> Option<Side> {
    Side::BOTH.into_iter().find(|&side| {
        let (own, other) = (&facts.sides[side], &facts.sides[side.other()]);
        let Some(last) = in_vain(facts, side) else {
            return false;
        };
        let Some(Signal::Fin(fin)) = signal(other) else {
            return false;
        };
        let is_unheard = fin.heard.is_some_and(|heard| heard <= last.start);
        signal(own).is_none() && is_unheard && other.acked < fin.end
    })
}

fn transport_end(
    facts: &Facts,
    ends: &[(Side, Option<Signal<'_>>); 2],
    silent: Option<Side>,
    deserted: Option<Side>,
) -> Option<TransportEnd> {
    let end = |how, from, mark: &Mark| TransportEnd {
        how,
        from,
        packet: mark.packet,
        time: mark.time,
    };
    let told = |side: Side, signal: &Signal<'_>| {
        let (how, from) = match signal {
            Signal::CloseNotify(_) => (EndKind::CloseNotify, side.into()),
            Signal::Alert(_) => (EndKind::Alert, side.into()),
            Signal::Fin(_) => (EndKind::Fin, side.into()),
            Signal::Forged(_) => (EndKind::Rst, Party::Network),
            Signal::Rst(_) | Signal::Close(_) => (EndKind::Rst, side.into()),
        };
        Some(end(how, from, signal.mark()))
    };
    let silence = |side: Side| {
        let (_, mark) = facts.sides[side].unanswered?;
        Some(end(EndKind::Silence, side.into(), &mark))
    };
    if let Some(side) = deserted {
        return silence(side);
    }
    match ends {
        [(client, Some(one)), (server, Some(other))] => match order(one.mark(), other.mark()) {
            Order::After => told(*server, other),
            Order::Before | Order::Crossed => told(*client, one),
        },
        [(side, Some(only)), _] | [_, (side, Some(only))] => told(*side, only),
        [(_, None), (_, None)] => match facts.unanswered_syn() {
            Some((packet, time)) => Some(TransportEnd {
                how: EndKind::Silence,
                from: Party::Client,
                packet,
                time,
            }),
            None => silence(silent?),
        },
    }
}

fn state(facts: &Facts, ended: bool) -> State {
    let any_close = Side::BOTH
        .iter()
        .any(|&side| !facts.sides[side].closes.is_empty());
    if facts.sealed.is_some() {
        return match (facts.is_opaque(), ended) {
            (true, true) => State::Closed,
            (true, false) => State::Open,
            (false, true) => State::Failed,
            (false, false) => State::Connecting,
        };
    }
    match facts.answer {
        _ if facts.unconnected.is_some() => State::Failed,
        Answer::Refused(_) | Answer::NotHttp | Answer::TlsAlert(_) => State::Failed,
        Answer::None if ended || facts.superseded => State::Failed,
        Answer::None => State::Connecting,
        Answer::Switched(Some(_))
            if !facts.sides.client.sent_frame && client_ended_first(facts) =>
        {
            State::Failed
        }
        Answer::Switched(_) | Answer::Lost if ended => State::Closed,
        Answer::Switched(_) | Answer::Lost if any_close => State::Closing,
        Answer::Switched(_) | Answer::Lost => State::Open,
    }
}

fn client_ended_first(facts: &Facts) -> bool {
    match (signal(&facts.sides.client), signal(&facts.sides.server)) {
        (Some(client), Some(server)) => order(client.mark(), server.mark()) != Order::After,
        (Some(_), None) => true,
        _ => false,
    }
}

impl From<Side> for Party {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}
