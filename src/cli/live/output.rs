//! Outputs that never hold up the capture: each has a thread of its own, and a queue with a limit.
//!
//! What does not fit into the queue is counted and told, and so is what cannot be written.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Looks;
use super::messages::Messages;
use crate::cli::args::Format;
use crate::report::csv::{Csv, Style};
use crate::report::json::JsonLines;
use crate::report::rolling::Rolling;
use crate::report::{Captures, Row, Sink, View};
use crate::session::{Finding, Session, Summary};

/// Sessions that wait to be written: those of a mass hang-up, and a few megabytes at most.
const QUEUE: usize = 16_384;
/// How long a blocked output may take to finish.
const PATIENCE: Duration = Duration::from_secs(3);

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
    orders: SyncSender<Order>,
    finished: Receiver<()>,
    /// Sessions for which the queue had no room.
    untold: u64,
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
        let (orders, queue) = sync_channel(QUEUE);
        let (finish, finished) = sync_channel(1);
        let (looks, teller, close) = (looks.clone(), messages.clone(), Arc::clone(&closed));
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                let mut writing = Writing::new(place, file, format, looks, teller);
                writing.obey(&queue, &close);
                let _ = finish.send(());
            })?;
        Ok(Self {
            name,
            orders,
            finished,
            untold: 0,
            messages: messages.clone(),
            closed,
        })
    }

    /// Never blocks.
    pub(super) fn session(&mut self, session: &Arc<Session>) {
        if let Err(TrySendError::Full(_)) =
            self.orders.try_send(Order::Session(Arc::clone(session)))
        {
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

    /// Never blocks. Formats of rows alone leave it out.
    pub(super) fn finding(&mut self, finding: &Arc<Finding>) {
        let _ = self.orders.try_send(Order::Finding(Arc::clone(finding)));
    }

    pub(super) fn reopen(&self) {
        let _ = self.orders.try_send(Order::Reopen);
    }

    /// Sessions that were left out since the queue was full.
    pub(super) const fn untold(&self) -> u64 {
        self.untold
    }

    /// Nobody reads it any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Writes what waits, and the end; not for longer than a blocked output deserves.
    pub(super) fn finish(self, summary: &Summary, partial: bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut order = Order::Finish(Box::new(summary.clone()), partial);
        loop {
            match self.orders.try_send(order) {
                Err(TrySendError::Full(back)) if Instant::now() < deadline => {
                    order = back;
                    thread::sleep(Duration::from_millis(10));
                }
                _ => break,
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if self.finished.recv_timeout(left) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            self.messages
                .warning(format!("{}: is blocked; not all was written", self.name));
        }
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
    /// Rows that could not be written since the last one that could.
    unwritten: u64,
}

impl Writing {
    fn new(
        place: Place,
        file: Option<File>,
        format: Format,
        looks: Looks,
        messages: Messages,
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
            unwritten: 0,
            is_closed_pipe: false,
        };
        writing.note_header();
        writing
    }

    fn note_header(&mut self) {
        let holds = |file: &File| file.metadata().is_ok_and(|about| about.len() > 0);
        self.skip_header = self.format == Format::Csv && self.file.as_ref().is_some_and(holds);
    }

    fn obey(&mut self, queue: &Receiver<Order>, closed: &AtomicBool) {
        for order in queue {
            let is_end = matches!(order, Order::Finish(..));
            match order {
                Order::Session(session) => self.put(|sink| {
                    sink.row(&Row::Session(&session))?;
                    sink.flush()
                }),
                Order::Finding(finding) => self.put(|sink| {
                    sink.finding(&finding)?;
                    sink.flush()
                }),
                Order::Reopen => self.reopen(),
                Order::Finish(summary, partial) => self.put(|sink| sink.finish(&summary, partial)),
            }
            if is_end {
                break;
            }
            if self.is_closed_pipe {
                closed.store(true, Ordering::Relaxed);
                break;
            }
        }
    }

    fn put(&mut self, fill: impl FnOnce(&mut dyn Sink) -> io::Result<()>) {
        let filled = fill(self.sink.as_mut());
        let mut bytes = std::mem::take(&mut *self.buffer.0.borrow_mut());
        if self.skip_header
            && let Some(end) = bytes.iter().position(|byte| *byte == b'\n')
        {
            bytes.drain(..=end);
            self.skip_header = false;
        }
        let written = filled.and_then(|()| self.write(&bytes));
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
                self.unwritten += 1;
                if self.unwritten == 1 && !self.is_closed_pipe {
                    self.messages
                        .warning(format!("{name}: {error}; going on without it"));
                }
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
            Format::Json | Format::Jsonl => Box::new(JsonLines::new(out, captures)),
            Format::Table => Box::new(Rolling::new(out, self.look.clone())),
        }
    }
}
