//! A packet without payload, kept until there is a connection that takes it.

use super::connection::window_scale;
use crate::capture::PacketId;
use crate::decode::{Address, Flags, Segment, Tunnels};
use crate::flow::End;
use crate::time::Timestamp;

/// What TCP needs of a packet without payload, in half of a cache line: of a scan there are many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    pub(crate) packet: PacketId,
    pub(crate) time: Timestamp,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(super) window: u16,
    /// Where [`Self::HAS_IP_ID`] is set.
    ip_id: u16,
    pub(crate) flags: Flags,
    pub(super) ttl: u8,
    /// [`NO_SCALE`] where there is none.
    scale: u8,
    marks: u8,
}

/// No shift of a window: the largest is 14 (RFC 7323 §2.3).
const NO_SCALE: u8 = u8::MAX;

impl Noted {
    const FROM_A: u8 = 1;
    const HAS_IP_ID: u8 = 2;

    #[inline]
    pub(crate) fn of(from: End, segment: &Segment<'_>, packet: PacketId, time: Timestamp) -> Self {
        let syn = segment.flags.has(Flags::SYN);
        Self {
            packet,
            time,
            seq: segment.seq,
            ack: segment.ack,
            window: segment.window,
            ip_id: segment.ip_id.unwrap_or(0),
            flags: segment.flags,
            ttl: segment.ttl,
            scale: syn
                .then(|| window_scale(segment.options))
                .flatten()
                .map_or(NO_SCALE, |shift| shift.min(NO_SCALE - 1)),
            marks: match from {
                End::A => Self::FROM_A,
                End::B => 0,
            } | match segment.ip_id {
                Some(_) => Self::HAS_IP_ID,
                None => 0,
            },
        }
    }

    /// Who sent it.
    pub(crate) const fn from(&self) -> End {
        if self.marks & Self::FROM_A != 0 {
            End::A
        } else {
            End::B
        }
    }

    pub(super) fn ip_id(&self) -> Option<u16> {
        (self.marks & Self::HAS_IP_ID != 0).then_some(self.ip_id)
    }

    /// The shift of its window, where it is a SYN that has one.
    pub(super) fn scale(&self) -> Option<u8> {
        (self.scale != NO_SCALE).then_some(self.scale)
    }

    /// The segment that it was, but for addresses: whoever knows the end needs none. `option`: room
    /// for the one that counts.
    pub(super) fn segment<'a>(&self, option: &'a mut [u8; 3]) -> Segment<'a> {
        let options: &[u8] = match self.scale() {
            Some(shift) => {
                *option = [3, 3, shift];
                option
            }
            None => &[],
        };
        Segment {
            src: Address::NOWHERE,
            dst: Address::NOWHERE,
            src_port: 0,
            dst_port: 0,
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            window: self.window,
            options,
            payload: &[],
            wire_len: 0,
            ttl: self.ttl,
            ip_id: self.ip_id(),
            vlan: None,
            tunnel: &Tunnels::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_takes_little() {
        assert_eq!(size_of::<Noted>(), 32);
    }
}
