//! The offline driver: files in, sessions out.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::pipeline::Pipeline;
use super::shard::{Part, Shard, join, workers};
use crate::capture::{CaptureError, Note, NoteKind, PacketSource, Step, open_all};
#[cfg(feature = "live")]
use crate::capture::{Filter, Filtered, Merged};
use crate::diagnosis::{cohorts, legs};
use crate::session::{Finding, Session, Summary};
use crate::tls::{KeyLog, Secrets};

/// Bytes of a key log read at a time.
const KEY_LOG_BLOCK: usize = 64 << 10;

/// Packets between two looks at how far the reading has come.
const PROGRESS_EVERY: u64 = 1 << 14;

/// What a run is to keep, and what it is given beside the captures.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Keep the story of each session ([`Session::events`]).
    pub events: bool,
    /// Tell of TLS connections, too, that cannot be read.
    pub tls: bool,
    /// Key logs to read TLS with.
    pub key_logs: Vec<PathBuf>,
    /// Threads to read files with; `None` for what is best. The outcome is the same for any.
    pub threads: Option<u32>,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// In the order of their numbers.
    pub sessions: Vec<Session>,
    /// What several of them share.
    pub findings: Vec<Finding>,
    /// Totals.
    pub summary: Summary,
    /// Some capture was cut short or could not be read.
    pub partial: bool,
}

/// Why there is no outcome at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No capture could be opened; each error was told already.
    #[error("no capture could be read")]
    NothingReadable,
    /// A filter that cannot be compiled.
    #[error(transparent)]
    Filter(CaptureError),
    /// `--filter` without libpcap.
    #[cfg(not(feature = "live"))]
    #[error(
        "hangup was built without libpcap, so it cannot filter packets (build it with the feature `live`)"
    )]
    NoFilter,
}

/// Reads `paths` as one capture, ordered by time.
///
/// `note` gets each warning as a line of text; `progress` gets, now and then, the bytes read
/// and the bytes there are, where that is known. Where secrets stand in a capture behind what
/// they open, it is read a second time.
///
/// # Errors
/// Where nothing could be read, or `filter` is not one.
pub fn read(
    paths: &[PathBuf],
    filter: Option<&str>,
    settings: &Settings,
    note: &mut dyn FnMut(String),
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Outcome, ReadError> {
    #[cfg(not(feature = "live"))]
    if filter.is_some() {
        return Err(ReadError::NoFilter);
    }
    let count = workers(paths, settings.threads);
    let mut all = run(paths, filter, settings, count, None, note, progress)?;
    // Standard input and pipes cannot be read again.
    let can_repeat = || paths.iter().all(|path| path.is_file());
    if all.late_secrets.is_some() && can_repeat() {
        let secrets = all.late_secrets.take();
        all = run(paths, filter, settings, 1, secrets, &mut |_| {}, progress)?;
    }
    let (mut sessions, mut summary) = join(all.parts);
    summary.dropped = all.dropped;
    let findings = cohorts::find(&mut sessions);
    legs::join(&mut sessions);
    Ok(Outcome {
        sessions,
        findings,
        summary,
        partial: all.partial,
    })
}

/// What all workers came to.
struct All {
    parts: Vec<Part>,
    partial: bool,
    dropped: u64,
    late_secrets: Option<Secrets>,
}

/// Reads everything with `count` workers. `secrets`: what to read TLS with, where they are known
/// already.
fn run(
    paths: &[PathBuf],
    filter: Option<&str>,
    settings: &Settings,
    count: u32,
    secrets: Option<Secrets>,
    note: &mut dyn FnMut(String),
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<All, ReadError> {
    let mut shards = Shard::split(count);
    let first = shards.next().unwrap_or_else(Shard::whole);
    let secrets = secrets.unwrap_or_else(|| Secrets::new(load(&settings.key_logs, note)));
    let (first, others) = std::thread::scope(|scope| {
        // Each reads everything and keeps its own connections; only the first one is heard.
        let others: Vec<_> = shards
            .map(|shard| {
                let share = (shard, secrets.share());
                scope.spawn(move || {
                    work(paths, filter, settings, share, &mut |_| {}, &mut |_, _| {})
                })
            })
            .collect();
        let first = work(paths, filter, settings, (first, secrets), note, progress);
        let others: Vec<_> = others
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        (first, others)
    });
    let Worked {
        part,
        partial,
        dropped,
        mut late_secrets,
    } = first?;
    let mut parts = vec![part];
    for other in others {
        match other {
            Ok(worked) => {
                let worked = worked?;
                parts.push(worked.part);
                late_secrets = late_secrets.or(worked.late_secrets);
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    Ok(All {
        parts,
        partial,
        dropped,
        late_secrets,
    })
}

/// What one worker came to.
struct Worked {
    part: Part,
    partial: bool,
    dropped: u64,
    /// All secrets, where some came behind packets that they would have opened.
    late_secrets: Option<Secrets>,
}

/// Reads everything for one share of the connections.
fn work(
    paths: &[PathBuf],
    filter: Option<&str>,
    settings: &Settings,
    (shard, secrets): (Shard, Secrets),
    note: &mut dyn FnMut(String),
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Worked, ReadError> {
    #[cfg(feature = "live")]
    let filter = filter
        .map(Filter::compile)
        .transpose()
        .map_err(ReadError::Filter)?;
    #[cfg(not(feature = "live"))]
    let _ = filter;
    let (mut source, errors) = open_all(paths);
    errors.iter().for_each(|error| note(error.to_string()));
    if errors.len() == paths.len() {
        return Err(ReadError::NothingReadable);
    }
    let partial = !errors.is_empty();
    let mut pipeline = Pipeline::of(shard, settings.events, secrets);
    if settings.tls {
        pipeline.tell_opaque();
    }
    #[cfg(feature = "live")]
    if let Some(filter) = filter {
        let mut source = Filtered::new(source, filter);
        return Ok(drive(
            &mut source,
            partial,
            pipeline,
            note,
            &mut |source: &Filtered<Merged>| {
                let (read, total) = source.source().position();
                progress(read, total);
            },
        ));
    }
    Ok(drive(&mut source, partial, pipeline, note, &mut |source| {
        let (read, total) = source.position();
        progress(read, total);
    }))
}

/// Takes every packet of a source; `partial`: some of it was lost before it began.
fn drive<S: PacketSource>(
    source: &mut S,
    mut partial: bool,
    mut pipeline: Pipeline,
    note: &mut dyn FnMut(String),
    progress: &mut dyn FnMut(&S),
) -> Worked {
    let mut dropped = 0;
    let mut until_progress = PROGRESS_EVERY;
    loop {
        match source.advance() {
            Ok(Step::Packet) => pipeline.handle_packet(&source.packet()),
            Ok(Step::Secrets(secrets)) => pipeline.handle_secrets(secrets.text()),
            Ok(Step::End) => break,
            Ok(Step::Note(told)) => {
                partial |= told.kind.is_partial();
                match told.kind {
                    NoteKind::Dropped(count) => dropped += count,
                    _ => note(in_words(&told)),
                }
            }
            Err(error) => {
                partial = true;
                note(error.to_string());
            }
        }
        until_progress -= 1;
        if until_progress == 0 {
            until_progress = PROGRESS_EVERY;
            progress(source);
        }
    }
    let part = pipeline.finish_part();
    let late_secrets = pipeline
        .misses_late_secrets()
        .then(|| pipeline.into_secrets());
    Worked {
        part,
        partial,
        dropped,
        late_secrets,
    }
}

/// Reads key logs. Their contents are never told, only how much could not be read.
fn load(paths: &[PathBuf], note: &mut dyn FnMut(String)) -> KeyLog {
    let mut log = KeyLog::default();
    for path in paths {
        let name = path.display();
        let (secrets, malformed) = (log.secrets(), log.malformed());
        if let Err(error) = load_file(path, &mut log) {
            note(format!("key log {name}: {error}"));
        }
        log.end_text();
        let malformed = log.malformed() - malformed;
        if malformed > 0 {
            let lines = if malformed == 1 {
                "line is"
            } else {
                "lines are"
            };
            note(format!(
                "key log {name}: {malformed} {lines} not of a TLS key log"
            ));
        } else if log.secrets() == secrets {
            note(format!("key log {name}: holds no TLS secrets"));
        }
    }
    log
}

fn load_file(path: &Path, log: &mut KeyLog) -> io::Result<()> {
    let mut file = File::open(path)?;
    // Not left behind in freed memory.
    let mut block = Zeroizing::new(vec![0; KEY_LOG_BLOCK]);
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => log.feed(block.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn in_words(note: &Note) -> String {
    let Note {
        file,
        offset,
        after_packet,
        kind,
    } = note;
    let what = match kind {
        NoteKind::CutShort => "cut short".to_owned(),
        NoteKind::Corrupt(why) => format!("corrupt ({why})"),
        NoteKind::Dropped(count) => format!("{count} packets dropped"),
    };
    format!(
        "{}: {what} at byte {offset}, after packet {after_packet}; what came before was read",
        file.display()
    )
}
