//! The live driver: packets in as they come, sessions out as they end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::key_file::KeyFile;
use super::pipeline::Pipeline;
use super::trace::Recording;
use crate::capture::live::{Drops, Feed, LiveError, Waited};
use crate::limits;
use crate::session::{Detail, Session, Summary};
use crate::time::Timestamp;

/// Between two ticks of the pipeline: packets may come in thousands of small blocks.
const TICK_NANOS: i64 = 50_000_000;
/// Between two looks at the counters of lost packets, which wrap.
const COUNTERS: Duration = Duration::from_secs(1);
/// How much longer than whoever [looks](Watcher::look) takes for it the capture then goes on.
const LOOK_SHARE: u32 = 20;
/// How long packets are taken that came before the end was asked for.
const LAST: Duration = Duration::from_millis(200);

const DOWN: &str = "the interface is down: nothing is seen until it is up again";
const UP: &str = "the interface is up again; what passed before is not known";

/// When to stop, and how often to say how it is going.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan<'a> {
    /// Key logs to read TLS with, followed as they grow.
    pub key_logs: &'a [PathBuf],
    /// How much to make of each session.
    pub detail: Detail,
    /// Tell of TLS connections, too, that cannot be read.
    pub tls: bool,
    /// Stop after so long.
    pub duration: Option<Duration>,
    /// Stop after so many packets.
    pub count: Option<u64>,
    /// Keep packets for [`Watcher::session`].
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
    /// A session ended; with its packets, where they are kept. Must not block: meanwhile packets
    /// are lost.
    fn session(&mut self, session: Session, recording: Option<Recording>);

    /// What became of the interface, or of a key log; `is_problem`: it may not be as its user thinks.
    fn note(&mut self, _is_problem: bool, _text: String) {}

    /// How it is going.
    fn status(&mut self, status: &Status<'_>);

    /// How many sessions it takes now. What there is no room for waits, and is told later.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// All packets were seen: for those sessions that are told from here on it may block.
    fn ending(&mut self) {}

    /// Once a second or less: a look at what is under way. Must not block either.
    fn look(&mut self, _pipeline: &mut Pipeline, _drops: Drops, _now: Timestamp) {}

    /// Enough was seen.
    fn should_stop(&mut self) -> bool;
}

/// How it is going.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// Sessions under way, as of the last look at each connection.
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
    let mut look_at = begun + COUNTERS;
    let mut ticked = None;
    let mut left = plan.count.unwrap_or(u64::MAX);
    let mut failed = None;
    let mut stop_by = None;
    let mut is_down = false;
    let mut is_busy = false;
    while left > 0 {
        let is_over =
            run.watcher.should_stop() || plan.duration.is_some_and(|span| begun.elapsed() >= span);
        if is_over && stop_by.is_none() {
            // The kernel still holds the latest packets.
            stop_by = Some(Instant::now() + LAST);
        }
        let waited = feed.wait(is_busy, &mut |packet| {
            if left > 0 {
                left -= 1;
                run.pipeline.handle_packet(packet);
            }
        });
        let (now, is_behind) = match waited {
            Ok(Waited::Now(now)) => (now, false),
            // What is not known yet about a session may be among the packets to come.
            Ok(Waited::Behind(now)) => (now, true),
            Ok(Waited::End) => break,
            Err(error) => {
                failed = Some(error);
                break;
            }
        };
        if stop_by.is_some_and(|by| !is_behind || Instant::now() >= by) {
            break;
        }
        // The clock of the host may be set back.
        if ticked.is_none_or(|ticked| now.since(ticked).saturating_abs() >= TICK_NANOS) {
            ticked = Some(now);
            run.follow_key_logs();
            run.pipeline.handle_tick(now);
        }
        is_busy = run.tell_ended(now) || is_behind;
        let clock = Instant::now();
        let due = |then: Instant, span| clock.duration_since(then) >= span;
        if due(counted, COUNTERS) {
            counted = clock;
            run.note_drops(feed.drops(), now);
            if std::mem::replace(&mut is_down, feed.is_down()) != is_down {
                run.watcher
                    .note(true, if is_down { DOWN } else { UP }.to_owned());
            }
        }
        if clock >= look_at {
            // What is counted and what is listed are to agree, where the table is small.
            run.pipeline.handle_tick(now);
            run.watcher.look(&mut run.pipeline, feed.drops(), now);
            let took = clock.elapsed();
            look_at = clock + COUNTERS.max(took * LOOK_SHARE);
        }
        if plan.every.is_some_and(|every| due(reported, every)) {
            reported = clock;
            run.report(feed.drops());
        }
    }
    run.follow_key_logs();
    let drops = feed.drops();
    run.note_drops(drops, ticked.unwrap_or_default());
    run.watcher.ending();
    while run.pipeline.finish_some() {
        run.tell();
    }
    run.tell();
    let mut summary = run.pipeline.summary();
    summary.dropped = drops.total();
    let unrecorded = run.pipeline.unrecorded();
    // The process ends: to give back each of hundreds of thousands of connections takes longer
    // than to tell them.
    std::mem::forget(run.pipeline);
    Watched {
        summary,
        unrecorded,
        failed,
    }
}

fn pipeline(plan: &Plan<'_>) -> Pipeline {
    let mut pipeline = Pipeline::live(plan.detail);
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

    /// Hands on sessions that ended, as far as there is room for them. Whether there may be more.
    fn tell_ended(&mut self, now: Timestamp) -> bool {
        let room = self.watcher.room();
        let most = room.min(limits::MAX_TOLD_AT_ONCE);
        let is_more = self.pipeline.conclude_ended(now, most);
        self.tell();
        is_more && room > 0
    }

    /// Hands on what was concluded.
    fn tell(&mut self) {
        for (session, recording) in self.pipeline.take_sessions() {
            *self.codes.entry(session.verdict.code).or_default() += 1;
            self.watcher.session(session, recording);
        }
    }

    fn report(&mut self, drops: Drops) {
        self.watcher.status(&Status {
            open: self.pipeline.glance().sessions,
            codes: &self.codes,
            packets: self.pipeline.packets(),
            drops,
            unrecorded: self.pipeline.unrecorded(),
        });
    }
}
