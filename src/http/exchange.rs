//! Both directions of an HTTP/1.1 connection: which answer belongs to which request, and where
//! the WebSocket begins.

mod holes;

use super::event::{Asked, Event, Events, Halves, Method, Opening, Sight};
use super::head::{Request, Response};
use super::lane::{Head, Kind, Lane, Taken, looks_like};
use super::queue::Queue;
use crate::flow::{End, Pair};
use crate::limits;
use crate::tcp::{Chunk, Origin, Waiting};

/// As much of what is no HTTP as tells what else it is.
const FOREIGN_LEN: usize = 16;

/// An HTTP/1.1 connection, as long as it is one.
#[derive(Debug)]
pub struct Exchange {
    client: Option<End>,
    lanes: Pair<Lane>,
    requests: Queue<Asked>,
    rare: Option<Box<Rare>>,
    /// An answer is missing, so the next one need not belong to the oldest request.
    answer_missing: bool,
    /// A request is missing, so an answer need not belong to one that is known.
    request_missing: bool,
    over: bool,
}

/// What few exchanges have.
#[derive(Debug, Default)]
struct Rare {
    /// Bytes that came before it was known which end asks.
    unsorted: Pair<Waiting>,
    /// An answer whose request has not been seen: it is lost, or late in the capture.
    early: Option<(Response, Origin)>,
    /// A request of whose head a part is missing: taken once it is known where it ends.
    cut_request: Option<(Request, Origin)>,
    /// A 101 of the same kind.
    cut_answer: Option<(Response, Origin)>,
    /// An answer that may be to the opening, or to a request that is missing.
    doubtful: Option<(Response, Origin)>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            client: None,
            lanes: Pair {
                a: Lane::new(),
                b: Lane::new(),
            },
            requests: Queue::default(),
            rare: None,
            answer_missing: false,
            request_missing: false,
            over: false,
        }
    }
}

impl Exchange {
    /// One that began with a request for a WebSocket, whole, of ends that the capture holds from
    /// their first byte on.
    pub(super) fn asked(client: End, asked: Asked) -> Self {
        let mut exchange = Self {
            client: Some(client),
            ..Self::default()
        };
        exchange.lanes[client] = Lane::waiting();
        exchange.requests.push(asked);
        exchange
    }

    /// Takes the next chunk of one direction.
    pub fn handle_chunk(&mut self, end: End, chunk: Chunk<'_>, sight: Sight, events: &mut Events) {
        if self.over {
            // The head that ended this exchange stood in the same bytes as what follows.
            if let Lane::Waiting(waiting) = &mut self.lanes[end] {
                waiting.push(chunk);
            }
        } else if self.client.is_none() {
            self.sort(end, chunk, sight, events);
        } else {
            match chunk {
                Chunk::Gap {
                    offset,
                    len,
                    origin,
                } => self.handle_gap(end, (offset, len, origin), sight, events),
                Chunk::Data {
                    offset,
                    bytes,
                    origin,
                } => self.handle_data(end, offset, bytes, origin, sight, events),
            }
        }
    }

    /// Bytes kept until the other half of an opening shows what they are.
    pub fn kept_bytes(&self) -> usize {
        let unsorted = self.rare.as_ref().map(|rare| &rare.unsorted);
        let unsorted = unsorted.map_or(0, |unsorted| unsorted.a.len() + unsorted.b.len());
        unsorted + self.lanes.a.kept_bytes() + self.lanes.b.kept_bytes()
    }

    /// Gives these bytes up: they become gaps.
    pub fn forget(&mut self) {
        for end in End::BOTH {
            if let Some(rare) = &mut self.rare {
                rare.unsorted[end].forget();
            }
            self.lanes[end].forget();
        }
    }

    /// The connection is over: what waited for its other half goes without. `seen`: the ends
    /// of whose streams the capture holds the beginning, or more than the end.
    pub fn finish(&mut self, last: Origin, seen: Pair<bool>, events: &mut Events) {
        if self.over {
            return;
        }
        let Some(client) = self.client else {
            if End::BOTH.iter().any(|&end| self.begins_with_gap(end)) {
                self.give_up(None, events);
            }
            return;
        };
        self.take_cut_request(events);
        self.take_cut_answer(events);
        // What the server sent behind it is lost: another answer, perhaps.
        if self.lanes[client.other()].is_cut() {
            self.take_doubtful();
        }
        self.believe(events);
        if self.over {
            return;
        }
        // A request that never became whole: told where it says what it asks for.
        if let Some((Head::Request(request), _)) = self.lanes[client].cut_head(Kind::Requests)
            && request.is_opening()
        {
            self.handle_request(client, request, last, events);
        }
        self.open_without_request(events);
        let server = client.other();
        let answer_lost = !seen[server] || matches!(self.lanes[server], Lane::Behind(_));
        if !self.over && self.opening_waits() && answer_lost {
            self.open(None, last, events);
        }
    }

    /// After [`Event::Opened`] and [`Event::NoBeginning`]: the bytes that are left, both
    /// directions.
    pub fn drain(&mut self, mut each: impl FnMut(End, Chunk<'_>)) {
        for end in End::BOTH {
            if let Some(rare) = &mut self.rare {
                rare.unsorted[end].drain(|chunk| each(end, chunk));
            }
            let lane = std::mem::replace(&mut self.lanes[end], Lane::new());
            lane.into_waiting().drain(|chunk| each(end, chunk));
        }
    }

    /// Finds out which end asks, by what either says first.
    fn sort(&mut self, end: End, chunk: Chunk<'_>, sight: Sight, events: &mut Events) {
        let other = end.other();
        // Mostly the first bytes tell, and need not be kept.
        let unsorted = self.rare.as_ref().map(|rare| &rare.unsorted);
        if unsorted.is_none_or(|unsorted| unsorted.a.is_empty() && unsorted.b.is_empty())
            && let Chunk::Data { bytes, .. } = chunk
            && let Some(Some(kind)) = looks_like(bytes)
        {
            self.client = Some(if kind == Kind::Requests { end } else { other });
            self.note_missing(end, sight);
            return self.handle_chunk(end, chunk, sight, events);
        }
        let unsorted = &mut self.rare().unsorted;
        let before = unsorted[end].len();
        unsorted[end].push(chunk);
        let has_answer = !unsorted[other].is_empty();
        let has_answer_bytes = unsorted[other].has_bytes();
        let mut first = [0; 8];
        let (len, cut) = unsorted[end].begin(&mut first);
        match looks_like(first.get(..len).unwrap_or_default()) {
            Some(Some(Kind::Requests)) => self.client = Some(end),
            Some(Some(Kind::Responses)) => self.client = Some(other),
            // Other bytes first: HTTP only if the other end says so, and these are its answer.
            Some(None) if before == 0 && !has_answer => return,
            // Behind a hole they prove nothing, as long as the other end has not spoken.
            Some(None) if self.begins_with_gap(end) && !has_answer_bytes => return,
            // Not where a beginning, which may have been a request, is missing.
            Some(None)
                if !sight.whole || End::BOTH.iter().any(|&end| self.begins_with_gap(end)) =>
            {
                return self.give_up(None, events);
            }
            Some(None) => return self.end(events),
            // Too few bytes before a gap: nothing here will show that this is HTTP.
            None if cut => return self.give_up(None, events),
            None => return,
        }
        self.note_missing(end, sight);
        // Requests first: what answers them is told by them.
        let client = self.client.unwrap_or(end);
        for end in [client, client.other()] {
            let mut waiting = std::mem::take(&mut self.rare().unsorted[end]);
            waiting.drain(|chunk| self.handle_chunk(end, chunk, sight, events));
        }
    }

    /// Where the capture does not hold a beginning, it may lack heads too.
    fn note_missing(&mut self, end: End, sight: Sight) {
        let (asks_whole, answers_whole) = if self.client == Some(end) {
            (sight.whole, sight.peer_whole)
        } else {
            (sight.peer_whole, sight.whole)
        };
        self.request_missing |= !asks_whole;
        self.answer_missing |= !answers_whole;
    }

    fn begins_with_gap(&self, end: End) -> bool {
        let unsorted = self.rare.as_ref().map(|rare| &rare.unsorted);
        unsorted.is_some_and(|unsorted| unsorted[end].begins_with_gap())
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Takes something out of what few have.
    fn take_rare<T>(&mut self, take: impl FnOnce(&mut Rare) -> Option<T>) -> Option<T> {
        take(self.rare.as_deref_mut()?)
    }

    fn has_doubtful(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| rare.doubtful.is_some())
    }

    fn take_doubtful(&mut self) -> Option<(Response, Origin)> {
        self.take_rare(|rare| rare.doubtful.take())
    }

    fn opening_waits(&self) -> bool {
        self.requests
            .iter()
            .any(|asked| matches!(asked.opening, Opening::Yes))
    }

    fn kind(&self, end: End) -> Kind {
        if self.client == Some(end) {
            Kind::Requests
        } else {
            Kind::Responses
        }
    }

    fn end(&mut self, events: &mut Events) {
        self.over = true;
        events.push(Event::Over);
    }

    fn give_up(&mut self, halves: Option<Box<Halves>>, events: &mut Events) {
        self.over = true;
        events.push(Event::NoBeginning(halves));
    }

    fn handle_data(
        &mut self,
        end: End,
        mut offset: u64,
        mut bytes: &[u8],
        origin: Origin,
        sight: Sight,
        events: &mut Events,
    ) {
        let kind = self.kind(end);
        while !bytes.is_empty() && !self.over {
            let used = match &mut self.lanes[end] {
                Lane::Waiting(waiting) => {
                    waiting.push(Chunk::Data {
                        offset,
                        bytes,
                        origin,
                    });
                    let patience = if sight.peer_waits {
                        limits::MAX_OVERTAKING_BYTES
                    } else {
                        limits::MAX_EARLY_BYTES
                    };
                    let patience_over = waiting.len() > patience;
                    self.lose_patience(kind, patience_over, sight, origin, events);
                    return;
                }
                Lane::HeadTail(tail) => {
                    let (used, ended) = tail.take(bytes);
                    if ended {
                        self.end_head(end, events);
                    }
                    used
                }
                Lane::Behind(_) => {
                    self.handle_behind(end, bytes, origin, events);
                    0
                }
                lane => match lane.take(kind, bytes) {
                    Taken::All => return,
                    Taken::NotHttp => {
                        let chunk = Chunk::Data {
                            offset,
                            bytes,
                            origin,
                        };
                        return self.handle_other(end, chunk, sight, events);
                    }
                    Taken::Head(Head::Request(request), used) => {
                        self.handle_request(end, request, origin, events);
                        used
                    }
                    Taken::Head(Head::Response(response), used) => {
                        self.handle_response(end, response, origin, events);
                        used
                    }
                },
            };
            offset += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
        }
        if !bytes.is_empty() {
            self.handle_chunk(
                end,
                Chunk::Data {
                    offset,
                    bytes,
                    origin,
                },
                sight,
                events,
            );
        }
    }

    fn handle_request(&mut self, end: End, request: Request, origin: Origin, events: &mut Events) {
        let method = Method::of(&request);
        let body = request.body;
        let opening = if request.is_opening() {
            events.push(Event::Opening {
                client: end,
                request,
                origin,
            });
            Opening::Yes
        } else if request.is_cut {
            Opening::Maybe(Box::new((request, origin)))
        } else {
            Opening::No
        };
        // What a hole in its head may have held besides stays for whoever comes next.
        let rest = std::mem::replace(&mut self.lanes[end], Lane::new()).into_waiting();
        self.lanes[end] = match opening {
            Opening::Yes | Opening::Maybe(_) => Lane::Waiting(rest),
            Opening::No => Lane::behind(body),
        };
        let asked = Asked {
            method,
            opening,
            body,
            time: origin.time,
        };
        if let Some((response, at)) = self.take_rare(|rare| rare.early.take()) {
            if self.is_doubtful(&asked, &response) {
                let is_earlier = at.time < asked.time;
                self.requests.push(asked);
                self.doubt(response, at, events);
                if is_earlier {
                    // It was the answer to a request that is missing.
                    self.take_doubtful();
                }
            } else {
                self.handle_answer(asked, response, at, events);
            }
        } else if self.requests.len() < limits::MAX_REQUESTS_WAITING {
            self.requests.push(asked);
        } else {
            self.end(events);
        }
    }

    fn handle_response(
        &mut self,
        end: End,
        response: Response,
        origin: Origin,
        events: &mut Events,
    ) {
        // RFC 9110 §15.2: informational answers come before the answer.
        if response.status < 200 && response.status != 101 {
            return;
        }
        if self.answer_missing {
            // The answers to the requests before it are among what is missing.
            let is_later =
                |asked: &Asked| response.status == 101 && matches!(asked.opening, Opening::No);
            while self.requests.len() > 1 && self.requests.front().is_some_and(is_later) {
                self.requests.pop();
            }
        }
        if self.has_doubtful() {
            self.settle(events);
        }
        let asked = self.requests.front();
        if asked.is_some_and(|asked| self.is_doubtful(asked, &response)) {
            return self.doubt(response, origin, events);
        }
        match self.requests.pop() {
            Some(asked) => self.handle_answer(asked, response, origin, events),
            None => {
                self.rare().early = Some((response, origin));
                if !matches!(self.lanes[end], Lane::Waiting(_)) {
                    self.lanes[end] = Lane::waiting();
                }
                if matches!(self.lanes[end.other()], Lane::Waiting(_)) {
                    self.open_without_request(events);
                }
            }
        }
    }

    /// The answer may be to a request that is missing.
    fn is_doubtful(&self, asked: &Asked, response: &Response) -> bool {
        self.request_missing && matches!(asked.opening, Opening::Yes) && response.status != 101
    }

    fn handle_answer(
        &mut self,
        asked: Asked,
        response: Response,
        origin: Origin,
        events: &mut Events,
    ) {
        let Some(client) = self.client else { return };
        let server = client.other();
        if response.status == 101 {
            match asked.opening {
                Opening::Yes => self.open(Some(response), origin, events),
                Opening::Maybe(asked) if response.is_websocket() => {
                    let (request, at) = *asked;
                    events.push(Event::Opening {
                        client,
                        request,
                        origin: at,
                    });
                    self.open(Some(response), origin, events);
                }
                // Neither half says what it is about: the frames will.
                Opening::Maybe(asked) if response.is_cut => {
                    let (request, asked) = *asked;
                    let halves = Halves {
                        request,
                        asked,
                        response,
                        answered: origin,
                    };
                    self.give_up(Some(Box::new(halves)), events);
                }
                Opening::Maybe(_) | Opening::No => self.end(events),
            }
            return;
        }
        let body = asked.method.answer_body(&response);
        let is_behind = matches!(self.lanes[server], Lane::Behind(_));
        let next = if is_behind {
            Lane::Behind(Waiting::default())
        } else {
            Lane::behind(body)
        };
        let behind = std::mem::replace(&mut self.lanes[server], next);
        if matches!(asked.opening, Opening::Yes) {
            events.push(Event::Refused { response, origin });
        }
        if !matches!(asked.opening, Opening::No) {
            // What the client sent behind its request is a body, or the next request.
            let waited = std::mem::replace(&mut self.lanes[client], Lane::behind(asked.body));
            self.replay(client, waited, events);
        }
        self.replay(server, behind, events);
    }

    fn replay(&mut self, end: End, lane: Lane, events: &mut Events) {
        let sight = Sight {
            peer_seen: true,
            whole: false,
            peer_whole: false,
            peer_waits: false,
        };
        lane.into_waiting()
            .drain(|chunk| self.handle_chunk(end, chunk, sight, events));
    }

    /// Bytes that are no HTTP where HTTP was expected.
    fn handle_other(&mut self, end: End, chunk: Chunk<'_>, sight: Sight, events: &mut Events) {
        let Chunk::Data { bytes, origin, .. } = chunk else {
            return;
        };
        let is_first = sight.whole || chunk.offset() > 0;
        match self.kind(end) {
            Kind::Responses if self.opening_waits() && is_first => {
                let begins = bytes.iter().take(FOREIGN_LEN).copied().collect();
                events.push(Event::NotHttp { begins, origin });
                self.end(events);
            }
            // The capture does not hold the beginning: the answer was before this.
            Kind::Responses if self.opening_waits() => {
                self.lanes[end] = Lane::waiting();
                self.open(None, origin, events);
                self.handle_chunk(end, chunk, sight, events);
            }
            Kind::Requests if self.requests.is_empty() => {
                self.lanes[end] = Lane::waiting();
                self.handle_chunk(end, chunk, sight, events);
                self.open_without_request(events);
            }
            _ => self.end(events),
        }
    }

    fn open(&mut self, response: Option<Response>, origin: Origin, events: &mut Events) {
        let Some(client) = self.client else { return };
        for end in End::BOTH {
            let lane = std::mem::replace(&mut self.lanes[end], Lane::new());
            self.lanes[end] = Lane::Waiting(lane.into_waiting());
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
