//! What a file is that is no capture: only to say so.

/// Magic numbers of files that people take for captures, what each is, and what to do.
const MAGICS: &[(usize, &[u8], &str, &str)] = &[
    (0, b"GMBU", "a Microsoft Network Monitor capture", CONVERT),
    (0, b"RTSS", "a Microsoft Network Monitor capture", CONVERT),
    (0, b"snoop\0\0\0", "a Solaris snoop capture", CONVERT),
    (0, b"XCP\0", "a Sniffer capture", CONVERT),
    (0, b"TRSNIFF data", "a Sniffer capture", CONVERT),
    (0, b"\x7fver", "a WildPackets (Peek) capture", CONVERT),
    (0, b"\x1c\x00\x01\xac", "an IXIA capture", CONVERT),
    (0, b"\xac\x01\x00\x1c", "an IXIA capture", CONVERT),
    (0, b"\x1f\x8b", "gzip data", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "zstd data", UNPACK),
    (0, b"\xfd7zXZ\0", "xz data", UNPACK),
    (0, b"\x04\x22\x4d\x18", "lz4 data", UNPACK),
    (0, b"PK\x03\x04", "a zip archive", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a rar archive", UNPACK),
    (0, b"BZh", "bzip2 data", UNPACK),
    (0, b"\x5d\x00\x00", "lzma data", UNPACK),
    (0, b"\x1f\x9d", "data of compress (.Z)", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"\x7fELF", "a program (ELF)", CHECK),
    (0, b"MZ", "a Windows program", CHECK),
    (0, b"%PDF", "a PDF document", CHECK),
    (0, b"SQLite format 3\0", "an SQLite database", CHECK),
    (0, b"ElfFile\0", "a Windows event log", CHECK),
];

const CONVERT: &str = "convert it: `editcap -F pcapng FILE NEW` (from Wireshark)";
const UNPACK: &str = "unpack it first, and name the capture within";
const CHECK: &str = "check the name";
const EXPORT: &str = "packets are needed: capture with `tcpdump -w FILE` or Wireshark";

/// What a file that begins with `head` is, and what to do.
pub(super) fn describe(head: &[u8]) -> (&'static str, &'static str) {
    let magic = MAGICS
        .iter()
        .find(|(at, magic, ..)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    if let Some((_, _, what, advice)) = magic {
        return (what, advice);
    }
    if is_erf(head) {
        return ("perhaps an Endace (ERF) capture", CONVERT);
    }
    if head.iter().all(|&byte| byte == 0) {
        return (
            "all zero bytes at its start",
            "the disk was full or the copy failed: copy it again",
        );
    }
    if is_text(head) {
        describe_text(head)
    } else {
        ("of an unknown format", CHECK)
    }
}

/// ERF has no magic. A record begins with its time (seconds in the upper half, little-endian), type,
/// flags and length (big-endian): taken for one where all three are plausible.
fn is_erf(head: &[u8]) -> bool {
    let Some(&[_, _, _, _, _, _, _, year, kind, _, high, low]) = head.first_chunk() else {
        return false;
    };
    // Upper octet of the seconds: 1999 to 2046. Types 1 to 48. Length: header and up to a jumbo frame.
    let len = u16::from_be_bytes([high, low]);
    (0x37..0x90).contains(&year) && matches!(kind & 0x7f, 1..=48) && (18..=9216).contains(&len)
}

/// UTF-8 without control characters other than white space; the end may cut a character.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => head
            .get(..error.valid_up_to())
            .and_then(|h| std::str::from_utf8(h).ok())
            .unwrap_or_default(),
        Err(_) => return false,
    };
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x1b' | '\u{feff}'))
}

fn describe_text(head: &[u8]) -> (&'static str, &'static str) {
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let has = |needle: &[u8]| text.windows(needle.len()).any(|part| part == needle);
    match text {
        [b'{', ..] if has(b"\"log\"") && has(b"\"version\"") => {
            ("a HAR file (HTTP archive of a browser)", EXPORT)
        }
        [b'{' | b'[', ..] if has(b"\"_source\"") => {
            ("JSON from tshark", "give the capture it was made from")
        }
        [b'{', ..] | [b'[', b'{' | b'[' | b'"' | b'0'..=b'9' | b'\n' | b'\r', ..] => {
            ("JSON", EXPORT)
        }
        [b'<', ..] if has(b"<html") || has(b"<!DOCTYPE html") || has(b"<!doctype html") => (
            "an HTML page",
            "a download that asked to log in, perhaps: fetch it again",
        ),
        [b'<', ..] if has(b"<pdml") || has(b"<psml") => {
            ("XML from Wireshark", "give the capture it was made from")
        }
        [b'<', ..] => ("XML", EXPORT),
        _ if has(b"CLIENT_RANDOM ") || has(b"_TRAFFIC_SECRET_0 ") => (
            "a TLS key log",
            "pass it with `--keylog FILE`, beside the capture",
        ),
        _ if has(b"version https://git-lfs") => {
            ("a Git LFS pointer", "fetch the file: `git lfs pull`")
        }
        _ if has(b" IP ") || has(b" IP6 ") => (
            "text, perhaps what tcpdump printed",
            "capture with `tcpdump -w FILE`",
        ),
        _ => ("text", EXPORT),
    }
}
