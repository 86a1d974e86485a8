//! What the tests of streams, and of the layers above them, build on.

use std::net::IpAddr;

use super::{Chunk, Origin};
use crate::capture::PacketId;
use crate::decode::{Flags, Segment, Tunnels};
use crate::time::Timestamp;

/// Packet `number` of the first file, at so many milliseconds.
pub(crate) fn origin_at(number: u64, millis: i64) -> Origin {
    Origin {
        packet: PacketId::new(0, number),
        time: at(millis),
        ack: None,
        record_end: None,
    }
}

/// Packet `number` of the first file, a millisecond after the one before.
pub(crate) fn origin(number: u64) -> Origin {
    origin_at(number, i64::try_from(number).unwrap_or(i64::MAX))
}

/// So many milliseconds after the epoch.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos(millis * 1_000_000)
}

/// Everything that a stream handed on, as long as the chunks follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Got {
    /// Data bytes, without the gaps.
    pub(crate) bytes: Vec<u8>,
    /// Offset and length of each gap.
    pub(crate) gaps: Vec<(u64, u64)>,
    /// Offset behind the last chunk.
    pub(crate) end: u64,
}

impl Got {
    /// Takes the next chunk, which has to begin where the last one ended.
    pub(crate) fn take(&mut self, chunk: Chunk<'_>) {
        assert_eq!(chunk.offset(), self.end, "chunks follow each other");
        match chunk {
            Chunk::Data { bytes, .. } => {
                assert!(!bytes.is_empty(), "a chunk of data holds some");
                self.bytes.extend_from_slice(bytes);
                self.end += bytes.len() as u64;
            }
            Chunk::Gap { offset, len, .. } => {
                assert!(len > 0, "a gap has a length");
                self.gaps.push((offset, len));
                self.end += len;
            }
        }
    }
}

/// A segment between two hosts; which of them sent it is told apart from it.
pub(crate) fn segment(flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Segment<'_> {
    Segment {
        src: IpAddr::from([10, 0, 0, 1]).into(),
        dst: IpAddr::from([10, 0, 0, 2]).into(),
        src_port: 50_000,
        dst_port: 80,
        seq,
        ack,
        flags: Flags(flags),
        window: 64_000,
        options: &[],
        payload,
        wire_len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
        ttl: 64,
        ip_id: None,
        vlan: None,
        tunnel: &Tunnels::NONE,
    }
}
