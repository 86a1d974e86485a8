//! The live driver: packets in as they come, sessions out as they end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::pipeline::Pipeline;
use crate::capture::live::{Drops, Feed, LiveError, Waited};
use crate::session::{Session, Summary};
use crate::time::Timestamp;

/// Between two ticks of the pipeline: packets may come in thousands of small blocks.
const TICK_NANOS: i64 = 50_000_000;
/// Between two looks at the counters of lost packets, which wrap.
const COUNTERS: Duration = Duration::from_secs(1);

/// When to stop, and how often to say how it is going.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// Keep the events of each session.
    pub events: bool,
    /// Tell of TLS connections, too, that cannot be read.
    pub tls: bool,
    /// Stop after so long.
    pub duration: Option<Duration>,
    /// Stop after so many packets.
    pub count: Option<u64>,
    /// Tell a [`Status`] so often.
    pub every: Option<Duration>,
}

/// Whoever watches.
pub trait Watcher {
    /// A session ended. Must not block: meanwhile packets are lost.
    fn session(&mut self, session: Session);

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
}

/// What a run came to.
#[derive(Debug)]
pub struct Watched {
    /// Totals; `dropped` counts what kernel and interface lost.
    pub summary: Summary,
    /// Why it ended, where that was not asked for.
    pub failed: Option<LiveError>,
}

/// Watches `feed` until it ends, or is to be stopped. Sessions that are open then are told, too.
pub fn live(feed: &mut dyn Feed, plan: &Plan, watcher: &mut dyn Watcher) -> Watched {
    let mut run = Run {
        pipeline: pipeline(plan),
        codes: BTreeMap::new(),
        watcher,
    };
    let begun = Instant::now();
    let (mut counted, mut reported) = (begun, begun);
    let mut ticked = None;
    let mut left = plan.count.unwrap_or(u64::MAX);
    let mut failed = None;
    let mut is_last = false;
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
            run.pipeline.handle_tick(now);
        }
        run.tell();
        let clock = Instant::now();
        let due = |then: Instant, span| clock.duration_since(then) >= span;
        if due(counted, COUNTERS) {
            counted = clock;
            let drops = feed.drops();
            run.watcher.look(&mut run.pipeline, drops, now);
        }
        if plan.every.is_some_and(|every| due(reported, every)) {
            reported = clock;
            run.report(feed.drops());
        }
    }
    run.pipeline.finish_live();
    run.tell();
    let mut summary = run.pipeline.summary();
    summary.dropped = feed.drops().total();
    Watched { summary, failed }
}

fn pipeline(plan: &Plan) -> Pipeline {
    let mut pipeline = Pipeline::live(plan.events);
    if plan.tls {
        pipeline.tell_opaque();
    }
    pipeline
}

struct Run<'a> {
    pipeline: Pipeline,
    codes: BTreeMap<Option<u16>, u64>,
    watcher: &'a mut dyn Watcher,
}

impl Run<'_> {
    /// Hands on the sessions that ended.
    fn tell(&mut self) {
        for session in self.pipeline.take_sessions() {
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
        });
    }
}
