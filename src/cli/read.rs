//! `hangup read`.

mod ended;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Instant;

use anyhow::{Context, bail};

use super::args::{Format, ReadArgs};
use super::config::ReadConfig;
use super::progress::Progress;
use super::select::Selection;
use super::{Status, message};
use crate::capture::write::{Head, Writer};
use crate::engine::{self, Outcome, ReadError, Settings, Told};
use crate::report::captions::comments;
use crate::report::csv::{Csv, Style};
use crate::report::json::{Json, JsonLines};
use crate::report::ladder::Ladder;
use crate::report::look::Look;
use crate::report::table::Table;
use crate::report::text::{count, counted, escape};
use crate::report::when::{Watch, rfc3339, span};
use crate::report::{Captures, Sink, Source, View, each_row};
use crate::session::{Brief, Detail, Session, Summary};
use crate::time::Timestamp;

/// A run of fewer seconds was fast enough; its rate would be that of the start of a program.
const WORTH_TELLING: f64 = 0.1;

/// Rows are small and may be many.
const OUTPUT_BUFFER: usize = 64 << 10;

/// Reads the captures and writes every output.
pub(super) fn run(args: ReadArgs) -> anyhow::Result<Status> {
    let config = ReadConfig::new(args)?;
    if config.as_they_end {
        return ended::run(&config);
    }
    let begun = Instant::now();
    let outcome = read(&config)?;
    let seconds = begun.elapsed().as_secs_f64();
    let told = &outcome.told;
    if let Some(number) = config.selection.session
        && !(1..=told.len() as u64).contains(&number)
    {
        let sessions = counted(outcome.summary.sessions, "session");
        bail!("--session {number}: there is none; {sessions} in all");
    }
    let shown = Shown::new(told, &config.selection);
    // Files first: that nobody reads standard output to its end is no reason not to write them.
    for output in &config.outputs {
        let name = || format!("--output {}", output.path.display());
        let file = File::create(&output.path).with_context(name)?;
        if output.format == Format::PcapNg {
            packets(&config, &shown, file).with_context(name)?;
            continue;
        }
        write(
            &config,
            &outcome,
            &shown,
            output.format,
            BufWriter::with_capacity(OUTPUT_BUFFER, file),
            false,
        )
        .with_context(name)?;
    }
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    write(
        &config,
        &outcome,
        &shown,
        config.format,
        BufWriter::with_capacity(OUTPUT_BUFFER, stdout.lock()),
        terminal,
    )?;
    if !config.quiet {
        if terminal && io::stderr().is_terminal() {
            // They are no part of what stands above them.
            message::line("");
        }
        totals(&outcome.summary, shown.len(), seconds);
    }
    let status = match outcome.partial {
        _ if has_failed(&config, &shown) => Status::Found,
        true => Status::Partial,
        false => Status::Done,
    };
    // The process is over: to free a million sessions one by one would only take time.
    std::mem::forget(outcome);
    Ok(status)
}

fn settings(config: &ReadConfig) -> Settings {
    Settings {
        detail: config.detail(),
        tls: config.tls,
        key_logs: config.key_logs.clone(),
        threads: config.threads,
    }
}

fn read(config: &ReadConfig) -> Result<Outcome, ReadError> {
    let progress = Progress::new(!config.quiet && io::stderr().is_terminal());
    let settings = settings(config);
    let mut note = |text: String| {
        progress.erase();
        message::warning(&text);
    };
    let outcome = engine::read(
        &config.captures,
        config.filter.as_deref(),
        &settings,
        &mut note,
        &mut |done, total| progress.show(done, total),
    );
    progress.erase();
    outcome
}

/// The sessions that the selection leaves.
struct Shown<'a> {
    told: &'a Told,
    /// Their indices; `None` for all.
    indices: Option<Vec<usize>>,
}

impl<'a> Shown<'a> {
    fn new(told: &'a Told, selection: &Selection) -> Self {
        let mut session = Session::blank();
        let mut matches =
            |index: &usize| told.read(*index, &mut session) && selection.matches(&session);
        let indices =
            (!selection.is_all()).then(|| (0..told.len()).filter(|at| matches(at)).collect());
        Self { told, indices }
    }

    /// The session with this number is among them.
    fn has(&self, number: u64) -> bool {
        let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        match &self.indices {
            Some(indices) => indices.binary_search(&index).is_ok(),
            None => index < self.told.len(),
        }
    }
}

impl Shown<'_> {
    /// The index of the one at `at` among all.
    fn index(&self, at: usize) -> usize {
        let index = match &self.indices {
            Some(indices) => indices.get(at).copied(),
            None => Some(at),
        };
        index.unwrap_or(usize::MAX)
    }

    /// What a row shows of each.
    fn each_brief(&self, mut row: impl FnMut(&Brief<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut session = Session::blank();
        for at in 0..self.len() {
            if let Some(brief) = self.told.brief(self.index(at), &mut session) {
                row(&brief)?;
            }
        }
        Ok(())
    }

    /// Each by itself.
    fn iter(&self) -> impl Iterator<Item = Session> {
        (0..self.len()).map(|at| {
            let mut session = Session::blank();
            self.read(at, &mut session);
            session
        })
    }
}

impl Source for Shown<'_> {
    fn len(&self) -> usize {
        self.indices.as_ref().map_or(self.told.len(), Vec::len)
    }

    fn read(&self, at: usize, session: &mut Session) {
        self.told.read(self.index(at), session);
    }
}

/// A session of those shown is one that `--fail-on` asks for.
fn has_failed(config: &ReadConfig, shown: &Shown<'_>) -> bool {
    let mut session = Session::blank();
    !config.fail_on.is_empty()
        && (0..shown.len()).any(|at| {
            shown.read(at, &mut session);
            config.fail_on.iter().any(|test| test.matches(&session))
        })
}

/// One output, from its first byte to its last.
fn write(
    config: &ReadConfig,
    outcome: &Outcome,
    shown: &Shown<'_>,
    format: Format,
    out: impl Write,
    terminal: bool,
) -> io::Result<()> {
    let view = config.view_for(format);
    let first = outcome.summary.span.map(|(first, _)| first);
    let look = look(config, first.unwrap_or_default());
    let captures = Captures::new(&config.captures);
    if config.detail_for(format) == Detail::Row {
        let mut table = Table::new(out, view, look, captures);
        shown.each_brief(|session| {
            table.survey_session(session);
            Ok(())
        })?;
        shown.each_brief(|session| table.session(session))?;
        return finish(&mut table, outcome, shown);
    }
    let mut sink: Box<dyn Sink + '_> = match (format, view) {
        (Format::Table, View::Story) => Box::new(Ladder::new(out, look, captures)),
        (Format::Table, _) => Box::new(Table::new(out, view, look, captures)),
        (Format::Csv, _) => Box::new(Csv::new(out, view, captures, style(config, terminal))),
        (Format::Json, _) => Box::new(Json::new(out, view, captures)),
        // (Packets are written elsewhere.)
        (Format::Jsonl | Format::PcapNg, _) => Box::new(JsonLines::new(out, captures)),
    };
    if sink.needs_survey() {
        each_row(view, shown, |row| sink.survey(row))?;
    }
    each_row(view, shown, |row| sink.row(row))?;
    finish(&mut *sink, outcome, shown)
}

/// What stands below the rows.
fn finish(sink: &mut dyn Sink, outcome: &Outcome, shown: &Shown<'_>) -> io::Result<()> {
    // What is said of many is worth knowing of each one that is shown.
    for finding in &outcome.findings {
        if finding.sessions.iter().any(|&number| shown.has(number)) {
            sink.finding(finding)?;
        }
    }
    sink.finish(&outcome.summary, outcome.partial)
}

/// How outputs for people look; `first` is the time of the first packet.
fn look(config: &ReadConfig, first: Timestamp) -> Look {
    Look {
        width: config.width,
        color: config.color,
        watch: Watch::new(config.clock, first),
        verbose: config.verbose,
    }
}

/// How cells of CSV look.
const fn style(config: &ReadConfig, terminal: bool) -> Style {
    Style {
        raw: config.csv_raw,
        escape: terminal,
    }
}

/// The packets of the sessions shown, with comments on those that decide.
fn packets(config: &ReadConfig, shown: &Shown<'_>, file: File) -> io::Result<()> {
    let comments = comments(shown.iter());
    let head = Head {
        comment: &format!(
            "{} out of {}",
            counted(shown.len() as u64, "WebSocket session"),
            config
                .captures
                .iter()
                // Folders are nobody's business: such files are sent around.
                .filter_map(|path| path.file_name())
                .map(|name| escape(&name.to_string_lossy()).into_owned())
                .collect::<Vec<_>>()
                .join(", ")
        ),
        interface: "",
    };
    let mut writer = Writer::new(BufWriter::with_capacity(OUTPUT_BUFFER, file), &head)?;
    let filter = config.filter.as_deref();
    engine::extract(&config.captures, filter, shown.iter(), &mut |packet| {
        let comments = comments.get(&packet.id).into_iter().flatten();
        writer.packet(packet, comments.map(String::as_str))
    })?;
    writer.finish().map(drop)
}

/// The summary on standard error.
fn totals(summary: &Summary, shown: usize, seconds: f64) {
    let mut text = format!(
        "{}, {}, {} ({} abnormal)",
        counted(summary.packets, "packet"),
        counted(summary.connections, "TCP connection"),
        counted(summary.sessions - summary.tls_opaque, "WebSocket session"),
        count(summary.abnormal),
    );
    if summary.tls_opaque > 0 {
        let opaque = counted(summary.tls_opaque, "TLS connection");
        text.push_str(&format!(" and {opaque} that may carry anything"));
    }
    if let Some((first, last)) = summary.span {
        text.push_str(&format!(
            "; {:.19}Z + {}",
            rfc3339(first).to_string(),
            span(last.since(first))
        ));
    }
    if seconds >= WORTH_TELLING {
        let rate = rate(summary.bytes, seconds);
        text.push_str(&format!("; read in {seconds:.1} s, {rate}"));
    }
    message::line(&text);
    let lost = lost(summary);
    if !lost.is_empty() {
        message::line(&format!("not whole: {}", lost.join(", ")));
    }
    let unread = unread(summary);
    if !unread.is_empty() {
        message::line(&format!("not read: {}", unread.join(", ")));
    }
    if summary.sessions == 0 {
        message::line(&nothing_found(summary));
    } else if shown == 0 {
        message::line("No session matches the selection.");
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure of three digits for people"
)]
fn rate(bytes: u64, seconds: f64) -> String {
    format!("{:.1} MB/s", bytes as f64 / 1e6 / seconds.max(1e-9))
}

/// What was lost, where anything was.
pub(super) fn lost(summary: &Summary) -> Vec<String> {
    let holes = format!("in streams ({})", counted(summary.lost_bytes, "byte"));
    // Without a session nobody waits for one.
    let forgotten = match summary.sessions {
        0 => 0,
        _ => summary.attempts_forgotten,
    };
    let all: [(u64, &str, &str); 7] = [
        (summary.dropped, "packet", "dropped while capturing"),
        (summary.snapped, "packet", "captured without the end"),
        (summary.gaps, "hole", &holes),
        (
            summary.evicted,
            "connection",
            "given up because too many were open",
        ),
        (
            forgotten,
            "attempt",
            "to connect not looked at, because too many failed",
        ),
        (
            summary.impatient,
            "connection",
            "that stopped waiting for missing bytes, to save memory",
        ),
        (
            summary.not_inflated,
            "compressed message",
            "(or all that followed) not inflated, to save memory",
        ),
    ];
    let mut lost: Vec<String> = all
        .into_iter()
        .filter(|&(count, ..)| count > 0)
        .map(|(count, noun, how)| format!("{} {how}", counted(count, noun)))
        .collect();
    for (reason, packets) in &summary.undecodable {
        lost.push(format!(
            "{} not decoded: {reason}",
            counted(*packets, "packet")
        ));
    }
    lost
}

/// What was encrypted, where anything was.
fn unread(summary: &Summary) -> Vec<String> {
    let mut unread = Vec::new();
    let without = summary.tls_without_keys;
    if without > 0 {
        unread.push(format!(
            "{} without a key (run client or server with SSLKEYLOGFILE=keys.log, then --keylog keys.log)",
            counted(without, "TLS connection")
        ));
    }
    for (reason, connections) in &summary.tls_unread {
        unread.push(format!(
            "{}: {reason}",
            counted(*connections, "TLS connection")
        ));
    }
    unread
}

fn nothing_found(summary: &Summary) -> String {
    let check = if summary.packets == 0 {
        "The capture holds no packets: was the filter too narrow, or the interface the wrong one?"
    } else if summary.connections == 0 {
        "There is no TCP in it: was it captured on the right interface, with the right filter?"
    } else if summary.tls_without_keys > 0 {
        "There is TLS in it that may carry wss: a key log shows it."
    } else {
        "Is it wss (TLS)? Then capture where it is plain, such as behind the proxy. Did the capture begin \
         after the WebSockets were opened? Is it the right port?"
    };
    format!("No WebSocket found. {check}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_told_only_where_something_was() {
        assert!(lost(&Summary::default()).is_empty());
        let mut summary = Summary {
            snapped: 1,
            gaps: 2,
            lost_bytes: 3000,
            dropped: 4,
            ..Summary::default()
        };
        summary.undecodable.insert("truncated".to_owned(), 5);
        assert_eq!(
            lost(&summary).join(", "),
            "4 packets dropped while capturing, 1 packet captured without the end, \
             2 holes in streams (3,000 bytes), 5 packets not decoded: truncated"
        );
    }

    #[test]
    fn where_nothing_was_found_the_next_step_depends_on_what_there_was() {
        let with = |packets, connections| {
            nothing_found(&Summary {
                packets,
                connections,
                ..Summary::default()
            })
        };
        assert!(with(0, 0).contains("no packets"));
        assert!(with(5, 0).contains("no TCP"));
        assert!(with(5, 1).contains("TLS"));
    }
}
