//! What one side did while its session goes on.

use crate::capture::PacketId;
use crate::session::Sent;
use crate::session::facts::{Hole, Inflated, LastFrame, Pings, Violation};
use crate::tcp::Origin;
use crate::time::Timestamp;
use crate::ws::{Opcode, Tail};

/// What one side did so far, while the session goes on: of the many that are open at a time each
/// should take little room.
#[derive(Clone, Debug, Default)]
pub(super) struct SideSoFar {
    counted: Counted,
    last_data_frame: Option<DataFrame>,
    /// The last frame before any Close.
    pub(super) last_frame: Option<LastSeen>,
    pub(super) pings: Option<Box<Pings>>,
    pub(super) rough: Option<Box<Rough>>,
}

/// What a side sent since it was last added up, which is done before any of these numbers gets too
/// large: none is larger than that of the frames.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    bytes: u64,
    largest_message: u64,
    frames: u32,
    messages: u32,
    pings: u32,
    pongs: u32,
}

/// A [`LastFrame`] as if its message began with it.
#[derive(Clone, Copy, Debug)]
struct DataFrame {
    opcode: Opcode,
    len: u64,
    packet: PacketId,
    time: Timestamp,
}

/// A packet, and what it acknowledges.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastSeen {
    pub(super) packet: PacketId,
    pub(super) time: Timestamp,
    pub(super) ack: Option<u32>,
}

/// What only some sides have.
#[derive(Clone, Debug)]
pub(super) struct Rough {
    pub(super) violation: Option<Violation>,
    pub(super) holes: Vec<Hole>,
    pub(super) tail: Tail,
    pub(super) inflated: Inflated,
    /// Payload bytes of the message of the last data frame before it.
    before: u64,
    /// What was added up.
    sent: Sent,
}

impl Default for Rough {
    fn default() -> Self {
        Self {
            violation: None,
            holes: Vec::new(),
            tail: Tail::Boundary,
            inflated: Inflated::default(),
            before: 0,
            sent: Sent::default(),
        }
    }
}

impl SideSoFar {
    /// All it sent so far.
    pub(super) fn sent(&self) -> Sent {
        let Counted {
            bytes,
            largest_message,
            frames,
            messages,
            pings,
            pongs,
        } = self.counted;
        let before = self.rough.as_ref().map(|rough| rough.sent);
        let before = before.unwrap_or_default();
        Sent {
            frames: before.frames + u64::from(frames),
            messages: before.messages + u64::from(messages),
            bytes: before.bytes.saturating_add(bytes),
            pings: before.pings + u64::from(pings),
            pongs: before.pongs + u64::from(pongs),
            largest_message: before.largest_message.max(largest_message),
        }
    }

    /// The last data frame begun.
    pub(super) fn last_data_frame(&self) -> Option<LastFrame> {
        let DataFrame {
            opcode,
            len,
            packet,
            time,
        } = self.last_data_frame?;
        Some(LastFrame {
            opcode,
            len,
            before: self.rough.as_ref().map_or(0, |rough| rough.before),
            packet,
            time,
        })
    }

    /// A frame begins.
    pub(super) fn note_frame(&mut self) {
        if self.counted.frames == u32::MAX {
            self.rough().sent = self.sent();
            self.counted = Counted::default();
        }
        self.counted.frames += 1;
    }

    /// A message of this length is whole.
    pub(super) fn note_message(&mut self, len: u64) {
        self.counted.messages += 1;
        self.counted.largest_message = self.counted.largest_message.max(len);
    }

    /// A Ping, or else a Pong, is whole.
    pub(super) const fn note_control(&mut self, is_ping: bool) {
        if is_ping {
            self.counted.pings += 1;
        } else {
            self.counted.pongs += 1;
        }
    }

    /// A data frame begins.
    pub(super) fn note_data(&mut self, opcode: Opcode, len: u64, origin: Origin) {
        self.counted.bytes = self.counted.bytes.saturating_add(len);
        let whole = self
            .last_data_frame
            .filter(|_| opcode == Opcode::CONTINUATION);
        if let Some(last) = whole {
            let before = &mut self.rough().before;
            *before = before.saturating_add(last.len);
        } else if let Some(rough) = &mut self.rough {
            rough.before = 0;
        }
        self.last_data_frame = Some(DataFrame {
            opcode: whole.map_or(opcode, |last| last.opcode),
            len,
            packet: origin.packet,
            time: origin.time,
        });
    }

    pub(super) fn rough(&mut self) -> &mut Rough {
        self.rough.get_or_insert_default()
    }

    /// It broke a rule: what comes first in its stream counts.
    pub(super) fn note_violation(&mut self, violation: Violation) {
        let known = &mut self.rough().violation;
        if known.is_none_or(|known| violation.offset < known.offset) {
            *known = Some(violation);
        }
    }
}
