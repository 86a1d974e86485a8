//! A folder for a test, and `hangup read` in it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::{Run, hangup};

/// The capture of a fixture.
fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    root.join(name).join("capture.pcap")
}

/// Its bytes.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

/// An empty folder, and `hangup read` in it.
pub(crate) struct Place(pub(crate) tempfile::TempDir);

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file in it.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    /// `hangup read` with these arguments.
    pub(crate) fn read(&self, arguments: &[&str]) -> Run {
        hangup(self.0.path(), ["read"].iter().chain(arguments))
    }

    /// Nothing but a message: it has all these words.
    pub(crate) fn refused(&self, arguments: &[&str], words: &[&str]) {
        let run = self.read(arguments);
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        has_words(&run, words);
    }
}

/// The message has all these words.
pub(crate) fn has_words(run: &Run, words: &[&str]) {
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} in {}", run.stderr);
    }
}

/// The records of a kind, of an answer in JSON Lines.
pub(crate) fn records(jsonl: &str, kind: &str) -> Vec<Value> {
    let records = jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records
        .filter(|record: &Value| record["type"] == kind)
        .collect()
}
