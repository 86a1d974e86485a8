//! Request and response heads (RFC 9112), reduced to what a WebSocket opening is about.

use std::hash::{DefaultHasher, Hash, Hasher};

use httparse::{EMPTY_HEADER, Header, ParserConfig, Status};

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
    /// `GET`, mostly.
    pub method: String,
    /// Request target.
    pub path: String,
    /// HTTP/1.0 has no Upgrade.
    pub is_http10: bool,
    /// `Host`.
    pub host: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Upgrade` names websocket.
    pub upgrades: bool,
    /// It has an `Upgrade` of whatever kind.
    pub has_upgrade: bool,
    /// Only its beginning is in the capture.
    pub is_cut: bool,
    /// `Sec-WebSocket-Key`.
    pub key: Option<String>,
    /// A hash of `Cookie` and `Authorization`, where there is one of them.
    pub credentials: Option<u64>,
    /// `Sec-WebSocket-Protocol`: what the client offers.
    pub protocols: Option<String>,
    /// `Sec-WebSocket-Extensions`: what the client offers.
    pub extensions: Option<String>,
    pub(super) body: BodyLen,
}

impl Request {
    /// It asks for a WebSocket. A key without `Upgrade` is an opening that lost its
    /// hop-by-hop headers on the way (RFC 9110 §7.6.1).
    pub fn is_opening(&self) -> bool {
        self.upgrades || self.key.is_some() && !self.has_upgrade
    }
}

/// A response head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Only its beginning is in the capture.
    pub is_cut: bool,
    /// `Server`.
    pub server: Option<String>,
    /// `Upgrade`.
    pub upgrade: Option<String>,
    /// `Connection` names upgrade.
    pub connection_upgrade: bool,
    /// `Sec-WebSocket-Accept`.
    pub accept: Option<String>,
    /// `Sec-WebSocket-Protocol`: what the server chose.
    pub protocol: Option<String>,
    /// `Sec-WebSocket-Extensions`: what the server chose.
    pub extensions: Option<String>,
    pub(super) body: BodyLen,
}

impl Response {
    /// A 101 that speaks of WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.status == 101
            && (self.accept.is_some()
                || self
                    .upgrade
                    .as_deref()
                    .is_some_and(|value| has_token(value, "websocket")))
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
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Complete(len)) => {
            let fields = Fields(request.headers);
            let whole = Request {
                method: request.method.unwrap_or_default().to_owned(),
                path: request.path.unwrap_or_default().to_owned(),
                is_http10: request.version == Some(0),
                host: fields.text("host"),
                origin: fields.text("origin"),
                user_agent: fields.text("user-agent"),
                upgrades: fields
                    .all("upgrade")
                    .any(|value| has_token(value, "websocket")),
                has_upgrade: fields.raw("upgrade").next().is_some(),
                is_cut: false,
                key: fields.text("sec-websocket-key"),
                credentials: fields.hash(&["cookie", "authorization"]),
                protocols: fields.joined("sec-websocket-protocol"),
                extensions: fields.joined("sec-websocket-extensions"),
                body: fields.body_len().unwrap_or(BodyLen::Known(0)),
            };
            Parsed::Whole(whole, len)
        }
        Ok(Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::NotHttp,
    }
}

pub(super) fn parse_response(bytes: &[u8]) -> Parsed<Response> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let mut lenient = ParserConfig::default();
    lenient
        .ignore_invalid_headers_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    match lenient.parse_response(&mut response, bytes) {
        Ok(Status::Complete(len)) => {
            let fields = Fields(response.headers);
            let status = response.code.unwrap_or_default();
            // RFC 9112 §6.3: these never have a body, whatever their headers say.
            let bodiless = status < 200 || status == 204 || status == 304;
            let whole = Response {
                status,
                is_cut: false,
                server: fields.text("server"),
                upgrade: fields.joined("upgrade"),
                connection_upgrade: fields
                    .all("connection")
                    .any(|value| has_token(value, "upgrade")),
                accept: fields.text("sec-websocket-accept"),
                protocol: fields.joined("sec-websocket-protocol"),
                extensions: fields.joined("sec-websocket-extensions"),
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

impl Fields<'_, '_> {
    fn raw(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
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

    fn text(&self, name: &str) -> Option<String> {
        self.raw(name)
            .next()
            .map(|value| String::from_utf8_lossy(value).trim().to_owned())
    }

    /// Several lines of one name are one list (RFC 9110 §5.3).
    fn joined(&self, name: &str) -> Option<String> {
        let mut values = self.raw(name).map(|value| String::from_utf8_lossy(value));
        let first = values.next()?.trim().to_owned();
        Some(values.fold(first, |list, value| format!("{list}, {}", value.trim())))
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

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
