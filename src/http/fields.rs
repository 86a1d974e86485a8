//! The header lines of one head that an opening is about.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;

use super::head::BodyLen;

/// A field that tells something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Host,
    Origin,
    Server,
    Cookie,
    Upgrade,
    Connection,
    UserAgent,
    Authorization,
    ContentLength,
    Key,
    TransferEncoding,
    Accept,
    Protocol,
    Extensions,
}

impl Name {
    /// The one of this name, in any case.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        // Most are written as their RFCs write them.
        let is = |known: &[u8]| name == known || name.eq_ignore_ascii_case(known);
        // Most differ in length already.
        Some(match name.len() {
            4 if is(b"Host") => Self::Host,
            6 if is(b"Origin") => Self::Origin,
            6 if is(b"Server") => Self::Server,
            6 if is(b"Cookie") => Self::Cookie,
            7 if is(b"Upgrade") => Self::Upgrade,
            10 if is(b"Connection") => Self::Connection,
            10 if is(b"User-Agent") => Self::UserAgent,
            13 if is(b"Authorization") => Self::Authorization,
            14 if is(b"Content-Length") => Self::ContentLength,
            17 if is(b"Sec-WebSocket-Key") => Self::Key,
            17 if is(b"Transfer-Encoding") => Self::TransferEncoding,
            20 if is(b"Sec-WebSocket-Accept") => Self::Accept,
            22 if is(b"Sec-WebSocket-Protocol") => Self::Protocol,
            24 if is(b"Sec-WebSocket-Extensions") => Self::Extensions,
            _ => return None,
        })
    }
}

/// What the fields say. Of a text that stands there more than once, the first; texts are without
/// the space around them, and need not be UTF-8.
#[derive(Default)]
pub(super) struct Fields<'b> {
    pub(super) host: Option<&'b [u8]>,
    pub(super) origin: Option<&'b [u8]>,
    pub(super) user_agent: Option<&'b [u8]>,
    pub(super) server: Option<&'b [u8]>,
    /// `Sec-WebSocket-Key`.
    pub(super) key: Option<&'b [u8]>,
    /// `Sec-WebSocket-Accept`.
    pub(super) accept: Option<&'b [u8]>,
    /// `Sec-WebSocket-Protocol`: all of them.
    pub(super) protocols: Option<Cow<'b, [u8]>>,
    /// `Sec-WebSocket-Extensions`: all of them.
    pub(super) extensions: Option<Cow<'b, [u8]>>,
    /// `Upgrade` names websocket.
    pub(super) upgrades: bool,
    pub(super) has_upgrade: bool,
    /// `Connection` names upgrade.
    pub(super) connection_upgrade: bool,
    is_chunked: bool,
    content_length: Option<&'b [u8]>,
    cookies: Option<NonZeroU64>,
    authorization: Option<NonZeroU64>,
}

impl<'b> Fields<'b> {
    /// Takes the next one.
    pub(super) fn take(&mut self, name: Name, value: &'b [u8]) {
        match name {
            Name::Host => keep_first(&mut self.host, value),
            Name::Origin => keep_first(&mut self.origin, value),
            Name::Server => keep_first(&mut self.server, value),
            Name::UserAgent => keep_first(&mut self.user_agent, value),
            Name::Key => keep_first(&mut self.key, value),
            Name::Accept => keep_first(&mut self.accept, value),
            Name::Protocol => join(&mut self.protocols, value),
            Name::Extensions => join(&mut self.extensions, value),
            Name::Upgrade => {
                self.has_upgrade = true;
                self.upgrades |= has_token(value, b"websocket");
            }
            Name::Connection => self.connection_upgrade |= has_token(value, b"upgrade"),
            Name::TransferEncoding => self.is_chunked |= has_token(value, b"chunked"),
            Name::ContentLength => {
                self.content_length.get_or_insert(value);
            }
            Name::Cookie => self.cookies = Some(hash((self.cookies, value))),
            Name::Authorization => self.authorization = Some(hash((self.authorization, value))),
        }
    }

    /// The same number for the same values of `Cookie` and `Authorization`, where there is one of
    /// them.
    pub(super) fn credentials(&self) -> Option<NonZeroU64> {
        let credentials = (self.cookies, self.authorization);
        (credentials != (None, None)).then(|| hash(credentials))
    }

    /// Where a body ends (RFC 9112 §6.3), as far as they tell.
    pub(super) fn body_len(&self) -> Option<BodyLen> {
        if self.is_chunked {
            return Some(BodyLen::Chunked);
        }
        let len = std::str::from_utf8(self.content_length?).ok()?;
        len.trim().parse().ok().map(BodyLen::Known)
    }
}

fn keep_first<'b>(text: &mut Option<&'b [u8]>, value: &'b [u8]) {
    text.get_or_insert_with(|| trimmed(value));
}

/// Several lines of one name are one list (RFC 9110 §5.3).
fn join<'b>(list: &mut Option<Cow<'b, [u8]>>, value: &'b [u8]) {
    let value = trimmed(value);
    *list = Some(match list.take() {
        Some(list) => Cow::Owned([&*list, b", ", value].concat()),
        None => Cow::Borrowed(value),
    });
}

fn hash(values: impl Hash) -> NonZeroU64 {
    let mut hash = DefaultHasher::new();
    values.hash(&mut hash);
    NonZeroU64::new(hash.finish()).unwrap_or(NonZeroU64::MIN)
}

/// A comma-separated list holds this token, in any case (RFC 9110 §5.6.1); parameters aside.
/// `token` is in lower case.
pub(super) fn has_token<const N: usize>(list: &[u8], token: &[u8; N]) -> bool {
    let is_token = |&(mut name): &[u8; N]| {
        name.make_ascii_lowercase();
        name == *token
    };
    // Mostly there is one, and nothing else.
    if let Ok(only) = list.try_into() {
        return is_token(only);
    }
    list.split(|&byte| byte == b',').any(|item| {
        let item = item.trim_ascii_start().split_first_chunk();
        item.is_some_and(|(name, rest)| {
            is_token(name) && matches!(rest.trim_ascii_start(), [] | [b';', ..])
        })
    })
}

/// The tokens of a comma-separated list, without their parameters.
pub(super) fn tokens(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(|item| item.split_once(';').map_or(item, |(name, _)| name).trim())
        .filter(|token| !token.is_empty())
}

/// A text without the space around it.
fn trimmed(value: &[u8]) -> &[u8] {
    if let (Some(b'!'..=b'~'), Some(b'!'..=b'~')) | (None, None) = (value.first(), value.last()) {
        // Nothing to look for, mostly.
        return value;
    }
    // What is no UTF-8 is no space.
    let mut chunks = value.utf8_chunks();
    let Some(first) = chunks.next() else {
        return value;
    };
    let begin = first.valid();
    let end = match chunks.last().unwrap_or(first) {
        last if last.invalid().is_empty() => last.valid(),
        _ => "",
    };
    let start = begin.len() - begin.trim_start().len();
    let end = value.len() - (end.len() - end.trim_end().len());
    value.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_trimmed_whatever_is_in_it(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    &b" "[..], b"\t", b"a", b"\xc2\xa0", b"\xc2", b"\xa0", b"\xff", b"\xe3\x80\x80",
                    b"\xe3\x80", b"\x0b",
                ]),
                0..6,
            ),
        ) {
            let value = parts.concat();
            let text = String::from_utf8_lossy(&value);
            prop_assert_eq!(String::from_utf8_lossy(trimmed(&value)), text.trim());
        }
    }
}
