//! Rows of sessions where nothing limits their width and nothing is coloured, as in a pipe or a file.
//! There may be millions of them, so what [`Cells`](super::cells::Cells) would say is measured and
//! written as it is, most of it without a cell.

use super::address;
use super::cells::{UNKNOWN, detail, path, what};
use super::columns::{ARROW, GAP, SESSION_COLUMNS};
use super::layout::{Fit, push_blanks, trim_end};
use super::line::{date, quoted, write_quoted};
use super::short::Short;
use super::text::is_plain;
use super::when::{Day, Reading, Span, digits};
use super::words::party;
use crate::session::Brief;

/// Bytes of the columns of a row before its path, in which there are no texts of strangers, and some.
const ROOM: usize = 256;

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
        path_width(session),
        session
            .code
            .map_or(UNKNOWN.len(), |code| digits(code.into())),
        session.closer.map_or(UNKNOWN, party).len(),
        match simple(session) {
            Some((cause, "")) => cause.len(),
            Some((cause, reason)) => cause.len() + quoted(reason),
            None => what(session).long_width(),
        },
    ];
    for (width, other) in widths.iter_mut().zip(others) {
        *width = other.max(*width);
    }
}

fn path_width(session: &Brief<'_>) -> usize {
    match session.path.unwrap_or(UNKNOWN) {
        text if is_plain(text) => text.len(),
        _ => path(session).long_width(),
    }
}

/// The cause and the reason, which may be empty, where these are all that there is to tell, and
/// harmless.
#[inline]
fn simple<'s>(session: &Brief<'s>) -> Option<(&'static str, &'s str)> {
    let reason = session.reason.unwrap_or_default();
    let is_simple = is_plain(reason) && detail(session).is_none();
    is_simple.then_some((session.cause, reason))
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
        let mut row = Short::<ROOM>::new();

        row.pad(number.saturating_sub(digits(session.number)));
        row.put_number(session.number);
        row.pad(GAP.len());

        let begun = row.len();
        match ended {
            Some(ended) => {
                if let Some(day) = ended.day().filter(|_| with_day) {
                    row.put_str(self.date(day));
                }
                ended.put(&mut row, false);
            }
            None => row.put_str(UNKNOWN),
        }
        row.pad_to(begun + time + GAP.len());

        match session.ended {
            Some(ended) => {
                let span = Span::short(ended.since(session.started));
                row.pad(lasted.saturating_sub(span.width()));
                span.put(&mut row);
            }
            None => {
                row.pad(lasted.saturating_sub(UNKNOWN.len()));
                row.put_str(UNKNOWN);
            }
        }
        row.pad(GAP.len());

        let begun = row.len();
        address::put(&mut row, session.client);
        row.pad_to(begun + client);
        row.put_str(ARROW);
        let begun = row.len();
        address::put(&mut row, session.server);
        row.pad_to(begun + server + GAP.len());
        row.add_to(line);

        let text = session.path.unwrap_or(UNKNOWN);
        let wide = match is_plain(text) {
            true => {
                line.extend_from_slice(text.as_bytes());
                text.len()
            }
            false => path(session).write(line, false, Fit::Whole, usize::MAX),
        };
        push_blanks(line, path_width.saturating_sub(wide) + GAP.len());

        let mut row: Short = Short::new();
        match session.code {
            Some(code) => row.put_number(code.into()),
            None => row.put_str(UNKNOWN),
        }
        row.pad_to(code + GAP.len());
        let begun = row.len();
        row.put_str(session.closer.map_or(UNKNOWN, party));
        row.pad_to(begun + speaker + GAP.len());
        row.add_to(line);

        match simple(session) {
            Some((cause, reason)) => {
                line.extend_from_slice(cause.as_bytes());
                if !reason.is_empty() {
                    write_quoted(line, reason);
                }
            }
            None => {
                what(session).write(line, false, Fit::Whole, usize::MAX);
            }
        }
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
