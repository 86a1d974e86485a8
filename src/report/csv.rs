//! CSV (RFC 4180): the fields of the records, nested ones flattened.
//!
//! `client_view.code` is `client_view_code`; a list is its words joined by a space; `type` is
//! left out, since all rows of a file are of one kind.

use std::io::{self, Write};

use serde::Serialize;

use super::record::{CloseRecord, EventRecord, Record, SessionRecord, TransportEndRecord};
use super::walk::{Visit, walk};
use super::{Captures, Row, Sink, View, text};
use crate::session::Summary;

/// How cells are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Style {
    /// Leave a text that a spreadsheet would run as a formula as it is.
    pub raw: bool,
    /// Escape control characters: for a terminal.
    pub escape: bool,
}

/// One row a record.
pub struct Csv<'a, W: Write> {
    out: csv::Writer<W>,
    captures: Captures<'a>,
    style: Style,
    columns: Columns,
    begun: bool,
    /// Used again for each row.
    list: List,
    cell: String,
}

impl<'a, W: Write> Csv<'a, W> {
    /// Rows of `view` to `out`.
    pub fn new(out: W, view: View, captures: Captures<'a>, style: Style) -> Self {
        Self {
            out: csv::Writer::from_writer(out),
            captures,
            style,
            columns: Columns::of_view(view, captures.several()),
            begun: false,
            list: List::default(),
            cell: String::new(),
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            let names = self.columns.0.iter().map(|column| &column.name);
            self.out.write_record(names).map_err(into_io)?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Csv<'_, W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.begin()?;
        let mut cells = Cells {
            out: &mut self.out,
            style: self.style,
            columns: &self.columns,
            at: 0,
            depth: 0,
            field: "",
            list: &mut self.list,
            cell: &mut self.cell,
            failed: None,
        };
        walk(&Record::new(row, self.captures), &mut cells)?;
        let missing = self.columns.0.len();
        cells.skip_to(missing);
        if let Some(error) = cells.failed {
            return Err(into_io(error));
        }
        self.out.write_record(None::<&[u8]>).map_err(into_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _summary: &Summary, _partial: bool) -> io::Result<()> {
        self.begin()?;
        self.out.flush()
    }
}

/// The columns of a view, in order.
#[derive(Debug, Default)]
struct Columns(Vec<Column>);

/// A column, and what it shows.
#[derive(Debug, PartialEq, Eq)]
struct Column {
    /// The names of the fields on the way to it, joined by `_`.
    name: String,
    /// The field of the record that holds it.
    field: &'static str,
    /// The field within that one; as above where there is none.
    inner: &'static str,
}

impl Columns {
    fn of_view(view: View, several: bool) -> Self {
        let file = several.then(String::new);
        match view {
            View::Sessions | View::Story => Self::of(&SessionRecord {
                transport_end: Some(TransportEndRecord {
                    file: file.clone(),
                    ..Default::default()
                }),
                first_file: file.clone(),
                last_file: file,
                ..Default::default()
            }),
            View::Closes => Self::of(&CloseRecord {
                file,
                ..Default::default()
            }),
            View::Events => Self::of(&EventRecord {
                file,
                ..Default::default()
            }),
        }
    }

    /// Those of a record in which everything is known.
    fn of(record: &impl Serialize) -> Self {
        let mut names = Names::default();
        // Our own records have nothing in them that cannot be walked through.
        let _ = walk(record, &mut names);
        Self(names.columns)
    }
}

/// Makes columns of the fields of a record.
#[derive(Default)]
struct Names {
    columns: Vec<Column>,
    depth: u8,
    outer: &'static str,
}

impl Visit for Names {
    fn open(&mut self) {
        self.depth += 1;
        if self.depth == 2 {
            // What was taken for a column holds several.
            self.outer = self.columns.pop().map_or("", |column| column.field);
        }
    }

    fn field(&mut self, name: &'static str) {
        let column = match self.depth {
            1 => Column {
                name: name.to_owned(),
                field: name,
                inner: name,
            },
            _ => Column {
                name: format!("{}_{name}", self.outer),
                field: self.outer,
                inner: name,
            },
        };
        if self.depth <= 2 && name != TYPE {
            self.columns.push(column);
        }
    }

    fn key(&mut self, _: &str) {}

    fn close(&mut self) {
        self.depth -= 1;
    }

    /// The items of a list are in one column.
    fn open_list(&mut self) {
        self.depth += 8;
    }

    fn item(&mut self) {}

    fn close_list(&mut self) {
        self.depth -= 8;
    }

    fn null(&mut self) {}

    fn plain(&mut self, _: &str) {}

    fn text(&mut self, _: &str) {}
}

/// Left out, since all rows of a file are of one kind.
const TYPE: &str = "type";

/// Writes the fields of one record as the cells of one row.
struct Cells<'a, W: Write> {
    out: &'a mut csv::Writer<W>,
    style: Style,
    columns: &'a Columns,
    /// Cells written.
    at: usize,
    depth: u8,
    /// The field of the record whose value comes, or is being told.
    field: &'static str,
    list: &'a mut List,
    cell: &'a mut String,
    failed: Option<csv::Error>,
}

impl<W: Write> Cells<'_, W> {
    /// Leaves the cells before column `at` empty: the record lacks them.
    fn skip_to(&mut self, at: usize) {
        while self.at < at && self.failed.is_none() {
            self.write("");
        }
    }

    fn write(&mut self, cell: &str) {
        if self.field == TYPE {
            return;
        }
        self.at += 1;
        if self.failed.is_none() {
            self.failed = self.out.write_field(cell).err();
        }
    }

    fn value(&mut self, value: &str, is_text: bool) {
        if self.list.is_open {
            self.list.value(value);
        } else if is_text {
            self.write_text(value);
        } else {
            self.write(value);
        }
    }

    /// Writes a text, made harmless where it is to be.
    fn write_text(&mut self, text: &str) {
        // Spreadsheets run what begins so as a formula; a leading ' makes it a text.
        let formula = !self.style.raw && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let text = if self.style.escape {
            text::escape(text)
        } else {
            text.into()
        };
        if formula {
            let mut cell = std::mem::take(self.cell);
            cell.clear();
            cell.push('\'');
            cell.push_str(&text);
            self.write(&cell);
            *self.cell = cell;
        } else {
            self.write(&text);
        }
    }

    /// The column of a field that comes after what was written.
    fn column(&self, is_it: impl Fn(&Column) -> bool) -> Option<usize> {
        let mut rest = self.columns.0.iter().enumerate().skip(self.at);
        rest.find(|(_, column)| is_it(column)).map(|(at, _)| at)
    }
}

impl<W: Write> Visit for Cells<'_, W> {
    fn open(&mut self) {
        self.depth += 1;
    }

    fn field(&mut self, name: &'static str) {
        if self.list.is_open {
            self.list.field = Some(name);
            return;
        }
        let column = if self.depth == 1 {
            self.field = name;
            if name == TYPE {
                return;
            }
            self.column(|column| column.field == name)
        } else {
            let outer = self.field;
            self.column(|column| column.field == outer && column.inner == name)
        };
        self.skip_to(column.unwrap_or(self.at));
    }

    fn key(&mut self, _: &str) {}

    fn close(&mut self) {
        self.depth -= 1;
    }

    fn open_list(&mut self) {
        self.list.begin();
    }

    fn item(&mut self) {
        self.list.end_item();
        self.list.has_item = true;
    }

    fn close_list(&mut self) {
        self.list.end_item();
        self.list.is_open = false;
        let words = std::mem::take(&mut self.list.words);
        self.write_text(&words);
        self.list.words = words;
    }

    fn null(&mut self) {
        // Of a part of a record that is not known, the first cell; the next field skips the rest.
        self.value("", false);
    }

    fn plain(&mut self, text: &str) {
        self.value(text, false);
    }

    fn text(&mut self, text: &str) {
        self.value(text, true);
    }
}

/// The items of a list as words: `client:1000` for a Close frame, `client:masked-…` for an
/// anomaly, the packet for evidence, the number for a number.
#[derive(Default)]
struct List {
    is_open: bool,
    words: String,
    /// There are words already.
    has_words: bool,
    has_item: bool,
    field: Option<&'static str>,
    /// Of the item: who, what, in which file, which packet, or what it is itself.
    from: String,
    what: Option<String>,
    file: Option<String>,
    packet: String,
    plain: String,
}

impl List {
    fn begin(&mut self) {
        self.words.clear();
        (self.is_open, self.has_words, self.has_item) = (true, false, false);
    }

    fn value(&mut self, value: &str) {
        let place = match self.field {
            Some("from") => &mut self.from,
            Some("rule" | "code") => self.what.insert(String::new()),
            Some("file") => self.file.insert(String::new()),
            Some("packet") => &mut self.packet,
            Some(_) => return,
            None => &mut self.plain,
        };
        place.push_str(value);
    }

    fn end_item(&mut self) {
        if !std::mem::take(&mut self.has_item) {
            return;
        }
        if std::mem::replace(&mut self.has_words, true) {
            self.words.push(' ');
        }
        let words = &mut self.words;
        if let Some(what) = self.what.take() {
            words.extend([self.from.as_str(), ":", &what]);
        } else if self.field.is_some() {
            if let Some(file) = self.file.take() {
                // A space would make two words of one.
                words.extend([&file.replace(' ', "%20"), ":"]);
            }
            words.push_str(&self.packet);
        } else {
            words.push_str(&self.plain);
        }
        (self.field, self.file) = (None, None);
        self.from.clear();
        self.packet.clear();
        self.plain.clear();
    }
}

/// The system's error itself: what it was (a closed pipe?) must not be lost.
fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
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
    use crate::report::{rows, sample};
    use crate::session::{Said, Session};

    fn table(
        sessions: &[&Session],
        view: View,
        files: &[PathBuf],
        style: Style,
    ) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        let mut sink = Csv::new(&mut out, view, Captures::new(files), style);
        for row in rows(view, sessions) {
            sink.row(&row).unwrap();
        }
        sink.finish(&sample::summary(), false).unwrap();
        drop(sink);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&out[..]);
        reader
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    fn cell(table: &[Vec<String>], row: usize, name: &str) -> String {
        let column = table[0]
            .iter()
            .position(|column| column == name)
            .expect(name);
        table[row][column].clone()
    }

    #[test]
    fn nested_fields_are_flattened_and_lists_are_words() {
        let session = sample::normal(3);
        let table = table(&[&session], View::Sessions, &[], Style::default());
        assert_eq!(cell(&table, 1, "session"), "3");
        assert_eq!(cell(&table, 1, "client_view_code"), "1000");
        assert_eq!(cell(&table, 1, "server_view_clean"), "true");
        assert_eq!(cell(&table, 1, "closes"), "client:1000 server:1000");
        assert_eq!(cell(&table, 1, "evidence"), "30 31");
        assert_eq!(cell(&table, 1, "transport_end_how"), "fin");
        assert_eq!(cell(&table, 1, "client_sent_largest_message"), "120");
        assert_eq!(cell(&table, 1, "tls_version"), "");
        assert!(!table[0].contains(&"type".to_owned()));
    }

    #[test]
    fn the_header_is_there_for_no_row_and_for_rows_that_lack_parts() {
        let without = table(&[], View::Sessions, &[], Style::default());
        assert_eq!(without.len(), 1);
        let open = sample::open(1);
        let with = table(&[&open], View::Sessions, &[], Style::default());
        assert_eq!(with[0], without[0]);
        assert_eq!(cell(&with, 1, "transport_end_how"), "");
        assert!(!with[0].contains(&"first_file".to_owned()));
    }

    #[test]
    fn every_cell_of_a_record_has_a_column() {
        let files = [PathBuf::from("a b.pcap"), PathBuf::from("b.pcap")];
        let captures = Captures::new(&files);
        let mut session = sample::normal(1);
        session.anomalies = vec![sample::anomaly("reserved-bit", &session)];
        for view in [View::Sessions, View::Closes, View::Events] {
            for row in rows(view, &[&session]) {
                let columns = Columns::of(&Record::new(&row, captures));
                assert_eq!(columns.0, Columns::of_view(view, true).0, "{view:?}");
            }
        }
        let table = table(&[&session], View::Sessions, &files, Style::default());
        assert_eq!(cell(&table, 1, "first_file"), "a b.pcap");
        assert_eq!(cell(&table, 1, "evidence"), "a%20b.pcap:30 a%20b.pcap:31");
        assert_eq!(cell(&table, 1, "anomalies"), "client:reserved-bit");
    }

    #[test]
    fn texts_that_would_run_are_guarded_and_numbers_are_not() {
        let path = |text: &str, style| {
            let mut session = sample::abrupt(1);
            session.opening.say(Said {
                path: Some(text),
                ..Said::default()
            });
            cell(&table(&[&session], View::Sessions, &[], style), 1, "path")
        };
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"] {
            let style = Style::default();
            assert_eq!(path(text, style), format!("'{text}"));
            assert_eq!(path(text, Style { raw: true, ..style }), text);
        }
        assert_eq!(path("a=1", Style::default()), "a=1");
        let mut session = sample::abrupt(1);
        session.ended = Some(crate::time::Timestamp::from_nanos(
            session.started.as_nanos() - 500_000_000,
        ));
        session.opening.say(Said {
            path: Some("=cmd|' /C calc'!A0"),
            ..Said::default()
        });
        let table = table(&[&session], View::Sessions, &[], Style::default());
        assert_eq!(cell(&table, 1, "duration_s"), "-0.5");
        assert_eq!(cell(&table, 1, "path"), "'=cmd|' /C calc'!A0");
    }

    #[test]
    fn quotes_and_line_ends_survive() {
        let mut session = sample::abrupt(1);
        let text = "a,\"b\"\r\nc";
        session.verdict.reason = Some(text.to_owned());
        let told = table(&[&session], View::Sessions, &[], Style::default());
        assert_eq!(cell(&told, 1, "reason"), text);
        let escape = Style {
            escape: true,
            ..Style::default()
        };
        let shown = table(&[&session], View::Sessions, &[], escape);
        assert_eq!(cell(&shown, 1, "reason"), "a,\"b\"\\x0d\\x0ac");
    }
}
