//! Attempts that came to no request: told where the server is one of WebSockets.

use super::*;

const REFUSED: &str = "connect-refused";
const UNANSWERED: &str = "syn-unanswered";
const UNREACHABLE: &str = "icmp-unreachable";

/// A healthy session, from so many milliseconds on.
fn healthy(port: u16, millis: i64) -> Vec<(i64, Vec<u8>)> {
    let mut wire = Wire::new(port);
    wire.millis = millis;
    wire.shake()
        .send(Up, ACK, ASK.as_bytes())
        .send(Down, ACK, SWITCH.as_bytes())
        .close(Up, &[3, 232])
        .close(Down, &[3, 232])
        .fins();
    wire.packets
}

/// SYNs at these milliseconds.
fn syns(port: u16, times: &[i64]) -> Wire {
    let mut wire = Wire::new(port);
    for &millis in times {
        wire.millis = millis - 1;
        wire.seq = [1000, 5000];
        wire.send(Up, SYN, b"");
    }
    wire
}

/// `told` of all these, by time.
fn causes(wires: &[&[(i64, Vec<u8>)]]) -> Vec<(u64, &'static str)> {
    let mut packets = wires.concat();
    packets.sort_by_key(|(millis, _)| *millis);
    let (sessions, _) = told(&packets);
    sessions
        .iter()
        .map(|session| (session.number, session.verdict.cause))
        .collect()
}

/// What a router says of the first packet of a wire.
fn sent_back(wire: &Wire, millis: i64, kind: u8, code: u8) -> (i64, Vec<u8>) {
    let quoted = &wire.packets[0].1;
    let mut packet = vec![0x45, 0];
    packet.extend((28 + u16::try_from(quoted.len()).unwrap_or(0)).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 254, 10, 0, 0, 1]);
    packet.extend([kind, code, 0, 0, 0, 0, 0, 0]);
    packet.extend(quoted);
    (millis, packet)
}

#[test]
fn a_syn_without_an_answer_is_told_before_and_after_the_server_is_known() {
    for begin in [0, 20_000] {
        let tried = syns(50_001, &[10_000, 11_000, 13_000]);
        let mut packets = [tried.packets, healthy(50_000, begin)].concat();
        packets.sort_by_key(|(millis, _)| *millis);
        let (sessions, summary) = told(&packets);
        let at = usize::from(begin == 0);
        let session = &sessions[at];
        let verdict = &session.verdict;
        assert_eq!((verdict.cause, verdict.state), (UNANSWERED, State::Failed));
        assert_eq!((verdict.code, verdict.closer), (Some(1006), None));
        assert_eq!(verdict.culprit, Some(Party::Network));
        assert_eq!(verdict.client_view.code, Some(1006));
        assert_eq!(verdict.server_view, crate::session::View::default());
        assert_eq!(session.opening.http_status, None);
        assert_eq!(session.client.port(), 50_001);
        assert_eq!(session.number, at as u64 + 1);
        assert!(
            verdict.summary.contains("3 times in 3.0 s"),
            "{}",
            verdict.summary
        );
        assert_eq!((summary.sessions, summary.abnormal), (2, 1));
    }
}

#[test]
fn nothing_is_said_of_other_servers() {
    let tried = syns(50_001, &[10_000, 11_000, 13_000]);
    assert_eq!(causes(&[&tried.packets]), []);
    // The server's packets are not in the capture, so its answers may be missing too.
    let mut deaf = healthy(50_000, 0);
    deaf.retain(|(_, packet)| packet[15] == 1);
    assert_eq!(causes(&[&tried.packets, &deaf]).len(), 1);
}

#[test]
fn a_syn_at_the_end_of_the_capture_is_under_way() {
    let known = healthy(50_000, 0);
    let late = |last: i64| {
        let tried = syns(50_001, &[10_000]);
        let other = syns(50_002, &[last]).packets;
        causes(&[&known, &tried.packets, &other]).len()
    };
    assert_eq!(late(10_900), 1);
    assert_eq!(late(11_000), 2);
}

#[test]
fn a_single_syn_says_nothing_where_the_capture_has_holes() {
    let mut wire = Wire::open(50_000);
    wire.lose(Down, b"0123456789").text(Down, "hi").fins();
    let once = syns(50_001, &[10]).packets;
    let twice = syns(50_002, &[20, 1_020]).packets;
    let late = syns(50_003, &[5_000]).packets;
    let told = causes(&[&wire.packets, &once, &twice, &late]);
    assert_eq!(told[1..], [(2, UNANSWERED)]);
}

#[test]
fn every_connection_is_an_attempt_of_its_own() {
    let known = healthy(50_000, 0);
    let refused = |port: u16, isn: u32, millis: i64| {
        let mut wire = Wire::new(port);
        wire.seq = [isn, 0];
        wire.millis = millis;
        wire.send(Up, SYN, b"").send(Down, ACK | RST, b"");
        wire.packets
    };
    // On another port, and on the same with another number.
    let wires = [
        refused(50_001, 1000, 1000),
        refused(50_002, 1000, 2000),
        refused(50_002, 88_000, 3000),
    ];
    let told = causes(&[&known, &wires[0], &wires[1], &wires[2]]);
    assert_eq!(told[1..], [(2, REFUSED), (3, REFUSED), (4, REFUSED)]);
    // Windows tries three times with the same number.
    let mut again = refused(50_001, 1000, 1000);
    again.extend(refused(50_001, 1000, 1500));
    again.extend(refused(50_001, 1000, 2000));
    assert_eq!(causes(&[&known, &again])[1..], [(2, REFUSED)]);
}

#[test]
fn a_refusal_counts_however_often_syns_were_captured() {
    let known = healthy(50_000, 0);
    for copies in [1, 7, 8, 9, 20] {
        let mut wire = syns(50_001, &vec![1000; copies]);
        for _ in 0..copies {
            wire.seq = [1001, 0];
            wire.send(Down, ACK | RST, b"");
        }
        assert_eq!(
            causes(&[&known, &wire.packets])[1..],
            [(2, REFUSED)],
            "{copies}"
        );
    }
}

#[test]
fn what_connected_is_no_attempt() {
    let known = healthy(50_000, 0);
    // A health check, and a connection that was reset by its client.
    let mut check = Wire::new(50_001);
    check.shake().fins();
    let mut gone = Wire::new(50_002);
    gone.send(Up, SYN, b"")
        .send(Down, SYN | ACK, b"")
        .send(Up, RST, b"");
    // A RST that does not acknowledge the SYN is ignored by who sent it.
    let mut stray = Wire::new(50_003);
    stray.send(Up, SYN, b"");
    stray.seq[0] += 5;
    stray.send(Down, ACK | RST, b"");
    let told = causes(&[&known, &check.packets, &gone.packets, &stray.packets]);
    assert_eq!(told.len(), 1, "{told:?}");
    // Nor what connects at last.
    let mut late = syns(50_004, &[1000, 2000]);
    late.seq = [1001, 5000];
    late.send(Down, SYN | ACK, b"").send(Up, ACK, b"");
    assert_eq!(causes(&[&known, &late.packets]).len(), 1);
}

#[test]
fn an_icmp_error_tells_why_a_syn_failed() {
    let known = healthy(50_000, 0);
    let tried = syns(50_001, &[10_000]);
    for (kind, code, cause) in [
        (3, 1, Some(UNREACHABLE)),
        (3, 3, Some(UNREACHABLE)),
        (3, 13, Some(UNREACHABLE)),
        (11, 0, Some(UNREACHABLE)),
        // An echo is no error, and the SYN is young.
        (8, 0, None),
    ] {
        let error = sent_back(&tried, 10_005, kind, code);
        let told = causes(&[&known, &tried.packets, &[error]]);
        assert_eq!(told.get(1).map(|told| told.1), cause, "{kind} {code}");
    }
    // Of another connection on these ports.
    let mut other = tried.clone();
    other.packets[0].1[27] ^= 1;
    let error = sent_back(&other, 10_005, 3, 1);
    assert_eq!(causes(&[&known, &tried.packets, &[error]]).len(), 1);
}

#[test]
fn any_number_of_shares_tells_the_same_attempts() {
    let mut packets = [
        healthy(50_000, 5000),
        syns(50_001, &[10, 1000, 2000]).packets,
    ]
    .concat();
    for port in 50_002..50_030 {
        let mut wire = Wire::new(port);
        wire.millis = i64::from(port - 50_000) * 100;
        wire.send(Up, SYN, b"").send(Down, ACK | RST, b"");
        packets.extend(wire.packets);
    }
    packets.sort_by_key(|(millis, _)| *millis);
    assert_eq!(told_by_shares(&packets), 30);
}

/// So many SYNs of strangers, one each; with a RST for each, perhaps.
fn flood(count: usize, refused: bool) -> Vec<(i64, Vec<u8>)> {
    let mut packets = healthy(50_000, 0);
    for number in 0..u32::try_from(count).unwrap_or(0) {
        let address = (0x0b00_0000 | number).to_be_bytes();
        let millis = 1000 + i64::from(number / 100);
        let mut syn = ip_packet(Up, 40_000, number, 0, SYN, b"");
        syn[12..16].copy_from_slice(&address);
        packets.push((millis, syn));
        if refused {
            let mut rst = ip_packet(Down, 40_000, 0, number + 1, ACK | RST, b"");
            rst[16..20].copy_from_slice(&address);
            packets.push((millis, rst));
        }
    }
    packets.extend(syns(50_001, &[80_000, 81_000]).packets);
    packets
}

#[test]
fn of_too_many_attempts_the_first_are_told() {
    let many = 3 * limits::MAX_ATTEMPTS;
    let (sessions, summary) = told(&flood(many, true));
    assert_eq!(sessions.len(), 1 + limits::MAX_ATTEMPTS);
    let last = sessions.last().map(|last| last.verdict.cause);
    assert_eq!(last, Some(REFUSED), "the latest are not told");
    let forgotten = many + 1 - limits::MAX_ATTEMPTS;
    assert_eq!(summary.attempts_forgotten, forgotten as u64);
}

#[test]
fn strangers_that_try_once_are_told_while_they_are_few() {
    let (sessions, summary) = told(&flood(limits::MAX_SINGLE_SYNS, false));
    assert_eq!(sessions.len(), 2 + limits::MAX_SINGLE_SYNS);
    assert_eq!(summary.attempts_forgotten, 0);
    for many in [limits::MAX_SINGLE_SYNS + 1, 3 * limits::MAX_ATTEMPTS] {
        let (sessions, summary) = told(&flood(many, false));
        // Who repeats is told all the same.
        assert_eq!(sessions.len(), 2);
        assert_eq!(sessions[1].client.port(), 50_001);
        assert_eq!(summary.attempts_forgotten, many as u64);
    }
}

/// A CONNECT that a proxy answers so.
fn tunnel(port: u16, target: &str, answer: &str) -> Vec<(i64, Vec<u8>)> {
    let mut wire = Wire::new(port);
    wire.millis = 1000;
    let asked = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    wire.shake()
        .send(Up, ACK, asked.as_bytes())
        .send(Down, ACK, answer.as_bytes())
        .fins();
    wire.packets
}

#[test]
fn a_refused_tunnel_is_told_where_its_target_is_known() {
    let known = healthy(50_000, 0);
    let denied = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    let chunked = "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let until_end = "HTTP/1.1 407 Login\r\n\r\nwho are you?";
    for answer in [denied, chunked, until_end] {
        // By the name in Host, which leaves out the port, and by the address.
        for target in ["a:80", "A:80", "10.0.0.2:80"] {
            let told = causes(&[&known, &tunnel(50_001, target, answer)]);
            assert_eq!(
                told[1..],
                [(2, "proxy-connect-refused")],
                "{target} {answer}"
            );
        }
        let told = causes(&[&known, &tunnel(50_001, "b:80", answer)]);
        assert_eq!(told.len(), 1, "{answer}");
    }
    let open = "HTTP/1.1 200 Connection established\r\n\r\n";
    assert_eq!(causes(&[&known, &tunnel(50_001, "a:80", open)]).len(), 1);
}
