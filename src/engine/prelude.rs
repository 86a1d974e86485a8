//! The packets of a connection before its first byte, kept as they came: most connections of a
//! scan or a SYN flood never get further, and those that do cost little until then.

use crate::capture::PacketId;
use crate::decode::{Flags, IcmpError, Segment, Tunnels};
use crate::flow::{End, FlowKey};
use crate::limits;
use crate::session::facts::Unconnected;
use crate::tcp::window_scale;
use crate::time::Timestamp;
use crate::tls::Keyring;

use super::stack::Stack;
use super::trace::Recording;
use super::upper::Settings;

/// What TCP needs of a packet without payload, in half of a cache line: of a scan there are many.
#[derive(Clone, Copy, Debug)]
struct Noted {
    packet: PacketId,
    time: Timestamp,
    seq: u32,
    ack: u32,
    window: u16,
    /// Where [`Self::HAS_IP_ID`] is set.
    ip_id: u16,
    flags: Flags,
    ttl: u8,
    /// [`NO_SCALE`] where there is none.
    scale: u8,
    marks: u8,
}

/// No shift of a window: the largest is 14 (RFC 7323 §2.3).
const NO_SCALE: u8 = u8::MAX;

impl Noted {
    const FROM_A: u8 = 1;
    const HAS_IP_ID: u8 = 2;

    fn of(from: End, segment: &Segment<'_>, packet: PacketId, time: Timestamp) -> Self {
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

    const fn from(&self) -> End {
        if self.marks & Self::FROM_A != 0 {
            End::A
        } else {
            End::B
        }
    }

    fn ip_id(&self) -> Option<u16> {
        (self.marks & Self::HAS_IP_ID != 0).then_some(self.ip_id)
    }

    fn scale(&self) -> Option<u8> {
        (self.scale != NO_SCALE).then_some(self.scale)
    }
}

/// A connection of which no byte was seen yet.
#[derive(Debug)]
pub(super) struct Prelude {
    ordinal: u64,
    first: Noted,
    more: Vec<Noted>,
    vlan: Option<u16>,
    aside: Option<Box<Aside>>,
    /// Its packets, where they are recorded.
    pub(super) trace: Option<Box<Recording>>,
}

/// What few of them have.
#[derive(Debug, Default)]
struct Aside {
    /// The last ICMP error about its SYN.
    refusal: Option<(IcmpError, PacketId, Timestamp)>,
    tunnel: Tunnels,
}

impl Prelude {
    /// One that begins with this packet; `None` where it holds payload.
    pub(super) fn new(
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
        ordinal: u64,
    ) -> Option<Self> {
        (segment.wire_len == 0).then(|| Self {
            ordinal,
            first: Noted::of(from, segment, packet, time),
            more: Vec::new(),
            vlan: segment.vlan,
            aside: (!segment.tunnel.is_empty()).then(|| {
                Box::new(Aside {
                    refusal: None,
                    tunnel: *segment.tunnel,
                })
            }),
            trace: None,
        })
    }

    /// Keeps another packet. False where it is more than that: payload, one too many, or a SYN
    /// that may begin another connection.
    pub(super) fn take(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
    ) -> bool {
        let again = |noted: &Noted| noted.flags == segment.flags && noted.seq == segment.seq;
        let fits = !segment.flags.has(Flags::SYN)
            || self.all().filter(|noted| noted.from() == from).all(again);
        if segment.wire_len > 0 || !fits {
            return false;
        }
        if self.more.len() >= limits::MAX_PRELUDE_PACKETS {
            // However often a SYN is repeated, only the last time tells more than the first.
            return match self.more.last_mut() {
                Some(last) if last.from() == from && again(last) && last.flags.has(Flags::SYN) => {
                    *last = Noted::of(from, segment, packet, time);
                    true
                }
                _ => false,
            };
        }
        if self.more.is_empty() {
            // The rest of a handshake.
            self.more.reserve_exact(2);
        }
        self.more.push(Noted::of(from, segment, packet, time));
        true
    }

    /// Takes an ICMP error about a packet of `from`.
    pub(super) fn take_icmp(
        &mut self,
        from: End,
        error: &IcmpError,
        packet: PacketId,
        time: Timestamp,
    ) {
        if self.first.from() == from && self.first.seq == error.seq {
            let aside = self.aside.get_or_insert_default();
            aside.refusal = Some((*error, packet, time));
        }
    }

    /// What came of it, where it is an attempt to connect that had no success.
    pub(super) fn unconnected(&self) -> Option<Unconnected> {
        let first = &self.first;
        let is_syn =
            |noted: &Noted| noted.flags.0 & (Flags::SYN | Flags::ACK | Flags::RST) == Flags::SYN;
        // RFC 9293 §3.10.7.3: a RST counts where it acknowledges the SYN.
        let is_refusal = |noted: &Noted| {
            noted.flags.has(Flags::RST)
                && noted.flags.has(Flags::ACK)
                && noted.ack == first.seq.wrapping_add(1)
        };
        let fits = |noted: &Noted| match noted.from() == first.from() {
            true => is_syn(noted),
            false => is_refusal(noted),
        };
        if !is_syn(first) || !self.all().all(fits) {
            return None;
        }
        let (mut sent, mut last, mut reset) = (1, (first.packet, first.time), None);
        for noted in &self.more {
            let at = (noted.packet, noted.time);
            if noted.from() != first.from() {
                reset = Some(at);
            } else if noted.time.since(last.1) >= limits::MIN_RESEND_NANOS {
                sent += 1;
                last = at;
            }
        }
        Some(Unconnected::Syn { sent, last, reset })
    }

    /// Who began.
    pub(super) fn client(&self) -> End {
        self.first.from()
    }

    /// Its first packet.
    pub(super) fn first(&self) -> (PacketId, Timestamp) {
        (self.first.packet, self.first.time)
    }

    /// How many packets the capture had before it.
    pub(super) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// It has no more than one packet.
    pub(super) fn is_single(&self) -> bool {
        self.more.is_empty()
    }

    /// An ICMP error came for it.
    pub(super) fn has_icmp(&self) -> bool {
        let aside = self.aside.as_ref();
        aside.is_some_and(|aside| aside.refusal.is_some())
    }

    /// Nothing but SYNs of one end so far.
    pub(super) fn is_bare(&self) -> bool {
        self.all()
            .all(|noted| noted.flags.has(Flags::SYN) && noted.from() == self.first.from())
    }

    /// Reset, or closed by both ends.
    pub(super) fn is_over(&self) -> bool {
        let has = |flag, end| {
            self.all()
                .any(|noted| noted.flags.has(flag) && noted.from() == end)
        };
        End::BOTH.iter().any(|&end| has(Flags::RST, end))
            || End::BOTH.iter().all(|&end| has(Flags::FIN, end))
    }

    /// Its first packet.
    pub(super) const fn first_packet(&self) -> PacketId {
        self.first.packet
    }

    /// Its last packet.
    pub(super) fn last(&self) -> (Timestamp, PacketId) {
        let last = self.more.last().unwrap_or(&self.first);
        let time = self.all().map(|noted| noted.time).max();
        (time.unwrap_or(last.time), last.packet)
    }

    /// The connection with all its layers, as if it had taken every packet when it came.
    pub(super) fn replay(&self, key: &FlowKey, settings: &Settings, keys: &mut Keyring) -> Stack {
        let aside = self.aside.as_deref();
        let tunnel = aside.map(|aside| aside.tunnel).unwrap_or_default();
        let mut stack = Stack::new(
            self.first.packet,
            self.first.time,
            self.ordinal,
            (self.vlan, tunnel),
            settings.clone(),
        );
        for noted in self.all() {
            let (src, dst) = (key.address(noted.from()), key.address(noted.from().other()));
            let scale = noted.scale().map(|shift| [3, 3, shift]);
            let segment = Segment {
                src: src.ip().into(),
                dst: dst.ip().into(),
                src_port: src.port(),
                dst_port: dst.port(),
                seq: noted.seq,
                ack: noted.ack,
                flags: noted.flags,
                window: noted.window,
                options: scale.as_ref().map_or(&[], |option| option.as_slice()),
                payload: &[],
                wire_len: 0,
                ttl: noted.ttl,
                ip_id: noted.ip_id(),
                vlan: self.vlan,
                tunnel: &tunnel,
            };
            stack.handle_segment(noted.from(), &segment, noted.packet, noted.time, keys);
        }
        if let Some((error, packet, time)) = aside.and_then(|aside| aside.refusal.as_ref()) {
            stack.handle_icmp(self.first.from(), error, *packet, *time);
        }
        stack
    }

    fn all(&self) -> impl Iterator<Item = &Noted> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Together with its place in the table, 300 bytes for a connection that was opened.
    #[test]
    fn a_connection_without_a_byte_takes_little() {
        assert_eq!(size_of::<Noted>(), 32);
        assert!(size_of::<Prelude>() <= 88, "{}", size_of::<Prelude>());
    }
}
