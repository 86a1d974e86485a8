//! Request and response heads (RFC 9112), reduced to what a WebSocket opening is about.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

use super::texts::Texts;

/// Header lines looked at in one head. Browsers send about 20; more is told as no HTTP.
const MAX_HEADERS: usize = 256;

/// How a message's body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLen {
    /// After so many bytes.
    Known(u64),
    /// After the chunk of length 0.
    Chunked,
    /// With the connection.
    UntilEnd,
}

/// A request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In the order of the methods that have them.
    texts: Texts<8>,
    /// HTTP/1.0 has no Upgrade.
    pub is_http10: bool,
    /// `Upgrade` names websocket.
    pub upgrades: bool,
    /// It has an `Upgrade` of whatever kind.
    pub has_upgrade: bool,
    /// Only its beginning is in the capture.
    pub is_cut: bool,
    /// A hash of `Cookie` and `Authorization`, where there is one of them.
    pub credentials: Option<u64>,
    pub(super) body: BodyLen,
}

impl Request {
    /// `GET`, mostly.
    pub fn method(&self) -> &str {
        self.texts.get(0).unwrap_or_default()
    }

    /// Request target.
    pub fn path(&self) -> &str {
        self.texts.get(1).unwrap_or_default()
    }

    /// `Host`.
    pub fn host(&self) -> Option<&str> {
        self.texts.get(2)
    }

    /// `Origin`.
    pub fn origin(&self) -> Option<&str> {
        self.texts.get(3)
    }

    /// `User-Agent`.
    pub fn user_agent(&self) -> Option<&str> {
        self.texts.get(4)
    }

    /// `Sec-WebSocket-Key`.
    pub fn key(&self) -> Option<&str> {
        self.texts.get(5)
    }

    /// `Sec-WebSocket-Protocol`: what the client offers.
    pub fn protocols(&self) -> Option<&str> {
        self.texts.get(6)
    }

    /// `Sec-WebSocket-Extensions`: what the client offers.
    pub fn extensions(&self) -> Option<&str> {
        self.texts.get(7)
    }

    /// It asks for a WebSocket. A key without `Upgrade` is an opening that lost its
    /// hop-by-hop headers on the way (RFC 9110 §7.6.1).
    pub fn is_opening(&self) -> bool {
        self.upgrades || self.key().is_some() && !self.has_upgrade
    }
}

/// A response head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// In the order of the methods that have them.
    texts: Texts<4>,
    /// Status code.
    pub status: u16,
    /// Only its beginning is in the capture.
    pub is_cut: bool,
    /// `Upgrade` names websocket.
    pub upgrades: bool,
    /// `Connection` names upgrade.
    pub connection_upgrade: bool,
    pub(super) body: BodyLen,
}

impl Response {
    /// `Server`.
    pub fn server(&self) -> Option<&str> {
        self.texts.get(0)
    }

    /// `Sec-WebSocket-Accept`.
    pub fn accept(&self) -> Option<&str> {
        self.texts.get(1)
    }

    /// `Sec-WebSocket-Protocol`: what the server chose.
    pub fn protocol(&self) -> Option<&str> {
        self.texts.get(2)
    }

    /// `Sec-WebSocket-Extensions`: what the server chose.
    pub fn extensions(&self) -> Option<&str> {
        self.texts.get(3)
    }

    /// A 101 that speaks of WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.status == 101 && (self.accept().is_some() || self.upgrades)
    }
}

/// What the bytes so far make.
pub(super) enum Parsed<T> {
    /// A head, and its length.
    Whole(T, usize),
    /// The beginning of one.
    Partial,
    /// Something else.
    NotHttp,
}

pub(super) fn parse_request(bytes: &[u8]) -> Parsed<Request> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(Status::Complete(len)) => {
            let fields = Fields(request.headers);
            let whole = Request {
                texts: Texts::new([
                    request.method.map(Cow::Borrowed),
                    request.path.map(Cow::Borrowed),
                    fields.text("host"),
                    fields.text("origin"),
                    fields.text("user-agent"),
                    fields.text("sec-websocket-key"),
                    fields.joined("sec-websocket-protocol"),
                    fields.joined("sec-websocket-extensions"),
                ]),
                is_http10: request.version == Some(0),
                upgrades: fields
                    .all("upgrade")
                    .any(|value| has_token(value, "websocket")),
                has_upgrade: fields.raw("upgrade").next().is_some(),
                is_cut: false,
                credentials: fields.hash(&["cookie", "authorization"]),
                body: fields.body_len().unwrap_or(BodyLen::Known(0)),
            };
            Parsed::Whole(whole, len)
        }
        Ok(Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::NotHttp,
    }
}

pub(super) fn parse_response(bytes: &[u8]) -> Parsed<Response> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let mut lenient = ParserConfig::default();
    lenient
        .ignore_invalid_headers_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    match lenient.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
        Ok(Status::Complete(len)) => {
            let fields = Fields(response.headers);
            let status = response.code.unwrap_or_default();
            // RFC 9112 §6.3: these never have a body, whatever their headers say.
            let bodiless = status < 200 || status == 204 || status == 304;
            let whole = Response {
                texts: Texts::new([
                    fields.text("server"),
                    fields.text("sec-websocket-accept"),
                    fields.joined("sec-websocket-protocol"),
                    fields.joined("sec-websocket-extensions"),
                ]),
                status,
                is_cut: false,
                upgrades: fields
                    .joined("upgrade")
                    .is_some_and(|value| has_token(&value, "websocket")),
                connection_upgrade: fields
                    .all("connection")
                    .any(|value| has_token(value, "upgrade")),
                body: if bodiless {
                    BodyLen::Known(0)
                } else {
                    fields.body_len().unwrap_or(BodyLen::UntilEnd)
                },
            };
            Parsed::Whole(whole, len)
        }
        Ok(Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::NotHttp,
    }
}

/// A comma-separated list holds this token, in any case (RFC 9110 §5.6.1); parameters aside.
pub(super) fn has_token(list: &str, token: &str) -> bool {
    tokens(list).any(|found| found.eq_ignore_ascii_case(token))
}

/// The tokens of a comma-separated list, without their parameters.
pub(super) fn tokens(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(|item| item.split_once(';').map_or(item, |(name, _)| name).trim())
        .filter(|token| !token.is_empty())
}

struct Fields<'h, 'b>(&'h [Header<'b>]);

impl<'b> Fields<'_, 'b> {
    fn raw(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        // Most names differ in length already.
        self.0
            .iter()
            .filter(move |field| {
                field.name.len() == name.len() && field.name.eq_ignore_ascii_case(name)
            })
            .map(|field| field.value)
    }

    /// The same number for the same values of all these; `None` where there are none.
    fn hash(&self, names: &[&str]) -> Option<u64> {
        let values = || names.iter().flat_map(|name| self.raw(name));
        values().next()?;
        let mut hash = DefaultHasher::new();
        values().for_each(|value| value.hash(&mut hash));
        Some(hash.finish())
    }

    /// Values that are text; a token list that is not text holds no token.
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.raw(name)
            .filter_map(|value| std::str::from_utf8(value).ok())
    }

    fn text(&self, name: &str) -> Option<Cow<'b, str>> {
        self.raw(name).next().map(trimmed)
    }

    /// Several lines of one name are one list (RFC 9110 §5.3).
    fn joined(&self, name: &str) -> Option<Cow<'b, str>> {
        let mut values = self.raw(name).map(trimmed);
        let first = values.next()?;
        Some(values.fold(first, |list, value| Cow::Owned(format!("{list}, {value}"))))
    }

    fn body_len(&self) -> Option<BodyLen> {
        if self
            .all("transfer-encoding")
            .any(|value| has_token(value, "chunked"))
        {
            return Some(BodyLen::Chunked);
        }
        self.all("content-length")
            .next()?
            .trim()
            .parse()
            .ok()
            .map(BodyLen::Known)
    }
}

/// Text without the space around it; what is no UTF-8 in it is replaced.
fn trimmed(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text.trim()),
        Err(_) => Cow::Owned(String::from_utf8_lossy(value).trim().to_owned()),
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
