//! The key of a TCP connection: the same for both directions.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use crate::decode::{Address, Segment};

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

impl<T> Pair<T> {
    /// That of an end, and that of the other one.
    #[inline]
    pub const fn both_mut(&mut self, end: End) -> (&mut T, &mut T) {
        match end {
            End::A => (&mut self.a, &mut self.b),
            End::B => (&mut self.b, &mut self.a),
        }
    }
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
// In words: it is made, hashed and compared for every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// The address of A: its upper half (of IPv6) and its lower.
    low: [u64; 2],
    high: [u64; 2],
    /// That of A in the upper half.
    ports: u32,
    is_v4: bool,
}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ([a, b], [c, d]) = (self.low, self.high);
        if self.is_v4 {
            state.write_u64(b << 32 | d);
        } else {
            for word in [a, b, c, d] {
                state.write_u64(word);
            }
        }
        state.write_u64(u64::from(self.ports));
    }
}

impl FlowKey {
    /// The key of a segment's connection, and which end sent the segment.
    #[inline]
    pub fn of(segment: &Segment<'_>) -> (Self, End) {
        let Segment {
            src,
            dst,
            src_port,
            dst_port,
            ..
        } = *segment;
        Self::of_words((src, src_port), (dst, dst_port))
    }

    /// The key of a connection between two addresses of one family, and which end the first
    /// one is.
    pub fn between(one: (IpAddr, u16), other: (IpAddr, u16)) -> (Self, End) {
        Self::of_words((one.0.into(), one.1), (other.0.into(), other.1))
    }

    #[inline]
    fn of_words(one: (Address, u16), other: (Address, u16)) -> (Self, End) {
        let is_v4 = one.0.is_v4;
        let is_in_order = if is_v4 {
            let place = |(address, port): (Address, u16)| address.lower << 16 | u64::from(port);
            place(one) <= place(other)
        } else {
            let place = |(address, port): (Address, u16)| (address.upper, address.lower, port);
            place(one) <= place(other)
        };
        let end = if is_in_order { End::A } else { End::B };
        let ((low, low_port), (high, high_port)) = match end {
            End::A => (one, other),
            End::B => (other, one),
        };
        let key = Self {
            low: [low.upper, low.lower],
            high: [high.upper, high.lower],
            ports: u32::from(low_port) << 16 | u32::from(high_port),
            is_v4,
        };
        (key, end)
    }

    /// Address and port of one end.
    pub fn address(&self, end: End) -> SocketAddr {
        let [a, b, c, d] = self.ports.to_be_bytes();
        let ([upper, lower], port) = match end {
            End::A => (self.low, [a, b]),
            End::B => (self.high, [c, d]),
        };
        let address = Address {
            upper,
            lower,
            is_v4: self.is_v4,
        };
        SocketAddr::new(address.ip(), u16::from_be_bytes(port))
    }
}
