//! An IP address in words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IP address as two words. Every packet has two: they are read, compared and hashed in few
/// steps, where the bytes of an [`IpAddr`] would be moved about one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The upper half; 0 for IPv4.
    pub upper: u64,
    /// The lower half, or all of IPv4.
    pub lower: u64,
    /// It is of IPv4.
    pub is_v4: bool,
}

impl Address {
    /// `0.0.0.0`.
    pub const NOWHERE: Self = Self {
        upper: 0,
        lower: 0,
        is_v4: true,
    };

    /// From the bytes of an IPv4 header.
    #[inline]
    pub(super) const fn v4(bytes: [u8; 4]) -> Self {
        Self {
            upper: 0,
            lower: u32::from_be_bytes(bytes) as u64,
            is_v4: true,
        }
    }

    /// From the bytes of an IPv6 header.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the lower half is what is left of it"
    )]
    pub(super) const fn v6(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        Self {
            upper: (bits >> 64) as u64,
            lower: bits as u64,
            is_v4: false,
        }
    }

    /// As others know it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "of IPv4 there is no more than that"
    )]
    pub fn ip(self) -> IpAddr {
        if self.is_v4 {
            IpAddr::V4(Ipv4Addr::from_bits(self.lower as u32))
        } else {
            let bits = u128::from(self.upper) << 64 | u128::from(self.lower);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::v4(ip.octets()),
            IpAddr::V6(ip) => Self::v6(ip.octets()),
        }
    }
}
