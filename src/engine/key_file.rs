//! A key log that a running program writes: read as it grows.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::limits;

/// Bytes read at a time.
const BLOCK: usize = 64 << 10;
/// The last bytes that were read which are looked at again: of a line of random numbers.
const TAIL: usize = 64;

/// One such file, by its name: it may not be there yet, be cut, or be made anew.
pub(super) struct KeyFile {
    path: PathBuf,
    open: Option<Open>,
    was_there: bool,
    /// What was told of it last.
    told: Option<String>,
}

struct Open {
    file: File,
    /// Device and inode: what distinguishes it from another of the same name.
    id: (u64, u64),
    /// Where the first line that was not read begins.
    at: u64,
    /// What stood before it when it was read.
    tail: Zeroizing<Vec<u8>>,
    /// When the file was changed, as far as is known.
    changed: Option<SystemTime>,
}

impl KeyFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            was_there: false,
            told: None,
        }
    }

    /// Hands whole lines that are new to `take`; never more than a few milliseconds take. What is
    /// amiss goes to `note`, once; `true`: its user should know.
    pub(super) fn poll(&mut self, take: &mut dyn FnMut(&[u8]), note: &mut dyn FnMut(bool, String)) {
        match self.read(take, note) {
            Ok(()) => self.told = None,
            Err(error) => {
                // A running program may remove it; where it never was, its name may be wrong.
                let (is_problem, text) = if error.kind() == io::ErrorKind::NotFound {
                    let text = "is not there (yet): waiting for it".to_owned();
                    (!self.was_there, text)
                } else {
                    (true, error.to_string())
                };
                if self.told.as_ref() != Some(&text) {
                    note(
                        is_problem,
                        format!("key log {}: {text}", self.path.display()),
                    );
                    self.told = Some(text);
                }
            }
        }
    }

    fn read(
        &mut self,
        take: &mut dyn FnMut(&[u8]),
        note: &mut dyn FnMut(bool, String),
    ) -> io::Result<()> {
        let about = fs::metadata(&self.path);
        let mut say = |what: &str| note(false, format!("key log {}: {what}", self.path.display()));
        if let Some(open) = &mut self.open {
            if open.is_cut()? {
                say("was cut: read from its beginning");
            }
            // Also of one that is gone: its last lines.
            open.read(take)?;
            if about
                .as_ref()
                .is_ok_and(|about| (about.dev(), about.ino()) == open.id)
            {
                return Ok(());
            }
            self.open = None;
            if about.is_ok() {
                say("is another file now: read from its beginning");
            }
        }
        // Opening a pipe would wait for its writer.
        if !about?.is_file() {
            return Err(io::Error::other("is no file that could be followed"));
        }
        let open = self.open.insert(Open::new(&self.path)?);
        self.was_there = true;
        open.read(take)
    }
}

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        let id = (about.dev(), about.ino());
        Ok(Self {
            file,
            id,
            at: 0,
            tail: Zeroizing::default(),
            changed: None,
        })
    }

    /// It does not hold any more what was read of it: what is in it now is new.
    fn is_cut(&mut self) -> io::Result<bool> {
        let about = self.file.metadata()?;
        let changed = about.modified().ok();
        let is_same = std::mem::replace(&mut self.changed, changed) == changed;
        if about.len() == self.at && is_same {
            return Ok(false);
        }
        // It may have grown again since it was cut.
        let mut tail = Zeroizing::new(vec![0; self.tail.len()]);
        let begin = self.at.saturating_sub(tail.len() as u64);
        let is_whole = about.len() >= self.at
            && match self.file.read_exact_at(&mut tail, begin) {
                Ok(()) => *tail == *self.tail,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
                Err(error) => return Err(error),
            };
        if !is_whole {
            self.at = 0;
            self.tail.clear();
        }
        Ok(!is_whole)
    }

    fn read(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        if self.file.metadata()?.len() <= self.at {
            return Ok(());
        }
        // Not left behind in freed memory.
        let mut block = Zeroizing::new(vec![0; BLOCK]);
        let mut left = limits::KEY_LOG_READ;
        while left > 0 {
            let read = match self.file.read_at(&mut block, self.at) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let bytes = block.get(..read).unwrap_or_default();
            let lines = match bytes.iter().rposition(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                // No line is that long: whatever it is, it is passed over.
                None if read > limits::MAX_KEY_LOG_LINE => read,
                None => break,
            };
            let taken = bytes.get(..lines).unwrap_or_default();
            take(taken);
            let tail = taken.get(taken.len().saturating_sub(TAIL)..);
            self.tail = Zeroizing::new(tail.unwrap_or_default().to_vec());
            self.at += lines as u64;
            left = left.saturating_sub(lines);
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::Write;

    use super::*;

    struct Followed {
        file: KeyFile,
        text: String,
        notes: Vec<String>,
    }

    impl Followed {
        fn poll(&mut self) -> (String, usize) {
            let Self { file, text, notes } = self;
            file.poll(
                &mut |bytes| text.push_str(std::str::from_utf8(bytes).unwrap()),
                &mut |_, note| notes.push(note),
            );
            (std::mem::take(text), notes.len())
        }
    }

    #[test]
    fn a_log_is_followed_whatever_becomes_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.log");
        let mut followed = Followed {
            file: KeyFile::new(path.clone()),
            text: String::new(),
            notes: Vec::new(),
        };
        let said = |text: &str, notes| (text.to_owned(), notes);
        // It is told once that it is missing.
        assert_eq!(followed.poll(), said("", 1));
        assert_eq!(followed.poll(), said("", 1));
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(followed.poll(), said("one\n", 1));
        assert_eq!(followed.poll(), said("", 1));
        writer.write_all(b"o\n").unwrap();
        assert_eq!(followed.poll(), said("two\n", 1));
        // Cut, and written again.
        writer.set_len(0).unwrap();
        assert_eq!(followed.poll(), said("", 2));
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"new\n").unwrap();
        assert_eq!(followed.poll(), said("new\n", 2));
        // Cut, and longer by now than what was read.
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"more than before\nand more\n").unwrap();
        assert_eq!(followed.poll(), said("more than before\nand more\n", 3));
        // Gone, its last line written afterwards; then another.
        fs::remove_file(&path).unwrap();
        writer.write_all(b"last\n").unwrap();
        assert_eq!(followed.poll(), said("last\n", 4));
        fs::write(&path, "other\n").unwrap();
        assert_eq!(followed.poll(), said("other\n", 4));
        // Replaced in one step.
        let next = folder.path().join("next");
        fs::write(&next, "third\n").unwrap();
        fs::rename(&next, &path).unwrap();
        assert_eq!(followed.poll(), said("third\n", 5));
        assert_eq!(followed.poll(), said("", 5));
    }
}
