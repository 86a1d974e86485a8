//! What is read through TLS is what tshark reads with the same keys: each message, Ping, Pong and
//! Close by its side and its length.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing key of a JSON value is null"
)]

#[path = "support/cases.rs"]
#[expect(dead_code, reason = "the truth is compared elsewhere")]
mod cases;
#[path = "support/run.rs"]
mod run;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use run::hangup;
use serde_json::Value;

/// What an end sent, in order: opcode and bytes of payload, as on the wire.
type Sent = BTreeMap<String, Vec<(u8, u64)>>;

const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;

/// `None` where tshark is not installed.
fn shown(capture: &Path, keys: &Path) -> Option<Sent> {
    let mut command = Command::new("tshark");
    command
        // Twice: secrets may stand behind what they open.
        .args([
            "-2",
            "-T",
            "fields",
            "-E",
            "separator=;",
            "-E",
            "aggregator=,",
        ])
        .args(["-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "websocket"]);
    command.args(["-o", &format!("tls.keylog_file:{}", keys.display())]);
    let fields = [
        "ip.src",
        "ipv6.src",
        "tcp.srcport",
        "websocket.opcode",
        "websocket.payload_length",
        "websocket.payload_length_ext_16",
        "websocket.payload_length_ext_64",
    ];
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.arg("-r").arg(capture).output().ok()?;
    let mut sent = Sent::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let values: Vec<&str> = line.split(';').collect();
        let &[v4, v6, port, opcodes, lengths, short, long] = values.as_slice() else {
            panic!("{line}");
        };
        let source = if v4.is_empty() {
            format!("[{v6}]:{port}")
        } else {
            format!("{v4}:{port}")
        };
        let numbers = |text: &str| -> Vec<u64> {
            text.split(',')
                .filter_map(|word| word.parse().ok())
                .collect()
        };
        let (mut short, mut long) = (numbers(short).into_iter(), numbers(long).into_iter());
        let frames = sent.entry(source).or_default();
        for (opcode, length) in numbers(opcodes).into_iter().zip(numbers(lengths)) {
            // RFC 6455 §5.2.
            let length = match length {
                126 => short.next().expect("a length of 16 bits"),
                127 => long.next().expect("a length of 64 bits"),
                length => length,
            };
            let opcode = u8::try_from(opcode).expect("four bits");
            match frames.iter_mut().rfind(|(opcode, _)| *opcode < CLOSE) {
                Some((_, message)) if opcode == CONTINUATION => *message += length,
                _ => frames.push((opcode, length)),
            }
        }
    }
    Some(sent)
}

/// The same, as the story of each session has it.
fn told(capture: &Path, keys: &Path) -> Sent {
    let mut arguments = vec!["read", "-q", "--format", "jsonl", "--view", "events"];
    arguments.push(capture.to_str().expect("a path of ASCII"));
    arguments.extend(["--keylog", keys.to_str().expect("a path of ASCII")]);
    let run = hangup(Path::new(env!("CARGO_MANIFEST_DIR")), arguments);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let mut sent = Sent::new();
    for line in run.stdout.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let (kind, detail) = (text("event"), text("detail"));
        let bytes = || {
            let word = detail.split(' ').rev().nth(1).expect("a number and bytes");
            word.parse().expect("a number")
        };
        let frame = match &*kind {
            "message" if detail.starts_with("text") => (1, bytes()),
            "message" => (2, bytes()),
            "ping" => (9, bytes()),
            "pong" => (10, bytes()),
            "close" if detail == "no code" => (CLOSE, 0),
            // Four digits and a space take the place of two bytes.
            "close" if detail.len() > 4 => (CLOSE, detail.len() as u64 - 3),
            "close" => (CLOSE, 2),
            _ => continue,
        };
        let source = text(&text("from"));
        sent.entry(source).or_default().push(frame);
    }
    sent
}

#[test]
fn frames_are_those_that_tshark_reads_with_the_same_keys() {
    let mut compared = 0;
    for case in cases::cases() {
        // Secrets that stand in a capture behind what they open are none for tshark.
        let keys = case.folder.join("keys.log");
        if !keys.is_file() {
            continue;
        }
        let capture = case.folder.join(&case.capture);
        let Some(shown) = shown(&capture, &keys) else {
            eprintln!("skipped: tshark is not installed");
            return;
        };
        assert_eq!(told(&capture, &keys), shown, "{}", case.name);
        compared += shown.values().map(Vec::len).sum::<usize>();
    }
    assert!(compared > 50, "only {compared} frames to compare");
}
