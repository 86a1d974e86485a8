//! Cells in columns: how wide each is, and what gives way where room is short.

use super::cells::Tells;
use super::columns::GAP;
use super::line::Cell;
use super::look::Look;
use super::text::width;

/// What a cell too long for its column loses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Nothing: the column is never narrowed.
    Whole,
    /// Its middle, down to so many columns where room is short and to so many where it is
    /// very short.
    Middle(usize, usize),
    /// Its end.
    End,
}

/// How short of room a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    /// Nothing has to give way but blanks.
    #[default]
    None,
    /// What tells little is left out.
    Some,
    /// All that can be said in fewer columns is.
    Much,
}

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) tells: Tells,
    pub(super) right: bool,
    pub(super) fit: Fit,
    /// Stands before the column instead of blanks.
    pub(super) joint: Option<&'static str>,
    /// From when on its cells stand in their short form.
    pub(super) short_at: Want,
    /// What it says may stand above the table where all rows say the same, called so.
    pub(super) shared: Option<&'static str>,
    /// Where nothing else helps, the columns with the least go first; those with 0 never.
    pub(super) worth: u8,
}

/// A column that is never narrowed and never left out.
pub(super) const fn column(title: &'static str, tells: Tells) -> Column {
    Column {
        title,
        tells,
        right: false,
        fit: Fit::Whole,
        joint: None,
        short_at: Want::Much,
        shared: None,
        worth: 0,
    }
}

/// What is to be known of the lines of a table before the first is written.
pub(super) struct Measures {
    columns: &'static [Column],
    /// Nothing limits the width: then nothing gives way, and only the widest cells count.
    is_free: bool,
    lines: usize,
    all: Vec<Measure>,
}

/// What is to be known of the cells of a column: in their long form, and in their short one.
#[derive(Default)]
struct Measure {
    wide: [usize; 2],
    /// Before room is very short, and then.
    least: [usize; 2],
    /// The first one, while all are like it.
    same: [Option<String>; 2],
}

impl Measures {
    /// Of lines with these columns, for so much room.
    pub(super) fn new(columns: &'static [Column], room: Option<usize>) -> Self {
        Self {
            columns,
            is_free: room.is_none(),
            lines: 0,
            all: columns.iter().map(|_| Measure::default()).collect(),
        }
    }

    /// Takes in one more line, whose cells `cell` gives.
    pub(super) fn add<'c>(&mut self, cell: impl Fn(&Column) -> Cell<'c>) {
        for (column, measure) in self.columns.iter().zip(&mut self.all) {
            let cell = cell(column);
            if self.is_free {
                let [long, _] = &mut measure.wide;
                *long = cell.long_width().max(*long);
                continue;
            }
            widen(&mut measure.wide, cell.widths());
            widen(&mut measure.least, cell.least());
            if column.shared.is_some() {
                measure.compare(&cell, self.lines == 0);
            }
        }
        self.lines += 1;
    }

    /// There are cells so wide in the columns, in their long form.
    pub(super) fn widen(&mut self, widths: &[usize]) {
        for (measure, width) in self.all.iter_mut().zip(widths) {
            let [long, _] = &mut measure.wide;
            *long = (*width).max(*long);
        }
    }

    /// There are cells so wide in columns of times, in their long form and in their short one.
    pub(super) fn widen_times(&mut self, widths: [usize; 2]) {
        for (column, measure) in self.columns.iter().zip(&mut self.all) {
            if column.tells == Tells::Time {
                widen(&mut measure.wide, widths);
            }
        }
    }
}

impl Measure {
    fn compare(&mut self, cell: &Cell<'_>, is_first: bool) {
        for (same, short) in self.same.iter_mut().zip([false, true]) {
            if is_first {
                *same = Some(cell.shown(short));
            } else if let Some(first) = same
                && *first != cell.shown(short)
            {
                *same = None;
            }
        }
    }
}

/// Each as wide as the other, where that is wider.
pub(super) fn widen(most: &mut [usize; 2], others: [usize; 2]) {
    for (most, other) in most.iter_mut().zip(others) {
        *most = other.max(*most);
    }
}

/// Where a column of the table went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    InTable,
    AboveTable,
    LeftOut,
}

/// Which columns there are, and how wide each is.
pub(super) struct Layout {
    titles: Vec<Cell<'static>>,
    measures: Measures,
    places: Vec<Place>,
    widths: Vec<usize>,
    gap: &'static str,
    want: Want,
    /// What a line is written by, once all else is known.
    slots: Vec<Slot>,
}

/// A column as it stands in a line.
struct Slot {
    /// What stands before it: so many blanks, or this.
    gap: usize,
    joint: &'static str,
    short: bool,
    column: &'static Column,
    wide: usize,
}

impl Layout {
    /// The roomiest layout of lines like these under `titles` that takes at most `room` columns; the
    /// roomiest of all for `None`.
    pub(super) fn new(titles: Vec<Cell<'static>>, measures: Measures, room: Option<usize>) -> Self {
        let mut layout = Self {
            places: vec![Place::InTable; measures.columns.len()],
            titles,
            measures,
            widths: Vec::new(),
            gap: GAP,
            want: Want::None,
            slots: Vec::new(),
        };
        layout.widen();
        if let Some(room) = room {
            layout.fit(room);
        }
        layout.slots = layout.slots();
        layout
    }

    /// How wide each column is.
    pub(super) fn widths(&self) -> &[usize] {
        &self.widths
    }

    const fn columns(&self) -> &'static [Column] {
        self.measures.columns
    }

    /// Gives up one thing after the other until the table fits.
    fn fit(&mut self, room: usize) {
        if self.width() <= room {
            return;
        }
        // First whatever loses nothing.
        self.gap = " ";
        self.widen();
        for want in [Want::None, Want::Some] {
            self.want = want;
            self.widen();
            // The widest first: fewest must go.
            let mut widest: Vec<usize> = (0..self.columns().len()).collect();
            widest.sort_by_key(|at| std::cmp::Reverse(self.widths.get(*at).copied()));
            for at in widest {
                if self.width() <= room {
                    return;
                }
                self.share(at);
            }
            if self.width() <= room {
                return;
            }
        }
        loop {
            for want in [Want::Some, Want::Much] {
                self.want = want;
                self.widen();
                if self.narrow(room) {
                    return;
                }
            }
            let place = self.least_worth().and_then(|at| self.places.get_mut(at));
            match place {
                Some(place) => *place = Place::LeftOut,
                None => return self.cut(room),
            }
        }
    }

    fn is_shown(&self, at: usize) -> bool {
        self.places.get(at) == Some(&Place::InTable)
    }

    /// Its cells stand in their short form.
    fn is_short(&self, column: &Column) -> bool {
        column.short_at <= self.want
    }

    fn measure(&self, at: usize) -> Option<&Measure> {
        self.measures.all.get(at)
    }

    /// Every column as wide as its widest cell.
    fn widen(&mut self) {
        let wide = |(at, column): (usize, &Column)| {
            if !self.is_shown(at) {
                return 0;
            }
            let short = self.is_short(column);
            let title = self.titles.get(at);
            let title = title.and_then(|it| it.widths().get(usize::from(short)).copied());
            let cells = self
                .measure(at)
                .and_then(|it| it.wide.get(usize::from(short)).copied());
            title.max(cells).unwrap_or(0)
        };
        self.widths = self.columns().iter().enumerate().map(wide).collect();
    }

    /// Takes the column at `at` out of the table, where all rows say the same there.
    fn share(&mut self, at: usize) {
        let Some(column) = self.columns().get(at).filter(|c| c.shared.is_some()) else {
            return;
        };
        let short = self.is_short(column);
        if self.same(at, short).is_some() {
            if let Some(place) = self.places.get_mut(at) {
                *place = Place::AboveTable;
            }
            self.widen();
        }
    }

    /// What all rows say in a column.
    fn same(&self, at: usize, short: bool) -> Option<&str> {
        self.measure(at)?.same.get(usize::from(short))?.as_deref()
    }

    /// What all rows share and no column shows, for the line above the table.
    pub(super) fn shared(&self) -> Option<String> {
        let part = |(at, column): (usize, &Column)| {
            let is_above = self.places.get(at) == Some(&Place::AboveTable);
            let same = self.same(at, self.is_short(column)).filter(|_| is_above)?;
            Some(format!("{} {same}", column.shared?))
        };
        let parts: Vec<String> = self.columns().iter().enumerate().filter_map(part).collect();
        let rows = if self.measures.lines > 1 {
            " in all rows"
        } else {
            ""
        };
        (!parts.is_empty()).then(|| format!("{}{rows}", parts.join(", ")))
    }

    /// The column in the table that is worth least.
    fn least_worth(&self) -> Option<usize> {
        let columns = self.columns().iter().enumerate();
        columns
            .filter(|(at, column)| self.is_shown(*at) && 0 < column.worth)
            .min_by_key(|(_, column)| column.worth)
            .map(|(at, _)| at)
    }

    fn joint(&self, at: usize) -> &'static str {
        let is_first = !(0..at).any(|before| self.is_shown(before));
        let has_neighbour = at.checked_sub(1).is_some_and(|at| self.is_shown(at));
        match self.columns().get(at).and_then(|column| column.joint) {
            _ if is_first || !self.is_shown(at) => "",
            Some(joint) if has_neighbour => joint,
            _ => self.gap,
        }
    }

    fn width(&self) -> usize {
        let joints: usize = (0..self.widths.len()).map(|at| width(self.joint(at))).sum();
        self.widths.iter().sum::<usize>() + joints
    }

    /// Takes from the widest column that may give, again and again, until the rest fits; false
    /// where it does not, and then nothing has changed.
    fn narrow(&mut self, room: usize) -> bool {
        let least = self.columns().iter().enumerate().map(|(at, column)| {
            let at_worst = usize::from(self.want == Want::Much);
            let title = self.titles.get(at);
            let title = title.and_then(|it| it.least().get(at_worst).copied());
            let cells = self
                .measure(at)
                .and_then(|it| it.least.get(at_worst).copied());
            match column.fit {
                Fit::Whole => usize::MAX,
                Fit::Middle(least, _) if self.want < Want::Much => least,
                Fit::Middle(_, least) => least,
                Fit::End => title.max(cells).unwrap_or(0),
            }
        });
        let least: Vec<usize> = least.collect();
        let mut widths = self.widths.clone();
        for _ in room..self.width() {
            let givers = widths.iter_mut().zip(&least);
            let givers = givers.filter(|(width, least)| **width > **least);
            match givers.max_by_key(|(width, _)| **width) {
                Some((widest, _)) => *widest -= 1,
                None => return false,
            }
        }
        self.widths = widths;
        true
    }

    /// The room is too short for anything: the last column gets what there is.
    fn cut(&mut self, room: usize) {
        let excess = self.width().saturating_sub(room);
        if let Some(last) = self.widths.last_mut() {
            *last = last.saturating_sub(excess).max(1);
        }
    }

    /// No cell of a line is wider than its column; `cell` gives them.
    pub(super) fn fits<'c>(&self, cell: impl Fn(&Column) -> Cell<'c>) -> bool {
        self.slots.iter().all(|slot| {
            let [long, short] = cell(slot.column).widths();
            slot.wide >= if slot.short { short } else { long }
        })
    }

    fn slots(&self) -> Vec<Slot> {
        let columns = self.columns().iter().zip(&self.widths).enumerate();
        columns
            .filter(|&(at, _)| self.is_shown(at))
            .map(|(at, (column, &wide))| {
                let joint = self.joint(at);
                let is_blank = joint.trim().is_empty();
                Slot {
                    gap: if is_blank { joint.len() } else { 0 },
                    joint: if is_blank { "" } else { joint },
                    short: self.is_short(column),
                    column,
                    wide,
                }
            })
            .collect()
    }

    /// The line of titles.
    pub(super) fn titles(&self, look: &Look) -> Vec<u8> {
        let mut line = Vec::new();
        let title = |column: &Column| {
            let titles = self.columns().iter().zip(&self.titles);
            let mut titles = titles.filter(|(it, _)| it.tells == column.tells);
            titles.next().map(|(_, title)| title.clone())
        };
        self.write(&mut line, |column| title(column).unwrap_or_default(), look);
        line
    }

    /// Adds one line of the table to `line`, whose cells `cell` gives.
    pub(super) fn write<'c>(
        &self,
        line: &mut Vec<u8>,
        cell: impl Fn(&Column) -> Cell<'c>,
        look: &Look,
    ) {
        let begun = line.len();
        // Blanks before the next text.
        let mut blanks = 0;
        for slot in &self.slots {
            let cell = cell(slot.column);
            blanks += slot.gap;
            if !slot.joint.is_empty() {
                push_blanks(line, blanks);
                line.extend_from_slice(slot.joint.as_bytes());
                blanks = 0;
            }
            if slot.column.right {
                blanks += slot.wide.saturating_sub(cell.width(slot.short));
            }
            push_blanks(line, blanks);
            let wide = look.paint_to(line, cell.style, |line| {
                cell.write(line, slot.short, slot.column.fit, slot.wide)
            });
            blanks = if slot.column.right {
                0
            } else {
                slot.wide.saturating_sub(wide)
            };
        }
        trim_end(line, begun);
        line.push(b'\n');
    }
}

#[inline]
pub(super) fn push_blanks(line: &mut Vec<u8>, count: usize) {
    let end = line.len() + count;
    while line.len() < end {
        // (As many as known take less time than as many as wanted.)
        line.extend_from_slice(&[b' '; 32]);
    }
    line.truncate(end);
}

/// Takes blanks away that stand at the end of what begins at `begun`, which is UTF-8.
#[inline]
pub(super) fn trim_end(line: &mut Vec<u8>, begun: usize) {
    if let Some(b'!'..=b'~') = line.last() {
        return;
    }
    while line.len() > begun {
        let is_first = |byte: &u8| byte & 0xc0 != 0x80;
        let at = line
            .iter()
            .rposition(is_first)
            .map_or(begun, |at| at.max(begun));
        let last = std::str::from_utf8(line.get(at..).unwrap_or_default());
        if !last.is_ok_and(|last| last.trim_end().is_empty()) {
            break;
        }
        line.truncate(at);
    }
}
