//! The key of a TCP connection: the same for both directions.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use crate::decode::Segment;

/// One of the two ends of a connection: `A` is the one with the lower address and port.
/// Which of them is the client is for the layers above to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The lower address and port.
    A,
    /// The higher.
    B,
}

impl End {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The far end.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A pair of things, one for each [`End`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Pair<T> {
    /// Of end A.
    pub a: T,
    /// Of end B.
    pub b: T,
}

impl<T> std::ops::Index<End> for Pair<T> {
    type Output = T;
    fn index(&self, end: End) -> &T {
        match end {
            End::A => &self.a,
            End::B => &self.b,
        }
    }
}

impl<T> std::ops::IndexMut<End> for Pair<T> {
    fn index_mut(&mut self, end: End) -> &mut T {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }
}

/// Both addresses and ports, in an order that does not depend on the direction.
///
/// VLANs and tunnels are not part of it: a packet captured twice, inside and outside of a
/// tunnel, belongs to one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    low: (IpAddr, u16),
    high: (IpAddr, u16),
}

impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // In few words, not byte by byte: this runs for every packet.
        for (ip, port) in [self.low, self.high] {
            match ip {
                IpAddr::V4(ip) => state.write_u64(u64::from(ip.to_bits()) << 16 | u64::from(port)),
                IpAddr::V6(ip) => {
                    state.write_u128(ip.to_bits());
                    state.write_u16(port);
                }
            }
        }
    }
}

impl FlowKey {
    /// The key of a segment's connection, and which end sent the segment.
    pub fn of(segment: &Segment<'_>) -> (Self, End) {
        Self::between(
            (segment.src, segment.src_port),
            (segment.dst, segment.dst_port),
        )
    }

    /// The key of a connection between two addresses, and which end the first one is.
    pub fn between(one: (IpAddr, u16), other: (IpAddr, u16)) -> (Self, End) {
        if one <= other {
            (
                Self {
                    low: one,
                    high: other,
                },
                End::A,
            )
        } else {
            (
                Self {
                    low: other,
                    high: one,
                },
                End::B,
            )
        }
    }

    /// Address and port of one end.
    pub fn address(&self, end: End) -> SocketAddr {
        let (ip, port) = match end {
            End::A => self.low,
            End::B => self.high,
        };
        SocketAddr::new(ip, port)
    }
}
