//! Tests of heads.

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
    assert!(has_token(b"a, b;x=1 ,c", "B"));
    assert!(has_token(b" ,a ; b", "A"));
    assert!(!has_token(b"ab", "a"));
    assert!(!has_token(b"a b, b=a", "a"));
    assert!(!has_token(b"", "upgrade"));
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
