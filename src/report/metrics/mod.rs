//! Counts of a run that goes on, in the text that Prometheus reads (OpenMetrics 1.0).
//!
//! In: sessions as they end, and now and then what is under way. Out: a page of text. Labels have
//! few values whatever comes from the wire: no address, no path, and of numbers that a peer may
//! choose only the first so many. Only with the feature `metrics`.

mod labels;

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use self::labels::{Build, By, Ended, FoundAs, Known, Refused};
use crate::session::{Finding, Session, State, Summary, Transport};

/// The two texts in which a page can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The older text of Prometheus, which all else reads.
    Prometheus,
}

impl Text {
    /// For `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Upper bounds of the classes of durations, in seconds: from an opening that goes wrong to what
/// lasts for days, with the usual timers (30, 60, 100, 300, 600, 3600 s) just inside of a class.
const DURATIONS: [f64; 14] = [
    0.1, 1.0, 5.0, 15.0, 31.0, 61.0, 101.0, 301.0, 601.0, 1801.0, 3601.0, 14_401.0, 86_401.0,
    604_801.0,
];

/// What is found while watching.
const FINDINGS: [&str; 3] = ["idle-timeout", "lifetime-limit", "mass-cut"];

/// Room for the page of a busy run.
const USUAL_PAGE: usize = 16 << 10;

type Count = Counter<u64, AtomicU64>;
type Level = Gauge<i64, std::sync::atomic::AtomicI64>;

/// How it stands, at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing<'a> {
    /// Totals of what is over.
    pub summary: Option<&'a Summary>,
    /// TCP connections that are followed.
    pub connections: usize,
    /// Sessions under way.
    pub open: usize,
    /// Those of them whose opening is complete.
    pub opened: usize,
    /// Bytes that wait for others.
    pub held: usize,
    /// Packets that the kernel lost.
    pub dropped_by_kernel: u64,
    /// Packets that the interface lost.
    pub dropped_by_interface: u64,
    /// Rows for which an output had no room.
    pub unwritten: u64,
}

/// All counts. Whoever reads them never waits for whoever counts for longer than a page takes.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    known: Mutex<Known>,
    /// Sessions told that had been opened.
    told: AtomicU64,
    opened: Count,
    open: Level,
    ended: Family<Ended, Count>,
    abnormal: Count,
    refused: Family<Refused, Count>,
    durations: Histogram,
    packets: Count,
    dropped: Family<By, Count>,
    unwritten: Count,
    holes: Count,
    lost: Count,
    held: Level,
    connections: Level,
    evicted: Count,
    unread: Count,
    found: Family<FoundAs, Count>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            known: Mutex::default(),
            told: AtomicU64::new(0),
            opened: Count::default(),
            open: Level::default(),
            ended: Family::default(),
            abnormal: Count::default(),
            refused: Family::default(),
            durations: Histogram::new(DURATIONS),
            packets: Count::default(),
            dropped: Family::default(),
            unwritten: Count::default(),
            holes: Count::default(),
            lost: Count::default(),
            held: Level::default(),
            connections: Level::default(),
            evicted: Count::default(),
            unread: Count::default(),
            found: Family::default(),
        };
        // A series that begins with the first loss has no rate at it.
        for by in By::ALL {
            drop(metrics.dropped.get_or_create(&by));
        }
        for name in FINDINGS {
            drop(metrics.found.get_or_create(&FoundAs { name }));
        }
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let build = Family::<Build, Level>::default();
        build.get_or_create(&Build::this()).set(1);
        let registry = &mut self.registry;
        // The library puts “_total” behind counters, and a full stop behind what they mean.
        registry.register("hangup_build_info", "The program that tells this", build);
        registry.register(
            "hangup_sessions_opened",
            "WebSockets that were opened",
            self.opened.clone(),
        );
        registry.register(
            "hangup_sessions_open",
            "WebSockets under way, those that are being opened among them",
            self.open.clone(),
        );
        registry.register(
            "hangup_sessions_ended",
            "WebSockets that ended, by close code (1006: without any; none: not known) and cause",
            self.ended.clone(),
        );
        registry.register(
            "hangup_sessions_abnormal",
            "WebSockets that ended abnormally or were never opened",
            self.abnormal.clone(),
        );
        registry.register(
            "hangup_openings_failed",
            "WebSockets that were never opened, by HTTP status (none: no answer)",
            self.refused.clone(),
        );
        registry.register(
            "hangup_session_duration_seconds",
            "From the opening of a WebSocket to its end",
            self.durations.clone(),
        );
        registry.register(
            "hangup_packets",
            "Packets that were read",
            self.packets.clone(),
        );
        registry.register(
            "hangup_packets_dropped",
            "Packets that were lost before they could be read",
            self.dropped.clone(),
        );
        registry.register(
            "hangup_rows_unwritten",
            "Rows that were left out because an output took no more",
            self.unwritten.clone(),
        );
        registry.register(
            "hangup_stream_holes",
            "Holes in the streams of WebSockets that ended",
            self.holes.clone(),
        );
        registry.register(
            "hangup_stream_lost_bytes",
            "Bytes that are missing in these holes",
            self.lost.clone(),
        );
        registry.register(
            "hangup_held_bytes",
            "Stream bytes held while they wait for others",
            self.held.clone(),
        );
        registry.register(
            "hangup_connections",
            "TCP connections that are followed",
            self.connections.clone(),
        );
        registry.register(
            "hangup_connections_evicted",
            "TCP connections that were given up because there were too many",
            self.evicted.clone(),
        );
        registry.register(
            "hangup_tls_connections_unread",
            "TLS connections that could not be read, for want of keys or otherwise",
            self.unread.clone(),
        );
        registry.register(
            "hangup_findings",
            "Things told that several WebSockets shared",
            self.found.clone(),
        );
    }

    /// A session was told. TLS that could not be read is counted as such, and as nothing else.
    pub fn session(&self, session: &Session) {
        if session.transport == Transport::Tls {
            return;
        }
        let verdict = &session.verdict;
        if session.is_abnormal() {
            self.abnormal.inc();
        }
        if session.opened.is_some() {
            self.told.fetch_add(1, Ordering::Relaxed);
        }
        let Ok(mut known) = self.known.lock() else {
            return;
        };
        if verdict.state == State::Failed {
            let status = known.status(session.opening.http_status);
            self.refused.get_or_create(&Refused { status }).inc();
            return;
        }
        let ended = Ended {
            code: known.code(verdict.code),
            cause: verdict.cause,
        };
        self.ended.get_or_create(&ended).inc();
        if let (Some(opened), Some(end)) = (session.opened, session.ended) {
            self.durations.observe(end.seconds_since(opened).max(0.0));
        }
    }

    /// Something was found.
    pub fn finding(&self, finding: &Finding) {
        let name = finding.name;
        self.found.get_or_create(&FoundAs { name }).inc();
    }

    /// What cannot be counted one by one is as it stands.
    pub fn stand(&self, now: &Standing<'_>) {
        // What was told, and what is still to be told; never less than before.
        let opened = self.told.load(Ordering::Relaxed) + now.opened as u64;
        self.opened.inner().fetch_max(opened, Ordering::Relaxed);
        let level = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.open.set(level(now.open));
        self.held.set(level(now.held));
        self.connections.set(level(now.connections));
        let total = |counter: &Count, value| {
            counter.inner().fetch_max(value, Ordering::Relaxed);
        };
        total(
            &self.dropped.get_or_create(&By::KERNEL),
            now.dropped_by_kernel,
        );
        total(
            &self.dropped.get_or_create(&By::INTERFACE),
            now.dropped_by_interface,
        );
        total(&self.unwritten, now.unwritten);
        if let Some(summary) = now.summary {
            total(&self.packets, summary.packets);
            total(&self.holes, summary.gaps);
            total(&self.lost, summary.lost_bytes);
            total(&self.evicted, summary.evicted);
            let unread = summary.tls_without_keys + summary.tls_unread.values().sum::<u64>();
            total(&self.unread, unread);
        }
    }

    /// The page. `resident`: memory of the process in bytes, where that is known.
    pub fn page(&self, text: Text, resident: Option<u64>) -> String {
        let mut page = String::with_capacity(USUAL_PAGE);
        if let Some(resident) = resident {
            let _ = write!(
                page,
                "# HELP process_resident_memory_bytes Resident memory size in bytes.\n\
                 # TYPE process_resident_memory_bytes gauge\n\
                 process_resident_memory_bytes {resident}\n"
            );
        }
        // Writing to a text cannot fail.
        let _ = encode(&mut page, &self.registry);
        match text {
            Text::OpenMetrics => page,
            Text::Prometheus => older(&page),
        }
    }
}

/// The same page in the older text: there a counter is described by the name of its samples.
fn older(page: &str) -> String {
    let mut older = String::with_capacity(page.len() + USUAL_PAGE / 16);
    let mut lines = page.lines().filter(|line| *line != "# EOF").peekable();
    while let Some(line) = lines.next() {
        let is_counter = |line: &str| line.starts_with("# TYPE ") && line.ends_with(" counter");
        let describes =
            line.starts_with("# HELP ") && lines.peek().is_some_and(|next| is_counter(next));
        let mut words = line.splitn(4, ' ');
        match [words.next(), words.next(), words.next(), words.next()] {
            [Some(hash), Some(what), Some(name), Some(text)] if describes || is_counter(line) => {
                let _ = writeln!(older, "{hash} {what} {name}_total {text}");
            }
            _ => {
                older.push_str(line);
                older.push('\n');
            }
        }
    }
    older
}

#[cfg(test)]
mod tests;
