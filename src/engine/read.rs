//! The offline driver: files in, sessions out.

use std::path::PathBuf;

use super::pipeline::Pipeline;
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
    #[cfg(feature = "live")]
    let filter = filter
        .map(Filter::compile)
        .transpose()
        .map_err(ReadError::Filter)?;
    #[cfg(not(feature = "live"))]
    if filter.is_some() {
        return Err(ReadError::NoFilter);
    }
    let (mut source, errors) = open_all(paths);
    errors.iter().for_each(|error| note(error.to_string()));
    if errors.len() == paths.len() {
        return Err(ReadError::NothingReadable);
    }
    #[cfg(feature = "live")]
    if let Some(filter) = filter {
        let mut source = Filtered::new(source, filter);
        let position = |source: &Filtered<Merged>| source.source().position();
        return Ok(drive(
            &mut source,
            !errors.is_empty(),
            settings,
            note,
            &mut |source| {
                let (read, total) = position(source);
                progress(read, total);
            },
        ));
    }
    Ok(drive(
        &mut source,
        !errors.is_empty(),
        settings,
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
    settings: &Settings,
    note: &mut dyn FnMut(String),
    progress: &mut dyn FnMut(&S),
) -> Outcome {
    let mut dropped = 0;
    let mut pipeline = Pipeline::new(settings.events);
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
    let (mut sessions, mut summary) = pipeline.finish();
    summary.dropped = dropped;
    let findings = cohorts::find(&mut sessions);
    legs::join(&mut sessions);
    Outcome {
        sessions,
        findings,
        summary,
        partial,
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
