//! What is known of a session when it is over: the ground on which the verdict stands.

use smallvec::SmallVec;

pub use super::unconnected::{At, IcmpMeaning, IcmpSeen, Unconnected};
use super::{Opening, Sent, Side};
use crate::capture::PacketId;
use crate::http::Fault;
use crate::tcp::Habits;
use crate::time::Timestamp;
use crate::tls::{Sealed, Stage};
use crate::ws::{CloseFrame, Opcode, Rule, Tail};

/// A pair of things, one for each [`Side`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides<T> {
    /// Of the client.
    pub client: T,
    /// Of the server.
    pub server: T,
}

impl<T> std::ops::Index<Side> for Sides<T> {
    type Output = T;
    fn index(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl<T> std::ops::IndexMut<Side> for Sides<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

/// Something that a side sent, and what it had received by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Offset of its first byte in its sender's stream; for frames, in the stream of frames,
    /// which in TLS is another one than that of TCP.
    pub start: u64,
    /// Offset behind its last byte (in TLS, behind the record of that), as an acknowledgement
    /// would count it: always in the stream of TCP.
    /// `u64::MAX` for a RST: nobody acknowledges one.
    pub end: u64,
    /// How much of the other side's stream its sender had acknowledged with it.
    pub heard: Option<u64>,
    /// The packet.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

/// A Close frame and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenClose {
    /// What it says.
    pub frame: CloseFrame,
    /// Where it stands.
    pub mark: Mark,
}

/// A broken rule of RFC 6455 and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// Offset of the frame that broke it.
    pub offset: u64,
    /// The packet.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

/// Bytes of unknown meaning that the capture does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Offset of the first.
    pub offset: u64,
    /// How many bytes up to where frames are known again (or to the end of the stream).
    pub len: u64,
    /// Frames were found again behind it.
    pub found: bool,
    /// Only acknowledgements tell how long it is, and they count a FIN too (RFC 9293 §3.4): one
    /// byte of it may be that.
    pub may_count_fin: bool,
    /// In TLS: the offset, in the stream of TCP, behind the records that are missing.
    pub record_end: Option<u64>,
    /// The packet that showed it.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

impl Hole {
    /// The offset behind it, as an acknowledgement would count it.
    pub fn end(&self) -> u64 {
        self.record_end
            .unwrap_or_else(|| self.offset.saturating_add(self.len))
    }

    /// The least that an acknowledgement of all its bytes counts.
    pub fn least_end(&self) -> u64 {
        self.end().saturating_sub(u64::from(self.may_count_fin))
    }

    /// Its bytes may be so many.
    pub fn may_have_len(&self, len: u64) -> bool {
        self.len == len || self.may_count_fin && self.len == len.saturating_add(1)
    }
}

/// What one side did.
#[derive(Clone, Debug)]
pub struct SideFacts {
    /// The capture holds packets of this side.
    pub captured: bool,
    /// The capture begins behind all its frames, and behind the last that its peer sent but a
    /// Close: its own Close may have come before.
    pub begins_behind: bool,
    /// Counts of what it sent.
    pub sent: Sent,
    /// A frame of it was seen.
    pub sent_frame: bool,
    /// Its Close frames, in stream order: one at most, nearly always.
    pub closes: SmallVec<[SeenClose; 1]>,
    /// The first rule it broke.
    pub violation: Option<Violation>,
    /// Where bytes are missing between frames.
    pub holes: Vec<Hole>,
    /// Where its frames stopped.
    pub tail: Tail,
    /// Its close_notify (RFC 8446 §6.1).
    pub close_notify: Option<Mark>,
    /// Its first fatal alert of TLS, by number.
    pub fatal_alert: Option<(&'static str, Mark)>,
    /// Its first FIN.
    pub fin: Option<Mark>,
    /// Its first RST.
    pub rst: Option<Mark>,
    /// The RST was not its own.
    pub rst_forged: bool,
    /// It sent new bytes after its RST.
    pub outlived_rst: bool,
    /// How far its peer acknowledged its stream.
    pub acked: u64,
    /// How often it repeated, last, what was never acknowledged, with nothing heard since; and
    /// the last of these packets.
    pub unanswered: Option<(u32, Mark)>,
    /// What it repeated in vain while its peer was heard: how often, after how many of these
    /// times it was, and the last of these packets.
    pub stuck: Option<(u32, u32, Mark)>,
    /// Its last packet with new bytes.
    pub last_data: Option<(PacketId, Timestamp)>,
    /// The last data frame begun: opcode and announced length.
    pub last_data_frame: Option<LastFrame>,
    /// What its compressed messages came to.
    pub inflated: Inflated,
    /// The last frame before any Close, of whatever kind.
    pub last_frame: Option<(PacketId, Timestamp)>,
    /// Its Pings, and what became of them, where it sent any.
    pub pings: Option<Box<Pings>>,
    /// How its packets look.
    pub habits: Habits,
}

impl SideFacts {
    /// The largest of its whole messages as its peer's application got it, in bytes.
    pub fn largest_received(&self) -> u64 {
        self.sent.largest_message.max(self.inflated.largest)
    }
}

/// What compressed messages came to, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inflated {
    /// The last message, as far as it was inflated; `None` where it was not.
    pub last: Option<u64>,
    /// The largest whole one.
    pub largest: u64,
}

/// A data frame that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastFrame {
    /// What it is for.
    pub opcode: Opcode,
    /// Payload bytes announced.
    pub len: u64,
    /// Payload bytes of its message before it.
    pub before: u64,
    /// The packet of its header.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

/// The Pings of one side (RFC 6455 §5.5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pings {
    /// The first and the last.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The shortest and the longest time between two, in nanoseconds.
    pub interval: Option<(i64, i64)>,
    /// The oldest Ping that nothing has answered, and how many there are.
    pub unanswered: Option<(PacketId, Timestamp, u32)>,
    /// The last answer.
    pub answered: Option<PongSeen>,
    /// Length and first bytes of the newest Ping's payload.
    newest: (usize, [u8; 16]),
}

/// A Pong that answered the newest Ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PongSeen {
    /// How long after that Ping it came, in nanoseconds.
    pub delay: i64,
    /// Its packet.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
    /// What was unanswered until then, as in [`Pings::unanswered`].
    until_then: (PacketId, Timestamp, u32),
}

impl Pings {
    /// The shortest and the longest time between two, where they are about the same.
    pub fn steady(&self) -> Option<(i64, i64)> {
        self.interval
            .filter(|(low, high)| high.saturating_sub(*low) <= high / 5)
    }

    /// What was unanswered when this side gave its signal to end, and the Pong that came too
    /// late for it.
    pub fn unanswered_at(
        &self,
        end: Timestamp,
    ) -> Option<((PacketId, Timestamp, u32), Option<PongSeen>)> {
        match self.answered.as_ref().filter(|pong| pong.time > end) {
            Some(late) => Some((late.until_then, Some(*late))),
            None => Some((self.unanswered?, None)),
        }
    }

    /// This side sent a Ping.
    pub fn ping(&mut self, payload: &[u8], packet: PacketId, time: Timestamp) {
        if let Some((_, last)) = self.span {
            let (low, high) = self.interval.unwrap_or((i64::MAX, 0));
            let interval = time.since(last);
            self.interval = Some((low.min(interval), high.max(interval)));
        }
        self.span = Some((self.span.map_or(time, |(first, _)| first), time));
        let (first, since, count) = self.unanswered.unwrap_or((packet, time, 0));
        self.unanswered = Some((first, since, count.saturating_add(1)));
        self.newest = digest(payload);
    }

    /// The other side sent a Pong. One that does not answer the newest Ping is unsolicited, or
    /// answers an older one (RFC 6455 §5.5.3 allows both).
    pub fn pong(&mut self, payload: &[u8], packet: PacketId, time: Timestamp) {
        let Some(((_, last), until_then)) = self.span.zip(self.unanswered) else {
            return;
        };
        if digest(payload) == self.newest {
            self.unanswered = None;
            self.answered = Some(PongSeen {
                delay: time.since(last),
                packet,
                time,
                until_then,
            });
        }
    }
}

fn digest(payload: &[u8]) -> (usize, [u8; 16]) {
    let mut first = [0; 16];
    first
        .iter_mut()
        .zip(payload)
        .for_each(|(place, &byte)| *place = byte);
    (payload.len(), first)
}

impl Default for SideFacts {
    fn default() -> Self {
        Self {
            captured: false,
            begins_behind: false,
            sent: Sent::default(),
            sent_frame: false,
            closes: SmallVec::new(),
            violation: None,
            holes: Vec::new(),
            tail: Tail::Boundary,
            close_notify: None,
            fatal_alert: None,
            fin: None,
            rst: None,
            rst_forged: false,
            outlived_rst: false,
            acked: 0,
            unanswered: None,
            stuck: None,
            last_data: None,
            last_data_frame: None,
            inflated: Inflated::default(),
            last_frame: None,
            pings: None,
            habits: Habits::default(),
        }
    }
}

/// What the opening was answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    #[default]
    None,
    /// Something other than 101.
    Refused(u16),
    /// Bytes that are no HTTP.
    NotHttp,
    /// An alert of TLS, by its name: it wanted TLS.
    TlsAlert(&'static str),
    /// 101; with what a client must refuse it for.
    Switched(Option<Fault>),
    /// The capture lost it.
    Lost,
}

/// A side that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    /// Which.
    pub side: Side,
    /// Its first packet.
    pub at: At,
    /// How often its peer had sent the same bytes.
    pub times: u32,
    /// How long nothing had come, in nanoseconds.
    pub silence: i64,
}

/// Everything the verdict is made of.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What the opening said.
    pub opening: Opening,
    /// The request asks for a WebSocket with `Upgrade`, as it must.
    pub upgrade_asked: bool,
    /// The request's packet.
    pub request: Option<(PacketId, Timestamp)>,
    /// What came back.
    pub answer: Answer,
    /// The answer's packet.
    pub answered: Option<(PacketId, Timestamp)>,
    /// What each side did.
    pub sides: Sides<SideFacts>,
    /// TLS is around it.
    pub is_tls: bool,
    /// Nothing but TLS was seen of it.
    pub sealed: Option<Box<Sealed>>,
    /// One round trip, in nanoseconds.
    pub round_trip: Option<i64>,
    /// The last time that bytes came after a long silence: who sent them, the packet, and how
    /// long the silence was, in nanoseconds.
    pub burst: Option<(Side, PacketId, Timestamp, i64)>,
    /// The capture's last packet, of whatever connection.
    pub watched_until: Option<Timestamp>,
    /// The last time that a side was heard again while its peer repeated itself.
    pub back: Option<Back>,
    /// This session's connection went on to something else after it (another request).
    pub superseded: bool,
    /// When the connection began.
    pub begun: Option<Timestamp>,
    /// No request could be sent at all.
    pub unconnected: Option<Unconnected>,
    /// The last ICMP error about something that was not acknowledged then.
    pub icmp: Option<IcmpSeen>,
}

impl SideFacts {
    /// The marks that this side's RST is somebody else's, in words.
    ///
    /// A side that goes on sending knows nothing of its RST. Of the others two are asked for
    /// (see [`Self::is_forged`]), since NATs and load balancers send odd packets too.
    pub fn forged_marks(&self) -> Vec<String> {
        let mut marks = Vec::new();
        if self.outlived_rst {
            marks.push("it went on sending".to_owned());
        }
        let Some(rst) = self.habits.rst else {
            return marks;
        };
        if let Some((low, high)) = self.habits.ttl
            && (rst.ttl.saturating_add(2) <= low || rst.ttl >= high.saturating_add(2))
        {
            let usual = if low == high {
                low.to_string()
            } else {
                format!("{low} to {high}")
            };
            marks.push(format!("its time to live is {} and not {usual}", rst.ttl));
        }
        // Only where the side counts its packets is a number out of turn a mark (RFC 6864 lets
        // them be anything); resets for unknown connections carry 0.
        if let (Some(id), [Some(last), Some(before)]) = (rst.ip_id, self.habits.ip_ids)
            && (1..=16).contains(&last.wrapping_sub(before))
            && id != 0
            && id.wrapping_sub(last) > 1024
        {
            marks.push(format!(
                "its IP identification {id} is out of turn after {last}"
            ));
        }
        if rst.steps > 0 {
            marks.push(format!(
                "{} more followed with other sequence numbers",
                rst.steps
            ));
        }
        marks
    }

    /// Its RST is somebody else's.
    pub fn is_forged(&self) -> bool {
        self.outlived_rst || self.forged_marks().len() >= 2
    }
}

impl Facts {
    /// The last SYN of an attempt that nothing answered.
    pub fn unanswered_syn(&self) -> Option<At> {
        match self.unconnected {
            Some(Unconnected::Syn {
                last, reset: None, ..
            }) if self.icmp.is_none() => Some(last),
            _ => None,
        }
    }

    /// It failed in the TLS handshake. A server may refuse a client's certificate once the client
    /// takes the handshake for done (RFC 8446 §4.4.2.4) and has sent its request.
    pub fn failed_in_tls(&self) -> bool {
        let server = &self.sides.server;
        match &self.sealed {
            Some(sealed) => sealed.stage == Stage::Handshake,
            None => self.is_tls && self.answer == Answer::None && server.fatal_alert.is_some(),
        }
    }

    /// Nobody can tell what it carried.
    pub fn is_opaque(&self) -> bool {
        self.sealed
            .as_ref()
            .is_some_and(|sealed| sealed.stage == Stage::Opaque)
    }

    /// Both ends were reset at the same time, in the name of each other.
    pub fn has_crossed_resets(&self) -> bool {
        /// Resets of one box leave it together; a tenth of a second covers any path they take
        /// to the capture.
        const TOGETHER: i64 = 100_000_000;
        let Sides { client, server } = &self.sides;
        let no_fin = client.fin.is_none() && server.fin.is_none();
        let outlived = client.outlived_rst || server.outlived_rst;
        match (client.rst, server.rst) {
            (Some(one), Some(other)) => {
                no_fin && !outlived && one.time.since(other.time).saturating_abs() <= TOGETHER
            }
            _ => false,
        }
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
