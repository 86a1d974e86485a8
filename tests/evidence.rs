//! The packets that a verdict rests on are the ones its sentences speak of: each number opens in
//! Wireshark at a packet that shows it.

#![expect(
    clippy::indexing_slicing,
    reason = "our own JSON: what is missing there fails the test"
)]

#[path = "support/cases.rs"]
#[expect(dead_code, reason = "the truth is compared elsewhere")]
mod cases;

use std::collections::HashMap;
use std::process::Command;

use serde_json::Value;

/// What tshark shows of a packet.
struct Seen {
    fin: bool,
    rst: bool,
    len: u64,
    source: String,
    /// Type and code of an ICMP error that quotes TCP.
    icmp: Option<(String, String)>,
    /// It holds an alert of TLS.
    alert: bool,
    /// It ends a ClientHello.
    client_hello: bool,
}

/// Every TCP packet of a capture, and every ICMP error about one, by its number; `None` where tshark is not installed.
fn seen(capture: &std::path::Path) -> Option<HashMap<u64, Seen>> {
    let fields = [
        "frame.number",
        "tcp.flags.fin",
        "tcp.flags.reset",
        "tcp.len",
        "ip.src",
        "ipv6.src",
        "tcp.srcport",
        "icmp.type",
        "icmp.code",
        "tls.alert_message.desc",
        "tls.handshake.type",
    ];
    let mut command = Command::new("tshark");
    command
        .args(["-T", "fields", "-E", "separator=;", "-Y", "tcp"])
        .args(["-o", "tls.keylog_file:keys.log", "-r"])
        .arg(capture)
        .current_dir(capture.parent()?);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let packets = text.lines().filter_map(|line| {
        let values: Vec<&str> = line.split(';').collect();
        let &[
            number,
            fin,
            rst,
            len,
            v4,
            v6,
            port,
            kind,
            code,
            alert,
            hello,
        ] = values.as_slice()
        else {
            return None;
        };
        let source = if v4.is_empty() {
            format!("[{v6}]:{port}")
        } else {
            format!("{v4}:{port}")
        };
        let is_set = |flag: &str| flag == "1" || flag == "True";
        Some((
            number.parse().ok()?,
            Seen {
                fin: is_set(fin),
                rst: is_set(rst),
                len: len.parse().unwrap_or(0),
                source,
                icmp: (!kind.is_empty()).then(|| (kind.to_owned(), code.to_owned())),
                alert: !alert.is_empty(),
                client_hello: hello.split(',').any(|kind| kind == "1"),
            },
        ))
    });
    Some(packets.collect())
}

#[test]
fn evidence_is_where_it_is_said_to_be() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for case in cases::cases() {
        let capture = case.folder.join(&case.capture);
        let Some(packets) = seen(&capture) else {
            eprintln!("skipped: tshark is not installed");
            return;
        };
        let keys = case.folder.join("keys.log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hangup"));
        command
            .arg("read")
            .arg(&capture)
            .args(["--format", "jsonl"]);
        if keys.is_file() {
            command.arg("--keylog").arg(keys);
        }
        let output = command.output().expect("runs");
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let record: Value = serde_json::from_str(line).expect("JSON");
            for evidence in record["evidence"].as_array().into_iter().flatten() {
                checked += 1;
                let problem = check(&record, evidence, &packets);
                wrong
                    .extend(problem.map(|problem| format!("{}: {evidence}: {problem}", case.name)));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {checked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(checked > 100, "only {checked} packets to check");
}

fn check(session: &Value, evidence: &Value, packets: &HashMap<u64, Seen>) -> Option<String> {
    let number = evidence["packet"].as_u64().expect("a number");
    let Some(packet) = packets.get(&number) else {
        return Some("tshark has no such TCP packet".to_owned());
    };
    let what = evidence["what"].as_str().expect("words");
    let from = evidence["from"].as_str().unwrap_or_default();
    let sender = session[from].as_str().unwrap_or_default();
    // What is missing has no sender: the packet after the hole may be anybody's.
    if !sender.is_empty() && sender != packet.source && !what.contains("missing") {
        return Some(format!("it is from {}", packet.source));
    }
    if what.starts_with("ICMP") {
        let says =
            |(kind, code): &(String, String)| what.contains(&format!("(type {kind}, code {code})"));
        let shown = packet.icmp.as_ref().is_some_and(says);
        return (!shown).then(|| format!("it shows {:?}", packet.icmp));
    }
    let shown = match what {
        "FIN" => packet.fin,
        what if what.starts_with("fatal alert") => packet.alert,
        what if what.ends_with("ClientHello") => packet.client_hello,
        what if what.starts_with("the last of TLS") => packet.len > 0,
        what if what.starts_with("RST") => packet.rst,
        what if what.starts_with("Close") || what.starts_with("violation") => packet.len > 0,
        what if what.contains("Ping") || what.contains("Pong") => packet.len > 0,
        what if what.contains("bytes of this side")
            || what.starts_with("opening")
            || what.starts_with("answer") =>
        {
            packet.len > 0
        }
        _ => true,
    };
    (!shown).then(|| {
        format!(
            "it shows fin {}, rst {}, {} bytes",
            packet.fin, packet.rst, packet.len
        )
    })
}
