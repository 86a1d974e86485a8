//! Made-up sessions for the tests of this module.

use std::net::SocketAddr;

use super::look::Look;
use super::when::{Clock, Watch};
use crate::capture::PacketId;
use crate::session::*;
use crate::time::Timestamp;
use crate::tls::Stage;

/// 2023-11-14T22:13:20Z and so many milliseconds.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos(1_700_000_000_000_000_000 + millis * 1_000_000)
}

fn packet(number: u64) -> PacketId {
    PacketId::new(0, number)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn event(millis: i64, number: u64, from: Side, kind: &'static str, detail: &str) -> Event {
    Event {
        time: at(millis),
        packet: packet(number),
        from,
        kind,
        detail: detail.to_owned(),
    }
}

/// Still open when the capture ends.
pub(crate) fn open(number: u64) -> Session {
    Session {
        number,
        transport: Transport::Ws,
        client: address("10.0.0.5:51234"),
        server: address("10.0.0.9:80"),
        opening: Opening::new(
            &Said {
                host: Some("chat.example"),
                path: Some("/chat"),
                user_agent: Some("Mozilla/5.0"),
                ..Said::default()
            },
            Some(101),
        ),
        tls: None,
        vlan: None,
        tunnel: None,
        started: at(0),
        opened: Some(at(20)),
        ended: None,
        last_byte: Some(at(400)),
        clocks: Clocks::default(),
        ping_period: None,
        verdict: Verdict {
            state: State::Open,
            code: None,
            reason: None,
            clean: None,
            closer: None,
            culprit: None,
            cause: "open-at-end-of-capture",
            confidence: Confidence::Certain,
            other_causes: Vec::new(),
            summary: "Nothing had ended yet when the capture did.".to_owned(),
            advice: "".into(),
            client_view: View::default(),
            server_view: View::default(),
            evidence: Vec::new(),
        },
        closes: Vec::new(),
        transport_end: None,
        client_sent: Sent {
            frames: 3,
            messages: 2,
            bytes: 150,
            pings: 1,
            pongs: 0,
            largest_message: 120,
        },
        server_sent: Sent {
            frames: 3,
            messages: 2,
            bytes: 4711,
            pings: 0,
            pongs: 1,
            largest_message: 4000,
        },
        anomalies: Vec::new(),
        lost_bytes: 0,
        captured: Captured::Both,
        first_packet: packet(1),
        last_packet: packet(20),
        related: Vec::new(),
        events: vec![
            event(0, 4, Side::Client, "opening", "GET /chat"),
            event(20, 6, Side::Server, "answer", "101 Switching Protocols"),
            event(300, 10, Side::Client, "message", "text, 120 bytes"),
            event(400, 11, Side::Server, "message", "text, 4000 bytes"),
        ],
    }
}

/// Ended by the server's FIN.
pub(crate) fn abrupt(number: u64) -> Session {
    let mut session = open(number);
    let end = at(60_400);
    session.ended = Some(end);
    session.last_packet = packet(22);
    session.transport_end = Some(TransportEnd {
        how: EndKind::Fin,
        from: Party::Server,
        packet: packet(21),
        time: end,
    });
    session
        .events
        .push(event(60_400, 21, Side::Server, "fin", ""));
    let lost = View {
        code: Some(1006),
        reason: None,
        clean: Some(false),
        presumed: false,
        note: None,
    };
    session.verdict = Verdict {
        state: State::Closed,
        code: Some(1006),
        clean: Some(false),
        closer: Some(Party::Server),
        culprit: Some(Party::Server),
        cause: "fin-without-close",
        confidence: Confidence::High,
        summary:
            "The server ended the connection after 60 s of silence; nobody had sent a Close frame."
                .to_owned(),
        advice: "Send a Ping from the server every 25 s.".into(),
        client_view: lost.clone(),
        server_view: lost,
        evidence: vec![Evidence {
            packet: packet(21),
            time: end,
            from: Some(Side::Server),
            what: "first FIN, no Close frame before it".into(),
        }],
        ..session.verdict
    };
    session
}

/// Closed by both with 1000, by the client first.
pub(crate) fn normal(number: u64) -> Session {
    let mut session = open(number);
    let close = |from, number, millis| Close {
        from,
        code: Some(1000),
        reason: Some("bye".to_owned()),
        lost: false,
        packet: packet(number),
        time: at(millis),
    };
    session.closes = vec![close(Side::Client, 30, 900), close(Side::Server, 31, 910)];
    session.ended = Some(at(910));
    session.last_byte = Some(at(910));
    session.transport_end = Some(TransportEnd {
        how: EndKind::Fin,
        from: Party::Server,
        packet: packet(32),
        time: at(911),
    });
    session
        .events
        .push(event(900, 30, Side::Client, "close", "1000 bye"));
    session
        .events
        .push(event(910, 31, Side::Server, "close", "1000 bye"));
    let view = View {
        code: Some(1000),
        reason: Some("bye".to_owned()),
        clean: Some(true),
        presumed: false,
        note: None,
    };
    let evidence = |number, from| Evidence {
        packet: packet(number),
        time: at(900),
        from: Some(from),
        what: "Close 1000".into(),
    };
    session.verdict = Verdict {
        state: State::Closed,
        code: Some(1000),
        reason: Some("bye".to_owned()),
        clean: Some(true),
        closer: Some(Party::Client),
        culprit: Some(Party::Client),
        cause: "closed-normal",
        summary: "The client closed with 1000 and the server answered.".to_owned(),
        client_view: view.clone(),
        server_view: view,
        evidence: vec![evidence(30, Side::Client), evidence(31, Side::Server)],
        ..session.verdict
    };
    session
}

/// Of these the first three are at servers that are known for a WebSocket: the first by itself, the
/// others by its address and by its name.
pub(crate) fn servers_half_known() -> [Session; 5] {
    let failed = Some(Stage::Handshake);
    [
        wss(1, 443, "a.example", None),
        wss(2, 443, "b.example", failed),
        wss(3, 444, "A.Example", failed),
        wss(4, 445, "c.example", failed),
        // What failed makes nothing known.
        wss(5, 445, "d.example", failed),
    ]
}

/// One through TLS, which came so far, where it was not read.
pub(crate) fn wss(number: u64, port: u16, name: &str, stage: Option<Stage>) -> Session {
    let mut session = abrupt(number);
    session.server.set_port(port);
    session.tls = Some(Tls {
        sni: Some(name.to_owned()),
        stage,
        ..Tls::default()
    });
    session
}

/// A violation by the client at the first packet of `session`.
pub(crate) fn anomaly(rule: &'static str, session: &Session) -> Anomaly {
    let number = session
        .closes
        .first()
        .map_or(packet(1), |close| close.packet);
    Anomaly {
        rule,
        from: Side::Client,
        packet: number,
        time: session.started,
        detail: "RSV2".to_owned(),
    }
}

/// IPv6, a long path, and texts that would like to steer the terminal.
pub(crate) fn hostile(number: u64) -> Session {
    let mut session = normal(number);
    session.client = address("[2001:db8:85a3:8d3:1319:8a2e:370:7348]:51234");
    session.server = address("[2001:db8::1]:443");
    session.opening.say(Said {
        path: Some(
            "/socket/\x1b[31mred/日本語/\u{202e}desrever/websocket?EIO=4&transport=websocket",
        ),
        user_agent: Some("\x1b]0;title\x07"),
        ..Said::default()
    });
    session.verdict.code = Some(4003);
    session.verdict.cause = "application-close";
    session.verdict.reason = Some("\u{9b}2Jtoken\r\nexpired".to_owned());
    session
        .events
        .push(event(911, 33, Side::Server, "message", "\x1b[2J"));
    session
}

/// A terminal of so many columns without colours, in UTC.
pub(crate) fn look(width: Option<usize>) -> Look {
    Look {
        width,
        color: false,
        watch: Watch::new(Clock::Utc, at(0)),
        verbose: false,
    }
}

/// An idle timer that cut `sessions`, of nine.
pub(crate) fn finding(sessions: Vec<u64>) -> Finding {
    Finding {
        name: "idle-timeout",
        cause: "idle-timeout",
        confidence: Confidence::High,
        server: Some(address("10.0.0.9:80")),
        summary: format!(
            "{} of 9 sessions were cut by an idle timer.",
            sessions.len()
        ),
        sessions,
        of: 9,
        advice: "Send a Ping every 30 s.".to_owned(),
    }
}

/// Totals.
pub(crate) fn summary() -> Summary {
    Summary {
        packets: 1234,
        bytes: 500_000,
        connections: 7,
        sessions: 3,
        abnormal: 1,
        span: Some((at(0), at(60_400))),
        ..Summary::default()
    }
}
