//! Heads of which the capture has only the beginning: what they say, and how many bytes of
//! theirs must still follow.

use super::head::{Parsed, Request, Response, parse_request, parse_response};

/// Header lines that every opening has (RFC 6455 §4.1), with the length of their value: the
/// base64 of 16 bytes is 24 characters long.
const REQUEST_LINES: [(&str, usize); 4] = [
    ("Upgrade", 9),
    ("Connection", 7),
    ("Sec-WebSocket-Key", 24),
    ("Sec-WebSocket-Version", 2),
];

/// Header lines that every 101 has (RFC 6455 §4.2.2); the base64 of a SHA-1 is 28 long.
const RESPONSE_LINES: [(&str, usize); 3] = [
    ("Upgrade", 9),
    ("Connection", 7),
    ("Sec-WebSocket-Accept", 28),
];

/// What can be read of a request of which only `bytes` are there, and the least number of bytes
/// that the rest of its head has.
pub(super) fn cut_request(bytes: &[u8]) -> Option<(Request, u64)> {
    let (lines, last) = split(bytes);
    let text = if lines.is_empty() {
        // Without what there is of the version.
        let end = last.iter().rposition(|&byte| byte == b' ').unwrap_or(0);
        let has_target = last.iter().filter(|&&byte| byte == b' ').count() > 1;
        let line = last.get(..end).filter(|_| has_target).unwrap_or(last);
        [trim(line), b" HTTP/1.1\r\n\r\n"].concat()
    } else {
        [lines, b"\r\n"].concat()
    };
    let Parsed::Whole(mut request, _) = parse_request(&text) else {
        return None;
    };
    request.is_cut = true;
    Some((request, rest_len(lines, last, &REQUEST_LINES)))
}

/// The same for a response.
pub(super) fn cut_response(bytes: &[u8]) -> Option<(Response, u64)> {
    let (lines, last) = split(bytes);
    let text = if lines.is_empty() {
        [trim(last), b"\r\n\r\n"].concat()
    } else {
        [lines, b"\r\n"].concat()
    };
    let Parsed::Whole(mut response, _) = parse_response(&text) else {
        return None;
    };
    response.is_cut = true;
    let rest = if response.status == 101 {
        rest_len(lines, last, &RESPONSE_LINES)
    } else {
        0
    };
    Some((response, rest))
}

/// The whole lines, and what there is of the last one.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

fn rest_len(lines: &[u8], last: &[u8], wanted: &[(&str, usize)]) -> u64 {
    let return_len = last.len() - trim(last).len();
    let last = trim(last);
    // Some write "Name:value". A head has one style.
    let headers = lines
        .split(|&byte| byte == b'\n')
        .skip(1)
        .filter(|line| line.contains(&b':'));
    let space = usize::from(
        headers
            .clone()
            .all(|line| line.windows(2).any(|pair| pair == b": ")),
    );
    let full = |&(name, value): &(&str, usize)| name.len() + 1 + space + value;
    let is_seen = |(name, _): &&(&str, usize)| {
        lines
            .split(|&byte| byte == b'\n')
            .any(|line| names(line, name))
    };
    let mut rest = 0;
    let mut last_rest = 0;
    for line in wanted.iter().filter(|line| !is_seen(line)) {
        // The cut line may be this one, whether its name is whole or not.
        if !last.is_empty() && (names(last, line.0) || begins(line.0, last)) && last_rest == 0 {
            last_rest = full(line).saturating_sub(last.len());
        } else {
            rest += full(line) + 2;
        }
    }
    let line_end = if last.is_empty() { 0 } else { 2 };
    (rest + last_rest + line_end + 2 - return_len) as u64
}

/// Without the first half of a line's end.
fn trim(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The line's name is this one.
fn names(line: &[u8], name: &str) -> bool {
    line.get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        && line.get(name.len()) == Some(&b':')
}

/// The cut line is the beginning of this name.
fn begins(name: &str, line: &[u8]) -> bool {
    name.as_bytes()
        .get(..line.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(line))
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed parse is a failed test"
)]
mod tests {
    use super::*;

    const ANSWER: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn the_rest_of_a_plain_answer_is_known_at_every_cut() {
        for cut in 13..ANSWER.len() {
            let (response, rest) = cut_response(&ANSWER[..cut]).unwrap();
            assert_eq!(response.status, 101, "{cut}");
            let exact = (ANSWER.len() - cut) as u64;
            let slack = if cut < 34 { 33 } else { 1 };
            assert!(
                rest <= exact + 1 && rest + slack >= exact,
                "{cut}: {rest}, is {exact}"
            );
        }
    }

    #[test]
    fn a_cut_request_says_what_it_asks_for() {
        let (request, _) =
            cut_request(b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-W").unwrap();
        assert_eq!((request.path(), request.upgrades), ("/chat", true));
        let (request, _) = cut_request(b"GET /chat").unwrap();
        assert_eq!(request.path(), "/chat");
        for cut in [
            "GET /chat ",
            "GET /chat HTT",
            "GET /chat HTTP/1.1",
            "GET /chat HTTP/1.1\r",
        ] {
            let (request, _) = cut_request(cut.as_bytes()).unwrap();
            assert_eq!(request.path(), "/chat", "{cut:?}");
        }
        assert!(cut_request(b"\x81\x05hello").is_none());
    }
}
