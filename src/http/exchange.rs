//! Both directions of an HTTP/1.1 connection: which answer belongs to which request, and where
//! the WebSocket begins.

use std::collections::VecDeque;

use super::head::{BodyLen, Request, Response};
use super::lane::{Head, Kind, Lane, Taken, looks_like};
use crate::flow::{End, Pair};
use crate::limits;
use crate::tcp::{Chunk, Origin, Waiting};

/// What the exchange came to.
#[derive(Debug)]
pub enum Event {
    /// A request for a WebSocket.
    Opening {
        /// The end that sent it.
        client: End,
        /// The request.
        request: Box<Request>,
        /// The packet with its last byte.
        origin: Origin,
    },
    /// The opening was answered with something other than 101.
    Refused {
        /// The answer.
        response: Box<Response>,
        /// The packet with its last byte.
        origin: Origin,
    },
    /// The opening was answered with something that is no HTTP.
    NotHttp {
        /// The packet that showed it.
        origin: Origin,
    },
    /// From here on both directions are frames: [`Exchange::drain`] has what came of them.
    Opened {
        /// The end that opened it.
        client: End,
        /// The 101; `None` where the capture lost it.
        response: Option<Box<Response>>,
        /// The packet with its last byte, or that showed that it is lost.
        origin: Origin,
    },
    /// The capture does not hold what would show whether this is HTTP: [`Exchange::drain`] has
    /// what came.
    NoBeginning,
    /// Nothing more is to be found here.
    Over,
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Asked {
    is_head: bool,
    opening: Opening,
    body: BodyLen,
}

/// Whether a request asks for a WebSocket.
#[derive(Debug)]
enum Opening {
    Yes,
    No,
    /// The part that would say so is not in the capture: the answer tells.
    Maybe(Box<Request>, Origin),
}

/// An HTTP/1.1 connection, as long as it is one.
#[derive(Debug)]
pub struct Exchange {
    client: Option<End>,
    lanes: Pair<Option<Lane>>,
    /// Bytes that came before it was known which end asks.
    unsorted: Pair<Waiting>,
    requests: VecDeque<Asked>,
    /// An answer whose request has not been seen: it is lost, or late in the capture.
    early: Option<(Box<Response>, Origin)>,
    over: bool,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            client: None,
            lanes: Pair {
                a: Some(Lane::new()),
                b: Some(Lane::new()),
            },
            unsorted: Pair::default(),
            requests: VecDeque::new(),
            early: None,
            over: false,
        }
    }
}

impl Exchange {
    /// Takes the next chunk of one direction. `peer_seen`: the capture holds packets of the
    /// other one too.
    pub fn handle_chunk(
        &mut self,
        end: End,
        chunk: Chunk<'_>,
        peer_seen: bool,
        events: &mut Vec<Event>,
    ) {
        if self.over {
            return;
        }
        if self.client.is_none() {
            self.sort(end, chunk, peer_seen, events);
            return;
        }
        match chunk {
            Chunk::Gap { len, origin, .. } => {
                self.handle_gap(end, chunk, len, origin, peer_seen, events)
            }
            Chunk::Data {
                offset,
                bytes,
                origin,
            } => self.handle_data(end, offset, bytes, origin, peer_seen, events),
        }
    }

    /// The connection is over: what waited for its other half goes without.
    pub fn finish(&mut self, last: Origin, events: &mut Vec<Event>) {
        if self.over {
            return;
        }
        // A request that never became whole: told where it says what it asks for.
        if let Some(client) = self.client
            && let Some((Head::Request(request), _)) = self.lanes[client]
                .as_ref()
                .and_then(|lane| lane.cut_head(Kind::Requests))
            && request.is_opening()
        {
            self.handle_request(client, request, last, events);
        }
        self.open_without_request(events);
    }

    /// After [`Event::Opened`] and [`Event::NoBeginning`]: the bytes that are left, both
    /// directions.
    pub fn drain(mut self, mut each: impl FnMut(End, Chunk<'_>)) {
        for end in End::BOTH {
            self.unsorted[end].drain(|chunk| each(end, chunk));
            if let Some(Lane::Waiting(waiting)) = &mut self.lanes[end] {
                waiting.drain(|chunk| each(end, chunk));
            }
        }
    }

    /// Finds out which end asks, by what either says first.
    fn sort(&mut self, end: End, chunk: Chunk<'_>, peer_seen: bool, events: &mut Vec<Event>) {
        let before = self.unsorted[end].len();
        self.unsorted[end].push(chunk);
        let mut first = [0; 8];
        let (len, cut) = self.unsorted[end].begin(&mut first);
        match looks_like(first.get(..len).unwrap_or_default()) {
            Some(Some(Kind::Requests)) => self.client = Some(end),
            Some(Some(Kind::Responses)) => self.client = Some(end.other()),
            // Other bytes first: HTTP only if the other end says so, and these are its answer.
            Some(None) if before == 0 && self.unsorted[end.other()].is_empty() && peer_seen => {
                return;
            }
            Some(None) => self.end(events),
            // Too few bytes before a gap, or a gap first in both directions: nothing here will
            // show that this is HTTP.
            None if cut
                && (len > 0 || self.unsorted[end.other()].begin(&mut first) == (0, true)) =>
            {
                self.over = true;
                events.push(Event::NoBeginning);
                return;
            }
            None => return,
        }
        for end in End::BOTH {
            let mut waiting = std::mem::take(&mut self.unsorted[end]);
            waiting.drain(|chunk| self.handle_chunk(end, chunk, peer_seen, events));
        }
    }

    fn opening_waits(&self) -> bool {
        self.requests
            .front()
            .is_some_and(|asked| matches!(asked.opening, Opening::Yes))
    }

    fn kind(&self, end: End) -> Kind {
        if self.client == Some(end) {
            Kind::Requests
        } else {
            Kind::Responses
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        self.over = true;
        events.push(Event::Over);
    }

    fn handle_gap(
        &mut self,
        end: End,
        chunk: Chunk<'_>,
        len: u64,
        origin: Origin,
        peer_seen: bool,
        events: &mut Vec<Event>,
    ) {
        let kind = self.kind(end);
        let Some(lane) = &mut self.lanes[end] else {
            return;
        };
        if let Lane::Waiting(waiting) = lane {
            waiting.push(chunk);
            return;
        }
        if let Some((head, rest)) = lane.cut_head(kind) {
            // A snapped head: what is missing is its end first, and maybe more behind it.
            match head {
                Head::Request(request) => self.handle_request(end, request, origin, events),
                Head::Response(response) => {
                    self.handle_response(end, response, origin, peer_seen, events)
                }
            }
            if len > rest {
                let offset = chunk.offset().saturating_add(rest);
                let behind = Chunk::Gap {
                    offset,
                    len: len - rest,
                    origin,
                };
                self.handle_behind(end, behind, peer_seen, events);
            }
            return;
        }
        lane.skip(len);
        if matches!(lane, Lane::Lost) {
            self.lose(end, origin, Some(chunk), peer_seen, events);
        }
    }

    /// What follows a head in the same chunk. Where that was the 101, it belongs to the frames.
    fn handle_behind(
        &mut self,
        end: End,
        chunk: Chunk<'_>,
        peer_seen: bool,
        events: &mut Vec<Event>,
    ) {
        if !self.over {
            self.handle_chunk(end, chunk, peer_seen, events);
        } else if let Some(Lane::Waiting(waiting)) = &mut self.lanes[end] {
            waiting.push(chunk);
        }
    }

    /// This direction cannot be followed as HTTP any more.
    fn lose(
        &mut self,
        end: End,
        origin: Origin,
        chunk: Option<Chunk<'_>>,
        peer_seen: bool,
        events: &mut Vec<Event>,
    ) {
        let opening_waits = self.opening_waits();
        let mut waiting = Waiting::default();
        if let Some(chunk) = chunk {
            waiting.push(chunk);
        }
        match self.kind(end) {
            // The request is lost, and its answer shows what it was, or will show it.
            Kind::Requests => {
                self.lanes[end] = Some(Lane::Waiting(waiting));
                if self.early.is_some() || !peer_seen {
                    self.open_without_request(events);
                }
            }
            // The answer is lost: frames may follow all the same.
            Kind::Responses if opening_waits => {
                self.lanes[end] = Some(Lane::Waiting(waiting));
                self.open(None, origin, events);
            }
            Kind::Responses => self.end(events),
        }
    }

    fn handle_data(
        &mut self,
        end: End,
        mut offset: u64,
        mut bytes: &[u8],
        origin: Origin,
        peer_seen: bool,
        events: &mut Vec<Event>,
    ) {
        while !bytes.is_empty() && !self.over {
            let kind = self.kind(end);
            let Some(lane) = &mut self.lanes[end] else {
                return;
            };
            if let Lane::Waiting(waiting) = lane {
                waiting.push(Chunk::Data {
                    offset,
                    bytes,
                    origin,
                });
                let patience_over = waiting.len() > limits::MAX_EARLY_BYTES;
                if kind == Kind::Responses && self.early.is_some() && patience_over {
                    self.open_without_request(events);
                    return;
                }
                // Frames go out and no answer can come: the capture holds one direction only.
                if kind == Kind::Requests && !peer_seen && !self.requests.is_empty() {
                    self.open(None, origin, events);
                }
                return;
            }
            let used = match lane.take(kind, bytes) {
                Taken::All => return,
                Taken::NotHttp => {
                    self.handle_other(
                        end,
                        Chunk::Data {
                            offset,
                            bytes,
                            origin,
                        },
                        peer_seen,
                        events,
                    );
                    return;
                }
                Taken::Head(Head::Request(request), used) => {
                    self.handle_request(end, request, origin, events);
                    used
                }
                Taken::Head(Head::Response(response), used) => {
                    self.handle_response(end, response, origin, peer_seen, events);
                    used
                }
            };
            offset += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
        }
        if self.over && !bytes.is_empty() {
            self.handle_behind(
                end,
                Chunk::Data {
                    offset,
                    bytes,
                    origin,
                },
                peer_seen,
                events,
            );
        }
    }

    fn handle_request(
        &mut self,
        end: End,
        request: Box<Request>,
        origin: Origin,
        events: &mut Vec<Event>,
    ) {
        let is_head = request.method == "HEAD";
        let body = request.body;
        let opening = if request.is_opening() {
            events.push(Event::Opening {
                client: end,
                request,
                origin,
            });
            Opening::Yes
        } else if request.is_cut {
            Opening::Maybe(request, origin)
        } else {
            Opening::No
        };
        self.lanes[end] = Some(match opening {
            Opening::Yes | Opening::Maybe(..) => Lane::Waiting(Waiting::default()),
            Opening::No => Lane::behind(body),
        });
        let asked = Asked {
            is_head,
            opening,
            body,
        };
        if let Some((response, at)) = self.early.take() {
            self.handle_answer(asked, response, at, events);
        } else if self.requests.len() < limits::MAX_REQUESTS_WAITING {
            self.requests.push_back(asked);
        } else {
            self.end(events);
        }
    }

    fn handle_response(
        &mut self,
        end: End,
        response: Box<Response>,
        origin: Origin,
        peer_seen: bool,
        events: &mut Vec<Event>,
    ) {
        // RFC 9110 §15.2: informational answers come before the answer.
        if response.status < 200 && response.status != 101 {
            return;
        }
        match self.requests.pop_front() {
            Some(asked) => self.handle_answer(asked, response, origin, events),
            None => {
                self.early = Some((response, origin));
                self.lanes[end] = Some(Lane::Waiting(Waiting::default()));
                let request_lost =
                    matches!(self.lanes[end.other()], Some(Lane::Waiting(_) | Lane::Lost))
                        || !peer_seen;
                if request_lost {
                    self.open_without_request(events);
                }
            }
        }
    }

    fn handle_answer(
        &mut self,
        asked: Asked,
        response: Box<Response>,
        origin: Origin,
        events: &mut Vec<Event>,
    ) {
        let Some(client) = self.client else { return };
        let server = client.other();
        if response.status == 101 {
            match asked.opening {
                Opening::Yes => self.open(Some(response), origin, events),
                Opening::Maybe(request, at) if response.is_websocket() || response.is_cut => {
                    events.push(Event::Opening {
                        client,
                        request,
                        origin: at,
                    });
                    self.open(Some(response), origin, events);
                }
                Opening::Maybe(..) | Opening::No => self.end(events),
            }
            return;
        }
        let body = if asked.is_head {
            BodyLen::Known(0)
        } else {
            response.body
        };
        let behind = self.lanes[server].replace(Lane::behind(body));
        if matches!(asked.opening, Opening::Yes) {
            events.push(Event::Refused { response, origin });
        }
        if !matches!(asked.opening, Opening::No) {
            // What the client sent behind its request is a body, or the next request.
            let waited = self.lanes[client].replace(Lane::behind(asked.body));
            self.replay(client, waited, events);
        }
        self.replay(server, behind, events);
    }

    fn replay(&mut self, end: End, lane: Option<Lane>, events: &mut Vec<Event>) {
        if let Some(Lane::Waiting(mut waiting)) = lane {
            waiting.drain(|chunk| self.handle_chunk(end, chunk, true, events));
        }
    }

    /// Bytes that are no HTTP where HTTP was expected.
    fn handle_other(
        &mut self,
        end: End,
        chunk: Chunk<'_>,
        peer_seen: bool,
        events: &mut Vec<Event>,
    ) {
        let Chunk::Data { origin, .. } = chunk else {
            return;
        };
        let opening_waits = self.opening_waits();
        match self.kind(end) {
            Kind::Responses if opening_waits => {
                events.push(Event::NotHttp { origin });
                self.end(events);
            }
            Kind::Requests if self.requests.is_empty() => {
                self.lose(end, origin, Some(chunk), peer_seen, events);
            }
            _ => self.end(events),
        }
    }

    fn open_without_request(&mut self, events: &mut Vec<Event>) {
        match self.early.take() {
            Some((response, origin)) if response.is_websocket() => {
                self.open(Some(response), origin, events)
            }
            Some(_) => self.end(events),
            None => {}
        }
    }

    fn open(&mut self, response: Option<Box<Response>>, origin: Origin, events: &mut Vec<Event>) {
        let Some(client) = self.client else { return };
        for end in End::BOTH {
            if !matches!(self.lanes[end], Some(Lane::Waiting(_))) {
                self.lanes[end] = Some(Lane::Waiting(Waiting::default()));
            }
        }
        self.over = true;
        events.push(Event::Opened {
            client,
            response,
            origin,
        });
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
