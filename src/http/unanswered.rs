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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::{Event, Events, Sight};
    use crate::tcp::testing::origin;
    use crate::tcp::{Chunk, Origin};

    const ASK: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    const SWITCH: &[u8] = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n";

    /// What a connection came to: events, and the bytes that are frames.
    type Told = (Vec<String>, Vec<(End, u64, Vec<u8>)>);

    /// What comes next; nothing: bytes that the capture does not hold.
    fn pieces() -> impl Strategy<Value = Vec<(End, Vec<u8>)>> {
        let bytes = prop::sample::select(vec![
            SWITCH.to_vec(),
            [SWITCH, b"\x81\x01a"].concat(),
            SWITCH.get(..30).unwrap_or_default().to_vec(),
            [b"\r\n", SWITCH].concat(),
            b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
            b"HTTP/1.1 403 No\r\nContent-Length: 1\r\n\r\nx".to_vec(),
            b"\x81\x81aaaab".to_vec(),
            ASK.to_vec(),
            Vec::new(),
        ]);
        let end = prop_oneof![1 => Just(End::A), 2 => Just(End::B)];
        prop::collection::vec((end, bytes), 0..6)
    }

    fn chunk(offset: u64, bytes: &[u8], origin: Origin) -> Chunk<'_> {
        match bytes {
            [] => Chunk::Gap {
                offset,
                len: 9,
                origin,
            },
            _ => Chunk::Data {
                offset,
                bytes,
                origin,
            },
        }
    }

    /// What the pieces come to behind a request, with and without the short way.
    fn told(pieces: &[(End, Vec<u8>)], is_short: bool) -> Told {
        let sight = Sight {
            peer_seen: true,
            whole: true,
            peer_whole: true,
            peer_waits: false,
        };
        let mut told = Told::default();
        let mut events = Events::default();
        let mut short = is_short.then(|| Unanswered::begin(End::A, ASK, origin(1).time));
        let mut exchange = Exchange::default();
        if let Some(begun) = &short {
            assert!(begun.is_some());
        } else {
            let ask = chunk(0, ASK, origin(1));
            exchange.handle_chunk(End::A, ask, sight, &mut events);
            assert!(matches!(events.pop(), Some(Event::Opening { .. })));
        }
        let mut next = [ASK.len() as u64, 0];
        for (packet, (end, bytes)) in (2..).zip(pieces) {
            let [a, b] = &mut next;
            let next = if *end == End::A { a } else { b };
            let offset = *next;
            *next += if bytes.is_empty() {
                9
            } else {
                bytes.len() as u64
            };
            if let Some((unanswered, _)) = short.take().flatten() {
                if let Some((response, len)) = unanswered.opened(*end, bytes) {
                    let (client, origin) = (unanswered.client(), origin(packet));
                    let opened = Event::Opened {
                        client,
                        response: Some(response),
                        origin,
                    };
                    told.0.push(format!("{opened:?}"));
                    let rest = bytes.get(len..).unwrap_or_default();
                    if !rest.is_empty() {
                        told.1.push((*end, offset + len as u64, rest.to_vec()));
                    }
                    return told;
                }
                exchange = unanswered.into_exchange();
            }
            let piece = chunk(offset, bytes, origin(packet));
            exchange.handle_chunk(*end, piece, sight, &mut events);
            while let Some(event) = events.pop() {
                told.0.push(format!("{event:?}"));
                if matches!(event, Event::Opened { .. }) {
                    exchange.drain(|end, chunk| {
                        if let Chunk::Data { offset, bytes, .. } = chunk {
                            told.1.push((end, offset, bytes.to_vec()));
                        }
                    });
                    return told;
                }
            }
        }
        told
    }

    proptest! {
        #[test]
        fn the_short_way_comes_to_the_same(pieces in pieces()) {
            prop_assert_eq!(told(&pieces, true), told(&pieces, false));
        }
    }

    #[test]
    fn only_one_whole_request_for_a_websocket_begins_so() {
        let begins = |bytes: &[u8]| Unanswered::begin(End::A, bytes, origin(1).time).is_some();
        assert!(begins(ASK));
        assert!(!begins(ASK.get(..40).unwrap_or_default()));
        assert!(!begins(&[ASK, b"\x81"].concat()));
        assert!(!begins(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!begins(&[b"\r\n", ASK].concat()));
    }
}
