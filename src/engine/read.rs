//! The offline driver: files in, sessions out.

use std::path::PathBuf;

use super::pipeline::Pipeline;
use super::shard::{Part, Shard, join, workers};
use crate::capture::{CaptureError, Note, NoteKind, PacketSource, Step, open_all};
#[cfg(feature = "live")]
use crate::capture::{Filter, Filtered, Merged};
use crate::diagnosis::{cohorts, legs};
use crate::session::{Finding, Session, Summary};

/// Packets between two looks at how far the reading has come.
const PROGRESS_EVERY: u64 = 1 << 14;

/// What a run is to keep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Keep the story of each session ([`Session::events`]).
    pub events: bool,
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
/// and the bytes there are, where that is known.
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
    let mut shards = Shard::split(count);
    let first = shards.next().unwrap_or_else(Shard::whole);
    let (first, others) = std::thread::scope(|scope| {
        // Each reads everything and keeps its own connections; only the first one is heard.
        let others: Vec<_> = shards
            .map(|shard| {
                scope.spawn(move || {
                    work(paths, filter, settings, shard, &mut |_| {}, &mut |_, _| {})
                })
            })
            .collect();
        let first = work(paths, filter, settings, first, note, progress);
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
    } = first?;
    let mut parts = vec![part];
    for other in others {
        match other {
            Ok(worked) => parts.push(worked?.part),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    let (mut sessions, mut summary) = join(parts);
    summary.dropped = dropped;
    let findings = cohorts::find(&mut sessions);
    legs::join(&mut sessions);
    Ok(Outcome {
        sessions,
        findings,
        summary,
        partial,
    })
}

/// What one worker came to.
struct Worked {
    part: Part,
    partial: bool,
    dropped: u64,
}

/// Reads everything for one share of the connections.
fn work(
    paths: &[PathBuf],
    filter: Option<&str>,
    settings: &Settings,
    shard: Shard,
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
    let pipeline = Pipeline::of(shard, settings.events);
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
    Worked {
        part: pipeline.finish_part(),
        partial,
        dropped,
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
