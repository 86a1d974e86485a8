//! Lines of cells as wide as there is room for.

use crate::report::text::{escape, shorten_end, shorten_middle, width};

/// A column of a panel.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Columns of the terminal that it needs to make sense.
    pub(super) least: usize,
    /// It takes what is left.
    pub(super) grows: bool,
    /// Where there is no room for all, those with the largest go first.
    pub(super) rank: u8,
    /// Numbers stand to the right.
    pub(super) right: bool,
    /// The end of a text tells more than its middle.
    pub(super) keeps_end: bool,
}

/// The least that is worth showing of an address, and the blank before it.
const SHORTEST: usize = 16;

/// Which columns fit into `room`, and how wide each is.
pub(super) fn fit(columns: &[Column], room: usize) -> Vec<(usize, usize)> {
    let mut ranked: Vec<(usize, &Column)> = columns.iter().enumerate().collect();
    ranked.sort_by_key(|(_, column)| column.rank);
    let mut left = room;
    let mut fitting = Vec::new();
    for (at, column) in ranked {
        // One between any two.
        let needed = column.least + usize::from(!fitting.is_empty());
        match left.checked_sub(needed) {
            Some(less) => {
                left = less;
                fitting.push((at, column.least));
            }
            // Half an address is better than none.
            None if column.keeps_end && left > SHORTEST => {
                fitting.push((at, left - 1));
                left = 0;
            }
            None => break,
        }
    }
    fitting.sort_unstable();
    let grows = |at: usize| columns.get(at).is_some_and(|column| column.grows);
    let mut growing = fitting.iter().filter(|&&(at, _)| grows(at)).count();
    for (at, width) in &mut fitting {
        if grows(*at) && growing > 0 {
            let share = left / growing;
            *width += share;
            left -= share;
            growing -= 1;
        }
    }
    fitting
}

/// One line; `cell` says what stands in which column.
pub(super) fn line(
    columns: &[Column],
    fitting: &[(usize, usize)],
    cell: impl Fn(usize) -> String,
) -> String {
    let mut line = String::new();
    for &(at, room) in fitting {
        if !line.is_empty() {
            line.push(' ');
        }
        let text = cell(at);
        let text = escape(&text);
        let is = |what: fn(&Column) -> bool| columns.get(at).is_some_and(what);
        let right = is(|column| column.right);
        let shown = if is(|column| column.keeps_end) {
            shorten_middle(&text, room)
        } else {
            shorten_end(&text, room)
        };
        let blank = " ".repeat(room.saturating_sub(width(&shown)));
        let (before, behind) = if right {
            (blank, String::new())
        } else {
            (String::new(), blank)
        };
        line.push_str(&before);
        line.push_str(&shown);
        line.push_str(&behind);
    }
    line
}
