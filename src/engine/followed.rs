//! A connection in the table: no more of it than is of use.

use std::net::SocketAddr;

use crate::capture::{Packet, PacketId};
use crate::decode::{Flags, IcmpError, Segment};
use crate::flow::{End, FlowKey};
use crate::tcp::{Connection, Handled, Noted};
use crate::time::Timestamp;

use super::passing::Passing;
use super::prelude::Prelude;
use super::stack::Stack;
use super::time_wait::TimeWait;
use super::trace::Recording;
use super::upper::Common;

/// How closely a connection is followed.
#[derive(Debug)]
pub(super) enum Followed {
    /// No byte of it was seen yet.
    Prelude(Box<Prelude>),
    /// With all its layers.
    Whole(Box<Stack>),
    /// It is of no interest.
    Passing(Box<Passing>),
    /// It was closed, and is told.
    TimeWait(TimeWait),
}

/// A segment on its way into a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) from: End,
    pub(super) segment: Segment<'a>,
    pub(super) packet: Packet<'a>,
}

impl Followed {
    /// A connection that begins with this segment. `ordinal`: packets of the capture before it.
    pub(super) fn new(arrival: &Arrival<'_>, ordinal: u64, common: &mut Common) -> Self {
        let Arrival {
            from,
            ref segment,
            packet: Packet {
                id: packet, time, ..
            },
        } = *arrival;
        if let Some(prelude) = Prelude::new(from, segment, packet, time, ordinal) {
            return Self::Prelude(prelude);
        }
        let tcp = Connection::new(packet, time);
        let mut stack = Stack::new(tcp, ordinal, (segment.vlan, *segment.tunnel));
        stack.handle_segment(from, segment, packet, time, common);
        Self::of(stack, common)
    }

    fn of(stack: Box<Stack>, common: &Common) -> Self {
        if stack.is_passing(common) {
            Self::Passing(Box::new(Passing::new(&stack)))
        } else {
            Self::Whole(stack)
        }
    }

    /// Takes a segment that is what was expected next: nothing begins or ends with it, and nothing
    /// of it waits. False where it is another, with which nothing was done.
    // Always: the segment need not lie in memory for it.
    #[inline(always)]
    pub(super) fn handle_expected(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
    ) -> bool {
        match self {
            Self::Whole(stack) => stack.handle_expected(from, segment, packet, time),
            Self::Prelude(prelude) => {
                let is_bare = segment.wire_len == 0 && !segment.flags.has(Flags::FIN | Flags::RST);
                is_bare && prelude.take(Noted::of(from, segment, packet, time))
            }
            Self::Passing(passing) => {
                let tells = segment.flags.has(Flags::SYN | Flags::FIN | Flags::RST);
                !tells && passing.handle_segment(from, segment, packet, time) == Handled::Taken
            }
            Self::TimeWait(_) => false,
        }
    }

    /// Takes one more segment, whatever it is.
    pub(super) fn handle_segment(&mut self, arrival: &Arrival<'_>, common: &mut Common) -> Handled {
        let Arrival {
            from,
            ref segment,
            packet: Packet {
                id: packet, time, ..
            },
        } = *arrival;
        match self {
            Self::Passing(passing) => passing.handle_segment(from, segment, packet, time),
            Self::TimeWait(time_wait) => time_wait.handle_segment(from, segment),
            Self::Prelude(prelude) => {
                if segment.wire_len == 0 && prelude.take(Noted::of(from, segment, packet, time)) {
                    return Handled::Taken;
                }
                let mut stack = prelude.replay();
                stack.trace = prelude.trace.take();
                let handled = stack.handle_segment(from, segment, packet, time, common);
                // What another connection follows stays what it was.
                if handled == Handled::Taken {
                    *self = Self::of(stack, common);
                }
                handled
            }
            Self::Whole(stack) => {
                let handled = stack.handle_segment(from, segment, packet, time, common);
                if stack.is_passing(common) {
                    *self = Self::Passing(Box::new(Passing::new(stack)));
                }
                handled
            }
        }
    }

    /// Takes an ICMP error about a segment of `from`.
    pub(super) fn handle_icmp(
        &mut self,
        from: End,
        error: &IcmpError,
        packet: PacketId,
        time: Timestamp,
    ) {
        match self {
            Self::Prelude(prelude) => prelude.take_icmp(from, error, packet, time),
            Self::Whole(stack) => stack.handle_icmp(from, error, packet, time),
            Self::Passing(_) | Self::TimeWait(_) => {}
        }
    }

    /// Both directions have ended, or one end reset the connection.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Prelude(prelude) => prelude.is_over(),
            Self::Whole(stack) => stack.tcp().is_over(),
            Self::Passing(passing) => passing.is_over(),
            Self::TimeWait(_) => true,
        }
    }

    /// The server of TLS that cannot be read and is of no interest.
    pub(super) fn dark_server(&self, key: &FlowKey) -> Option<SocketAddr> {
        match self {
            Self::Passing(passing) => Some(key.address(passing.dark()?.server?)),
            Self::Prelude(_) | Self::Whole(_) | Self::TimeWait(_) => None,
        }
    }

    /// Its packets, where they are recorded.
    pub(super) fn trace_mut(&mut self) -> Option<&mut Recording> {
        match self {
            Self::Prelude(prelude) => prelude.trace.as_deref_mut(),
            Self::Whole(stack) => stack.trace.as_deref_mut(),
            Self::Passing(_) | Self::TimeWait(_) => None,
        }
    }

    /// Bytes of it may wait for others.
    pub(super) fn may_hold(&self) -> bool {
        matches!(self, Self::Whole(stack) if stack.may_hold())
    }

    /// Memory held by bytes that wait for others.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Whole(stack) => stack.held_bytes(),
            Self::Prelude(_) | Self::Passing(_) | Self::TimeWait(_) => 0,
        }
    }

    /// Nothing but a SYN.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self, Self::Prelude(prelude) if prelude.is_bare())
    }

    /// Its last packet; `None` where it was told, and packets do not count any more.
    pub(super) fn last(&self) -> Option<(Timestamp, PacketId)> {
        match self {
            Self::Prelude(prelude) => Some(prelude.last()),
            Self::Whole(stack) => Some((stack.tcp().last().time, stack.tcp().last().packet)),
            Self::Passing(passing) => Some(passing.last()),
            Self::TimeWait(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKey;

    /// Every connection has one of these in the table.
    #[test]
    fn a_place_in_the_table_is_a_cache_line() {
        assert!(size_of::<(FlowKey, Followed)>() <= 56);
    }
}
