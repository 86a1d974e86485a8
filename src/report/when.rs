//! Points in time for people and for records.

use std::fmt::{self, Write};

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use crate::time::Timestamp;

/// How a table shows times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Clock {
    /// Time of day in UTC.
    #[default]
    Utc,
    /// Time of day where the reader is.
    Local,
    /// Seconds since the first packet.
    Relative,
}

/// Shows points in time on one clock.
#[derive(Clone, Debug)]
pub struct Watch {
    clock: Clock,
    zone: TimeZone,
    zero: Timestamp,
}

impl Watch {
    /// A watch; `zero` is where [`Clock::Relative`] counts from.
    pub fn new(clock: Clock, zero: Timestamp) -> Self {
        let zone = if clock == Clock::Local {
            TimeZone::system()
        } else {
            TimeZone::UTC
        };
        Self { clock, zone, zero }
    }

    /// `HH:MM:SS.mmm`, or `+S.mmm` on a relative clock.
    pub fn time(&self, time: Timestamp) -> String {
        text(|out| self.read(time).write(out))
    }

    /// `HH:MM:SS`; on a relative clock as [`time`](Self::time).
    pub fn brief(&self, time: Timestamp) -> String {
        text(|out| self.read(time).write_brief(out))
    }

    /// What it shows at `time`.
    pub fn read(&self, time: Timestamp) -> Reading {
        match self.clock {
            Clock::Relative => Reading::Since(time.since(self.zero)),
            Clock::Local => Reading::Civil(self.zone.to_datetime(instant(time))),
            Clock::Utc => Reading::Civil(Offset::UTC.to_datetime(instant(time))),
        }
    }

    /// Whose time of day it is; `None` for a relative clock, whose times begin with a sign.
    pub const fn label(&self) -> Option<&'static str> {
        match self.clock {
            Clock::Utc => Some("UTC"),
            Clock::Local => Some("local"),
            Clock::Relative => None,
        }
    }
}

/// What times of day look like, and brief ones.
const TIME: &[u8; 12] = b"00:00:00.000";
const BRIEF: &[u8; 8] = b"00:00:00";

/// What a [`Watch`] shows.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    /// A day and a time of day.
    Civil(DateTime),
    /// Nanoseconds since the first packet.
    Since(i64),
}

impl Reading {
    /// The day; `None` on a relative clock, which has no days.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Civil(time) => Some(time.date()),
            Self::Since(_) => None,
        }
    }

    /// The columns that it takes, or its brief form, where these are the same for all.
    pub const fn width(&self, brief: bool) -> Option<usize> {
        match self {
            Self::Civil(_) if brief => Some(BRIEF.len()),
            Self::Civil(_) => Some(TIME.len()),
            Self::Since(_) => None,
        }
    }

    /// `HH:MM:SS.mmm`, or `+S.mmm`; `-S.mmm` where the clock of the capture went back.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> fmt::Result {
        match *self {
            Self::Civil(time) => {
                let mut text = *TIME;
                put_time(&mut text, time);
                put::<9, 3, _>(
                    &mut text,
                    time.subsec_nanosecond().unsigned_abs() / 1_000_000,
                );
                out.write_str(std::str::from_utf8(&text).unwrap_or_default())
            }
            Self::Since(nanos) => {
                let sign = if nanos < 0 { "-" } else { "+" };
                let millis = nanos.unsigned_abs() / 1_000_000;
                write_decimal(out, sign, millis / 1000, millis % 1000, 3)
            }
        }
    }

    /// `HH:MM:SS`; on a relative clock as [`write`](Self::write).
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_brief(&self, out: &mut impl Write) -> fmt::Result {
        match *self {
            Self::Civil(time) => {
                let mut text = *BRIEF;
                put_time(&mut text, time);
                out.write_str(std::str::from_utf8(&text).unwrap_or_default())
            }
            Self::Since(_) => self.write(out),
        }
    }
}

/// The time of day over `00:00:00`.
fn put_time<const ALL: usize>(text: &mut [u8; ALL], time: DateTime) {
    let field = |value: i8| u32::from(value.unsigned_abs());
    put::<0, 2, _>(text, field(time.hour()));
    put::<3, 2, _>(text, field(time.minute()));
    put::<6, 2, _>(text, field(time.second()));
}

/// What `write` writes.
fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text);
    text
}

/// A span as timers are set: `850 ms`, `60.400 s`, and beyond ten minutes
/// `1 h 0 min (3600.400 s)`.
pub fn span(nanos: i64) -> String {
    text(|out| write_span(out, nanos))
}

fn write_span(out: &mut impl Write, nanos: i64) -> fmt::Result {
    let sign = if nanos < 0 { "-" } else { "" };
    let millis = nanos.unsigned_abs() / 1_000_000;
    let (mins, hours) = (millis / 60_000, millis / 3_600_000);
    let (secs, rest) = (millis / 1000, millis % 1000);
    match millis {
        0 => write_whole(out, sign, nanos.unsigned_abs() / 1000, " µs"),
        1..1000 => write_whole(out, sign, millis, " ms"),
        1000..600_000 => {
            write_decimal(out, sign, secs, rest, 3)?;
            out.write_str(" s")
        }
        600_000..3_600_000 => write!(out, "{sign}{mins} min ({secs}.{rest:03} s)"),
        3_600_000..86_400_000 => {
            write!(
                out,
                "{sign}{hours} h {} min ({secs}.{rest:03} s)",
                mins % 60
            )
        }
        _ => {
            let (days, hours) = (hours / 24, hours % 24);
            write!(out, "{sign}{days} d {hours} h ({secs}.{rest:03} s)")
        }
    }
}

/// A number with its unit. There are many, and the general way takes several times as long.
fn write_whole(out: &mut impl Write, sign: &str, value: u64, unit: &str) -> fmt::Result {
    out.write_str(sign)?;
    out.write_str(itoa::Buffer::new().format(value))?;
    out.write_str(unit)
}

/// A number with `digits` digits behind the point.
fn write_decimal(
    out: &mut impl Write,
    sign: &str,
    value: u64,
    fraction: u64,
    digits: usize,
) -> fmt::Result {
    write_whole(out, sign, value, ".")?;
    let mut behind = itoa::Buffer::new();
    let behind = behind.format(fraction);
    out.write_str("000".get(behind.len()..digits).unwrap_or_default())?;
    out.write_str(behind)
}

/// A span for a column, spelt out: it tells how wide it is, and writes itself.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    is_negative: bool,
    value: u64,
    /// What stands behind the point, and in how many digits.
    fraction: Option<(u64, u32)>,
    unit: &'static str,
    /// In the unit below.
    rest: Option<(u64, &'static str)>,
}

impl Span {
    /// `850 ms`, `60.400 s`, `20 min 3 s`, `2 h 4 min`, `1 d 1 h`.
    pub const fn short(nanos: i64) -> Self {
        let micros = nanos.unsigned_abs() / 1000;
        let (millis, secs) = (micros / 1000, micros / 1_000_000);
        let (value, fraction, unit, rest) = match secs {
            0 if millis == 0 => (micros, None, " µs", None),
            0 => (millis, None, " ms", None),
            1..600 => (secs, Some((millis % 1000, 3)), " s", None),
            600..3600 => (secs / 60, None, " min ", Some((secs % 60, " s"))),
            3600..86_400 => (secs / 3600, None, " h ", Some((secs / 60 % 60, " min"))),
            _ => (secs / 86_400, None, " d ", Some((secs / 3600 % 24, " h"))),
        };
        Self {
            is_negative: nanos < 0,
            value,
            fraction,
            unit,
            rest,
        }
    }

    /// The same in the fewest columns: `60.4 s` and `20 min`.
    pub const fn shortest(nanos: i64) -> Self {
        let tenths = nanos.unsigned_abs() / 100_000_000;
        let (value, fraction, unit) = match tenths {
            10..6000 => (tenths / 10, Some((tenths % 10, 1)), " s"),
            6000..36_000 => (tenths / 600, None, " min"),
            _ => return Self::short(nanos),
        };
        Self {
            is_negative: nanos < 0,
            value,
            fraction,
            unit,
            rest: None,
        }
    }

    /// The columns that it takes.
    pub fn width(&self) -> usize {
        let fraction = self.fraction.map_or(0, |(_, digits)| 1 + digits as usize);
        let rest = self
            .rest
            .map_or(0, |(value, unit)| digits(value) + columns(unit));
        usize::from(self.is_negative) + digits(self.value) + fraction + columns(self.unit) + rest
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> fmt::Result {
        let sign = if self.is_negative { "-" } else { "" };
        match self.fraction {
            Some((fraction, digits)) => {
                write_decimal(out, sign, self.value, fraction, digits as usize)?;
                out.write_str(self.unit)?;
            }
            None => write_whole(out, sign, self.value, self.unit)?,
        }
        match self.rest {
            Some((value, unit)) => write_whole(out, "", value, unit),
            None => Ok(()),
        }
    }
}

/// Those of a unit, whose characters are all of one column.
fn columns(unit: &str) -> usize {
    unit.chars().count()
}

/// How many digits `number` has.
pub(super) const fn digits(number: u64) -> usize {
    match number {
        0..10 => 1,
        10..100 => 2,
        100..1000 => 3,
        1000..10_000 => 4,
        10_000..100_000 => 5,
        _ => number.ilog10() as usize + 1,
    }
}

/// A span in the fewest columns.
pub fn shortest_span(nanos: i64) -> String {
    text(|out| Span::shortest(nanos).write(out))
}

/// RFC 3339 in UTC with nine digits.
pub fn rfc3339(time: Timestamp) -> Rfc3339 {
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    let date = Offset::UTC.to_datetime(instant(time));
    let field = |value: i8| u32::from(value.unsigned_abs());
    // A `Timestamp` lies between the years 1677 and 2262.
    let year = u32::from(date.year().unsigned_abs());
    put::<0, 4, _>(&mut text, year);
    put::<5, 2, _>(&mut text, field(date.month()));
    put::<8, 2, _>(&mut text, field(date.day()));
    put::<11, 2, _>(&mut text, field(date.hour()));
    put::<14, 2, _>(&mut text, field(date.minute()));
    put::<17, 2, _>(&mut text, field(date.second()));
    put::<20, 9, _>(&mut text, date.subsec_nanosecond().unsigned_abs());
    Rfc3339(text)
}

/// Writes a number over the `N` zeros that begin at `AT`: with both known, there is no loop.
#[inline]
fn put<const AT: usize, const N: usize, const ALL: usize>(text: &mut [u8; ALL], mut value: u32) {
    for place in text.iter_mut().skip(AT).take(N).rev() {
        *place += u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

/// A point in time as `2023-11-14T22:13:20.000000001Z`.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339([u8; 30]);

impl Rfc3339 {
    /// As a text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Every `Timestamp` lies within the years that jiff knows; an error cannot come, and would show
/// as the epoch.
fn instant(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::width;

    fn short_span(nanos: i64) -> String {
        text(|out| Span::short(nanos).write(out))
    }

    #[test]
    fn records_have_nine_digits_and_utc() {
        let time = Timestamp::from_parts(1_700_000_000, 1);
        assert_eq!(rfc3339(time).to_string(), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(
            rfc3339(Timestamp::default()).to_string(),
            "1970-01-01T00:00:00.000000000Z"
        );
    }

    #[test]
    fn no_time_is_too_odd() {
        for nanos in [i64::MIN, -1, i64::MAX] {
            let time = Timestamp::from_nanos(nanos);
            assert!(rfc3339(time).to_string().ends_with('Z'));
            for clock in [Clock::Utc, Clock::Local, Clock::Relative] {
                let watch = Watch::new(clock, Timestamp::from_nanos(i64::MIN));
                assert!(!watch.time(time).is_empty());
                assert_eq!(watch.read(time).date().is_none(), clock == Clock::Relative);
            }
            assert!(!span(nanos).is_empty());
            assert!(!short_span(nanos).is_empty() && !shortest_span(nanos).is_empty());
        }
    }

    #[test]
    fn times_of_day_have_three_digits() {
        let watch = Watch::new(Clock::Utc, Timestamp::default());
        assert_eq!(
            watch.time(Timestamp::from_parts(1_700_000_000, 0)),
            "22:13:20.000"
        );
        assert_eq!(
            watch.time(Timestamp::from_parts(1_700_000_000, 999_999_999)),
            "22:13:20.999"
        );
    }

    #[test]
    fn brief_times_have_no_fraction() {
        let time = Timestamp::from_parts(1_700_000_000, 999_999_999);
        let watch = |clock| Watch::new(clock, Timestamp::from_parts(1_700_000_000, 0));
        assert_eq!(watch(Clock::Utc).brief(time), "22:13:20");
        assert_eq!(watch(Clock::Relative).brief(time), "+0.999");
    }

    #[test]
    fn relative_times_count_from_zero() {
        let watch = Watch::new(Clock::Relative, Timestamp::from_parts(10, 0));
        assert_eq!(watch.time(Timestamp::from_parts(12, 345_000_000)), "+2.345");
        assert_eq!(watch.time(Timestamp::from_parts(9, 500_000_000)), "-0.500");
    }

    #[test]
    fn spans_use_the_units_that_fit() {
        assert_eq!(span(0), "0 µs");
        assert_eq!(span(850_000_000), "850 ms");
        assert_eq!(span(30_333_000_000), "30.333 s");
        assert_eq!(span(60_400_000_000), "60.400 s");
        assert_eq!(span(-1_500_000_000), "-1.500 s");
        assert_eq!(span(1_203_000_000_000), "20 min (1203.000 s)");
        assert_eq!(span(303_000_000_000), "303.000 s");
        assert_eq!(span(7_440_000_000_000), "2 h 4 min (7440.000 s)");
        assert_eq!(span(90_000_000_000_000), "1 d 1 h (90000.000 s)");
    }

    #[test]
    fn spans_in_columns_are_short() {
        for (nanos, short, shortest) in [
            (354_000, "354 µs", "354 µs"),
            (850_000_000, "850 ms", "850 ms"),
            (60_400_000_000, "60.400 s", "60.4 s"),
            (599_999_000_000, "599.999 s", "599.9 s"),
            (1_203_000_000_000, "20 min 3 s", "20 min"),
            (7_440_000_000_000, "2 h 4 min", "2 h 4 min"),
            (90_000_000_000_000, "1 d 1 h", "1 d 1 h"),
            (-1_500_000_000, "-1.500 s", "-1.5 s"),
        ] {
            assert_eq!(short_span(nanos), short);
            assert_eq!(shortest_span(nanos), shortest);
        }
    }

    #[test]
    fn spans_are_as_wide_as_they_are_written() {
        let nanos = (0..19).flat_map(|zeros| [1, 6, 9].map(|digit| digit * 10_i64.pow(zeros)));
        for nanos in nanos.flat_map(|nanos| [nanos, nanos - 1, -nanos]) {
            let spans = [Span::short(nanos), Span::shortest(nanos)];
            let texts = [short_span(nanos), shortest_span(nanos)];
            for (span, text) in spans.iter().zip(texts) {
                assert_eq!(span.width(), width(&text), "{text}");
            }
        }
    }
}
