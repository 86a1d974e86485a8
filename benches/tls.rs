//! Megabytes a second of TLS 1.3 that is read with a key log, from the file to the verdict, and
//! of the same WebSocket in plain.
//!
//! ```text
//! cargo bench --bench tls -- [MEGABYTES] [RECORD...]
//! ```
//!
//! RECORD: bytes of plaintext in each record. Every capture is of one connection whose server
//! sends binary messages. A run takes one thread, whose CPU time counts; the best of three. What
//! is told has to be right.

#![expect(
    clippy::indexing_slicing,
    reason = "what is read is made here: a benchmark fails by panicking"
)]

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use hangup::engine::{Settings, read};
use hangup::session::Session;

#[path = "support/sealing.rs"]
mod sealing;
#[path = "support/wire.rs"]
mod wire;

use sealing::Sealer;
use wire::{Peer, Wire};

/// Plaintext of a record, where nothing else is asked for: full ones, those that fit into a
/// segment, and small ones.
const RECORDS: [usize; 3] = [16_384, 1_400, 100];

/// Payload of each message, where records are no smaller.
const MESSAGE: usize = 4_000;

fn main() {
    // `cargo bench` adds an argument of its own.
    let numbers: Vec<usize> = env::args().filter_map(|word| word.parse().ok()).collect();
    let (megabytes, records) = numbers
        .split_first()
        .map_or((256, &RECORDS[..]), |(size, rest)| {
            (*size, if rest.is_empty() { &RECORDS[..] } else { rest })
        });
    let folder = tempfile::tempdir().expect("a place for the captures");
    let (capture, keys) = (
        folder.path().join("capture.pcap"),
        folder.path().join("keys.log"),
    );
    std::fs::write(&keys, sealing::key_log()).expect("there is room");
    println!(
        "{:>8} {:>10} {:>12} {:>12} {:>7}",
        "record", "messages", "TLS MB/s", "plain MB/s", "ratio"
    );
    for &record in records {
        let messages = write(&capture, megabytes << 20, record, true).expect("there is room");
        let sealed = speed(&capture, &keys, messages);
        write(&capture, megabytes << 20, record, false).expect("there is room");
        let plain = speed(&capture, &keys, messages);
        println!(
            "{record:>8} {messages:>10} {sealed:>12.0} {plain:>12.0} {:>7.2}",
            sealed / plain
        );
    }
}

/// Writes about so many bytes; how many messages there are.
fn write(path: &Path, bytes: usize, record: usize, is_sealed: bool) -> io::Result<u64> {
    let mut wire = Wire::new(
        BufWriter::new(File::create(path)?),
        if is_sealed { 443 } else { 80 },
    )?;
    let mut client = Sealer::new(sealing::CLIENT);
    let mut server = Sealer::new(sealing::SERVER);
    if is_sealed {
        wire.send(Peer::Client, &sealing::client_hello())?;
        wire.send(Peer::Server, &sealing::server_hello())?;
    }
    let mut say = |wire: &mut Wire<_>, peer: Peer, plain: &[u8]| match (is_sealed, peer) {
        (false, _) => wire.send(peer, plain),
        (true, Peer::Client) => wire.send(peer, &client.seal(plain)),
        (true, Peer::Server) => wire.send(peer, &server.seal(plain)),
    };
    say(&mut wire, Peer::Client, wire::REQUEST)?;
    say(&mut wire, Peer::Server, wire::ANSWER)?;
    let message = wire::frame(0x82, &vec![0x5a; MESSAGE.min(record.saturating_sub(4))]);
    let (mut messages, mut written) = (0, 0);
    let mut plain = Vec::new();
    while written < bytes {
        while plain.len() < record {
            plain.extend_from_slice(&message);
            messages += 1;
        }
        let rest = plain.split_off(record);
        say(&mut wire, Peer::Server, &plain)?;
        written += plain.len();
        plain = rest;
    }
    say(&mut wire, Peer::Server, &plain)?;
    say(&mut wire, Peer::Server, &wire::frame(0x88, &[3, 0xe8]))?;
    say(&mut wire, Peer::Client, &wire::CLIENT_CLOSE)?;
    wire.end()?.flush()?;
    Ok(messages)
}

/// Seconds that this thread was on a CPU, where Linux says so: others may be busy too.
fn on_cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanos / 1e9)
}

/// The best of three, in megabytes of the file a second.
fn speed(capture: &Path, keys: &Path, messages: u64) -> f64 {
    let settings = Settings {
        key_logs: vec![keys.to_owned()],
        threads: Some(1),
        ..Settings::default()
    };
    let size = capture.metadata().expect("just written").len();
    let run = || {
        let begun = (Instant::now(), on_cpu());
        let outcome = read(
            &[capture.to_owned()],
            None,
            &settings,
            &mut |note| panic!("{note}"),
            &mut |_, _| {},
        );
        let seconds = match (begun.1, on_cpu()) {
            (Some(begun), Some(now)) => now - begun,
            _ => begun.0.elapsed().as_secs_f64(),
        };
        let told = |session: Session| (session.verdict.code, session.server_sent.messages);
        let told_of = outcome.expect("readable").told;
        assert_eq!(
            told_of.iter().map(told).collect::<Vec<_>>(),
            [(Some(1000), messages)]
        );
        seconds
    };
    let best = (0..3).map(|_| run()).fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
    let megabytes = size as f64 / 1e6;
    megabytes / best
}
