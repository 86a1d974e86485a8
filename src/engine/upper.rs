//! What lies over TCP in one connection: HTTP until the WebSocket begins, then frames.

use crate::decode::Tunnels;
use crate::flow::{End, Pair};
use crate::http::{
    Event, Events, Exchange, Halves, NoTunnel, Prefix, Request, Response, Sight, Unanswered,
    looks_like,
};
use crate::limits;
use crate::session::{Side, Tracker};
use crate::tcp::{Chunk, Connection, Origin, Waiting};
use crate::tls::{Keyring, TlsConnection, alert_in};
use crate::ws::{Found, Reader, Search, Windows};

/// What a connection carries, as far as is known.
#[derive(Debug)]
pub(super) enum App {
    /// No byte seen yet.
    Undecided,
    /// HTTP/1.1: a request for a WebSocket, and nothing since.
    Asked(Unanswered),
    /// HTTP/1.1.
    Http(Box<Exchange>),
    /// The beginning is missing: WebSocket frames, perhaps.
    Unknown(Box<Pair<Search>>),
    /// WebSocket frames.
    Frames(Pair<Reader>),
    /// Nothing that concerns us: its bytes are not looked at.
    Other,
}

/// What all connections of a share have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) keys: Keyring,
    pub(super) settings: Settings,
}

/// How they are followed.
#[derive(Debug)]
pub(super) struct Settings {
    /// Keep the events of sessions.
    pub(super) story: bool,
    /// Room to inflate compressed messages in.
    pub(super) windows: Windows,
}

/// The part above TCP: apart, so that TCP can hand its chunks to it.
#[derive(Debug)]
pub(super) struct Upper {
    /// Where it is TLS, `app` is what its plaintext carries.
    pub(super) tls: Option<Box<TlsConnection>>,
    pub(super) app: App,
    /// In place: with many connections each piece of memory that a packet has to look for costs.
    pub(super) tracker: Option<Tracker>,
    pub(super) rare: Option<Box<Rare>>,
    /// How many prefixes there may be yet.
    pub(super) prefixes_left: u8,
    /// An attempt on this connection was told before its end.
    pub(super) is_reused: bool,
}

/// What few connections have, apart so that the others touch less memory.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// Tunnels around the first packet.
    pub(super) tunnel: Tunnels,
    /// What a proxy put before everything else, while it lasts.
    pub(super) prefix: Option<Box<Prefix>>,
    /// Offsets behind what proxies put first.
    pub(super) begins: Pair<u64>,
    /// In TLS: what is missing before the first plaintext of an end.
    pub(super) first_gaps: Pair<Option<(u64, Origin)>>,
    /// Opening attempts on this connection that were followed by another request.
    pub(super) earlier: Vec<Tracker>,
    /// A proxy would not open a tunnel.
    pub(super) no_tunnel: Option<NoTunnel>,
    /// What is there of the opening, should frames show that it was one.
    pub(super) halves: Option<Box<Halves>>,
    /// Bytes that are missing before anything came that says what this is.
    pub(super) missed: Pair<Waiting>,
}

/// What the layers above need to know of the connection below.
pub(super) struct Seen<'s> {
    pub(super) settings: &'s Settings,
    pub(super) first: Origin,
    /// The capture holds packets of this end.
    pub(super) ends: Pair<bool>,
    /// It holds this end's SYN.
    pub(super) from_syn: Pair<bool>,
    /// Bytes of this end wait behind a hole.
    pub(super) waits: Pair<bool>,
}

impl<'s> Seen<'s> {
    /// As of a packet of `from`, which may be the SYN.
    pub(super) fn of(
        settings: &'s Settings,
        tcp: &Connection,
        from: Option<End>,
        syn: bool,
    ) -> Self {
        let is_from = |end| from == Some(end);
        let ends = |end| tcp.has_seen(end) || is_from(end);
        let from_syn = |end| tcp.stream(end).is_from_syn() || is_from(end) && syn;
        Self {
            settings,
            first: tcp.first(),
            ends: Pair {
                a: ends(End::A),
                b: ends(End::B),
            },
            from_syn: Pair {
                a: from_syn(End::A),
                b: from_syn(End::B),
            },
            waits: Pair {
                a: tcp.stream(End::A).has_hole(),
                b: tcp.stream(End::B).has_hole(),
            },
        }
    }
}

impl Upper {
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Offsets behind what proxies put first.
    pub(super) fn begins(&self) -> Pair<u64> {
        self.rare
            .as_ref()
            .map(|rare| rare.begins)
            .unwrap_or_default()
    }

    pub(super) fn has_earlier(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| !rare.earlier.is_empty())
    }

    /// What a proxy puts first, if that is under way: it has to be put back.
    pub(super) fn take_prefix(&mut self) -> Option<Box<Prefix>> {
        self.rare.as_mut()?.prefix.take()
    }

    /// Who reads what TCP carries, once that is frames and not wrapped in anything: they take it
    /// as it comes, with no look at the rest.
    pub(super) fn bare_frames(&mut self) -> Option<(&mut Pair<Reader>, &mut Tracker)> {
        match (&mut self.app, &mut self.tracker, &self.tls) {
            (App::Frames(readers), Some(tracker), None) => Some((readers, tracker)),
            _ => None,
        }
    }

    pub(super) fn has_no_tunnel(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| rare.no_tunnel.is_some())
    }

    /// Whether a proxy would not open the tunnel that was asked of it last.
    pub(super) fn set_no_tunnel(&mut self, refused: Option<NoTunnel>) {
        if refused.is_some() || self.rare.is_some() {
            self.rare().no_tunnel = refused;
        }
    }

    /// In TLS: what is missing before the first plaintext of an end.
    pub(super) fn take_first_gap(&mut self, end: End) -> Option<(u64, Origin)> {
        self.rare.as_mut()?.first_gaps[end].take()
    }

    pub(super) fn handle_plain(&mut self, end: End, chunk: Chunk<'_>, seen: &Seen<'_>) {
        match &mut self.app {
            App::Other => {}
            App::Frames(readers) => {
                if let Some(tracker) = &mut self.tracker {
                    let side = tracker.side(end);
                    readers[end].handle_chunk(chunk, &mut |item| tracker.handle_item(side, item));
                }
            }
            App::Asked(asked) => {
                let asked = *asked;
                if let Chunk::Data {
                    offset,
                    bytes,
                    origin,
                } = chunk
                    && let Some((response, len)) = asked.opened(end, bytes)
                {
                    self.handle_opened(asked.client(), Some(&response), origin, seen);
                    let rest = bytes.get(len..).unwrap_or_default();
                    if !rest.is_empty() {
                        let offset = offset + len as u64;
                        let rest = Chunk::Data {
                            offset,
                            bytes: rest,
                            origin,
                        };
                        self.handle_plain(end, rest, seen);
                    }
                    return;
                }
                self.app = App::Http(Box::new(asked.into_exchange()));
                self.handle_plain(end, chunk, seen);
            }
            App::Http(exchange) => {
                let mut events = Events::default();
                let sight = Sight {
                    peer_seen: seen.ends[end.other()],
                    whole: seen.from_syn[end],
                    peer_whole: seen.from_syn[end.other()],
                    peer_waits: seen.waits[end.other()],
                };
                exchange.handle_chunk(end, chunk, sight, &mut events);
                self.handle_events(events, seen);
            }
            App::Unknown(searches) => {
                // An HTTP connection whose beginning is missing may still open a WebSocket.
                if let Chunk::Data { bytes, origin, .. } = chunk
                    && let Some(Some(_)) = looks_like(bytes)
                {
                    // What overtook it belongs behind it, and is not known any more.
                    let overtaken = searches[end.other()]
                        .seen()
                        .filter(|passed| passed.origin().time > origin.time);
                    self.app = App::Http(Box::default());
                    self.handle_plain(end, chunk, seen);
                    if let Some(gap) = overtaken {
                        self.handle_plain(end.other(), gap, seen);
                    }
                    return;
                }
                searches[end].handle_chunk(chunk);
                self.decide(seen, false);
            }
            // Nothing is known of what the missing bytes were part of.
            App::Undecided if matches!(chunk, Chunk::Gap { .. }) && !seen.from_syn[end] => {
                self.rare().missed[end].push(chunk);
            }
            App::Undecided => {
                if self.handle_first_request(end, chunk, seen) {
                    return;
                }
                let whole = match self.tls {
                    Some(_) => chunk.offset() == 0,
                    None => self.is_begin(end, chunk.offset(), seen),
                };
                let is_foreign = match chunk {
                    Chunk::Data { bytes, .. } => looks_like(bytes) == Some(None),
                    Chunk::Gap { .. } => false,
                };
                self.app = match is_foreign {
                    // RFC 6455 §4: what begins otherwise is no WebSocket.
                    true if whole => App::Other,
                    // But whether this is the beginning is not known.
                    true => App::Unknown(Box::default()),
                    false => App::Http(Box::default()),
                };
                if !matches!(self.app, App::Other) {
                    let missed = self.rare.as_mut().map(|rare| &mut rare.missed);
                    if let Some(mut missed) = missed.map(std::mem::take) {
                        for end in End::BOTH {
                            missed[end].drain(|gap| self.handle_plain(end, gap, seen));
                        }
                    }
                    self.handle_plain(end, chunk, seen);
                }
            }
        }
    }

    /// Takes what the connection begins with, if that is what it is with nearly every WebSocket.
    fn handle_first_request(&mut self, end: End, chunk: Chunk<'_>, seen: &Seen<'_>) -> bool {
        let Pair { a, b } = seen.from_syn;
        let has_missed = |rare: &Rare| !(rare.missed.a.is_empty() && rare.missed.b.is_empty());
        if let Chunk::Data { bytes, origin, .. } = chunk
            && a
            && b
            && !self.rare.as_deref().is_some_and(has_missed)
            && let Some((asked, request)) = Unanswered::begin(end, bytes, origin.time)
        {
            self.app = App::Asked(asked);
            self.handle_opening(end, request, origin, seen);
            return true;
        }
        false
    }

    /// Frames without an opening: a WebSocket where one direction is masked and the other is
    /// not, or does not contradict.
    fn decide(&mut self, seen: &Seen<'_>, is_over: bool) {
        let App::Unknown(searches) = &mut self.app else {
            return;
        };
        if is_over {
            End::BOTH.iter().for_each(|&end| searches[end].finish());
        }
        let has_halves = self.rare.as_ref().is_some_and(|rare| rare.halves.is_some());
        let found = End::BOTH.map(|end| searches[end].found().map(|found| (end, found)));
        let client = match found {
            [
                Some((
                    a,
                    Found {
                        side: Side::Client, ..
                    },
                )),
                Some((
                    _,
                    Found {
                        side: Side::Server, ..
                    },
                )),
            ] => Some(a),
            [
                Some((
                    _,
                    Found {
                        side: Side::Server, ..
                    },
                )),
                Some((
                    b,
                    Found {
                        side: Side::Client, ..
                    },
                )),
            ] => Some(b),
            [Some((end, found)), None] | [None, Some((end, found))] => {
                let other = &searches[end.other()];
                let patience_over = searches[end].kept() > limits::MAX_SEARCH_KEPT;
                // An opening of which a part is there says that frames follow.
                let is_expected = found.is_row || has_halves;
                // Masked frames are told from chance by themselves (one that fills the
                // last of many segments may be chance); unmasked ones only where nothing contradicts them.
                let enough = match found.side {
                    Side::Client => {
                        found.is_strong && (is_over || patience_over)
                            || is_expected && is_over && other.bytes() == 0
                    }
                    Side::Server => found.is_strong && is_over && other.bytes() == 0,
                };
                enough.then_some(if found.side == Side::Client {
                    end
                } else {
                    end.other()
                })
            }
            _ => None,
        };
        if let Some(client) = client {
            self.open_unseen(client, seen);
        } else if End::BOTH
            .iter()
            .all(|&end| searches[end].bytes() > limits::MAX_SEARCH_BYTES)
            || End::BOTH
                .iter()
                .any(|&end| searches[end].bytes() > 4 * limits::MAX_SEARCH_BYTES)
        {
            self.app = App::Other;
        }
    }

    /// A session whose opening the capture does not hold.
    fn open_unseen(&mut self, client: End, seen: &Seen<'_>) {
        let Seen {
            settings, first, ..
        } = *seen;
        let mut tracker = Tracker::new(client, first, settings.story);
        match self.rare.as_mut().and_then(|rare| rare.halves.take()) {
            Some(halves) => {
                tracker.handle_request(halves.request, halves.asked);
                tracker.handle_opened(Some(&halves.response), halves.answered);
            }
            None => tracker.handle_opened(None, first),
        }
        if let App::Unknown(searches) = std::mem::replace(&mut self.app, App::Undecided) {
            let Pair { a, b } = *searches;
            let mut read = |end: End, search: Search| {
                let side = tracker.side(end);
                let compression = tracker.compression();
                search.into_reader(side, compression, &settings.windows, &mut |item| {
                    tracker.handle_item(side, item)
                })
            };
            self.app = App::Frames(Pair {
                a: read(End::A, a),
                b: read(End::B, b),
            });
        }
        self.tracker = Some(tracker);
    }

    /// A request for a WebSocket.
    fn handle_opening(&mut self, client: End, request: Request, origin: Origin, seen: &Seen<'_>) {
        let Seen {
            settings, first, ..
        } = *seen;
        // The first attempt on a connection begins with the connection.
        let is_first = self.tracker.is_none() && !self.has_earlier();
        let begin = if is_first && !self.is_reused {
            first
        } else {
            origin
        };
        if let Some(earlier) = self.tracker.take() {
            self.rare().earlier.push(earlier);
        }
        let tracker = Tracker::new(client, begin, settings.story);
        self.tracker.insert(tracker).handle_request(request, origin);
    }

    /// From here on both directions are frames.
    fn handle_opened(
        &mut self,
        client: End,
        response: Option<&Response>,
        origin: Origin,
        seen: &Seen<'_>,
    ) {
        let Seen {
            settings, first, ..
        } = *seen;
        let tracker = self
            .tracker
            .get_or_insert_with(|| Tracker::new(client, first, settings.story));
        tracker.handle_opened(response, origin);
        self.begin_frames(&settings.windows);
    }

    fn handle_events(&mut self, mut events: Events, seen: &Seen<'_>) {
        while let Some(event) = events.pop() {
            match event {
                Event::Opening {
                    client,
                    request,
                    origin,
                } => self.handle_opening(client, request, origin, seen),
                Event::Refused { response, origin } => {
                    if let Some(tracker) = &mut self.tracker {
                        tracker.handle_refusal(&response, origin);
                    }
                }
                Event::NotHttp { begins, origin } => {
                    if let Some(tracker) = &mut self.tracker {
                        tracker.handle_garbage(origin, alert_in(&begins));
                    }
                }
                Event::Opened {
                    client,
                    response,
                    origin,
                } => self.handle_opened(client, response.as_ref(), origin, seen),
                Event::NoBeginning(halves) => {
                    if halves.is_some() || self.rare.is_some() {
                        self.rare().halves = halves;
                    }
                    let mut searches = Box::<Pair<Search>>::default();
                    if let App::Http(mut exchange) =
                        std::mem::replace(&mut self.app, App::Undecided)
                    {
                        exchange.drain(|end, chunk| searches[end].handle_chunk(chunk));
                    }
                    self.app = App::Unknown(searches);
                }
                Event::Over => self.app = App::Other,
            }
        }
    }

    fn begin_frames(&mut self, windows: &Windows) {
        let Some(tracker) = &mut self.tracker else {
            return;
        };
        // Behind a head that the capture lost, messages may have begun too.
        let reader = |end| {
            let side = tracker.side(end);
            let mut reader = Reader::new(side, tracker.compression(), windows);
            if !tracker.has_head(side) {
                reader.begin_unknown();
            }
            reader
        };
        let mut readers = Pair {
            a: reader(End::A),
            b: reader(End::B),
        };
        if let App::Http(mut exchange) = std::mem::replace(&mut self.app, App::Undecided) {
            exchange.drain(|end, chunk| {
                let side = tracker.side(end);
                readers[end].handle_chunk(chunk, &mut |item| tracker.handle_item(side, item));
            });
        }
        self.app = App::Frames(readers);
    }

    /// Both ends of TCP have ended: what the messages of a session come to is known as far as it
    /// can matter, and need not be kept for the time that late packets are waited for.
    ///
    /// `cuts`: whether each end may have cut the connection.
    pub(super) fn settle(&mut self, cuts: Pair<bool>) {
        if let (App::Frames(readers), Some(tracker)) = (&mut self.app, &self.tracker) {
            for end in End::BOTH {
                if readers[end].is_compressed() {
                    let receiver = tracker.side(end).other();
                    let is_wanted = tracker.may_have_failed(receiver, cuts[end.other()]);
                    readers[end].settle(is_wanted);
                }
            }
        }
    }

    pub(super) fn finish(
        &mut self,
        seen: &Seen<'_>,
        spoken: Pair<bool>,
        cuts: impl Fn() -> Pair<bool>,
        last: Origin,
    ) {
        if let App::Asked(asked) = self.app {
            self.app = App::Http(Box::new(asked.into_exchange()));
        }
        if let App::Http(exchange) = &mut self.app {
            let mut events = Events::default();
            exchange.finish(last, spoken, &mut events);
            self.handle_events(events, seen);
        }
        self.decide(seen, true);
        if let (App::Frames(readers), Some(tracker)) = (&mut self.app, &mut self.tracker) {
            for end in End::BOTH {
                let side = tracker.side(end);
                let tail = readers[end].finish(&mut |item| tracker.handle_item(side, item));
                tracker.handle_tail(side, tail);
            }
            for end in End::BOTH {
                let side = tracker.side(end);
                if readers[end].is_compressed()
                    && tracker.may_have_failed(side.other(), cuts()[end.other()])
                    && let Some(inflated) = readers[end].inflated()
                {
                    tracker.handle_inflated(side, &inflated);
                }
            }
        }
    }
}
