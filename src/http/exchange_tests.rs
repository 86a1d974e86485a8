//! Tests of the exchange: which answer belongs to which request, and where frames begin.

#[path = "exchange/missing_tests.rs"]
mod missing;

use proptest::prelude::*;

use super::*;
use crate::tcp::testing::{Got, origin};

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const CLIENT: End = End::A;
const SERVER: End = End::B;

/// A connection at the HTTP layer.
struct Talk {
    exchange: Exchange,
    told: Events,
    ends: Pair<u64>,
    packets: u64,
    /// The capture holds both directions.
    both: bool,
}

impl Talk {
    fn new() -> Self {
        Self {
            exchange: Exchange::default(),
            told: Events::default(),
            ends: Pair::default(),
            packets: 0,
            both: true,
        }
    }

    fn one_direction() -> Self {
        Self {
            both: false,
            ..Self::new()
        }
    }

    fn send(&mut self, end: End, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.packets += 1;
        let chunk = Chunk::Data {
            offset: self.ends[end],
            bytes,
            origin: origin(self.packets),
        };
        self.exchange
            .handle_chunk(end, chunk, self.sight(), &mut self.told);
        self.ends[end] += bytes.len() as u64;
        self
    }

    fn lose(&mut self, end: End, len: u64) -> &mut Self {
        self.packets += 1;
        let chunk = Chunk::Gap {
            offset: self.ends[end],
            len,
            origin: origin(self.packets),
        };
        self.exchange
            .handle_chunk(end, chunk, self.sight(), &mut self.told);
        self.ends[end] += len;
        self
    }

    fn sight(&self) -> Sight {
        Sight {
            peer_seen: self.both,
            whole: true,
            peer_whole: true,
            peer_waits: false,
        }
    }

    fn finish(&mut self) -> &mut Self {
        let seen = End::BOTH.map(|end| self.both || self.ends[end] > 0);
        let [a, b] = seen;
        self.exchange
            .finish(origin(self.packets), Pair { a, b }, &mut self.told);
        self
    }

    /// The events, in a word each.
    fn told(&self) -> Vec<String> {
        let word = |event: &Event| match event {
            Event::Opening {
                client, request, ..
            } => {
                assert_eq!(*client, CLIENT);
                format!("opening {}", request.path())
            }
            Event::Refused { response, .. } => format!("refused {}", response.status),
            Event::NotHttp { .. } => "not http".to_owned(),
            Event::Opened {
                client, response, ..
            } => {
                assert_eq!(*client, CLIENT);
                match response {
                    Some(response) => format!("opened {}", response.status),
                    None => "opened".to_owned(),
                }
            }
            Event::NoBeginning(_) => "no beginning".to_owned(),
            Event::Over => "over".to_owned(),
        };
        self.told.iter().map(word).collect()
    }

    /// What is left for the frames, from the byte on where each direction's frames begin.
    fn rest(mut self, client: u64, server: u64) -> Pair<Got> {
        let mut rest = Pair {
            a: Got {
                end: client,
                ..Got::default()
            },
            b: Got {
                end: server,
                ..Got::default()
            },
        };
        self.exchange.drain(|end, chunk| rest[end].take(chunk));
        rest
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A message in packets of at most `size` bytes.
fn in_packets(talk: &mut Talk, end: End, text: &str, size: usize) {
    for part in text.as_bytes().chunks(size) {
        talk.send(end, part);
    }
}

#[test]
fn an_opening_is_found_whatever_way_its_heads_are_cut() {
    for size in 1..=ASK.len() {
        let mut talk = Talk::new();
        in_packets(&mut talk, CLIENT, ASK, size);
        assert_eq!(talk.told(), ["opening /chat"], "{size}");
        in_packets(&mut talk, SERVER, SWITCH, size);
        assert_eq!(talk.told(), ["opening /chat", "opened 101"], "{size}");
    }
    for cut in 1..ASK.len() {
        let (head, tail) = ASK.split_at(cut);
        let mut talk = Talk::new();
        talk.send(CLIENT, head)
            .send(CLIENT, tail)
            .send(SERVER, SWITCH);
        assert_eq!(talk.told(), ["opening /chat", "opened 101"], "{cut}");
    }
}

#[test]
fn frames_behind_either_head_are_left_for_their_reader() {
    let mut talk = Talk::new();
    talk.send(CLIENT, format!("{ASK}early "))
        .send(CLIENT, "bird")
        .send(SERVER, format!("{SWITCH}frames"));
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
    let rest = talk.rest(ASK.len() as u64, SWITCH.len() as u64);
    assert_eq!(rest.a.bytes, b"early bird");
    assert_eq!(rest.b.bytes, b"frames");
}

#[test]
fn an_answer_may_stand_before_its_request_in_the_capture() {
    let mut talk = Talk::new();
    talk.send(SERVER, format!("{SWITCH}frames"));
    assert_eq!(talk.told(), Vec::<String>::new());
    talk.send(CLIENT, format!("{ASK}more"));
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
    let rest = talk.rest(ASK.len() as u64, SWITCH.len() as u64);
    assert_eq!(
        (rest.a.bytes, rest.b.bytes),
        (b"more".to_vec(), b"frames".to_vec())
    );
}

#[test]
fn informational_answers_are_not_the_answer() {
    let mut talk = Talk::new();
    talk.send(CLIENT, ASK)
        .send(
            SERVER,
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        )
        .send(SERVER, SWITCH);
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
}

#[test]
fn a_refused_opening_may_be_tried_again_on_the_same_connection() {
    let refusal = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nlogin";
    let mut talk = Talk::new();
    talk.send(CLIENT, ASK).send(SERVER, refusal);
    assert_eq!(talk.told(), ["opening /chat", "refused 401"]);
    talk.send(CLIENT, ASK).send(SERVER, SWITCH);
    assert_eq!(
        talk.told(),
        [
            "opening /chat",
            "refused 401",
            "opening /chat",
            "opened 101"
        ]
    );
    // The second request before the first answer.
    let mut talk = Talk::new();
    talk.send(CLIENT, [ASK, ASK].concat())
        .send(SERVER, [refusal, SWITCH].concat());
    assert_eq!(
        talk.told(),
        [
            "opening /chat",
            "refused 401",
            "opening /chat",
            "opened 101"
        ]
    );
}

#[test]
fn answers_go_to_their_requests_in_order() {
    for size in [1, 7, 10_000] {
        let mut talk = Talk::new();
        let head = "HEAD /b HTTP/1.1\r\n\r\n";
        let post = "POST /c HTTP/1.1\r\nContent-Length: 9\r\n\r\nGET / HTT";
        let chunked = "POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
            5;ext=1\r\nGET /\r\n10\r\n0123456789abcdef\r\n0\r\nTrailer: 1\r\n\r\n";
        let asked = [&get("/a"), head, post, chunked, ASK].concat();
        in_packets(&mut talk, CLIENT, &asked, size);
        assert_eq!(talk.told(), ["opening /chat"], "{size}");
        let answers = [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nHTTP/1.1 10\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
            SWITCH,
        ];
        in_packets(&mut talk, SERVER, &answers.concat(), size);
        assert_eq!(talk.told(), ["opening /chat", "opened 101"], "{size}");
    }
}

#[test]
fn behind_a_connect_that_was_granted_comes_what_the_tunnel_carries() {
    let connect = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n";
    // RFC 9110 §9.3.6: a length in such an answer means nothing.
    for fields in [
        "",
        "Content-Length: 9\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let mut talk = Talk::new();
        talk.send(CLIENT, connect)
            .send(SERVER, format!("HTTP/1.1 200 Established\r\n{fields}\r\n"))
            .send(CLIENT, ASK)
            .send(SERVER, SWITCH);
        assert_eq!(talk.told(), ["opening /chat", "opened 101"], "{fields}");
    }
    // One that was not granted has a body.
    let mut talk = Talk::new();
    talk.send(CLIENT, connect)
        .send(
            SERVER,
            "HTTP/1.1 407 No\r\nContent-Length: 9\r\n\r\nHTTP/1.1 ",
        )
        .send(CLIENT, ASK)
        .send(SERVER, SWITCH);
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bodies_are_passed_over_whatever_way_they_are_cut(
        bodies in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300), 1usize..50), 0..5),
        cuts in proptest::collection::vec(1usize..200, 1..20),
    ) {
        let mut stream = Vec::new();
        let mut asked = String::new();
        for (chunked, body, part) in &bodies {
            asked += &get("/");
            if *chunked {
                stream.extend(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for part in body.chunks(*part) {
                    stream.extend(format!("{:X}\r\n", part.len()).bytes());
                    stream.extend(part);
                    stream.extend(b"\r\n");
                }
                stream.extend(b"0\r\n\r\n");
            } else {
                stream.extend(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).bytes());
                stream.extend(body);
            }
        }
        stream.extend(SWITCH.bytes());
        stream.extend(b"frames");
        let end = stream.len() as u64 - 6;
        let mut talk = Talk::new();
        talk.send(CLIENT, asked + ASK);
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            let (part, later) = rest.split_at(*cut.min(&rest.len()));
            talk.send(SERVER, part);
            rest = later;
            if rest.is_empty() || talk.told().len() > 1 {
                break;
            }
        }
        prop_assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
        let (asked, sent) = (talk.ends[CLIENT], talk.ends[SERVER]);
        let got = talk.rest(asked, end).b;
        prop_assert_eq!(got.end, sent);
        prop_assert!(b"frames".starts_with(&got.bytes));
    }

    #[test]
    fn any_bytes_in_any_order_are_taken_without_a_panic(
        parts in proptest::collection::vec((any::<bool>(), prop_oneof![
            Just(ASK.as_bytes().to_vec()),
            Just(SWITCH.as_bytes().to_vec()),
            Just(get("/a").into_bytes()),
            Just(b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n".to_vec()),
            Just(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n".to_vec()),
            Just(Vec::new()),
            proptest::collection::vec(any::<u8>(), 1..60),
        ], 0u64..3), 0..12),
        both in any::<bool>(),
    ) {
        let mut talk = Talk { both, ..Talk::new() };
        for (to_server, bytes, lost) in parts {
            let end = if to_server { CLIENT } else { SERVER };
            if bytes.is_empty() {
                talk.lose(end, lost * 100 + 1);
            } else {
                talk.send(end, bytes);
            }
        }
        talk.finish();
        let is_opened = |event: &&Event| matches!(event, Event::Opened { .. });
        prop_assert!(talk.told.iter().filter(is_opened).count() <= 1);
    }
}

#[test]
fn a_switch_to_another_protocol_is_none_of_ours() {
    let mut talk = Talk::new();
    talk.send(
        CLIENT,
        "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    )
    .send(
        SERVER,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    );
    assert_eq!(talk.told(), ["over"]);
    let mut talk = Talk::new();
    talk.send(
        SERVER,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    )
    .finish();
    assert_eq!(talk.told(), ["over"]);
}

#[test]
fn an_answer_that_is_no_http_is_told_as_that() {
    let mut talk = Talk::new();
    talk.send(CLIENT, ASK)
        .send(SERVER, "\x15\x03\x01\0\x02\x02\x50");
    assert_eq!(talk.told(), ["opening /chat", "not http", "over"]);
}

#[test]
fn other_protocols_are_let_go() {
    for first in [
        "SSH-2.0-x\r\n",
        "\x16\x03\x01\x02",
        "GETAWAY",
        "HTTP/2.0 200\r\n\r\n",
    ] {
        let mut talk = Talk::new();
        talk.send(CLIENT, first).send(SERVER, first).finish();
        assert!(
            !talk.told().iter().any(|told| told.starts_with("open")),
            "{first}: {:?}",
            talk.told()
        );
    }
}

#[test]
fn heads_without_an_end_are_given_up_at_their_limit() {
    let line = "X-Filler: abcdefghijklmnopqrstuvwxyz\r\n";
    let mut talk = Talk::new();
    talk.send(CLIENT, "GET /chat HTTP/1.1\r\n");
    for _ in 0..limits::MAX_HEAD_BYTES / line.len() + 1 {
        talk.send(CLIENT, line);
    }
    talk.send(CLIENT, "Upgrade: websocket\r\n\r\n").finish();
    assert_eq!(talk.told(), Vec::<String>::new());
    // One line without an end.
    let mut talk = Talk::new();
    talk.send(CLIENT, "GET /");
    for _ in 0..limits::MAX_HEAD_BYTES / 1000 + 2 {
        talk.send(CLIENT, [b'a'; 1000]);
    }
    talk.send(CLIENT, ASK).finish();
    assert_eq!(talk.told(), Vec::<String>::new());
}

#[test]
fn requests_without_answers_are_counted_up_to_a_limit() {
    let mut talk = Talk::new();
    for _ in 0..=limits::MAX_REQUESTS_WAITING {
        talk.send(CLIENT, get("/"));
    }
    assert_eq!(talk.told(), ["over"]);
}

#[test]
fn a_head_with_too_many_lines_is_no_opening() {
    let lines = |count: usize| {
        let end = ASK.len() - 2;
        let filler = "A: b\r\n".repeat(count);
        format!("{}{filler}\r\n", ASK.get(..end).unwrap_or_default())
    };
    let mut talk = Talk::new();
    talk.send(CLIENT, lines(200)).send(SERVER, SWITCH);
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
    let mut talk = Talk::new();
    talk.send(CLIENT, lines(300));
    assert_eq!(talk.told(), Vec::<String>::new());
}
