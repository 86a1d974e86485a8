//! Collects what is known of one WebSocket while its packets pass.

mod conclude;

use std::num::NonZeroU64;

use super::facts::{
    Answer, At, Hole, LastFrame, LastSeen, Mark, SeenClose, SideSoFar, Sides, Unconnected,
    Violation,
};
use super::{Anomaly, Event, Opening, Said, Sent, Side, Tls};
use crate::capture::PacketId;
use crate::flow::{End, Pair};
use crate::http::{Fault, Request, Response, check_answer};
use crate::limits;
use crate::tcp::Origin;
use crate::time::Timestamp;
use crate::tls::{Alert, Sealed};
use crate::ws::{Compression, Flaw, Header, Inflated, Item, Opcode, Place, Rule, Tail};

/// One session under way.
#[derive(Clone, Debug)]
pub struct Tracker {
    /// The end that opened it.
    pub client: End,
    /// Its first packet.
    pub first: Origin,
    /// Its connection goes on to something else.
    pub superseded: bool,
    /// When the 101 was whole.
    pub opened: Option<Timestamp>,
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
    /// Until it is answered with a 101.
    request: Option<Box<Request>>,
    /// What it said, once it was answered.
    opening: Opening,
    /// Of both sides, in the order of the capture.
    closes: Option<Box<Closes>>,
}

type Closes = Vec<SentClose>;

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
            first,
            superseded: false,
            opened: None,
            events: story.then(Box::default),
            rare: None,
            compression: Compression::None,
            upgrade_asked: false,
            requested: None,
            heard_before: None,
            answer: Answer::default(),
            answered: None,
            sides: Sides::default(),
            request: None,
            opening: Opening::default(),
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
                let said = Said {
                    host: Some(target),
                    ..Said::default()
                };
                tracker.opening = Opening::new(&said, Some(*status));
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
        match &self.request {
            Some(request) => request.host(),
            None => self.opening.host(),
        }
    }

    /// Request target.
    pub fn path(&self) -> Option<&str> {
        match &self.request {
            Some(request) => Some(request.path()),
            None => self.opening.path(),
        }
    }

    /// What the request said.
    fn asked(&self) -> Said<'_> {
        match &self.request {
            Some(request) => Said {
                host: request.host(),
                path: Some(request.path()),
                origin: request.origin(),
                user_agent: request.user_agent(),
                key: request.key(),
                ..Said::default()
            },
            None => self.opening.said(),
        }
    }

    /// Takes what the opening said.
    fn take_opening(&mut self) -> Opening {
        if self.request.is_some() && self.opening.http_status.is_none() {
            let credentials = self.opening.credentials;
            self.opening = Opening::new(&self.asked(), None);
            self.opening.credentials = credentials;
        }
        std::mem::take(&mut self.opening)
    }

    /// What each side sent so far.
    pub fn sent(&self) -> Sides<Sent> {
        Sides {
            client: self.sides.client.sent,
            server: self.sides.server.sent,
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
    pub fn handle_request(&mut self, request: Box<Request>, origin: Origin) {
        self.requested = Some((origin.packet, origin.time));
        self.heard_before = origin.ack;
        self.upgrade_asked = request.upgrades;
        self.opening.credentials = request.credentials;
        self.tell(Side::Client, origin, "opening", || {
            format!("{} {}", request.method(), request.path())
        });
        self.request = Some(request);
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
        let fault = self
            .request
            .as_deref()
            .and_then(|request| check_answer(request, response));
        self.answer = Answer::Switched(fault);
        self.opened = Some(origin.time);
        self.answered(response, origin);
        self.request = None;
        if let Some(fault) = fault {
            let (rule, detail) = describe(fault);
            self.note(rule, Side::Server, origin, detail.to_owned());
        }
    }

    fn answered(&mut self, response: &Response, origin: Origin) {
        let said = Said {
            subprotocol: response.protocol(),
            extensions: response.extensions(),
            server_software: response.server(),
            ..self.asked()
        };
        let credentials = self.opening.credentials;
        self.opening = Opening::new(&said, Some(response.status));
        self.opening.credentials = credentials;
        self.answered = Some((origin.packet, origin.time));
        self.tell(Side::Server, origin, "answer", || {
            format!("HTTP status {}", response.status)
        });
    }

    /// What the frames of one side came to.
    pub fn handle_item(&mut self, side: Side, item: Item<'_>) {
        let facts = &mut self.sides[side];
        match item {
            Item::Frame { header, origin } => {
                facts.sent.frames += 1;
                if !header.opcode.is_control() {
                    facts.sent.bytes = facts.sent.bytes.saturating_add(header.len);
                    let before = facts
                        .last_data_frame
                        .filter(|_| header.opcode == Opcode::CONTINUATION);
                    facts.last_data_frame = Some(LastFrame {
                        opcode: before.map_or(header.opcode, |before| before.opcode),
                        len: header.len,
                        before: before.map_or(0, |before| before.before.saturating_add(before.len)),
                        packet: origin.packet,
                        time: origin.time,
                    });
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
                facts.sent.messages += 1;
                facts.sent.largest_message = facts.sent.largest_message.max(len);
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
                if opcode == Opcode::PING {
                    facts.sent.pings += 1;
                    let pings = facts.pings.get_or_insert_default();
                    pings.ping(payload, packet, time);
                } else {
                    facts.sent.pongs += 1;
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
                let closes = self.closes.get_or_insert_default();
                let of_side = closes.iter().filter(|close| close.from == side);
                if of_side.count() < limits::MAX_CLOSES {
                    let mark = Mark {
                        start,
                        end: origin.record_end.map_or(end, NonZeroU64::get),
                        heard: None,
                        packet: origin.packet,
                        time: origin.time,
                    };
                    // There are two at most, nearly always: no room for more.
                    closes.reserve_exact(1);
                    closes.push(SentClose {
                        from: side,
                        close: SeenClose { frame, mark },
                        ack: origin.ack,
                    });
                }
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
    /// the other's code, is of an end that minded nothing.
    pub fn may_have_failed(&self, side: Side) -> bool {
        let closes = || self.closes.iter().flat_map(|closes| closes.iter());
        let Some(own) = closes().find(|sent| sent.from == side) else {
            return true;
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
