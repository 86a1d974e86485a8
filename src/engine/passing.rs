//! A connection that carries nothing of ours: only where it ends, and where another begins on
//! the same addresses and ports, is still of interest.

use super::stack::Stack;
use crate::capture::PacketId;
use crate::decode::{Flags, Segment};
use crate::flow::{End, Pair};
use crate::tcp::Handled;
use crate::time::Timestamp;
use crate::tls::Unread;

/// How far from the next byte a reset may stand to be believed: windows in use are smaller than
/// 1 MiB, and one that is not believed costs nothing but room.
const RESET_REACH: u32 = 1 << 20;

/// What is left of a connection that is not followed any more.
#[derive(Debug)]
pub(super) struct Passing {
    last: (Timestamp, PacketId),
    /// Sequence numbers of the first and of the next byte.
    seqs: Pair<Option<(u32, u32)>>,
    fin: Pair<bool>,
    reset: bool,
    dark: Option<Dark>,
}

/// TLS that cannot be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dark {
    /// Why.
    pub(super) unread: Unread,
    /// The end that answered in TLS.
    pub(super) server: Option<End>,
}

impl Passing {
    /// What `stack` needs from now on.
    pub(super) fn new(stack: &Stack) -> Self {
        let tcp = stack.tcp();
        let seqs = |end| tcp.stream(end).seqs();
        let fin = |end| tcp.fin(end).is_some();
        Self {
            last: (tcp.last().time, tcp.last().packet),
            seqs: Pair {
                a: seqs(End::A),
                b: seqs(End::B),
            },
            fin: Pair {
                a: fin(End::A),
                b: fin(End::B),
            },
            reset: End::BOTH.iter().any(|&end| tcp.rst(end).is_some()),
            dark: stack.unread().map(|unread| Dark {
                unread,
                server: stack.tls_end(),
            }),
        }
    }

    /// What is to be told of it when it ends.
    pub(super) fn dark(&self) -> Option<Dark> {
        self.dark
    }

    /// Reset, or closed by both ends.
    pub(super) fn is_over(&self) -> bool {
        self.reset || self.fin.a && self.fin.b
    }

    /// Its last packet.
    pub(super) fn last(&self) -> (Timestamp, PacketId) {
        self.last
    }

    /// Takes one more packet; the rules are those of [`Connection::handle_segment`].
    // Always: the segment need not lie in memory for it.
    #[inline(always)]
    pub(super) fn handle_segment(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
    ) -> Handled {
        let flags = segment.flags;
        let syn = flags.has(Flags::SYN);
        let first = segment.seq.wrapping_add(u32::from(syn));
        if syn && !flags.has(Flags::RST) {
            let same = self.seqs[from].is_none_or(|(known, _)| known == first);
            if !same && (self.is_over() || !flags.has(Flags::ACK) || self.fin[from]) {
                return Handled::NewConnection;
            }
        }
        self.last = (self.last.0.max(time), packet);
        if flags.has(Flags::RST) {
            self.reset |= self.seqs[from].is_none_or(|(_, next)| {
                next.wrapping_add(RESET_REACH).wrapping_sub(segment.seq) <= 2 * RESET_REACH
            });
            return Handled::Taken;
        }
        let behind = first.wrapping_add(segment.wire_len);
        let (_, next) = self.seqs[from].get_or_insert((first, behind));
        // RFC 9293 §3.4: sequence numbers compare modulo 2^32.
        if behind.wrapping_sub(*next).cast_signed() > 0 {
            *next = behind;
        }
        self.fin[from] |= flags.has(Flags::FIN);
        Handled::Taken
    }
}
