//! What was typed, checked: from here on nothing can be wrong with the arguments.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::args::{Color, Format, Order, ReadArgs, ViewName, WantedArgs};
use super::select::{FailOn, Selection};
use crate::report::View;
use crate::report::when::Clock;
use crate::session::Detail;

/// Where a terminal does not say how wide it is.
const DEFAULT_WIDTH: usize = 80;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) path: PathBuf,
    pub(super) format: Format,
}

/// Settings of `hangup read`.
#[derive(Debug)]
pub(super) struct ReadConfig {
    pub(super) captures: Vec<PathBuf>,
    pub(super) key_logs: Vec<PathBuf>,
    pub(super) tls: bool,
    pub(super) filter: Option<String>,
    pub(super) threads: Option<u32>,
    pub(super) selection: Selection,
    pub(super) format: Format,
    pub(super) outputs: Vec<Output>,
    /// `None`: sessions, or all about one.
    pub(super) view: Option<View>,
    /// Sessions are told as they end.
    pub(super) as_they_end: bool,
    pub(super) clock: Clock,
    pub(super) color: bool,
    /// Columns of a table; `None` where nothing limits them.
    pub(super) width: Option<usize>,
    pub(super) csv_raw: bool,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    pub(super) fail_on: Vec<FailOn>,
}

impl ReadConfig {
    /// Checks `args`.
    pub(super) fn new(args: ReadArgs) -> anyhow::Result<Self> {
        if args.filter.is_some() && cfg!(not(feature = "live")) {
            bail!("--filter needs libpcap, and this hangup was built without libpcap");
        }
        if args
            .captures
            .iter()
            .filter(|path| *path == Path::new("-"))
            .count()
            > 1
        {
            bail!("- (standard input) can be read only once");
        }
        let outputs = args
            .output
            .into_iter()
            .map(output)
            .collect::<Result<Vec<_>, _>>()?;
        for output in &outputs {
            check_packets(output, &args.captures)?;
        }
        if args.order == Order::Ended {
            if args.session.is_some() {
                bail!("--session N goes by the order of first packets, not by --order ended");
            }
            if args.view.is_some_and(|view| view != ViewName::Sessions) {
                bail!("--order ended lists sessions; the other views are in order of time");
            }
            if outputs.iter().any(|it| it.format == Format::PcapNg) {
                bail!("--order ended forgets sessions before their packets can be read again");
            }
        }
        let fail_on = args.wanted.fail_on.clone();
        let tls = args.wanted.tls;
        let selection = Selection {
            session: args.session,
            ..selection(args.wanted)?
        };
        Ok(Self {
            captures: args.captures,
            key_logs: key_logs(args.keylog)?,
            tls,
            filter: args.filter,
            threads: args.threads,
            selection,
            format: args.format,
            outputs,
            view: args.view.map(View::from),
            as_they_end: args.order == Order::Ended,
            clock: args.look.time.into(),
            color: color(args.look.color),
            width: width(),
            csv_raw: args.look.csv_raw,
            quiet: args.quiet,
            verbose: args.verbose,
            fail_on,
        })
    }

    /// What `format` shows: all about a session is its record and its story, except in CSV,
    /// where all rows of a file are of one kind.
    pub(super) const fn view_for(&self, format: Format) -> View {
        match (self.view, self.selection.session, format) {
            (Some(view), _, _) => view,
            (None, Some(_), Format::Table | Format::Json | Format::Jsonl) => View::Story,
            (None, ..) => View::Sessions,
        }
    }

    /// How much of each session `format` shows.
    pub(super) const fn detail_for(&self, format: Format) -> Detail {
        match (self.view_for(format), format) {
            (View::Events | View::Story, _) => Detail::Story,
            // Below a row stand its sentences.
            (View::Sessions, Format::Table) if !self.verbose => Detail::Row,
            (View::Sessions | View::Closes, _) => Detail::Whole,
        }
    }

    /// How much of each session some output shows.
    pub(super) fn detail(&self) -> Detail {
        let files = self.outputs.iter().map(|output| output.format);
        let details = files.map(|format| self.detail_for(format));
        details.fold(self.detail_for(self.format), Detail::max)
    }
}

/// The sessions that `wanted` asks for.
pub(super) fn selection(wanted: WantedArgs) -> anyhow::Result<Selection> {
    let path = wanted
        .path
        .as_deref()
        .map(globset::Glob::new)
        .transpose()
        .context("--path")?;
    Ok(Selection {
        abnormal: wanted.abnormal,
        codes: wanted.code,
        client: wanted.client,
        server: wanted.server,
        path: path.map(|glob| glob.compile_matcher()),
        session: None,
    })
}

/// The key logs named, else the one that TLS libraries write by the same variable.
fn key_logs(named: Vec<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
    for path in &named {
        File::open(path).with_context(|| format!("--keylog {}", path.display()))?;
    }
    if !named.is_empty() {
        return Ok(named);
    }
    let variable = std::env::var_os("SSLKEYLOGFILE").map(PathBuf::from);
    // Set for a program that has not written any yet, it is no reason to complain.
    Ok(variable.into_iter().filter(|path| path.is_file()).collect())
}

pub(super) fn output(path: PathBuf) -> anyhow::Result<Output> {
    let Some(format) = path.extension().and_then(Format::of_ending) else {
        let ending = path.extension().unwrap_or(OsStr::new("")).to_string_lossy();
        let ending = if ending.is_empty() {
            "no ending".to_owned()
        } else {
            format!("ending .{ending}")
        };
        bail!(
            "--output {}: {ending} tells no format; use .csv, .json, .jsonl or .pcapng",
            path.display()
        );
    };
    // Better known now than after an hour of reading.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!(
            "--output {}: there is no folder {}",
            path.display(),
            folder.display()
        );
    }
    Ok(Output { path, format })
}

/// Packets are copied by reading the captures once more.
fn check_packets(output: &Output, captures: &[PathBuf]) -> anyhow::Result<()> {
    if output.format != Format::PcapNg {
        return Ok(());
    }
    let name = output.path.display();
    let target = output.path.canonicalize().ok();
    for capture in captures {
        if capture == Path::new("-") || (capture.exists() && !capture.is_file()) {
            bail!(
                "--output {name}: the packets are read a second time for it, and {} can be read \
                 only once: save it to a file first",
                if capture == Path::new("-") {
                    "standard input".to_owned()
                } else {
                    capture.display().to_string()
                }
            );
        }
        if target.is_some() && capture.canonicalize().ok() == target {
            bail!("--output {name}: is the capture that is read; name another");
        }
    }
    Ok(())
}

pub(super) fn color(wanted: Color) -> bool {
    match wanted {
        Color::Always => true,
        Color::Never => false,
        // Asks the terminal, NO_COLOR, CLICOLOR and TERM.
        Color::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}

/// Columns of the terminal on standard output; `None` where that is none.
pub(super) fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = terminal_size::terminal_size_of(io::stdout());
    Some(size.map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_is_the_format() {
        let format = |path: &str| output(PathBuf::from(path)).map(|output| output.format).ok();
        assert_eq!(format("a.csv"), Some(Format::Csv));
        assert_eq!(format("a.JSON"), Some(Format::Json));
        assert_eq!(format("a.b.jsonl"), Some(Format::Jsonl));
        assert_eq!(format("a.xlsx"), None);
        assert_eq!(format("csv"), None);
        assert_eq!(format("/nowhere/at/all/a.csv"), None);
    }
}
