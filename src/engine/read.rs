//! The offline driver: files in, sessions out.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::known::Known;
use super::pipeline::Pipeline;
use super::shard::{Part, Shard, join, workers};
use super::told::{Gone, Told};
use crate::capture::{CaptureError, Note, NoteKind, PacketSource, Step, open_all};
#[cfg(feature = "live")]
use crate::capture::{Filter, Filtered, Merged};
use crate::session::{Detail, Finding, Session, Summary};
use crate::time::Timestamp;
use crate::tls::{KeyLog, Secrets};

/// Bytes of a key log read at a time.
const KEY_LOG_BLOCK: usize = 64 << 10;

/// Packets between two looks at how far the reading has come.
const PROGRESS_EVERY: u64 = 1 << 14;

/// What a run is to keep, and what it is given beside the captures.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How much to make of each session.
    pub detail: Detail,
    /// Tell of TLS connections, too, that cannot be read.
    pub tls: bool,
    /// Key logs to read TLS with.
    pub key_logs: Vec<PathBuf>,
    /// Threads to read files with; `None` for what is best. The outcome is the same for any.
    pub threads: Option<u32>,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order of their numbers.
    pub told: Told,
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
    /// Whoever the sessions were handed to does not want them.
    #[error(transparent)]
    Handing(io::Error),
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
    let (told, findings, mut summary) = join(all.parts);
    summary.dropped = all.dropped;
    Ok(Outcome {
        told,
        findings,
        summary,
        partial: all.partial,
    })
}

/// As [`read`] with one worker, but hands on each session when nothing more is expected of its
/// connection, numbered in that order; `hand` gets the time of the first packet with it. None is
/// kept, so none is told what the others show: findings there are all the same, other legs not.
///
/// # Errors
/// As [`read`], and where `hand` gives one, at once.
pub fn read_ended(
    paths: &[PathBuf],
    filter: Option<&str>,
    settings: &Settings,
    hand: &mut dyn FnMut(&Session, Timestamp) -> io::Result<()>,
    note: &mut dyn FnMut(String),
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Outcome, ReadError> {
    #[cfg(not(feature = "live"))]
    if filter.is_some() {
        return Err(ReadError::NoFilter);
    }
    let secrets = Secrets::new(load(&settings.key_logs, note));
    let mut gone = Gone::new(settings.tls);
    let mut failed = None;
    let mut add = |mut session: Session, first: Timestamp| {
        if failed.is_none() && gone.add(&mut session) {
            failed = hand(&session, first).err();
        }
        failed.is_none()
    };
    let share = (Shard::whole(), secrets);
    let worked = work(
        paths,
        filter,
        settings,
        share,
        Some(&mut add),
        note,
        progress,
    )?;
    if let Some(error) = failed {
        return Err(ReadError::Handing(error));
    }
    if worked.late_secrets.is_some() {
        note(
            "some TLS secrets stand behind the packets that they open; \
             to use them, read without --order ended"
                .to_owned(),
        );
    }
    if gone.uncompared() > 0 {
        let (all, some) = (gone.told, gone.uncompared());
        note(format!(
            "{some} of {all} sessions were not compared with the others, to save memory"
        ));
    }
    let mut summary = worked.part.summary;
    (summary.sessions, summary.abnormal) = (gone.told, gone.abnormal);
    summary.tls_opaque = gone.opaque;
    summary.dropped = worked.dropped;
    Ok(Outcome {
        told: Told::default(),
        findings: gone.compare(),
        summary,
        partial: worked.partial,
    })
}

/// Gets each session that has ended, and the time of the first packet; false to stop.
type Hand<'a> = dyn FnMut(Session, Timestamp) -> bool + 'a;

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
                    let (note, progress) = (&mut |_| {}, &mut |_, _| {});
                    work(paths, filter, settings, share, None, note, progress)
                })
            })
            .collect();
        let share = (first, secrets);
        let first = work(paths, filter, settings, share, None, note, progress);
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

/// Reads everything for one share of the connections; sessions are kept, or handed on.
fn work(
    paths: &[PathBuf],
    filter: Option<&str>,
    settings: &Settings,
    (shard, secrets): (Shard, Secrets),
    hand: Option<&mut Hand<'_>>,
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
    let mut pipeline = match hand {
        Some(_) => Pipeline::of(shard, settings.detail, secrets),
        None => Pipeline::keeping(shard, settings.detail, secrets),
    };
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
            hand,
            note,
            &mut |source: &Filtered<Merged>| {
                let (read, total) = source.source().position();
                progress(read, total);
            },
        ));
    }
    Ok(drive(
        &mut source,
        partial,
        pipeline,
        hand,
        note,
        &mut |source| {
            let (read, total) = source.position();
            progress(read, total);
        },
    ))
}

/// Takes every packet of a source; `partial`: some of it was lost before it began.
fn drive<S: PacketSource>(
    source: &mut S,
    mut partial: bool,
    mut pipeline: Pipeline,
    mut hand: Option<&mut Hand<'_>>,
    note: &mut dyn FnMut(String),
    progress: &mut dyn FnMut(&S),
) -> Worked {
    let mut dropped = 0;
    let mut begun = None;
    let mut known = Known::default();
    let mut until_progress = PROGRESS_EVERY;
    loop {
        match source.advance() {
            Ok(Step::Packet) => {
                let packet = source.packet();
                pipeline.handle_packet(&packet);
                if let Some(hand) = &mut hand {
                    let first = *begun.get_or_insert(packet.time);
                    let mut is_wanted = true;
                    pipeline.hand_on(&mut known, &mut |session| is_wanted &= hand(session, first));
                    if !is_wanted {
                        break;
                    }
                }
            }
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
    let part = match hand {
        Some(hand) => Part {
            summary: pipeline.finish_handing(&mut known, &mut |session| {
                hand(session, begun.unwrap_or_default());
            }),
            ..Part::default()
        },
        None => pipeline.finish_part(),
    };
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
