//! Tests of heads.

use proptest::prelude::*;

use super::*;
use crate::http::fields::has_token;

fn request(lines: &str) -> Option<Request> {
    match parse_request(format!("GET /a HTTP/1.1\r\n{lines}\r\n").as_bytes()) {
        Parsed::Whole(request, _) => Some(request),
        Parsed::Partial | Parsed::NotHttp => None,
    }
}

fn response(status: u16, lines: &str) -> Option<Response> {
    match parse_response(format!("HTTP/1.1 {status} Reason\r\n{lines}\r\n").as_bytes()) {
        Parsed::Whole(response, _) => Some(response),
        Parsed::Partial | Parsed::NotHttp => None,
    }
}

#[test]
fn an_opening_asks_by_upgrade_or_lost_it_on_the_way() {
    let opens = |lines| request(lines).is_some_and(|request| request.is_opening());
    assert!(opens("Upgrade: websocket\r\n"));
    assert!(opens("upgrade: WebSocket\r\n"));
    assert!(opens("Upgrade: h2c, websocket\r\n"));
    assert!(opens("Upgrade: h2c\r\nUpgrade: websocket\r\n"));
    assert!(
        opens("Sec-WebSocket-Key: x\r\n"),
        "a proxy took Upgrade away"
    );
    assert!(!opens("Upgrade: h2c\r\nSec-WebSocket-Key: x\r\n"));
    assert!(!opens("Upgrade: websockets\r\n"));
    assert!(!opens("Host: websocket\r\n"));
}

#[test]
fn lists_over_several_lines_are_one() {
    let protocols = request("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol:  b, c \r\n")
        .and_then(|request| request.asking.protocols().map(str::to_owned));
    assert_eq!(protocols.as_deref(), Some("a, b, c"));
    assert!(has_token(b"a, b;x=1 ,c", b"b"));
    assert!(has_token(b" ,a ; b", b"a"));
    assert!(!has_token(b"ab", b"a"));
    assert!(!has_token(b"a b, b=a", b"a"));
    assert!(!has_token(b"", b"upgrade"));
}

#[test]
fn bodies_end_as_the_headers_say() {
    let request_body = |lines| request(lines).map(|request| request.body);
    assert_eq!(request_body(""), Some(BodyLen::Known(0)));
    assert_eq!(
        request_body("Content-Length: 5\r\n"),
        Some(BodyLen::Known(5))
    );
    assert_eq!(
        request_body("Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n"),
        Some(BodyLen::Chunked)
    );
    assert_eq!(
        request_body("Content-Length: -1\r\n"),
        Some(BodyLen::Known(0))
    );
    let body = |status, lines| response(status, lines).map(|response| response.body);
    assert_eq!(body(200, ""), Some(BodyLen::UntilEnd));
    assert_eq!(body(200, "Content-Length: 0\r\n"), Some(BodyLen::Known(0)));
    for bodiless in [101, 103, 204, 304] {
        assert_eq!(
            body(bodiless, "Content-Length: 9\r\n"),
            Some(BodyLen::Known(0))
        );
    }
}

#[test]
fn a_101_is_of_websocket_by_accept_or_upgrade() {
    let is = |status, lines| response(status, lines).is_some_and(|head| head.is_websocket());
    assert!(is(101, "Sec-WebSocket-Accept: x\r\n"));
    assert!(is(101, "Upgrade: WebSocket\r\n"));
    assert!(!is(101, "Upgrade: h2c\r\n"));
    assert!(!is(200, "Sec-WebSocket-Accept: x\r\n"));
}

#[test]
fn texts_that_are_not_utf8_are_shown_and_never_trusted() {
    let mut bytes =
        b"GET /\xff HTTP/1.1\r\nHost: \xff\xfe\r\nUpgrade: websocket\xff\r\n\r\n".to_vec();
    assert!(matches!(
        parse_request(&bytes),
        Parsed::NotHttp | Parsed::Whole(..)
    ));
    bytes = b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\nUpgrade: websocket\xff\r\n\r\n".to_vec();
    if let Parsed::Whole(request, len) = parse_request(&bytes) {
        assert_eq!(len, bytes.len());
        assert_eq!(request.asking.host(), Some("\u{fffd}\u{fffd}"));
        assert!(!request.is_opening());
    } else {
        panic!("bytes above 0x7f are allowed in values (RFC 9110 section 5.5)");
    }
}

/// Parts of heads, some of them broken, and any bytes, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 40] = [
        b"GET ",
        b"POST ",
        b"/chat",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.0 200\r\n",
        b"HTTP/1.1 403 \r\n",
        b"Upgrade: websocket\r\n",
        b"upgrade: WebSocket, h2c\r\n",
        b"Upgrade:websocket \r\n",
        b"Connection: Upgrade\r\n",
        b"connection: keep-alive, Upgrade\r\n",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"Sec-WebSocket-Key:  GhlIHNhbXBsZSBub25jZQ==\r\n",
        b"Sec-WebSocket-Key: short\r\n",
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
        b"Sec-WebSocket-Accept: short\r\nX: 345678901234567\r\n",
        b"Sec-WebSocket-Version: 13\r\n",
        b"Sec-WebSocket-Version: 8\r\n",
        b"Sec-WebSocket-Protocol: a\r\n",
        b"Sec-WebSocket-Protocol: b , c\r\n",
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
        b"Host: a.example:80\r\n",
        b"Host:\r\n",
        b"Host: \xff\xc2\xa0\r\n",
        b"Origin: \xc2\xa0b\xc3\xa9\t\r\n",
        b"User-Agent:x\n",
        b"Server: nginx\r\n",
        b"Cookie: a=b\r\n",
        b"Authorization: Basic x\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"X-(: 1\r\n",
        b" folded\r\n",
        b": nameless\r\n",
        b"no colon\r\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
    ];
    let piece = prop_oneof![
        20 => prop::sample::select(PIECES.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    let begin = prop::sample::select(vec![
        &b""[..],
        b"GET /chat HTTP/1.1\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
    ]);
    let end = prop::sample::select(vec![&b""[..], b"\r\n", b"\r\n\x81\x05hello"]);
    (begin, prop::collection::vec(piece, 0..8), end)
        .prop_map(|(begin, pieces, end)| [begin, &pieces.concat(), end].concat())
}

/// The same on both ways.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut fields = Fields::default();
    if let Some((path, len)) = plain::request(bytes, &mut fields) {
        let Parsed::Whole(request, any_len) = parse_any_request(bytes) else {
            return Err(TestCaseError::fail("httparse finds none"));
        };
        prop_assert_eq!(Request::new(b"GET", path, &fields), request);
        prop_assert_eq!(len, any_len);
    }
    let mut fields = Fields::default();
    if let Some((status, len)) = plain::response(bytes, &mut fields) {
        let Parsed::Whole(response, any_len) = parse_any_response(bytes) else {
            return Err(TestCaseError::fail("httparse finds none"));
        };
        prop_assert_eq!(Response::new(status, &fields), response);
        prop_assert_eq!(len, any_len);
    }
    Ok(())
}

proptest! {
    #[test]
    fn plain_heads_are_what_httparse_makes_of_them(bytes in pieces()) {
        check(&bytes)?;
    }

    #[test]
    fn nor_does_a_byte_more_or_less_part_them(
        at in 0_usize..300,
        byte in any::<u8>(),
        change in 0..3,
        is_request in any::<bool>(),
    ) {
        let mut bytes = if is_request { ASK } else { ANSWER }.to_vec();
        let at = at.min(bytes.len() - 1);
        match (change, bytes.get_mut(at)) {
            (0, Some(place)) => *place = byte,
            (1, _) => bytes.insert(at, byte),
            _ => {
                bytes.remove(at);
            }
        }
        check(&bytes)?;
    }
}

const ASK: &[u8] = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\nSec-WebSocket-Version: 13\r\nX-Any: y\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Server: any\r\n\r\n";

#[test]
fn heads_as_the_rfc_writes_them_are_plain() {
    let mut fields = Fields::default();
    let (path, len) = plain::request(ASK, &mut fields).unwrap_or_default();
    assert_eq!((path, len), (&b"/chat"[..], ASK.len()));
    let mut fields = Fields::default();
    let answer = plain::response(ANSWER, &mut fields);
    assert_eq!(answer, Some((101, ANSWER.len())));
}

#[test]
fn more_lines_than_are_looked_at_are_no_http() {
    let lines = |count| format!("{}\r\n", "a: b\r\n".repeat(count));
    let head = |count| format!("GET / HTTP/1.1\r\n{}", lines(count));
    let parsed = |count| parse_request(head(count).as_bytes());
    assert!(matches!(parsed(MAX_HEADERS), Parsed::Whole(..)));
    assert!(matches!(parsed(MAX_HEADERS + 1), Parsed::NotHttp));
}
