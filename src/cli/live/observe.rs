//! Those who look on beside the outputs: what sessions share, counts for Prometheus.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::cohorts::Cohorts;
use super::messages::Messages;
#[cfg(feature = "metrics")]
use super::scrape::Bound;
#[cfg(feature = "tui")]
use super::top::{Setting, Top};
use crate::capture::live::Drops;
use crate::engine::Pipeline;
#[cfg(feature = "metrics")]
use crate::report::metrics::{Metrics, Standing};
use crate::session::{Finding, Session};
use crate::time::Timestamp;

/// What was typed about them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Observers")]
pub(super) struct ObserveArgs {
    /// Serve counts for Prometheus over HTTP, at /metrics of this address: 127.0.0.1:9106
    #[cfg(feature = "metrics")]
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,

    /// Show on the terminal what is open and what ended, with keys to sort, filter and look closer
    #[cfg(feature = "tui")]
    #[arg(long, conflicts_with_all = ["format", "every"])]
    top: bool,
}

/// What takes privileges that are given up later.
pub(super) struct Ready {
    #[cfg(feature = "metrics")]
    bound: Option<Bound>,
}

impl ObserveArgs {
    /// Something else than rows is shown on the terminal.
    pub(super) const fn is_top(&self) -> bool {
        #[cfg(feature = "tui")]
        return self.top;
        #[cfg(not(feature = "tui"))]
        false
    }

    /// Devices that are opened once privileges are given up.
    pub(super) fn devices(&self) -> Vec<PathBuf> {
        // Keys come from there where standard input is none.
        let terminal = self.is_top().then(|| PathBuf::from("/dev/tty"));
        terminal.into_iter().collect()
    }

    /// Takes what has to be taken early.
    ///
    /// # Errors
    /// Where that cannot be had.
    pub(super) fn ready(&self) -> anyhow::Result<Ready> {
        #[cfg(feature = "tui")]
        if self.top && !super::top::has_terminal() {
            anyhow::bail!("--top: standard output is no terminal; without it each end is a row");
        }
        Ok(Ready {
            #[cfg(feature = "metrics")]
            bound: self
                .metrics
                .map(|address| Bound::new(address).with_context(|| format!("--metrics {address}")))
                .transpose()?,
        })
    }
}

impl Ready {
    /// Begins to observe. Starts threads.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn start(self, messages: &Messages) -> anyhow::Result<Observers> {
        #[cfg(feature = "metrics")]
        let metrics = match self.bound {
            Some(bound) => {
                let metrics = Arc::new(Metrics::new());
                let address = bound.address().context("--metrics")?;
                bound.serve(Arc::clone(&metrics)).context("--metrics")?;
                // The port may have been left to the system.
                messages.line(format!("metrics at http://{address}/metrics"));
                Some(metrics)
            }
            None => None,
        };
        Ok(Observers {
            cohorts: Cohorts::start().context("a thread")?,
            #[cfg(feature = "tui")]
            top: None,
            #[cfg(feature = "metrics")]
            metrics,
        })
    }
}

/// All that look on.
pub(super) struct Observers {
    cohorts: Cohorts,
    #[cfg(feature = "metrics")]
    metrics: Option<Arc<Metrics>>,
    #[cfg(feature = "tui")]
    top: Option<Top>,
}

impl Observers {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Where that is not possible.
    #[cfg(feature = "tui")]
    pub(super) fn take_terminal(
        &mut self,
        setting: Setting,
        messages: &Messages,
    ) -> anyhow::Result<()> {
        self.top = Some(Top::start(setting, messages).context("--top")?);
        Ok(())
    }

    /// A session ended, and passed the selection or not.
    pub(super) fn session(&mut self, session: &Arc<Session>, is_shown: bool) {
        self.cohorts.session(session, is_shown);
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.metrics {
            metrics.session(session);
        }
        #[cfg(feature = "tui")]
        if let Some(top) = &self.top {
            top.session(session, is_shown);
        }
    }

    /// Once a second; gives what was found since.
    pub(super) fn look(&mut self, seen: &mut Seen<'_>) -> Vec<Arc<Finding>> {
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.metrics {
            let glance = seen.pipeline.glance();
            metrics.stand(&Standing {
                summary: Some(&seen.pipeline.summary()),
                connections: glance.connections,
                open: glance.sessions,
                opened: glance.opened,
                held: glance.held,
                dropped_by_kernel: seen.drops.kernel,
                dropped_by_interface: seen.drops.interface,
                unwritten: seen.untold,
            });
        }
        let found = self.cohorts.look(seen.pipeline, seen.now);
        let found: Vec<Arc<Finding>> = found.into_iter().map(Arc::new).collect();
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.metrics {
            found.iter().for_each(|finding| metrics.finding(finding));
        }
        #[cfg(feature = "tui")]
        if let Some(top) = &self.top {
            found.iter().for_each(|finding| top.finding(finding));
            top.look(seen);
        }
        found
    }

    /// All sessions were told; gives what was found last, and the terminal back.
    pub(super) fn finish(self, now: Timestamp) -> Vec<Arc<Finding>> {
        #[cfg(feature = "tui")]
        drop(self.top);
        let found = self.cohorts.finish(now);
        found.into_iter().map(Arc::new).collect()
    }
}

/// What there is to see once a second.
pub(super) struct Seen<'a> {
    /// What is under way.
    pub(super) pipeline: &'a mut Pipeline,
    /// What was lost.
    pub(super) drops: Drops,
    /// Rows that outputs did not take.
    pub(super) untold: u64,
    /// What time it is.
    pub(super) now: Timestamp,
}
