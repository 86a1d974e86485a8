//! The packets of a connection before its first byte, kept as they came: most connections of a
//! scan or a SYN flood never get further, and those that do cost little until then.

use crate::capture::PacketId;
use crate::decode::{Flags, IcmpError, Segment, Tunnels};
use crate::flow::End;
use crate::limits;
use crate::session::facts::Unconnected;
use crate::tcp::{Connection, Noted};
use crate::time::Timestamp;

use super::stack::Stack;
use super::trace::Recording;

/// Packets that open a connection (RFC 9293 §3.5).
const HANDSHAKE: usize = 3;

/// A connection of which no byte was seen yet.
#[derive(Debug)]
pub(super) struct Prelude {
    ordinal: u64,
    /// The rest of a handshake is there mostly; behind the last there are copies of it.
    noted: [Noted; HANDSHAKE],
    len: u8,
    vlan: Option<u16>,
    aside: Option<Box<Aside>>,
    /// Its packets, where they are recorded.
    pub(super) trace: Option<Box<Recording>>,
}

/// What few of them have.
#[derive(Debug, Default)]
struct Aside {
    /// Packets behind those of a handshake.
    more: Vec<Noted>,
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
    ) -> Option<Box<Self>> {
        let aside = || {
            Box::new(Aside {
                tunnel: *segment.tunnel,
                ..Aside::default()
            })
        };
        (segment.wire_len == 0).then(|| {
            Box::new(Self {
                ordinal,
                noted: [Noted::of(from, segment, packet, time); HANDSHAKE],
                len: 1,
                vlan: segment.vlan,
                aside: (!segment.tunnel.is_empty()).then(aside),
                trace: None,
            })
        })
    }

    /// Keeps another packet without payload. False where it is one too many, or a SYN that may
    /// begin another connection.
    pub(super) fn take(&mut self, noted: Noted) -> bool {
        let from = noted.from();
        let again = |known: &Noted| known.flags == noted.flags && known.seq == noted.seq;
        let is_other = |known: &Noted| known.from() == from && !again(known);
        if noted.flags.has(Flags::SYN) && self.all().any(is_other) {
            return false;
        }
        if let Some(place) = self.noted.get_mut(usize::from(self.len)) {
            *place = noted;
            self.len += 1;
            return true;
        }
        // However often a SYN came, its answer is kept.
        let is_answer = from != self.client() && self.is_bare();
        let more = &mut self.aside.get_or_insert_default().more;
        if HANDSHAKE + more.len() <= limits::MAX_PRELUDE_PACKETS || is_answer {
            more.push(noted);
            return true;
        }
        // However often a SYN or its refusal is repeated, only the last time tells more than the first.
        let repeats = Flags::SYN | Flags::RST;
        match more.last_mut() {
            Some(last) if last.from() == from && again(last) && last.flags.has(repeats) => {
                *last = noted;
                true
            }
            _ => false,
        }
    }

    /// Takes an ICMP error about a packet of `from`.
    pub(super) fn take_icmp(
        &mut self,
        from: End,
        error: &IcmpError,
        packet: PacketId,
        time: Timestamp,
    ) {
        if self.client() == from && self.first_noted().seq == error.seq {
            let aside = self.aside.get_or_insert_default();
            aside.refusal = Some((*error, packet, time));
        }
    }

    /// What came of it, where it is an attempt to connect that had no success.
    pub(super) fn unconnected(&self) -> Option<Unconnected> {
        let first = self.first_noted();
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
        for noted in self.all().skip(1) {
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
        self.first_noted().from()
    }

    /// Its first packet.
    pub(super) fn first(&self) -> (PacketId, Timestamp) {
        let first = self.first_noted();
        (first.packet, first.time)
    }

    /// How many packets the capture had before it.
    pub(super) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// It has no more than one packet.
    pub(super) fn is_single(&self) -> bool {
        self.len == 1
    }

    /// An ICMP error came for it.
    pub(super) fn has_icmp(&self) -> bool {
        let aside = self.aside.as_ref();
        aside.is_some_and(|aside| aside.refusal.is_some())
    }

    /// Nothing but SYNs of one end so far.
    pub(super) fn is_bare(&self) -> bool {
        self.all()
            .all(|noted| noted.flags.has(Flags::SYN) && noted.from() == self.client())
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
        self.first_noted().packet
    }

    /// Its last packet.
    pub(super) fn last(&self) -> (Timestamp, PacketId) {
        let first = self.first_noted();
        self.all().fold((first.time, first.packet), |last, noted| {
            (last.0.max(noted.time), noted.packet)
        })
    }

    /// The connection with all its layers, as if it had taken every packet when it came.
    pub(super) fn replay(&self) -> Box<Stack> {
        let mut tcp = match self.handshake().and_then(Connection::opened) {
            Some(tcp) => tcp,
            None => Connection::replay(self.first_noted(), self.all()),
        };
        let aside = self.aside.as_deref();
        if let Some((error, packet, time)) = aside.and_then(|aside| aside.refusal.as_ref()) {
            tcp.handle_icmp(self.client(), error, *packet, *time);
        }
        let tunnel = aside.map(|aside| aside.tunnel).unwrap_or_default();
        Stack::new(tcp, self.ordinal, (self.vlan, tunnel))
    }

    /// Its packets, where they are as many as open a connection.
    fn handshake(&self) -> Option<&[Noted; HANDSHAKE]> {
        let has_more = |aside: &Aside| !aside.more.is_empty();
        let is_more = self.aside.as_deref().is_some_and(has_more);
        (usize::from(self.len) == HANDSHAKE && !is_more).then_some(&self.noted)
    }

    fn all(&self) -> impl Iterator<Item = &Noted> {
        let more = self.aside.as_deref().map(|aside| aside.more.as_slice());
        let noted = self.noted.iter().take(usize::from(self.len));
        noted.chain(more.unwrap_or_default())
    }

    const fn first_noted(&self) -> &Noted {
        let [first, ..] = &self.noted;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Together with its place in the table, 300 bytes for a connection that was opened.
    #[test]
    fn a_connection_without_a_byte_takes_little() {
        assert!(size_of::<Prelude>() <= 128, "{}", size_of::<Prelude>());
    }
}
