//! The end of a session: what TCP knows joins what was collected.

use super::{SentClose, Tracker};
use crate::flow::End;
use crate::session::Side;
use crate::session::facts::{
    Back, Facts, IcmpMeaning, IcmpSeen, Mark, SeenClose, SideFacts, Sides,
};
use crate::tcp::{Connection, Origin, Signal};
use crate::tls::Alert;

impl Tracker {
    /// All there is to know, with what TCP knows, once the connection is over or the capture is:
    /// into `all`, which is blank. That is large, so it stays where it is.
    pub fn conclude(&mut self, tcp: &Connection, all: &mut Facts) {
        for side in Side::BOTH {
            self.conclude_side(side, tcp, &mut all.sides[side]);
        }
        all.opening = self.take_opening();
        all.upgrade_asked = self.upgrade_asked;
        all.request = self.requested;
        all.answer = self.answer;
        all.answered = self.answered;
        all.superseded = self.superseded;
        all.begun = Some(self.first.1);
        all.round_trip = tcp.round_trip();
        all.burst = tcp.burst().map(|burst| {
            let Origin { packet, time, .. } = burst.first;
            (self.side(burst.from), packet, time, burst.idle)
        });
        all.back = tcp.back().map(|back| Back {
            side: self.side(back.from),
            at: (back.first.packet, back.first.time),
            times: back.times,
            silence: back.silence,
        });
        all.icmp = tcp.complaint().map(|complaint| IcmpSeen {
            quoted: self.side(complaint.about),
            offset: complaint.offset,
            reporter: complaint.error.from,
            kind: complaint.error.kind,
            code: complaint.error.code,
            packet: complaint.packet,
            time: complaint.time,
        });
        let mut alerts = Vec::new();
        if let Some(rare) = &mut self.rare {
            all.is_tls = rare.tls.is_some();
            all.sealed = rare.sealed.take();
            all.unconnected = rare.unconnected.take();
            alerts = std::mem::take(&mut rare.alerts);
        }
        if let Some(mut closes) = self.closes.take() {
            let mut add = |SentClose { from, close, ack }: SentClose| {
                let heard = heard(tcp, self.end(from), ack);
                let mark = Mark {
                    heard,
                    ..close.mark
                };
                all.sides[from].closes.push(SeenClose { mark, ..close });
            };
            for close in &mut closes.first {
                close.take().into_iter().for_each(&mut add);
            }
            std::mem::take(&mut closes.more).into_iter().for_each(add);
        }
        for (side, alert) in alerts {
            let mark = Mark {
                start: alert.start,
                end: alert.end,
                heard: heard(tcp, self.end(side), alert.origin.ack),
                packet: alert.origin.packet,
                time: alert.origin.time,
            };
            let facts = &mut all.sides[side];
            if alert.code == Alert::CLOSE_NOTIFY {
                facts.close_notify = Some(mark);
            } else {
                facts.fatal_alert = Some((alert.name(), mark));
                if let Some(tls) = self.rare.as_mut().and_then(|rare| rare.tls.as_mut()) {
                    tls.alert.get_or_insert(alert.name());
                }
            }
        }
        for side in Side::BOTH {
            let end = self.end(side);
            if let Some(origin) = tcp.rst_out_of_window(end) {
                self.note(
                    "rst-out-of-window",
                    side,
                    origin,
                    "ignored by its receiver".to_owned(),
                );
            }
            let conflicts = tcp.stream(end).conflicts();
            if conflicts > 0 {
                let detail = format!(
                    "{conflicts} segments repeat bytes with other contents; the first are kept"
                );
                self.note("conflicting-overlap", side, tcp.last(), detail);
            }
        }
        if let Some(complaint) = tcp.complaint()
            && let Some(icmp) = all.icmp
            && all.unconnected.is_none()
            && matches!(icmp.meaning(), Some(IcmpMeaning::Soft | IcmpMeaning::Hard))
        {
            let origin = Origin {
                packet: complaint.packet,
                time: complaint.time,
                ack: None,
                record_end: None,
            };
            let detail = format!(
                "a packet of this side came back from {}: type {}, code {}",
                icmp.reporter, icmp.kind, icmp.code
            );
            self.note("icmp-unreachable", icmp.quoted, origin, detail);
        }
        for side in Side::BOTH {
            all.sides[side].fin = all.sides[side]
                .fin
                .or_else(|| unseen_fin(tcp.stream(self.end(side)).next(), &all.sides, side));
        }
        if all.has_crossed_resets() {
            Side::BOTH
                .iter()
                .for_each(|&side| all.sides[side].rst_forged = true);
        }
        if self.events.is_some() {
            self.tell_ends(tcp);
        }
    }

    /// Adds the signals of TCP to its story.
    fn tell_ends(&mut self, tcp: &Connection) {
        let last = |signal: Option<Signal>| signal.map(|signal| signal.origin);
        for side in Side::BOTH {
            let end = self.end(side);
            if let Some(origin) = last(tcp.fin(end)) {
                self.tell(side, origin, "fin", || {
                    "no more bytes from this side".to_owned()
                });
            }
            if let Some(origin) = last(tcp.rst(end)) {
                self.tell(side, origin, "rst", || "connection reset".to_owned());
            }
        }
        if let Some(events) = &mut self.events {
            events.sort_by_key(|event| (event.time, event.packet));
        }
    }

    /// What one side did.
    fn conclude_side(&mut self, side: Side, tcp: &Connection, facts: &mut SideFacts) {
        let end = self.end(side);
        let stream = tcp.stream(end);
        let so_far = &self.sides[side];
        // Whoever never answered a SYN sent nothing that could be missing.
        facts.captured = tcp.has_seen(end) || self.is_unconnected();
        facts.sent = so_far.sent();
        facts.sent_frame = facts.sent.frames > 0;
        // A Close is answered next (RFC 6455 §5.5.1): one whose peer talked on has none.
        let talked_on = || {
            let heard = self.sides[side.other()].last_frame.as_ref();
            let ack = heard.and_then(|last| last.ack);
            ack.is_some_and(|ack| stream.is_started() && stream.offset(ack) >= 0)
        };
        facts.begins_behind = facts.captured
            && !stream.is_from_syn()
            && !self.has_head(side)
            && !facts.sent_frame
            && !talked_on();
        facts.last_data_frame = so_far.last_data_frame();
        facts.last_frame = so_far.last_frame.map(|last| (last.packet, last.time));
        let so_far = &mut self.sides[side];
        facts.pings = so_far.pings.take();
        if let Some(rough) = &mut so_far.rough {
            facts.violation = rough.violation;
            facts.holes = std::mem::take(&mut rough.holes);
            facts.tail = rough.tail;
            facts.inflated = rough.inflated;
        }
        facts.habits = tcp.habits(end);
        facts.acked = stream.acked();
        facts.fin = tcp.fin(end).map(|fin| mark(tcp, end, fin, fin.offset + 1));
        facts.rst = tcp.rst(end).map(|rst| mark(tcp, end, rst, u64::MAX));
        facts.outlived_rst = tcp.outlived_rst(end);
        facts.rst_forged = facts.rst.is_some() && facts.is_forged();
        facts.last_data = tcp
            .last_data(end)
            .map(|origin| (origin.packet, origin.time));
        facts.unanswered = tcp
            .resend(end)
            .map(|resend| (resend.times, resent(tcp, end, resend.offset, resend.last)));
        facts.stuck = tcp.stuck(end).map(|stuck| {
            let last = resent(tcp, end, stuck.offset, stuck.last);
            (stuck.times, stuck.heard, last)
        });
        // What was never delivered as frames, since nobody knows where they begin.
        if let Some(hole) = facts.holes.last_mut()
            && !hole.found
        {
            let plain_next = self.rare.as_ref().and_then(|rare| rare.plain_next);
            let known = hole.offset.saturating_add(hole.len);
            let end_of_all = plain_next.map_or(stream.next(), |plain| plain[end]);
            hole.len = end_of_all.saturating_sub(hole.offset);
            // Behind all plaintext other records may stand: an alert, which hides nothing.
            if plain_next.is_some() && (end_of_all > known || hole.record_end.is_none()) {
                hole.record_end = Some(stream.next());
            }
            hole.may_count_fin =
                plain_next.is_none() && tcp.fin(end).is_none() && tcp.rst(end).is_none();
        }
    }
}

/// What the sender of a packet had received of the other stream.
fn heard(tcp: &Connection, from: End, ack: Option<u32>) -> Option<u64> {
    let stream = tcp.stream(from.other());
    let ack = ack.filter(|_| stream.is_started())?;
    Some(u64::try_from(stream.offset(ack)).unwrap_or(0))
}

fn mark(tcp: &Connection, from: End, signal: Signal, end: u64) -> Mark {
    let Signal { offset, origin } = signal;
    Mark {
        start: offset,
        end,
        heard: heard(tcp, from, origin.ack),
        packet: origin.packet,
        time: origin.time,
    }
}

/// A FIN that the capture lost: something of the other side acknowledges one more than there are
/// bytes, so it came after one (RFC 9293 §3.4). Its place in time is that of the first such thing,
/// of which the sender of the FIN had heard nothing.
fn unseen_fin(end: u64, sides: &Sides<SideFacts>, side: Side) -> Option<Mark> {
    // Behind a FIN a RST stands one further.
    let own_rst = sides[side].rst;
    if own_rst.is_some_and(|rst| rst.start <= end) {
        return None;
    }
    let other = &sides[side.other()];
    let closes = other.closes.iter().map(|close| close.mark);
    let answer = closes
        .chain(other.fin)
        .find(|mark| mark.heard == Some(end + 1))?;
    Some(Mark {
        start: end,
        end: end + 1,
        heard: Some(answer.start),
        packet: answer.packet,
        time: answer.time,
    })
}

fn resent(tcp: &Connection, from: End, offset: u64, last: Origin) -> Mark {
    Mark {
        start: offset,
        end: offset,
        heard: heard(tcp, from, last.ack),
        packet: last.packet,
        time: last.time,
    }
}
