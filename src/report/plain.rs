//! Rows of sessions where nothing limits their width and nothing is coloured, as in a pipe or a file.
//! There may be millions of them, so what [`Cells`](super::cells::Cells) would say is measured and
//! written as it is, most of it without a cell.

use super::address;
use super::cells::{UNKNOWN, path, what};
use super::columns::{ARROW, GAP, SESSION_COLUMNS};
use super::layout::{Fit, push_blanks, trim_end};
use super::line::{date, put_number};
use super::when::{Day, Reading, Span, digits};
use super::words::party;
use crate::session::Brief;

/// How wide each column of a row is.
pub(super) type Widths = [usize; SESSION_COLUMNS];

/// Makes columns as wide as what the row of a session says there, which ended at that time; no day is
/// told with it.
pub(super) fn widen(widths: &mut Widths, session: &Brief<'_>, ended: Option<Reading>) {
    let lasted = session.ended.map(|ended| ended.since(session.started));
    let others = [
        digits(session.number),
        ended.map_or(UNKNOWN.len(), |time| time.width(false)),
        lasted.map_or(UNKNOWN.len(), |nanos| Span::short(nanos).width()),
        address::width(session.client),
        address::width(session.server),
        path(session).long_width(),
        session
            .code
            .map_or(UNKNOWN.len(), |code| digits(code.into())),
        session.closer.map_or(UNKNOWN, party).len(),
        what(session).long_width(),
    ];
    for (width, other) in widths.iter_mut().zip(others) {
        *width = other.max(*width);
    }
}

/// Writes rows into columns so wide.
#[derive(Debug)]
pub(super) struct Plain {
    widths: Widths,
    /// The last day, and how it is told.
    day: Option<(Day, String)>,
}

impl Plain {
    pub(super) const fn new(widths: Widths) -> Self {
        Self { widths, day: None }
    }

    /// Adds the row of a session to `line`, which ended at that time; `with_day`: its day is told.
    pub(super) fn write(
        &mut self,
        line: &mut Vec<u8>,
        session: &Brief<'_>,
        ended: Option<Reading>,
        with_day: bool,
    ) {
        let first = line.len();
        let [
            number,
            time,
            lasted,
            client,
            server,
            path_width,
            code,
            speaker,
            _,
        ] = self.widths;

        push_blanks(line, number.saturating_sub(digits(session.number)));
        put_number(line, session.number);
        push_blanks(line, GAP.len());

        let begun = line.len();
        match ended {
            Some(ended) => {
                if let Some(day) = ended.day().filter(|_| with_day) {
                    line.extend_from_slice(self.date(day).as_bytes());
                }
                ended.text(false).add_to(line);
            }
            None => line.extend_from_slice(UNKNOWN.as_bytes()),
        }
        push_blanks(line, time.saturating_sub(line.len() - begun) + GAP.len());

        match session
            .ended
            .map(|ended| Span::short(ended.since(session.started)))
        {
            Some(span) => {
                push_blanks(line, lasted.saturating_sub(span.width()));
                span.text().add_to(line);
            }
            None => {
                push_blanks(line, lasted.saturating_sub(UNKNOWN.len()));
                line.extend_from_slice(UNKNOWN.as_bytes());
            }
        }
        push_blanks(line, GAP.len());

        let text = address::text(session.client);
        text.add_to(line);
        push_blanks(line, client.saturating_sub(text.len()));
        line.extend_from_slice(ARROW.as_bytes());
        let text = address::text(session.server);
        text.add_to(line);
        push_blanks(line, server.saturating_sub(text.len()) + GAP.len());

        let wide = path(session).write(line, false, Fit::Whole, usize::MAX);
        push_blanks(line, path_width.saturating_sub(wide) + GAP.len());

        let begun = line.len();
        match session.code {
            Some(code) => put_number(line, code.into()),
            None => line.extend_from_slice(UNKNOWN.as_bytes()),
        }
        push_blanks(line, code.saturating_sub(line.len() - begun) + GAP.len());

        let word = session.closer.map_or(UNKNOWN, party);
        line.extend_from_slice(word.as_bytes());
        push_blanks(line, speaker.saturating_sub(word.len()) + GAP.len());

        what(session).write(line, false, Fit::Whole, usize::MAX);
        trim_end(line, first);
        line.push(b'\n');
    }

    /// What stands before a time of that day.
    fn date(&mut self, day: Day) -> &str {
        let known = self.day.take().filter(|(known, _)| *known == day);
        let (_, text) = self
            .day
            .insert(known.unwrap_or_else(|| (day, date(day, false))));
        text
    }
}
