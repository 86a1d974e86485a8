//! Points in time and spans between them, as the capture counts them.
//!
//! Nothing here asks the system what time it is: time is what the packets say.

/// Nanoseconds since 1970-01-01T00:00:00Z (years 1677 to 2262; what lies outside is clamped).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl Timestamp {
    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch and a fraction in nanoseconds; clamped, since
    /// both come from files.
    pub const fn from_parts(seconds: i64, nanos: i64) -> Self {
        Self(
            seconds
                .saturating_mul(NANOS_PER_SECOND)
                .saturating_add(nanos),
        )
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The span from `earlier` to this, in nanoseconds; negative where the clock went back.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The span from `earlier` to this, in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a span shown to people: nanoseconds are exact up to 104 days"
    )]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.since(earlier) as f64 / 1e9
    }
}
