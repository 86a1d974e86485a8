//! Every capture of `fixtures/` tells what its endpoints said themselves, and what tshark shows.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing key of a JSON value is null"
)]

#[path = "support/answer.rs"]
mod answer;
#[path = "support/cases.rs"]
mod cases;
#[path = "support/run.rs"]
mod run;

use std::collections::BTreeMap;
use std::process::Command;
use std::{env, fs, thread};

use serde_json::Value;

use answer::{answer, sessions};
use cases::{Case, cases};

/// What each endpoint's own API said, and the Close frames on the wire.
#[test]
fn the_answer_is_what_the_endpoints_said() {
    for_each_case(|case, wrong| {
        let told = sessions(&answer(&case.folder, &[&case.capture]));
        compare_all(&case.truth, told, wrong);
    });
}

fn compare_all(truth: &[Value], mut told: Vec<Value>, wrong: &mut Vec<String>) {
    for truth in truth {
        let name = format!("{} {}", truth["client_addr"], truth["path"]);
        match told.iter().position(|told| is_of(truth, told)) {
            Some(found) => compare(truth, &told.remove(found), &name, wrong),
            None => wrong.push(format!("{name}: the session is missing")),
        }
    }
    for told in told {
        let (client, path) = (&told["client"], &told["path"]);
        wrong.push(format!("{client} {path}: there is no such session"));
    }
}

/// `told` is the session that `truth` describes.
fn is_of(truth: &Value, told: &Value) -> bool {
    let keys = [
        ("client_addr", "client"),
        ("server_addr", "server"),
        ("path", "path"),
    ];
    keys.iter()
        .all(|(key, told_as)| agrees(&truth[*key], &told[*told_as]))
}

/// What the truth does not know is not compared.
fn agrees(truth: &Value, told: &Value) -> bool {
    truth.is_null() || truth == told
}

fn compare(truth: &Value, told: &Value, name: &str, wrong: &mut Vec<String>) {
    let mut check = |what: &str, truth: &Value, told: &Value| {
        if !agrees(truth, told) {
            wrong.push(format!("{name}: {what} is {truth}, told is {told}"));
        }
    };
    let state = told["state"].as_str().unwrap_or_default();
    let opened = matches!(state, "open" | "closing" | "closed");
    check("opened", &truth["opened"], &opened.into());
    check(
        "open at the end of the capture",
        &truth["open_at_capture_end"],
        &(state == "open").into(),
    );
    check("HTTP status", &truth["http_status"], &told["http_status"]);
    check("closer", &truth["closed_by"], &told["closer"]);
    for (end, view) in [("client", "client_view"), ("server", "server_view")] {
        for field in ["code", "reason", "clean"] {
            let mut said = truth[end][field].clone();
            // An API reports no reason as an empty one.
            if said == "" {
                said = Value::Null;
                if told[view][field].is_null() {
                    continue;
                }
            }
            check(&format!("{view}.{field}"), &said, &told[view][field]);
        }
    }
    check(
        "Close frames",
        &wire(&truth["closes"]),
        &wire(&told["closes"]),
    );
}

/// Close frames without the packets that only one side knows.
fn wire(closes: &Value) -> Value {
    let close = |close: &Value| {
        let reason = close["reason"].as_str().unwrap_or_default();
        format!("{} {} {reason:?}", close["from"], close["code"])
    };
    let closes = closes.as_array().map(Vec::as_slice).unwrap_or_default();
    closes.iter().map(close).collect()
}

/// Byte for byte. `HANGUP_BLESS=1` writes what is to be expected from now on, except where that
/// contradicts the truth.
#[test]
fn the_answer_is_the_one_expected() {
    let bless = env::var_os("HANGUP_BLESS").is_some();
    for_each_case(|case, wrong| {
        let told = answer(&case.folder, &[&case.capture]);
        let file = case.folder.join("expected.jsonl");
        if bless {
            let known = wrong.len();
            compare_all(&case.truth, sessions(&told), wrong);
            if wrong.len() == known {
                fs::write(file, told).expect("writable");
            }
            return;
        }
        match fs::read_to_string(file) {
            Ok(expected) if expected == told => {}
            Ok(expected) => wrong.push(first_difference(&expected, &told)),
            Err(error) => wrong.push(format!("expected.jsonl: {error}")),
        }
    });
}

fn first_difference(expected: &str, told: &str) -> String {
    let mut told_lines = told.lines();
    for (number, expected) in expected.lines().enumerate() {
        let told = told_lines.next().unwrap_or("nothing");
        if expected != told {
            let (expected, told) = (fields(expected), fields(told));
            let names = expected.keys().chain(told.keys());
            let differing = names.filter(|name| expected.get(*name) != told.get(*name));
            let mut texts: Vec<String> = differing
                .map(|name| {
                    format!(
                        "{name}: {:?}, told {:?}",
                        expected.get(name),
                        told.get(name)
                    )
                })
                .collect();
            texts.sort();
            texts.dedup();
            return format!("line {}: {}", number + 1, texts.join("; "));
        }
    }
    format!(
        "more than expected: {}",
        told_lines.next().unwrap_or("a line end")
    )
}

fn fields(line: &str) -> BTreeMap<String, String> {
    let record: Value = serde_json::from_str(line).unwrap_or_default();
    let fields = record.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| (name.clone(), value.to_string()))
        .collect()
}

/// Close frames are in the packets in which tshark shows them.
#[test]
fn close_frames_are_in_the_packets_that_tshark_shows() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("skipped: tshark is not installed");
        return;
    }
    for_each_case(|case, wrong| {
        let told = sessions(&answer(&case.folder, &[&case.capture]));
        let packets = tshark(case);
        for session in &told {
            for close in session["closes"].as_array().into_iter().flatten() {
                let from = port(&session[close["from"].as_str().unwrap_or_default()]);
                let number = close["packet"].as_u64().unwrap_or_default();
                let shown = packets.get(&number);
                let dissected = || {
                    packets
                        .values()
                        .any(|packet| packet.from == from && packet.websocket)
                };
                match shown {
                    Some(packet) if packet.from != from || packet.bytes == 0 => {
                        wrong.push(format!("{close}: packet {number} is {packet:?}"));
                    }
                    Some(packet) if packet.closes.contains(&close["code"].as_u64()) => {}
                    // tshark wants to have seen the opening, and not too cut up.
                    Some(_) if !dissected() => {
                        eprintln!("{}: tshark shows no frame from port {from}", case.name);
                    }
                    _ => wrong.push(format!("{close}: tshark shows {shown:?}")),
                }
            }
        }
    });
}

/// A TCP segment as tshark dissects it.
#[derive(Debug)]
struct Dissected {
    /// Source port.
    from: u64,
    /// Bytes of payload.
    bytes: u64,
    /// A WebSocket frame ends in it.
    websocket: bool,
    /// The codes of the Close frames that end in it.
    closes: Vec<Option<u64>>,
}

fn port(address: &Value) -> u64 {
    let text = address.as_str().unwrap_or_default();
    let port = text.rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("an address with a port")
}

/// All TCP segments by their frame number.
fn tshark(case: &Case) -> BTreeMap<u64, Dissected> {
    let fields = [
        "frame.number",
        "tcp.srcport",
        "tcp.len",
        "websocket.opcode",
        "websocket.payload.close.status_code",
    ];
    let output = Command::new("tshark")
        .args(["-r", &case.capture, "-Y", "tcp", "-T", "fields"])
        .args(["-o", "tcp.reassemble_out_of_order:TRUE"])
        .args(["-o", "tls.keylog_file:keys.log"])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .current_dir(&case.folder)
        .output()
        .expect("tshark runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(dissected).collect()
}

fn dissected(line: &str) -> (u64, Dissected) {
    let cells: Vec<Vec<Option<u64>>> = line
        .split('\t')
        .map(|cell| cell.split(',').filter(|word| !word.is_empty()))
        .map(|words| words.map(|word| word.parse().ok()).collect())
        .collect();
    let number = |cell: usize| cells[cell].first().copied().flatten().unwrap_or_default();
    let opcodes = &cells[3];
    let mut closes = cells[4].clone();
    // Empty ones have no code.
    let frames = opcodes.iter().filter(|opcode| **opcode == Some(8)).count();
    closes.resize(frames.max(closes.len()), None);
    let packet = Dissected {
        from: number(1),
        bytes: number(2),
        websocket: !opcodes.is_empty(),
        closes,
    };
    (number(0), packet)
}

/// All cases, on two threads; each may complain without hiding the others.
fn for_each_case(check: impl Fn(&Case, &mut Vec<String>) + Sync) {
    let cases = cases();
    let run = |cases: &[Case]| {
        let mut complaints = Vec::new();
        for case in cases {
            let mut wrong = Vec::new();
            check(case, &mut wrong);
            complaints.extend(wrong.iter().map(|text| format!("{}: {text}", case.name)));
        }
        complaints
    };
    let (first, second) = cases.split_at(cases.len() / 2);
    let complaints = thread::scope(|scope| {
        let second = scope.spawn(|| run(second));
        let mut complaints = run(first);
        complaints.extend(second.join().expect("no panic"));
        complaints
    });
    assert!(
        complaints.is_empty(),
        "{} complaints about {} cases:\n{}",
        complaints.len(),
        cases.len(),
        complaints.join("\n")
    );
}
