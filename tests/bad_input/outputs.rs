//! Outputs: files, pipes, and that other programs read them as they were meant.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::capture;
use crate::place::{Place, bytes, records};

/// Sessions whose reasons a terminal would obey, or a spreadsheet run.
const AWKWARD: &str = "close-awkward-reasons";

#[test]
fn several_outputs_tell_the_same() {
    let place = Place::new();
    place.write("a.pcap", &bytes(AWKWARD));
    let run = place.read(&["a.pcap", "-o", "a.jsonl", "-o", "a.json", "-o", "a.csv"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stdout.contains("WHAT HAPPENED"), "a table as always");
    let text = |name: &str| fs::read_to_string(place.0.path().join(name)).unwrap();
    let lines = text("a.jsonl");
    assert_eq!(lines, place.read(&["a.pcap", "--format", "jsonl"]).stdout);
    assert_eq!(
        text("a.csv"),
        place.read(&["a.pcap", "--format", "csv"]).stdout
    );
    let document: Value = serde_json::from_str(&text("a.json")).unwrap();
    let sessions = records(&lines, "session");
    assert_eq!(document["sessions"].as_array(), Some(&sessions));
}

#[test]
#[cfg(unix)]
fn a_pipe_that_is_closed_early_is_no_error() {
    let place = Place::new();
    // More than a pipe holds, so that the program is still writing when head has seen enough.
    let sessions = bytes("close-every-sendable-code");
    let names: Vec<String> = (0..4).map(|number| format!("{number}.pcap")).collect();
    for (day, name) in (0_u64..).zip(&names) {
        let mut packets = capture::read(&sessions);
        for packet in &mut packets {
            packet.nanos += day * 86_400_000_000_000;
        }
        place.write(name, &capture::pcap(&packets));
    }
    let script = "\"$0\" read -q --view events --format jsonl [0-9].pcap | head -1; \
                  exit ${PIPESTATUS[0]}";
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_hangup")])
        .current_dir(place.0.path())
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: bash is not installed");
        return;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout).lines().count(), 1);
    let whole = place.read(&[
        "-q", "--view", "events", "--format", "jsonl", "0.pcap", "1.pcap", "2.pcap", "3.pcap",
    ]);
    assert!(
        whole.stdout.len() > 65_536,
        "{} bytes fit a pipe",
        whole.stdout.len()
    );
}

fn is_installed(program: &str) -> bool {
    let installed = Command::new(program).arg("--version").output().is_ok();
    if !installed {
        eprintln!("skipped: {program} is not installed");
    }
    installed
}

/// Reads a program's input and gives its output.
fn piped(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn python_reads_the_csv_as_the_json() {
    if !is_installed("python3") {
        return;
    }
    const SCRIPT: &str = "import csv, io, json, sys
text = io.TextIOWrapper(sys.stdin.buffer, 'utf-8', newline='')
json.dump(list(csv.DictReader(text, strict=True)), sys.stdout)";
    let place = Place::new();
    for case in [
        AWKWARD,
        "violations-client-ws",
        "no-answer-cut",
        "open-at-end",
        "loss-far",
    ] {
        place.write("a.pcap", &bytes(case));
        let jsonl = place.read(&["-q", "--format", "jsonl", "a.pcap"]).stdout;
        let csv = place
            .read(&["-q", "--format", "csv", "--csv-raw", "a.pcap"])
            .stdout;
        let rows: Vec<Value> =
            serde_json::from_str(&piped("python3", &["-c", SCRIPT], &csv)).unwrap();
        let sessions = records(&jsonl, "session");
        assert_eq!(rows.len(), sessions.len(), "{case}");
        for (session, row) in sessions.iter().zip(&rows) {
            let mut cells = 0;
            compare_cells("", session, row, &mut cells);
            assert_eq!(
                cells,
                row.as_object().unwrap().len(),
                "{case}: cells of nothing"
            );
        }
    }
}

/// Each value of a record is in the cell of its name; lists are words, which are counted.
fn compare_cells(name: &str, value: &Value, row: &Value, cells: &mut usize) {
    match value {
        // Nothing of it is known: all its cells are empty.
        Value::Null if name == "transport_end" => {
            for part in ["how", "from", "packet", "time"] {
                compare_cells(&format!("{name}_{part}"), &Value::Null, row, cells);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields.iter().filter(|(field, _)| *field != "type") {
                let joined = if name.is_empty() {
                    field.clone()
                } else {
                    format!("{name}_{field}")
                };
                compare_cells(&joined, value, row, cells);
            }
        }
        _ => {
            let cell = row[name]
                .as_str()
                .unwrap_or_else(|| panic!("no column {name}"));
            *cells += 1;
            match value {
                Value::Null => assert_eq!(cell, "", "{name}"),
                Value::String(text) => assert_eq!(cell, text, "{name}"),
                Value::Array(items) => {
                    assert_eq!(cell.split_whitespace().count(), items.len(), "{name}")
                }
                other => assert_eq!(cell, other.to_string(), "{name}"),
            }
        }
    }
}

#[test]
fn a_spreadsheet_gets_no_formula() {
    let place = Place::new();
    place.write("a.pcap", &bytes(AWKWARD));
    let reasons = |options: &[&str]| {
        let run = place.read(&[&["-q", "--format", "csv", "a.pcap"], options].concat());
        let mut reader = csv::Reader::from_reader(run.stdout.as_bytes());
        let column = reader
            .headers()
            .unwrap()
            .iter()
            .position(|name| name == "reason");
        let reasons = reader
            .records()
            .map(|row| row.unwrap()[column.unwrap()].to_owned());
        reasons.collect::<Vec<String>>()
    };
    let runs = |text: &&String| text.starts_with(['=', '+', '-', '@']);
    assert_eq!(reasons(&[]).iter().filter(runs).count(), 0);
    let raw = reasons(&["--csv-raw"]);
    assert!(raw.iter().filter(runs).count() > 1, "{raw:?}");
    let guarded: Vec<String> = raw
        .iter()
        .map(|text| {
            if runs(&text) {
                format!("'{text}")
            } else {
                text.clone()
            }
        })
        .collect();
    assert_eq!(reasons(&[]), guarded);
}

#[test]
fn jq_reads_the_json() {
    if !is_installed("jq") {
        return;
    }
    let place = Place::new();
    place.write("a.pcap", &bytes(AWKWARD));
    let jsonl = place.read(&["-q", "--format", "jsonl", "a.pcap"]).stdout;
    let sessions = records(&jsonl, "session").len();
    for (format, query) in [
        ("jsonl", "select(.type == \"session\") | .code"),
        ("json", ".sessions[].code"),
    ] {
        let told = place.read(&["-q", "--format", format, "a.pcap"]).stdout;
        let codes = piped("jq", &[query], &told);
        assert_eq!(codes.lines().count(), sessions, "{format}: {codes}");
        assert!(
            codes.lines().all(|code| code.parse::<u16>().is_ok()),
            "{codes}"
        );
    }
}
