//! The key of a TCP connection: the same for both directions.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
// In words: it is made, hashed and compared for every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// The address of A: its upper half (of IPv6) and its lower.
    low: [u64; 2],
    high: [u64; 2],
    low_port: u16,
    high_port: u16,
    family: Family,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = u64::from(self.low_port) << 16 | u64::from(self.high_port);
        match self.family {
            Family::V4 => state.write_u64(self.low[1] << 32 | self.high[1]),
            Family::V6 => {
                let [a, b] = self.low;
                let [c, d] = self.high;
                [a, b, c, d]
                    .into_iter()
                    .for_each(|word| state.write_u64(word));
            }
        }
        state.write_u64(ports);
    }
}

impl FlowKey {
    /// The key of a segment's connection, and which end sent the segment.
    #[inline]
    pub fn of(segment: &Segment<'_>) -> (Self, End) {
        Self::between(
            (segment.src, segment.src_port),
            (segment.dst, segment.dst_port),
        )
    }

    /// The key of a connection between two addresses, and which end the first one is.
    #[inline]
    pub fn between(one: (IpAddr, u16), other: (IpAddr, u16)) -> (Self, End) {
        // No packet mixes families.
        let is_v4 = one.0.is_ipv4() && other.0.is_ipv4();
        let family = if is_v4 { Family::V4 } else { Family::V6 };
        let (one, other) = (
            (words(one.0, family), one.1),
            (words(other.0, family), other.1),
        );
        let end = if one <= other { End::A } else { End::B };
        let (low, high) = match end {
            End::A => (one, other),
            End::B => (other, one),
        };
        let key = Self {
            low: low.0,
            high: high.0,
            low_port: low.1,
            high_port: high.1,
            family,
        };
        (key, end)
    }

    /// Address and port of one end.
    pub fn address(&self, end: End) -> SocketAddr {
        let ([upper, lower], port) = match end {
            End::A => (self.low, self.low_port),
            End::B => (self.high, self.high_port),
        };
        let bits = u128::from(upper) << 64 | u128::from(lower);
        let ip = match self.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(lower).unwrap_or(0))),
            Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        };
        SocketAddr::new(ip, port)
    }
}

#[inline]
fn words(ip: IpAddr, family: Family) -> [u64; 2] {
    let bits = match (ip, family) {
        (IpAddr::V4(ip), Family::V4) => return [0, u64::from(ip.to_bits())],
        (IpAddr::V4(ip), Family::V6) => ip.to_ipv6_mapped().to_bits(),
        (IpAddr::V6(ip), _) => ip.to_bits(),
    };
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let halves = [(bits >> 64) as u64, bits as u64];
    halves
}
