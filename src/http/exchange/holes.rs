//! An exchange of which the capture has only a part: heads without their end, answers without
//! their request, requests without an answer.

use super::Exchange;
use crate::flow::End;
use crate::http::event::{Events, Sight};
use crate::http::head::{BodyLen, Response};
use crate::http::lane::{Head, HeadTail, Kind, Lane, looks_like};
use crate::tcp::{Chunk, Origin, Waiting};

impl Exchange {
    pub(super) fn handle_gap(
        &mut self,
        end: End,
        gap: (u64, u64, Origin),
        sight: Sight,
        events: &mut Events,
    ) {
        let (offset, len, origin) = gap;
        let kind = self.kind(end);
        if let Lane::Waiting(waiting) | Lane::Behind(waiting) = &mut self.lanes[end] {
            waiting.push(Chunk::Gap {
                offset,
                len,
                origin,
            });
        } else if let Lane::HeadTail(_) = &self.lanes[end] {
            // A second hole: the head ended somewhere, and frames may have begun.
            self.end_head(end, events);
            self.handle_chunk(
                end,
                Chunk::Gap {
                    offset,
                    len,
                    origin,
                },
                sight,
                events,
            );
        } else if let Some((head, rest)) = self.lanes[end].cut_head(kind) {
            let tail = Lane::HeadTail(Box::new(HeadTail::new(offset, len, rest, origin)));
            match head {
                Head::Request(request) => {
                    self.rare().cut_request = Some((request, origin));
                    self.lanes[end] = tail;
                }
                Head::Response(response) if response.status == 101 => {
                    self.rare().cut_answer = Some((response, origin));
                    self.lanes[end] = tail;
                }
                Head::Response(response) => {
                    self.lanes[end] = Lane::Behind(Waiting::default());
                    self.handle_response(end, response, origin, events);
                }
            }
        } else if !self.lanes[end].skip(len) {
            let mut waiting = Waiting::default();
            waiting.push(Chunk::Gap {
                offset,
                len,
                origin,
            });
            self.lanes[end] = Lane::Behind(waiting);
            match kind {
                Kind::Requests => self.request_missing = true,
                Kind::Responses => self.answer_missing = true,
            }
        }
    }

    /// The head whose middle is missing has ended: what its lane does next.
    pub(super) fn end_head(&mut self, end: End, events: &mut Events) {
        let lane = std::mem::replace(&mut self.lanes[end], Lane::new());
        self.lanes[end] = Lane::Waiting(lane.into_waiting());
        match self.kind(end) {
            Kind::Requests => self.take_cut_request(events),
            Kind::Responses => self.take_cut_answer(events),
        }
    }

    pub(super) fn take_cut_request(&mut self, events: &mut Events) {
        let cut = self.take_rare(|rare| rare.cut_request.take());
        if let Some(((request, origin), client)) = cut.zip(self.client) {
            self.handle_request(client, request, origin, events);
        }
    }

    pub(super) fn take_cut_answer(&mut self, events: &mut Events) {
        let cut = self.take_rare(|rare| rare.cut_answer.take());
        if let Some(((response, origin), client)) = cut.zip(self.client) {
            self.handle_response(client.other(), response, origin, events);
        }
    }

    /// The first bytes behind a hole: another head, or something else.
    pub(super) fn handle_behind(
        &mut self,
        end: End,
        bytes: &[u8],
        origin: Origin,
        events: &mut Events,
    ) {
        let kind = self.kind(end);
        if looks_like(bytes) == Some(Some(kind)) {
            self.lanes[end] = Lane::new();
            return;
        }
        let lane = std::mem::replace(&mut self.lanes[end], Lane::new());
        let waiting = lane.into_waiting();
        let is_cut = waiting.begins_with_gap();
        self.lanes[end] = Lane::Waiting(waiting);
        match kind {
            // The request is lost, and its answer shows what it was, or will show it.
            Kind::Requests => self.open_without_request(events),
            Kind::Responses if self.has_doubtful() && !is_cut => self.believe(events),
            // The answer is lost: frames may follow all the same.
            Kind::Responses if self.opening_waits() => self.open(None, origin, events),
            Kind::Responses => self.end(events),
        }
    }

    /// So much waits for the other half that it is taken for lost.
    pub(super) fn lose_patience(
        &mut self,
        kind: Kind,
        over: bool,
        sight: Sight,
        origin: Origin,
        events: &mut Events,
    ) {
        match kind {
            _ if !over => {}
            Kind::Responses => self.open_without_request(events),
            Kind::Requests if !sight.peer_seen && self.opening_waits() => {
                self.open(None, origin, events)
            }
            Kind::Requests => {}
        }
    }

    pub(super) fn open_without_request(&mut self, events: &mut Events) {
        if let Some(client) = self.client.filter(|_| {
            let rare = self.rare.as_ref();
            rare.is_some_and(|rare| rare.cut_request.is_some())
        }) {
            return self.end_head(client, events);
        }
        match self.take_rare(|rare| rare.early.take()) {
            Some((response, origin)) if response.is_websocket() => {
                self.open(Some(response), origin, events)
            }
            Some((response, _)) if response.is_cut => self.give_up(None, events),
            Some(_) => self.end(events),
            None => {}
        }
    }

    /// An answer other than 101 to the opening, or to a request that is lost: what follows tells.
    pub(super) fn doubt(&mut self, response: Response, origin: Origin, events: &mut Events) {
        let Some(client) = self.client else { return };
        let server = client.other();
        let next = match response.body {
            // Where the request was a CONNECT, no body follows (RFC 9110 §9.3.6).
            BodyLen::UntilEnd => Lane::Behind(Waiting::default()),
            body => Lane::behind(body),
        };
        let behind = std::mem::replace(&mut self.lanes[server], next);
        self.rare().doubtful = Some((response, origin));
        self.replay(server, behind, events);
    }

    /// The answer in doubt was that to the opening: nothing shows another.
    pub(super) fn believe(&mut self, events: &mut Events) {
        if let Some((response, origin)) = self.take_doubtful()
            && let Some(asked) = self.requests.pop()
        {
            self.handle_answer(asked, response, origin, events);
        }
    }

    /// Another answer follows the one in doubt, which was to a lost request then; unless the
    /// client has asked again, as nobody does that waits for the answer to an opening.
    pub(super) fn settle(&mut self, events: &mut Events) {
        let Some(client) = self.client else { return };
        let mut first = [0; 8];
        let has_asked = match &self.lanes[client] {
            Lane::Waiting(waiting) => {
                let (len, _) = waiting.begin(&mut first);
                let begun = first.get(..len).unwrap_or_default();
                looks_like(begun) == Some(Some(Kind::Requests))
            }
            _ => false,
        };
        if has_asked {
            self.believe(events);
        } else {
            self.take_doubtful();
        }
    }
}
