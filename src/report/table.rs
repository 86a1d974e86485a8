//! A table that fits the terminal, for people.
//!
//! All rows are looked at before the first is written, so that columns are as wide as they need to
//! be and no wider; where that is too wide, the longest texts give way first. No row is kept: there
//! may be millions.

use std::io::{self, Write};

use super::advice::Advices;
use super::cells::{Cells, Tells};
use super::columns::{CLOSES, EVENTS, SESSIONS};
use super::layout::{Column, Layout, Measures, widen};
use super::line::{Cell, Says};
use super::look::{DIM, Look, legend};
use super::plain::{self, Plain, Widths};
use super::text::width;
use super::when::{Day, Reading};
use super::{Captures, Row, Sink, View, findings};
use crate::session::{Brief, Finding, Session, Summary};

/// The table of a view.
pub struct Table<'a, W> {
    out: W,
    look: Look,
    captures: Captures<'a>,
    columns: &'static [Column],
    /// Its rows name packets.
    packets: bool,
    measures: Measures,
    /// The widest point in time, where days are not told.
    times: [usize; 2],
    /// The first day, and whether there are others.
    days: Option<(Day, bool)>,
    /// What sessions say in each column, where nothing limits their width and nothing is coloured.
    widths: Widths,
    /// Once the first row is written.
    layout: Option<Layout>,
    /// What writes sessions then.
    plain: Option<Plain>,
    advices: Advices,
    findings: Vec<Finding>,
    /// The last line, whose room the next one uses.
    line: Vec<u8>,
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
            captures,
            columns,
            packets,
            measures: Measures::new(columns, look.width),
            look,
            times: [0; 2],
            days: None,
            widths: Widths::default(),
            layout: None,
            plain: None,
            advices: Advices::default(),
            findings: Vec::new(),
            line: Vec::new(),
        }
    }

    /// Times of day need their day where there is more than one.
    fn has_days(&self) -> bool {
        matches!(self.days, Some((_, true)))
    }

    /// Nothing is cut or coloured.
    const fn is_plain(&self) -> bool {
        self.look.width.is_none() && !self.look.color
    }

    /// Writes what stands above the rows.
    fn begin(&mut self) -> io::Result<Layout> {
        let nothing = Measures::new(self.columns, None);
        let mut measures = std::mem::replace(&mut self.measures, nothing);
        measures.widen(&self.widths);
        let [of_long, of_short] = if self.has_days() { DAY } else { [0; 2] };
        let [long, short] = self.times;
        measures.widen_times([long + of_long, short + of_short]);
        let (titles, look) = (titles(self.columns, &self.look), &self.look);
        let layout = Layout::new(titles, measures, look.width);
        for line in look.prose(&layout.shared().unwrap_or_default(), 0) {
            writeln!(self.out, "{}", look.paint(DIM, &line))?;
        }
        self.out.write_all(&layout.titles(look))?;
        Ok(layout)
    }

    /// Looks at the row of a session that is to be written later.
    pub fn survey_session(&mut self, session: &Brief<'_>) {
        if !self.is_plain() {
            return self.measure(&Cells::session(*session, &self.look.watch));
        }
        let ended = session.ended.map(|ended| self.look.watch.read(ended));
        self.note_day(ended);
        plain::widen(&mut self.widths, session, ended);
    }

    /// Writes the row of a session.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn session(&mut self, session: &Brief<'_>) -> io::Result<()> {
        if !self.is_plain() {
            return self.write(&Cells::session(*session, &self.look.watch));
        }
        let with_day = self.has_days();
        let plain = match &mut self.plain {
            Some(plain) => plain,
            None => {
                let layout = self.begin()?;
                let widths = Widths::try_from(layout.widths()).unwrap_or(self.widths);
                self.layout = Some(layout);
                self.plain.insert(Plain::new(widths))
            }
        };
        self.line.clear();
        let ended = session.ended.map(|ended| self.look.watch.read(ended));
        plain.write(&mut self.line, session, ended, with_day);
        self.out.write_all(&self.line)
    }

    /// A row tells that time: how wide its column becomes is known when all days are.
    fn note_day(&mut self, time: Option<Reading>) {
        if let Some(time) = time
            && let Some(day) = time.day()
        {
            match &mut self.days {
                Some((first, others)) => *others |= *first != day,
                None => self.days = Some((day, false)),
            }
            widen(
                &mut self.times,
                [false, true].map(|brief| time.width(brief)),
            );
        }
    }

    fn measure(&mut self, cells: &Cells<'_>) {
        let time = cells.time();
        self.note_day(time);
        let has_day = time.is_some_and(|time| time.day().is_some());
        self.measures.add(|column| match column.tells {
            Tells::Time if has_day => Cell::default(),
            tells => cells.cell(tells, false),
        });
    }

    fn write(&mut self, cells: &Cells<'_>) -> io::Result<()> {
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => self.begin()?,
        };
        let with_day = self.has_days();
        self.line.clear();
        let cell = |column: &Column| cells.cell(column.tells, with_day);
        layout.write(&mut self.line, cell, &self.look);
        self.layout = Some(layout);
        self.out.write_all(&self.line)
    }
}

/// What stands above the columns.
pub(super) fn titles(columns: &[Column], look: &Look) -> Vec<Cell<'static>> {
    let title = |column: &Column| {
        let clock = look.watch.label().filter(|_| column.tells == Tells::Time);
        let says = match clock {
            Some(clock) => Says::Either(Box::new([
                format!("{} ({clock})", column.title),
                column.title.to_owned(),
            ])),
            None => Says::Text(column.title.into()),
        };
        Cell {
            essential: width(column.title),
            style: DIM,
            ..Cell::says(says)
        }
    };
    columns.iter().map(title).collect()
}

/// What is told below the row of a session, where that is wanted.
pub(super) fn notes(session: &Session, look: &Look) -> Vec<String> {
    if look.verbose {
        look.prose(&session.verdict.summary, NOTE.len())
    } else {
        Vec::new()
    }
}

/// What stands before a sentence below a row.
pub(super) const NOTE: &str = "    ";

/// What a day takes before a time of day, `2023-11-14 ` and `11-14 `.
const DAY: [usize; 2] = [11, 6];

impl<W: Write> Sink for Table<'_, W> {
    fn needs_survey(&self) -> bool {
        true
    }

    fn survey(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.measure(&Cells::new(row, &self.look.watch, self.captures));
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let cells = Cells::new(row, &self.look.watch, self.captures);
        self.write(&cells)?;
        let (out, look) = (&mut self.out, &self.look);
        if let Row::Session(session) = row
            && look.verbose
        {
            self.advices.add(session);
            for note in notes(session, look) {
                writeln!(out, "{NOTE}{}", look.paint(DIM, &note))?;
            }
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.findings.push(finding.clone());
        Ok(())
    }

    fn finish(&mut self, _summary: &Summary, _partial: bool) -> io::Result<()> {
        if self.layout.is_none() {
            return self.out.flush();
        }
        let (out, look) = (&mut self.out, &self.look);
        for line in legend(self.captures).iter().filter(|_| self.packets) {
            writeln!(out, "{}", look.paint(DIM, line))?;
        }
        self.advices.write(out, look)?;
        findings::write(&self.findings, out, look)?;
        out.flush()
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is a failure"
)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::report::when::{Clock, Watch};
    use crate::report::{rows, sample, text};
    use crate::session::{Said, State};

    fn shown(sessions: &[&Session], view: View, width: usize, color: bool) -> String {
        let look = Look {
            color,
            ..sample::look(Some(width))
        };
        shown_as(sessions, view, look, &[])
    }

    fn shown_as(sessions: &[&Session], view: View, look: Look, files: &[PathBuf]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, view, look, Captures::new(files));
        for row in rows(view, sessions) {
            table.survey(&row).unwrap();
        }
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
#  ENDED (UTC)     LASTED  CLIENT         → SERVER       PATH   CODE  BY      WHAT HAPPENED
1  22:14:20.400  60.400 s  10.0.0.5:51234 → 10.0.0.9:80  /chat  1006  server  fin-without-close
2  -                    -  10.0.0.5:51234 → 10.0.0.9:80  /chat  -     -       open-at-end-of-capture
"
        );
    }

    #[test]
    fn what_all_rows_share_is_told_once_before_anything_is_cut() {
        let (first, mut second) = (sample::abrupt(1), sample::normal(2));
        second.client.set_port(51235);
        assert_eq!(
            shown(&[&first, &second], View::Sessions, 80, false),
            "\
server 10.0.0.9:80 in all rows
# ENDED (UTC)    LASTED CLIENT         PATH  CODE BY     WHAT HAPPENED
1 22:14:20.400 60.400 s 10.0.0.5:51234 /chat 1006 server fin-without-close
2 22:13:20.910   910 ms 10.0.0.5:51235 /chat 1000 client closed-normal “bye”
"
        );
    }

    #[test]
    fn where_room_is_short_columns_go_and_titles_stay_whole() {
        let (first, mut second) = (sample::abrupt(1), sample::normal(2));
        second.server.set_port(81);
        second.opening.say(Said {
            path: Some("/"),
            ..Said::default()
        });
        assert_eq!(
            shown(&[&first, &second], View::Sessions, 40, false),
            "\
client 10.0.0.5 in all rows
# ENDED    CODE BY     WHAT HAPPENED
1 22:14:20 1006 server fin-without-close
2 22:13:20 1000 client closed-normal …
"
        );
    }

    #[test]
    fn nothing_is_cut_where_nothing_limits_the_width() {
        let mut session = sample::normal(1);
        let reason = "x".repeat(123);
        session.verdict.reason = Some(reason.clone());
        let path = format!("/{reason}");
        session.opening.say(Said {
            path: Some(&path),
            ..Said::default()
        });
        let table = shown_as(&[&session], View::Sessions, sample::look(None), &[]);
        assert_eq!(table.lines().count(), 2);
        assert!(table.contains(&format!("“{reason}”")) && table.contains(&format!(" /{reason} ")));
    }

    #[test]
    fn sessions_that_nothing_limits_look_like_all_others() {
        let mut all = vec![sample::open(1), sample::abrupt(2), sample::hostile(30)];
        all.extend([
            sample::normal(400),
            sample::wss(5, 443, "example.org", None),
        ]);
        all[4].opening.http_status = Some(403);
        all[4].verdict.state = State::Failed;
        for (session, path) in all
            .iter_mut()
            .zip(["/", "/räume\u{202e}", "/日本", "/a b "])
        {
            session.opening.say(Said {
                path: Some(path),
                ..Said::default()
            });
        }
        let shown = |sessions: &[Session], clock, by_rows: bool| {
            let mut out = Vec::new();
            let look = Look {
                watch: Watch::new(clock, sample::at(0)),
                ..sample::look(None)
            };
            let mut table = Table::new(&mut out, View::Sessions, look, Captures::new(&[]));
            for session in sessions {
                if by_rows {
                    table.survey(&Row::Session(session)).unwrap();
                } else {
                    table.survey_session(&session.into());
                }
            }
            for session in sessions {
                if by_rows {
                    table.row(&Row::Session(session)).unwrap();
                } else {
                    table.session(&session.into()).unwrap();
                }
            }
            table.finish(&sample::summary(), false).unwrap();
            String::from_utf8(out).unwrap()
        };
        for days in [0, 1] {
            all[1].ended = Some(sample::at(days * 86_400_000));
            for clock in [Clock::Utc, Clock::Relative] {
                let plain = shown(&all, clock, false);
                assert_eq!(plain, shown(&all, clock, true));
                assert_eq!(plain.lines().count(), all.len() + 1);
            }
        }
    }

    #[test]
    fn captures_are_told_one_a_line() {
        let files = ["a.pcap", "b.pcap"].map(PathBuf::from);
        let session = sample::normal(1);
        let told = shown_as(&[&session], View::Closes, sample::look(None), &files);
        assert!(told.ends_with("\n1: a.pcap\n2: b.pcap\n"), "{told}");
    }

    #[test]
    fn sentences_stand_below_each_row_and_advice_once_below_all() {
        let (first, second) = (sample::abrupt(1), sample::abrupt(2));
        let look = Look {
            verbose: true,
            ..sample::look(Some(80))
        };
        let told = shown_as(&[&first, &second], View::Sessions, look, &[]);
        assert_eq!(told.matches("\n    The server ended").count(), 2, "{told}");
        assert_eq!(told.matches(&*first.verdict.advice).count(), 1);
    }

    #[test]
    fn findings_stand_below_the_rows() {
        let session = sample::abrupt(1);
        let mut out = Vec::new();
        let look = sample::look(Some(80));
        let mut table = Table::new(&mut out, View::Sessions, look, Captures::new(&[]));
        table.survey(&Row::Session(&session)).unwrap();
        table.row(&Row::Session(&session)).unwrap();
        table.finding(&sample::finding(vec![1, 2, 7])).unwrap();
        table.finish(&sample::summary(), false).unwrap();
        let told = String::from_utf8(out).unwrap();
        let (rows, findings) = told.split_once("\nWhat sessions share\n").unwrap();
        assert!(rows.contains("fin-without-close"), "{told}");
        assert!(findings.contains("  idle-timeout (sessions 1, 2, 7; confidence: high)"));
    }

    #[test]
    fn the_timeline_tells_who_said_what() {
        let (first, second) = (sample::abrupt(1), sample::normal(2));
        assert_eq!(
            shown(&[&first, &second], View::Closes, 120, false),
            "\
TIME (UTC)    #  CLIENT         → SERVER       PATH   PACKET  FROM    CODE  WHAT HAPPENED
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
            for room in 40..200 {
                for line in shown(&sessions, view, room, false).lines() {
                    assert!(width(line) <= room, "{} > {room}: {line}", width(line));
                }
            }
        }
        // Too narrow for anything: still no panic.
        for room in 0..40 {
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
        second.ended = Some(sample::at(86_400_000));
        let sessions = [&first, &second];
        let table = shown(&sessions, View::Sessions, 120, false);
        assert!(
            table.contains("2023-11-14 22:14:20.400") && table.contains("2023-11-15 22:13:20.000"),
            "{table}"
        );
        let table = shown(&sessions, View::Sessions, 60, false);
        assert!(
            table.contains("11-14 22:14:20 ") && !table.contains("2023"),
            "{table}"
        );
        assert!(!shown(&[&first], View::Sessions, 120, false).contains("2023"));
    }

    #[test]
    fn no_rows_no_table() {
        assert_eq!(shown(&[], View::Sessions, 80, false), "");
    }
}
