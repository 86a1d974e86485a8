//! Lines on standard error.

use std::io::{self, Write};

use crate::report::text::escape;

/// A line; where standard error is closed, nobody wants it.
pub(super) fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escape(text));
}

/// Something that limits what can be concluded.
pub(super) fn warning(text: &str) {
    line(&format!("hangup: warning: {text}"));
}

/// Why nothing was done: the whole chain of reasons in a line.
pub(super) fn error(error: &anyhow::Error) {
    line(&format!("hangup: {error:#}"));
}
