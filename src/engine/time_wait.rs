//! A connection that is closed and told: only packets that come late are still expected, and a SYN
//! that begins another one on the same addresses and ports (TIME-WAIT, RFC 9293 §3.6.1).

use crate::decode::{Flags, Segment};
use crate::flow::{End, Pair};
use crate::tcp::{Connection, Handled};

/// What is left of it: sequence numbers of the first bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeWait {
    first: Pair<u32>,
}

impl TimeWait {
    /// What is left of a connection, where nothing that may come could say more of it: both ends
    /// were heard from their SYNs to their FINs, without a hole, and each FIN was acknowledged.
    pub(super) fn of(tcp: &Connection) -> Option<Self> {
        let first = |end| {
            let stream = tcp.stream(end);
            let fin = tcp.fin(end)?;
            let is_whole = stream.is_from_syn() && stream.next() == fin.offset;
            // RFC 9293 §3.4: a FIN takes a sequence number of its own.
            let is_heard = is_whole && stream.acked() > fin.offset && tcp.rst(end).is_none();
            stream.seqs().filter(|_| is_heard).map(|(first, _)| first)
        };
        let (a, b) = (first(End::A)?, first(End::B)?);
        Some(Self {
            first: Pair { a, b },
        })
    }

    /// Takes one more packet; the rules are those of [`Connection::handle_segment`].
    pub(super) fn handle_segment(self, from: End, segment: &Segment<'_>) -> Handled {
        let flags = segment.flags;
        let is_syn = flags.has(Flags::SYN) && !flags.has(Flags::RST);
        if is_syn && segment.seq.wrapping_add(1) != self.first[from] {
            Handled::NewConnection
        } else {
            Handled::Taken
        }
    }
}
