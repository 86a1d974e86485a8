//! Outputs that never hold up the capture: each has a thread of its own, and a queue with a limit.
//!
//! While a queue is full no sessions are told: they wait where they are, which takes no more room
//! than the connections that are followed anyway. Only where an output is blocked is what it does
//! not take counted and told, and so is what cannot be written.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::Looks;
use super::messages::Messages;
use super::queue::{Receiving, Sending, queue};
use crate::cli::args::Format;
use crate::report::csv::{Csv, Style};
use crate::report::json::JsonLines;
use crate::report::rolling::Rolling;
use crate::report::{Captures, Row, Sink, View};
use crate::session::{Finding, Session, Summary};

/// Sessions that wait to be written: as many as a slow disk takes in a second, of some kilobytes
/// each.
const QUEUE: usize = 16_384;
/// Rows that are written at once where so many wait.
const BATCH: usize = 64;

enum Order {
    Session(Arc<Session>),
    /// What several sessions share.
    Finding(Arc<Finding>),
    /// Open the file again: the old one was moved away.
    Reopen,
    Finish(Box<Summary>, bool),
}

/// Where to write to.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Stdout,
    File(PathBuf),
}

impl Place {
    /// As messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The file, where it is one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(path.clone()),
        }
    }
}

/// An output and the thread behind it.
pub(super) struct Output {
    name: String,
    orders: Sending<Order>,
    /// Sessions for which the queue had no room.
    untold: u64,
    /// Rows that could not be written.
    lost: Arc<AtomicU64>,
    messages: Messages,
    /// Standard output, and nobody reads it any more.
    closed: Arc<AtomicBool>,
}

impl Output {
    /// Opens it.
    ///
    /// # Errors
    /// Where that is not possible.
    pub(super) fn open(
        place: Place,
        format: Format,
        looks: &Looks,
        messages: &Messages,
    ) -> io::Result<Self> {
        let name = place.name();
        let file = match &place {
            Place::Stdout => None,
            Place::File(path) => Some(append(path)?),
        };
        let closed = Arc::new(AtomicBool::new(false));
        let (orders, queue) = queue(QUEUE);
        let (looks, teller, close) = (looks.clone(), messages.clone(), Arc::clone(&closed));
        let lost = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&lost);
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                let mut writing = Writing::new(place, file, format, looks, teller, counted);
                writing.obey(&queue, &close);
            })?;
        Ok(Self {
            name,
            orders,
            untold: 0,
            lost,
            messages: messages.clone(),
            closed,
        })
    }

    /// How many sessions it takes now.
    pub(super) fn room(&mut self) -> usize {
        self.orders.room()
    }

    /// All packets were seen: it may wait for room up to then, but not for a blocked output.
    pub(super) const fn wait_until(&mut self, deadline: Instant) {
        self.orders.wait_until(deadline);
    }

    /// Does not block, unless it [may](Self::wait_until).
    pub(super) fn session(&mut self, session: &Arc<Session>) {
        if !self.is_closed() && !self.orders.put(Order::Session(Arc::clone(session))) {
            self.untold += 1;
            // The first, and then ever fewer: the message must not become the problem either.
            if self.untold.is_power_of_two() {
                let Self { name, untold, .. } = self;
                self.messages.warning(format!(
                    "{name}: takes no more; sessions not written so far: {untold}"
                ));
            }
        }
    }

    /// The same. Formats of rows alone leave it out.
    pub(super) fn finding(&mut self, finding: &Arc<Finding>) {
        self.orders.put(Order::Finding(Arc::clone(finding)));
    }

    pub(super) fn reopen(&mut self) {
        self.orders.put(Order::Reopen);
    }

    /// Rows that were not written: the queue was full, or the disk.
    pub(super) fn untold(&self) -> u64 {
        self.untold + self.lost.load(Ordering::Relaxed)
    }

    /// Nobody reads it any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Puts the end behind what waits.
    pub(super) fn end(&mut self, summary: &Summary, partial: bool) {
        self.orders
            .put(Order::Finish(Box::new(summary.clone()), partial));
    }

    /// Waits for what waits to be written. How many sessions are not.
    pub(super) fn finish(self) -> u64 {
        let Self {
            name,
            orders,
            untold,
            lost,
            messages,
            closed,
        } = self;
        // The end is no session.
        let left = orders.finish().saturating_sub(1);
        let untold = untold + lost.load(Ordering::Relaxed);
        if left == 0 || closed.load(Ordering::Relaxed) {
            return untold;
        }
        messages.warning(format!("{name}: is blocked; not all was written"));
        untold + left
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Where a sink writes to: a row at a time, so that it goes out whole or not at all.
#[derive(Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The side of the thread.
struct Writing {
    place: Place,
    file: Option<File>,
    format: Format,
    looks: Looks,
    messages: Messages,
    sink: Box<dyn Sink>,
    buffer: Buffer,
    /// The file holds rows already: no header again.
    skip_header: bool,
    /// Nobody reads any more.
    is_closed_pipe: bool,
    /// Rows in the buffer.
    rows: u64,
    /// Rows that could not be written since the last one that could.
    unwritten: u64,
    /// All of them.
    lost: Arc<AtomicU64>,
}

impl Writing {
    fn new(
        place: Place,
        file: Option<File>,
        format: Format,
        looks: Looks,
        messages: Messages,
        lost: Arc<AtomicU64>,
    ) -> Self {
        let buffer = Buffer::default();
        let mut writing = Self {
            sink: looks.sink(&place, format, buffer.clone()),
            place,
            file,
            format,
            looks,
            messages,
            buffer,
            skip_header: false,
            rows: 0,
            unwritten: 0,
            lost,
            is_closed_pipe: false,
        };
        writing.note_header();
        writing
    }

    fn note_header(&mut self) {
        let holds = |file: &File| file.metadata().is_ok_and(|about| about.len() > 0);
        self.skip_header = self.format == Format::Csv && self.file.as_ref().is_some_and(holds);
    }

    fn obey(&mut self, queue: &Receiving<Order>, closed: &AtomicBool) {
        let mut batch = Vec::new();
        while queue.take(&mut batch, BATCH) {
            let orders = batch.len();
            for order in batch.drain(..) {
                match order {
                    Order::Session(session) => {
                        self.fill(|sink| sink.row(&Row::Session(&session)));
                    }
                    Order::Finding(finding) => self.fill(|sink| sink.finding(&finding)),
                    Order::Reopen => {
                        self.put();
                        self.reopen();
                    }
                    Order::Finish(summary, partial) => {
                        self.fill(|sink| sink.finish(&summary, partial));
                    }
                }
            }
            self.put();
            queue.done(orders);
            if self.is_closed_pipe {
                closed.store(true, Ordering::Relaxed);
                break;
            }
        }
    }

    /// Adds a row to those that are written next.
    fn fill(&mut self, fill: impl FnOnce(&mut dyn Sink) -> io::Result<()>) {
        self.rows += 1;
        // Into memory: nothing that could fail.
        let sink = self.sink.as_mut();
        let _ = fill(sink).and_then(|()| sink.flush());
    }

    /// Writes the rows that were added.
    fn put(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let mut bytes = std::mem::take(&mut *self.buffer.0.borrow_mut());
        if bytes.is_empty() {
            return;
        }
        if self.skip_header
            && let Some(end) = bytes.iter().position(|byte| *byte == b'\n')
        {
            bytes.drain(..=end);
            self.skip_header = false;
        }
        let written = self.write(&bytes);
        // Its room is used again.
        bytes.clear();
        self.buffer.0.replace(bytes);
        let name = self.place.name();
        match written {
            Ok(()) if self.unwritten > 0 => {
                let rows = std::mem::take(&mut self.unwritten);
                self.messages
                    .warning(format!("{name}: can be written again; rows lost: {rows}"));
            }
            Ok(()) => {}
            Err(error) => {
                self.is_closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
                if self.unwritten == 0 && !self.is_closed_pipe {
                    self.messages
                        .warning(format!("{name}: {error}; going on without it"));
                }
                self.unwritten += rows;
                self.lost.fetch_add(rows, Ordering::Relaxed);
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            return stdout.flush();
        };
        let before = file.metadata().map(|about| about.len());
        let written = file.write_all(bytes);
        if written.is_err()
            && let Ok(before) = before
        {
            // Half a row would spoil the next one.
            let _ = file.set_len(before);
        }
        written
    }

    fn reopen(&mut self) {
        let Place::File(path) = &self.place else {
            return;
        };
        match append(path) {
            Ok(file) => {
                self.file = Some(file);
                self.sink = self
                    .looks
                    .sink(&self.place, self.format, self.buffer.clone());
                self.note_header();
            }
            Err(error) => self.messages.warning(format!(
                "{}: {error}; going on with the file as it was",
                path.display()
            )),
        }
    }
}

impl Looks {
    /// What writes rows in `format`.
    fn sink(&self, place: &Place, format: Format, out: Buffer) -> Box<dyn Sink> {
        let captures = Captures::new(&[]);
        match format {
            Format::Csv => {
                let style = Style {
                    raw: self.csv_raw,
                    escape: self.terminal && matches!(place, Place::Stdout),
                };
                Box::new(Csv::new(out, View::Sessions, captures, style))
            }
            Format::Json | Format::Jsonl | Format::PcapNg => {
                Box::new(JsonLines::new(out, captures))
            }
            Format::Table => Box::new(Rolling::new(out, self.look.clone())),
        }
    }
}
