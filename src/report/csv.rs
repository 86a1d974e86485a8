//! CSV (RFC 4180): the fields of the records, nested ones flattened.
//!
//! `client_view.code` is `client_view_code`; a list is its words joined by a space; `type` is
//! left out, since all rows of a file are of one kind.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::record::{CloseRecord, EventRecord, Record, SessionRecord, TransportEndRecord};
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
    columns: Vec<Column>,
    begun: bool,
}

impl<'a, W: Write> Csv<'a, W> {
    /// Rows of `view` to `out`.
    pub fn new(out: W, view: View, captures: Captures<'a>, style: Style) -> Self {
        let mut columns = Vec::new();
        flatten(&[], &full(view, captures.several()), &mut columns);
        Self {
            out: csv::Writer::from_writer(out),
            captures,
            style,
            columns,
            begun: false,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            let names = self.columns.iter().map(|column| &column.name);
            self.out.write_record(names).map_err(into_io)?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Csv<'_, W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.begin()?;
        let record = to_value(&Record::new(row, self.captures));
        for column in &self.columns {
            let cell = match column.value(&record) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text_cell(text, self.style),
                Some(Value::Array(items)) => {
                    let words: Vec<String> = items.iter().map(word).collect();
                    text_cell(&words.join(" "), self.style)
                }
                Some(number) => number.to_string(),
            };
            self.out.write_field(cell).map_err(into_io)?;
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

/// A column, and where its value is.
struct Column {
    /// The keys on the way to it, joined by `_`.
    name: String,
    path: Vec<String>,
}

impl Column {
    /// `None` where the record lacks a part that would hold it.
    fn value<'a>(&self, record: &'a Value) -> Option<&'a Value> {
        self.path
            .iter()
            .try_fold(record, |value, key| value.get(key))
    }
}

/// A record of `view` in which everything is known.
fn full(view: View, several: bool) -> Value {
    let file = several.then(String::new);
    match view {
        View::Sessions | View::Story => to_value(&SessionRecord {
            transport_end: Some(TransportEndRecord {
                file: file.clone(),
                ..Default::default()
            }),
            first_file: file.clone(),
            last_file: file,
            ..Default::default()
        }),
        View::Closes => to_value(&CloseRecord {
            file,
            ..Default::default()
        }),
        View::Events => to_value(&EventRecord {
            file,
            ..Default::default()
        }),
    }
}

/// Our own records have string keys and finite numbers: they always are JSON.
fn to_value(record: &impl Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

/// The columns of a record like `value`, which stands at `path`.
fn flatten(path: &[String], value: &Value, columns: &mut Vec<Column>) {
    if let Value::Object(fields) = value {
        for (key, value) in fields.iter().filter(|(key, _)| *key != "type") {
            let path: Vec<String> = path.iter().chain([key]).cloned().collect();
            flatten(&path, value, columns);
        }
    } else {
        columns.push(Column {
            name: path.join("_"),
            path: path.to_vec(),
        });
    }
}

/// An item of a list as one word: `client:1000` for a Close frame, `client:masked-…` for an
/// anomaly, the packet for evidence, the number for a number.
fn word(item: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (item.get("from"), item.get("rule").or(item.get("code"))) {
        (Some(from), Some(what)) => format!("{}:{}", plain(from), plain(what)),
        _ => match (item.get("file"), item.get("packet")) {
            (Some(file), Some(packet)) => {
                // A space would make two words of one.
                format!("{}:{packet}", plain(file).replace(' ', "%20"))
            }
            (None, Some(packet)) => packet.to_string(),
            _ => plain(item),
        },
    }
}

/// A text as a cell, made harmless where it is to be.
fn text_cell(text: &str, style: Style) -> String {
    // Spreadsheets run what begins so as a formula; a leading ' makes it a text.
    let formula = !style.raw && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if style.escape {
        text::escape(text)
    } else {
        text.into()
    };
    if formula {
        format!("'{text}")
    } else {
        text.into_owned()
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
    use crate::session::Session;

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
            let names = |record: &Value| {
                let mut columns = Vec::new();
                flatten(&[], record, &mut columns);
                columns
                    .into_iter()
                    .map(|column| column.name)
                    .collect::<Vec<_>>()
            };
            for row in rows(view, &[&session]) {
                let record = to_value(&Record::new(&row, captures));
                assert_eq!(names(&record), names(&full(view, true)), "{view:?}");
            }
        }
        let table = table(&[&session], View::Sessions, &files, Style::default());
        assert_eq!(cell(&table, 1, "first_file"), "a b.pcap");
        assert_eq!(cell(&table, 1, "evidence"), "a%20b.pcap:30 a%20b.pcap:31");
        assert_eq!(cell(&table, 1, "anomalies"), "client:reserved-bit");
    }

    #[test]
    fn texts_that_would_run_are_guarded_and_numbers_are_not() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"] {
            let style = Style::default();
            assert_eq!(text_cell(text, style), format!("'{text}"));
            assert_eq!(text_cell(text, Style { raw: true, ..style }), text);
        }
        assert_eq!(text_cell("a=1", Style::default()), "a=1");
        let mut session = sample::abrupt(1);
        session.ended = Some(crate::time::Timestamp::from_nanos(
            session.started.as_nanos() - 500_000_000,
        ));
        session.opening.path = Some("=cmd|' /C calc'!A0".to_owned());
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
