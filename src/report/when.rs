//! Points in time for people and for records.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use super::short::{self, Short};
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

    /// `HH:MM:SS`; on a relative clock `+S.mmm`.
    pub fn brief(&self, time: Timestamp) -> String {
        self.read(time).text(true).as_str().to_owned()
    }

    /// What it shows at `time`.
    #[inline]
    pub fn read(&self, time: Timestamp) -> Reading {
        match self.clock {
            Clock::Relative => Reading::Since(time.since(self.zero)),
            Clock::Local => {
                let offset = self.zone.to_offset(instant(time));
                let (day, nanos) = civil(time, i64::from(offset.seconds()) * NANOS);
                Reading::Civil(day, nanos)
            }
            Clock::Utc => {
                let (day, nanos) = civil(time, 0);
                Reading::Civil(day, nanos)
            }
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

/// Nanoseconds in a millisecond, in a second, and in a day.
const MILLI: i64 = 1_000_000;
const NANOS: i64 = 1000 * MILLI;
const DAY: i64 = 86_400 * NANOS;

/// A day on a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Since 1970-01-01.
    number: i64,
}

impl Day {
    /// `2023-11-14`.
    pub fn date(self) -> Date {
        // Every `Timestamp` lies within the years that jiff knows, and so do the days beside it.
        let begin = jiff::Timestamp::from_second(self.number.saturating_mul(86_400));
        Offset::UTC.to_datetime(begin.unwrap_or_default()).date()
    }
}

/// What a [`Watch`] shows.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    /// A day, and the nanoseconds of that day.
    Civil(Day, i64),
    /// Nanoseconds since the first packet.
    Since(i64),
}

impl Reading {
    /// The day; `None` on a relative clock, which has no days.
    pub const fn day(&self) -> Option<Day> {
        match self {
            Self::Civil(day, _) => Some(*day),
            Self::Since(_) => None,
        }
    }

    /// The columns that it takes, or its brief form.
    pub fn width(&self, brief: bool) -> usize {
        match self {
            Self::Civil(..) if brief => "00:00:00".len(),
            Self::Civil(..) => "00:00:00.000".len(),
            Self::Since(_) => self.text(brief).len(),
        }
    }

    /// `HH:MM:SS.mmm`, its brief form `HH:MM:SS`; on a relative clock both `+S.mmm`, or `-S.mmm`
    /// where the clock of the capture went back.
    pub fn text(&self, brief: bool) -> Short {
        let mut text = Short::new();
        self.put(&mut text, brief);
        text
    }

    /// Adds the same to a text.
    pub(super) fn put<const N: usize>(&self, text: &mut Short<N>, brief: bool) {
        match *self {
            Self::Civil(_, nanos) => {
                let mut time = *b"00:00:00";
                let [hours, minutes, seconds] = of_day(nanos);
                put::<0, 2, _>(&mut time, hours);
                put::<3, 2, _>(&mut time, minutes);
                put::<6, 2, _>(&mut time, seconds);
                text.put(time);
                if !brief {
                    put_fraction::<3, N>(text, nanos % NANOS / MILLI);
                }
            }
            Self::Since(nanos) => {
                text.put(if nanos < 0 { *b"-" } else { *b"+" });
                let millis = nanos.unsigned_abs() / 1_000_000;
                text.put_number(millis / 1000);
                put_fraction::<3, N>(text, (millis % 1000).cast_signed());
            }
        }
    }
}

/// The day, and how many nanoseconds of it have gone, where clocks show so many more than in UTC.
#[inline]
const fn civil(time: Timestamp, offset: i64) -> (Day, i64) {
    let nanos = time.as_nanos();
    let of_day = nanos.rem_euclid(DAY) + offset;
    let number = nanos.div_euclid(DAY) + of_day.div_euclid(DAY);
    (Day { number }, of_day.rem_euclid(DAY))
}

/// Hours, minutes and seconds of so many nanoseconds of a day.
#[inline]
fn of_day(nanos: i64) -> [u32; 3] {
    let secs = u32::try_from(nanos / NANOS).unwrap_or(0);
    [secs / 3600, secs / 60 % 60, secs % 60]
}

/// A point, and so many digits behind it.
#[inline]
fn put_fraction<const DIGITS: usize, const N: usize>(text: &mut Short<N>, fraction: i64) {
    text.put(*b".");
    text.put(short::digits::<DIGITS>(
        u32::try_from(fraction).unwrap_or(0),
    ));
}

/// A span as timers are set: `850 ms`, `60.400 s`, and beyond ten minutes
/// `1 h 0 min (3600.400 s)`.
pub fn span(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let millis = nanos.unsigned_abs() / 1_000_000;
    let (mins, hours) = (millis / 60_000, millis / 3_600_000);
    let (secs, rest) = (millis / 1000, millis % 1000);
    match millis {
        0..600_000 => Span::short(nanos).text().as_str().to_owned(),
        600_000..3_600_000 => format!("{sign}{mins} min ({secs}.{rest:03} s)"),
        3_600_000..86_400_000 => {
            let mins = mins % 60;
            format!("{sign}{hours} h {mins} min ({secs}.{rest:03} s)")
        }
        _ => {
            let (days, hours) = (hours / 24, hours % 24);
            format!("{sign}{days} d {hours} h ({secs}.{rest:03} s)")
        }
    }
}

/// What stands behind a point.
#[derive(Clone, Copy, Debug)]
enum Fraction {
    None,
    Tenths(u64),
    Thousandths(u64),
}

/// A span for a column, spelt out: it tells how wide it is, and writes itself.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    is_negative: bool,
    value: u64,
    fraction: Fraction,
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
            0 if millis == 0 => (micros, Fraction::None, " µs", None),
            0 => (millis, Fraction::None, " ms", None),
            1..600 => (secs, Fraction::Thousandths(millis % 1000), " s", None),
            600..3600 => (secs / 60, Fraction::None, " min ", Some((secs % 60, " s"))),
            3600..86_400 => (
                secs / 3600,
                Fraction::None,
                " h ",
                Some((secs / 60 % 60, " min")),
            ),
            _ => (
                secs / 86_400,
                Fraction::None,
                " d ",
                Some((secs / 3600 % 24, " h")),
            ),
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
            10..6000 => (tenths / 10, Fraction::Tenths(tenths % 10), " s"),
            6000..36_000 => (tenths / 600, Fraction::None, " min"),
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
        let fraction = match self.fraction {
            Fraction::None => 0,
            Fraction::Tenths(_) => ".0".len(),
            Fraction::Thousandths(_) => ".000".len(),
        };
        let rest = self
            .rest
            .map_or(0, |(value, unit)| digits(value) + columns(unit));
        usize::from(self.is_negative) + digits(self.value) + fraction + columns(self.unit) + rest
    }

    /// As a text.
    pub fn text(&self) -> Short {
        let mut text = Short::new();
        self.put(&mut text);
        text
    }

    /// Adds the same to a text.
    pub(super) fn put<const N: usize>(&self, text: &mut Short<N>) {
        if self.is_negative {
            text.put(*b"-");
        }
        text.put_number(self.value);
        match self.fraction {
            Fraction::None => {}
            Fraction::Tenths(tenths) => put_fraction::<1, N>(text, tenths.cast_signed()),
            Fraction::Thousandths(thousandths) => {
                put_fraction::<3, N>(text, thousandths.cast_signed())
            }
        }
        text.put_str(self.unit);
        if let Some((value, unit)) = self.rest {
            text.put_number(value);
            text.put_str(unit);
        }
    }
}

/// Those of a unit, whose characters are all of one column.
#[inline]
fn columns(unit: &str) -> usize {
    // (`µ` takes two bytes.)
    match unit {
        " µs" => 3,
        _ => unit.len(),
    }
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
    Span::shortest(nanos).text().as_str().to_owned()
}

/// RFC 3339 in UTC with nine digits.
pub fn rfc3339(time: Timestamp) -> Rfc3339 {
    let (day, nanos) = civil(time, 0);
    let date = day.date();
    let month = u32::from(date.month().unsigned_abs());
    let day = u32::from(date.day().unsigned_abs());
    let [hours, minutes, seconds] = of_day(nanos);
    let nanos = u32::try_from(nanos % NANOS).unwrap_or(0);
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    // A `Timestamp` lies between the years 1677 and 2262.
    put::<0, 4, _>(&mut text, date.year().unsigned_abs().into());
    put::<5, 2, _>(&mut text, month);
    put::<8, 2, _>(&mut text, day);
    put::<11, 2, _>(&mut text, hours);
    put::<14, 2, _>(&mut text, minutes);
    put::<17, 2, _>(&mut text, seconds);
    put::<20, 9, _>(&mut text, nanos);
    Rfc3339(text)
}

/// Writes `N` digits of a number to where they begin at `AT`: with both known, there is no loop.
#[inline]
fn put<const AT: usize, const N: usize, const ALL: usize>(text: &mut [u8; ALL], number: u32) {
    let places = text.iter_mut().skip(AT);
    places
        .zip(short::digits::<N>(number))
        .for_each(|(place, digit)| *place = digit);
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
        Span::short(nanos).text().as_str().to_owned()
    }

    fn time(watch: &Watch, time: Timestamp) -> String {
        watch.read(time).text(false).as_str().to_owned()
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
                assert!(!watch.read(time).text(false).as_str().is_empty());
                assert_eq!(watch.read(time).day().is_none(), clock == Clock::Relative);
            }
            assert!(!span(nanos).is_empty());
            assert!(!short_span(nanos).is_empty() && !shortest_span(nanos).is_empty());
        }
    }

    #[test]
    fn times_of_day_have_three_digits() {
        let watch = Watch::new(Clock::Utc, Timestamp::default());
        assert_eq!(
            time(&watch, Timestamp::from_parts(1_700_000_000, 0)),
            "22:13:20.000"
        );
        assert_eq!(
            time(&watch, Timestamp::from_parts(1_700_000_000, 999_999_999)),
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
        assert_eq!(
            time(&watch, Timestamp::from_parts(12, 345_000_000)),
            "+2.345"
        );
        assert_eq!(
            time(&watch, Timestamp::from_parts(9, 500_000_000)),
            "-0.500"
        );
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
