//! `hangup live`.

mod args;
mod cohorts;
mod messages;
mod observe;
mod output;
mod queue;
mod recorder;
#[cfg(feature = "metrics")]
mod scrape;
#[cfg(feature = "tui")]
mod top;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

pub(super) use self::args::LiveArgs;
use self::messages::Messages;
use self::observe::{Observers, Seen};
use self::output::{Output, Place};
use self::recorder::{Plan as RecordPlan, Recorder};
use super::Status as Exit;
use super::args::Format;
use super::config::{color, output, selection, width};
use super::read::lost;
use super::select::{FailOn, Selection};
use crate::capture::confine::{Confined, Places, confine};
use crate::capture::live::{Drops, Interface, Options, default_interface, now};
use crate::capture::privileges;
use crate::engine::live::{Plan, Record, Status, Watcher, live};
use crate::engine::{Pipeline, Recording};
use crate::report::look::Look;
use crate::report::text::{count, counted};
use crate::report::when::Watch;
use crate::session::{Detail, Finding, Session, Summary};
use crate::time::Timestamp;

/// How long what is not written yet may take at the end, where anything moves.
const PATIENCE: Duration = Duration::from_secs(5);

/// Codes that a line about how it is going tells, those with most sessions.
const CODES: usize = 8;

/// How rows look.
#[derive(Clone)]
struct Looks {
    look: Look,
    csv_raw: bool,
    /// Standard output is a terminal.
    terminal: bool,
}

/// Watches until told to stop.
pub(super) fn run(args: LiveArgs) -> anyhow::Result<Exit> {
    let is_top = args.observe.is_top();
    let rows = (!is_top).then_some((Place::Stdout, args.format));
    let mut places: Vec<(Place, Format)> = rows.into_iter().collect();
    for path in args.output {
        let checked = output(path)?;
        places.push((Place::File(checked.path), checked.format));
    }
    if let Some((place, _)) = places.iter().find(|(_, format)| *format == Format::Json) {
        bail!(
            "{}: a JSON document has an end, and this has none: use jsonl",
            place.name()
        );
    }
    if let Some((place, _)) = places.iter().find(|(_, format)| *format == Format::PcapNg) {
        bail!("{}: packets are kept with --record", place.name());
    }
    let fail_on = args.wanted.fail_on.clone();
    let tls = args.wanted.tls;
    let selection = selection(args.wanted)?;
    let name = match args.interface {
        Some(name) => name,
        None => default_interface().unwrap_or_else(|| "any".to_owned()),
    };
    let filter = args.filter.join(" ");
    // Before anything that may take a while: from here on a signal ends it properly.
    let signals = Signals::catch(is_top).context("signals cannot be caught")?;
    let ready = args.observe.ready()?;
    let mut interface = Interface::open(
        &name,
        &Options {
            filter: &filter,
            snaplen: args.snaplen,
            buffer: args.buffer,
            promiscuous: args.promiscuous,
        },
    )?;
    // Before files are opened, so that they can be opened again later; before threads begin.
    privileges::give_up(args.user.as_deref())?;
    // What it takes to know the zone is not there later.
    let watch = Watch::new(args.look.time.into(), now());
    let key_logs: Vec<PathBuf> = match args.keylog {
        named if named.is_empty() => {
            let variable = std::env::var_os("SSLKEYLOGFILE").map(PathBuf::from);
            variable.into_iter().collect()
        }
        named => named,
    };
    let confined = confine(&Places {
        kept: args.record.iter().cloned().collect(),
        read: key_logs.clone(),
        appended: places
            .iter()
            .filter_map(|(place, _)| place.file())
            .collect(),
        devices: args.observe.devices(),
        interface: Some(name),
    });
    let looks = Looks {
        look: Look {
            width: width(),
            color: color(args.look.color),
            watch,
            verbose: args.verbose,
        },
        csv_raw: args.look.csv_raw,
        terminal: io::stdout().is_terminal(),
    };
    let messages = Messages::start()?;
    match confined {
        Ok(confined) if args.verbose => {
            if let Some(text) = shortfall(confined) {
                messages.line(text.to_owned());
            }
        }
        Ok(_) => {}
        Err(error) => messages.warning(format!("{error}; going on without")),
    }
    let outputs = places
        .into_iter()
        .map(|(place, format)| {
            let name = format!("--output {}", place.name());
            Output::open(place, format, &looks, &messages).context(name)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let recorder = args
        .record
        .map(|folder| {
            let name = format!("--record {}", folder.display());
            let wanted = match args.record_on {
                wanted if wanted.is_empty() => vec![FailOn::Abnormal],
                wanted => wanted,
            };
            let plan = RecordPlan {
                folder,
                wanted,
                max: args.record_max,
                interface: interface.name().to_owned(),
            };
            Recorder::start(plan, &messages).context(name)
        })
        .transpose()?;
    if !args.quiet && !is_top {
        let filter = if filter.is_empty() {
            String::new()
        } else {
            format!(", filter “{filter}”")
        };
        messages.line(format!(
            "watching {}{filter}; Ctrl-C ends",
            interface.name()
        ));
    }
    #[cfg_attr(
        not(feature = "tui"),
        expect(unused_mut, reason = "a view on the terminal joins")
    )]
    let mut observers = ready.start(&messages)?;
    #[cfg(feature = "tui")]
    if is_top {
        let setting = top::Setting {
            title: format!("{} {filter}", interface.name())
                .trim_end()
                .to_owned(),
            watch: looks.look.watch.clone(),
            color: looks.look.color,
            begun: now(),
            stop: Arc::clone(&signals.stop),
        };
        observers.take_terminal(setting, &messages)?;
    }
    let mut desk = Desk {
        observers,
        selection,
        fail_on,
        found: false,
        outputs,
        recorder,
        signals,
        messages: messages.clone(),
        verbose: args.verbose,
    };
    let plan = Plan {
        key_logs: &key_logs,
        // Stories can be looked at.
        detail: if is_top { Detail::Story } else { Detail::Whole },
        record: desk.recorder.is_some().then_some(Record {
            with_secrets: args.record_secrets,
        }),
        tls,
        duration: args.duration,
        count: args.count,
        every: args.every,
    };
    let watched = live(&mut interface, &plan, &mut desk);
    let Desk {
        observers,
        mut outputs,
        recorder,
        found,
        signals,
        ..
    } = desk;
    tell(&observers.finish(now()), &mut outputs);
    signals
        .hasty
        .store(signals.stop.load(Ordering::Relaxed), Ordering::Relaxed);
    let partial = watched.failed.is_some();
    for output in &mut outputs {
        output.end(&watched.summary, partial);
    }
    let untold: u64 = outputs.into_iter().map(Output::finish).sum();
    let recorded = recorder.map(|recorder| {
        let (written, missed) = recorder.finish();
        (written, missed + watched.unrecorded)
    });
    if let Some(error) = watched.failed {
        messages.warning(error.to_string());
    }
    if !args.quiet {
        totals(&watched.summary, untold, recorded, &messages);
    }
    messages.flush();
    Ok(match partial {
        _ if found => Exit::Found,
        true => Exit::Partial,
        false => Exit::Done,
    })
}

/// Tells what sessions share.
fn tell(found: &[Arc<Finding>], outputs: &mut [Output]) {
    for finding in found {
        outputs
            .iter_mut()
            .for_each(|output| output.finding(finding));
    }
}

/// What this kernel cannot do to confine the process.
const fn shortfall(confined: Confined) -> Option<&'static str> {
    match confined {
        Confined::Fully => None,
        Confined::Partly => Some("confined to the places of outputs as far as this kernel can"),
        Confined::Not => Some(
            "not confined to the places of outputs: this kernel has no Landlock, or keeps it from us",
        ),
    }
}

/// The summary on standard error.
fn totals(summary: &Summary, untold: u64, recorded: Option<(u64, u64)>, messages: &Messages) {
    messages.line(format!(
        "{}, {}, {} ({} abnormal)",
        counted(summary.packets, "packet"),
        counted(summary.connections, "TCP connection"),
        counted(summary.sessions - summary.tls_opaque, "WebSocket session"),
        count(summary.abnormal),
    ));
    let mut lost = lost(summary);
    if untold > 0 {
        lost.push(format!("{} not written", counted(untold, "row")));
    }
    if let Some((written, missed)) = recorded {
        if missed > 0 {
            lost.push(format!("{} not recorded", counted(missed, "session")));
        }
        messages.line(format!("{} recorded", counted(written, "session")));
    }
    if !lost.is_empty() {
        messages.line(format!("not whole: {}", lost.join(", ")));
    }
    let unread = summary.tls_without_keys + summary.tls_unread.values().sum::<u64>();
    if unread > 0 {
        messages.line(format!(
            "not read: {} (run client or server with SSLKEYLOGFILE=keys.log and watch with --keylog keys.log; or watch behind the proxy that ends TLS)",
            counted(unread, "TLS connection")
        ));
    }
}

/// What the system asks for.
struct Signals {
    stop: Arc<AtomicBool>,
    /// One more signal, and the process ends at once.
    hasty: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
}

impl Signals {
    /// With a view on the terminal (`is_top`) no signal ends the process before the terminal was
    /// given back.
    fn catch(is_top: bool) -> io::Result<Self> {
        let (stop, hasty, reopen) = (Arc::default(), Arc::default(), Arc::default());
        // The others that people and systems send would leave the terminal as it is.
        let more: &[i32] = if is_top { &[SIGQUIT] } else { &[] };
        for &signal in [SIGINT, SIGTERM].iter().chain(more) {
            // In this order: the first signal only sets the flag, a second one finds it set.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&hasty))?;
            flag::register(signal, Arc::clone(&stop))?;
            if !is_top {
                flag::register(signal, Arc::clone(&hasty))?;
            }
        }
        flag::register(SIGHUP, Arc::clone(&reopen))?;
        Ok(Self {
            stop,
            hasty,
            reopen,
        })
    }
}

/// Takes what the driver tells and passes it on.
struct Desk {
    observers: Observers,
    selection: Selection,
    fail_on: Vec<FailOn>,
    found: bool,
    outputs: Vec<Output>,
    recorder: Option<Recorder>,
    signals: Signals,
    messages: Messages,
    verbose: bool,
}

impl Watcher for Desk {
    fn session(&mut self, session: Session, recording: Option<Recording>) {
        let session = Arc::new(session);
        let is_shown = self.selection.matches(&session);
        self.observers.session(&session, is_shown);
        if !is_shown {
            return;
        }
        self.found |= self.fail_on.iter().any(|test| test.matches(&session));
        if let (Some(recorder), Some(recording)) = (&mut self.recorder, recording) {
            recorder.take(&session, recording);
        }
        for output in &mut self.outputs {
            output.session(&session);
        }
    }

    fn room(&mut self) -> usize {
        let outputs = self.outputs.iter_mut().map(Output::room);
        let recorder = self.recorder.as_mut().map(Recorder::room);
        outputs.chain(recorder).min().unwrap_or(usize::MAX)
    }

    fn ending(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        for output in &mut self.outputs {
            output.wait_until(deadline);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.wait_until(deadline);
        }
    }

    fn note(&mut self, is_problem: bool, text: String) {
        if is_problem {
            self.messages.warning(text);
        } else if self.verbose {
            self.messages.line(text);
        }
    }

    fn status(&mut self, status: &Status<'_>) {
        let untold = self.outputs.iter().map(Output::untold).sum();
        let recorded = self
            .recorder
            .as_ref()
            .map(|recorder| (recorder.written(), recorder.missed() + status.unrecorded));
        self.messages.line(in_words(status, untold, recorded));
    }

    fn look(&mut self, pipeline: &mut Pipeline, drops: Drops, now: Timestamp) {
        let found = self.observers.look(&mut Seen {
            pipeline,
            drops,
            untold: self.outputs.iter().map(Output::untold).sum(),
            now,
        });
        tell(&found, &mut self.outputs);
    }

    fn should_stop(&mut self) -> bool {
        if self.signals.reopen.swap(false, Ordering::Relaxed) {
            self.outputs.iter_mut().for_each(Output::reopen);
        }
        // Where nobody reads and nothing else is written, there is nothing left to do.
        let is_unread = !self.outputs.is_empty() && self.outputs.iter().all(Output::is_closed);
        self.signals.stop.load(Ordering::Relaxed) || is_unread
    }
}

/// `17 open; 1000: 5, 1006: 2; 12,345 packets, 3 dropped`.
fn in_words(status: &Status<'_>, untold: u64, recorded: Option<(u64, u64)>) -> String {
    let code = |(code, sessions): (&Option<u16>, &u64)| {
        let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
        format!("{code}: {}", count(*sessions))
    };
    let mut rest = String::new();
    let mut codes: Vec<(&Option<u16>, &u64)> = status.codes.iter().collect();
    let others = codes.len().saturating_sub(CODES);
    if others > 0 {
        codes.sort_by_key(|(_, sessions)| std::cmp::Reverse(**sessions));
        let ended: u64 = codes.drain(CODES..).map(|(_, sessions)| sessions).sum();
        codes.sort();
        rest = format!(", {others} others: {}", count(ended));
    }
    let codes: Vec<String> = codes.into_iter().map(code).collect();
    let codes = if codes.is_empty() {
        "none ended".to_owned()
    } else {
        codes.join(", ") + &rest
    };
    let mut text = format!(
        "{} open; {codes}; {}, {} dropped",
        count(status.open as u64),
        counted(status.packets, "packet"),
        count(status.drops.total()),
    );
    if status.drops.interface > 0 {
        text.push_str(&format!(
            " ({} of them by the interface)",
            count(status.drops.interface)
        ));
    }
    if untold > 0 {
        text.push_str(&format!("; {} not written", counted(untold, "row")));
    }
    if let Some((written, missed)) = recorded {
        text.push_str(&format!("; {} recorded", count(written)));
        if missed > 0 {
            text.push_str(&format!(", {} not", count(missed)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_status_tells_what_was_lost_only_where_something_was() {
        let codes = BTreeMap::from([(None, 1), (Some(1000), 2000)]);
        let mut status = Status {
            open: 3,
            codes: &codes,
            packets: 5,
            drops: Drops::default(),
            unrecorded: 0,
        };
        assert_eq!(
            in_words(&status, 0, None),
            "3 open; no code: 1, 1000: 2,000; 5 packets, 0 dropped"
        );
        status.drops = Drops {
            kernel: 4,
            interface: 1,
        };
        assert_eq!(
            in_words(&status, 2, Some((7, 3))),
            "3 open; no code: 1, 1000: 2,000; 5 packets, 5 dropped (1 of them by the interface); 2 rows not written; 7 recorded, 3 not"
        );
        // A stranger may send thousands of codes.
        let codes = (3000..4000)
            .map(|code| (Some(code), u64::from(code) % 10))
            .collect();
        status.codes = &codes;
        let text = in_words(&status, 0, None);
        assert!(text.starts_with("3 open; 3009: 9, 3019: 9,"), "{text}");
        assert!(text.contains(", 992 others: 4,428; 5 packets"), "{text}");
    }
}
