//! Tests of the whole way from packets to sessions.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "pipeline/attempts_tests.rs"]
mod attempts;
#[path = "pipeline/ending_tests.rs"]
mod endings;
#[path = "pipeline/lingering_tests.rs"]
mod lingering;
#[path = "pipeline/missing_tests.rs"]
mod missing;
#[path = "pipeline/properties_tests.rs"]
mod properties;
#[path = "pipeline/sealed_tests.rs"]
mod sealed;

use super::*;
use crate::capture::LinkType;
use crate::decode::Flags;
use crate::session::{Captured, Party, Side, State};
use crate::ws::Opcode;
use crate::ws::testing::{Frame, noise, wire};

use Way::{Down, Up};

/// Bare IP packets (tcpdump.org: LINKTYPE_RAW).
const RAW_IP: LinkType = LinkType(101);

const SYN: u8 = Flags::SYN;
const ACK: u8 = Flags::ACK;
const FIN: u8 = Flags::FIN;
const RST: u8 = Flags::RST;

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const REFUSAL: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";

/// Towards the server, or from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// Packets between 10.0.0.1:port and 10.0.0.2:80.
#[derive(Clone, Debug)]
struct Wire {
    port: u16,
    /// Next sequence number of the client and of the server.
    seq: [u32; 2],
    millis: i64,
    packets: Vec<(i64, Vec<u8>)>,
}

impl Wire {
    fn new(port: u16) -> Self {
        Self {
            port,
            seq: [1000, u32::MAX - 300],
            millis: 0,
            packets: Vec::new(),
        }
    }

    fn shake(&mut self) -> &mut Self {
        self.send(Up, SYN, b"")
            .send(Down, SYN | ACK, b"")
            .send(Up, ACK, b"")
    }

    fn open(port: u16) -> Self {
        let mut wire = Self::new(port);
        wire.shake()
            .send(Up, ACK, ASK.as_bytes())
            .send(Down, ACK, SWITCH.as_bytes());
        wire
    }

    fn send(&mut self, way: Way, flags: u8, payload: &[u8]) -> &mut Self {
        self.millis += 1;
        let [client, server] = self.seq;
        let (own, peer) = match way {
            Up => (client, server),
            Down => (server, client),
        };
        let ack = if flags & ACK == 0 { 0 } else { peer };
        let packet = ip_packet(way, self.port, own, ack, flags, payload);
        self.packets.push((self.millis, packet));
        let len = u32::try_from(payload.len()).unwrap_or(0)
            + u32::from(flags & SYN != 0)
            + u32::from(flags & FIN != 0);
        self.seq[usize::from(way == Down)] = own.wrapping_add(len);
        self
    }

    /// Sent, but not captured.
    fn lose(&mut self, way: Way, payload: &[u8]) -> &mut Self {
        self.send(way, ACK, payload);
        self.packets.pop();
        self
    }

    fn frame(&mut self, way: Way, frame: Frame) -> &mut Self {
        let frame = match way {
            Up => frame.masked([9, 8, 7, 6]),
            Down => frame,
        };
        self.send(way, ACK, &wire(&[frame]))
    }

    fn text(&mut self, way: Way, text: &str) -> &mut Self {
        self.frame(way, Frame::whole(Opcode::TEXT, text.as_bytes()))
    }

    fn close(&mut self, way: Way, body: &[u8]) -> &mut Self {
        self.frame(way, Frame::whole(Opcode::CLOSE, body))
    }

    fn fins(&mut self) -> &mut Self {
        self.send(Down, ACK | FIN, b"")
            .send(Up, ACK | FIN, b"")
            .send(Down, ACK, b"")
    }

    fn told(&self) -> Vec<Session> {
        told(&self.packets).0
    }

    /// The one session on the wire.
    fn session(&self) -> Session {
        let mut sessions = self.told();
        assert_eq!(sessions.len(), 1, "{sessions:?}");
        sessions.remove(0)
    }
}

fn ip_packet(way: Way, port: u16, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(40 + payload.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    let (src, dst) = match way {
        Up => ((1, port), (2, 80)),
        Down => ((2, 80), (1, port)),
    };
    packet.extend([10, 0, 0, src.0, 10, 0, 0, dst.0]);
    packet.extend(src.1.to_be_bytes());
    packet.extend(dst.1.to_be_bytes());
    packet.extend(seq.to_be_bytes());
    packet.extend(ack.to_be_bytes());
    packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

fn told(packets: &[(i64, Vec<u8>)]) -> (Vec<Session>, Summary) {
    let mut pipeline = Pipeline::new(Detail::Story);
    feed(&mut pipeline, packets);
    pipeline.finish()
}

fn feed(pipeline: &mut Pipeline, packets: &[(i64, Vec<u8>)]) {
    for (number, (millis, data)) in (1..).zip(packets) {
        pipeline.handle_packet(&Packet {
            id: PacketId::new(0, number),
            time: Timestamp::from_nanos(millis * 1_000_000),
            link: RAW_IP,
            wire_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data,
        });
    }
}

/// How many sessions there are, however many shares look for them: the same ones.
fn told_by_shares(packets: &[(i64, Vec<u8>)]) -> usize {
    let (whole, summary) = told(packets);
    for count in [2, 3, 7] {
        let parts = Shard::split(count).map(|shard| {
            let mut pipeline = Pipeline::keeping(shard, Detail::Story, Secrets::default());
            feed(&mut pipeline, packets);
            pipeline.finish_part()
        });
        let (told, _, total) = join(parts.collect());
        assert!(told.iter().eq(whole.iter().cloned()));
        assert_eq!(total, summary);
    }
    whole.len()
}

#[test]
fn any_number_of_shares_comes_to_the_same() {
    let mut packets = Vec::new();
    for port in 50_000..50_020 {
        let mut wire = Wire::open(port);
        wire.text(Up, "hello").close(Down, b"\x03\xe9").fins();
        packets.extend(wire.packets);
    }
    packets.sort_by_key(|(millis, _)| *millis);
    assert_eq!(told_by_shares(&packets), 20);
}

#[test]
fn a_flood_of_syns_is_counted_and_takes_no_room() {
    let mut pipeline = Pipeline::new(Detail::Whole);
    let many = limits::MAX_SYNS_WAITING + 1000;
    for number in 0..many {
        let [.., a, b, c] = number.to_be_bytes();
        let mut data = ip_packet(Up, 50_000, 1, 0, SYN, b"");
        data[13..16].copy_from_slice(&[a, b, c]);
        feed(&mut pipeline, &[(0, data)]);
    }
    assert_eq!(pipeline.flows.len(), limits::MAX_SYNS_WAITING);
    let (_, summary) = pipeline.finish();
    assert_eq!((summary.connections, summary.evicted), (many as u64, 1000));
}

#[test]
fn a_connection_of_no_interest_gives_way_to_the_next_on_its_port() {
    let mut wire = Wire::new(50_000);
    wire.shake().send(Up, ACK, b"\x16\x03\x01 no HTTP");
    let mut pipeline = Pipeline::new(Detail::Whole);
    feed(&mut pipeline, &wire.packets);
    let passing = |pipeline: &Pipeline| {
        let mut all = pipeline.flows.iter().map(|(_, followed)| followed);
        all.all(|followed| matches!(followed, Followed::Passing(_)))
    };
    assert!(passing(&pipeline));
    // Its own SYN again changes nothing; another one begins another connection.
    let again = wire.packets[0].clone();
    feed(&mut pipeline, &[again]);
    assert!(passing(&pipeline));
    wire.fins();
    wire.seq = [77_000, 99_000];
    let begin = wire.packets.len();
    wire.shake()
        .send(Up, ACK, ASK.as_bytes())
        .send(Down, ACK, SWITCH.as_bytes());
    feed(&mut pipeline, &wire.packets[begin - 3..]);
    let (sessions, summary) = pipeline.finish();
    assert_eq!((sessions.len(), summary.connections), (1, 2));
}

#[test]
fn a_session_is_told_from_its_opening_to_its_end() {
    let mut wire = Wire::open(50_000);
    wire.text(Up, "hello")
        .text(Down, "hi")
        .close(Up, b"\x03\xe8")
        .close(Down, b"\x03\xe8")
        .fins();
    let session = wire.session();
    assert_eq!(session.client.to_string(), "10.0.0.1:50000");
    assert_eq!(session.server.to_string(), "10.0.0.2:80");
    assert_eq!(session.opening.path(), Some("/chat"));
    assert_eq!(session.verdict.state, State::Closed);
    assert_eq!(
        (session.verdict.code, session.verdict.clean),
        (Some(1000), Some(true))
    );
    assert_eq!(session.verdict.client_view.code, Some(1000));
    assert_eq!(session.verdict.server_view.code, Some(1000));
    let closes: Vec<_> = session
        .closes
        .iter()
        .map(|close| (close.from, close.packet.number()))
        .collect();
    assert_eq!(closes, [(Side::Client, 8), (Side::Server, 9)]);
    assert_eq!(
        (session.client_sent.messages, session.server_sent.messages),
        (1, 1)
    );
    assert_eq!(
        (session.first_packet.number(), session.last_packet.number()),
        (1, 12)
    );
    assert_eq!((session.lost_bytes, session.captured), (0, Captured::Both));
    assert_eq!(session.anomalies, []);
}

/// A message that does not inflate matters where its receiver may have failed the connection
/// because of it.
#[test]
fn a_compressed_message_counts_where_the_end_may_be_due_to_it() {
    const COMPRESSED: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let ended = |end: &dyn Fn(&mut Wire)| {
        let mut wire = Wire::new(50_000);
        let [ask, switch] = [ASK, SWITCH].map(|head| head.replace("\r\n\r\n", "\r\n") + COMPRESSED);
        wire.shake()
            .send(Up, ACK, ask.as_bytes())
            .send(Down, ACK, switch.as_bytes());
        let mut bad = Frame::whole(Opcode::TEXT, &[0xff; 40]);
        bad.first |= 0x40;
        wire.frame(Up, bad);
        end(&mut wire);
        wire.session()
    };
    let close = |body: &'static [u8], way: Way| {
        move |wire: &mut Wire| {
            let other = if way == Up { Down } else { Up };
            wire.close(way, body).close(other, body).fins();
        }
    };
    let corrupt = |session: &Session| {
        let rules: Vec<_> = session
            .anomalies
            .iter()
            .map(|anomaly| anomaly.rule)
            .collect();
        match rules[..] {
            [] => false,
            ["deflate-corrupt"] => true,
            _ => panic!("{rules:?}"),
        }
    };
    // 1000, 1001, without a code, 4000: the server minded nothing, whoever closed first.
    for body in [&b"\x03\xe8"[..], b"\x03\xe9", b"", b"\x0f\xa0"] {
        for way in [Up, Down] {
            let session = ended(&close(body, way));
            assert!(!corrupt(&session), "{body:?} {way:?}");
            assert_eq!(session.verdict.clean, Some(true), "{body:?} {way:?}");
        }
    }
    // 1007, 1002, 1011: it may have.
    for body in [&b"\x03\xef"[..], b"\x03\xea", b"\x03\xf3"] {
        assert!(corrupt(&ended(&close(body, Down))), "{body:?}");
        // The client fails the connection, and the server only answers.
        assert!(!corrupt(&ended(&close(body, Up))), "{body:?}");
    }
    let session = ended(&close(b"\x03\xef", Down));
    assert_eq!(session.verdict.cause, "deflate-corrupt");
    let cut = ended(&|wire| {
        wire.send(Down, RST | ACK, b"");
    });
    assert_eq!(
        (corrupt(&cut), cut.verdict.cause),
        (true, "deflate-corrupt")
    );
    // The client cut first, or nobody did.
    for way in [None, Some(RST), Some(FIN)] {
        let session = ended(&|wire| {
            if let Some(flag) = way {
                wire.send(Up, flag | ACK, b"").send(Down, FIN | ACK, b"");
            }
        });
        assert!(!corrupt(&session), "{way:?}");
    }
    // What is lost of the server may have been its end.
    let lossy = ended(&|wire| {
        wire.lose(Down, &[0; 100])
            .frame(Down, Frame::whole(Opcode::BINARY, b"more"));
        wire.send(Up, FIN | ACK, b"");
    });
    assert!(corrupt(&lossy));
    let unanswered = |first, second| {
        ended(&move |wire: &mut Wire| {
            wire.close(Up, b"\x03\xe8").send(first, FIN | ACK, b"");
            wire.send(second, FIN | ACK, b"");
        })
    };
    assert!(corrupt(&unanswered(Down, Up)));
    assert!(!corrupt(&unanswered(Up, Down)));
}

#[test]
fn addresses_used_again_make_another_session() {
    let mut wire = Wire::open(50_000);
    wire.close(Down, b"\x03\xe9").close(Up, b"\x03\xe9").fins();
    wire.seq = [700_000, 90_000];
    wire.shake()
        .send(Up, ACK, ASK.as_bytes())
        .send(Down, ACK, SWITCH.as_bytes())
        .text(Up, "again")
        .send(Down, RST | ACK, b"");
    let sessions = wire.told();
    let codes: Vec<_> = sessions
        .iter()
        .map(|session| (session.number, session.verdict.code))
        .collect();
    assert_eq!(codes, [(1, Some(1001)), (2, Some(1006))]);
}

#[test]
fn a_refused_opening_that_is_tried_again_makes_two() {
    let mut wire = Wire::new(50_000);
    wire.shake()
        .send(Up, ACK, ASK.as_bytes())
        .send(Down, ACK, REFUSAL.as_bytes())
        .send(Up, ACK, ASK.as_bytes())
        .send(Down, ACK, SWITCH.as_bytes())
        .close(Up, b"")
        .close(Down, b"")
        .fins();
    let states: Vec<_> = wire
        .told()
        .iter()
        .map(|session| (session.verdict.state, session.verdict.code))
        .collect();
    assert_eq!(
        states,
        [(State::Failed, Some(1006)), (State::Closed, Some(1005))]
    );
}

#[test]
fn connections_are_told_in_the_order_of_their_first_packets() {
    let mut one = Wire::open(50_001);
    let mut other = Wire::open(50_002);
    other.close(Up, b"\x03\xe8").close(Down, b"\x03\xe8").fins();
    one.text(Up, "still there");
    let mut packets = Vec::new();
    let (mut a, mut b) = (one.packets.into_iter(), other.packets.into_iter());
    while a.len() + b.len() > 0 {
        packets.extend(a.next());
        packets.extend(b.next());
    }
    let (sessions, summary) = told(&packets);
    let ports: Vec<_> = sessions
        .iter()
        .map(|session| (session.number, session.client.port()))
        .collect();
    assert_eq!(ports, [(1, 50_001), (2, 50_002)]);
    assert_eq!((summary.connections, summary.sessions), (2, 2));
    assert_eq!(summary.packets, packets.len() as u64);
}

#[test]
fn a_connection_that_ended_long_ago_is_told_once() {
    let mut wire = Wire::open(50_000);
    wire.close(Up, b"\x03\xe8").close(Down, b"\x03\xe8").fins();
    let mut later = Wire::new(50_001);
    later.millis = 10 * 60_000;
    later.shake();
    let packets = [wire.packets, later.packets].concat();
    let (sessions, summary) = told(&packets);
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].last_packet.number(), 10);
    assert_eq!(summary.connections, 2);
}

#[test]
fn what_cannot_be_decoded_is_counted_by_reason() {
    let (sessions, summary) = told(&[(0, vec![0x45]), (1, vec![0x45, 0, 0]), (2, vec![])]);
    assert_eq!(sessions, []);
    assert_eq!(summary.undecodable.values().sum::<u64>(), 3);
    assert_eq!(summary.packets, 3);
}
