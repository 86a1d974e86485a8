//! Header prediction: the segments that nearly all are, the next of a connection that goes on.
//!
//! One look at such a segment tells that most of what may happen to a connection does not, as in
//! the TCPs that sent it (V. Jacobson, "4BSD TCP Header Prediction", 1990). What is done here is
//! what [`Connection::handle_any`] does with it.

use super::{Connection, Woken};
use crate::capture::PacketId;
use crate::decode::{Flags, Segment};
use crate::flow::End;
use crate::limits;
use crate::tcp::half::Half;
use crate::tcp::{Chunk, Origin};
use crate::time::Timestamp;

/// Flags that say more than that bytes are sent and received.
pub(super) const TELLING: u8 = Flags::SYN | Flags::FIN | Flags::RST | Flags::ACK;

impl Connection {
    /// Takes a segment that was expected: the next bytes of its end, or an acknowledgement
    /// alone. False where it is another, with which nothing was done.
    #[inline(always)]
    pub(crate) fn handle_expected(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
        emit: &mut impl FnMut(End, Chunk<'_>),
    ) -> bool {
        let (own, peer) = self.halves.both_mut(from);
        let is_expected = self.is_settled
            && segment.flags.0 & TELLING == Flags::ACK
            && own.stream.expects(segment.seq)
            && segment.window > 0
            && segment.payload.len() == segment.wire_len as usize
            && peer.times_sent < limits::UNHEARD_TIMES;
        if !is_expected {
            return false;
        }
        let ack = Some(segment.ack);
        self.last = (packet, self.last.1.max(time));
        own.seen = true;
        own.note_window(segment.window, false);
        let is_empty = segment.payload.is_empty();
        own.habits.note(segment.ttl, segment.ip_id, is_empty, ack);
        peer.times_sent = 0;
        peer.stream.handle_ack(segment.ack);
        let has_data = !is_empty;
        if own.rare.is_some() || peer.rare.is_some() {
            note_rare(own, peer, time, has_data);
        }
        if has_data {
            let origin = Origin {
                packet,
                time,
                ack,
                record_end: None,
            };
            Woken::note(&mut self.late, from, origin, own, peer);
            own.sent_at = own.stream.next();
            own.times_sent = 1;
            own.note_data(origin);
            peer.habits.segments_in_a_row = 0;
            own.stream
                .hand_on(segment.payload, origin, &mut |chunk| emit(from, chunk));
        }
        true
    }
}

/// What the segment means for ends that did something unusual before.
fn note_rare(own: &mut Half, peer: &mut Half, time: Timestamp, has_data: bool) {
    if let Some(rare) = &mut own.rare {
        rare.odd.end_zero_window(time);
        if has_data {
            rare.resent = None;
        }
    }
    if let Some(rare) = &mut peer.rare {
        rare.odd.answered();
    }
    peer.note_heard();
}

#[cfg(test)]
#[path = "expected_tests.rs"]
mod tests;
