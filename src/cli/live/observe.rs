//! Those who look on beside the outputs: counts for Prometheus.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::messages::Messages;
#[cfg(feature = "metrics")]
use super::scrape::Bound;
use crate::capture::live::Drops;
use crate::engine::Pipeline;
#[cfg(feature = "metrics")]
use crate::report::metrics::{Metrics, Standing};
use crate::session::Session;

/// What was typed about them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Observers")]
pub(super) struct ObserveArgs {
    /// Serve counts for Prometheus over HTTP, at /metrics of this address: 127.0.0.1:9106
    #[cfg(feature = "metrics")]
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
}

/// What takes privileges that are given up later.
pub(super) struct Ready {
    #[cfg(feature = "metrics")]
    bound: Option<Bound>,
}

impl ObserveArgs {
    /// Devices that are opened once privileges are given up.
    pub(super) fn devices(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Takes what has to be taken early.
    ///
    /// # Errors
    /// Where that cannot be had.
    pub(super) fn ready(&self) -> anyhow::Result<Ready> {
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
            #[cfg(feature = "metrics")]
            metrics,
        })
    }
}

/// All that look on.
pub(super) struct Observers {
    #[cfg(feature = "metrics")]
    metrics: Option<Arc<Metrics>>,
}

impl Observers {
    /// A session ended.
    pub(super) fn session(&self, session: &Session) {
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.metrics {
            metrics.session(session);
        }
    }

    /// Once a second.
    pub(super) fn look(&mut self, pipeline: &mut Pipeline, drops: Drops, untold: u64) {
        #[cfg(feature = "metrics")]
        if let Some(metrics) = &self.metrics {
            let glance = pipeline.glance();
            metrics.stand(&Standing {
                summary: Some(&pipeline.summary()),
                connections: glance.connections,
                open: glance.sessions,
                opened: glance.opened,
                held: glance.held,
                dropped_by_kernel: drops.kernel,
                dropped_by_interface: drops.interface,
                unwritten: untold,
            });
        }
    }
}
