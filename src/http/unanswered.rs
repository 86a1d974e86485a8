//! The beginning that nearly every WebSocket has: one request in one piece, and behind it nothing
//! but its answer. Such a one needs none of the memory of an [`Exchange`].

use super::event::{Asked, Method, Opening};
use super::exchange::Exchange;
use super::head::{BodyLen, Parsed, Request, Response, parse_request, parse_response};
use crate::flow::End;
use crate::time::Timestamp;

/// A connection that began with a request for a WebSocket; nothing was seen of it since.
#[derive(Clone, Copy, Debug)]
pub struct Unanswered {
    client: End,
    method: Method,
    body: BodyLen,
    time: Timestamp,
}

impl Unanswered {
    /// `client` begins with these bytes; the capture holds both ends from their first byte on.
    /// `None` where they are anything else, more or less than a request for a WebSocket.
    pub fn begin(client: End, bytes: &[u8], time: Timestamp) -> Option<(Self, Request)> {
        if !bytes.starts_with(b"GET ") {
            return None;
        }
        match parse_request(bytes) {
            Parsed::Whole(request, len) if len == bytes.len() && request.is_opening() => {
                let unanswered = Self {
                    client,
                    method: Method::of(&request),
                    body: request.body,
                    time,
                };
                Some((unanswered, request))
            }
            _ => None,
        }
    }

    /// Who asked.
    pub const fn client(&self) -> End {
        self.client
    }

    /// The 101 that the next bytes of `end` begin with, and its length: frames follow. `None`
    /// where they are anything else, of which [`Self::into_exchange`] knows what it means.
    pub fn opened(&self, end: End, bytes: &[u8]) -> Option<(Response, usize)> {
        if end == self.client || !bytes.starts_with(b"HTTP/1.") {
            return None;
        }
        match parse_response(bytes) {
            Parsed::Whole(response, len) if response.status == 101 => Some((response, len)),
            _ => None,
        }
    }

    /// The exchange that it is, for whatever comes next.
    pub fn into_exchange(self) -> Exchange {
        Exchange::asked(
            self.client,
            Asked {
                method: self.method,
                opening: Opening::Yes,
                body: self.body,
                time: self.time,
            },
        )
    }
}
