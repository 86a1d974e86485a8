//! Everything about a session: the facts, then its story as a ladder between the two ends.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::look::{BOLD, DIM, Look, code_style, legend, packet};
use super::text::{count, counted, escape, shorten_end, width};
use super::when::{rfc3339, span};
use super::words::{captured, confidence, end_kind, party, side, state, transport};
use super::{Captures, Row, Sink};
use crate::flow::community_id;
use crate::session::{Captured, Event, Sent, Session, Side, Summary, View};
use crate::time::Timestamp;
use crate::ws::close;

/// Columns of the names of facts.
const NAME: usize = 15;
/// Columns of the ladder before its texts.
const RUNGS: usize = 48;
/// A pause longer than this is told, in nanoseconds.
const PAUSE: i64 = 2_000_000_000;

/// Sessions at length.
pub struct Ladder<'a, W> {
    out: W,
    look: Look,
    captures: Captures<'a>,
    /// Rungs of the session so far, and the time of the last.
    rungs: Option<Timestamp>,
}

impl<'a, W: Write> Ladder<'a, W> {
    /// Ladders to `out`.
    pub const fn new(out: W, look: Look, captures: Captures<'a>) -> Self {
        Self {
            out,
            look,
            captures,
            rungs: None,
        }
    }

    /// One fact; nothing for a value that is not known. Long values go on below themselves.
    fn fact(&mut self, name: &str, value: Option<&str>) -> io::Result<()> {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(());
        };
        let mut name = name;
        for line in self.look.prose(value, NAME + 2) {
            let blank = " ".repeat(NAME.saturating_sub(width(name)).max(1));
            writeln!(self.out, "  {}{blank}{line}", self.look.paint(DIM, name))?;
            name = "";
        }
        Ok(())
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{}", self.look.paint(BOLD, text))
    }

    fn head(&mut self, session: &Session) -> io::Result<()> {
        let title = format!("Session {}", session.number);
        let ends = format!("{} → {}", session.client, session.server);
        writeln!(
            self.out,
            "{}  {}  {ends}",
            self.look.paint(BOLD, &title),
            transport(session.transport)
        )?;
        self.opening(session)?;
        self.times(session)?;
        self.verdict(session)?;
        self.oddities(session)
    }

    fn opening(&mut self, session: &Session) -> io::Result<()> {
        let opening = &session.opening;
        self.fact("host", opening.host())?;
        self.fact("path", opening.path())?;
        self.fact("origin", opening.origin())?;
        self.fact("user agent", opening.user_agent())?;
        self.fact("subprotocol", opening.subprotocol())?;
        self.fact("extensions", opening.extensions())?;
        self.fact(
            "HTTP status",
            opening
                .http_status
                .map(|status| status.to_string())
                .as_deref(),
        )?;
        if let Some(tls) = &session.tls {
            let known: Vec<&str> = [&tls.version, &tls.cipher_suite]
                .into_iter()
                .filter_map(Option::as_deref)
                .collect();
            self.fact("TLS", Some(&known.join(", ")))?;
            self.fact("SNI", tls.sni.as_deref())?;
            self.fact("ALPN", tls.alpn.as_deref())?;
        }
        self.fact("VLAN", session.vlan.map(|vlan| vlan.to_string()).as_deref())?;
        self.fact("tunnel", session.tunnel.as_deref())?;
        let community_id = community_id(session.client, session.server);
        self.fact("community id", Some(&community_id))?;
        let legs: Vec<String> = session.related.iter().map(u64::to_string).collect();
        self.fact("other legs", Some(&legs.join(", ")))
    }

    fn times(&mut self, session: &Session) -> io::Result<()> {
        self.fact("started", Some(&rfc3339(session.started).to_string()))?;
        let after = |time: Timestamp| format!("{} later", span(time.since(session.started)));
        self.fact("opened", session.opened.map(after).as_deref())?;
        self.fact("ended", session.ended.map(after).as_deref())?;
        let idle = session
            .ended
            .zip(session.last_byte)
            .map(|(end, byte)| end.since(byte));
        let idle = idle.filter(|idle| *idle > 0).map(|idle| {
            format!(
                "{}, from the last byte of either side to the end",
                span(idle)
            )
        });
        self.fact("silent before", idle.as_deref())?;
        let (first, last) = (session.first_packet, session.last_packet);
        let packets = format!(
            "{} to {}",
            packet(first, self.captures),
            packet(last, self.captures)
        );
        self.fact("packets", Some(&packets))?;
        let mut name = "captures";
        for capture in legend(self.captures) {
            self.fact(name, Some(&capture))?;
            name = "";
        }
        self.fact("client sent", Some(&sent(session.client_sent)))?;
        self.fact("server sent", Some(&sent(session.server_sent)))?;
        let lost = (session.lost_bytes > 0).then(|| counted(session.lost_bytes, "byte"));
        self.fact("not captured", lost.as_deref())?;
        let half = (session.captured != Captured::Both).then(|| captured(session.captured));
        self.fact("captured", half)
    }

    fn verdict(&mut self, session: &Session) -> io::Result<()> {
        let verdict = &session.verdict;
        self.heading("Verdict")?;
        let code = match verdict.code {
            Some(code) => close::in_words(code),
            None => "none".to_owned(),
        };
        let blank = " ".repeat(NAME - "code".len());
        let (name, code) = (
            self.look.paint(DIM, "code"),
            self.look.paint(code_style(verdict.code), &code),
        );
        writeln!(self.out, "  {name}{blank}{code}")?;
        self.fact("reason", verdict.reason.as_deref())?;
        self.fact("state", Some(state(verdict.state)))?;
        let end = session.transport_end.map(|end| {
            format!(
                "{} from {}, packet {}",
                end_kind(end.how),
                party(end.from),
                packet(end.packet, self.captures)
            )
        });
        self.fact("transport end", end.as_deref())?;
        self.fact("closer", verdict.closer.map(party))?;
        self.fact(
            "culprit",
            verdict
                .culprit
                .filter(|c| Some(*c) != verdict.closer)
                .map(party),
        )?;
        let cause = format!(
            "{} (confidence: {})",
            verdict.cause,
            confidence(verdict.confidence)
        );
        self.fact("cause", Some(&cause))?;
        self.fact("client's API", Some(&view(&verdict.client_view)))?;
        self.fact("server's API", Some(&view(&verdict.server_view)))?;
        self.fact("what happened", Some(&verdict.summary))?;
        self.fact("what to do", Some(&verdict.advice))
    }

    fn oddities(&mut self, session: &Session) -> io::Result<()> {
        if !session.verdict.evidence.is_empty() {
            self.heading("Evidence")?;
        }
        for evidence in &session.verdict.evidence {
            let from = evidence
                .from
                .map_or(String::new(), |from| format!("{}: ", side(from)));
            let name = format!("packet {}", packet(evidence.packet, self.captures));
            self.fact(&name, Some(&format!("{from}{}", evidence.what)))?;
        }
        if !session.anomalies.is_empty() {
            self.heading("Anomalies")?;
        }
        for anomaly in &session.anomalies {
            let from = side(anomaly.from);
            let what = match anomaly.detail.as_str() {
                "" => format!("{from}: {}", anomaly.rule),
                detail => format!("{from}: {}: {detail}", anomaly.rule),
            };
            self.fact(
                &format!("packet {}", packet(anomaly.packet, self.captures)),
                Some(&what),
            )?;
        }
        Ok(())
    }

    fn rung(&mut self, session: &Session, event: &Event) -> io::Result<()> {
        match self.rungs {
            None => {
                self.heading("Story")?;
                let titles = format!("  {:>13}  {:>9}   C     S", "SINCE START", "PACKET");
                writeln!(self.out, "{}", self.look.paint(DIM, &titles))?;
            }
            Some(before) if event.time.since(before) >= PAUSE => {
                let pause = format!(
                    "{:28}┆     ┆  {} of silence",
                    "",
                    span(event.time.since(before))
                );
                writeln!(self.out, "{}", self.look.paint(DIM, &pause))?;
            }
            Some(_) => {}
        }
        self.rungs = Some(event.time);
        let decides = session
            .verdict
            .evidence
            .iter()
            .any(|evidence| evidence.packet == event.packet);
        let arrow = if event.from == Side::Client {
            "│────▶│"
        } else {
            "│◀────│"
        };
        let (mark, style) = if decides {
            ('*', BOLD)
        } else {
            (' ', Style::new())
        };
        let room = self
            .look
            .width
            .map(|width| width.saturating_sub(RUNGS).max(8));
        let detail = escape(&event.detail);
        let detail = match room {
            Some(room) => shorten_end(&detail, room),
            None => detail,
        };
        let text = format!(
            "{mark} {:>13}  {:>9}   {arrow}  {:<9} {}",
            since(event.time.since(session.started)),
            packet(event.packet, self.captures),
            escape(event.kind),
            detail
        );
        let style = if decides && event.kind == "rst" {
            style.fg_color(Some(AnsiColor::Red.into()))
        } else {
            style
        };
        writeln!(self.out, "{}", self.look.paint(style, text.trim_end()))
    }
}

impl<W: Write> Sink for Ladder<'_, W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Session(session) => {
                self.rungs = None;
                self.head(session)
            }
            Row::Event(session, event) => self.rung(session, event),
            Row::Close(_) => Ok(()),
        }
    }

    fn finish(&mut self, _summary: &Summary, _partial: bool) -> io::Result<()> {
        if self.rungs.is_some() {
            writeln!(
                self.out,
                "{}",
                self.look.paint(DIM, "\n* decides the verdict")
            )?;
        }
        self.out.flush()
    }
}

/// `+S.mmmmmm`, or `-S.mmmmmm`.
fn since(nanos: i64) -> String {
    let sign = if nanos < 0 { '-' } else { '+' };
    let micros = nanos.unsigned_abs() / 1000;
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn sent(sent: Sent) -> String {
    let mut text = format!(
        "{}, {}, {}",
        counted(sent.frames, "frame"),
        counted(sent.messages, "message"),
        counted(sent.bytes, "byte")
    );
    if sent.messages > 0 {
        text.push_str(&format!(", largest {}", count(sent.largest_message)));
    }
    for (n, noun) in [(sent.pings, "ping"), (sent.pongs, "pong")] {
        if n > 0 {
            text.push_str(&format!(", {}", counted(n, noun)));
        }
    }
    text
}

/// What an API reports, in words.
fn view(view: &View) -> String {
    let Some(code) = view.code else {
        return "not known".to_owned();
    };
    let mut text = code.to_string();
    if let Some(reason) = view.reason.as_deref().filter(|reason| !reason.is_empty()) {
        text.push_str(&format!(" “{reason}”"));
    }
    match view.clean {
        Some(true) => text.push_str(", clean"),
        Some(false) => text.push_str(", not clean"),
        None => {}
    }
    if view.presumed {
        text.push_str(" (presumed: its bytes are missing, and the echo fits them exactly)");
    }
    if let Some(note) = view.note {
        text.push_str(&format!("; {note}"));
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;
    use crate::report::{View as Rows, rows, sample, text};

    fn shown(session: &Session, width: Option<usize>) -> String {
        let look = sample::look(width);
        let mut out = Vec::new();
        let mut ladder = Ladder::new(&mut out, look, Captures::new(&[]));
        for row in rows(Rows::Story, &[session]) {
            ladder.row(&row).unwrap();
        }
        ladder.finish(&sample::summary(), false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn facts_first_then_the_story() {
        let told = shown(&sample::abrupt(7), Some(80));
        for line in [
            "Session 7  ws  10.0.0.5:51234 → 10.0.0.9:80",
            "  host           chat.example",
            "  code           1006 (Abnormal Closure)",
            "  client's API   1006, not clean",
            "  silent before  60.000 s, from the last byte of either side to the end",
            "      +0.000000          4   │────▶│  opening   GET /chat",
            "                            ┆     ┆  60.000 s of silence",
            "*    +60.400000         21   │◀────│  fin",
        ] {
            assert!(
                told.lines().any(|told| told == line),
                "{line:?} is not in\n{told}"
            );
        }
        assert!(told.ends_with("* decides the verdict\n"));
        assert!(
            !told.contains("subprotocol"),
            "what is not known is not told"
        );
    }

    #[test]
    fn it_fits_and_steers_nothing() {
        let told = shown(&sample::hostile(1), Some(80));
        assert!(!told.replace('\n', "").contains(text::is_harmful), "{told}");
        for line in told.lines().filter(|line| line.contains('│')) {
            assert!(width(line) <= 80, "{line}");
        }
    }

    #[test]
    fn long_words_are_broken_on_a_terminal_only() {
        let mut session = sample::normal(1);
        let reason = "x".repeat(123);
        session.verdict.reason = Some(reason.clone());
        for line in shown(&session, Some(60)).lines() {
            assert!(width(line) <= 60, "{line}");
        }
        assert!(shown(&session, None).contains(&reason));
    }

    #[test]
    fn anomalies_are_told_with_their_particulars() {
        let mut session = sample::normal(1);
        session.anomalies = vec![sample::anomaly("reserved-bit", &session)];
        let told = shown(&session, Some(80));
        assert!(
            told.contains("\n  packet 30      client: reserved-bit: RSV2\n"),
            "{told}"
        );
    }

    #[test]
    fn views_are_told_in_words() {
        assert_eq!(view(&View::default()), "not known");
        let seen = View {
            code: Some(1000),
            reason: Some("bye".into()),
            clean: Some(true),
            presumed: false,
            note: None,
        };
        assert_eq!(view(&seen), "1000 “bye”, clean");
    }
}
