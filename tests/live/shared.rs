//! What sessions share is told while others go on, and counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::loopback::{Watching, is_skipped};

const PATIENCE: Duration = Duration::from_secs(60);
/// What the server waits for a byte.
const TIMER: Duration = Duration::from_millis(1500);

/// RFC 6455 §1.3.
const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Opens a WebSocket that the server cuts when nothing was said for too long.
fn cut_by_a_timer(listener: &TcpListener) -> thread::JoinHandle<()> {
    let address = listener.local_addr().expect("an address");
    let mut client = TcpStream::connect(address).expect("a connection");
    let (mut server, _) = listener.accept().expect("a connection");
    client.write_all(REQUEST.as_bytes()).expect("sent");
    let mut request = vec![0; REQUEST.len()];
    server.read_exact(&mut request).expect("a request");
    server.write_all(ANSWER.as_bytes()).expect("sent");
    thread::spawn(move || {
        thread::sleep(TIMER);
        drop(server);
        let _ = client.read_to_end(&mut Vec::new());
    })
}

#[test]
fn a_timer_is_told_while_it_watches() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let filter = format!("tcp port {}", listener.local_addr().expect("one").port());
    let folder = tempfile::tempdir().expect("a folder");
    let mut live = match Watching::hangup(folder.path(), &["--format", "jsonl", &filter]) {
        Ok(live) => live,
        Err(error) if is_skipped(&error) => return,
        Err(error) => panic!("{error}"),
    };
    let (send, told) = channel();
    let stdout = live.0.stdout.take().expect("piped");
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    let ends: Vec<_> = (0..4)
        .map(|_| {
            thread::sleep(Duration::from_millis(400));
            cut_by_a_timer(&listener)
        })
        .collect();
    ends.into_iter().for_each(|end| end.join().expect("an end"));
    let finding = loop {
        let line = told.recv_timeout(PATIENCE).expect("a finding");
        let record: Value = serde_json::from_str(&line).expect("JSON");
        if record["type"] == "finding" {
            break record;
        }
    };
    assert!(
        ["idle-timeout", "lifetime-limit"].contains(&finding["finding"].as_str().expect("text")),
        "{finding}"
    );
    assert!(
        finding["count"].as_u64().expect("a number") >= 3,
        "{finding}"
    );
    assert_eq!(live.stop(), Some(0));
    let rest: Vec<Value> = told
        .iter()
        .map(|line| serde_json::from_str(&line).expect("JSON"))
        .collect();
    let again = rest.iter().filter(|record| record["type"] == "finding");
    assert_eq!(again.count(), 0, "told once: {rest:?}");
    assert_eq!(rest.last().expect("an end")["type"], "summary");
}

#[cfg(feature = "metrics")]
mod metrics {
    use super::*;

    /// The page, from whatever address it says it is at.
    fn page(address: &str) -> Option<String> {
        let mut stream = TcpStream::connect(address).ok()?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").ok()?;
        let mut page = String::new();
        stream.read_to_string(&mut page).ok()?;
        Some(page)
    }

    #[test]
    fn ends_are_counted() {
        // Nobody else is likely to take it in between.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address").to_string();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let filter = format!("tcp port {}", listener.local_addr().expect("one").port());
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = ["--metrics", &address, &filter];
        match Watching::hangup(folder.path(), &arguments) {
            Err(error) if is_skipped_or_in_use(&error) => {}
            other => panic!("{:?}", other.err()),
        }
        drop(free);
        let live = match Watching::hangup(folder.path(), &arguments) {
            Ok(live) => live,
            Err(error) if is_skipped(&error) => return,
            Err(error) => panic!("{error}"),
        };
        cut_by_a_timer(&listener).join().expect("an end");
        let ended = "hangup_sessions_ended_total{code=\"1006\"";
        loop {
            let page = page(&address).expect("a page");
            assert!(page.starts_with("HTTP/1.1 200"), "{page}");
            if page.contains(ended) && page.contains("\nhangup_sessions_opened_total 1\n") {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(live.stop(), Some(0));
    }

    fn is_skipped_or_in_use(error: &str) -> bool {
        error.contains("--metrics") && error.contains("in use") || is_skipped(error)
    }
}
