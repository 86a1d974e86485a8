//! Collects what is known of one WebSocket while its packets pass.

mod conclude;
mod side;

use std::num::NonZeroU64;

use super::facts::{Answer, At, Hole, Mark, SeenClose, Sides, Unconnected, Violation};
use super::{Anomaly, Event, Opening, Sent, Side, Tls};
use crate::capture::PacketId;
use crate::flow::{End, Pair};
use crate::http::{Asking, Fault, Request, Response, check_answer};
use crate::limits;
use crate::tcp::Origin;
use crate::time::Timestamp;
use crate::tls::{Alert, Sealed};
use crate::ws::{Compression, Flaw, Header, Inflated, Item, Opcode, Place, Rule, Tail};
use side::{LastSeen, SideSoFar};

/// One session under way.
#[derive(Clone, Debug)]
pub struct Tracker {
    /// The end that opened it.
    pub client: End,
    /// Its first packet.
    pub first: At,
    /// Its connection goes on to something else.
    pub superseded: bool,
    /// Its story, where asked for.
    pub events: Option<Box<Vec<Event>>>,
    /// What few sessions have.
    pub rare: Option<Box<Rare>>,
    compression: Compression,
    upgrade_asked: bool,
    requested: Option<(PacketId, Timestamp)>,
    /// What the request's packet acknowledged: the answer comes behind it.
    pub heard_before: Option<u32>,
    answer: Answer,
    answered: Option<(PacketId, Timestamp)>,
    sides: Sides<SideSoFar>,
    asking: Asking,
    status: Option<u16>,
    credentials: Option<NonZeroU64>,
    /// A part of the request is missing.
    is_request_cut: bool,
    closes: Option<Box<Closes>>,
}

/// Close frames of both sides, in the order of the capture: two at most, nearly always.
#[derive(Clone, Debug, Default)]
struct Closes {
    first: [Option<SentClose>; 2],
    more: Vec<SentClose>,
}

impl Closes {
    fn push(&mut self, close: SentClose) {
        let of_side = self.iter().filter(|known| known.from == close.from);
        if of_side.count() >= limits::MAX_CLOSES {
            return;
        }
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(close),
            None => self.more.push(close),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &SentClose> {
        self.first.iter().flatten().chain(&self.more)
    }
}

/// A Close, and what its packet acknowledges.
#[derive(Clone, Debug)]
struct SentClose {
    from: Side,
    close: SeenClose,
    ack: Option<u32>,
}

/// What few sessions have, apart so that the others take less memory.
#[derive(Clone, Debug, Default)]
pub struct Rare {
    /// What was not as it should be.
    pub anomalies: Vec<Anomaly>,
    /// The TLS around it.
    pub tls: Option<Tls>,
    /// In TLS: how far the plaintext of each end reached.
    pub plain_next: Option<Pair<u64>>,
    alerts: Vec<(Side, Alert)>,
    sealed: Option<Box<Sealed>>,
    unconnected: Option<Unconnected>,
}

impl Tracker {
    /// A session whose first packet is `first`; `story` keeps its events.
    pub fn new(client: End, first: Origin, story: bool) -> Self {
        Self {
            client,
            first: (first.packet, first.time),
            superseded: false,
            events: story.then(Box::default),
            rare: None,
            compression: Compression::None,
            upgrade_asked: false,
            requested: None,
            heard_before: None,
            answer: Answer::default(),
            answered: None,
            sides: Sides::default(),
            asking: Asking::default(),
            status: None,
            credentials: None,
            is_request_cut: false,
            closes: None,
        }
    }

    /// An attempt of `client` that never came to a request.
    pub fn unconnected(client: End, first: Origin, what: Unconnected, story: bool) -> Self {
        let mut tracker = Self::new(client, first, story);
        match &what {
            Unconnected::Syn { sent, .. } => tracker.tell(Side::Client, first, "syn", || {
                let plural = if *sent == 1 { "" } else { "s" };
                format!("asked for a connection {sent} time{plural}")
            }),
            Unconnected::Tunnel {
                target,
                status,
                asked,
                answered,
            } => {
                tracker.asking = Asking::of_tunnel(target);
                tracker.status = Some(*status);
                let at = |&(packet, time): &At| Origin {
                    packet,
                    time,
                    ack: None,
                    record_end: None,
                };
                tracker.tell(Side::Client, at(asked), "opening", || {
                    format!("CONNECT {target}")
                });
                tracker.tell(Side::Server, at(answered), "answer", || {
                    format!("HTTP status {status}")
                });
            }
        }
        tracker.rare().unconnected = Some(what);
        tracker
    }

    /// What few sessions have.
    pub fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// It never came to a request.
    pub fn is_unconnected(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| rare.unconnected.is_some())
    }

    /// Which side an end is.
    pub fn side(&self, end: End) -> Side {
        if end == self.client {
            Side::Client
        } else {
            Side::Server
        }
    }

    /// `Host` of the request.
    pub fn host(&self) -> Option<&str> {
        self.asking.host()
    }

    /// Request target.
    pub fn path(&self) -> Option<&str> {
        self.asking.path()
    }

    /// When the 101 was whole.
    pub fn opened(&self) -> Option<Timestamp> {
        let (_, time) = self.answered?;
        matches!(self.answer, Answer::Switched(_)).then_some(time)
    }

    /// Takes what the opening said.
    fn take_opening(&mut self) -> Opening {
        let asking = std::mem::take(&mut self.asking);
        Opening::of(
            asking.into_texts(self.status.is_some()),
            self.status,
            self.credentials.map(NonZeroU64::get),
        )
    }

    /// What each side sent so far.
    pub fn sent(&self) -> Sides<Sent> {
        Sides {
            client: self.sides.client.sent(),
            server: self.sides.server.sent(),
        }
    }

    /// Keeps of its story the opening and the latest, so many events at most.
    pub fn shorten_story(&mut self, most: usize) {
        if let Some(events) = &mut self.events
            && events.len() > most
        {
            let opening = limits::LIVE_EVENTS_AT_OPENING.min(most);
            let latest = events.len() - (most - opening);
            events.drain(opening..latest);
        }
    }

    /// The request, or the answer to it, was seen.
    pub fn has_head(&self, side: Side) -> bool {
        match side {
            Side::Client => self.requested.is_some(),
            Side::Server => self.answered.is_some(),
        }
    }

    /// What the opening agreed on about compression.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The request.
    pub fn handle_request(&mut self, request: Request, origin: Origin) {
        self.requested = Some((origin.packet, origin.time));
        self.heard_before = origin.ack;
        self.upgrade_asked = request.upgrades;
        self.credentials = request.credentials;
        self.is_request_cut = request.is_cut;
        self.tell(Side::Client, origin, "opening", || {
            format!("{} {}", request.method(), request.path())
        });
        self.asking = request.asking;
    }

    /// An answer that refuses.
    pub fn handle_refusal(&mut self, response: &Response, origin: Origin) {
        self.answer = Answer::Refused(response.status);
        self.answered(response, origin);
    }

    /// The answer refused.
    pub const fn is_refused(&self) -> bool {
        matches!(self.answer, Answer::Refused(_))
    }

    /// One side has sent a Close.
    pub const fn has_close(&self) -> bool {
        self.closes.is_some()
    }

    /// An answer that is no HTTP; `alert`: the name of the TLS alert that it is.
    pub fn handle_garbage(&mut self, origin: Origin, alert: Option<&'static str>) {
        self.answer = alert.map_or(Answer::NotHttp, Answer::TlsAlert);
        self.answered = Some((origin.packet, origin.time));
        self.tell(Side::Server, origin, "answer", || match alert {
            Some(alert) => format!("not HTTP, but a TLS alert: {alert}"),
            None => "not HTTP".to_owned(),
        });
    }

    /// The 101, or, without one, the knowledge that frames follow.
    pub fn handle_opened(&mut self, response: Option<&Response>, origin: Origin) {
        let Some(response) = response else {
            self.answer = Answer::Lost;
            self.compression = Compression::Unknown;
            return;
        };
        self.compression = if response.is_cut {
            Compression::Unknown
        } else {
            Compression::agreed(response.extensions())
        };
        // What is missing may stand in the part that was not captured.
        let is_whole = self.requested.is_some() && !self.is_request_cut && !response.is_cut;
        let fault = is_whole
            .then(|| check_answer(&self.asking, response))
            .flatten();
        self.answer = Answer::Switched(fault);
        self.answered(response, origin);
        if let Some(fault) = fault {
            let (rule, detail) = describe(fault);
            self.note(rule, Side::Server, origin, detail.to_owned());
        }
    }

    fn answered(&mut self, response: &Response, origin: Origin) {
        let status = response.status;
        self.status = Some(status);
        self.asking.settle(&response.answering);
        self.answered = Some((origin.packet, origin.time));
        self.tell(Side::Server, origin, "answer", || {
            format!("HTTP status {status}")
        });
    }

    /// What the frames of one side came to.
    pub fn handle_item(&mut self, side: Side, item: Item<'_>) {
        let facts = &mut self.sides[side];
        match item {
            Item::Frame { header, origin } => {
                facts.note_frame();
                if !header.opcode.is_control() {
                    facts.note_data(header.opcode, header.len, origin);
                }
                if self.closes.is_none() && header.opcode != Opcode::CLOSE {
                    let Origin {
                        packet, time, ack, ..
                    } = origin;
                    facts.last_frame = Some(LastSeen { packet, time, ack });
                }
            }
            Item::Message {
                opcode,
                len,
                origin,
            } => {
                facts.note_message(len);
                self.tell(side, origin, "message", || {
                    let plural = if len == 1 { "" } else { "s" };
                    format!(
                        "{}, {len} byte{plural}",
                        opcode.map_or("message", Opcode::name)
                    )
                });
            }
            Item::Control {
                opcode,
                payload,
                origin,
            } => {
                let Origin { packet, time, .. } = origin;
                facts.note_control(opcode == Opcode::PING);
                if opcode == Opcode::PING {
                    let pings = facts.pings.get_or_insert_default();
                    pings.ping(payload, packet, time);
                } else {
                    if let Some(pings) = &mut self.sides[side.other()].pings {
                        pings.pong(payload, packet, time);
                    }
                }
                let len = payload.len();
                self.tell(side, origin, opcode.name(), || format!("{len} bytes"));
            }
            Item::Close {
                frame,
                start,
                end,
                origin,
            } => {
                self.tell(side, origin, "close", || {
                    let code = frame
                        .code()
                        .map_or_else(|| "no code".to_owned(), |code| code.to_string());
                    frame
                        .reason()
                        .map_or(code.clone(), |reason| format!("{code} {reason}"))
                });
                let mark = Mark {
                    start,
                    end: origin.record_end.map_or(end, NonZeroU64::get),
                    heard: None,
                    packet: origin.packet,
                    time: origin.time,
                };
                self.closes.get_or_insert_default().push(SentClose {
                    from: side,
                    close: SeenClose { frame, mark },
                    ack: origin.ack,
                });
            }
            Item::Violation {
                rule,
                offset,
                origin,
                header,
            } => {
                let violation = Violation {
                    rule,
                    offset,
                    packet: origin.packet,
                    time: origin.time,
                };
                facts.note_violation(violation);
                self.note(rule.name(), side, origin, particulars(rule, &header));
            }
            Item::Lost {
                offset,
                len,
                origin,
            } => {
                // Holes that nothing was found between are one.
                let record_end = origin.record_end.map(NonZeroU64::get);
                let holes = &mut facts.rough().holes;
                if let Some(hole) = holes.last_mut().filter(|hole| !hole.found) {
                    hole.record_end = record_end;
                    hole.len = offset.saturating_add(len).saturating_sub(hole.offset);
                } else if holes.len() < limits::MAX_HOLES {
                    let (packet, time) = (origin.packet, origin.time);
                    holes.push(Hole {
                        offset,
                        len,
                        found: false,
                        may_count_fin: false,
                        record_end,
                        packet,
                        time,
                    });
                }
                self.tell(side, origin, "gap", || {
                    format!("{len} bytes are not in the capture")
                });
            }
            Item::Found { offset } => {
                if let Some(hole) = facts.rough().holes.last_mut() {
                    hole.found = true;
                    hole.len = offset.saturating_sub(hole.offset);
                }
            }
        }
    }

    /// An alert of TLS.
    pub fn handle_alert(&mut self, side: Side, alert: Alert) {
        let alerts = &mut self.rare().alerts;
        let is_first = !alerts.iter().any(|&(known, _)| known == side);
        if alert.is_end() && is_first {
            alerts.push((side, alert));
        }
        self.tell(side, alert.origin, "alert", || alert.name().to_owned());
    }

    /// All that there is: TLS that nothing could be read of.
    pub fn handle_sealed(&mut self, sealed: Sealed) {
        for end in End::BOTH {
            if let Some(alert) = sealed.outlines[end].alert {
                self.handle_alert(self.side(end), alert);
            }
        }
        let rare = self.rare();
        if let Some(tls) = &mut rare.tls {
            tls.stage = Some(sealed.stage);
        }
        rare.sealed = Some(Box::new(sealed));
    }

    /// Where the frames of one side stopped.
    pub fn handle_tail(&mut self, side: Side, tail: Tail) {
        if tail != Tail::Boundary {
            self.sides[side].rough().tail = tail;
        }
    }

    /// This side may have failed the connection because of what it received, as far as its own
    /// Close tells (RFC 6455 §7.1.7). One with a code that finds no fault, and one that only repeats
    /// the other's code, is of an end that minded nothing; without one it has failed nothing that
    /// it did not cut.
    pub fn may_have_failed(&self, side: Side, may_have_cut: bool) -> bool {
        let closes = || self.closes.iter().flat_map(|closes| closes.iter());
        let Some(own) = closes().find(|sent| sent.from == side) else {
            return may_have_cut;
        };
        let code = own.close.frame.code();
        let answers = |sent: &SentClose| code.is_some() && sent.close.frame.code() == code;
        let mut before = closes().take_while(|sent| sent.from != side);
        !own.close.frame.finds_no_fault() && !before.any(answers)
    }

    /// What the compressed messages of one side came to.
    pub fn handle_inflated(&mut self, side: Side, inflated: &Inflated) {
        let facts = &mut self.sides[side];
        if inflated.last.is_some() || inflated.largest > 0 {
            let rough = facts.rough();
            (rough.inflated.last, rough.inflated.largest) = (inflated.last, inflated.largest);
        }
        for &Flaw { rule, place } in &inflated.flaws {
            let Place {
                offset,
                opcode,
                packet,
                time,
            } = place;
            facts.note_violation(Violation {
                rule,
                offset,
                packet,
                time,
            });
            // Found when all is over, told in its place.
            let anomalies = &mut self.rare.get_or_insert_default().anomalies;
            let behind = anomalies.iter().rposition(|known| known.packet <= packet);
            let at = behind.map_or(0, |at| at + 1);
            anomalies.insert(
                at,
                Anomaly {
                    rule: rule.name(),
                    from: side,
                    packet,
                    time,
                    detail: format!("{} frame", opcode.name()),
                },
            );
            anomalies.truncate(limits::MAX_ANOMALIES);
        }
    }

    fn end(&self, side: Side) -> End {
        match side {
            Side::Client => self.client,
            Side::Server => self.client.other(),
        }
    }

    fn note(&mut self, rule: &'static str, from: Side, origin: Origin, detail: String) {
        let anomalies = &mut self.rare().anomalies;
        if anomalies.len() < limits::MAX_ANOMALIES {
            anomalies.push(Anomaly {
                rule,
                from,
                packet: origin.packet,
                time: origin.time,
                detail,
            });
        }
    }

    fn tell(
        &mut self,
        from: Side,
        origin: Origin,
        kind: &'static str,
        detail: impl FnOnce() -> String,
    ) {
        if let Some(events) = &mut self.events {
            events.push(Event {
                time: origin.time,
                packet: origin.packet,
                from,
                kind,
                detail: detail(),
            });
        }
    }
}

fn describe(fault: Fault) -> (&'static str, &'static str) {
    match fault {
        Fault::Upgrade => (
            "upgrade-bad-accept",
            "the 101 does not name websocket in Upgrade",
        ),
        Fault::Connection => (
            "upgrade-bad-accept",
            "the 101 does not name upgrade in Connection",
        ),
        Fault::Accept => (
            "upgrade-bad-accept",
            "Sec-WebSocket-Accept does not belong to the key",
        ),
        Fault::Extension => (
            "extension-mismatch",
            "an extension that the client did not offer",
        ),
        Fault::Subprotocol => (
            "subprotocol-mismatch",
            "a subprotocol that the client did not offer",
        ),
    }
}

fn particulars(rule: Rule, header: &Header) -> String {
    let opcode = header.opcode;
    match rule {
        Rule::ReservedOpcode => format!("opcode 0x{:x}", opcode.0),
        Rule::ReservedBit | Rule::CompressionNotNegotiated => {
            format!("RSV bits {:03b} on a {} frame", header.rsv, opcode.name())
        }
        Rule::ControlTooLong | Rule::NonMinimalLength | Rule::LengthMsb => {
            format!("{} frame of {} bytes", opcode.name(), header.len)
        }
        _ => format!("{} frame", opcode.name()),
    }
}
