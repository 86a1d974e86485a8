//! `--record`: the packets of sessions that went wrong, each in a file of its own.
//!
//! A thread writes them; the capture never waits for it. While much waits fewer sessions are told.
//! Only where the disk is blocked is what it does not take given up and counted, and so is what
//! cannot be written.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::messages::Messages;
use super::queue::{Sending, queue};
use crate::capture::write::{Head, Writer};
use crate::cli::select::FailOn;
use crate::engine::Recording;
use crate::limits;
use crate::report::captions::{comments, verdict};
use crate::report::text::{counted, escape};
use crate::report::when::rfc3339;
use crate::session::Session;

/// Recordings that wait to be written. Their bytes have a limit of their own.
const QUEUE: usize = 16_384;
/// How the names of files begin and end: what is named so is ours to delete.
const PREFIX: &str = "hangup-";
const ENDING: &str = ".pcapng";
/// How they end while they are written.
const UNFINISHED: &str = ".pcapng.part";

/// What to record, and where to.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) folder: PathBuf,
    /// Any of these.
    pub(super) wanted: Vec<FailOn>,
    /// Bytes that all files may take together.
    pub(super) max: u64,
    /// The interface.
    pub(super) interface: String,
}

/// What was not recorded that should have been, counted by both sides.
#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    failed: AtomicU64,
}

/// The side of the capture.
pub(super) struct Recorder {
    wanted: Vec<FailOn>,
    orders: Sending<(Arc<Session>, Recording)>,
    /// Bytes that wait.
    waiting: Arc<AtomicUsize>,
    counts: Arc<Counts>,
    /// Recordings for which the queue had no room.
    given_up: u64,
    messages: Messages,
}

impl Recorder {
    /// Begins.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub(super) fn start(plan: Plan, messages: &Messages) -> io::Result<Self> {
        let wanted = plan.wanted.clone();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counts = Arc::new(Counts::default());
        let mut shelf = Shelf::open(plan)?;
        shelf.try_out()?;
        let (orders, queue) = queue::<(Arc<Session>, Recording)>(QUEUE);
        let (left, counted, teller) = (Arc::clone(&waiting), Arc::clone(&counts), messages.clone());
        thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                let mut is_failing = false;
                let mut next = Vec::new();
                while queue.take(&mut next, 1)
                    && let Some((session, recording)) = next.pop()
                {
                    let stored = shelf.store(&session, &recording);
                    left.fetch_sub(recording.bytes(), Ordering::Relaxed);
                    match stored {
                        Ok(()) => {
                            counted.written.fetch_add(1, Ordering::Relaxed);
                            if std::mem::take(&mut is_failing) {
                                let failed = counted.failed.load(Ordering::Relaxed);
                                teller.warning(format!(
                                    "--record: works again; not recorded so far: {failed}"
                                ));
                            }
                        }
                        Err(error) => {
                            counted.failed.fetch_add(1, Ordering::Relaxed);
                            if !std::mem::replace(&mut is_failing, true) {
                                teller.warning(format!(
                                    "--record {}: {error}; going on without",
                                    shelf.plan.folder.display()
                                ));
                            }
                        }
                    }
                    queue.done(1);
                }
            })?;
        Ok(Self {
            wanted,
            orders,
            waiting,
            counts,
            given_up: 0,
            messages: messages.clone(),
        })
    }

    /// How many sessions it takes now.
    pub(super) fn room(&mut self) -> usize {
        let room = self.orders.room();
        let is_full = self.waiting.load(Ordering::Relaxed) >= limits::MAX_RECORDINGS_WAITING;
        if is_full && room < usize::MAX {
            0
        } else {
            room
        }
    }

    /// All packets were seen: it may wait for room up to then, but not for a blocked disk.
    pub(super) const fn wait_until(&mut self, deadline: Instant) {
        self.orders.wait_until(deadline);
    }

    /// Takes the packets of a session that ended, where they are wanted. Does not block, unless it
    /// [may](Self::wait_until).
    pub(super) fn take(&mut self, session: &Arc<Session>, recording: Recording) {
        if !self.wanted.iter().any(|test| test.matches(session)) {
            return;
        }
        let bytes = recording.bytes();
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let is_taken = self.orders.put((Arc::clone(session), recording));
        if !is_taken {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.given_up += 1;
            // The first, and then ever fewer: the message must not become the problem either.
            if self.given_up.is_power_of_two() {
                let given_up = self.given_up;
                self.messages.warning(format!(
                    "--record: more at once than can be written; not recorded so far: {given_up}"
                ));
            }
        }
    }

    /// Files written so far.
    pub(super) fn written(&self) -> u64 {
        self.counts.written.load(Ordering::Relaxed)
    }

    /// Sessions that should have been recorded and are not.
    pub(super) fn missed(&self) -> u64 {
        self.given_up + self.counts.failed.load(Ordering::Relaxed)
    }

    /// Waits for what waits to be written. Files written, and sessions missed.
    pub(super) fn finish(self) -> (u64, u64) {
        let Self {
            orders,
            counts,
            messages,
            given_up,
            ..
        } = self;
        let left = orders.finish();
        if left > 0 {
            messages.warning("--record: is blocked; not all was recorded".to_owned());
        }
        let missed = given_up + left + counts.failed.load(Ordering::Relaxed);
        (counts.written.load(Ordering::Relaxed), missed)
    }
}

/// The folder and the files in it that are ours, the oldest first.
struct Shelf {
    plan: Plan,
    files: VecDeque<(PathBuf, u64)>,
    total: u64,
}

impl Shelf {
    fn open(plan: Plan) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&plan.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            if name.ends_with(UNFINISHED) {
                // A run before this one was ended in the middle of it.
                let _ = fs::remove_file(entry.path());
            } else if name.ends_with(ENDING)
                && let Ok(about) = entry.metadata()
                && about.is_file()
            {
                files.push((name.to_owned(), entry.path(), room(about.len())));
            }
        }
        // Names begin with the time.
        files.sort();
        let total = files.iter().map(|(_, _, len)| len).sum();
        let files = files.into_iter().map(|(_, path, len)| (path, len));
        Ok(Self {
            plan,
            files: files.collect(),
            total,
        })
    }

    /// Better known now than when it matters.
    fn try_out(&mut self) -> io::Result<()> {
        let path = self.plan.folder.join(format!("{PREFIX}try{UNFINISHED}"));
        create(&path)?;
        fs::remove_file(path)
    }

    fn store(&mut self, session: &Session, recording: &Recording) -> io::Result<()> {
        let name = file_name(session);
        let part = self.plan.folder.join(format!("{name}{UNFINISHED}"));
        let written = self.write(&part, session, recording);
        let len = match written {
            Ok(len) if len <= self.plan.max => len,
            Ok(_) => {
                let _ = fs::remove_file(&part);
                return Err(io::Error::other("larger than --record-max"));
            }
            Err(error) => {
                // Nothing half-written stays.
                let _ = fs::remove_file(&part);
                return Err(error);
            }
        };
        while self.total.saturating_add(len) > self.plan.max
            && let Some((oldest, len)) = self.files.pop_front()
        {
            self.total = self.total.saturating_sub(len);
            match fs::remove_file(&oldest) {
                // Somebody else was faster.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let _ = fs::remove_file(&part);
                    self.files.push_front((oldest, len));
                    self.total += len;
                    return Err(error);
                }
                _ => {}
            }
        }
        let mut path = self.plan.folder.join(format!("{name}{ENDING}"));
        let mut again = 2;
        while path.exists() {
            path = self.plan.folder.join(format!("{name}_{again}{ENDING}"));
            again += 1;
        }
        fs::rename(&part, &path).inspect_err(|_| {
            let _ = fs::remove_file(&part);
        })?;
        self.files.push_back((path, len));
        self.total += len;
        Ok(())
    }

    /// How many bytes it takes.
    fn write(&self, path: &Path, session: &Session, recording: &Recording) -> io::Result<u64> {
        let mut comment = escape(&verdict(session)).into_owned();
        if recording.left_out() > 0 {
            let packets = counted(recording.left_out(), "packet");
            comment.push_str(&format!(
                " Between the opening and the latest packets {packets} were not kept."
            ));
        }
        let head = Head {
            comment: &comment,
            interface: &self.plan.interface,
        };
        let comments = comments([session]);
        let mut writer = Writer::new(BufWriter::new(create(path)?), &head)?;
        if let Some(secrets) = recording.secrets() {
            writer.secrets(secrets)?;
        }
        recording.each(|packet| {
            let comments = comments.get(&packet.id).into_iter().flatten();
            writer.packet(packet, comments.map(String::as_str))
        })?;
        let file = writer.finish()?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(room(file.metadata()?.len()))
    }
}

/// What a file of so many bytes takes: whole blocks, most of a small one.
const fn room(len: u64) -> u64 {
    len.next_multiple_of(4096)
}

/// A file that only its owner may read: packets are as private as what they carry.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// `hangup-20261120T120314.123456789Z-1006-10.0.0.5_51234-idle-timeout`: only characters that no
/// shell and no file system minds.
fn file_name(session: &Session) -> String {
    let time = session.ended.unwrap_or(session.started);
    let time: String = rfc3339(time)
        .to_string()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    let code = session.verdict.code;
    let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    let client = session.client;
    let cause = session.verdict.cause;
    let name = format!("{time}-{code}-{}_{}-{cause}", client.ip(), client.port());
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = name
        .chars()
        .map(|c| if is_safe(c) { c } else { '-' })
        .collect();
    format!("{PREFIX}{name}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::report::sample;

    fn shelf(folder: &Path, max: u64) -> Shelf {
        Shelf::open(Plan {
            folder: folder.to_owned(),
            wanted: vec![FailOn::Abnormal],
            max,
            interface: "eth0".to_owned(),
        })
        .unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_go_first_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.pcapng"), [0; 4000]).unwrap();
        fs::write(folder.path().join("hangup-1.pcapng"), [0; 400]).unwrap();
        fs::write(folder.path().join("hangup-0.pcapng.part"), [0; 4]).unwrap();
        let mut shelf = shelf(folder.path(), 30_000);
        assert_eq!((shelf.total, shelf.files.len()), (4096, 1));
        let recording = Recording::default();
        for number in 1..20 {
            let session = sample::abrupt(number);
            shelf.store(&session, &recording).unwrap();
            assert!(shelf.total <= 30_000);
        }
        let names = names(folder.path());
        assert!(names.contains(&"notes.pcapng".to_owned()), "{names:?}");
        assert!(!names.contains(&"hangup-1.pcapng".to_owned()), "{names:?}");
        assert!(names.iter().all(|name| !name.ends_with(UNFINISHED)));
        assert_eq!(names.len(), shelf.files.len() + 1);
        let mode = |(path, _): &(PathBuf, u64)| fs::metadata(path).unwrap().permissions().mode();
        assert!(shelf.files.iter().all(|file| mode(file) & 0o777 == 0o600));
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("records");
        fs::create_dir(&inside).unwrap();
        let mut shelf = shelf(&inside, 30_000);
        fs::remove_dir(&inside).unwrap();
        let (session, recording) = (sample::abrupt(1), Recording::default());
        assert!(shelf.store(&session, &recording).is_err());
        fs::create_dir(&inside).unwrap();
        shelf.store(&session, &recording).unwrap();
        assert_eq!(names(&inside).len(), 1);
    }

    #[test]
    fn names_hold_what_is_known_in_safe_characters() {
        let mut session = sample::abrupt(1);
        session.client = "[2001:db8::1]:51234".parse().unwrap();
        let name = file_name(&session);
        let cause = session.verdict.cause;
        assert!(name.starts_with("hangup-2023"), "{name}");
        assert!(
            name.ends_with(&format!("Z-1006-2001-db8--1_51234-{cause}")),
            "{name}"
        );
    }
}
