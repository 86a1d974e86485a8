//! Inputs that are no captures, captures that are not whole, and options: the right exit status
//! each time, and a message that names the file and says what to do.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests: a panic is a failure"
)]

#[path = "support/capture.rs"]
mod capture;
#[path = "support/run.rs"]
mod run;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use capture::Format;
use run::{Run, hangup, hangup_reading};

/// One session, 1000 from either side.
const NORMAL: &str = "close-normal-client";
/// One session over IPv6, 1001 from the server.
const IPV6: &str = "ipv6";
/// Two sessions: one closed, one cut off.
const TWO: &str = "two-clients";
/// Sessions whose reasons a terminal would obey, or a spreadsheet run.
const AWKWARD: &str = "close-awkward-reasons";

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    root.join(name).join("capture.pcap")
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

/// An empty folder, and `hangup read` in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn read(&self, arguments: &[&str]) -> Run {
        hangup(self.0.path(), ["read"].iter().chain(arguments))
    }

    /// Nothing but a message: it has all these words.
    fn refused(&self, arguments: &[&str], words: &[&str]) {
        let run = self.read(arguments);
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        has_words(&run, words);
    }

    /// The sessions that are told, by their path.
    fn paths(&self, arguments: &[&str]) -> Vec<String> {
        let run = self.read(&[&["-q", "--format", "jsonl"], arguments].concat());
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{run:?}");
        let sessions = records(&run.stdout, "session").into_iter();
        sessions
            .map(|session| session["path"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn has_words(run: &Run, words: &[&str]) {
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} in {}", run.stderr);
    }
}

fn records(jsonl: &str, kind: &str) -> Vec<Value> {
    let records = jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records
        .filter(|record: &Value| record["type"] == kind)
        .collect()
}

fn is_installed(program: &str) -> bool {
    let installed = Command::new(program).arg("--version").output().is_ok();
    if !installed {
        eprintln!("skipped: {program} is not installed");
    }
    installed
}

#[test]
fn what_is_no_capture_is_named_and_nothing_is_told() {
    let place = Place::new();
    place.write("empty.pcap", b"");
    place.write("letter.txt", b"Dear Sir or Madam,\n");
    fs::create_dir(place.0.path().join("folder")).unwrap();
    place.refused(&["empty.pcap"], &["empty.pcap", "0 bytes", "tcpdump -U"]);
    place.refused(&["letter.txt"], &["letter.txt", "text", "tcpdump -w"]);
    place.refused(&["folder"], &["folder", "directory", "name the captures"]);
    place.refused(&["nowhere.pcap"], &["nowhere.pcap", "no such file"]);
    place.refused(
        &["empty.pcap", "letter.txt"],
        &["empty.pcap", "letter.txt", "no capture could be read"],
    );
    place.refused(&[], &["CAPTURE"]);
}

#[test]
#[cfg(unix)]
fn a_capture_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    place.write("secret.pcap", &bytes(NORMAL));
    let path = place.0.path().join("secret.pcap");
    fs::set_permissions(&path, fs::Permissions::from_mode(0)).unwrap();
    if fs::File::open(&path).is_ok() {
        eprintln!("skipped: root may read everything");
        return;
    }
    place.refused(&["secret.pcap"], &["secret.pcap", "permission"]);
}

#[test]
fn a_capture_of_no_packets_is_a_capture() {
    let place = Place::new();
    place.write("none.pcap", &capture::pcap(&[]));
    let run = place.read(&["none.pcap", "--format", "jsonl"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    has_words(&run, &["0 packets", "No WebSocket found", "filter"]);
    let summary = &records(&run.stdout, "summary")[0];
    assert_eq!(
        (&summary["packets"], &summary["partial"]),
        (&0.into(), &false.into())
    );
}

#[test]
fn one_broken_file_of_two_does_not_hide_the_other() {
    let place = Place::new();
    place.write("letter.txt", b"Dear Sir or Madam,\n");
    place.write("good.pcap", &bytes(NORMAL));
    let run = place.read(&["letter.txt", "good.pcap", "--format", "jsonl"]);
    assert_eq!(run.status, Some(3), "{run:?}");
    has_words(&run, &["letter.txt", "text"]);
    assert_eq!(records(&run.stdout, "session")[0]["code"], 1000);
    assert_eq!(records(&run.stdout, "summary")[0]["partial"], true);
}

#[test]
fn captures_cut_short_are_told_as_far_as_they_go() {
    let place = Place::new();
    let packets = capture::read(&bytes(NORMAL));
    let formats = [
        Format::Pcap {
            nanos: false,
            big: false,
        },
        Format::PcapNg {
            resolutions: vec![9],
            big: true,
        },
    ];
    for format in formats {
        let whole = capture::write(&packets, &format);
        // The last packet begins where the file without it ends.
        let offset = capture::write(&packets[..packets.len() - 1], &format).len();
        place.write("cut.pcap", &whole[..whole.len() - 5]);
        let run = place.read(&["cut.pcap", "--format", "jsonl"]);
        assert_eq!(run.status, Some(3), "{format:?}: {run:?}");
        has_words(
            &run,
            &[
                "cut.pcap",
                "cut short",
                &format!("at byte {offset}"),
                "after packet 13",
            ],
        );
        assert_eq!(
            records(&run.stdout, "session")[0]["code"],
            1000,
            "{format:?}"
        );
        assert_eq!(records(&run.stdout, "summary")[0]["partial"], true);
        place.write("whole.pcap", &whole);
        assert_eq!(place.read(&["whole.pcap"]).status, Some(0), "{format:?}");
    }
    let compressed = capture::gzip(&bytes(NORMAL));
    place.write("cut.pcap.gz", &compressed[..compressed.len() - 20]);
    let run = place.read(&["cut.pcap.gz"]);
    assert_eq!(run.status, Some(3), "{run:?}");
    has_words(&run, &["cut.pcap.gz", "cut short"]);
    // Not even a header.
    place.write("head.pcap", &bytes(NORMAL)[..20]);
    place.refused(&["head.pcap"], &["head.pcap", "20", "24"]);
}

#[test]
fn fail_on_looks_at_what_is_shown() {
    let place = Place::new();
    place.write("a.pcap", &bytes(TWO));
    let status = |options: &[&str]| place.read(&[&["a.pcap"], options].concat()).status;
    let sessions = records(
        &place.read(&["a.pcap", "--format", "jsonl"]).stdout,
        "session",
    );
    let codes: Vec<u64> = sessions
        .iter()
        .filter_map(|told| told["code"].as_u64())
        .collect();
    assert!(codes.contains(&1006) && codes.len() == 2, "{codes:?}");
    let other = codes
        .iter()
        .find(|code| **code != 1006)
        .unwrap()
        .to_string();
    assert_eq!(status(&[]), Some(0));
    assert_eq!(status(&["--fail-on", "abnormal"]), Some(1));
    assert_eq!(status(&["--fail-on", "1006"]), Some(1));
    assert_eq!(status(&["--fail-on", "1011"]), Some(0));
    assert_eq!(status(&["--fail-on", &format!("1011,{other}")]), Some(1));
    assert_eq!(
        status(&["--fail-on", "abnormal", "--code", &other]),
        Some(0)
    );
    // Found weighs more than cut short.
    place.write("a.pcap", &bytes(TWO)[..bytes(TWO).len() - 3]);
    assert_eq!(status(&[]), Some(3));
    assert_eq!(status(&["--fail-on", "1006"]), Some(1));
    place.refused(
        &["a.pcap", "--fail-on", "sometimes"],
        &["sometimes", "abnormal"],
    );
}

#[test]
fn selections_select() {
    let place = Place::new();
    place.write("two.pcap", &bytes(TWO));
    place.write("six.pcap", &bytes(IPV6));
    let all = place.paths(&["two.pcap", "six.pcap"]);
    assert_eq!(all.len(), 3, "{all:?}");
    let run = place.read(&["two.pcap", "six.pcap", "-q", "--format", "jsonl"]);
    let sessions = records(&run.stdout, "session");
    let six = sessions
        .iter()
        .find(|session| session["path"] == "/six")
        .unwrap();
    let cut_off = sessions
        .iter()
        .find(|session| session["code"] == 1006)
        .unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let port = |address: &Value| format!(":{}", text(address).rsplit(':').next().unwrap());
    let select = |options: &[&str]| place.paths(&[&["two.pcap", "six.pcap"], options].concat());
    let (six_path, cut_off_path) = ([text(&six["path"])], [text(&cut_off["path"])]);
    assert_eq!(select(&["--abnormal"]), cut_off_path);
    assert_eq!(select(&["--code", "1006"]), cut_off_path);
    assert_eq!(select(&["--code", "1001,1006"]).len(), 2);
    assert_eq!(select(&["--client", "::1"]), six_path);
    assert_eq!(select(&["--client", "::/16"]), six_path);
    assert_eq!(
        select(&["--client", &port(&cut_off["client"])]),
        cut_off_path
    );
    assert_eq!(
        select(&["--client", &text(&cut_off["client"])]),
        cut_off_path
    );
    assert_eq!(select(&["--server", &text(&six["server"])]), six_path);
    assert_eq!(select(&["--server", &port(&six["server"])]), six_path);
    assert_eq!(select(&["--server", "192.0.2.0/24"]), [""; 0]);
    assert_eq!(select(&["--path", "/si*"]), six_path);
    assert_eq!(select(&["--path", "/*"]), all);
    let number = sessions
        .iter()
        .position(|session| session["path"] == "/six")
        .unwrap()
        + 1;
    assert_eq!(select(&["--session", &number.to_string()]), six_path);
    // None is left: that is no error, and said.
    let run = place.read(&["two.pcap", "--code", "4999"]);
    assert_eq!(run.status, Some(0));
    has_words(&run, &["No session matches"]);
}

#[test]
fn options_that_make_no_sense_are_refused_before_anything_is_told() {
    let place = Place::new();
    place.write("a.pcap", &bytes(NORMAL));
    place.refused(&["a.pcap", "--session", "2"], &["--session 2", "1 session"]);
    place.refused(&["a.pcap", "--session", "0"], &["--session 0"]);
    place.refused(&["a.pcap", "--client", "here"], &["here", "ADDR"]);
    place.refused(&["a.pcap", "--server", "10.0.0.0/33"], &["10.0.0.0/33"]);
    place.refused(&["a.pcap", "--code", "99999"], &["99999"]);
    place.refused(&["a.pcap", "--path", "[a"], &["--path", "[a"]);
    place.refused(&["a.pcap", "-o", "a.xlsx"], &["a.xlsx", ".csv", ".jsonl"]);
    place.refused(&["a.pcap", "-o", "csv"], &["no ending", ".csv"]);
    place.refused(
        &["a.pcap", "-o", "none/a.csv"],
        &["none/a.csv", "no folder"],
    );
    place.refused(&["-", "-"], &["standard input", "once"]);
    place.refused(&["a.pcap", "--format", "xml"], &["xml", "jsonl"]);
    assert!(!place.0.path().join("a.xlsx").exists());
}

#[test]
fn several_outputs_tell_the_same() {
    let place = Place::new();
    place.write("a.pcap", &bytes(AWKWARD));
    let run = place.read(&["a.pcap", "-o", "a.jsonl", "-o", "a.json", "-o", "a.csv"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stdout.contains("WHAT HAPPENED"), "a table as always");
    let lines = place.text("a.jsonl");
    assert_eq!(lines, place.read(&["a.pcap", "--format", "jsonl"]).stdout);
    assert_eq!(
        place.text("a.csv"),
        place.read(&["a.pcap", "--format", "csv"]).stdout
    );
    let document: Value = serde_json::from_str(&place.text("a.json")).unwrap();
    let sessions = records(&lines, "session");
    assert_eq!(document["sessions"].as_array(), Some(&sessions));
}

#[test]
fn standard_input_is_a_capture() {
    let place = Place::new();
    let from_file = {
        place.write("a.pcap", &bytes(NORMAL));
        place.read(&["a.pcap", "--format", "jsonl"]).stdout
    };
    for input in [bytes(NORMAL), capture::gzip(&bytes(NORMAL))] {
        for arguments in [
            ["-", "--format", "jsonl"].as_slice(),
            &["read", "-", "--format", "jsonl"],
        ] {
            let run = hangup_reading(place.0.path(), arguments, input.clone());
            assert_eq!((run.status, &run.stdout), (Some(0), &from_file), "{run:?}");
        }
    }
    let run = hangup_reading(place.0.path(), ["-"], b"nonsense".to_vec());
    assert_eq!(run.status, Some(2), "{run:?}");
}

#[test]
fn several_files_are_one_capture_and_packets_name_theirs() {
    let place = Place::new();
    let packets = capture::read(&bytes(NORMAL));
    let (first, second) = packets.split_at(7);
    place.write("first.pcap", &capture::pcap(first));
    place.write("second.pcap", &capture::pcap(second));
    let run = place.read(&["second.pcap", "first.pcap", "--format", "jsonl"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    let session = &records(&run.stdout, "session")[0];
    assert_eq!(session["code"], 1000);
    assert_eq!(session["first_file"], "first.pcap");
    assert_eq!(
        (&session["last_file"], &session["last_packet"]),
        (&"second.pcap".into(), &7.into())
    );
    // Packet 10 of the whole is the third of the second file.
    let close = &session["closes"][0];
    assert_eq!(
        (&close["file"], &close["packet"]),
        (&"second.pcap".into(), &3.into())
    );
}

#[test]
#[cfg(feature = "live")]
fn a_filter_is_in_the_language_of_tcpdump() {
    let place = Place::new();
    place.write("two.pcap", &bytes(TWO));
    place.write("six.pcap", &bytes(IPV6));
    let run = place.read(&["six.pcap", "-q", "--format", "jsonl"]);
    let server = &records(&run.stdout, "session")[0]["server"];
    let port = server
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let filter = format!("tcp port {port}");
    let captures = ["two.pcap", "six.pcap"];
    assert_eq!(
        place.paths(&[&captures[..], &["-f", &filter]].concat()),
        ["/six"]
    );
    assert_eq!(
        place.paths(&[&captures[..], &["-f", "ip"]].concat()).len(),
        2
    );
    place.refused(
        &["six.pcap", "-f", "tcp prot 80"],
        &["tcp prot 80", "filter"],
    );
}

#[test]
#[cfg(unix)]
fn a_pipe_that_is_closed_early_is_no_error() {
    let place = Place::new();
    // More than a pipe holds, so that the program is still writing when head has seen enough.
    let sessions = bytes("close-every-sendable-code");
    let names: Vec<String> = (0..4).map(|number| format!("{number}.pcap")).collect();
    let mut packets = Vec::new();
    for (day, name) in (0_u64..).zip(&names) {
        packets = capture::read(&sessions);
        for packet in &mut packets {
            packet.nanos += day * 86_400_000_000_000;
        }
        place.write(name, &capture::pcap(&packets));
    }
    assert!(!packets.is_empty());
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
