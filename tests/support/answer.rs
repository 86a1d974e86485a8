//! The answer of a run, as records.

use std::path::Path;

use serde_json::Value;

use crate::run::hangup;

/// The key log in a folder of `fixtures/`.
pub(crate) const KEYS: &str = "keys.log";

/// Standard output of `hangup read --format jsonl` on these captures, which must succeed; with the
/// key log of the folder, where it has one. Status 3 is a success: fixtures and tests cut captures on purpose.
pub(crate) fn answer(folder: &Path, captures: &[&str]) -> String {
    let arguments = ["read", "--quiet", "--format", "jsonl"];
    let has_keys = folder.join(KEYS).is_file();
    let keys: &[&str] = if has_keys { &["--keylog", KEYS] } else { &[] };
    let run = hangup(folder, arguments.iter().chain(captures).chain(keys));
    assert!(
        matches!(run.status, Some(0 | 3)),
        "{captures:?} in {}: status {:?}\n{}",
        folder.display(),
        run.status,
        run.stderr
    );
    run.stdout
}

/// The `session` records of an answer in JSON Lines.
pub(crate) fn sessions(answer: &str) -> Vec<Value> {
    let records = answer.lines().map(|line| {
        let record: Value = serde_json::from_str(line).expect("JSON");
        record
    });
    records
        .filter(|record| record["type"] == "session")
        .collect()
}
