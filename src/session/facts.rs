//! What is known of a session when it is over: the ground on which the verdict stands.

use super::{Clocks, Opening, Sent, Side};
use crate::capture::PacketId;
use crate::http::Fault;
use crate::time::Timestamp;
use crate::ws::{CloseFrame, Opcode, Rule, Tail};

/// A pair of things, one for each [`Side`].
#[derive(Clone, Debug, Default)]
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
    /// Offset of its first byte in its sender's stream.
    pub start: u64,
    /// Offset behind its last byte, as an acknowledgement would count it.
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
    /// The packet that showed it.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

/// What one side did.
#[derive(Clone, Debug)]
pub struct SideFacts {
    /// The capture holds packets of this side.
    pub captured: bool,
    /// Counts of what it sent.
    pub sent: Sent,
    /// A frame of it was seen.
    pub sent_frame: bool,
    /// Its Close frames, in stream order.
    pub closes: Vec<SeenClose>,
    /// The first rule it broke.
    pub violation: Option<Violation>,
    /// Where bytes are missing between frames.
    pub holes: Vec<Hole>,
    /// Where its frames stopped.
    pub tail: Tail,
    /// Its first FIN.
    pub fin: Option<Mark>,
    /// Its first RST.
    pub rst: Option<Mark>,
    /// The RST was not its own: it went on sending.
    pub rst_forged: bool,
    /// How far its peer acknowledged its stream.
    pub acked: u64,
    /// How often it repeated, last, what was never acknowledged, with nothing heard since; and
    /// the last of these packets.
    pub unanswered: Option<(u32, Mark)>,
    /// Its last packet with new bytes.
    pub last_data: Option<(PacketId, Timestamp)>,
    /// The last data message: opcode and length.
    pub last_message: Option<(Opcode, u64)>,
}

impl Default for SideFacts {
    fn default() -> Self {
        Self {
            captured: false,
            sent: Sent::default(),
            sent_frame: false,
            closes: Vec::new(),
            violation: None,
            holes: Vec::new(),
            tail: Tail::Boundary,
            fin: None,
            rst: None,
            rst_forged: false,
            acked: 0,
            unanswered: None,
            last_data: None,
            last_message: None,
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
    /// 101; with what a client must refuse it for.
    Switched(Option<Fault>),
    /// The capture lost it.
    Lost,
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
    /// How long it had been quiet when the first terminating signal came.
    pub clocks: Clocks,
    /// This session's connection went on to something else after it (another request).
    pub superseded: bool,
}

impl Side {
    /// Both, the client first.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The far side.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// `client` or `server`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}
