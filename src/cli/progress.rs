//! A line on the terminal while reading takes its time.

use std::cell::Cell;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Nothing is shown before this.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two updates.
const PACE: Duration = Duration::from_millis(200);

/// Shows how far reading came; shared by whoever has something to say meanwhile.
pub(super) struct Progress {
    enabled: bool,
    begun: Instant,
    /// When the line was last drawn; `None` where there is none to erase.
    drawn: Cell<Option<Instant>>,
}

impl Progress {
    pub(super) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            begun: Instant::now(),
            drawn: Cell::new(None),
        }
    }

    /// `done` bytes of `total` were read.
    pub(super) fn show(&self, done: u64, total: Option<u64>) {
        let due = || match self.drawn.get() {
            None => PATIENCE <= self.begun.elapsed(),
            Some(at) => PACE <= at.elapsed(),
        };
        if self.enabled && due() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K{}", line(done, total));
            self.drawn.set(Some(Instant::now()));
        }
    }

    /// Takes the line away, before something else is written.
    pub(super) fn erase(&self) {
        if self.drawn.take().is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn line(done: u64, total: Option<u64>) -> String {
    let megabytes = |bytes: u64| bytes / 1_000_000;
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = u128::from(done) * 100 / u128::from(total);
            format!(
                "reading: {} of {} MB ({}%)",
                megabytes(done),
                megabytes(total),
                percent.min(100)
            )
        }
        None => format!("reading: {} MB", megabytes(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_where_the_whole_is_known() {
        assert_eq!(
            line(5_000_000, Some(20_000_000)),
            "reading: 5 of 20 MB (25%)"
        );
        assert_eq!(line(5_000_000, None), "reading: 5 MB");
        assert_eq!(line(5_000_000, Some(0)), "reading: 5 MB");
        assert_eq!(
            line(u64::MAX, Some(1)),
            format!("reading: {} of 0 MB (100%)", u64::MAX / 1_000_000)
        );
    }
}
