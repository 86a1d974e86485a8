//! `hangup read --order ended`: sessions are written when they end, and not kept.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use super::{OUTPUT_BUFFER, look, settings, style, totals};
use crate::cli::args::Format;
use crate::cli::config::ReadConfig;
use crate::cli::progress::Progress;
use crate::cli::{Status, message};
use crate::engine::{self, ReadError};
use crate::report::csv::Csv;
use crate::report::json::{Json, JsonLines};
use crate::report::rolling::Rolling;
use crate::report::{Captures, Row, Sink, View};
use crate::session::{Finding, Session, Summary};
use crate::time::Timestamp;

/// Reads the captures and writes every output as it goes.
pub(super) fn run(config: &ReadConfig) -> anyhow::Result<Status> {
    let begun = Instant::now();
    let mut desk = Desk::open(config)?;
    let progress = Progress::new(!config.quiet && io::stderr().is_terminal());
    let outcome = engine::read_ended(
        &config.captures,
        config.filter.as_deref(),
        &settings(config),
        &mut |session, first| {
            progress.erase();
            desk.session(session, first)
        },
        &mut |text| {
            progress.erase();
            message::warning(&text);
        },
        &mut |done, total| progress.show(done, total),
    );
    progress.erase();
    let outcome = match outcome {
        Err(ReadError::Handing(error)) => return Err(error.into()),
        other => other?,
    };
    desk.finish(&outcome.findings, &outcome.summary, outcome.partial)?;
    if !config.quiet {
        totals(
            &outcome.summary,
            desk.shown.len(),
            begun.elapsed().as_secs_f64(),
        );
    }
    Ok(match outcome.partial {
        _ if desk.found => Status::Found,
        true => Status::Partial,
        false => Status::Done,
    })
}

/// Somewhere to write to.
struct Place {
    name: String,
    format: Format,
    terminal: bool,
    out: Box<dyn Write>,
}

/// Writes sessions to all places.
struct Desk<'a> {
    config: &'a ReadConfig,
    /// Until the first session.
    places: Vec<Place>,
    sinks: Vec<(String, Box<dyn Sink + 'a>)>,
    /// Somebody may be watching.
    is_watched: bool,
    /// Numbers of the sessions shown, in order.
    shown: Vec<u64>,
    /// One of them is what `--fail-on` asks for.
    found: bool,
}

impl<'a> Desk<'a> {
    fn open(config: &'a ReadConfig) -> anyhow::Result<Self> {
        let mut places = Vec::new();
        // Files first, here as well: they are written to their end even where nobody reads
        // standard output to its end.
        for output in &config.outputs {
            let name = format!("--output {}", output.path.display());
            let file = File::create(&output.path).with_context(|| name.clone())?;
            places.push(Place {
                name,
                format: output.format,
                terminal: false,
                out: Box::new(BufWriter::with_capacity(OUTPUT_BUFFER, file)),
            });
        }
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        places.push(Place {
            name: String::new(),
            format: config.format,
            terminal,
            out: Box::new(BufWriter::with_capacity(OUTPUT_BUFFER, stdout)),
        });
        let is_piped = config.captures.iter().any(|path| path == Path::new("-"));
        Ok(Self {
            config,
            places,
            sinks: Vec::new(),
            is_watched: terminal || is_piped,
            shown: Vec::new(),
            found: false,
        })
    }

    fn begin(&mut self, first: Timestamp) {
        let config = self.config;
        let captures = Captures::new(&config.captures);
        for place in self.places.drain(..) {
            let out = place.out;
            let sink: Box<dyn Sink + 'a> = match place.format {
                Format::Table => Box::new(Rolling::new(out, look(config, first))),
                Format::Csv => Box::new(Csv::new(
                    out,
                    View::Sessions,
                    captures,
                    style(config, place.terminal),
                )),
                Format::Json => Box::new(Json::new(out, View::Sessions, captures)),
                // (There are no packets then.)
                Format::Jsonl | Format::PcapNg => Box::new(JsonLines::new(out, captures)),
            };
            self.sinks.push((place.name, sink));
        }
    }

    fn session(&mut self, session: &Session, first: Timestamp) -> io::Result<()> {
        if !self.config.selection.matches(session) {
            return Ok(());
        }
        self.begin(first);
        self.shown.push(session.number);
        self.found |= self.config.fail_on.iter().any(|it| it.matches(session));
        let is_watched = self.is_watched;
        self.each(|sink| {
            sink.row(&Row::Session(session))?;
            if is_watched { sink.flush() } else { Ok(()) }
        })
    }

    fn finish(&mut self, findings: &[Finding], summary: &Summary, partial: bool) -> io::Result<()> {
        self.begin(summary.span.map(|(first, _)| first).unwrap_or_default());
        let shown = std::mem::take(&mut self.shown);
        self.each(|sink| {
            for finding in findings {
                let is_shown = |number| shown.binary_search(number).is_ok();
                if finding.sessions.iter().any(is_shown) {
                    sink.finding(finding)?;
                }
            }
            sink.finish(summary, partial)
        })?;
        self.shown = shown;
        Ok(())
    }

    /// Nobody reads standard output any more: the files are written all the same.
    fn each(&mut self, write: impl Fn(&mut dyn Sink) -> io::Result<()>) -> io::Result<()> {
        let mut closed = None;
        for (at, (name, sink)) in self.sinks.iter_mut().enumerate() {
            match write(sink.as_mut()) {
                Err(error) if name.is_empty() && error.kind() == io::ErrorKind::BrokenPipe => {
                    closed = Some((at, error));
                }
                Err(error) if name.is_empty() => return Err(error),
                Err(error) => return Err(io::Error::new(error.kind(), format!("{name}: {error}"))),
                Ok(()) => {}
            }
        }
        if let Some((at, error)) = closed {
            if self.sinks.len() == 1 {
                return Err(error);
            }
            drop(self.sinks.remove(at));
        }
        Ok(())
    }
}
