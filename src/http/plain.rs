//! Heads as nearly all are written: GET, or a status, then lines of a name, a colon and visible
//! characters, each ended by CRLF. They take a third of what `httparse` takes, which reads all
//! others: what is missing, malformed, folded or otherwise rare is not known here.

use memchr::memchr;

use super::fields::{Fields, Name};
use super::head::MAX_HEADERS;

/// The target of a GET, and the length of its head.
pub(super) fn request<'b>(bytes: &'b [u8], fields: &mut Fields<'b>) -> Option<(&'b [u8], usize)> {
    let (path, rest) = split(bytes.strip_prefix(b"GET ")?, b' ')?;
    let (version, rest) = rest.split_first_chunk()?;
    if path.is_empty() || !matches!(version, b"HTTP/1.1\r\n" | b"HTTP/1.0\r\n") {
        return None;
    }
    let len = take_fields(bytes, rest, fields)?;
    Some((path, len))
}

/// The status of an answer, and the length of its head.
pub(super) fn response<'b>(bytes: &'b [u8], fields: &mut Fields<'b>) -> Option<(u16, usize)> {
    let (version, rest) = bytes.split_first_chunk()?;
    if !matches!(version, b"HTTP/1.1 " | b"HTTP/1.0 ") {
        return None;
    }
    let (digits, _) = rest.split_first_chunk()?;
    let &[
        a @ b'0'..=b'9',
        b @ b'0'..=b'9',
        c @ b'0'..=b'9',
        b' ' | b'\r',
    ] = digits
    else {
        return None;
    };
    let digit = |digit: u8| u16::from(digit - b'0');
    let status = 100 * digit(a) + 10 * digit(b) + digit(c);
    let (line, rest) = split(rest, b'\n')?;
    line.strip_suffix(b"\r")?;
    let len = take_fields(bytes, rest, fields)?;
    Some((status, len))
}

/// Takes the fields of a head; they begin where `rest` does. Returns the length of the head.
fn take_fields<'b>(head: &'b [u8], mut rest: &'b [u8], fields: &mut Fields<'b>) -> Option<usize> {
    let mut count = 0;
    while !rest.starts_with(b"\r\n") {
        count += 1;
        rest = match take_usual(rest, fields) {
            Some(behind) => behind,
            None => take_any(rest, fields)?,
        };
    }
    let len = head.len() - rest.len() + 2;
    // Those at the end of each line, and no others.
    let are_lines = invisible(head.get(..len)?)? == 2 * (count + 2);
    (are_lines && count <= MAX_HEADERS).then_some(len)
}

/// Takes a line that every opening has (RFC 6455 §4.1, §4.2.2), where it is written as in §1.2.
/// Returns what is behind it.
fn take_usual<'b>(line: &'b [u8], fields: &mut Fields<'b>) -> Option<&'b [u8]> {
    match line.first()? {
        b'U' => {
            let behind = line.strip_prefix(b"Upgrade: websocket\r\n")?;
            (fields.has_upgrade, fields.upgrades) = (true, true);
            Some(behind)
        }
        b'C' => {
            let behind = line.strip_prefix(b"Connection: Upgrade\r\n")?;
            fields.connection_upgrade = true;
            Some(behind)
        }
        b'S' => {
            let line = line.strip_prefix(b"Sec-WebSocket-")?;
            match line.first()? {
                b'K' => {
                    let (key, behind) = value::<24>(line.strip_prefix(b"Key: ")?)?;
                    fields.key.get_or_insert(key);
                    Some(behind)
                }
                b'A' => {
                    let (accept, behind) = value::<28>(line.strip_prefix(b"Accept: ")?)?;
                    fields.accept.get_or_insert(accept);
                    Some(behind)
                }
                _ => line.strip_prefix(b"Version: 13\r\n"),
            }
        }
        _ => None,
    }
}

/// A value of so many bytes, and what is behind its line.
fn value<const N: usize>(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (value, behind) = bytes.split_at_checked(N)?;
    let is_bare = matches!(value, [b'!'..=b'~', .., b'!'..=b'~']);
    let behind = behind.strip_prefix(b"\r\n").filter(|_| is_bare)?;
    Some((value, behind))
}

/// Takes a line. Returns what is behind it.
fn take_any<'b>(line: &'b [u8], fields: &mut Fields<'b>) -> Option<&'b [u8]> {
    let (name, behind) = split(line, b':')?;
    let (value, behind) = split(behind, b'\n')?;
    let value = value.strip_suffix(b"\r")?.trim_ascii();
    match Name::of(name) {
        Some(name) => fields.take(name, value),
        None if is_token(name) => {}
        None => return None,
    }
    Some(behind)
}

/// What stands before a byte, and behind it.
fn split(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let (before, behind) = bytes.split_at_checked(memchr(byte, bytes)?)?;
    Some((before, behind.get(1..)?))
}

/// RFC 9110 §5.6.2, as far as names of fields go in fact.
fn is_token(name: &[u8]) -> bool {
    let is_named =
        |byte: &u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    !name.is_empty() && name.iter().all(is_named)
}

/// How many bytes are no visible characters of ASCII, nor spaces; `None` where they are too many.
fn invisible(bytes: &[u8]) -> Option<usize> {
    // In blocks, which the processor takes at once.
    const BLOCK: usize = 32;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    // As many as a byte counts.
    if blocks.len() >= usize::from(u8::MAX) {
        return None;
    }
    let mut last = [b' '; BLOCK];
    last.get_mut(..rest.len())?.copy_from_slice(rest);
    let mut counts = [0_u8; BLOCK];
    for block in blocks.iter().chain([&last]) {
        for (count, byte) in counts.iter_mut().zip(block) {
            *count += u8::from(!matches!(byte, b' '..=b'~'));
        }
    }
    Some(counts.iter().map(|&count| usize::from(count)).sum())
}
