//! Cells in columns: how wide each is, and what gives way where room is short.

use anstyle::Style;

use super::table::Look;
use super::text::{escape, shorten_end, shorten_middle, width};

/// What a cell too long for its column loses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Nothing: the column is never narrowed.
    Whole,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// A column of a table.
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) right: bool,
    pub(super) fit: Fit,
    /// Stands before the column instead of blanks.
    pub(super) joint: Option<&'static str>,
    /// Not narrowed below this, unless the terminal is too narrow for anything.
    pub(super) least: usize,
}

/// A column that is never narrowed.
pub(super) const fn column(title: &'static str) -> Column {
    Column {
        title,
        right: false,
        fit: Fit::Whole,
        joint: None,
        least: usize::MAX,
    }
}

/// A text and its looks.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// What may stand for it where room is short.
    pub(super) short: Option<String>,
    /// Columns of its beginning that are not to be cut.
    pub(super) essential: usize,
    pub(super) style: Style,
}

impl Cell {
    /// A text; from the wire or not, it is made harmless here.
    pub(super) fn text(text: &str) -> Self {
        Self {
            text: escape(text).into_owned(),
            ..Self::default()
        }
    }

    pub(super) fn shown(&self, short: bool) -> &str {
        match &self.short {
            Some(text) if short => text,
            _ => &self.text,
        }
    }
}

/// A line of the table.
pub(super) struct Line {
    pub(super) day: Option<String>,
    pub(super) cells: Vec<Cell>,
    /// Sentences below it.
    pub(super) notes: Vec<String>,
}

/// How wide each column is.
pub(super) struct Layout {
    columns: &'static [Column],
    widths: Vec<usize>,
    gap: &'static str,
    /// Cells stand in their short form.
    short: bool,
}

impl Layout {
    pub(super) fn new(columns: &'static [Column], lines: &[Line], room: usize) -> Self {
        // Roomy, then with short cells, then with narrow gaps; and if nothing helps, narrowed.
        let tries = [("  ", false), ("  ", true), (" ", true)];
        let mut layouts = tries.map(|(gap, short)| {
            let widths = columns.iter().enumerate().map(|(at, column)| {
                let cells = lines.iter().filter_map(|line| line.cells.get(at));
                let widest = cells.map(|cell| width(cell.shown(short))).max();
                widest.unwrap_or(0).max(width(column.title))
            });
            Self {
                columns,
                widths: widths.collect(),
                gap,
                short,
            }
        });
        match layouts.iter().position(|layout| layout.width() <= room) {
            Some(at) => layouts.into_iter().nth(at),
            None => {
                let [.., last] = &mut layouts;
                last.narrow(lines, room);
                layouts.into_iter().last()
            }
        }
        .unwrap_or(Self {
            columns,
            widths: Vec::new(),
            gap: " ",
            short: true,
        })
    }

    fn joint(&self, at: usize) -> &'static str {
        match self.columns.get(at).and_then(|column| column.joint) {
            Some(joint) => joint,
            None if at == 0 => "",
            None => self.gap,
        }
    }

    fn width(&self) -> usize {
        let joints: usize = (0..self.widths.len()).map(|at| width(self.joint(at))).sum();
        self.widths.iter().sum::<usize>() + joints
    }

    /// Takes from the widest column that may give until the rest fits: first what can be spared,
    /// then whereabouts, at last anything.
    fn narrow(&mut self, lines: &[Line], room: usize) {
        for floors in [(usize::MAX, usize::MAX), (6, usize::MAX), (4, 4)] {
            let least: Vec<usize> = self
                .columns
                .iter()
                .enumerate()
                .map(|(at, column)| {
                    let cells = lines.iter().filter_map(|line| line.cells.get(at));
                    let essential = cells.map(|cell| cell.essential).max().unwrap_or(0);
                    match column.fit {
                        Fit::Whole => usize::MAX,
                        Fit::Middle => column.least.min(floors.0),
                        Fit::End => column.least.max(essential).min(floors.1),
                    }
                })
                .collect();
            let mut excess = self.width().saturating_sub(room);
            while excess > 0 {
                let givers = self
                    .widths
                    .iter_mut()
                    .zip(&least)
                    .filter(|(width, least)| **width > **least);
                let Some((widest, _)) = givers.max_by_key(|(width, _)| **width) else {
                    break;
                };
                *widest -= 1;
                excess -= 1;
            }
        }
    }

    /// One line of the table.
    pub(super) fn line(&self, cells: &[Cell], look: &Look) -> String {
        let mut line = String::new();
        for (at, ((cell, column), wide)) in
            cells.iter().zip(self.columns).zip(&self.widths).enumerate()
        {
            let text = cell.shown(self.short);
            let text = match column.fit {
                Fit::Whole => text.into(),
                Fit::Middle => shorten_middle(text, *wide),
                Fit::End => shorten_end(text, *wide),
            };
            let blank = " ".repeat(wide.saturating_sub(width(&text)));
            let text = look.paint(cell.style, &text);
            line.push_str(self.joint(at));
            let (before, after) = if column.right {
                (blank.as_str(), "")
            } else {
                ("", blank.as_str())
            };
            line.push_str(before);
            line.push_str(&text);
            line.push_str(after);
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}
