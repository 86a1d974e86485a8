//! A table whose end nobody knows: each row is written as it comes.
//!
//! So columns cannot be as wide as their widest cell: they are as wide as what is usual in them,
//! and what is longer is cut in a terminal, and elsewhere pushes the rest of its line aside.

use std::io::{self, Write};

use super::cells::{Cells, Tells};
use super::columns::SESSIONS;
use super::layout::{Column, Layout, Measures};
use super::line::{Cell, Says};
use super::look::{DIM, Look};
use super::table::{NOTE, notes, titles};
use super::when::Day;
use super::{Row, Sink, findings};
use crate::session::{Finding, Session, Summary};

/// What cells usually hold at most, and in their short form, in the order of the columns.
const USUAL: [(&str, &str); 9] = [
    ("9999", "9999"),
    ("00:00:00.000", "00:00:00"),
    ("59 min 59 s", "59 min"),
    ("255.255.255.255:65535", "255.255.255.255"),
    ("255.255.255.255:65535", "255.255.255.255:65535"),
    ("/socket.io/?5", "/socket.io/?5"),
    ("1006", "1006"),
    ("network", "network"),
    (
        "server-closed-mid-traffic “5”",
        "server-closed-mid-traffic “5”",
    ),
];

/// Columns in which most causes can be told.
const LEAST_WHAT: usize = 20;

/// A cell as wide as those of its column usually are, with this digit in texts. Lines with two
/// digits differ: what all lines share would be told above the table, and of those to come nobody
/// knows what they share.
fn usual(column: &Column, digit: &str) -> Cell<'static> {
    let mut all = SESSIONS.iter().zip(USUAL);
    let Some((_, texts)) = all.find(|(it, _)| it.tells == column.tells) else {
        return Cell::default();
    };
    let says = |text: &str| text.replace('5', digit);
    Cell {
        // What happened is what people watch for.
        essential: if column.tells == Tells::What {
            LEAST_WHAT
        } else {
            0
        },
        ..Cell::says(Says::Either(Box::new([texts.0, texts.1].map(says))))
    }
}

/// Of lines as wide as usual, and this one.
fn layout(look: &Look, cells: Option<&Cells<'_>>) -> Layout {
    let mut measures = Measures::new(&SESSIONS, look.width);
    measures.add(|column| usual(column, "5"));
    measures.add(|column| usual(column, "4"));
    if let Some(cells) = cells {
        measures.add(|column| cells.cell(column.tells, false));
    }
    Layout::new(titles(&SESSIONS, look), measures, look.width)
}

/// Sessions, a row each.
pub struct Rolling<W> {
    out: W,
    /// Of lines as wide as usual.
    usual: Layout,
    look: Look,
    begun: bool,
    /// The day of the last row.
    day: Option<Day>,
}

impl<W: Write> Rolling<W> {
    /// A table of sessions to `out`.
    pub fn new(out: W, look: Look) -> Self {
        Self {
            out,
            usual: layout(&look, None),
            look,
            begun: false,
            day: None,
        }
    }

    fn session(&mut self, session: &Session) -> io::Result<()> {
        let cells = Cells::session(session.into(), &self.look.watch);
        let cell = |column: &Column| cells.cell(column.tells, false);
        // Where nothing limits the width nothing is cut: a long cell makes its own line longer.
        let is_free = self.look.width.is_none();
        let wider = (is_free && !self.usual.fits(cell)).then(|| layout(&self.look, Some(&cells)));
        let layout = wider.as_ref().unwrap_or(&self.usual);
        if !self.begun {
            self.begun = true;
            self.out.write_all(&layout.titles(&self.look))?;
        }
        // A table that runs for weeks holds every time of day many times.
        let day = cells.time().and_then(|time| time.day());
        if day.is_some() && day != self.day {
            if let (Some(_), Some(day)) = (self.day, day) {
                writeln!(
                    self.out,
                    "{}",
                    self.look.paint(DIM, &day.date().to_string())
                )?;
            }
            self.day = day;
        }
        let mut line = Vec::new();
        layout.write(&mut line, cell, &self.look);
        self.out.write_all(&line)?;
        for note in notes(session, &self.look) {
            writeln!(self.out, "{NOTE}{}", self.look.paint(DIM, &note))?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Rolling<W> {
    /// Rows that are no sessions are left out.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Session(session) => self.session(session),
            Row::Close(_) | Row::Event(..) => Ok(()),
        }
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        findings::one(finding, &mut self.out, &self.look)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _summary: &Summary, _partial: bool) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::report::text::width;
    use crate::session::Said;
    use crate::time::Timestamp;

    fn shown(sessions: &[Session], room: Option<usize>) -> String {
        let mut out = Vec::new();
        let mut table = Rolling::new(&mut out, sample::look(room));
        for session in sessions {
            table.row(&Row::Session(session)).unwrap();
        }
        table.finish(&sample::summary(), false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_stand_under_their_titles_whatever_comes_later() {
        let (first, mut second) = (sample::abrupt(1), sample::normal(2));
        second.opening.say(Said {
            path: Some("/"),
            ..Said::default()
        });
        let table = shown(&[first, second], None);
        let lines: Vec<&str> = table.lines().collect();
        let [titles, first, second] = lines[..] else {
            panic!("{table}")
        };
        let code = titles.find("CODE").unwrap();
        // Arrows have three bytes in every line.
        assert_eq!(
            (first.find("1006"), second.find("1000")),
            (Some(code), Some(code))
        );
        assert!(table.lines().all(|line| !line.ends_with(' ')));
    }

    #[test]
    fn a_terminal_is_never_too_narrow() {
        let mut long = sample::abrupt(123_456);
        let path = "/x".repeat(500);
        long.opening.say(Said {
            path: Some(&path),
            ..Said::default()
        });
        long.client = "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"
            .parse()
            .unwrap();
        for room in [40, 60, 80, 120, 200] {
            let table = shown(std::slice::from_ref(&long), Some(room));
            assert_eq!(table.lines().count(), 2, "{table}");
            assert!(table.lines().all(|line| width(line) <= room + 4), "{table}");
        }
    }

    #[test]
    fn who_it_was_is_told_where_there_is_room() {
        let session = sample::abrupt(1);
        for room in [100, 120, 160] {
            let table = shown(std::slice::from_ref(&session), Some(room));
            assert!(table.contains("10.0.0.5"), "{table}");
        }
    }

    #[test]
    fn a_finding_stands_between_rows() {
        let mut out = Vec::new();
        let mut table = Rolling::new(&mut out, sample::look(Some(80)));
        for number in [1, 2] {
            let session = sample::abrupt(number);
            table.row(&Row::Session(&session)).unwrap();
            table.finding(&sample::finding(vec![1, number])).unwrap();
        }
        let out = String::from_utf8(out).unwrap();
        assert_eq!(
            out.matches("idle-timeout (sessions 1, ").count(),
            2,
            "{out}"
        );
        assert!(out.lines().all(|line| width(line) <= 80), "{out}");
    }

    #[test]
    fn a_new_day_is_told() {
        let (first, mut second) = (sample::abrupt(1), sample::abrupt(2));
        let day = 86_400_000_000_000;
        second.ended = second
            .ended
            .map(|ended| Timestamp::from_nanos(ended.as_nanos() + day));
        let table = shown(&[first, second], None);
        assert_eq!(table.lines().count(), 4, "{table}");
    }
}
