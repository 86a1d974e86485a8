//! Request and response heads (RFC 9112), reduced to what a WebSocket opening is about.

use std::mem::MaybeUninit;
use std::num::NonZeroU64;

use httparse::{Header, ParserConfig, Status};

use super::fields::{Fields, Name};
use super::plain;
use super::texts::Texts;

/// Header lines looked at in one head. Browsers send about 20; more is told as no HTTP.
pub(super) const MAX_HEADERS: usize = 256;

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

/// What a request head says in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking(
    /// Once it was answered, the last three are those of the answer.
    Texts<8>,
);

impl Asking {
    /// Texts that are of use once the request was answered.
    const KEPT: usize = 5;

    /// These, in the order in which they are kept.
    fn new(method: &[u8], path: &[u8], fields: &Fields<'_>) -> Self {
        Self(Texts::of_bytes([
            fields.host,
            Some(path),
            fields.origin,
            fields.user_agent,
            fields.key,
            // Nearly all ask with this one.
            Some(method).filter(|&method| method != b"GET"),
            fields.protocols.as_deref(),
            fields.extensions.as_deref(),
        ]))
    }

    /// Of a client that asked a proxy for a tunnel to this host, and came no further.
    pub fn of_tunnel(host: &str) -> Self {
        let [a, b, c, d, e, f, g] = [None; 7];
        Self(Texts::new([Some(host), a, b, c, d, e, f, g]))
    }

    /// `Host`.
    pub fn host(&self) -> Option<&str> {
        self.0.get(0)
    }

    /// Request target.
    pub fn path(&self) -> Option<&str> {
        self.0.get(1)
    }

    /// `Origin`.
    pub fn origin(&self) -> Option<&str> {
        self.0.get(2)
    }

    /// `User-Agent`.
    pub fn user_agent(&self) -> Option<&str> {
        self.0.get(3)
    }

    /// `Sec-WebSocket-Key`.
    pub fn key(&self) -> Option<&str> {
        self.0.get(4)
    }

    /// `GET`, mostly. This and what follows counts until it is [answered](Self::settle).
    pub fn method(&self) -> &str {
        self.0.get(5).unwrap_or("GET")
    }

    /// `Sec-WebSocket-Protocol`: what the client offers.
    pub fn protocols(&self) -> Option<&str> {
        self.0.get(6)
    }

    /// `Sec-WebSocket-Extensions`: what the client offers.
    pub fn extensions(&self) -> Option<&str> {
        self.0.get(7)
    }

    /// Host, path, origin, user agent and key; subprotocol, extensions and server of the answer,
    /// where there was one.
    pub fn into_texts(mut self, is_answered: bool) -> Texts<8> {
        if !is_answered {
            self.0.keep(Self::KEPT);
        }
        self.0
    }

    /// It was answered with these: they take the place of what was asked for their sake.
    pub fn settle(&mut self, answering: &Answering) {
        if answering.is_empty() {
            return self.0.keep(Self::KEPT);
        }
        let [host, path, origin, user_agent, key] = [0, 1, 2, 3, 4].map(|index| self.0.get(index));
        let (protocol, extensions) = (answering.protocol(), answering.extensions());
        let server = answering.server();
        self.0 = Texts::new([
            host, path, origin, user_agent, key, protocol, extensions, server,
        ]);
    }
}

/// A request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it says in words.
    pub asking: Asking,
    /// `Upgrade` names websocket.
    pub upgrades: bool,
    /// It has an `Upgrade` of whatever kind.
    pub has_upgrade: bool,
    /// Only its beginning is in the capture.
    pub is_cut: bool,
    /// A hash of `Cookie` and `Authorization`, where there is one of them.
    pub credentials: Option<NonZeroU64>,
    pub(super) body: BodyLen,
}

impl Request {
    fn new(method: &[u8], path: &[u8], fields: &Fields<'_>) -> Self {
        Self {
            asking: Asking::new(method, path, fields),
            upgrades: fields.upgrades,
            has_upgrade: fields.has_upgrade,
            is_cut: false,
            credentials: fields.credentials(),
            body: fields.body_len().unwrap_or(BodyLen::Known(0)),
        }
    }

    /// `GET`, mostly.
    pub fn method(&self) -> &str {
        self.asking.method()
    }

    /// Request target.
    pub fn path(&self) -> &str {
        self.asking.path().unwrap_or_default()
    }

    /// It asks for a WebSocket. A key without `Upgrade` is an opening that lost its
    /// hop-by-hop headers on the way (RFC 9110 §7.6.1).
    pub fn is_opening(&self) -> bool {
        self.upgrades || self.asking.key().is_some() && !self.has_upgrade
    }
}

/// What a response head says in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answering(Texts<3>);

impl Answering {
    /// It says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Server`.
    pub fn server(&self) -> Option<&str> {
        self.0.get(0)
    }

    /// `Sec-WebSocket-Protocol`: what the server chose.
    pub fn protocol(&self) -> Option<&str> {
        self.0.get(1)
    }

    /// `Sec-WebSocket-Extensions`: what the server chose.
    pub fn extensions(&self) -> Option<&str> {
        self.0.get(2)
    }
}

/// `Sec-WebSocket-Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// There is none.
    Missing,
    /// As long as it has to be: the base64 of a SHA-1.
    Text([u8; 28]),
    /// Anything else.
    Malformed,
}

impl Accept {
    fn of(text: Option<&[u8]>) -> Self {
        match text {
            Some(text) => text.try_into().map_or(Self::Malformed, Self::Text),
            None => Self::Missing,
        }
    }
}

/// A response head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What it says in words.
    pub answering: Answering,
    /// `Sec-WebSocket-Accept`.
    pub accept: Accept,
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
    fn new(status: u16, fields: &Fields<'_>) -> Self {
        // RFC 9112 §6.3: these never have a body, whatever their headers say.
        let bodiless = status < 200 || status == 204 || status == 304;
        Self {
            answering: Answering(Texts::of_bytes([
                fields.server,
                fields.protocols.as_deref(),
                fields.extensions.as_deref(),
            ])),
            accept: Accept::of(fields.accept),
            status,
            is_cut: false,
            upgrades: fields.upgrades,
            connection_upgrade: fields.connection_upgrade,
            body: if bodiless {
                BodyLen::Known(0)
            } else {
                fields.body_len().unwrap_or(BodyLen::UntilEnd)
            },
        }
    }

    /// `Sec-WebSocket-Protocol`: what the server chose.
    pub fn protocol(&self) -> Option<&str> {
        self.answering.protocol()
    }

    /// `Sec-WebSocket-Extensions`: what the server chose.
    pub fn extensions(&self) -> Option<&str> {
        self.answering.extensions()
    }

    /// A 101 that speaks of WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.status == 101 && (self.accept != Accept::Missing || self.upgrades)
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
    let mut fields = Fields::default();
    match plain::request(bytes, &mut fields) {
        Some((path, len)) => Parsed::Whole(Request::new(b"GET", path, &fields), len),
        None => parse_any_request(bytes),
    }
}

fn parse_any_request(bytes: &[u8]) -> Parsed<Request> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(Status::Complete(len)) => {
            let method = request.method.unwrap_or_default().as_bytes();
            let path = request.path.unwrap_or_default().as_bytes();
            let fields = fields_of(request.headers);
            Parsed::Whole(Request::new(method, path, &fields), len)
        }
        Ok(Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::NotHttp,
    }
}

pub(super) fn parse_response(bytes: &[u8]) -> Parsed<Response> {
    let mut fields = Fields::default();
    match plain::response(bytes, &mut fields) {
        Some((status, len)) => Parsed::Whole(Response::new(status, &fields), len),
        None => parse_any_response(bytes),
    }
}

fn parse_any_response(bytes: &[u8]) -> Parsed<Response> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let mut lenient = ParserConfig::default();
    lenient
        .ignore_invalid_headers_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    match lenient.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
        Ok(Status::Complete(len)) => {
            let fields = fields_of(response.headers);
            let status = response.code.unwrap_or_default();
            Parsed::Whole(Response::new(status, &fields), len)
        }
        Ok(Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::NotHttp,
    }
}

fn fields_of<'b>(headers: &[Header<'b>]) -> Fields<'b> {
    let mut fields = Fields::default();
    for &Header { name, value } in headers {
        if let Some(name) = Name::of(name.as_bytes()) {
            fields.take(name, value);
        }
    }
    fields
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
