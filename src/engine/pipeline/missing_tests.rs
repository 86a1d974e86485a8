//! Tests of what is told where the capture lacks packets, or begins late.

use super::*;

#[test]
fn a_capture_that_begins_late_has_the_session_without_its_opening() {
    let mut wire = Wire::new(50_000);
    for n in 0..6 {
        wire.text(Up, &format!("question {n}"))
            .text(Down, &format!("answer {n}"));
    }
    wire.close(Down, b"\x03\xf3oops")
        .close(Up, b"\x03\xf3")
        .fins();
    let session = wire.session();
    assert_eq!(session.client.port(), 50_000, "told by the masks");
    assert_eq!((session.verdict.code, session.opened), (Some(1011), None));
    assert_eq!(session.client_sent.messages, 6);
}

#[test]
fn a_capture_may_begin_with_a_keep_alive_probe() {
    for way in [Up, Down] {
        let mut wire = Wire::new(50_000);
        let [client, server] = wire.seq;
        let (own, peer) = match way {
            Up => (client, server),
            Down => (server, client),
        };
        // RFC 9293 section 3.8.4: one before the next byte.
        let probe = ip_packet(way, wire.port, own.wrapping_sub(1), peer, ACK, b"");
        wire.packets.push((0, probe));
        for n in 0..6 {
            wire.text(Up, &format!("question {n}"))
                .text(Down, &format!("answer {n}"));
        }
        wire.close(Down, b"\x03\xf3oops")
            .close(Up, b"\x03\xf3")
            .fins();
        let session = wire.session();
        assert_eq!(session.verdict.code, Some(1011), "{way:?}");
        assert_eq!(session.client_sent.messages, 6, "{way:?}");
        assert_eq!(session.server_sent.messages, 6, "{way:?}");
    }
}

#[test]
fn other_protocols_are_no_sessions_whether_seen_from_the_start_or_not() {
    let mqtt = [
        b"\x30\x12\x00\x0bsensors/one12345".to_vec(),
        b"\xc0\x00".to_vec(),
        b"\xd0\x00".to_vec(),
    ];
    let record = [&b"\x17\x03\x03\x00\x78"[..], &noise(120, 77)].concat();
    let prefixed = [&b"\x00\x3c"[..], &noise(60, 5)].concat();
    let longer = [&b"\x00\x00\x00\x3c"[..], &noise(60, 5)].concat();
    let ssh = [&b"\x00\x00\x00\x40"[..], &noise(64, 9)].concat();
    for payloads in [
        mqtt.to_vec(),
        vec![record],
        vec![prefixed],
        vec![longer],
        vec![ssh],
        vec![vec![0; 1000]],
        vec![b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()],
        vec![b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()],
        vec![noise(700, 123), noise(90, 4)],
    ] {
        for (from_syn, ways) in [
            (true, &[Up, Down][..]),
            (false, &[Up, Down]),
            (false, &[Up]),
            (false, &[Down]),
        ] {
            let mut wire = Wire::new(50_000);
            if from_syn {
                wire.shake();
            }
            for payload in payloads.iter().cycle().take(60) {
                for &way in ways {
                    wire.send(way, ACK, payload);
                }
            }
            assert_eq!(
                wire.told(),
                [],
                "{ways:?} {:x?}",
                &payloads[0][..8.min(payloads[0].len())]
            );
            wire.fins();
            assert_eq!(
                wire.told(),
                [],
                "{ways:?} {:x?}",
                &payloads[0][..8.min(payloads[0].len())]
            );
        }
    }
}

#[test]
fn unmasked_frames_are_believed_only_where_nothing_contradicts_them() {
    let mut feed = Wire::new(50_000);
    for n in 0..10 {
        feed.text(Down, &format!("tick {n}"));
    }
    assert_eq!(feed.session().server_sent.messages, 10);
    let mut other = Wire::new(50_000);
    for n in 0..10 {
        other
            .text(Down, &format!("tick {n}"))
            .send(Up, ACK, &noise(40, n | 4));
    }
    assert_eq!(other.told(), []);
    // One masked frame that fills the last segment is chance, now and then; not where it is all.
    for (noisy, sessions) in [(true, 0), (false, 1)] {
        let mut last = Wire::new(50_000);
        for n in 0..if noisy { 10 } else { 0 } {
            last.send(Up, ACK, &noise(40, n | 4));
        }
        last.text(Up, "who knows?");
        assert_eq!(last.told().len(), sessions);
    }
    // Both ends unmasked: no WebSocket has that.
    let mut peers = Wire::new(50_000);
    for n in 0..10 {
        let frame = wire(&[Frame::whole(Opcode::TEXT, format!("tick {n}").as_bytes())]);
        peers.send(Down, ACK, &frame).send(Up, ACK, &frame);
    }
    assert_eq!(peers.told(), []);
}

#[test]
fn lost_bytes_are_never_a_1006() {
    let mut wire = Wire::open(50_000);
    wire.text(Up, "hello")
        .lose(Down, b"\x88\x02\x03\xe8")
        .fins();
    let session = wire.session();
    assert_eq!(
        (session.verdict.code, session.verdict.cause),
        (None, "capture-gap")
    );
    assert_eq!(session.lost_bytes, 4);
    // Three bytes hold no Close of a server.
    let mut wire = Wire::open(50_000);
    wire.text(Up, "hello").lose(Down, b"\x81\x01a").fins();
    assert_eq!(wire.session().verdict.code, Some(1006));
}

#[test]
fn a_lost_101_or_request_does_not_hide_the_session() {
    let mut wire = Wire::new(50_000);
    wire.shake()
        .send(Up, ACK, ASK.as_bytes())
        .lose(Down, SWITCH.as_bytes());
    for n in 0..6 {
        wire.text(Up, &format!("question {n}"))
            .text(Down, &format!("answer {n}"));
    }
    wire.close(Up, b"\x03\xe8").close(Down, b"\x03\xe8").fins();
    let session = wire.session();
    assert_eq!(
        (session.verdict.state, session.verdict.code),
        (State::Closed, Some(1000))
    );
    let mut wire = Wire::new(50_000);
    wire.shake()
        .lose(Up, ASK.as_bytes())
        .send(Down, ACK, SWITCH.as_bytes());
    for n in 0..6 {
        wire.text(Up, &format!("question {n}"))
            .text(Down, &format!("answer {n}"));
    }
    wire.close(Up, b"\x03\xe8").close(Down, b"\x03\xe8").fins();
    assert_eq!(wire.session().verdict.code, Some(1000));
}

#[test]
fn a_fin_that_the_capture_lost_is_known_by_what_acknowledges_it() {
    // The server ends TCP, then the client closes: too late to be read.
    let ended = |lost: bool, reset: bool| {
        let mut wire = Wire::open(50_000);
        wire.text(Up, "hello").send(Down, ACK | FIN, b"");
        if lost {
            wire.packets.pop();
        }
        wire.close(Up, b"\x03\xe9");
        if reset {
            wire.send(Down, RST, b"");
        } else {
            wire.send(Up, ACK | FIN, b"").send(Down, ACK, b"");
        }
        wire.session()
    };
    for reset in [false, true] {
        for lost in [false, true] {
            let session = ended(lost, reset);
            assert_eq!(session.verdict.closer, Some(Party::Server), "{session:?}");
            assert_eq!(session.verdict.server_view.code, Some(1006), "{session:?}");
            assert_eq!(session.lost_bytes, 0);
        }
    }
}

#[test]
fn only_the_packet_behind_the_syn_tells_where_the_other_stream_begins() {
    let mut wire = Wire::open(50_000);
    wire.close(Down, b"\x03\xe9").close(Up, b"\x03\xe9").fins();
    // All between the SYN and the client's Close is lost, the server's Close among it.
    wire.packets.drain(1..6);
    let session = wire.session();
    assert_eq!(session.verdict.client_view.code, None, "{session:?}");
    assert_eq!((session.verdict.code, session.verdict.closer), (None, None));
}

#[test]
fn frames_behind_a_lost_request_may_continue_a_message() {
    let mut wire = Wire::open(50_000);
    wire.frame(Up, Frame::begun(Opcode::TEXT, b"a"))
        .frame(Up, Frame::whole(Opcode::CONTINUATION, b"b"))
        .close(Up, b"\x03\xe8")
        .close(Down, b"\x03\xe8")
        .fins();
    // The SYNs, the request, and the frame that begins the message.
    for lost in [5, 3, 2, 1, 0] {
        wire.packets.remove(lost);
    }
    let session = wire.session();
    assert_eq!(session.anomalies, []);
    assert_eq!(session.verdict.server_view.code, Some(1000), "{session:?}");
}

#[test]
fn one_direction_is_told_as_one() {
    let mut wire = Wire::open(50_000);
    wire.text(Up, "hello")
        .close(Up, b"\x03\xe8")
        .close(Down, b"\x03\xe8")
        .fins();
    for (offset, captured) in [(12, Captured::ClientOnly), (16, Captured::ServerOnly)] {
        // The last byte of the source address: 1 is the client.
        let keep = if offset == 12 { 1 } else { 2 };
        let packets: Vec<_> = wire
            .packets
            .iter()
            .filter(|(_, data)| data[15] == keep)
            .cloned()
            .collect();
        let (sessions, _) = told(&packets);
        assert_eq!(sessions.len(), 1, "{captured:?}");
        assert_eq!(sessions[0].captured, captured);
        assert_eq!(sessions[0].closes.len(), 1);
    }
}
