//! The layers over one TCP connection, stacked: HTTP until the WebSocket begins, then frames.

use crate::capture::PacketId;
use crate::decode::{Segment, Tunnels};
use crate::flow::{End, FlowKey, Pair};
use crate::http::{Event, Exchange, looks_like};
use crate::session::Tracker;
use crate::tcp::{Chunk, Connection, Handled, Origin};
use crate::time::Timestamp;
use crate::ws::Reader;

/// What a connection carries, as far as is known.
#[derive(Debug)]
enum App {
    /// No byte seen yet.
    Undecided,
    /// HTTP/1.1.
    Http(Box<Exchange>),
    /// WebSocket frames.
    Frames(Box<Pair<Reader>>),
    /// Nothing that concerns us: its bytes are not looked at.
    Other,
}

/// A connection with everything on top of it.
#[derive(Debug)]
pub(super) struct Stack {
    tcp: Connection,
    upper: Upper,
    /// How many packets the capture had before its first one.
    pub(super) ordinal: u64,
    /// Outermost VLAN of its first packet.
    pub(super) vlan: Option<u16>,
    /// Tunnels around its first packet.
    pub(super) tunnel: Tunnels,
}

/// The part above TCP: apart, so that TCP can hand its chunks to it.
#[derive(Debug)]
struct Upper {
    app: App,
    tracker: Option<Box<Tracker>>,
    /// Opening attempts on this connection that were followed by another request.
    earlier: Vec<Box<Tracker>>,
    story: bool,
}

impl Stack {
    pub(super) fn new(
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
        ordinal: u64,
        story: bool,
    ) -> Self {
        Self {
            tcp: Connection::new(packet, time),
            upper: Upper {
                app: App::Undecided,
                tracker: None,
                earlier: Vec::new(),
                story,
            },
            ordinal,
            vlan: segment.vlan,
            tunnel: segment.tunnel,
        }
    }

    pub(super) fn tcp(&self) -> &Connection {
        &self.tcp
    }

    /// Takes one segment, sent by `from`.
    pub(super) fn handle_segment(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
    ) -> Handled {
        let upper = &mut self.upper;
        let peer_seen = self.tcp.has_seen(from.other());
        let first = self.tcp.first();
        self.tcp
            .handle_segment(from, segment, packet, time, &mut |end, chunk| {
                // Bytes of the other end are handed on only where it was seen.
                upper.handle_chunk(end, chunk, peer_seen || end != from, first);
            })
    }

    /// Opening attempts that are over while the connection goes on.
    pub(super) fn take_earlier(&mut self) -> Vec<Box<Tracker>> {
        let mut earlier = std::mem::take(&mut self.upper.earlier);
        for tracker in &mut earlier {
            tracker.facts.superseded = true;
            tracker.conclude(&self.tcp);
        }
        earlier
    }

    /// The connection is over, or the capture is: what it carried.
    pub(super) fn finish(&mut self) -> Option<Box<Tracker>> {
        let Self { tcp, upper, .. } = self;
        let first = tcp.first();
        let seen = Pair {
            a: tcp.has_seen(End::A),
            b: tcp.has_seen(End::B),
        };
        tcp.finish(&mut |end, chunk| upper.handle_chunk(end, chunk, seen[end.other()], first));
        upper.finish(first);
        let mut tracker = upper.tracker.take()?;
        tracker.conclude(tcp);
        Some(tracker)
    }
}

/// The identity of a connection, for its sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) key: FlowKey,
    pub(super) ordinal: u64,
    pub(super) vlan: Option<u16>,
    pub(super) tunnel: Tunnels,
}

impl Upper {
    fn handle_chunk(&mut self, end: End, chunk: Chunk<'_>, peer_seen: bool, first: Origin) {
        match &mut self.app {
            App::Other => {}
            App::Frames(readers) => {
                if let Some(tracker) = &mut self.tracker {
                    let side = tracker.side(end);
                    readers[end].handle_chunk(chunk, &mut |item| tracker.handle_item(side, item));
                }
            }
            App::Http(exchange) => {
                let mut events = Vec::new();
                exchange.handle_chunk(end, chunk, peer_seen, &mut events);
                self.handle_events(events, first);
            }
            App::Undecided => {
                if let Chunk::Data { bytes, .. } = chunk
                    && looks_like(bytes) == Some(None)
                {
                    self.app = App::Other;
                } else {
                    self.app = App::Http(Box::default());
                    self.handle_chunk(end, chunk, peer_seen, first);
                }
            }
        }
    }

    fn handle_events(&mut self, events: Vec<Event>, first: Origin) {
        for event in events {
            match event {
                Event::Opening {
                    client,
                    request,
                    origin,
                } => {
                    // The first attempt on a connection begins with the connection.
                    let begin = if self.tracker.is_none() && self.earlier.is_empty() {
                        first
                    } else {
                        origin
                    };
                    self.earlier.extend(self.tracker.take());
                    let mut tracker = Box::new(Tracker::new(client, begin, self.story));
                    tracker.handle_request(request, origin);
                    self.tracker = Some(tracker);
                }
                Event::Refused { response, origin } => {
                    if let Some(tracker) = &mut self.tracker {
                        tracker.handle_refusal(&response, origin);
                    }
                }
                Event::NotHttp { origin } => {
                    if let Some(tracker) = &mut self.tracker {
                        tracker.handle_garbage(origin);
                    }
                }
                Event::Opened {
                    client,
                    response,
                    origin,
                } => {
                    let story = self.story;
                    let tracker = self
                        .tracker
                        .get_or_insert_with(|| Box::new(Tracker::new(client, first, story)));
                    tracker.handle_opened(response.as_deref(), origin);
                    self.begin_frames();
                }
                Event::Over => self.app = App::Other,
            }
        }
    }

    fn begin_frames(&mut self) {
        let Some(tracker) = &mut self.tracker else {
            return;
        };
        let reader = |end| Reader::new(tracker.side(end), tracker.deflate());
        let mut readers = Box::new(Pair {
            a: reader(End::A),
            b: reader(End::B),
        });
        if let App::Http(exchange) = std::mem::replace(&mut self.app, App::Undecided) {
            exchange.drain(|end, chunk| {
                let side = tracker.side(end);
                readers[end].handle_chunk(chunk, &mut |item| tracker.handle_item(side, item));
            });
        }
        self.app = App::Frames(readers);
    }

    fn finish(&mut self, first: Origin) {
        if let App::Http(exchange) = &mut self.app {
            let mut events = Vec::new();
            exchange.finish(&mut events);
            self.handle_events(events, first);
        }
        if let (App::Frames(readers), Some(tracker)) = (&mut self.app, &mut self.tracker) {
            for end in End::BOTH {
                let side = tracker.side(end);
                let tail = readers[end].finish(&mut |item| tracker.handle_item(side, item));
                tracker.handle_tail(side, tail);
            }
        }
    }
}
