//! What the view shows.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::session::{Session, State};
use crate::time::Timestamp;

/// Ended sessions that can be looked at: hours of a quiet service, and a few screens of a busy one.
const MAX_ENDED: usize = 500;

/// A session under way.
#[derive(Clone, Debug)]
pub struct OpenRow {
    /// Who opened it.
    pub client: SocketAddr,
    /// Who was asked.
    pub server: SocketAddr,
    /// `Host` of the request, as sent.
    pub host: String,
    /// Request target, as sent.
    pub path: String,
    /// Its first packet, or when it was opened.
    pub begun: Timestamp,
    /// The last packet of its connection.
    pub last: Timestamp,
    /// Whole messages of both sides.
    pub messages: u64,
    /// Payload bytes of both sides.
    pub bytes: u64,
}

/// How it stands at one moment.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// When that is.
    pub time: Timestamp,
    /// Sessions under way, in the order asked for; not all where there are very many.
    pub open: Vec<OpenRow>,
    /// All of those under way that match the filter, and without a filter.
    pub open_in_all: usize,
    /// TCP connections that are followed.
    pub connections: usize,
    /// Bytes that wait for others.
    pub held: usize,
    /// Packets read.
    pub packets: u64,
    /// Packets that the kernel lost.
    pub dropped_by_kernel: u64,
    /// Packets that the interface lost.
    pub dropped_by_interface: u64,
    /// Bytes missing from streams of sessions that ended.
    pub lost_bytes: u64,
    /// Rows that outputs did not take.
    pub unwritten: u64,
}

/// Everything that is known.
#[derive(Clone, Debug)]
pub struct Board {
    /// What is watched, in a few words.
    pub title: String,
    /// Since when.
    pub begun: Timestamp,
    /// How it stands.
    pub now: Now,
    /// Sessions that ended, the latest first.
    pub(super) ended: VecDeque<Arc<Session>>,
    /// How many of each code.
    pub(super) codes: BTreeMap<Option<u16>, u64>,
    /// All that were told, those of them that were never opened, and the abnormal ones.
    pub(super) told: u64,
    pub(super) failed: u64,
    pub(super) abnormal: u64,
    /// What several sessions share, or what went wrong, the last of its kind.
    pub news: Option<String>,
}

impl Board {
    /// One of a run that begins.
    pub fn new(title: String, begun: Timestamp) -> Self {
        Self {
            title,
            begun,
            now: Now {
                time: begun,
                ..Now::default()
            },
            ended: VecDeque::new(),
            codes: BTreeMap::new(),
            told: 0,
            failed: 0,
            abnormal: 0,
            news: None,
        }
    }

    /// A session ended; it is listed only where it `is_shown`.
    pub fn session(&mut self, session: &Arc<Session>, is_shown: bool) {
        self.told += 1;
        self.abnormal += u64::from(session.is_abnormal());
        if session.verdict.state == State::Failed {
            self.failed += 1;
        } else {
            *self.codes.entry(session.verdict.code).or_default() += 1;
        }
        if is_shown {
            self.ended.push_front(Arc::clone(session));
            self.ended.truncate(MAX_ENDED);
        }
    }
}
