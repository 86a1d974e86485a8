//! TCP: from segments to two ordered streams of bytes and holes, and the facts of a connection.
//!
//! In: [`Segment`](crate::decode::Segment)s. Out: [`Chunk`]s, by reference wherever the bytes
//! come in order; and, once the connection is over, its [`Connection`] with what was seen.

mod connection;
mod habits;
mod half;
mod held;
mod noted;
mod seen;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
mod waiting;

pub use connection::{Connection, Handled};
pub use habits::{Habits, RstMarks};
pub use half::{Signal, Stuck};
pub(crate) use noted::Noted;
pub use seen::{Burst, Complaint, Resend, Return};
pub use stream::Stream;
pub use waiting::Waiting;

use std::num::NonZeroU64;

use crate::capture::PacketId;
use crate::time::Timestamp;

/// Where bytes come from: the packet that held the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The packet.
    pub packet: PacketId,
    /// When it was captured.
    pub time: Timestamp,
    /// The acknowledgement number it carried: what its sender had received by then. It tells
    /// the order of things sent by the two ends, whatever order the capture has them in.
    pub ack: Option<u32>,
    /// Where the bytes came wrapped in a record (TLS): the offset in the TCP stream behind the
    /// record that held the last of them. Only with all of it could the receiver read them.
    pub record_end: Option<NonZeroU64>,
}

/// The one currency of streams: bytes in order, or the knowledge that some are missing.
#[derive(Clone, Copy, Debug)]
pub enum Chunk<'a> {
    /// Bytes.
    Data {
        /// Position in the stream; 0 is the first byte after the SYN.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
        /// Their packet.
        origin: Origin,
    },
    /// Bytes that the capture does not hold.
    Gap {
        /// Position of the first.
        offset: u64,
        /// How many.
        len: u64,
        /// The packet that showed it.
        origin: Origin,
    },
}

impl Chunk<'_> {
    /// Position of its first byte in the stream.
    pub const fn offset(&self) -> u64 {
        match *self {
            Chunk::Data { offset, .. } | Chunk::Gap { offset, .. } => offset,
        }
    }

    /// Its packet.
    pub const fn origin(&self) -> Origin {
        match *self {
            Chunk::Data { origin, .. } | Chunk::Gap { origin, .. } => origin,
        }
    }
}
