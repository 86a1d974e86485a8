//! A cell of a table: it knows what it says, and writes it itself, short or long. There may be
//! millions of lines, so cells are no texts of their own.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::SocketAddr;

use anstyle::Style;
use jiff::civil::Date;

use super::address;
use super::layout::Fit;
use super::text::{escape, shorten_end, shorten_middle, width};
use super::when::{Reading, Span, digits};

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
    /// A text that is harmless.
    Text(Cow<'a, str>),
    /// The same, and what may stand for it where room is short.
    Either(Box<[String; 2]>),
    Number(u64),
    /// Of several days, the day comes first.
    Time(Reading, Option<Date>),
    /// How long, in nanoseconds.
    Span(i64),
    /// A client, whose port tells nothing that the number of its session does not.
    Client(SocketAddr),
    Server(SocketAddr),
}

impl Default for Says<'_> {
    fn default() -> Self {
        Self::Text(Cow::Borrowed(""))
    }
}

impl Says<'_> {
    fn write(&self, short: bool, out: &mut impl Write) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Either(texts) => {
                let [text, brief] = &**texts;
                out.write_str(if short { brief } else { text })
            }
            Self::Number(number) => out.write_str(itoa::Buffer::new().format(*number)),
            Self::Time(time, day) => {
                if let Some(day) = day {
                    let day = day.to_string();
                    // The year can be told from the summary.
                    let brief = day.split_once('-').map_or("", |(_, day)| day);
                    write!(out, "{} ", if short { brief } else { &day })?;
                }
                if short {
                    time.write_brief(out)
                } else {
                    time.write(out)
                }
            }
            Self::Span(nanos) => span(*nanos, short).write(out),
            Self::Client(client) if short => address::write_ip(out, client.ip()),
            Self::Client(address) | Self::Server(address) => address::write(out, *address),
        }
    }

    /// Its short form is another.
    const fn has_short(&self) -> bool {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Server(_) => false,
            Self::Either(_) | Self::Time(..) | Self::Span(_) | Self::Client(_) => true,
        }
    }
}

/// Counts columns instead of writing.
struct Columns(usize);

impl Write for Columns {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += width(text);
        Ok(())
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
    /// A word of our own, which is harmless.
    pub(super) const fn word(word: &'a str) -> Self {
        Self::says(Says::Text(Cow::Borrowed(word)))
    }

    /// A text of our own, which is harmless.
    pub(super) const fn made(text: String) -> Self {
        Self::says(Says::Text(Cow::Owned(text)))
    }

    /// A text of a stranger, which is made harmless here.
    pub(super) fn text(text: &'a str) -> Self {
        Self::says(Says::Text(escape(text)))
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
            [long, self.width(true) + self.quote_width()]
        } else {
            [long, long]
        }
    }

    /// Columns of all that it says in its long form.
    pub(super) fn long_width(&self) -> usize {
        self.width(false) + self.quote_width()
    }

    fn quote_width(&self) -> usize {
        self.quote.as_deref().map_or(0, quoted)
    }

    /// Columns of what is not in quotation marks.
    fn width(&self, short: bool) -> usize {
        match &self.says {
            Says::Text(text) => width(text),
            Says::Number(number) => digits(*number),
            Says::Span(nanos) => span(*nanos, short).width(),
            Says::Client(client) if short => address::ip_width(client.ip()),
            Says::Client(address) | Says::Server(address) => address::width(*address),
            Says::Time(time, None) if let Some(width) = time.width(short) => width,
            Says::Either(_) | Says::Time(..) => {
                let mut columns = Columns(0);
                // To count cannot fail.
                let _ = self.says.write(short, &mut columns);
                columns.0
            }
        }
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
        let mut text = String::new();
        self.write_shown(short, &mut text);
        text
    }

    fn write_shown(&self, short: bool, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = self.says.write(short, out);
    }

    /// Adds to `out` what it says in at most `columns`; gives the columns of that.
    pub(super) fn write(&self, out: &mut String, short: bool, fit: Fit, columns: usize) -> usize {
        let begun = out.len();
        self.write_shown(short, out);
        let text = match self.says {
            // What is ASCII need not be looked at again.
            Says::Number(_) | Says::Time(..) | Says::Client(_) | Says::Server(_) => {
                out.len() - begun
            }
            Says::Text(_) | Says::Either(_) | Says::Span(_) => {
                width(out.get(begun..).unwrap_or_default())
            }
        };
        let quote = self.quote.as_deref();
        let whole = text + quote.map_or(0, quoted);
        if whole <= columns {
            if let Some(quote) = quote {
                write_quoted(out, quote);
            }
            return whole;
        }
        if let Some(quote) = quote {
            let room = columns.saturating_sub(text + QUOTES_WIDTH);
            if LEAST_QUOTE <= room {
                write_quoted(out, &shorten_end(quote, room));
                return width(out.get(begun..).unwrap_or_default());
            }
            if text + width(LEFT_OUT) <= columns {
                out.push_str(LEFT_OUT);
                return text + width(LEFT_OUT);
            }
        }
        let shown = out.split_off(begun);
        out.push_str(&match fit {
            Fit::Whole => Cow::Borrowed(&*shown),
            Fit::Middle(..) => shorten_middle(&shown, columns),
            Fit::End => shorten_end(&shown, columns),
        });
        width(out.get(begun..).unwrap_or_default())
    }
}

/// Columns of a quotation.
fn quoted(quote: &str) -> usize {
    width(quote) + QUOTES_WIDTH
}

fn write_quoted(out: &mut String, quote: &str) {
    let [before, behind] = QUOTES;
    out.push_str(before);
    out.push_str(quote);
    out.push_str(behind);
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
            let mut out = "before ".to_owned();
            let wide = cell.write(&mut out, false, Fit::End, columns);
            let (_, text) = out.split_once(' ').unwrap_or_default();
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
