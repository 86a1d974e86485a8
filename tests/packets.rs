//! `read -o FILE.pcapng`: the packets of sessions, which tell the same by themselves.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing key of a JSON value is null"
)]

#[path = "support/answer.rs"]
mod answer;
#[path = "support/cases.rs"]
#[expect(dead_code, reason = "what is true is for other tests")]
mod cases;
#[path = "support/run.rs"]
mod run;

use std::fs;
use std::process::Command;

use answer::{KEYS, answer, sessions};
use run::hangup;

#[test]
fn the_packets_of_all_sessions_tell_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in cases::cases() {
        let keys = case.folder.join(KEYS);
        let capture = case.folder.join(&case.capture);
        let written = folder.path().join("out.pcapng");
        let mut arguments = vec!["read", "-q", "--format", "jsonl", "-o"];
        arguments.extend([written.to_str(), capture.to_str()].map(|path| path.expect("UTF-8")));
        if keys.is_file() {
            arguments.extend(["--keylog", keys.to_str().expect("UTF-8")]);
            fs::copy(&keys, folder.path().join(KEYS)).expect("copied");
        }
        let run = hangup(folder.path(), &arguments);
        assert!(matches!(run.status, Some(0 | 3)), "{}", run.stderr);
        let whole = sessions(&run.stdout);
        // Secrets inside of a capture stay there.
        let has_own_secrets = !keys.is_file() && whole.iter().any(|s| s["transport"] == "wss");
        if !whole.is_empty() && !has_own_secrets {
            let again = sessions(&answer(folder.path(), &["out.pcapng"]));
            assert_eq!(whole.len(), again.len(), "{}", case.name);
            for (one, other) in whole.iter().zip(&again) {
                for field in ["client", "path", "started", "ended", "code", "closes"] {
                    // Packets have other numbers.
                    let told = |record: &serde_json::Value| match field {
                        "closes" => record[field].as_array().map_or(0, Vec::len).into(),
                        _ => record[field].clone(),
                    };
                    assert_eq!(told(one), told(other), "{field} in {}", case.name);
                }
            }
        }
        let _ = fs::remove_file(folder.path().join(KEYS));
    }
}

#[test]
fn wireshark_reads_packets_and_comments() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = cases::cases()
        .into_iter()
        .find(|case| case.name == "idle-timeout-2s")
        .expect("a case");
    let capture = case.folder.join(&case.capture);
    let capture = capture.to_str().expect("UTF-8");
    let arguments = ["-q", "--client", ":39894", "-o", "one.pcapng", capture];
    let run = hangup(folder.path(), arguments);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let tshark = Command::new("tshark")
        .args(["-r", "one.pcapng", "-T", "fields"])
        .args(["-e", "tcp.port", "-e", "frame.comment"])
        .current_dir(folder.path())
        .output();
    let Ok(tshark) = tshark else {
        eprintln!("skipped: no tshark");
        return;
    };
    let text = String::from_utf8(tshark.stdout).expect("UTF-8");
    assert!(text.lines().all(|line| line.contains("39894")), "{text}");
    assert!(
        text.lines()
            .next()
            .is_some_and(|line| line.contains("session 2: 1006, idle-timeout")),
        "{text}"
    );
    assert!(text.contains("session 2, evidence: server: FIN"), "{text}");
}

#[test]
fn what_can_be_read_only_once_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = hangup(folder.path(), ["-", "-o", "out.pcapng"]);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("standard input"), "{}", run.stderr);
    fs::write(folder.path().join("in.pcapng"), b"x").expect("written");
    let run = hangup(folder.path(), ["in.pcapng", "-o", "in.pcapng"]);
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("that is read"), "{}", run.stderr);
    assert_eq!(
        fs::read(folder.path().join("in.pcapng")).expect("kept"),
        b"x"
    );
}
