//! What sessions share, told while others go on. A thread looks for it, so that the capture need
//! not wait; what does not fit into its queue is not looked at.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::diagnosis::cohorts::Window;
use crate::engine::Pipeline;
use crate::session::{Finding, Session};
use crate::time::Timestamp;

/// Sessions that wait to be looked at: those of a mass hang-up.
const QUEUE: usize = 16_384;
/// Seconds after which is looked whether or not more sessions end: a server that restarts may
/// take a while to end them all, and each look at a part would be told.
const MAX_WAIT: u32 = 10;
/// How long the last look may take.
const PATIENCE: Duration = Duration::from_secs(1);

enum Order {
    Session(Arc<Session>, bool),
    Look(Timestamp, Arc<Vec<(SocketAddr, Timestamp)>>),
}

/// The way to the thread, and back.
pub(super) struct Cohorts {
    orders: SyncSender<Order>,
    found: Receiver<Vec<Finding>>,
    /// Sessions since the last second began.
    fresh: u64,
    /// Seconds since the first session that was not looked at; `None` where all were.
    waited: Option<u32>,
}

impl Cohorts {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn start() -> std::io::Result<Self> {
        let (orders, queue) = sync_channel(QUEUE);
        let (send, found) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("cohorts".to_owned())
            .spawn(move || look_on(&queue, &send))?;
        Ok(Self {
            orders,
            found,
            fresh: 0,
            waited: None,
        })
    }

    /// A session ended. Only what one that `is_shown` is part of is told. Never blocks.
    pub(super) fn session(&mut self, session: &Arc<Session>, is_shown: bool) {
        let order = Order::Session(Arc::clone(session), is_shown);
        if self.orders.try_send(order).is_ok() {
            self.fresh += 1;
        }
    }

    /// Once a second: has the thread look where it is time to, and gives what it found before.
    /// Never blocks.
    pub(super) fn look(&mut self, pipeline: &Pipeline, now: Timestamp) -> Vec<Finding> {
        let is_quiet = std::mem::take(&mut self.fresh) == 0;
        self.waited = match self.waited {
            None => (!is_quiet).then_some(0),
            Some(seconds) if is_quiet || seconds >= MAX_WAIT => {
                let _ = self.orders.try_send(Order::Look(now, pipeline.openings()));
                None
            }
            Some(seconds) => Some(seconds + 1),
        };
        self.found.try_iter().flatten().collect()
    }

    /// All sessions were told: a last look. Waits a moment for it.
    pub(super) fn finish(self, now: Timestamp) -> Vec<Finding> {
        let Self { orders, found, .. } = self;
        let _ = orders.try_send(Order::Look(now, Arc::default()));
        drop(orders);
        let mut all = Vec::new();
        while let Ok(findings) = found.recv_timeout(PATIENCE) {
            all.extend(findings);
        }
        all
    }
}

fn look_on(queue: &Receiver<Order>, found: &SyncSender<Vec<Finding>>) {
    let mut window = Window::default();
    for order in queue {
        match order {
            Order::Session(session, is_shown) => window.push(&session, is_shown),
            Order::Look(now, open) => {
                let findings = window.find(now, Arc::unwrap_or_clone(open));
                if !findings.is_empty() && found.try_send(findings).is_err() {
                    return;
                }
            }
        }
    }
}
