//! One direction of an HTTP/1.1 connection: heads, and the bodies between them.

use super::cut::{cut_request, cut_response};
use super::head::{BodyLen, Parsed, Request, Response, parse_request, parse_response};
use crate::limits;
use crate::tcp::{Chunk, Origin, Waiting};

/// What a direction speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks.
    Requests,
    /// It answers.
    Responses,
}

/// What the first bytes of a stream look like; `None` where it is too early to tell.
pub fn looks_like(bytes: &[u8]) -> Option<Option<Kind>> {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"OPTIONS ",
        b"DELETE ",
        b"PATCH ",
        b"CONNECT ",
        b"TRACE ",
    ];
    const STATUS_LINE: &[u8] = b"HTTP/1.";
    let begins = |pattern: &[u8]| bytes.iter().zip(pattern).all(|(a, b)| a == b);
    if begins(STATUS_LINE) {
        return (bytes.len() >= STATUS_LINE.len()).then_some(Some(Kind::Responses));
    }
    match METHODS.iter().find(|method| begins(method)) {
        Some(method) => (bytes.len() >= method.len()).then_some(Some(Kind::Requests)),
        None => Some(None),
    }
}

/// Where a direction stands.
#[derive(Debug)]
pub(super) enum Lane {
    /// In a head; what came of it so far.
    Head(Vec<u8>),
    /// In a body of known length.
    Body(u64),
    /// In a chunked body.
    Chunked(ChunkedBody),
    /// The rest is a body.
    UntilEnd,
    /// Behind bytes that are missing: a head may follow, or something else.
    Behind(Waiting),
    /// In the part of a head that is behind missing bytes.
    HeadTail(Box<HeadTail>),
    /// Behind a head after which the other side decides what comes.
    Waiting(Waiting),
}

impl Lane {
    pub(super) const fn new() -> Self {
        Self::Head(Vec::new())
    }

    pub(super) fn waiting() -> Self {
        Self::Waiting(Waiting::default())
    }

    /// Behind a head with this body.
    pub(super) fn behind(body: BodyLen) -> Self {
        match body {
            BodyLen::Known(0) => Self::new(),
            BodyLen::Known(len) => Self::Body(len),
            BodyLen::Chunked => Self::Chunked(ChunkedBody::default()),
            BodyLen::UntilEnd => Self::UntilEnd,
        }
    }

    /// Bytes are missing, and none came behind them.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Self::Behind(waiting) if waiting.begins_with_gap())
    }

    /// Bytes kept for whoever comes after the head.
    pub(super) fn kept_bytes(&self) -> usize {
        match self {
            Self::Waiting(waiting) | Self::Behind(waiting) => waiting.len(),
            _ => 0,
        }
    }

    /// Gives these bytes up.
    pub(super) fn forget(&mut self) {
        if let Self::Waiting(waiting) | Self::Behind(waiting) = self {
            waiting.forget();
        }
    }

    /// What is kept of it for whoever comes after the head.
    pub(super) fn into_waiting(self) -> Waiting {
        match self {
            Self::Waiting(waiting) | Self::Behind(waiting) => waiting,
            Self::HeadTail(tail) => tail.into_waiting(),
            Self::Head(_) | Self::Body(_) | Self::Chunked(_) | Self::UntilEnd => Waiting::default(),
        }
    }
}

/// The end of a head whose middle is missing. Whether the head ended inside of the missing part
/// shows by what follows: text up to an empty line is head, frames are not.
#[derive(Debug)]
pub(super) struct HeadTail {
    /// The missing part, and how much of it is head for sure.
    gap: (u64, u64, Origin),
    rest: u64,
    /// How much of the empty line that ends a head was seen.
    matched: usize,
    /// Bytes behind the missing part that may be head.
    taken: u64,
    /// The last of them ends a line.
    ends_line: bool,
}

/// What a head ends with (RFC 9112 §2.1).
const HEAD_END: &[u8] = b"\r\n\r\n";

impl HeadTail {
    pub(super) const fn new(offset: u64, len: u64, rest: u64, origin: Origin) -> Self {
        Self {
            gap: (offset, len, origin),
            rest,
            matched: 0,
            taken: 0,
            ends_line: false,
        }
    }

    /// Takes the bytes that are still head: how many, and whether it has ended.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let is_text = |byte: u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
        let mut matched = self.matched;
        for (used, &byte) in (1..).zip(bytes) {
            if !is_text(byte) && self.ends_line {
                // The end had begun in the missing part, so that less of it is here.
                self.rest = self.gap.1;
                self.taken = 0;
                return (used - 1, true);
            }
            if !is_text(byte) {
                return (0, true);
            }
            self.ends_line = byte == b'\n';
            matched = if HEAD_END.get(matched) == Some(&byte) {
                matched + 1
            } else {
                usize::from(byte == b'\r')
            };
            if matched == HEAD_END.len() {
                // All of the missing bytes were head, then, and these as well.
                self.rest = self.gap.1;
                self.taken = 0;
                return (used, true);
            }
        }
        self.matched = matched;
        self.taken += bytes.len() as u64;
        (bytes.len(), false)
    }

    /// What of the missing part, and of what was taken, may not have been head.
    pub(super) fn into_waiting(self) -> Waiting {
        let (offset, len, origin) = self.gap;
        let mut waiting = Waiting::default();
        let unsure = len.saturating_sub(self.rest).saturating_add(self.taken);
        if unsure > 0 {
            waiting.push(Chunk::Gap {
                offset: offset.saturating_add(self.rest.min(len)),
                len: unsure,
                origin,
            });
        }
        waiting
    }
}

/// A head, as one of the two kinds.
#[derive(Debug)]
pub(super) enum Head {
    Request(Request),
    Response(Response),
}

/// What taking bytes led to.
pub(super) enum Taken {
    /// All were used.
    All,
    /// A head is whole; so many bytes were used.
    Head(Head, usize),
    /// No HTTP.
    NotHttp,
}

impl Lane {
    /// Takes bytes up to the end of the next head.
    pub(super) fn take(&mut self, kind: Kind, bytes: &[u8]) -> Taken {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if rest.is_empty() {
                return Taken::All;
            }
            used += match self {
                Self::Body(left) => {
                    let part =
                        usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left -= part as u64;
                    if *left == 0 {
                        *self = Self::new();
                    }
                    part
                }
                Self::Chunked(body) => {
                    let part = body.take(rest);
                    if body.is_over() {
                        *self = Self::new();
                    }
                    part
                }
                Self::Head(begun) => match take_head(begun, kind, rest) {
                    Taken::Head(head, part) => return Taken::Head(head, used + part),
                    other => return other,
                },
                Self::UntilEnd | Self::Waiting(_) | Self::Behind(_) | Self::HeadTail(_) => {
                    return Taken::All;
                }
            };
        }
    }

    /// A head of which the rest is missing: what can be read of it, and the least number of
    /// bytes that this rest has.
    pub(super) fn cut_head(&self, kind: Kind) -> Option<(Head, u64)> {
        let Self::Head(begun) = self else { return None };
        match kind {
            Kind::Requests => cut_request(begun).map(|(head, rest)| (Head::Request(head), rest)),
            Kind::Responses => cut_response(begun).map(|(head, rest)| (Head::Response(head), rest)),
        }
    }

    /// Bytes are missing. False where it is not known any more what follows.
    pub(super) fn skip(&mut self, len: u64) -> bool {
        match self {
            Self::Body(left) if *left > len => *left -= len,
            Self::Body(left) if *left == len => *self = Self::new(),
            Self::UntilEnd => {}
            _ => return false,
        }
        true
    }
}

fn take_head(begun: &mut Vec<u8>, kind: Kind, bytes: &[u8]) -> Taken {
    // RFC 9112 §2.2: empty lines before a message are skipped.
    let blank = if begun.is_empty() {
        bytes
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count()
    } else {
        0
    };
    let bytes = bytes.get(blank..).unwrap_or_default();
    let before = begun.len();
    // Mostly a head comes in one piece and is parsed where it lies.
    let whole: &[u8] = if before == 0 {
        bytes
    } else {
        begun.extend_from_slice(bytes);
        begun
    };
    // A head ends with a line: without a new one there is no use in parsing again.
    if whole.is_empty()
        || before > 0 && !bytes.contains(&b'\n') && whole.len() <= limits::MAX_HEAD_BYTES
    {
        return Taken::All;
    }
    let parsed = match kind {
        Kind::Requests => match parse_request(whole) {
            Parsed::Whole(request, len) => Parsed::Whole(Head::Request(request), len),
            Parsed::Partial => Parsed::Partial,
            Parsed::NotHttp => Parsed::NotHttp,
        },
        Kind::Responses => match parse_response(whole) {
            Parsed::Whole(response, len) => Parsed::Whole(Head::Response(response), len),
            Parsed::Partial => Parsed::Partial,
            Parsed::NotHttp => Parsed::NotHttp,
        },
    };
    match parsed {
        Parsed::Whole(head, len) => {
            begun.clear();
            Taken::Head(head, blank + len - before)
        }
        Parsed::Partial if whole.len() <= limits::MAX_HEAD_BYTES => {
            if before == 0 {
                begun.extend_from_slice(bytes);
            }
            Taken::All
        }
        _ => Taken::NotHttp,
    }
}

/// A chunked body under way (RFC 9112 §7.1).
#[derive(Debug, Default)]
pub(super) struct ChunkedBody {
    part: Part,
    size: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Size,
    Extension,
    Data,
    DataEnd,
    /// Trailer lines; whether the current one is empty so far.
    Trailer(bool),
    Over,
}

impl ChunkedBody {
    fn is_over(&self) -> bool {
        self.part == Part::Over
    }

    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while let Some(&byte) = bytes.get(used) {
            match self.part {
                Part::Over => break,
                Part::Data => {
                    let left = bytes.len() - used;
                    let part = usize::try_from(self.size).map_or(left, |size| size.min(left));
                    used += part;
                    self.size -= part as u64;
                    if self.size == 0 {
                        self.part = Part::DataEnd;
                    }
                    continue;
                }
                Part::Size | Part::Extension if byte == b'\n' => {
                    self.part = if self.size == 0 {
                        Part::Trailer(true)
                    } else {
                        Part::Data
                    };
                }
                Part::Size => match char::from(byte).to_digit(16) {
                    Some(digit) => {
                        self.size = self
                            .size
                            .saturating_mul(16)
                            .saturating_add(u64::from(digit))
                    }
                    None => self.part = Part::Extension,
                },
                Part::Extension => {}
                Part::DataEnd if byte == b'\n' => self.part = Part::Size,
                Part::DataEnd => {}
                Part::Trailer(empty) => match byte {
                    b'\n' if empty => self.part = Part::Over,
                    b'\n' => self.part = Part::Trailer(true),
                    b'\r' => {}
                    _ => self.part = Part::Trailer(false),
                },
            }
            used += 1;
        }
        used
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
