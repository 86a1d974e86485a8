//! What is found in the bytes of one direction.

use super::close_frame::CloseFrame;
use super::frame::{Header, Opcode};
use super::rules::Rule;
use crate::tcp::Origin;

/// What the reader found. Offsets count from the first byte of the TCP stream.
#[derive(Debug)]
pub enum Item<'a> {
    /// A frame's header is whole.
    Frame {
        /// The header.
        header: Header,
        /// Its packet.
        origin: Origin,
    },
    /// A message (text or binary) is whole.
    Message {
        /// Text or binary; `None` where its beginning was not seen.
        opcode: Option<Opcode>,
        /// Payload bytes on the wire.
        len: u64,
        /// The packet with its last byte.
        origin: Origin,
    },
    /// A Ping or Pong is whole.
    Control {
        /// Which.
        opcode: Opcode,
        /// Its payload, unmasked; cut where it is longer than legal, or lost.
        payload: &'a [u8],
        /// The packet with its last byte.
        origin: Origin,
    },
    /// A Close frame is whole.
    Close {
        /// What it says.
        frame: CloseFrame,
        /// Offset of its first byte.
        start: u64,
        /// Offset behind its last.
        end: u64,
        /// The packet with its last byte.
        origin: Origin,
    },
    /// A rule was broken.
    Violation {
        /// Which.
        rule: Rule,
        /// Offset of the frame (of the bytes, for text) that broke it.
        offset: u64,
        /// Its packet.
        origin: Origin,
        /// The frame's header.
        header: Header,
    },
    /// Bytes are missing, and with them the knowledge of where frames begin.
    Lost {
        /// Offset of the first.
        offset: u64,
        /// How many.
        len: u64,
        /// The packet that showed it.
        origin: Origin,
    },
    /// Where frames begin is known again from this offset on.
    Found {
        /// Offset of a frame's first byte.
        offset: u64,
    },
}

/// Where a stream stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Between two frames.
    Boundary,
    /// Between two frames of one message.
    InMessage,
    /// Inside of a header.
    InHeader,
    /// Inside of a frame: payload bytes seen, and announced.
    InFrame(Opcode, u64, u64),
    /// Where frames begin is not known.
    Unknown,
}

/// Whoever takes what is found.
pub(super) type Out<'o> = dyn FnMut(Item<'_>) + 'o;
