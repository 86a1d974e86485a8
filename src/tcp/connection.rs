//! Both directions of a connection.

mod ending;
mod expected;
mod opened;

use super::habits::Habits;
use super::half::{Ending, Half, Signal, Stuck, signed};
use super::seen::{Burst, Complaint, Resend, Return};
use super::{Chunk, Origin, Stream};
use crate::capture::PacketId;
use crate::decode::{Flags, IcmpError, Segment};
use crate::flow::{End, Pair};
use crate::limits;
use crate::time::Timestamp;

/// A TCP connection: its streams, and who ended it.
#[derive(Debug)]
pub struct Connection {
    halves: Pair<Half>,
    first: (PacketId, Timestamp),
    last: (PacketId, Timestamp),
    opener: Option<End>,
    /// There was a FIN, or a RST that its receiver heeded, of either end.
    has_ended: bool,
    /// Nothing is under way that ordinary segments may have to do with: an opening, an end, a hole.
    is_settled: bool,
    opening: Opening,
    /// When the last SYN came, or else a round trip, in nanoseconds.
    opening_nanos: i64,
    late: Option<Box<Late>>,
    rare: Option<Box<Rare>>,
}

/// What most connections have by the time that they end, and not before.
#[derive(Debug, Default)]
struct Late {
    burst: Option<Woken>,
    endings: Pair<Ending>,
}

/// What few connections have.
#[derive(Debug, Default)]
struct Rare {
    complaint: Option<Complaint>,
    back: Option<Return>,
}

/// A [`Burst`] in less room.
#[derive(Clone, Copy, Debug)]
struct Woken {
    packet: PacketId,
    time: Timestamp,
    idle: i64,
    ack: u32,
    has_ack: bool,
    from: End,
}

impl Woken {
    /// Takes notice of new bytes of one end, which may break a silence.
    #[inline(always)]
    fn note(late: &mut Option<Box<Late>>, from: End, origin: Origin, own: &Half, peer: &Half) {
        if let Some(last) = own.last_data_time().max(peer.last_data_time())
            && origin.time.since(last) >= limits::MIN_SILENCE_NANOS
        {
            late.get_or_insert_default().burst = Some(Self::new(from, origin, last));
        }
    }

    #[cold]
    fn new(from: End, origin: Origin, last: Timestamp) -> Self {
        Self {
            packet: origin.packet,
            time: origin.time,
            idle: origin.time.since(last),
            ack: origin.ack.unwrap_or(0),
            has_ack: origin.ack.is_some(),
            from,
        }
    }
}

/// The three packets that open a connection, for the time that they take.
#[derive(Clone, Copy, Debug, Default)]
enum Opening {
    #[default]
    Unseen,
    /// There was a SYN.
    Asked,
    /// A round trip is known.
    Measured,
}

/// What a segment meant for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Taken.
    Taken,
    /// Its SYN begins another connection on the same addresses and ports.
    NewConnection,
}

impl Connection {
    /// A connection whose first packet this is.
    pub fn new(packet: PacketId, time: Timestamp) -> Self {
        Self {
            halves: Pair::default(),
            opener: None,
            first: (packet, time),
            last: (packet, time),
            has_ended: false,
            is_settled: false,
            opening: Opening::default(),
            opening_nanos: 0,
            late: None,
            rare: None,
        }
    }

    /// The end that sent the SYN, where that is known.
    pub fn opener(&self) -> Option<End> {
        self.opener
    }

    /// Its first packet.
    pub fn first(&self) -> Origin {
        bare(self.first)
    }

    /// Its last packet so far.
    pub fn last(&self) -> Origin {
        bare(self.last)
    }

    /// The stream that one end sent.
    pub fn stream(&self, end: End) -> &Stream {
        &self.halves[end].stream
    }

    /// Any packet of this end was seen.
    pub fn has_seen(&self, end: End) -> bool {
        self.halves[end].seen
    }

    /// Bytes wait behind a hole.
    pub fn has_hole(&self) -> bool {
        !self.is_settled
            && End::BOTH
                .iter()
                .any(|&end| self.halves[end].stream.has_hole())
    }

    /// Memory held by bytes that wait behind holes.
    pub fn held_bytes(&self) -> usize {
        End::BOTH
            .iter()
            .map(|&end| self.halves[end].stream.held_bytes())
            .sum()
    }

    /// Waits for no hole any longer.
    pub fn abandon_holes(&mut self, emit: &mut impl FnMut(End, Chunk<'_>)) {
        for end in End::BOTH {
            self.halves[end]
                .stream
                .abandon_holes(&mut |chunk| emit(end, chunk));
        }
    }

    /// An end is heard again after its peer had repeated something for it.
    #[cold]
    fn note_return(&mut self, from: End, first: Origin) {
        let half = &self.halves[from.other()];
        let since = half.rare.as_ref().and_then(|rare| rare.since);
        let back = Return {
            from,
            first,
            times: half.times_sent,
            silence: first.time.since(since.unwrap_or(first.time)),
        };
        self.rare.get_or_insert_default().back = Some(back);
    }

    /// What this end repeated last without hearing anything of the peer since.
    pub fn resend(&self, end: End) -> Option<Resend> {
        let half = &self.halves[end];
        let last = half.last_sent().filter(|_| half.times_sent > 0)?;
        Some(Resend {
            offset: half.sent_at,
            times: half.times_sent,
            last: last.into(),
        })
    }

    /// What this end repeated in vain while it went on hearing its peer.
    pub fn stuck(&self, end: End) -> Option<Stuck> {
        self.halves[end].rare.as_ref()?.stuck
    }

    /// The last time that an end was heard again after a silence.
    pub fn back(&self) -> Option<Return> {
        self.rare.as_ref()?.back
    }

    /// The last packet with new bytes of this end.
    pub fn last_data(&self, end: End) -> Option<Origin> {
        self.halves[end].last_data.map(Origin::from)
    }

    /// How this end behaves on the wire.
    pub fn habits(&self, end: End) -> Habits {
        let half = &self.halves[end];
        let odd = half.rare.as_ref().map(|rare| &rare.odd);
        let late = self.late.as_ref();
        let marks = late.and_then(|late| late.endings[end].marks());
        half.habits.habits(odd, marks)
    }

    /// Keep-alive probes of this end.
    pub fn keep_alives(&self, end: End) -> u32 {
        self.habits(end).keep_alives
    }

    /// From the SYN to the packet that answers its answer, in nanoseconds: a round trip,
    /// wherever between the two ends the capture was taken.
    pub fn round_trip(&self) -> Option<i64> {
        matches!(self.opening, Opening::Measured).then_some(self.opening_nanos)
    }

    /// The last time that bytes came after a long silence.
    pub fn burst(&self) -> Option<Burst> {
        let Woken {
            packet,
            time,
            idle,
            ack,
            has_ack,
            from,
        } = self.late.as_ref()?.burst?;
        let first = Origin {
            packet,
            time,
            ack: has_ack.then_some(ack),
            record_end: None,
        };
        Some(Burst { from, first, idle })
    }

    /// The last ICMP error about bytes (or a SYN) that were on the way then.
    pub fn complaint(&self) -> Option<Complaint> {
        self.rare.as_ref()?.complaint
    }

    /// Takes notice of an ICMP error about a segment that `about` sent.
    pub fn handle_icmp(
        &mut self,
        about: End,
        error: &IcmpError,
        packet: PacketId,
        time: Timestamp,
    ) {
        let stream = &self.halves[about].stream;
        let offset = stream.offset(error.seq);
        // RFC 5927 §4.1: what is not on the way cannot have been refused. A SYN stands one before
        // the first byte.
        let first = match signed(stream.acked()) {
            0 => -1,
            acked => acked,
        };
        if stream.is_started() && (first..=signed(stream.next())).contains(&offset) {
            let complaint = Complaint {
                error: *error,
                about,
                offset: u64::try_from(offset).unwrap_or(0),
                packet,
                time,
            };
            self.rare.get_or_insert_default().complaint = Some(complaint);
        }
    }

    /// `seq` of `from`'s stream is acknowledged by an acknowledgement number of the other end.
    pub fn acknowledges(&self, ack: u32, from: End, offset: u64) -> bool {
        let stream = &self.halves[from].stream;
        stream.is_started() && u64::try_from(stream.offset(ack)).is_ok_and(|acked| acked >= offset)
    }

    /// Takes one segment; hands on what came in order by it.
    #[inline]
    pub fn handle_segment(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
        emit: &mut impl FnMut(End, Chunk<'_>),
    ) -> Handled {
        if self.handle_expected(from, segment, packet, time, emit) {
            return Handled::Taken;
        }
        self.handle_any(from, segment, packet, time, emit)
    }

    /// The same where it is known not to be [expected](Self::handle_expected), or does not matter.
    pub(crate) fn handle_any(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
        emit: &mut impl FnMut(End, Chunk<'_>),
    ) -> Handled {
        let flags = segment.flags;
        let ack = flags.has(Flags::ACK).then_some(segment.ack);
        let origin = Origin {
            packet,
            time,
            ack,
            record_end: None,
        };
        if flags.has(Flags::SYN) && !flags.has(Flags::RST) && self.begins_anew(from, segment) {
            return Handled::NewConnection;
        }
        self.last = (packet, self.last.1.max(time));
        self.halves[from].seen = true;
        let first_byte = if flags.has(Flags::SYN) {
            self.handle_syn(from, segment)
        } else {
            segment.seq
        };
        if !(self.halves.a.stream.is_started() && self.halves.b.stream.is_started()) {
            self.note_beginning(from, segment, first_byte);
        }
        if flags.has(Flags::RST) {
            self.handle_rst(from, segment, origin);
        } else {
            self.note_opening(from, flags, time);
            // Anything but a reset shows that the far end lives; a FIN from one that has heard
            // nothing of what was repeated, only that it gave up.
            let waiting = &self.halves[from.other()];
            let is_alive = !(flags.has(Flags::FIN) && waiting.is_unheard(ack));
            if is_alive && waiting.times_sent >= limits::UNHEARD_TIMES {
                self.note_return(from, origin);
            }
            let (own, peer) = self.halves.both_mut(from);
            own.note(segment, time);
            if let Some(rare) = &mut peer.rare {
                rare.odd.answered();
            }
            if is_alive {
                peer.times_sent = 0;
            }
            if let Some(ack) = ack {
                peer.stream.handle_ack(ack);
            }
            peer.note_heard();
            if segment.wire_len > 0 {
                self.handle_data(from, first_byte, segment, origin, emit);
            } else if flags.0 & (Flags::SYN | Flags::FIN) == 0 {
                own.note_keep_alive(segment, origin);
            }
            if flags.has(Flags::FIN) {
                self.handle_fin(from, first_byte.wrapping_add(segment.wire_len), origin);
            }
        }
        let mut is_whole = true;
        for end in End::BOTH {
            let stream = &mut self.halves[end].stream;
            is_whole &= stream.is_started();
            if stream.has_hole() {
                stream.give_up_holes(time, &mut |chunk| emit(end, chunk));
                is_whole &= !stream.has_hole();
            }
        }
        let is_opening = matches!(self.opening, Opening::Asked);
        self.is_settled = is_whole && !is_opening && !self.has_ended;
        Handled::Taken
    }

    /// The capture or the connection is over: hands on what waits, with the holes.
    pub fn finish(&mut self, emit: &mut impl FnMut(End, Chunk<'_>)) {
        let last = self.last();
        let by_rst = |end: End| {
            let rst = self.rst(end.other());
            rst.and_then(|rst| rst.origin.ack)
        };
        let heard = Pair {
            a: by_rst(End::A),
            b: by_rst(End::B),
        };
        for end in End::BOTH {
            let (fin, rst) = (self.fin(end), self.rst(end));
            let half = &mut self.halves[end];
            // A RST stands one further behind a FIN (RFC 9293 §3.4), so where no FIN was seen
            // the one byte beyond is taken for it.
            let next = half.stream.next();
            let by_rst = |rst: Signal| rst.offset - u64::from(rst.offset == next + 1);
            let declared = fin.map(|fin| fin.offset);
            let declared = declared.into_iter().chain(rst.map(by_rst)).min();
            half.stream
                .finish(last, declared, heard[end], &mut |chunk| emit(end, chunk));
        }
    }

    /// A SYN on addresses and ports that are known: the same connection only where its sequence
    /// number is (RFC 9293 §3.4.1: the ISN of a new incarnation differs).
    fn begins_anew(&self, from: End, segment: &Segment<'_>) -> bool {
        let stream = &self.halves[from].stream;
        let same = !stream.is_started() || stream.offset(segment.seq.wrapping_add(1)) == 0;
        // A stray SYN into a living connection is answered by a challenge ACK and changes
        // nothing (RFC 9293 §3.10.7.4), so the old one must have ended, or be answered anew.
        !same && (self.is_over() || !segment.flags.has(Flags::ACK) || self.fin(from).is_some())
    }

    fn handle_syn(&mut self, from: End, segment: &Segment<'_>) -> u32 {
        if self.opener.is_none() {
            self.opener = Some(if segment.flags.has(Flags::ACK) {
                from.other()
            } else {
                from
            });
        }
        self.halves[from].stream.handle_syn(segment.seq);
        self.halves[from].window_shift = Some(window_scale(segment.options).unwrap_or(0));
        segment.seq.wrapping_add(1)
    }

    /// Sequence numbers of streams whose beginning is not in the capture.
    fn note_beginning(&mut self, from: End, segment: &Segment<'_>, first_byte: u32) {
        let flags = segment.flags;
        if flags.has(Flags::RST) {
            return;
        }
        // A keep-alive probe stands one byte before the next; there is no telling it from a
        // byte, and a hole of one byte hides nothing.
        self.halves[from].stream.begin_at(first_byte, false);
        // The packet that completes the handshake acknowledges the SYN of the other end, and
        // nothing more (RFC 9293 §3.5): so that end's first byte is known without its SYN.
        let own = &self.halves[from].stream;
        let is_first = own.next() == 0 && own.offset(segment.seq) == 0;
        let completes = self.opener == Some(from) && is_first;
        if completes && flags.has(Flags::ACK) && !flags.has(Flags::SYN) {
            self.halves[from.other()].stream.begin_at(segment.ack, true);
        }
    }

    fn note_opening(&mut self, from: End, flags: Flags, time: Timestamp) {
        match self.opening {
            Opening::Measured => {}
            _ if flags.has(Flags::SYN) => {
                if !flags.has(Flags::ACK) {
                    self.opening = Opening::Asked;
                    self.opening_nanos = time.as_nanos();
                }
            }
            Opening::Asked if self.opener == Some(from) => {
                let syn = Timestamp::from_nanos(self.opening_nanos);
                self.opening = Opening::Measured;
                self.opening_nanos = time.since(syn).max(0);
            }
            Opening::Asked | Opening::Unseen => {}
        }
    }

    fn handle_data(
        &mut self,
        from: End,
        seq: u32,
        segment: &Segment<'_>,
        origin: Origin,
        emit: &mut impl FnMut(End, Chunk<'_>),
    ) {
        let late = self.late.as_deref();
        let (fin, rst) = late.map_or((None, None), |late| {
            (late.endings[from.other()].fin, late.endings[from].rst())
        });
        let (half, peer) = self.halves.both_mut(from);
        let emit = &mut |chunk: Chunk<'_>| emit(from, chunk);
        if half
            .stream
            .handle_data(seq, segment.payload, segment.wire_len, origin, emit)
        {
            if fin.is_some() {
                half.rare().odd.note_after_fin(segment.wire_len);
            }
            // What comes after the first signal that ends the connection tells nothing of how
            // quiet it was before.
            let is_last = !self.has_ended;
            if is_last {
                Woken::note(&mut self.late, from, origin, half, peer);
                half.note_data(origin);
            }
            let offset = u64::try_from(half.stream.offset(seq)).unwrap_or(0);
            half.sent_at = offset;
            half.times_sent = 1;
            half.note_sent(origin, is_last);
            if rst.is_some_and(|rst| offset >= rst.offset && rst.sent.packet != origin.packet) {
                half.rare().outlived_rst = true;
            }
            peer.habits.segments_in_a_row = 0;
            return;
        }
        let offset = u64::try_from(half.stream.offset(seq)).unwrap_or(0);
        let end = offset.saturating_add(u64::from(segment.wire_len));
        // RFC 9293 §3.8.4: a keep-alive probe repeats one acknowledged byte, or none.
        if segment.wire_len == 1 && end <= half.stream.acked() {
            half.rare().odd.note_keep_alive(origin);
        }
        if end <= half.stream.acked() {
            return;
        }
        if half.times_sent == 0 {
            half.sent_at = offset;
            half.times_sent = 2;
            half.rare().since = Some(origin.time);
            half.note_sent(origin, false);
        } else {
            // A capture that holds every packet twice has the copies within milliseconds; no
            // retransmission timer is that short (RFC 6298 §2.4).
            let last = half.last_sent().map_or(origin.time, |last| last.time);
            if origin.time.since(last) >= limits::MIN_RESEND_NANOS {
                if half.times_sent == 1 {
                    half.rare().since = Some(last);
                }
                half.times_sent = half.times_sent.saturating_add(1);
                half.note_sent(origin, false);
            }
        }
        half.note_repeated(offset, origin);
    }
}

/// A packet of which nothing else is known.
const fn bare((packet, time): (PacketId, Timestamp)) -> Origin {
    Origin {
        packet,
        time,
        ack: None,
        record_end: None,
    }
}

/// The window scale option (kind 3) of a SYN (RFC 7323 §2.2).
pub(super) fn window_scale(options: &[u8]) -> Option<u8> {
    let mut rest = options;
    loop {
        rest = match *rest {
            [0, ..] | [] => return None,
            [1, ref tail @ ..] => tail,
            [3, 3, shift, ..] => return Some(shift),
            [_, len, ..] if len >= 2 => rest.get(usize::from(len)..)?,
            _ => return None,
        };
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
