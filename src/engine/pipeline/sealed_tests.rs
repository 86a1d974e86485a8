//! TLS of which nothing is read, on an interface: told where its server is known by then.

use super::*;

/// A ClientHello of TLS 1.2 with one cipher and no extensions.
fn hello() -> Vec<u8> {
    let body = [&[3, 3], &[7; 32][..], &[0, 0, 2, 0xc0, 0x2f, 1, 0]].concat();
    let len = u8::try_from(body.len()).unwrap_or(0);
    [&[22, 3, 1, 0, len + 4, 1, 0, 0, len], &body[..]].concat()
}

/// Somebody tries TLS; the server ends TCP, with an alert (handshake_failure) or without.
fn refused(port: u16, millis: i64, alert: &[u8]) -> Vec<(i64, Vec<u8>)> {
    let mut wire = Wire::new(port);
    wire.millis = millis;
    wire.shake().send(Up, ACK, &hello());
    if !alert.is_empty() {
        wire.send(Down, ACK, alert);
    }
    wire.fins();
    wire.packets
}

/// The causes that are told live, in the order in which they are; the packets come by time, and
/// the clock stops a minute behind the last one.
fn told_live(wires: &[&[(i64, Vec<u8>)]]) -> Vec<&'static str> {
    let mut packets = wires.concat();
    packets.sort_by_key(|(millis, _)| *millis);
    let mut pipeline = Pipeline::live(Detail::Whole);
    let mut causes = Vec::new();
    let end = packets.last().map_or(0, |(millis, _)| millis + 60_000);
    let mut packets = packets.iter().zip(1..).peekable();
    for now in (0..=end).step_by(50) {
        while let Some(((millis, data), number)) = packets.next_if(|((at, _), _)| *at <= now) {
            pipeline.handle_packet(&Packet {
                id: PacketId::new(0, number),
                time: Timestamp::from_nanos(millis * 1_000_000),
                link: RAW_IP,
                wire_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
                data,
            });
        }
        let now = Timestamp::from_nanos(now * 1_000_000);
        pipeline.handle_tick(now);
        while pipeline.conclude_ended(now, 256) {}
        let told = pipeline.take_sessions();
        causes.extend(told.iter().map(|(session, _)| session.verdict.cause));
    }
    causes
}

const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

#[test]
fn a_failed_handshake_is_told_once_its_server_is_known() {
    let strange = refused(50_001, 0, ALERT);
    let open = Wire::open(50_002);
    let mut closed = Wire::open(50_003);
    closed.close(Up, &[3, 232]).close(Down, &[3, 232]).fins();
    // Nobody has asked for a WebSocket by then.
    assert!(told_live(&[&strange]).is_empty());
    let early = told_live(&[&strange, &refused(50_004, 30_000, ALERT)]);
    assert!(early.is_empty(), "{early:?}");
    let later = refused(50_004, 30_000, ALERT);
    assert_eq!(
        told_live(&[&closed.packets, &later]),
        ["closed-normal", "tls-alert"]
    );
    // One that is open says so too.
    assert_eq!(told_live(&[&open.packets, &later]), ["tls-alert"]);
}

#[test]
fn a_port_that_answers_plain_http_is_no_port_of_tls() {
    let later = refused(50_004, 30_000, b"");
    assert_eq!(
        told_live(&[&Wire::open(50_002).packets, &later]),
        ["tls-on-plaintext-port"]
    );
}

/// A handshake of TLS 1.2 that nobody has the keys of, and data both ways after a silence.
fn opaque() -> Wire {
    let body = [&[3, 3], &[8; 32][..], &[0, 0xc0, 0x2f, 0]].concat();
    let len = u8::try_from(body.len()).unwrap_or(0);
    let answer = [&[22, 3, 3, 0, len + 4, 2, 0, 0, len], &body[..]].concat();
    let mut wire = Wire::new(50_001);
    wire.shake()
        .send(Up, ACK, &hello())
        .send(Down, ACK, &answer)
        .send(Up, ACK, &[20, 3, 3, 0, 1, 1])
        .send(Down, ACK, &[23, 3, 3, 0, 4, 9, 9, 9, 9]);
    wire.millis += 100_000;
    wire.send(Up, ACK, &[23, 3, 3, 0, 4, 9, 9, 9, 9]);
    wire
}

#[test]
fn of_tls_that_nobody_can_read_only_the_count_is_kept() {
    let wire = opaque();
    for tells_opaque in [false, true] {
        let mut pipeline = Pipeline::new(Detail::Whole);
        if tells_opaque {
            pipeline.tell_opaque();
        }
        feed(&mut pipeline, &wire.packets);
        let is_kept = |(_, followed)| matches!(followed, &Followed::Whole(_));
        assert_eq!(pipeline.flows.iter().any(is_kept), tells_opaque);
        let (sessions, summary) = pipeline.finish();
        assert!(sessions.is_empty(), "it is open");
        let counted = (summary.connections, summary.tls_without_keys);
        assert_eq!(counted, (1, 1), "{tells_opaque}");
    }
}

#[test]
fn a_server_of_tls_is_known_by_what_nobody_can_read() {
    let mut asked = Wire::new(50_005);
    asked.shake().send(Up, ACK, ASK.as_bytes()).fins();
    let session = |wires: &[&Wire]| {
        let packets: Vec<_> = wires.iter().flat_map(|wire| wire.packets.clone()).collect();
        let (mut sessions, _) = told(&packets);
        assert_eq!(sessions.len(), 1);
        sessions.remove(0).verdict.cause
    };
    assert_eq!(session(&[&opaque(), &asked]), "plaintext-on-tls-port");
    assert_ne!(session(&[&asked]), "plaintext-on-tls-port");
}
