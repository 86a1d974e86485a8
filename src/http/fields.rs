//! The header lines of one head that an opening is about.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;

use httparse::Header;

use super::head::BodyLen;

/// What they say, found in one pass. Of a text that stands there more than once, the first.
#[derive(Default)]
pub(super) struct Fields<'b> {
    pub(super) host: Option<Cow<'b, str>>,
    pub(super) origin: Option<Cow<'b, str>>,
    pub(super) user_agent: Option<Cow<'b, str>>,
    pub(super) server: Option<Cow<'b, str>>,
    /// `Sec-WebSocket-Key`.
    pub(super) key: Option<Cow<'b, str>>,
    /// `Sec-WebSocket-Accept`.
    pub(super) accept: Option<Cow<'b, str>>,
    /// `Sec-WebSocket-Protocol`: all of them.
    pub(super) protocols: Option<Cow<'b, str>>,
    /// `Sec-WebSocket-Extensions`: all of them.
    pub(super) extensions: Option<Cow<'b, str>>,
    /// `Upgrade` names websocket.
    pub(super) upgrades: bool,
    pub(super) has_upgrade: bool,
    /// `Connection` names upgrade.
    pub(super) connection_upgrade: bool,
    /// A hash of `Cookie` and `Authorization`, where there is one of them.
    pub(super) credentials: Option<NonZeroU64>,
    is_chunked: bool,
    content_length: Option<&'b [u8]>,
}

impl<'b> Fields<'b> {
    pub(super) fn of(headers: &[Header<'b>]) -> Self {
        let mut fields = Self::default();
        let mut has_credentials = false;
        for &Header { name, value } in headers {
            // Most are written as their RFCs write them.
            let is = |known: &str| name == known || name.eq_ignore_ascii_case(known);
            // Most names differ in length already.
            match name.len() {
                4 if is("Host") => keep_first(&mut fields.host, value),
                6 if is("Origin") => keep_first(&mut fields.origin, value),
                6 if is("Server") => keep_first(&mut fields.server, value),
                6 => has_credentials |= is("Cookie"),
                7 if is("Upgrade") => {
                    fields.has_upgrade = true;
                    fields.upgrades |= has_token(value, "websocket");
                }
                10 if is("Connection") => {
                    fields.connection_upgrade |= has_token(value, "upgrade");
                }
                10 if is("User-Agent") => keep_first(&mut fields.user_agent, value),
                13 => has_credentials |= is("Authorization"),
                14 if is("Content-Length") => {
                    fields.content_length.get_or_insert(value);
                }
                17 if is("Sec-WebSocket-Key") => keep_first(&mut fields.key, value),
                17 if is("Transfer-Encoding") => {
                    fields.is_chunked |= has_token(value, "chunked");
                }
                20 if is("Sec-WebSocket-Accept") => keep_first(&mut fields.accept, value),
                22 if is("Sec-WebSocket-Protocol") => join(&mut fields.protocols, value),
                24 if is("Sec-WebSocket-Extensions") => join(&mut fields.extensions, value),
                _ => {}
            }
        }
        if has_credentials {
            let hash = hash(headers, &["cookie", "authorization"]);
            fields.credentials = Some(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN));
        }
        fields
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

fn keep_first<'b>(text: &mut Option<Cow<'b, str>>, value: &'b [u8]) {
    text.get_or_insert_with(|| trimmed(value));
}

/// Several lines of one name are one list (RFC 9110 §5.3).
fn join<'b>(list: &mut Option<Cow<'b, str>>, value: &'b [u8]) {
    let value = trimmed(value);
    *list = Some(match list.take() {
        Some(list) => Cow::Owned(format!("{list}, {value}")),
        None => value,
    });
}

/// The same number for the same values of all these.
fn hash(headers: &[Header<'_>], names: &[&str]) -> u64 {
    let mut hash = DefaultHasher::new();
    for name in names {
        let lines = headers.iter();
        lines
            .filter(|line| line.name.eq_ignore_ascii_case(name))
            .for_each(|line| line.value.hash(&mut hash));
    }
    hash.finish()
}

/// A comma-separated list holds this token, in any case (RFC 9110 §5.6.1); parameters aside.
pub(super) fn has_token(list: &[u8], token: &str) -> bool {
    let token = token.as_bytes();
    // Mostly there is one, and nothing else.
    list == token
        || list.split(|&byte| byte == b',').any(|item| {
            let item = item.trim_ascii_start().split_at_checked(token.len());
            item.is_some_and(|(name, rest)| {
                name.eq_ignore_ascii_case(token)
                    && matches!(rest.trim_ascii_start(), [] | [b';', ..])
            })
        })
}

/// The tokens of a comma-separated list, without their parameters.
pub(super) fn tokens(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(|item| item.split_once(';').map_or(item, |(name, _)| name).trim())
        .filter(|token| !token.is_empty())
}

/// Text without the space around it; what is no UTF-8 in it is replaced.
fn trimmed(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(match value {
            // Nothing to look for, mostly.
            [b'!'..=b'~', .., b'!'..=b'~'] => text,
            _ => text.trim(),
        }),
        Err(_) => Cow::Owned(String::from_utf8_lossy(value).trim().to_owned()),
    }
}
