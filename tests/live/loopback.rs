//! Real sockets on `lo`, and what `hangup live` tells of them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::answer::{answer, sessions};
use crate::peers::{self, ENDINGS};

/// A test that waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that watches `lo`, and is ended with the test.
pub(crate) struct Watching(pub(crate) Child);

impl Watching {
    /// Starts `command` and waits for the line on standard error that says it is ready; what it
    /// said instead, where it ended.
    fn start(command: &mut Command, ready: &str) -> Result<Self, String> {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut said = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            if line.contains(ready) {
                // What else it says must not block it.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Self(child));
            }
            said.push_str(&line);
        }
        let _ = child.wait();
        Err(said)
    }

    pub(crate) fn hangup(folder: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hangup"));
        command
            .args(["live", "-i", "lo"])
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::piped());
        Self::start(&mut command, "watching")
    }

    /// As Ctrl-C does; gives the exit status.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("INT");
        self.0.wait().expect("an end").code()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

pub(crate) fn is_skipped(error: &str) -> bool {
    let skipped = error.contains("not permitted");
    assert!(skipped, "{error}");
    eprintln!("skipped: {error}");
    skipped
}

#[test]
fn each_ending_is_told_while_watching() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let filter = format!("tcp port {port}");
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--format", "jsonl", "-o", "all.csv", &filter];
    let mut live = match Watching::hangup(folder.path(), &arguments) {
        Ok(live) => live,
        Err(error) if is_skipped(&error) => return,
        Err(error) => panic!("{error}"),
    };
    let capture = folder.path().join("lo.pcap");
    let mut tcpdump = Command::new("tcpdump");
    // Each packet takes 256 KiB of the buffer, whatever its size: of 2 MiB, as it is by default, a
    // busy machine loses some.
    tcpdump
        .args(["-i", "lo", "-B", "65536", "-U", "--immediate-mode", "-w"])
        .arg(&capture)
        .arg(&filter);
    // Root's tcpdump may become a user who cannot write here.
    let tcpdump = Watching::start(tcpdump.args(["-Z", "root"]), "listening on").ok();
    let (send, told) = channel();
    let stdout = live.0.stdout.take().expect("piped");
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    peers::run(&listener);
    // While it still watches: each must be told before anything stops it.
    let mut records: Vec<Value> = Vec::new();
    while records.len() < ENDINGS.len() {
        let line = told
            .recv_timeout(PATIENCE)
            .expect("an ending that is not told");
        records.push(serde_json::from_str(&line).expect("JSON"));
    }
    assert_eq!(live.stop(), Some(0));
    let last: Value =
        serde_json::from_str(&told.recv_timeout(PATIENCE).expect("a summary")).expect("JSON");
    assert_eq!(
        (&last["type"], &last["sessions"]),
        (&"summary".into(), &ENDINGS.len().into())
    );
    assert!(
        told.recv_timeout(PATIENCE).is_err(),
        "no session is told twice"
    );
    for (record, number) in records.iter().zip(1..) {
        assert_eq!(record["session"], number, "numbered as they are told");
    }
    // Which of two that end at about the same time is told first, their last packets decide.
    records.sort_by_key(|record| record["first_packet"].as_u64());
    for (record, ending) in records.iter().zip(ENDINGS) {
        let what = format!("{ending}: {record}");
        assert_eq!(record["path"], format!("/{ending}"), "{what}");
        let code = match ending {
            "normal" | "close-without-echo" => 1000,
            "going-away" => 1001,
            "empty-close" => 1005,
            "server-error" => 1011,
            "private-code" => 4321,
            _ => 1006,
        };
        assert_eq!(record["code"], code, "{what}");
    }
    let csv = fs::read_to_string(folder.path().join("all.csv")).expect("a file");
    assert_eq!(csv.lines().count(), 1 + ENDINGS.len());
    let Some(tcpdump) = tcpdump else {
        eprintln!("no tcpdump: not compared with a capture");
        return;
    };
    tcpdump.stop();
    let read = sessions(&answer(folder.path(), &["lo.pcap"]));
    assert_eq!(read.len(), records.len());
    let same = [
        "client",
        "server",
        "path",
        "state",
        "code",
        "clean",
        "closer",
        "culprit",
        "cause",
        "confidence",
        "client_view",
        "server_view",
    ];
    for (live, read) in records.iter().zip(&read) {
        for field in same {
            assert_eq!(live[field], read[field], "{field} of {}", live["path"]);
        }
    }
}

/// What logrotate does.
#[test]
fn a_hangup_signal_opens_files_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let filter = format!("tcp port {}", listener.local_addr().expect("one").port());
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let live = match Watching::hangup(folder.path(), &["-o", "now.csv", &filter]) {
        Ok(live) => live,
        Err(error) if is_skipped(&error) => return,
        Err(error) => panic!("{error}"),
    };
    // Each output has a thread of its own: only the file says what is in the file.
    let rows = || fs::read_to_string(file("now.csv")).map_or(0, |text| text.lines().count());
    let run = || {
        peers::run(&listener);
        let begun = Instant::now();
        while rows() < 1 + ENDINGS.len() {
            assert!(begun.elapsed() < PATIENCE, "{} rows", rows());
            thread::sleep(Duration::from_millis(10));
        }
    };
    run();
    fs::rename(file("now.csv"), file("old.csv")).expect("moved");
    live.signal("HUP");
    while !file("now.csv").exists() {
        thread::sleep(Duration::from_millis(10));
    }
    run();
    let status = live.stop();
    assert_eq!(status, Some(0));
    for name in ["old.csv", "now.csv"] {
        let mut text = String::new();
        let mut open = fs::File::open(file(name)).expect(name);
        open.read_to_string(&mut text).expect("text");
        assert!(text.starts_with("session,"), "{name}: {text}");
        assert_eq!(text.lines().count(), 1 + ENDINGS.len(), "{name}");
    }
}

#[test]
fn what_cannot_be_watched_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| crate::run::hangup(folder.path(), arguments);
    let run = run(&["live", "-i", "no-such-interface"]);
    assert_eq!(run.status, Some(2));
    assert!(
        run.stderr.contains("interface no-such-interface"),
        "{}",
        run.stderr
    );
}
