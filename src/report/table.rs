//! A table that fits the terminal, for people.
//!
//! All rows are known before the first is written, so that columns are as wide as they need to
//! be and no wider; where that is too wide, the longest texts give way first.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::layout::{Cell, Column, Fit, Layout, Line, column};
use super::text::{escape, width, wrap};
use super::when::Watch;
use super::words::{party, side};
use super::{Captures, Row, Sink, View};
use crate::capture::PacketId;
use crate::session::{Session, State, Summary};
use crate::time::Timestamp;

/// How tables look.
#[derive(Clone, Debug)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// May be coloured.
    pub color: bool,
    /// How times are shown.
    pub watch: Watch,
    /// Tell below each session, in sentences, what happened and what to do.
    pub verbose: bool,
}

impl Look {
    /// `text` in `style`, where colours are wanted.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.color && style != Style::new() && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// What stands back.
pub(super) const DIM: Style = Style::new().dimmed();

/// The colour of a code: quiet for a goodbye, red where there was none, yellow else.
pub(super) const fn code_style(code: Option<u16>) -> Style {
    match code {
        None | Some(1000 | 1001 | 1005) => Style::new(),
        Some(1006 | 1015) => AnsiColor::Red.on_default(),
        Some(_) => AnsiColor::Yellow.on_default(),
    }
}

/// A packet's number; with several captures `2:17`, the 17th of the second.
pub(super) fn packet(id: PacketId, captures: Captures<'_>) -> String {
    if captures.several() {
        format!("{}:{}", id.file() + 1, id.number())
    } else {
        id.number().to_string()
    }
}

/// The line that says which capture is which; `None` where there is but one.
pub(super) fn legend(captures: Captures<'_>) -> Option<String> {
    let name = |(at, path): (usize, &std::path::Path)| {
        format!("{}: {}", at + 1, escape(&path.to_string_lossy()))
    };
    let names: Vec<String> = captures.paths().enumerate().map(name).collect();
    captures.several().then(|| names.join("  "))
}

const NUMBER: Column = Column {
    right: true,
    ..column("#")
};
const TIME: Column = column("TIME");
const CLIENT: Column = Column {
    fit: Fit::Middle,
    least: 9,
    ..column("CLIENT")
};
const SERVER: Column = Column {
    joint: Some(" → "),
    fit: Fit::Middle,
    least: 11,
    ..column("SERVER")
};
const PATH: Column = Column {
    fit: Fit::Middle,
    least: 9,
    ..column("PATH")
};
const CODE: Column = column("CODE");
const PACKET: Column = Column {
    right: true,
    ..column("PACKET")
};
const WHAT: Column = Column {
    fit: Fit::End,
    least: 14,
    ..column("WHAT HAPPENED")
};

static SESSIONS: [Column; 8] = [NUMBER, TIME, CLIENT, SERVER, PATH, CODE, column("BY"), WHAT];
static CLOSES: [Column; 9] = [
    TIME,
    NUMBER,
    CLIENT,
    SERVER,
    PATH,
    PACKET,
    column("FROM"),
    CODE,
    WHAT,
];
static EVENTS: [Column; 6] = [TIME, NUMBER, PACKET, column("FROM"), column("EVENT"), WHAT];

/// The table of a view.
pub struct Table<'a, W> {
    out: W,
    look: Look,
    captures: Captures<'a>,
    columns: &'static [Column],
    /// Its rows name packets.
    packets: bool,
    lines: Vec<Line>,
}

impl<'a, W: Write> Table<'a, W> {
    /// A table of `view` to `out`.
    pub fn new(out: W, view: View, look: Look, captures: Captures<'a>) -> Self {
        let (columns, packets): (&[Column], bool) = match view {
            View::Sessions | View::Story => (&SESSIONS, false),
            View::Closes => (&CLOSES, true),
            View::Events => (&EVENTS, true),
        };
        Self {
            out,
            look,
            captures,
            columns,
            packets,
            lines: Vec::new(),
        }
    }

    fn time(&self, time: Timestamp) -> Cell {
        Cell {
            style: DIM,
            ..Cell::text(&self.look.watch.time(time))
        }
    }
}

/// Client, server and path of a session.
fn whereabouts(session: &Session) -> [Cell; 3] {
    // The client's port tells nothing that the number of the session does not.
    let short = Some(session.client.ip().to_string());
    [
        Cell {
            short,
            ..Cell::text(&session.client.to_string())
        },
        Cell::text(&session.server.to_string()),
        Cell::text(session.opening.path.as_deref().unwrap_or("-")),
    ]
}

fn number(session: &Session) -> Cell {
    Cell::text(&session.number.to_string())
}

fn code(code: Option<u16>) -> Cell {
    let text = code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    Cell {
        style: code_style(code),
        ..Cell::text(&text)
    }
}

/// `what`, then `reason` in quotes where there is one, of which any part may be cut.
fn quoted(what: &str, reason: Option<&str>) -> Cell {
    match reason.filter(|reason| !reason.is_empty()) {
        // The … of a cut takes a column.
        Some(reason) => Cell {
            essential: width(what) + 1,
            ..Cell::text(&format!("{what} “{reason}”"))
        },
        None => whole(what),
    }
}

/// A text that is not to be cut.
fn whole(text: &str) -> Cell {
    Cell {
        essential: width(text),
        ..Cell::text(text)
    }
}

/// The cause of a session, with the reason or HTTP status that goes with it.
fn what(session: &Session) -> Cell {
    let verdict = &session.verdict;
    match session.opening.http_status {
        Some(status) if verdict.state == State::Failed && status != 101 => {
            whole(&format!("{} {status}", verdict.cause))
        }
        _ => quoted(verdict.cause, verdict.reason.as_deref()),
    }
}

impl<W: Write> Sink for Table<'_, W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let (time, cells) = match row {
            Row::Session(session) => {
                let [client, server, path] = whereabouts(session);
                let verdict = &session.verdict;
                let closer = Cell::text(verdict.closer.map_or("-", party));
                let time = self.time(session.started);
                let code = code(verdict.code);
                let cells = vec![
                    number(session),
                    time,
                    client,
                    server,
                    path,
                    code,
                    closer,
                    what(session),
                ];
                (session.started, cells)
            }
            Row::Close(row) => {
                let session = row.session;
                let [client, server, path] = whereabouts(session);
                let at = row
                    .packet
                    .map_or_else(|| "-".to_owned(), |id| packet(id, self.captures));
                let from = Cell::text(row.frame.map_or("-", |close| side(close.from)));
                let what = match row.frame {
                    Some(close) => Cell {
                        essential: 0,
                        ..quoted(row.code_name().unwrap_or("-"), close.reason.as_deref())
                    },
                    None => what(session),
                };
                let time = self.time(row.time);
                let (at, code) = (Cell::text(&at), code(row.code()));
                (
                    row.time,
                    vec![
                        time,
                        number(session),
                        client,
                        server,
                        path,
                        at,
                        from,
                        code,
                        what,
                    ],
                )
            }
            Row::Event(session, event) => {
                let at = Cell::text(&packet(event.packet, self.captures));
                let (from, kind) = (Cell::text(side(event.from)), Cell::text(event.kind));
                let detail = Cell::text(&event.detail);
                let time = self.time(event.time);
                (
                    event.time,
                    vec![time, number(session), at, from, kind, detail],
                )
            }
        };
        let mut notes = Vec::new();
        if let (true, Row::Session(session)) = (self.look.verbose, row) {
            let verdict = &session.verdict;
            let told = format!("{} {}", escape(&verdict.summary), escape(&verdict.advice));
            notes = wrap(&told, self.look.width.saturating_sub(4).max(20));
        }
        self.lines.push(Line {
            day: self.look.watch.date(time),
            cells,
            notes,
        });
        Ok(())
    }

    fn finish(&mut self, _summary: &Summary, _partial: bool) -> io::Result<()> {
        if self.lines.is_empty() {
            return self.out.flush();
        }
        let layout = Layout::new(self.columns, &self.lines, self.look.width);
        let header: Vec<Cell> = self
            .columns
            .iter()
            .map(|column| Cell {
                style: DIM,
                ..Cell::text(column.title)
            })
            .collect();
        self.out
            .write_all(layout.line(&header, &self.look).as_bytes())?;
        // Times of day need their day only where there is more than one.
        let days = self
            .lines
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.day != b.day));
        let mut today = &None;
        for line in &self.lines {
            if days && line.day != *today {
                today = &line.day;
                let day = today.as_deref().unwrap_or_default();
                writeln!(
                    self.out,
                    "{}",
                    self.look.paint(DIM, &format!("-- {day} --"))
                )?;
            }
            self.out
                .write_all(layout.line(&line.cells, &self.look).as_bytes())?;
            for note in &line.notes {
                writeln!(self.out, "    {}", self.look.paint(DIM, note))?;
            }
        }
        if let Some(legend) = legend(self.captures).filter(|_| self.packets) {
            writeln!(self.out, "{}", self.look.paint(DIM, &legend))?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is a failure"
)]
mod tests {
    use super::*;
    use crate::report::when::Clock;
    use crate::report::{rows, sample, text};

    fn shown(sessions: &[&Session], view: View, width: usize, color: bool) -> String {
        let watch = Watch::new(Clock::Utc, sample::at(0));
        let look = Look {
            width,
            color,
            watch,
            verbose: false,
        };
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, view, look, Captures::new(&[]));
        for row in rows(view, sessions) {
            table.row(&row).unwrap();
        }
        table.finish(&sample::summary(), false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_roomy_table_shows_all() {
        let (first, second) = (sample::abrupt(1), sample::open(2));
        assert_eq!(
            shown(&[&first, &second], View::Sessions, 120, false),
            "\
#  TIME          CLIENT         → SERVER       PATH   CODE  BY      WHAT HAPPENED
1  22:13:20.000  10.0.0.5:51234 → 10.0.0.9:80  /chat  1006  server  fin-without-close
2  22:13:20.000  10.0.0.5:51234 → 10.0.0.9:80  /chat  -     -       open-at-end-of-capture
"
        );
    }

    #[test]
    fn the_timeline_tells_who_said_what() {
        let (first, second) = (sample::abrupt(1), sample::normal(2));
        assert_eq!(
            shown(&[&first, &second], View::Closes, 120, false),
            "\
TIME          #  CLIENT         → SERVER       PATH   PACKET  FROM    CODE  WHAT HAPPENED
22:13:20.900  2  10.0.0.5:51234 → 10.0.0.9:80  /chat      30  client  1000  Normal Closure “bye”
22:13:20.910  2  10.0.0.5:51234 → 10.0.0.9:80  /chat      31  server  1000  Normal Closure “bye”
22:14:20.400  1  10.0.0.5:51234 → 10.0.0.9:80  /chat      21  -       1006  fin-without-close
"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let sessions = [sample::abrupt(1), sample::hostile(20), sample::open(300)];
        let sessions: Vec<&Session> = sessions.iter().collect();
        for view in [View::Sessions, View::Closes, View::Events] {
            for room in 72..200 {
                for line in shown(&sessions, view, room, false).lines() {
                    assert!(width(line) <= room, "{} > {room}: {line}", width(line));
                }
            }
        }
        // Too narrow for anything: still no panic.
        for room in 0..72 {
            assert!(!shown(&sessions, View::Sessions, room, false).is_empty());
        }
    }

    #[test]
    fn columns_stand_under_their_titles() {
        let sessions = [sample::abrupt(1), sample::hostile(20)];
        let sessions: Vec<&Session> = sessions.iter().collect();
        for room in [80, 120] {
            let table = shown(&sessions, View::Sessions, room, false);
            let lines: Vec<&str> = table.lines().collect();
            let column =
                |line: &str, word: &str| line.find(word).map(|at| width(&line[..at])).expect(word);
            let at = column(lines[0], "CODE");
            assert_eq!(column(lines[1], "1006"), at);
            assert_eq!(column(lines[2], "4003"), at);
        }
    }

    #[test]
    fn nothing_from_the_wire_steers_the_terminal() {
        let hostile = sample::hostile(1);
        for view in [View::Sessions, View::Closes, View::Events] {
            let table = shown(&[&hostile], view, 300, false);
            assert!(
                !table.replace('\n', "").contains(text::is_harmful),
                "{table}"
            );
        }
        assert!(
            shown(&[&hostile], View::Sessions, 300, false)
                .contains("\\u{9b}2Jtoken\\x0d\\x0aexpired")
        );
    }

    #[test]
    fn colour_changes_no_alignment() {
        let sessions = [sample::abrupt(1), sample::hostile(2)];
        let sessions: Vec<&Session> = sessions.iter().collect();
        let painted = shown(&sessions, View::Sessions, 80, true);
        assert!(painted.contains("\x1b[31m1006\x1b[0m"), "{painted:?}");
        let plain = anstream::adapter::strip_str(&painted).to_string();
        assert_eq!(plain, shown(&sessions, View::Sessions, 80, false));
    }

    #[test]
    fn days_are_told_only_where_there_are_several() {
        let first = sample::abrupt(1);
        let mut second = sample::abrupt(2);
        second.started = sample::at(86_400_000);
        let table = shown(&[&first, &second], View::Sessions, 120, false);
        assert!(
            table.contains("\n-- 2023-11-14 --\n1") && table.contains("\n-- 2023-11-15 --\n2"),
            "{table}"
        );
        assert!(!shown(&[&first], View::Sessions, 120, false).contains("--"));
    }

    #[test]
    fn no_rows_no_table() {
        assert_eq!(shown(&[], View::Sessions, 80, false), "");
    }
}
