//! TLS of which nothing can be read, from capture to output: what is told, and when.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing key of a JSON value is null"
)]

#[path = "support/run.rs"]
mod run;

use std::fs;
use std::path::Path;

use etherparse::PacketBuilder;
use run::hangup;
use serde_json::Value;

/// The client is 0, the server 1.
type Talk<'a> = &'a [(usize, &'a [u8])];

const REQUEST: &[u8] =
    b"GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const CLOSE: [&[u8]; 2] = [&[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8], &[0x88, 2, 3, 0xe8]];
/// unknown_ca, fatal.
const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 48];

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("short").to_be_bytes();
    [&[kind, 3, 3], &len[..], body].concat()
}

/// A hello of TLS 1.3: with SNI from a client, with the version from a server.
fn hello(kind: u8, rest: &[u8]) -> Vec<u8> {
    let body = [&[3, 3], &[kind; 32][..], rest].concat();
    let len = u8::try_from(body.len()).expect("short");
    record(22, &[&[kind, 0, 0, len], &body[..]].concat())
}

fn client_hello(name: &str) -> Vec<u8> {
    let len = u8::try_from(name.len()).expect("short");
    let sni = [&[0, 0, 0, len + 5, 0, len + 3, 0, 0, len], name.as_bytes()].concat();
    let suites = [0, 0, 2, 0x13, 1, 1, 0, 0, len + 9];
    hello(1, &[&suites, &sni[..]].concat())
}

fn server_hello() -> Vec<u8> {
    hello(2, &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4])
}

/// A capture of these connections, one after the other: the server's port, what was said, and who
/// ends TCP first.
struct Capture {
    bytes: Vec<u8>,
    seconds: u32,
    client_port: u16,
}

impl Capture {
    fn new() -> Self {
        let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1];
        Self {
            bytes: header.into_iter().flat_map(u32::to_le_bytes).collect(),
            seconds: 1_700_000_000,
            client_port: 50_000,
        }
    }

    fn add(mut self, server_port: u16, talk: Talk<'_>, first_fin: usize) -> Self {
        let mut next = [1_000_u32, 9_000];
        let ports = [self.client_port, server_port];
        self.client_port += 1;
        let mut say = |from: usize, payload: &[u8], flag: Flag| {
            let hosts = [[10, 0, 0, 1], [10, 0, 0, 2]];
            let packet = PacketBuilder::ethernet2([2; 6], [4; 6])
                .ipv4(hosts[from], hosts[1 - from], 64)
                .tcp(ports[from], ports[1 - from], next[from], 60_000);
            let is_first = from == 0 && next == [1_000, 9_000];
            let packet = match flag {
                Flag::None => packet,
                Flag::Syn => packet.syn(),
                Flag::Fin => packet.fin(),
            };
            let packet = if is_first {
                packet
            } else {
                packet.ack(next[1 - from])
            };
            let len = u32::try_from(packet.size(payload.len())).expect("short");
            self.seconds += 1;
            for word in [self.seconds, 0, len, len] {
                self.bytes.extend(word.to_le_bytes());
            }
            packet.write(&mut self.bytes, payload).expect("memory");
            next[from] += u32::try_from(payload.len()).expect("short");
            next[from] += u32::from(flag != Flag::None);
        };
        say(0, b"", Flag::Syn);
        say(1, b"", Flag::Syn);
        say(0, b"", Flag::None);
        for &(from, payload) in talk {
            say(from, payload, Flag::None);
        }
        say(first_fin, b"", Flag::Fin);
        say(1 - first_fin, b"", Flag::Fin);
        say(first_fin, b"", Flag::None);
        self
    }

    fn told(&self, arguments: &[&str]) -> (Vec<Value>, String) {
        let folder = tempfile::tempdir().expect("a place");
        fs::write(folder.path().join("a.pcap"), &self.bytes).expect("room");
        let arguments = ["read", "--format", "jsonl", "a.pcap"]
            .iter()
            .chain(arguments);
        let run = hangup(folder.path(), arguments);
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        let records = run.stdout.lines();
        let records = records.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        (
            records
                .filter(|record| record["type"] == "session")
                .collect(),
            run.stderr,
        )
    }
}

/// What takes a sequence number of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    None,
    Syn,
    Fin,
}

const WEBSOCKET: Talk<'static> = &[(0, REQUEST), (1, ANSWER), (0, CLOSE[0]), (1, CLOSE[1])];

fn causes(sessions: &[Value]) -> Vec<(&str, Option<u64>)> {
    sessions
        .iter()
        .map(|session| {
            let cause = session["cause"].as_str().unwrap_or_default();
            (cause, session["code"].as_u64())
        })
        .collect()
}

#[test]
fn a_handshake_that_fails_is_told_where_its_server_speaks_websocket() {
    let hello = client_hello("a.example");
    let http: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let capture = Capture::new()
        .add(80, WEBSOCKET, 1)
        .add(80, &[(0, &hello), (1, http)], 1)
        .add(443, &[(0, &hello), (1, ALERT)], 0);
    let (told, _) = capture.told(&[]);
    let expected = [
        ("closed-normal", Some(1000)),
        ("tls-on-plaintext-port", Some(1015)),
    ];
    assert_eq!(causes(&told), expected);
    let failed = &told[1];
    assert_eq!(
        (&failed["transport"], &failed["state"]),
        (&"wss".into(), &"failed".into())
    );
    assert_eq!(failed["client_view"]["code"], 1006);
    assert_eq!(failed["server_view"]["code"], Value::Null);
    assert_eq!(
        (&failed["culprit"], &failed["sni"]),
        (&"client".into(), &"a.example".into())
    );
    let (told, _) = capture.told(&["--tls"]);
    assert_eq!(causes(&told)[2], ("tls-alert", Some(1015)));
    assert_eq!(
        (&told[2]["closer"], &told[2]["culprit"]),
        (&"server".into(), &"client".into())
    );
}

#[test]
fn a_handshake_that_is_cut_says_behind_what() {
    let (hello, answer) = (client_hello("a.example"), server_hello());
    let flight = [&answer[..], &record(23, &[0xee; 900])].concat();
    let alert = record(23, &[0xee; 19]);
    let capture = Capture::new()
        .add(443, &[(0, &hello)], 1)
        .add(443, &[(0, &hello), (1, &flight)], 0)
        .add(443, &[(0, &hello), (1, &flight), (0, &alert)], 0);
    let (told, _) = capture.told(&["--tls"]);
    let (cut, alert) = ("tls-handshake-cut", "tls-alert");
    assert_eq!(
        causes(&told),
        [cut, cut, alert].map(|cause| (cause, Some(1015)))
    );
    let parts = [
        ("server", "ClientHello", "filters the name"),
        ("client", "encrypted record", "does not trust"),
        (
            "client",
            "encrypted record",
            "shorter than any but an alert",
        ),
    ];
    for (session, (closer, behind, why)) in told.iter().zip(parts) {
        let summary = session["summary"].as_str().unwrap_or_default();
        assert!(
            summary.contains(behind) && summary.contains(why),
            "{summary}"
        );
        assert_eq!(
            (&session["closer"], &session["culprit"]),
            (&closer.into(), &"server".into())
        );
    }
    assert!(capture.told(&[]).0.is_empty());
}

#[test]
fn what_cannot_be_read_claims_no_code() {
    let (hello, answer) = (client_hello("a.example"), server_hello());
    let flight = [&answer[..], &record(23, &[0xee; 900])].concat();
    let finished = record(23, &[0xee; 53]);
    // As long as Close 1000 and its echo.
    let (close, echo) = (record(23, &[0xee; 25]), record(23, &[0xee; 21]));
    let capture = Capture::new()
        .add(
            443,
            &[
                (0, &hello),
                (1, &flight),
                (0, &finished),
                (0, &close),
                (1, &echo),
            ],
            1,
        )
        // One whose handshake was before the capture would look like this.
        .add(443, &[(0, &close), (1, &echo)], 1);
    let (told, summary) = capture.told(&["--tls"]);
    assert_eq!(causes(&told), [("tls-opaque", None)]);
    let session = &told[0];
    assert_eq!(
        (&session["transport"], &session["state"]),
        (&"tls".into(), &"closed".into())
    );
    assert_eq!(
        (
            &session["client_view"]["code"],
            &session["server_view"]["code"]
        ),
        (&Value::Null, &Value::Null)
    );
    // Whoever sent the Close, if it was one.
    assert_eq!(
        (&session["closer"], &session["confidence"]),
        (&Value::Null, &"low".into())
    );
    let text = session["summary"].as_str().unwrap_or_default();
    assert!(
        text.contains("sizes of a Close frame and its echo"),
        "{text}"
    );
    assert!(
        summary.contains("0 WebSocket sessions") && summary.contains("SSLKEYLOGFILE=keys.log"),
        "{summary}"
    );
    assert!(capture.told(&[]).0.is_empty());
}

#[test]
fn wss_of_real_peers_is_listed_and_nothing_is_claimed_of_it() {
    for name in [
        "tls-endings",
        "tls10-tls11",
        "tls12-aead",
        "tls12-cbc",
        "tls13-suites",
    ] {
        let case = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(name);
        let truth = fs::read(case.join("truth.json")).expect("readable");
        let truth: Value = serde_json::from_slice(&truth).expect("JSON");
        let truth = truth["sessions"].as_array().expect("a list");
        let arguments = ["read", "--tls", "--format", "jsonl", "capture.pcap"];
        let run = hangup(&case, arguments);
        let records = run.stdout.lines();
        let records = records.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let told: Vec<Value> = records
            .filter(|record| record["type"] == "session")
            .collect();
        assert_eq!(
            causes(&told),
            vec![("tls-opaque", None); truth.len()],
            "{name}"
        );
        for told in &told {
            let views = ["client_view", "server_view"].map(|view| &told[view]["code"]);
            assert_eq!(views, [&Value::Null; 2], "{name}");
            let session = truth
                .iter()
                .find(|truth| truth["client_addr"] == told["client"])
                .expect("one of them");
            // Nobody, or who it was.
            let closer = [&Value::Null, &session["closed_by"]];
            assert!(closer.contains(&&told["closer"]), "{name}: {told}");
            assert_eq!(told["transport"], "tls");
        }
    }
}

#[test]
fn plain_http_at_a_port_of_tls_is_called_so() {
    let (told, _) = Capture::new()
        .add(443, &[(0, REQUEST), (1, ALERT)], 1)
        .told(&[]);
    assert_eq!(causes(&told), [("plaintext-on-tls-port", Some(1006))]);
    assert_eq!(told[0]["culprit"], "client");
}

/// The summary of a case, read with a changed key log: connections without a key, for other
/// reasons, and the sessions.
fn with_keys(change: impl Fn(&str) -> String) -> (u64, u64, Vec<Value>) {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls13-suites");
    let keys = fs::read_to_string(case.join("keys.log")).expect("readable");
    let folder = tempfile::tempdir().expect("a place");
    let log = folder.path().join("keys.log");
    fs::write(&log, change(&keys)).expect("room");
    let log = log.to_str().expect("a path of ASCII");
    let arguments = ["read", "--format", "jsonl", "capture.pcap", "--keylog", log];
    let run = hangup(&case, arguments);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let records = run.stdout.lines();
    let mut records: Vec<Value> = records
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let summary = records.pop().expect("a summary");
    let others = summary["tls_unread"].as_object().into_iter().flatten();
    let others = others.filter_map(|(_, count)| count.as_u64()).sum();
    (
        summary["tls_without_keys"].as_u64().unwrap_or(0),
        others,
        records,
    )
}

#[test]
fn whatever_the_key_log_lacks_is_counted() {
    let whole = with_keys(str::to_owned);
    let connections = whole.2.len() as u64;
    assert_eq!((whole.0, whole.1), (0, 0));
    assert!(connections > 3);
    // Every digit of every secret another one.
    let wrong = with_keys(|keys| {
        let change = |line: &str| match line.rsplit_once(' ') {
            Some((head, secret)) => {
                let digits = secret
                    .chars()
                    .map(|digit| if digit == '0' { '1' } else { '0' });
                format!("{head} {}\n", digits.collect::<String>())
            }
            None => format!("{line}\n"),
        };
        keys.lines().map(change).collect()
    });
    assert_eq!((wrong.0, wrong.1, wrong.2.len()), (0, connections, 0));
    // One direction cannot show a whole opening, and no code is made up for it.
    for end in ["CLIENT_", "SERVER_"] {
        let one = with_keys(|keys| {
            let lines = keys.lines().filter(|line| line.starts_with(end));
            lines.map(|line| format!("{line}\n")).collect()
        });
        assert_eq!((one.0, one.1), (connections, 0), "{end}");
        let codes: Vec<Option<u64>> = one.2.iter().map(|told| told["code"].as_u64()).collect();
        assert!(!codes.contains(&Some(1006)), "{end}: {codes:?}");
    }
    // Cut short anywhere: what is left opens as many as it has.
    for tenth in 0..10 {
        let cut = with_keys(|keys| keys[..keys.len() * tenth / 10].to_owned());
        let told = cut.2.len() as u64;
        assert!(told + cut.0 + cut.1 >= connections, "{tenth}: {cut:?}");
    }
}
