//! Packets per second from decoding to verdicts, by what the sessions hold.

#![expect(
    clippy::indexing_slicing,
    reason = "the fixtures are ours: a benchmark fails by panicking"
)]

use std::net::Ipv4Addr;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use hangup::capture::{LinkType, Packet, PacketId};
use hangup::engine::Pipeline;
use hangup::session::Detail;
use hangup::time::Timestamp;

#[path = "support/replicate.rs"]
mod replicate;

/// Clients that do what the one of the fixture did, all at the same time.
const CLIENTS: u32 = 1000;

/// Link, IP and TCP header of the fixtures that are used here: Ethernet, IPv4 without options.
const IP_AT: usize = 14;
const SOURCE: usize = IP_AT + 12;
const DESTINATION: usize = IP_AT + 16;

fn main() {
    divan::main();
}

/// What the pipeline takes, but for the numbers of the packets.
struct Record {
    link: LinkType,
    time: Timestamp,
    data: Vec<u8>,
}

/// The sessions of a fixture once for each client: packet by packet, each client with an address
/// of its own. Checksums are left wrong, as in captures of packets that a network card completes.
fn crowd(case: &str) -> Vec<Record> {
    let (header, records) = replicate::fixture(case);
    let link = LinkType(u16::try_from(replicate::word(&header, 20)).expect("a link type"));
    let mut crowd = Vec::new();
    for record in &records {
        let (head, data) = record.split_at(replicate::RECORD_HEADER_LEN);
        let micros = replicate::word(head, 0) * 1_000_000 + replicate::word(head, 4);
        let nanos = i64::try_from(micros * 1000).expect("a time before the year 2262");
        for client in 0..CLIENTS {
            let mut data = data.to_vec();
            let own = u32::from(Ipv4Addr::new(10, 128, 0, 0)) + client;
            // Both addresses change alike, so that either direction is the same connection.
            for at in [SOURCE, DESTINATION] {
                let address = data[at..at + 4].first_chunk().copied();
                let address = u32::from_be_bytes(address.expect("four octets"));
                data[at..at + 4].copy_from_slice(&(address ^ own).to_be_bytes());
            }
            let time = Timestamp::from_nanos(nanos + i64::from(client));
            crowd.push(Record { link, time, data });
        }
    }
    crowd
}

/// How many sessions there are.
fn run(crowd: &[Record]) -> usize {
    let mut pipeline = Pipeline::new(Detail::Whole);
    for (number, record) in (1..).zip(crowd) {
        pipeline.handle_packet(&Packet {
            id: PacketId::new(0, number),
            time: record.time,
            link: record.link,
            wire_len: u32::try_from(record.data.len()).unwrap_or(u32::MAX),
            data: &record.data,
        });
    }
    let (sessions, _) = pipeline.finish();
    sessions.len()
}

#[divan::bench(args = ["two-clients", "ping-pong", "large-messages", "bytewise-server", "loss-far"])]
fn sessions(bencher: Bencher<'_, '_>, case: &str) {
    let crowd = crowd(case);
    let found = run(&crowd);
    assert!(
        found > 0 && found.is_multiple_of(CLIENTS as usize),
        "{found} sessions: each client has the same"
    );
    let bytes: usize = crowd.iter().map(|record| record.data.len()).sum();
    bencher
        .counter(ItemsCount::new(crowd.len()))
        .counter(BytesCount::new(bytes))
        .bench_local(|| run(black_box(&crowd)));
}
