//! What a run found, written down.
//!
//! In: [`Session`](crate::session::Session)s and a [`Summary`]. Out: bytes, in one of the formats below. [`rows()`] says
//! what a view shows, and in which order; a [`Sink`] says how it looks. [`record`] holds the
//! names of the fields, which are a contract with whoever reads them.

mod address;
mod advice;
pub mod captions;
mod cells;
mod columns;
pub mod csv;
mod findings;
pub mod json;
pub mod ladder;
mod layout;
mod line;
pub mod look;
#[cfg(feature = "metrics")]
pub mod metrics;
mod plain;
pub mod record;
pub mod rolling;
pub mod rows;
mod short;
pub mod table;
pub mod text;
#[cfg(feature = "tui")]
pub mod top;
mod walk;
pub mod when;
pub mod words;

use std::io;
use std::path::{Path, PathBuf};

use crate::capture::PacketId;
use crate::session::{Finding, Summary};

pub use rows::{Row, Source, View, each_row, rows};

/// An output: gets the rows in order, then the findings, then the totals.
pub trait Sink {
    /// It has to look at all rows before the first is written.
    fn needs_survey(&self) -> bool {
        false
    }

    /// Looks at a row that is to be written later.
    ///
    /// # Errors
    /// None that is known.
    fn survey(&mut self, _row: &Row<'_>) -> io::Result<()> {
        Ok(())
    }

    /// One row; called in the order of the view.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()>;

    /// What several sessions share; called after the last row. Outputs of rows alone leave it out.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn finding(&mut self, _finding: &Finding) -> io::Result<()> {
        Ok(())
    }

    /// Hands on what was written so far. Outputs that cannot be read before their end need not.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// At the end. `partial`: some capture could not be read to its end.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn finish(&mut self, summary: &Summary, partial: bool) -> io::Result<()>;
}

/// The captures of a run, to name the file of a packet where there are several.
#[derive(Clone, Copy, Debug)]
pub struct Captures<'a>(&'a [PathBuf]);

impl<'a> Captures<'a> {
    /// The captures in the order in which they were named.
    pub const fn new(paths: &'a [PathBuf]) -> Self {
        Self(paths)
    }

    /// A packet number alone does not name a packet.
    pub const fn several(self) -> bool {
        self.0.len() > 1
    }

    /// The files, in order.
    pub fn paths(self) -> impl Iterator<Item = &'a Path> {
        self.0.iter().map(PathBuf::as_path)
    }

    /// The file of `packet`; `None` where there is but one.
    pub fn file(self, packet: PacketId) -> Option<String> {
        let path = self
            .several()
            .then(|| self.0.get(packet.file()))
            .flatten()?;
        Some(path.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
pub(crate) mod sample;
