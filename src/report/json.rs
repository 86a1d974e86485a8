//! JSON: one document, or one record a line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::record::{FindingRecord, Record, SummaryRecord};
use super::walk::{Visit, walk};
use super::{Captures, Row, Sink, View, text};
use crate::session::{Finding, Summary};

/// One record a line, the totals last (<https://jsonlines.org>).
#[derive(Debug)]
pub struct JsonLines<'a, W> {
    out: W,
    captures: Captures<'a>,
    line: Compact,
}

impl<'a, W: Write> JsonLines<'a, W> {
    /// Lines to `out`.
    pub fn new(out: W, captures: Captures<'a>) -> Self {
        Self {
            out,
            captures,
            line: Compact::default(),
        }
    }

    fn line(&mut self, record: &impl Serialize) -> io::Result<()> {
        self.line.write(&mut self.out, record)?;
        self.out.write_all(b"\n")
    }
}

impl<W: Write> Sink for JsonLines<'_, W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.line(&Record::new(row, self.captures))
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.line(&FindingRecord::new(finding))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, summary: &Summary, partial: bool) -> io::Result<()> {
        self.line(&SummaryRecord::new(summary, partial))?;
        self.out.flush()
    }
}

/// One document: an array for each kind of record that the view shows, `findings`, and `summary`.
#[derive(Debug)]
pub struct Json<'a, W> {
    out: W,
    captures: Captures<'a>,
    /// The arrays that are to come, the one that is being written first.
    arrays: &'static [&'static str],
    begun: bool,
    empty: bool,
    element: Compact,
}

impl<'a, W: Write> Json<'a, W> {
    /// A document of `view` to `out`.
    pub fn new(out: W, view: View, captures: Captures<'a>) -> Self {
        let arrays: &[&str] = match view {
            View::Sessions => &["sessions", "findings"],
            View::Closes => &["closes", "findings"],
            View::Events => &["events", "findings"],
            View::Story => &["sessions", "events", "findings"],
        };
        Self {
            out,
            captures,
            arrays,
            begun: false,
            empty: true,
            element: Compact::default(),
        }
    }

    /// Writes up to the beginning of the array called `name`; to the end of the last for `None`.
    fn advance_to(&mut self, name: Option<&str>) -> io::Result<()> {
        while let [current, rest @ ..] = self.arrays {
            if !self.begun {
                let open = if self.empty { "{" } else { "," };
                write!(self.out, "{open}\n\"{current}\":[")?;
                (self.begun, self.empty) = (true, true);
            }
            if name == Some(current) {
                return Ok(());
            }
            self.out.write_all(b"\n]")?;
            (self.arrays, self.begun, self.empty) = (rest, false, false);
        }
        Ok(())
    }

    /// The next element of the array called `array`.
    fn element(&mut self, array: &str, value: &impl Serialize) -> io::Result<()> {
        self.advance_to(Some(array))?;
        self.out
            .write_all(if self.empty { b"\n" } else { b",\n" })?;
        self.empty = false;
        self.element.write(&mut self.out, value)
    }
}

impl<W: Write> Sink for Json<'_, W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let array = match row {
            Row::Session(_) => "sessions",
            Row::Close(_) => "closes",
            Row::Event(..) => "events",
        };
        self.element(array, &Record::new(row, self.captures))
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.element("findings", &FindingRecord::new(finding))
    }

    fn finish(&mut self, summary: &Summary, partial: bool) -> io::Result<()> {
        self.advance_to(None)?;
        self.out.write_all(b",\n\"summary\":")?;
        let summary = SummaryRecord::new(summary, partial);
        self.element.write(&mut self.out, &summary)?;
        self.out.write_all(b"\n}\n")?;
        self.out.flush()
    }
}

/// Compact JSON of one record at a time; the buffer is used again.
#[derive(Debug, Default)]
struct Compact {
    buffer: Vec<u8>,
    /// Nothing stands yet in what was opened last.
    is_first: bool,
}

impl Compact {
    fn write(&mut self, out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
        self.buffer.clear();
        walk(value, self)?;
        out.write_all(&self.buffer)
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.buffer.push(b',');
        }
    }

    fn begin(&mut self, bracket: u8) {
        self.buffer.push(bracket);
        self.is_first = true;
    }

    fn end(&mut self, bracket: u8) {
        self.buffer.push(bracket);
        self.is_first = false;
    }
}

impl Visit for Compact {
    fn open(&mut self) {
        self.begin(b'{');
    }

    fn field(&mut self, name: &'static str) {
        self.next();
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\":");
    }

    fn key(&mut self, name: &str) {
        self.next();
        self.text(name);
        self.buffer.push(b':');
    }

    fn close(&mut self) {
        self.end(b'}');
    }

    fn open_list(&mut self) {
        self.begin(b'[');
    }

    fn item(&mut self) {
        self.next();
    }

    fn close_list(&mut self) {
        self.end(b']');
    }

    fn null(&mut self) {
        self.buffer.extend_from_slice(b"null");
    }

    fn plain(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        // Nearly always.
        if text::is_plain_json(text) {
            self.buffer.push(b'"');
            self.buffer.extend_from_slice(text.as_bytes());
            self.buffer.push(b'"');
        } else {
            let mut escaped = serde_json::Serializer::with_formatter(&mut self.buffer, Harmless);
            // Neither a text nor a buffer in memory gives an error.
            let _ = text.serialize(&mut escaped);
        }
    }
}

/// Compact JSON that a terminal may show: JSON lets DEL, C1 and bidi controls stand as they are,
/// so these are written as `\u` escapes, which mean the same.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(text::is_harmful) {
            let (before, from) = rest.split_at(at);
            out.write_all(before.as_bytes())?;
            let mut chars = from.chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())
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

    use serde_json::Value;

    use super::*;
    use crate::report::{rows, sample};
    use crate::session::{Said, Session};

    fn lines(sessions: &[&Session], view: View, files: &[PathBuf]) -> Vec<Value> {
        let mut out = Vec::new();
        let mut sink = JsonLines::new(&mut out, Captures::new(files));
        for row in rows(view, sessions) {
            sink.row(&row).unwrap();
        }
        sink.finish(&sample::summary(), false).unwrap();
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn document(sessions: &[&Session], view: View) -> Value {
        let mut out = Vec::new();
        let mut sink = Json::new(&mut out, view, Captures::new(&[]));
        for row in rows(view, sessions) {
            sink.row(&row).unwrap();
        }
        sink.finish(&sample::summary(), false).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    fn keys(value: &Value) -> String {
        value
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_names_of_fields_are_a_contract() {
        let session = sample::abrupt(1);
        let lines = lines(&[&session], View::Sessions, &[]);
        assert_eq!(
            keys(&lines[0]),
            "type session transport client server host path origin user_agent subprotocol extensions \
             http_status stream_id tls_version cipher_suite sni alpn tls_alert vlan tunnel community_id state started opened \
             ended duration_s idle_s code code_name reason clean closer culprit cause confidence other_causes summary advice \
             client_view server_view closes transport_end client_sent server_sent anomalies evidence \
             lost_bytes captured first_packet last_packet related"
        );
        assert_eq!(keys(&lines[0]["client_view"]), "code reason clean presumed");
        assert_eq!(keys(&lines[0]["transport_end"]), "how from packet time");
        assert_eq!(
            keys(&lines[0]["client_sent"]),
            "frames messages bytes pings pongs largest_message"
        );
        assert_eq!(keys(&lines[0]["evidence"][0]), "packet time from what");
        assert_eq!(
            keys(&lines[1]),
            "type packets bytes connections sessions abnormal started ended snapped undecodable gaps \
             lost_bytes dropped tls_failed tls_opaque tls_without_keys tls_unread partial"
        );
    }

    #[test]
    fn the_timeline_and_the_story_too() {
        let (abrupt, mut normal) = (sample::abrupt(1), sample::normal(2));
        normal.anomalies = vec![sample::anomaly("masked-server-frame", &abrupt)];
        let closes = lines(&[&abrupt, &normal], View::Closes, &[]);
        assert_eq!(
            keys(&closes[0]),
            "type time session client server path from code code_name reason synthetic packet state cause"
        );
        assert_eq!(closes[2]["synthetic"], true);
        assert_eq!(closes[2]["from"], Value::Null);
        assert_eq!(closes[2]["code"], 1006);
        let events = lines(&[&abrupt], View::Events, &[]);
        assert_eq!(
            keys(&events[0]),
            "type time session client server from event detail packet"
        );
        let sessions = lines(&[&normal], View::Sessions, &[]);
        assert_eq!(
            keys(&sessions[0]["closes"][0]),
            "from code reason packet time"
        );
        assert_eq!(
            keys(&sessions[0]["anomalies"][0]),
            "rule from packet time detail"
        );
    }

    #[test]
    fn what_is_not_known_is_null() {
        let session = sample::open(1);
        let record = &lines(&[&session], View::Sessions, &[])[0];
        for field in [
            "code",
            "code_name",
            "ended",
            "duration_s",
            "closer",
            "transport_end",
            "tls_version",
        ] {
            assert_eq!(record[field], Value::Null, "{field}");
        }
    }

    #[test]
    fn packets_name_their_file_where_there_are_several() {
        let files = [PathBuf::from("a.pcap"), PathBuf::from("b.pcap")];
        let session = sample::abrupt(1);
        let record = &lines(&[&session], View::Sessions, &files)[0];
        assert_eq!(record["first_file"], "a.pcap");
        assert_eq!(record["transport_end"]["file"], "a.pcap");
        assert_eq!(record["evidence"][0]["file"], "a.pcap");
    }

    #[test]
    fn a_document_has_its_arrays_even_when_they_are_empty() {
        assert_eq!(
            keys(&document(&[], View::Sessions)),
            "sessions findings summary"
        );
        assert_eq!(
            keys(&document(&[], View::Story)),
            "sessions events findings summary"
        );
        let (first, second) = (sample::abrupt(1), sample::normal(2));
        let closes = document(&[&first, &second], View::Closes);
        assert_eq!(closes["closes"].as_array().unwrap().len(), 3);
        let story = document(&[&first], View::Story);
        assert_eq!(story["sessions"].as_array().unwrap().len(), 1);
        assert_eq!(
            story["events"].as_array().unwrap().len(),
            first.events.len()
        );
        assert_eq!(story["summary"]["type"], "summary");
    }

    #[test]
    fn findings_stand_between_the_rows_and_the_totals() {
        let session = sample::abrupt(1);
        let finding = sample::finding(vec![1, 2, 7]);
        let mut out = Vec::new();
        let mut sink = JsonLines::new(&mut out, Captures::new(&[]));
        sink.row(&Row::Session(&session)).unwrap();
        sink.finding(&finding).unwrap();
        sink.finish(&sample::summary(), false).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let kinds = lines
            .iter()
            .map(|line| line["type"].as_str())
            .collect::<Vec<_>>();
        assert_eq!(kinds, [Some("session"), Some("finding"), Some("summary")]);
        assert_eq!(
            keys(&lines[1]),
            "type finding cause confidence server sessions count of summary advice"
        );
        assert_eq!(lines[1]["finding"], "idle-timeout");
        assert_eq!(lines[1]["server"], "10.0.0.9:80");
        assert_eq!(lines[1]["sessions"], serde_json::json!([1, 2, 7]));
        assert_eq!(lines[1]["count"], 3);
        assert_eq!(lines[1]["of"], 9);

        let mut out = Vec::new();
        let mut sink = Json::new(&mut out, View::Closes, Captures::new(&[]));
        sink.finding(&finding).unwrap();
        sink.finding(&finding).unwrap();
        sink.finish(&sample::summary(), false).unwrap();
        let document: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(keys(&document), "closes findings summary");
        assert_eq!(document["findings"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn hostile_texts_keep_their_meaning_and_lose_their_bytes() {
        let mut session = sample::abrupt(1);
        let hostile = "/\x1b[31m\u{9b}2J\u{202e}\u{7f}\u{e0041}ü";
        session.opening.say(Said {
            path: Some(hostile),
            ..Said::default()
        });
        let mut out = Vec::new();
        JsonLines::new(&mut out, Captures::new(&[]))
            .row(&Row::Session(&session))
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.trim_end().contains(text::is_harmful), "{text}");
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap()["path"],
            hostile
        );
    }
}
