//! What several sessions share, from capture to output.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing key of a JSON value is null"
)]

#[path = "support/run.rs"]
mod run;

use std::path::Path;

use run::hangup;
use serde_json::Value;

/// Standard output over the capture of a case.
fn told(case: &str, arguments: &[&str]) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let capture = fixtures.join(case).join("capture.pcap");
    let capture = capture.to_str().expect("a path of ASCII");
    let run = hangup(&fixtures, arguments.iter().copied().chain(["-q", capture]));
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{case}");
    run.stdout
}

/// Its records of one type.
fn records(case: &str, kind: &str, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = ["--format", "jsonl"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    told(case, &arguments)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|record| record["type"] == kind)
        .collect()
}

#[test]
fn an_idle_timer_shows_in_three_sessions() {
    let findings = records("idle-timeout-2s", "finding", &[]);
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!(finding["finding"], "idle-timeout");
    assert_eq!(finding["confidence"], "high");
    assert_eq!(finding["sessions"], serde_json::json!([1, 2, 3]));
    assert_eq!((&finding["count"], &finding["of"]), (&3.into(), &3.into()));
    let summary = finding["summary"].as_str().expect("a sentence");
    assert!(summary.contains(" 2.0 s after "), "{summary}");
    for session in records("idle-timeout-2s", "session", &[]) {
        assert_eq!(session["cause"], "idle-timeout");
        assert_eq!(session["confidence"], "high");
        assert_eq!(session["code"], 1006);
        assert_eq!(session["closer"], "server");
    }
    let table = told("idle-timeout-2s", &[]);
    assert!(
        table.contains("\nWhat sessions share\n  idle-timeout (sessions 1, 2, 3;"),
        "{table}"
    );
    let document: Value =
        serde_json::from_str(&told("idle-timeout-2s", &["--format", "json"])).expect("JSON");
    assert_eq!(document["findings"][0], findings[0]);
    // CSV has one kind of row.
    assert_eq!(
        told("idle-timeout-2s", &["--format", "csv"])
            .lines()
            .count(),
        4
    );
}

#[test]
fn a_finding_is_told_where_one_of_its_sessions_is() {
    assert_eq!(
        records("idle-timeout-2s", "finding", &["--session", "2"]).len(),
        1
    );
    assert!(records("idle-timeout-2s", "finding", &["--path", "/none"]).is_empty());
}

#[test]
fn what_is_alone_shares_nothing() {
    for case in [
        "server-killed-idle",
        "close-every-sendable-code",
        "two-clients",
        "ping-pong",
    ] {
        assert!(records(case, "finding", &[]).is_empty(), "{case}");
    }
}

#[test]
fn legs_name_each_other_and_who_ended_both() {
    for (case, told) in [
        ("two-legs-closed", ["began on this leg, ", "(session 1)"]),
        ("two-legs-cut-by-proxy", ["The proxy ended both"; 2]),
    ] {
        let sessions = records(case, "session", &[]);
        assert_eq!(sessions.len(), 2, "{case}");
        for ((session, other), told) in sessions.iter().zip([2, 1]).zip(told) {
            assert_eq!(session["related"], serde_json::json!([other]), "{case}");
            let summary = session["summary"].as_str().expect("a sentence");
            assert!(summary.contains(told), "{case}: {summary}");
        }
    }
}
