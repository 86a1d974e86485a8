//! A cell of a table: it knows what it says, and writes it itself, short or long. There may be
//! millions of lines, so cells are no texts of their own.

use std::borrow::Cow;
use std::net::SocketAddr;

use anstyle::Style;

use super::address;
use super::layout::Fit;
use super::text::{escape, is_plain, shorten_end, shorten_middle, width};
use super::when::{Day, Reading, Span, digits};

/// Fewer columns of a quotation tell nothing: then it is left out.
const LEAST_QUOTE: usize = 8;
/// Stands for a quotation that was left out.
const LEFT_OUT: &str = " …";
/// Stand around a quotation.
const QUOTES: [&str; 2] = [" “", "”"];
/// The columns that these take.
const QUOTES_WIDTH: usize = 3;

/// What a cell says.
#[derive(Clone, Debug)]
pub(super) enum Says<'a> {
    /// A text of ASCII that is harmless.
    Plain(&'a str),
    /// A text that is harmless.
    Text(Cow<'a, str>),
    /// The same, and what may stand for it where room is short.
    Either(Box<[String; 2]>),
    Number(u64),
    /// Of several days, the day comes first.
    Time(Reading, Option<Day>),
    /// How long, in nanoseconds.
    Span(i64),
    /// A client, whose port tells nothing that the number of its session does not.
    Client(SocketAddr),
    Server(SocketAddr),
}

impl Default for Says<'_> {
    fn default() -> Self {
        Self::Plain("")
    }
}

impl Says<'_> {
    fn write(&self, short: bool, line: &mut Vec<u8>) {
        match self {
            Self::Plain(text) => line.extend_from_slice(text.as_bytes()),
            Self::Text(text) => line.extend_from_slice(text.as_bytes()),
            Self::Either(texts) => {
                let [text, brief] = &**texts;
                line.extend_from_slice(if short { brief } else { text }.as_bytes());
            }
            Self::Number(number) => put_number(line, *number),
            Self::Time(time, day) => {
                if let Some(day) = day {
                    line.extend_from_slice(date(*day, short).as_bytes());
                }
                time.text(short).add_to(line);
            }
            Self::Span(nanos) => span(*nanos, short).text().add_to(line),
            Self::Client(client) if short => address::ip_text(client.ip()).add_to(line),
            Self::Client(address) | Self::Server(address) => address::text(*address).add_to(line),
        }
    }

    /// The columns that it takes.
    fn width(&self, short: bool) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Text(text) => width(text),
            Self::Either(texts) => {
                let [text, brief] = &**texts;
                width(if short { brief } else { text })
            }
            Self::Number(number) => digits(*number),
            Self::Time(time, day) => {
                day.map_or(0, |day| date(day, short).len()) + time.width(short)
            }
            Self::Span(nanos) => span(*nanos, short).width(),
            Self::Client(client) if short => address::ip_width(client.ip()),
            Self::Client(address) | Self::Server(address) => address::width(*address),
        }
    }

    /// Its short form is another.
    const fn has_short(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Text(_) | Self::Number(_) | Self::Server(_) => false,
            Self::Either(_) | Self::Time(..) | Self::Span(_) | Self::Client(_) => true,
        }
    }
}

/// Adds a number to a line.
pub(super) fn put_number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// What stands before a time of day, `2023-11-14 `; the year can be told from the summary.
pub(super) fn date(day: Day, short: bool) -> String {
    let date = day.date();
    if short {
        format!("{:02}-{:02} ", date.month(), date.day())
    } else {
        format!("{date} ")
    }
}

const fn span(nanos: i64, short: bool) -> Span {
    if short {
        Span::shortest(nanos)
    } else {
        Span::short(nanos)
    }
}

/// Something that is said, and its looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell<'a> {
    pub(super) says: Says<'a>,
    /// Stands behind it in quotation marks: cut, or left out whole, before the rest is.
    pub(super) quote: Option<Cow<'a, str>>,
    /// Columns of its beginning that are not to be cut.
    pub(super) essential: usize,
    pub(super) style: Style,
}

impl<'a> Cell<'a> {
    /// A word of our own, which is harmless and of ASCII.
    pub(super) const fn word(word: &'static str) -> Self {
        Self::says(Says::Plain(word))
    }

    /// A text of our own, which is harmless.
    pub(super) const fn made(text: String) -> Self {
        Self::says(Says::Text(Cow::Owned(text)))
    }

    /// A text of a stranger, which is made harmless here.
    pub(super) fn text(text: &'a str) -> Self {
        Self::says(if is_plain(text) {
            Says::Plain(text)
        } else {
            Says::Text(escape(text))
        })
    }

    pub(super) const fn says(says: Says<'a>) -> Self {
        Self {
            says,
            quote: None,
            essential: 0,
            style: Style::new(),
        }
    }

    /// Columns of all that it says, long and short.
    pub(super) fn widths(&self) -> [usize; 2] {
        let long = self.long_width();
        if self.says.has_short() {
            [long, self.width(true)]
        } else {
            [long, long]
        }
    }

    /// Columns of all that it says in its long form.
    pub(super) fn long_width(&self) -> usize {
        self.width(false)
    }

    /// Columns of all that it says in its short form, or its long one.
    pub(super) fn width(&self, short: bool) -> usize {
        self.says.width(short) + self.quote_width()
    }

    fn quote_width(&self) -> usize {
        self.quote.as_deref().map_or(0, quoted)
    }

    /// Columns below which it says too little: before room is very short, and then.
    pub(super) fn least(&self) -> [usize; 2] {
        match &self.quote {
            Some(quote) => [
                self.essential + QUOTES_WIDTH + width(quote).min(LEAST_QUOTE),
                self.essential + width(LEFT_OUT),
            ],
            None => [self.essential; 2],
        }
    }

    /// What is not in quotation marks.
    pub(super) fn shown(&self, short: bool) -> String {
        let mut text = Vec::new();
        self.says.write(short, &mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Adds to `line` what it says in at most `columns`; gives the columns of that.
    pub(super) fn write(&self, line: &mut Vec<u8>, short: bool, fit: Fit, columns: usize) -> usize {
        let begun = line.len();
        self.says.write(short, line);
        let text = match self.says {
            // What is ASCII need not be looked at again.
            Says::Plain(_)
            | Says::Number(_)
            | Says::Time(..)
            | Says::Client(_)
            | Says::Server(_) => line.len() - begun,
            Says::Text(_) | Says::Either(_) | Says::Span(_) => self.says.width(short),
        };
        let Some(quote) = self.quote.as_deref() else {
            if text <= columns {
                return text;
            }
            return self.cut(line, begun, short, fit, columns);
        };
        let whole = text + quoted(quote);
        if whole <= columns {
            write_quoted(line, quote);
            return whole;
        }
        let room = columns.saturating_sub(text + QUOTES_WIDTH);
        if LEAST_QUOTE <= room {
            let quote = shorten_end(quote, room);
            write_quoted(line, &quote);
            return text + quoted(&quote);
        }
        if text + width(LEFT_OUT) <= columns {
            line.extend_from_slice(LEFT_OUT.as_bytes());
            return text + width(LEFT_OUT);
        }
        self.cut(line, begun, short, fit, columns)
    }

    /// The same in place of what is in `line` from `begun` on, which is too long.
    fn cut(
        &self,
        line: &mut Vec<u8>,
        begun: usize,
        short: bool,
        fit: Fit,
        columns: usize,
    ) -> usize {
        line.truncate(begun);
        let shown = self.shown(short);
        let fitting = match fit {
            Fit::Whole => Cow::Borrowed(&*shown),
            Fit::Middle(..) => shorten_middle(&shown, columns),
            Fit::End => shorten_end(&shown, columns),
        };
        line.extend_from_slice(fitting.as_bytes());
        width(&fitting)
    }
}

/// Columns of a quotation.
pub(super) fn quoted(quote: &str) -> usize {
    width(quote) + QUOTES_WIDTH
}

/// Adds a quotation to a line.
pub(super) fn write_quoted(line: &mut Vec<u8>, quote: &str) {
    let [before, behind] = QUOTES;
    for part in [before, quote, behind] {
        line.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_its_quotes_or_left_out() {
        let cell = Cell {
            quote: Some("an unexpected condition".into()),
            ..Cell::text("internal-error")
        };
        let fitted = |columns| {
            let mut line = b"before ".to_vec();
            let wide = cell.write(&mut line, false, Fit::End, columns);
            let line = String::from_utf8(line).expect("UTF-8");
            let (_, text) = line.split_once(' ').unwrap_or_default();
            assert_eq!(wide, width(text), "{text}");
            text.to_owned()
        };
        assert_eq!(fitted(40), "internal-error “an unexpected condition”");
        assert_eq!(fitted(39), "internal-error “an unexpected conditi…”");
        assert_eq!(fitted(25), "internal-error “an unex…”");
        assert_eq!(fitted(24), "internal-error …");
        assert_eq!(fitted(15), "internal-error");
        assert_eq!(fitted(9), "internal…");
    }

    #[test]
    fn cells_are_as_wide_as_they_say() {
        let client = "[2001:db8::1]:443".parse().expect("an address");
        for (says, long, short) in [
            (Says::Number(1200), "1200", "1200"),
            (Says::Span(60_400_000_000), "60.400 s", "60.4 s"),
            (Says::Span(7_000), "7 µs", "7 µs"),
            (Says::Client(client), "[2001:db8::1]:443", "2001:db8::1"),
            (
                Says::Server(client),
                "[2001:db8::1]:443",
                "[2001:db8::1]:443",
            ),
        ] {
            let cell = Cell::says(says);
            assert_eq!([cell.shown(false), cell.shown(true)], [long, short]);
            assert_eq!(cell.widths(), [long, short].map(width));
        }
        assert_eq!(Cell::text("a\x1bb").shown(true), "a\\x1bb");
    }
}
