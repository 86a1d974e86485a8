//! The end of a session: what TCP knows joins what was collected.

use smallvec::SmallVec;

use super::{SentClose, Tracker};
use crate::flow::End;
use crate::session::Side;
use crate::session::facts::{
    Back, Facts, IcmpMeaning, IcmpSeen, LastSeen, Mark, Rough, SideFacts, SideSoFar, Sides,
};
use crate::tcp::{Connection, Origin, Signal};
use crate::time::Timestamp;
use crate::tls::Alert;

impl Tracker {
    /// All there is to know, with what TCP knows, once the connection is over or the capture is.
    /// `until`: up to when the capture shows what happened.
    pub fn conclude(&mut self, tcp: &Connection, until: Option<Timestamp>) -> Facts {
        let Sides { client, server } = std::mem::take(&mut self.sides);
        let talked = Sides {
            client: client.last_frame,
            server: server.last_frame,
        };
        let opening = self.take_opening();
        let is_tls = self.rare.as_ref().is_some_and(|rare| rare.tls.is_some());
        let mut all = Facts {
            opening,
            upgrade_asked: self.upgrade_asked,
            request: self.requested,
            answer: self.answer,
            answered: self.answered,
            sides: Sides {
                client: self.side_facts(Side::Client, client, talked.server, tcp),
                server: self.side_facts(Side::Server, server, talked.client, tcp),
            },
            is_tls,
            sealed: self.rare.as_mut().and_then(|rare| rare.sealed.take()),
            round_trip: tcp.round_trip(),
            burst: tcp.burst().map(|burst| {
                let Origin { packet, time, .. } = burst.first;
                (self.side(burst.from), packet, time, burst.idle)
            }),
            watched_until: until,
            back: tcp.back().map(|back| Back {
                side: self.side(back.from),
                at: (back.first.packet, back.first.time),
                times: back.times,
                silence: back.silence,
            }),
            superseded: self.superseded,
            begun: Some(self.first.time),
            unconnected: (self.rare.as_mut()).and_then(|rare| rare.unconnected.take()),
            icmp: tcp.complaint().map(|complaint| IcmpSeen {
                quoted: self.side(complaint.about),
                offset: complaint.offset,
                reporter: complaint.error.from,
                kind: complaint.error.kind,
                code: complaint.error.code,
                packet: complaint.packet,
                time: complaint.time,
            }),
        };
        for sent in self.closes.take().into_iter().flat_map(|all| *all) {
            let SentClose {
                from,
                mut close,
                ack,
            } = sent;
            close.mark.heard = heard(tcp, self.end(from), ack);
            all.sides[from].closes.push(close);
        }
        let alerts = self
            .rare
            .as_mut()
            .map(|rare| std::mem::take(&mut rare.alerts));
        for (side, alert) in alerts.into_iter().flatten() {
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
        all
    }

    /// What one side did; `heard`: the last frame of its peer.
    fn side_facts(
        &self,
        side: Side,
        so_far: SideSoFar,
        heard: Option<LastSeen>,
        tcp: &Connection,
    ) -> SideFacts {
        let SideSoFar {
            sent,
            last_data_frame,
            last_frame,
            pings,
            rough,
        } = so_far;
        let Rough {
            violation,
            holes,
            tail,
            inflated,
        } = rough.map(|rough| *rough).unwrap_or_default();
        let end = self.end(side);
        let stream = tcp.stream(end);
        // Whoever never answered a SYN sent nothing that could be missing.
        let captured = tcp.has_seen(end) || self.is_unconnected();
        // A Close is answered next (RFC 6455 §5.5.1): one whose peer talked on has none.
        let talked_on = || {
            let ack = heard.and_then(|last| last.ack);
            ack.is_some_and(|ack| stream.is_started() && stream.offset(ack) >= 0)
        };
        let sent_frame = sent.frames > 0;
        let mut facts = SideFacts {
            captured,
            begins_behind: captured
                && !stream.is_from_syn()
                && !self.has_head(side)
                && !sent_frame
                && !talked_on(),
            sent,
            sent_frame,
            closes: SmallVec::new(),
            violation,
            holes,
            tail,
            close_notify: None,
            fatal_alert: None,
            fin: tcp.fin(end).map(|fin| mark(tcp, end, fin, fin.offset + 1)),
            rst: tcp.rst(end).map(|rst| mark(tcp, end, rst, u64::MAX)),
            rst_forged: false,
            outlived_rst: tcp.outlived_rst(end),
            acked: stream.acked(),
            unanswered: tcp
                .resend(end)
                .map(|resend| (resend.times, resent(tcp, end, resend.offset, resend.last))),
            stuck: tcp.stuck(end).map(|stuck| {
                let last = resent(tcp, end, stuck.offset, stuck.last);
                (stuck.times, stuck.heard, last)
            }),
            last_data: tcp
                .last_data(end)
                .map(|origin| (origin.packet, origin.time)),
            last_data_frame,
            inflated,
            last_frame: last_frame.map(|last| (last.packet, last.time)),
            pings: pings.map(|pings| *pings).unwrap_or_default(),
            habits: tcp.habits(end),
        };
        facts.rst_forged = facts.rst.is_some() && facts.is_forged();
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
        facts
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
