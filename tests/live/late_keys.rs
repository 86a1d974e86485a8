//! A live TLS session whose key log is written when it is over.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::loopback::{Watching, is_skipped};

/// RFC 6455 §1.3.
const REQUEST: &[u8] = b"GET /late HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// Close frames with code 1011; the client's is masked, with zeros.
const FROM_SERVER: &[u8] = &[0x88, 2, 0x03, 0xf3];
const FROM_CLIENT: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf3];

fn openssl(folder: &Path, arguments: &str) -> Option<Child> {
    Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

fn send(child: &mut Child, bytes: &[u8]) {
    let stdin = child.stdin.as_mut().expect("piped");
    stdin.write_all(bytes).expect("sent");
    stdin.flush().expect("sent");
}

fn expect(child: &mut Child, bytes: &[u8]) {
    let stdout = child.stdout.as_mut().expect("piped");
    let mut got = vec![0; bytes.len()];
    stdout.read_exact(&mut got).expect("bytes");
    assert_eq!(got, bytes);
}

#[test]
fn keys_that_come_a_second_late_are_early_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let certificate = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem \
         -out c.pem -days 9 -subj /CN=a";
    let certificate: Vec<&str> = certificate.split_whitespace().collect();
    let Some(made) = openssl(folder, &certificate.join(" ")) else {
        return eprintln!("skipped: no openssl(1)");
    };
    assert!(made.wait_with_output().expect("an end").status.success());
    let port = {
        // Nobody else is likely to take it in between.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let filter = format!("tcp port {port}");
    let arguments = [
        "--format",
        "jsonl",
        "-o",
        "all.jsonl",
        "--keylog",
        "keys.log",
    ];
    let live = match Watching::hangup(folder, &[&arguments[..], &[&filter]].concat()) {
        Ok(live) => live,
        Err(error) if is_skipped(&error) => return,
        Err(error) => panic!("{error}"),
    };
    let server =
        format!("s_server -quiet -key k.pem -cert c.pem -accept 127.0.0.1:{port} -naccept 1");
    let mut server = openssl(folder, &server).expect("a server");
    let client = format!("s_client -quiet -connect 127.0.0.1:{port} -keylogfile secret.log");
    let mut client = loop {
        let mut client = openssl(folder, &client).expect("a client");
        thread::sleep(Duration::from_millis(300));
        // The server may not be there yet.
        if client.try_wait().expect("a process").is_none() {
            break client;
        }
    };
    send(&mut client, REQUEST);
    expect(&mut server, REQUEST);
    send(&mut server, ANSWER);
    expect(&mut client, ANSWER);
    send(&mut server, FROM_SERVER);
    expect(&mut client, FROM_SERVER);
    send(&mut client, FROM_CLIENT);
    expect(&mut server, FROM_CLIENT);
    for mut end in [client, server] {
        let _ = end.kill();
        let _ = end.wait();
    }
    thread::sleep(Duration::from_secs(1));
    let told = || fs::read_to_string(folder.join("all.jsonl")).unwrap_or_default();
    assert_eq!(told(), "", "nobody knows yet what it was");
    fs::copy(folder.join("secret.log"), folder.join("keys.log")).expect("a copy");
    while told().is_empty() {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(live.stop(), Some(0));
    let told = told();
    let session: serde_json::Value =
        serde_json::from_str(told.lines().next().expect("a line")).expect("JSON");
    assert_eq!(session["transport"], "wss", "{session}");
    assert_eq!(session["path"], "/late");
    assert_eq!(
        (&session["code"], &session["closer"]),
        (&1011.into(), &"server".into())
    );
}
