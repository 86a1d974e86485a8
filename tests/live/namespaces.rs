//! Two network namespaces of the test's own with a wire between them: endings that take a kernel,
//! seen live and in the capture that tcpdump takes beside it.
//!
//! Takes root, `ip`, and for silence `nft`; says so where it cannot run.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use crate::answer::{answer, sessions};
use crate::peers::{self, ENDINGS, MORE_ENDINGS};

/// A test that waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// Tells [`as_a_process`] to be a client.
const SERVER: &str = "HANGUP_TEST_SERVER";

/// Client and server, each in a namespace, on a wire of their own.
pub(crate) struct Net {
    pub(crate) client: String,
    pub(crate) server: String,
    pub(crate) address: SocketAddr,
}

impl Net {
    /// `None`, and why on standard error, where the system does not let us.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let id = std::process::id();
        let net = Self {
            client: format!("hangup-c-{name}-{id}"),
            server: format!("hangup-s-{name}-{id}"),
            address: "10.99.0.2:8080".parse().expect("an address"),
        };
        let wire = ["type", "veth", "peer", "name", "wire", "netns", &net.server];
        let made = ip(&["netns", "add", &net.client])
            .and_then(|()| ip(&["netns", "add", &net.server]))
            .and_then(|()| ip(&[&["-n", &net.client, "link", "add", "wire"], &wire[..]].concat()))
            .and_then(|()| net.set_up(&net.client, "10.99.0.1/24"))
            .and_then(|()| net.set_up(&net.server, "10.99.0.2/24"));
        match made {
            Ok(()) => Some(net),
            Err(error) => {
                eprintln!("skipped: no network namespaces: {error}");
                None
            }
        }
    }

    fn set_up(&self, namespace: &str, address: &str) -> Result<(), String> {
        ip(&["-n", namespace, "addr", "add", address, "dev", "wire"])?;
        ip(&["-n", namespace, "link", "set", "wire", "up"])
    }

    /// This thread goes on in a namespace.
    pub(crate) fn enter(namespace: &str) {
        let file = File::open(Path::new("/run/netns").join(namespace)).expect("a namespace");
        setns(file, CloneFlags::CLONE_NEWNET).expect("entered");
    }

    pub(crate) fn command(namespace: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]);
        command
    }

    /// `hangup live` at the client's end of the wire.
    pub(crate) fn hangup(&self, folder: &Path, arguments: &[&str]) -> Watching {
        let mut command = Self::command(&self.client, env!("CARGO_BIN_EXE_hangup"));
        command
            .args(["live", "-i", "wire"])
            .args(arguments)
            .env_remove("SSLKEYLOGFILE")
            .current_dir(folder)
            .stdout(Stdio::piped());
        Watching::start(command, "watching").expect("hangup watches")
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.client]);
        let _ = ip(&["netns", "del", &self.server]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let Output { status, stderr, .. } = Command::new("ip")
        .args(arguments)
        .output()
        .map_err(|error| error.to_string())?;
    let said = || String::from_utf8_lossy(&stderr).into_owned();
    status.success().then_some(()).ok_or_else(said)
}

/// A program that watches, and is ended with the test.
pub(crate) struct Watching {
    child: Child,
    /// What it says on standard error, line by line.
    said: Receiver<String>,
}

impl Watching {
    pub(crate) fn start(mut command: Command, ready: &str) -> Option<Self> {
        let mut child = command.stderr(Stdio::piped()).spawn().ok()?;
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (send, said) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let watching = Self { child, said };
        while let Ok(line) = watching.said.recv_timeout(PATIENCE) {
            if line.contains(ready) {
                return Some(watching);
            }
            eprintln!("{line}");
        }
        None
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill").success());
    }

    /// The exit status, and what it said at last.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("an end").code();
        let mut said = String::new();
        while let Ok(line) = self.said.recv_timeout(PATIENCE) {
            said.push_str(&line);
            said.push('\n');
        }
        (status, said)
    }

    /// As Ctrl-C does.
    pub(crate) fn stop(self) -> (Option<i32>, String) {
        self.signal("INT");
        self.end()
    }

    /// Records on standard output as they come, with the time at which they did.
    pub(crate) fn told(&mut self) -> Receiver<(SystemTime, Value)> {
        let lines = BufReader::new(self.child.stdout.take().expect("piped")).lines();
        let (send, told) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let record = serde_json::from_str(&line).expect("JSON");
                let _ = send.send((SystemTime::now(), record));
            }
        });
        told
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// One session that ends like that.
pub(crate) fn one(net: &Net, ending: &str) {
    thread::scope(|scope| {
        scope.spawn(|| {
            Net::enter(&net.server);
            let listener = TcpListener::bind(net.address).expect("a port");
            peers::run_one(&listener, ending, &|| Net::enter(&net.client));
        });
    });
}

/// No test: a client that is to be killed. Does nothing unless it is told to.
#[test]
fn as_a_process() {
    if let Ok(server) = std::env::var(SERVER) {
        let mut stream = peers::open(server.parse().expect("an address"), "killed");
        println!("open");
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// A client that is killed: its kernel says goodbye for it.
fn kill_client(net: &Net, listener: &TcpListener) {
    let this = std::env::current_exe().expect("a test");
    let mut client = Net::command(&net.client, this.to_str().expect("a path"))
        .args(["--exact", "namespaces::as_a_process", "--nocapture"])
        .env(SERVER, net.address.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a client");
    let mut stream = peers::accept(listener);
    let lines = BufReader::new(client.stdout.take().expect("piped")).lines();
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.contains("open"))
    );
    // `ip netns exec` becomes the program itself.
    client.kill().expect("killed");
    let _ = client.wait();
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A server that hears nothing any more; gives up the wire when the session was told.
fn fall_silent(net: &Net, listener: &TcpListener, seen: impl FnOnce()) {
    let nft = |rule: &str| {
        let status = Net::command(&net.server, "nft")
            .args(rule.split(' '))
            .status();
        status.is_ok_and(|status| status.success())
    };
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            Net::enter(&net.client);
            peers::open(net.address, "silence")
        });
        let _stream = peers::accept(listener);
        let mut client = client.join().expect("a client");
        let chain = "add chain ip test deaf { type filter hook input priority 0 ; policy drop ; }";
        if !nft("add table ip test") || !nft(chain) {
            eprintln!("no nft: silence is not tried");
            drop(client);
            return;
        }
        for _ in 0..3 {
            client.write_all(b"\x81\x81\0\0\0\0a").expect("queued");
        }
        seen();
        assert!(nft("delete table ip test"));
    })
}

#[test]
fn endings_are_told_live_as_they_are_read_afterwards() {
    let Some(net) = &Net::new("end") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("records")).expect("a folder");
    let arguments = ["--format", "jsonl", "--record", "records", "tcp port 8080"];
    let mut live = net.hangup(folder.path(), &arguments);
    let told = live.told();
    let mut tcpdump = Net::command(&net.client, "tcpdump");
    tcpdump
        .args([
            "-i",
            "wire",
            "-B",
            "65536",
            "-U",
            "--immediate-mode",
            "-Z",
            "root",
            "-w",
        ])
        .arg(folder.path().join("wire.pcap"))
        .arg("tcp port 8080");
    let tcpdump = Watching::start(tcpdump, "listening on");
    let is_compared = tcpdump.is_some();

    let mut records: HashMap<String, Value> = HashMap::new();
    let mut latest = Duration::ZERO;
    let (all, most) = (&mut records, &mut latest);
    let mut next = move |ending: &str| {
        let (time, record) = told
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("{ending} is not told"));
        assert_eq!(record["path"], format!("/{ending}"), "{record}");
        if record["transport_end"]["how"] != "silence" {
            *most = (*most)
                .max(time.duration_since(SystemTime::UNIX_EPOCH).expect("now") - ended(&record));
        }
        all.insert(ending.to_owned(), record);
    };
    thread::scope(|scope| {
        let run = scope.spawn(move || {
            Net::enter(&net.server);
            let listener = TcpListener::bind(net.address).expect("a port");
            let enter = || Net::enter(&net.client);
            for ending in ENDINGS.iter().chain(&MORE_ENDINGS) {
                peers::run_one(&listener, ending, &enter);
                next(ending);
            }
            kill_client(net, &listener);
            next("killed");
            fall_silent(net, &listener, || {
                next("silence");
                // What comes when the wire is whole again is no part of it.
                tcpdump.map(Watching::stop);
            });
        });
        run.join().expect("all endings");
    });
    // For whoever looks: a test asserts no time.
    eprintln!("told at most {latest:?} after the end");
    let (status, said) = live.stop();
    assert_eq!(status, Some(0), "{said}");
    if !is_compared {
        eprintln!("no tcpdump: not compared with a capture");
        return;
    }
    let read = sessions(&answer(folder.path(), &["wire.pcap"]));
    let mut compared = 0;
    for read in &read {
        let path = read["path"].as_str().expect("a path");
        if let Some(live) = records.get(path.trim_start_matches('/')) {
            same(path, live, read);
            compared += 1;
        }
    }
    assert_eq!(compared, records.len());
    // Each that went wrong has a file that tells the same, by itself.
    let files = fs::read_dir(folder.path().join("records")).expect("a folder");
    let mut recorded = 0;
    for file in files {
        let file = file.expect("a file").path();
        let read = sessions(&answer(folder.path(), &[file.to_str().expect("a name")]));
        let [read] = &read[..] else {
            panic!("{}: {} sessions", file.display(), read.len())
        };
        let path = read["path"].as_str().expect("a path");
        same(path, &records[path.trim_start_matches('/')], read);
        recorded += 1;
    }
    let is_abnormal = |record: &&Value| match record["code"].as_u64() {
        Some(1000 | 1001 | 1005 | 3000..=4999) => record["state"] == "failed",
        _ => true,
    };
    assert_eq!(recorded, records.values().filter(is_abnormal).count());
}

/// When the session ended, by its record.
fn ended(record: &Value) -> Duration {
    let ended = record["ended"].as_str().unwrap_or_default();
    let ended: jiff::Timestamp = ended.parse().expect("a time");
    Duration::try_from(ended.duration_since(jiff::Timestamp::UNIX_EPOCH)).expect("after 1970")
}

/// What must not depend on how a session was seen. Causes may: in a capture, sessions that ended
/// alike are compared with each other.
fn same(path: &str, live: &Value, read: &Value) {
    let fields = [
        "state",
        "code",
        "reason",
        "clean",
        "closer",
        "culprit",
        "closes/0/code",
        "transport_end/how",
        "transport_end/from",
        "client_view",
        "server_view",
        "client_sent",
        "server_sent",
    ];
    for field in fields {
        let pointer = format!("/{field}");
        assert_eq!(
            live.pointer(&pointer),
            read.pointer(&pointer),
            "{field} of {path}"
        );
    }
}

#[test]
fn an_interface_that_goes_away_ends_it_with_the_summary() {
    let Some(net) = Net::new("gone") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let live = net.hangup(folder.path(), &["--format", "jsonl"]);
    let set = |how| ip(&["-n", &net.client, "link", "set", "wire", how]).expect("set");
    // One that is only down may come back.
    for (how, told) in [("down", "is down"), ("up", "is up again")] {
        set(how);
        let said = live.said.recv_timeout(PATIENCE).expect("a line");
        assert!(said.contains(told), "{said}");
    }
    ip(&["-n", &net.client, "link", "del", "wire"]).expect("deleted");
    let (status, said) = live.end();
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("interface wire"), "{said}");
    assert!(said.contains("WebSocket sessions"), "{said}");
}

#[test]
fn a_hundred_signals_change_nothing() {
    let Some(net) = Net::new("sig") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut live = net.hangup(folder.path(), &["--format", "jsonl", "-o", "all.jsonl"]);
    let told = live.told();
    for _ in 0..100 {
        live.signal("HUP");
        live.signal("WINCH");
    }
    one(&net, "normal");
    let (_, record) = told.recv_timeout(PATIENCE).expect("a session");
    assert_eq!(record["code"], 1000);
    let (status, said) = live.stop();
    assert_eq!(status, Some(0), "{said}");
    let file = fs::read_to_string(folder.path().join("all.jsonl")).expect("a file");
    assert_eq!(file.lines().count(), 2, "a session and the summary");
}
