//! A line of a table: its cells stand one behind the other in one text, which the next line uses
//! again. There may be millions of lines.

use std::ops::Range;

use anstyle::Style;
use jiff::civil::Date;

use super::layout::{Fit, Want};
use super::text::{escape, shorten_end, shorten_middle, width};

/// Fewer columns of a quotation tell nothing: then it is left out.
const LEAST_QUOTE: usize = 8;
/// Stands for a quotation that was left out.
const LEFT_OUT: &str = " …";
/// Stand around a quotation.
const QUOTES: [&str; 2] = [" “", "”"];
/// The columns that these take.
const QUOTES_WIDTH: usize = 3;

/// A part of the text of a line.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    from: usize,
    to: usize,
    /// The columns it takes.
    width: usize,
}

/// A text and its looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    text: Part,
    /// What may stand for the text where room is short.
    short: Part,
    /// Stands behind the text in quotation marks: cut, or left out whole, before the text is.
    quote: Option<Part>,
    /// Columns of its beginning that are not to be cut.
    essential: usize,
    pub(super) style: Style,
}

impl Cell {
    const fn part(&self, short: bool) -> Part {
        if short { self.short } else { self.text }
    }

    /// Columns of all that it says.
    pub(super) fn width(&self, short: bool) -> usize {
        let quote = self.quote.map_or(0, |quote| quote.width + QUOTES_WIDTH);
        self.part(short).width + quote
    }

    /// Columns below which it says too little.
    pub(super) fn least(&self, want: Want) -> usize {
        match self.quote {
            Some(quote) if want < Want::Much => {
                self.essential + QUOTES_WIDTH + quote.width.min(LEAST_QUOTE)
            }
            Some(_) => self.essential + width(LEFT_OUT),
            None => self.essential,
        }
    }
}

/// A line of the table.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    pub(super) cells: Vec<Cell>,
    /// The day of its time, where it has one.
    pub(super) day: Option<Date>,
}

impl Line {
    /// For the next one.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
        self.day = None;
    }

    /// Adds a cell that says what `write` adds to a text: something of our own, which is harmless.
    pub(super) fn made(&mut self, write: impl FnOnce(&mut String)) {
        let text = self.part(write);
        self.cells.push(Cell {
            text,
            short: text,
            ..Cell::default()
        });
    }

    /// Adds a cell with a word of our own.
    pub(super) fn word(&mut self, word: &str) {
        self.made(|out| out.push_str(word));
    }

    /// Adds a cell with a text of a stranger, which is made harmless.
    pub(super) fn text(&mut self, text: &str) {
        self.word(&escape(text));
    }

    /// How the last cell looks.
    pub(super) fn style(&mut self, style: Style) {
        if let Some(cell) = self.cells.last_mut() {
            cell.style = style;
        }
    }

    /// Columns of the beginning of the last cell that are not to be cut.
    pub(super) fn essential(&mut self, columns: usize) {
        if let Some(cell) = self.cells.last_mut() {
            cell.essential = columns;
        }
    }

    /// What may stand for the text of the last cell where room is short.
    pub(super) fn short(&mut self, write: impl FnOnce(&mut String)) {
        let short = self.part(write);
        if let Some(cell) = self.cells.last_mut() {
            cell.short = short;
        }
    }

    /// The same, where that is a part of the text.
    pub(super) fn short_within(&mut self, part: impl FnOnce(&str) -> Range<usize>) {
        if let Some(cell) = self.cells.last_mut() {
            let whole = cell.text;
            let part = part(self.text.get(whole.from..whole.to).unwrap_or_default());
            let (from, to) = (whole.from + part.start, whole.from + part.end);
            let width = width(self.text.get(from..to).unwrap_or_default());
            cell.short = Part { from, to, width };
        }
    }

    /// Puts a quotation of a stranger behind the text of the last cell.
    pub(super) fn quote(&mut self, text: &str) {
        let quote = self.part(|out| out.push_str(&escape(text)));
        if let Some(cell) = self.cells.last_mut() {
            cell.quote = Some(quote);
        }
    }

    fn part(&mut self, write: impl FnOnce(&mut String)) -> Part {
        let from = self.text.len();
        write(&mut self.text);
        let to = self.text.len();
        let width = width(self.text.get(from..).unwrap_or_default());
        Part { from, to, width }
    }

    fn get(&self, part: Part) -> &str {
        self.text.get(part.from..part.to).unwrap_or_default()
    }

    /// The text of `cell`, one of its own.
    pub(super) fn shown(&self, cell: &Cell, short: bool) -> &str {
        self.get(cell.part(short))
    }

    /// Adds to `out` all that `cell` says.
    pub(super) fn push_whole(&self, out: &mut String, cell: &Cell, short: bool) {
        out.push_str(self.shown(cell, short));
        if let Some(quote) = cell.quote {
            let [before, behind] = QUOTES;
            out.push_str(before);
            out.push_str(self.get(quote));
            out.push_str(behind);
        }
    }

    /// What `cell` says in at most `columns`, which are too few for all.
    pub(super) fn cut(&self, cell: &Cell, short: bool, fit: Fit, columns: usize) -> String {
        let (part, text) = (cell.part(short), self.shown(cell, short));
        if let Some(quote) = cell.quote {
            let room = columns.saturating_sub(part.width + QUOTES_WIDTH);
            if LEAST_QUOTE <= room {
                let [before, behind] = QUOTES;
                return [text, before, &shorten_end(self.get(quote), room), behind].concat();
            }
            if part.width + width(LEFT_OUT) <= columns {
                return [text, LEFT_OUT].concat();
            }
        }
        match fit {
            Fit::Whole => text.to_owned(),
            Fit::Middle(..) => shorten_middle(text, columns).into_owned(),
            Fit::End => shorten_end(text, columns).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_its_quotes_or_left_out() {
        let mut line = Line::default();
        line.word("internal-error");
        line.quote("an unexpected condition");
        let fitted = |columns| {
            let mut out = String::new();
            let cell = line.cells.first().copied().unwrap_or_default();
            if cell.width(false) <= columns {
                line.push_whole(&mut out, &cell, false);
            } else {
                out = line.cut(&cell, false, Fit::End, columns);
            }
            out
        };
        assert_eq!(fitted(40), "internal-error “an unexpected condition”");
        assert_eq!(fitted(39), "internal-error “an unexpected conditi…”");
        assert_eq!(fitted(25), "internal-error “an unex…”");
        assert_eq!(fitted(24), "internal-error …");
        assert_eq!(fitted(15), "internal-error");
        assert_eq!(fitted(9), "internal…");
    }

    #[test]
    fn a_part_may_stand_for_the_whole() {
        let mut line = Line::default();
        line.word("first");
        line.word("22:13:20.999");
        line.short_within(|_| 0..8);
        line.text("a\x1bb");
        let shown = |short| {
            let cells = line.cells.iter();
            cells.map(|cell| line.shown(cell, short)).collect::<Vec<_>>()
        };
        assert_eq!(shown(false), ["first", "22:13:20.999", "a\\x1bb"]);
        assert_eq!(shown(true), ["first", "22:13:20", "a\\x1bb"]);
    }
}
