//! Lines on standard error from a run that must not wait for whoever reads them.

use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::cli::message;

/// Lines that wait; more are left out.
const QUEUE: usize = 256;
/// How long the last ones may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines that wait until the terminal is free again; more are left out, the oldest first.
const HELD: usize = 256;

enum Line {
    Plain(String),
    Warning(String),
    /// All before it were written.
    Mark(SyncSender<()>),
}

/// While something else has the terminal.
#[derive(Default)]
struct Held {
    is_on: bool,
    lines: VecDeque<Line>,
}

/// The way to standard error; clones lead to the same.
#[derive(Clone)]
pub(super) struct Messages {
    lines: SyncSender<Line>,
    held: Arc<Mutex<Held>>,
}

impl Messages {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, lines) = sync_channel(QUEUE);
        let held = Arc::<Mutex<Held>>::default();
        let holding = Arc::clone(&held);
        thread::Builder::new()
            .name("messages".to_owned())
            .spawn(move || {
                for line in lines {
                    if let Some(line) = hold(&holding, line) {
                        write(line);
                    }
                }
            })?;
        Ok(Self {
            lines: sender,
            held,
        })
    }

    /// Something else has the terminal: lines wait for [`release`](Self::release).
    #[cfg(feature = "tui")]
    pub(super) fn hold(&self) {
        if let Ok(mut held) = self.held.lock() {
            held.is_on = true;
        }
    }

    /// The last of the lines that wait.
    #[cfg(feature = "tui")]
    pub(super) fn last(&self) -> Option<String> {
        let held = self.held.try_lock().ok()?;
        match held.lines.back()? {
            Line::Plain(text) | Line::Warning(text) => Some(text.clone()),
            Line::Mark(_) => None,
        }
    }

    /// The terminal is free again.
    #[cfg(feature = "tui")]
    pub(super) fn release(&self) {
        let lines = self.held.lock().map(|mut held| {
            held.is_on = false;
            std::mem::take(&mut held.lines)
        });
        for line in lines.unwrap_or_default() {
            let _ = self.lines.try_send(line);
        }
    }

    /// A line; never blocks.
    pub(super) fn line(&self, text: String) {
        let _ = self.lines.try_send(Line::Plain(text));
    }

    /// Something that limits what can be concluded; never blocks.
    pub(super) fn warning(&self, text: String) {
        let _ = self.lines.try_send(Line::Warning(text));
    }

    /// Waits a moment for what was said to be written.
    pub(super) fn flush(&self) {
        let (written, mark) = sync_channel(1);
        if self.lines.try_send(Line::Mark(written)).is_ok() {
            let _ = mark.recv_timeout(PATIENCE);
        }
    }
}

/// Keeps `line` where it has to wait; gives it back where not.
fn hold(held: &Mutex<Held>, line: Line) -> Option<Line> {
    match held.lock() {
        Ok(mut held) if held.is_on && !matches!(line, Line::Mark(_)) => {
            if held.lines.len() == HELD {
                held.lines.pop_front();
            }
            held.lines.push_back(line);
            None
        }
        _ => Some(line),
    }
}

fn write(line: Line) {
    match line {
        Line::Plain(text) => message::line(&text),
        Line::Warning(text) => message::warning(&text),
        Line::Mark(written) => {
            let _ = written.try_send(());
        }
    }
}
