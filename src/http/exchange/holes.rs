//! An exchange of which the capture has only a part: heads without their end, answers without
//! their request, requests without an answer.

use super::Exchange;
use crate::flow::End;
use crate::http::event::{Event, Sight};
use crate::http::lane::{Head, HeadTail, Kind, Lane, looks_like};
use crate::tcp::{Chunk, Origin, Waiting};

impl Exchange {
    pub(super) fn handle_gap(
        &mut self,
        end: End,
        gap: (u64, u64, Origin),
        sight: Sight,
        events: &mut Vec<Event>,
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
            let tail = Lane::HeadTail(HeadTail::new(offset, len, rest, origin));
            match head {
                Head::Request(request) => {
                    self.handle_request(end, request, origin, events);
                    if matches!(self.lanes[end], Lane::Waiting(_)) {
                        self.lanes[end] = tail;
                    }
                }
                Head::Response(response) if response.status == 101 => {
                    self.cut_answer = Some((response, origin));
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
            self.answer_missing |= kind == Kind::Responses;
        }
    }

    /// The head whose middle is missing has ended: what its lane does next.
    pub(super) fn end_head(&mut self, end: End, events: &mut Vec<Event>) {
        let lane = std::mem::replace(&mut self.lanes[end], Lane::new());
        self.lanes[end] = Lane::Waiting(lane.into_waiting());
        if self.kind(end) == Kind::Responses {
            self.take_cut_answer(events);
        }
    }

    pub(super) fn take_cut_answer(&mut self, events: &mut Vec<Event>) {
        if let Some(((response, origin), client)) = self.cut_answer.take().zip(self.client) {
            self.handle_response(client.other(), response, origin, events);
        }
    }

    /// The first bytes behind a hole: another head, or something else.
    pub(super) fn handle_behind(
        &mut self,
        end: End,
        bytes: &[u8],
        origin: Origin,
        events: &mut Vec<Event>,
    ) {
        let kind = self.kind(end);
        if looks_like(bytes) == Some(Some(kind)) {
            self.lanes[end] = Lane::new();
            return;
        }
        let lane = std::mem::replace(&mut self.lanes[end], Lane::new());
        self.lanes[end] = Lane::Waiting(lane.into_waiting());
        match kind {
            // The request is lost, and its answer shows what it was, or will show it.
            Kind::Requests => self.open_without_request(events),
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
        events: &mut Vec<Event>,
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

    pub(super) fn open_without_request(&mut self, events: &mut Vec<Event>) {
        match self.early.take() {
            Some((response, origin)) if response.is_websocket() => {
                self.open(Some(response), origin, events)
            }
            Some((response, _)) if response.is_cut => self.give_up(None, events),
            Some(_) => self.end(events),
            None => {}
        }
    }
}
