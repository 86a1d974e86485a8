//! The captures with a known answer in `fixtures/`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One folder of `fixtures/`.
pub(crate) struct Case {
    /// Name of the folder.
    pub(crate) name: String,
    /// The folder.
    pub(crate) folder: PathBuf,
    /// Name of the capture in it.
    pub(crate) capture: String,
    /// `sessions` of its `truth.json`.
    pub(crate) truth: Vec<Value>,
}

/// All of them, by name.
pub(crate) fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut cases: Vec<Case> = files(&root)
        .into_iter()
        .filter(|folder| folder.join("truth.json").is_file())
        .map(case)
        .collect();
    assert!(!cases.is_empty(), "no cases in {}", root.display());
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn case(folder: PathBuf) -> Case {
    let truth = fs::read(folder.join("truth.json")).expect("readable");
    let truth: Value = serde_json::from_slice(&truth).expect("JSON");
    let capture = files(&folder)
        .iter()
        .map(|file| name(file))
        .find(|name| name.starts_with("capture."));
    Case {
        name: name(&folder),
        capture: capture.unwrap_or_else(|| panic!("no capture in {}", folder.display())),
        truth: truth["sessions"].as_array().expect("a list").clone(),
        folder,
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

fn name(path: &Path) -> String {
    path.file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}
