//! The live driver: packets in as they come, sessions out as they end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::key_file::KeyFile;
use super::pipeline::Pipeline;
use super::trace::Recording;
use crate::capture::live::{Drops, Feed, LiveError, Waited};
use crate::session::{Session, Summary};
use crate::time::Timestamp;

/// Between two ticks of the pipeline: packets may come in thousands of small blocks.
const TICK_NANOS: i64 = 50_000_000;
/// Between two looks at the counters of lost packets, which wrap.
const COUNTERS: Duration = Duration::from_secs(1);

const DOWN: &str = "the interface is down: nothing is seen until it is up again";
const UP: &str = "the interface is up again; what passed before is not known";

/// When to stop, and how often to say how it is going.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan<'a> {
    /// Key logs to read TLS with, followed as they grow.
    pub key_logs: &'a [PathBuf],
    /// Keep the events of each session.
    pub events: bool,
    /// Tell of TLS connections, too, that cannot be read.
    pub tls: bool,
    /// Stop after so long.
    pub duration: Option<Duration>,
    /// Stop after so many packets.
    pub count: Option<u64>,
    /// Keep packets for [`Watcher::recording`].
    pub record: Option<Record>,
    /// Tell a [`Status`] so often.
    pub every: Option<Duration>,
}

/// How packets are kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record {
    /// With what opens the TLS of their session.
    pub with_secrets: bool,
}

/// Whoever watches.
pub trait Watcher {
    /// The packets of a session that ended; comes before the session. Must not block.
    fn recording(&mut self, _session: &Session, _recording: Recording) {}

    /// A session ended. Must not block: meanwhile packets are lost.
    fn session(&mut self, session: Session);

    /// What became of the interface, or of a key log; `is_problem`: it may not be as its user thinks.
    fn note(&mut self, _is_problem: bool, _text: String) {}

    /// How it is going.
    fn status(&mut self, status: &Status<'_>);

    /// Once a second: a look at what is under way. Must not block either.
    fn look(&mut self, _pipeline: &mut Pipeline, _drops: Drops, _now: Timestamp) {}

    /// Enough was seen.
    fn should_stop(&mut self) -> bool;
}

/// How it is going.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// Sessions under way.
    pub open: usize,
    /// Sessions told so far, by code; `None` for those without.
    pub codes: &'a BTreeMap<Option<u16>, u64>,
    /// Packets seen so far.
    pub packets: u64,
    /// Packets lost so far.
    pub drops: Drops,
    /// Connections that are not recorded, because there is no room for more.
    pub unrecorded: u64,
}

/// What a run came to.
#[derive(Debug)]
pub struct Watched {
    /// Totals; `dropped` counts what kernel and interface lost.
    pub summary: Summary,
    /// Connections that were not recorded, because there was no room for more.
    pub unrecorded: u64,
    /// Why it ended, where that was not asked for.
    pub failed: Option<LiveError>,
}

/// Watches `feed` until it ends, or is to be stopped. Sessions that are open then are told, too.
pub fn live(feed: &mut dyn Feed, plan: &Plan<'_>, watcher: &mut dyn Watcher) -> Watched {
    let mut run = Run {
        pipeline: pipeline(plan),
        codes: BTreeMap::new(),
        dropped: 0,
        key_files: plan.key_logs.iter().cloned().map(KeyFile::new).collect(),
        watcher,
    };
    if !plan.key_logs.is_empty() {
        run.pipeline.expect_key_log();
    }
    if let Some(record) = plan.record {
        run.pipeline.record(record.with_secrets);
    }
    let begun = Instant::now();
    let (mut counted, mut reported) = (begun, begun);
    let mut ticked = None;
    let mut left = plan.count.unwrap_or(u64::MAX);
    let mut failed = None;
    let mut is_last = false;
    let mut is_down = false;
    while left > 0 && !is_last {
        // Once more after the end was asked for: the kernel still holds the latest packets.
        is_last =
            run.watcher.should_stop() || plan.duration.is_some_and(|span| begun.elapsed() >= span);
        let waited = feed.wait(&mut |packet| {
            if left > 0 {
                left -= 1;
                run.pipeline.handle_packet(packet);
            }
        });
        let now = match waited {
            Ok(Waited::Now(now)) => now,
            Ok(Waited::End) => break,
            Err(error) => {
                failed = Some(error);
                break;
            }
        };
        // The clock of the host may be set back.
        if ticked.is_none_or(|ticked| now.since(ticked).saturating_abs() >= TICK_NANOS) {
            ticked = Some(now);
            run.follow_key_logs();
            run.pipeline.handle_tick(now);
        }
        run.tell();
        let clock = Instant::now();
        let due = |then: Instant, span| clock.duration_since(then) >= span;
        if due(counted, COUNTERS) {
            counted = clock;
            let drops = feed.drops();
            run.note_drops(drops, now);
            if std::mem::replace(&mut is_down, feed.is_down()) != is_down {
                run.watcher
                    .note(true, if is_down { DOWN } else { UP }.to_owned());
            }
            run.watcher.look(&mut run.pipeline, drops, now);
        }
        if plan.every.is_some_and(|every| due(reported, every)) {
            reported = clock;
            run.report(feed.drops());
        }
    }
    run.follow_key_logs();
    run.note_drops(feed.drops(), ticked.unwrap_or_default());
    run.pipeline.finish_live();
    run.tell();
    let mut summary = run.pipeline.summary();
    summary.dropped = feed.drops().total();
    Watched {
        summary,
        unrecorded: run.pipeline.unrecorded(),
        failed,
    }
}

fn pipeline(plan: &Plan<'_>) -> Pipeline {
    let mut pipeline = Pipeline::live(plan.events);
    if plan.tls {
        pipeline.tell_opaque();
    }
    pipeline
}

struct Run<'a> {
    pipeline: Pipeline,
    codes: BTreeMap<Option<u16>, u64>,
    key_files: Vec<KeyFile>,
    /// Packets lost, as far as the pipeline knows.
    dropped: u64,
    watcher: &'a mut dyn Watcher,
}

impl Run<'_> {
    fn follow_key_logs(&mut self) {
        let Self {
            pipeline,
            key_files,
            watcher,
            ..
        } = self;
        for file in key_files {
            file.poll(
                &mut |text| pipeline.handle_key_log(text),
                &mut |is_problem, text| watcher.note(is_problem, text),
            );
        }
    }

    fn note_drops(&mut self, drops: Drops, now: Timestamp) {
        let dropped = drops.total();
        if std::mem::replace(&mut self.dropped, dropped) < dropped {
            self.pipeline.note_drops(now);
        }
    }

    /// Hands on the sessions that ended.
    fn tell(&mut self) {
        for (session, recording) in self.pipeline.take_sessions() {
            if let Some(recording) = recording {
                self.watcher.recording(&session, recording);
            }
            *self.codes.entry(session.verdict.code).or_default() += 1;
            self.watcher.session(session);
        }
    }

    fn report(&mut self, drops: Drops) {
        self.watcher.status(&Status {
            open: self.pipeline.open_sessions(),
            codes: &self.codes,
            packets: self.pipeline.packets(),
            drops,
            unrecorded: self.pipeline.unrecorded(),
        });
    }
}
