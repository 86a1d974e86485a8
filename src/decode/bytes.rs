//! The bytes of one layer: what was captured of it, and how much is missing behind that.

use super::reason::{Header, Reason};
use crate::capture::Packet;

/// What a layer has to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes<'a> {
    /// The captured bytes.
    pub(super) data: &'a [u8],
    /// Bytes that followed them on the wire and are not in the capture.
    pub(super) lost: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn of(packet: &Packet<'a>) -> Self {
        let wire_len = usize::try_from(packet.wire_len).unwrap_or(usize::MAX);
        Self {
            data: packet.data,
            lost: wire_len.saturating_sub(packet.data.len()),
        }
    }

    /// Splits off a header of fixed length.
    #[inline]
    pub(super) fn take<const N: usize>(
        self,
        header: Header,
    ) -> Result<(&'a [u8; N], Self), Reason> {
        match self.data.split_first_chunk() {
            Some((head, data)) => Ok((head, Self { data, ..self })),
            None => Err(Reason::CutShort(header)),
        }
    }

    /// Leaves out the first `len` bytes, which belong to `header`.
    #[inline]
    pub(super) fn skip(self, len: usize, header: Header) -> Result<Self, Reason> {
        match self.data.get(len..) {
            Some(data) => Ok(Self { data, ..self }),
            None => Err(Reason::CutShort(header)),
        }
    }

    /// Takes the length that a header states over that of the packet: what lies behind is
    /// padding, what is not there was not captured.
    #[inline]
    pub(super) fn limit(self, len: usize) -> Self {
        match self.data.get(..len) {
            Some(data) => Self { data, lost: 0 },
            None => Self {
                data: self.data,
                lost: len.saturating_sub(self.data.len()),
            },
        }
    }

    /// Length on the wire.
    pub(super) fn wire_len(self) -> usize {
        self.data.len().saturating_add(self.lost)
    }

    /// The version field of an IP header, without consuming it.
    pub(super) fn first_nibble(self) -> Option<u8> {
        self.data.first().map(|byte| byte >> 4)
    }
}
