//! What few connections have seen happen.

use super::Origin;
use crate::capture::PacketId;
use crate::decode::IcmpError;
use crate::flow::End;
use crate::time::Timestamp;

/// Bytes that were sent again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    /// Where in the stream they begin.
    pub offset: u64,
    /// How often they were sent, the first time included.
    pub times: u32,
    /// The last time.
    pub last: Origin,
}

/// An end was heard again after bytes for it had been repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    /// Who came back.
    pub from: End,
    /// Its first packet.
    pub first: Origin,
    /// How often its peer had sent the same bytes.
    pub times: u32,
    /// How long nothing had come, in nanoseconds.
    pub silence: i64,
}

/// An ICMP error about a segment of this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What it says.
    pub error: IcmpError,
    /// Who had sent the segment.
    pub about: End,
    /// Where in its stream that stands.
    pub offset: u64,
    /// The packet of the error.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

/// New bytes after a long silence of both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Who broke the silence.
    pub from: End,
    /// The packet that did.
    pub first: Origin,
    /// How long the silence was, in nanoseconds.
    pub idle: i64,
}
