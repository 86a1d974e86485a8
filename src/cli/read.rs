//! `hangup read`.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Instant;

use anyhow::{Context, bail};

use super::args::{Format, ReadArgs};
use super::config::ReadConfig;
use super::progress::Progress;
use super::{Status, message};
use crate::engine::{self, Outcome, ReadError, Settings};
use crate::report::csv::{Csv, Style};
use crate::report::json::{Json, JsonLines};
use crate::report::ladder::Ladder;
use crate::report::look::Look;
use crate::report::table::Table;
use crate::report::text::{count, counted};
use crate::report::when::{Watch, rfc3339, span};
use crate::report::{Captures, Sink, View, rows};
use crate::session::{Session, Summary};

/// A run of fewer seconds was fast enough; its rate would be that of the start of a program.
const WORTH_TELLING: f64 = 0.1;

/// Rows are small and may be many.
const OUTPUT_BUFFER: usize = 64 << 10;

/// Reads the captures and writes every output.
pub(super) fn run(args: ReadArgs) -> anyhow::Result<Status> {
    let config = ReadConfig::new(args)?;
    let begun = Instant::now();
    let outcome = read(&config)?;
    let seconds = begun.elapsed().as_secs_f64();
    let shown: Vec<&Session> = outcome
        .sessions
        .iter()
        .filter(|session| config.selection.matches(session))
        .collect();
    let exists = |number| {
        outcome
            .sessions
            .iter()
            .any(|session| session.number == number)
    };
    if let Some(number) = config.selection.session.filter(|number| !exists(*number)) {
        let sessions = counted(outcome.summary.sessions, "session");
        bail!("--session {number}: there is none; {sessions} in all");
    }
    // Files first: that nobody reads standard output to its end is no reason not to write them.
    for output in &config.outputs {
        let name = || format!("--output {}", output.path.display());
        let file = File::create(&output.path).with_context(name)?;
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
    let found = |session: &&Session| config.fail_on.iter().any(|test| test.matches(session));
    let status = match outcome.partial {
        _ if shown.iter().any(found) => Status::Found,
        true => Status::Partial,
        false => Status::Done,
    };
    // The process is over: to free a million sessions one by one would only take time.
    std::mem::forget(outcome);
    Ok(status)
}

fn read(config: &ReadConfig) -> Result<Outcome, ReadError> {
    let progress = Progress::new(!config.quiet && io::stderr().is_terminal());
    let settings = Settings {
        events: config.needs_events(),
        tls: config.tls,
        key_logs: config.key_logs.clone(),
        threads: config.threads,
    };
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

/// One output, from its first byte to its last.
fn write(
    config: &ReadConfig,
    outcome: &Outcome,
    shown: &[&Session],
    format: Format,
    out: impl Write,
    terminal: bool,
) -> io::Result<()> {
    let captures = Captures::new(&config.captures);
    let view = config.view_for(format);
    let look = || Look {
        width: config.width,
        color: config.color,
        watch: Watch::new(
            config.clock,
            outcome
                .summary
                .span
                .map(|(first, _)| first)
                .unwrap_or_default(),
        ),
        verbose: config.verbose,
    };
    let mut sink: Box<dyn Sink + '_> = match (format, view) {
        (Format::Table, View::Story) => Box::new(Ladder::new(out, look(), captures)),
        (Format::Table, _) => Box::new(Table::new(out, view, look(), captures)),
        (Format::Csv, _) => {
            let style = Style {
                raw: config.csv_raw,
                escape: terminal,
            };
            Box::new(Csv::new(out, view, captures, style))
        }
        (Format::Json, _) => Box::new(Json::new(out, view, captures)),
        (Format::Jsonl, _) => Box::new(JsonLines::new(out, captures)),
    };
    for row in rows(view, shown) {
        sink.row(&row)?;
    }
    // What is said of many is worth knowing of each one that is shown.
    let is_shown = |number: &u64| {
        shown
            .binary_search_by_key(number, |session| session.number)
            .is_ok()
    };
    for finding in &outcome.findings {
        if finding.sessions.iter().any(is_shown) {
            sink.finding(finding)?;
        }
    }
    sink.finish(&outcome.summary, outcome.partial)
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
    let mut lost = Vec::new();
    if summary.dropped > 0 {
        lost.push(format!(
            "{} dropped while capturing",
            counted(summary.dropped, "packet")
        ));
    }
    if summary.snapped > 0 {
        lost.push(format!(
            "{} captured without the end",
            counted(summary.snapped, "packet")
        ));
    }
    if summary.gaps > 0 {
        let holes = counted(summary.gaps, "hole");
        lost.push(format!(
            "{holes} in streams ({})",
            counted(summary.lost_bytes, "byte")
        ));
    }
    if summary.evicted > 0 {
        lost.push(format!(
            "{} given up because too many were open",
            counted(summary.evicted, "connection")
        ));
    }
    if summary.attempts_forgotten > 0 && summary.sessions > 0 {
        lost.push(format!(
            "{} to connect not looked at, because too many failed",
            counted(summary.attempts_forgotten, "attempt")
        ));
    }
    if summary.impatient > 0 {
        lost.push(format!(
            "{} that stopped waiting for missing bytes, to save memory",
            counted(summary.impatient, "connection")
        ));
    }
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
