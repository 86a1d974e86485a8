//! Time stamps of a pcapng interface: units and offset of its clock.

use crate::time::Timestamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How the ticks of an interface become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Nanoseconds of a tick.
    Nanos(u64),
    /// Ticks of a nanosecond; 0 where there are more than any tick count.
    PerNano(u64),
    /// A tick is a second divided by 2 to this.
    PowerOfTwo(u32),
}

/// The clock of an interface (`if_tsresol`, `if_tsoffset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    /// Nanoseconds to add.
    offset: i128,
}

impl Default for Clock {
    /// Microseconds since the epoch (pcapng draft §4.2, `if_tsresol`).
    fn default() -> Self {
        Self {
            unit: Unit::Nanos(1000),
            offset: 0,
        }
    }
}

impl Clock {
    /// From the octet of `if_tsresol`: a negative power of 10, or of 2 if the top bit is set.
    pub(super) fn set_resolution(&mut self, octet: u8) {
        let exponent = u32::from(octet & 0x7f);
        self.unit = if octet & 0x80 != 0 {
            Unit::PowerOfTwo(exponent)
        } else if let Some(below) = 9_u32.checked_sub(exponent) {
            Unit::Nanos(10_u64.pow(below))
        } else {
            Unit::PerNano(10_u64.checked_pow(exponent - 9).unwrap_or_default())
        };
    }

    /// From `if_tsoffset`: seconds to add to every time stamp.
    pub(super) fn set_offset(&mut self, seconds: i64) {
        self.offset = i128::from(seconds) * i128::from(NANOS_PER_SECOND);
    }

    /// A time stamp in units of this clock; clamped to what a [`Timestamp`] holds.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Nanos(nanos) => u128::from(ticks) * u128::from(nanos),
            Unit::PerNano(per_nano) => u128::from(ticks.checked_div(per_nano).unwrap_or_default()),
            Unit::PowerOfTwo(exponent) => {
                (u128::from(ticks) * u128::from(NANOS_PER_SECOND)) >> exponent
            }
        };
        // At most 2^94: neither the conversion nor the sum can overflow.
        let nanos = i128::try_from(nanos)
            .unwrap_or(i128::MAX)
            .saturating_add(self.offset);
        let limit = if nanos < 0 { i64::MIN } else { i64::MAX };
        Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(resolution: u8, offset: i64, ticks: u64) -> i64 {
        let mut clock = Clock::default();
        clock.set_resolution(resolution);
        clock.set_offset(offset);
        clock.time(ticks).as_nanos()
    }

    #[test]
    fn powers_of_ten() {
        assert_eq!(Clock::default().time(1_000_001).as_nanos(), 1_000_001_000);
        assert_eq!(nanos(0, 0, 3), 3_000_000_000);
        assert_eq!(nanos(3, 0, 1_500), 1_500_000_000);
        assert_eq!(nanos(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(nanos(9, 0, 1_500_000_001), 1_500_000_001);
        assert_eq!(nanos(12, 0, 1_500_000_001_999), 1_500_000_001);
        assert_eq!(nanos(28, 0, u64::MAX), 1);
        assert_eq!(nanos(29, 0, u64::MAX), 0);
        assert_eq!(nanos(127, 0, u64::MAX), 0);
    }

    #[test]
    fn powers_of_two() {
        assert_eq!(nanos(0x80, 0, 7), 7_000_000_000);
        assert_eq!(nanos(0x81, 0, 3), 1_500_000_000);
        assert_eq!(nanos(0x94, 0, 1 << 20), 1_000_000_000);
        assert_eq!(nanos(0xa0, 0, (5 << 32) | (1 << 31)), 5_500_000_000);
        assert_eq!(nanos(0xff, 0, u64::MAX), 0);
    }

    #[test]
    fn offsets_of_either_sign_and_clamping() {
        assert_eq!(nanos(6, 10, 1_000_000), 11_000_000_000);
        assert_eq!(nanos(6, -10, 1_000_000), -9_000_000_000);
        assert_eq!(nanos(0, 0, u64::MAX), i64::MAX);
        assert_eq!(nanos(0, i64::MAX, u64::MAX), i64::MAX);
        assert_eq!(nanos(6, i64::MIN, 0), i64::MIN);
    }

    proptest! {
        #[test]
        fn never_goes_back_where_the_ticks_do_not(resolution: u8, offset: i64, a: u64, b: u64) {
            prop_assert!(nanos(resolution, offset, a.min(b)) <= nanos(resolution, offset, a.max(b)));
        }
    }
}
