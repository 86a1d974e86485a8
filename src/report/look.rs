//! How outputs for people look, and what several of them show alike.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};

use super::Captures;
use super::text::{escape, wrap, wrap_all};
use super::when::Watch;
use crate::capture::PacketId;

/// Sentences longer than a line of so many columns are hard to read.
const PROSE: usize = 100;
/// Columns of sentences where nothing limits them.
const PLAIN_PROSE: usize = 80;

/// How tables look.
#[derive(Clone, Debug)]
pub struct Look {
    /// Columns of the terminal; `None` where nothing limits them: then nothing is cut.
    pub width: Option<usize>,
    /// May be coloured.
    pub color: bool,
    /// How times are shown.
    pub watch: Watch,
    /// Tell below each session, in sentences, what happened and what to do.
    pub verbose: bool,
}

impl Look {
    /// `text` in `style`, where colours are wanted.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if text.is_empty() || !self.paints(style) {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }

    fn paints(&self, style: Style) -> bool {
        self.color && style != Style::new()
    }

    /// Adds to `line` what `write` does, so painted; gives what that gives.
    #[inline]
    pub(super) fn paint_to<T>(
        &self,
        line: &mut Vec<u8>,
        style: Style,
        write: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> T {
        if !self.paints(style) {
            return write(line);
        }
        let begun = line.len();
        // Writing to memory cannot fail.
        let _ = write!(line, "{style}");
        let painted = line.len();
        let written = write(line);
        if line.len() == painted {
            // Nothing to paint.
            line.truncate(begun);
        } else {
            let _ = write!(line, "{style:#}");
        }
        written
    }
}

impl Look {
    /// A text of a stranger in lines that leave so many columns free.
    pub(super) fn prose(&self, text: &str, indent: usize) -> Vec<String> {
        let text = escape(text);
        match self.width {
            Some(width) => wrap_all(&text, width.min(PROSE).saturating_sub(indent).max(20)),
            // A long word may be what somebody wants to find in the output: it stays whole.
            None => wrap(&text, PLAIN_PROSE - indent),
        }
    }
}

/// What stands out.
pub(super) const BOLD: Style = Style::new().bold();
/// What stands back.
pub(super) const DIM: Style = Style::new().dimmed();

/// The colour of a code: quiet for a goodbye, red where there was none, yellow else.
pub(super) const fn code_style(code: Option<u16>) -> Style {
    match code {
        None | Some(1000 | 1001 | 1005) => Style::new(),
        Some(1006 | 1015) => AnsiColor::Red.on_default(),
        Some(_) => AnsiColor::Yellow.on_default(),
    }
}

/// A packet's number; with several captures `2:17`, the 17th of the second.
pub(super) fn packet(id: PacketId, captures: Captures<'_>) -> String {
    if captures.several() {
        format!("{}:{}", id.file() + 1, id.number())
    } else {
        id.number().to_string()
    }
}

/// Which capture is which, one a line; nothing where there is but one.
pub(super) fn legend(captures: Captures<'_>) -> Vec<String> {
    let name = |(at, path): (usize, &std::path::Path)| {
        format!("{}: {}", at + 1, escape(&path.to_string_lossy()))
    };
    let several = captures.several();
    let names = captures.paths().enumerate().filter(|_| several);
    names.map(name).collect()
}
