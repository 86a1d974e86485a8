//! Lines on standard error from a run that must not wait for whoever reads them.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::cli::message;

/// Lines that wait; more are left out.
const QUEUE: usize = 256;
/// How long the last ones may take.
const PATIENCE: Duration = Duration::from_secs(1);

enum Line {
    Plain(String),
    Warning(String),
    /// All before it were written.
    Mark(SyncSender<()>),
}

/// The way to standard error; clones lead to the same.
#[derive(Clone)]
pub(super) struct Messages(SyncSender<Line>);

impl Messages {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, lines) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("messages".to_owned())
            .spawn(move || {
                for line in lines {
                    match line {
                        Line::Plain(text) => message::line(&text),
                        Line::Warning(text) => message::warning(&text),
                        Line::Mark(written) => {
                            let _ = written.try_send(());
                        }
                    }
                }
            })?;
        Ok(Self(sender))
    }

    /// A line; never blocks.
    pub(super) fn line(&self, text: String) {
        let _ = self.0.try_send(Line::Plain(text));
    }

    /// Something that limits what can be concluded; never blocks.
    pub(super) fn warning(&self, text: String) {
        let _ = self.0.try_send(Line::Warning(text));
    }

    /// Waits a moment for what was said to be written.
    pub(super) fn flush(&self) {
        let (written, mark) = sync_channel(1);
        if self.0.try_send(Line::Mark(written)).is_ok() {
            let _ = mark.recv_timeout(PATIENCE);
        }
    }
}
