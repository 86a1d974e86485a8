//! The layers over one TCP connection, stacked: HTTP until the WebSocket begins, then frames.

use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::trace::Recording;
use crate::capture::PacketId;
use crate::decode::{Flags, IcmpError, Segment, Tunnels};
use crate::flow::{End, FlowKey, Pair};
use crate::http::{Event, Exchange, Halves, NoTunnel, Prefix, Sight, looks_like};
use crate::limits;
use crate::session::{Side, Tracker, Transport};
use crate::tcp::{Chunk, Connection, Handled, Origin, Waiting};
use crate::time::Timestamp;
use crate::tls::{Keyring, Sealed, TlsConnection, Unread, alert_in};
use crate::ws::{Found, Reader, Search, Windows};

/// What a connection carries, as far as is known.
#[derive(Debug)]
pub(super) enum App {
    /// No byte seen yet.
    Undecided,
    /// HTTP/1.1.
    Http(Box<Exchange>),
    /// The beginning is missing: WebSocket frames, perhaps.
    Unknown(Box<Pair<Search>>),
    /// WebSocket frames.
    Frames(Box<Pair<Reader>>),
    /// Nothing that concerns us: its bytes are not looked at.
    Other,
}

/// What all connections of a share have in common.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Keep the events of sessions.
    pub(super) story: bool,
    /// Room to inflate compressed messages in.
    pub(super) windows: Windows,
}

/// A connection with everything on top of it.
#[derive(Debug)]
pub(super) struct Stack {
    tcp: Connection,
    upper: Upper,
    /// How many packets the capture had before its first one.
    ordinal: u64,
    /// Outermost VLAN of its first packet.
    vlan: Option<u16>,
    /// Tunnels around its first packet, where there are any.
    tunnel: Option<Box<Tunnels>>,
    /// Somebody waits for it to be over.
    pub(super) is_watched: bool,
    /// Somebody looks for its secrets.
    pub(super) is_keyless: bool,
    /// Its packets, where they are recorded.
    pub(super) trace: Option<Box<Recording>>,
}

/// How near its end a connection with a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verge {
    /// Nothing tells of an end, or there is no session.
    None,
    /// It has ended.
    Over,
    /// Some of what makes an end is there.
    HalfOver,
    /// What one end repeats is not answered.
    Unheard,
    /// The opening was refused; the connection may go on.
    Refused,
}

/// The part above TCP: apart, so that TCP can hand its chunks to it.
#[derive(Debug)]
pub(super) struct Upper {
    /// What a proxy put before everything else, while it lasts.
    pub(super) prefix: Option<Box<Prefix>>,
    /// Where it is TLS, `app` is what its plaintext carries.
    pub(super) tls: Option<Box<TlsConnection>>,
    pub(super) app: App,
    pub(super) tracker: Option<Box<Tracker>>,
    pub(super) rare: Option<Box<Rare>>,
    /// How many prefixes there may be yet.
    pub(super) prefixes_left: u8,
    /// An attempt on this connection was told before its end.
    is_reused: bool,
    pub(super) settings: Settings,
}

/// What few connections have, apart so that the others touch less memory.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// Offsets behind what proxies put first.
    pub(super) begins: Pair<u64>,
    /// In TLS: what is missing before the first plaintext of an end.
    pub(super) first_gaps: Pair<Option<(u64, Origin)>>,
    /// Opening attempts on this connection that were followed by another request.
    earlier: Vec<Tracker>,
    /// A proxy would not open a tunnel.
    pub(super) no_tunnel: Option<NoTunnel>,
    /// What is there of the opening, should frames show that it was one.
    halves: Option<Box<Halves>>,
    /// Bytes that are missing before anything came that says what this is.
    missed: Pair<Waiting>,
}

impl Stack {
    pub(super) fn new(
        packet: PacketId,
        time: Timestamp,
        ordinal: u64,
        (vlan, tunnel): (Option<u16>, Tunnels),
        settings: Settings,
    ) -> Self {
        Self {
            tcp: Connection::new(packet, time),
            upper: Upper {
                prefix: None,
                tls: None,
                app: App::Undecided,
                tracker: None,
                rare: None,
                prefixes_left: limits::MAX_PREFIXES,
                is_reused: false,
                settings,
            },
            ordinal,
            vlan,
            tunnel: (!tunnel.is_empty()).then(|| Box::new(tunnel)),
            is_watched: false,
            is_keyless: false,
            trace: None,
        }
    }

    /// It carries nothing of ours, and nothing is left to be told of it.
    pub(super) fn is_passing(&self) -> bool {
        // TLS that cannot be read is counted at its end.
        matches!(self.upper.app, App::Other)
            && self.upper.tls.is_none()
            && self.upper.tracker.is_none()
            && !self.upper.has_earlier()
            && !self.upper.has_no_tunnel()
    }

    pub(super) fn tcp(&self) -> &Connection {
        &self.tcp
    }

    /// What its sessions are known by.
    pub(super) fn name(&self, key: FlowKey) -> Name {
        Name {
            key,
            ordinal: self.ordinal,
            vlan: self.vlan,
            tunnel: self.tunnel.as_deref().copied().unwrap_or_default(),
        }
    }

    /// Takes one segment, sent by `from`.
    pub(super) fn handle_segment(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
        keys: &mut Keyring,
    ) -> Handled {
        let Self { tcp, upper, .. } = self;
        if let Some((readers, tracker)) = upper.bare_frames() {
            return tcp.handle_segment(from, segment, packet, time, &mut |end, chunk| {
                let side = tracker.side(end);
                readers[end].handle_chunk(chunk, &mut |item| tracker.handle_item(side, item));
            });
        }
        let seen = Seen::of(tcp, Some(from), segment.flags.has(Flags::SYN));
        tcp.handle_segment(from, segment, packet, time, &mut |end, chunk| {
            upper.handle_chunk(end, chunk, &seen, keys)
        })
    }

    /// Takes an ICMP error about a segment of `from`.
    pub(super) fn handle_icmp(
        &mut self,
        from: End,
        error: &IcmpError,
        packet: PacketId,
        time: Timestamp,
    ) {
        self.tcp.handle_icmp(from, error, packet, time);
    }

    /// Memory held by bytes that wait for others.
    pub(super) fn held_bytes(&self) -> usize {
        let kept = match &self.upper.app {
            App::Http(exchange) => exchange.kept_bytes(),
            App::Unknown(searches) => searches.a.kept_bytes() + searches.b.kept_bytes(),
            App::Frames(readers) => readers.a.kept_bytes() + readers.b.kept_bytes(),
            App::Undecided | App::Other => 0,
        };
        let sealed = self.upper.tls.as_ref().map_or(0, |tls| tls.held_bytes());
        self.tcp.held_bytes() + sealed + kept
    }

    /// Waits no longer: what is missing stays missing.
    pub(super) fn stop_waiting(&mut self, keys: &mut Keyring) {
        let Self { tcp, upper, .. } = self;
        let seen = Seen::of(tcp, None, false);
        tcp.abandon_holes(&mut |end, chunk| upper.handle_chunk(end, chunk, &seen, keys));
        upper.resume_tls(&seen, keys, true);
        if let Some(tls) = &mut upper.tls {
            tls.forget();
        }
        match &mut upper.app {
            App::Http(exchange) => exchange.forget(),
            App::Unknown(searches) => End::BOTH.iter().for_each(|&end| searches[end].forget()),
            App::Frames(readers) => End::BOTH.iter().for_each(|&end| readers[end].forget()),
            App::Undecided | App::Other => {}
        }
    }

    /// Why its TLS could not be read, if so.
    pub(super) fn unread(&self) -> Option<Unread> {
        self.upper.tls.as_ref()?.unread()
    }

    /// A session may still be told of it.
    pub(super) fn may_tell(&self) -> bool {
        let is_dark = |tls: &TlsConnection| tls.is_given_up();
        !self.is_done() && !self.upper.tls.as_deref().is_some_and(is_dark)
    }

    /// What it holds of TLS waits for secrets.
    pub(super) fn awaits_secrets(&self) -> bool {
        let tls = self.upper.tls.as_deref();
        tls.is_some_and(TlsConnection::awaits_secrets)
    }

    /// Reads what waited for secrets, where they are there by now; `give_up`: in any case.
    /// Returns whether nothing waits any more.
    pub(super) fn resume(&mut self, keys: &mut Keyring, give_up: bool) -> bool {
        let Self { tcp, upper, .. } = self;
        let seen = Seen::of(tcp, None, false);
        upper.resume_tls(&seen, keys, give_up)
    }

    /// A session is open.
    pub(super) fn is_open(&self) -> bool {
        let tracker = self.upper.tracker.as_ref();
        tracker.is_some_and(|tracker| tracker.opened.is_some())
    }

    /// What opens its TLS, as the text of a key log.
    pub(super) fn secrets(&self, keys: &Keyring) -> Option<Zeroizing<Vec<u8>>> {
        self.upper.tls.as_deref()?.secrets(&keys.secrets)
    }

    /// What its TLS shows, where nothing of it was read.
    pub(super) fn sealed(&self) -> Option<Sealed> {
        self.upper.tls.as_ref()?.sealed()
    }

    /// A session that tells of its TLS only.
    pub(super) fn seal_as(&self, client: End, mut sealed: Sealed) -> Box<Tracker> {
        let mut tracker = Box::new(Tracker::new(
            client,
            self.tcp.first(),
            self.upper.settings.story,
        ));
        self.upper.describe(&mut tracker);
        sealed.client = Some(client);
        tracker.handle_sealed(sealed);
        tracker
    }

    /// Opening attempts are over while the connection goes on.
    pub(super) fn has_earlier(&self) -> bool {
        self.upper.has_earlier()
    }

    /// Takes them.
    pub(super) fn take_earlier(&mut self) -> Vec<Tracker> {
        if !self.upper.has_earlier() {
            return Vec::new();
        }
        let mut earlier = std::mem::take(&mut self.upper.rare().earlier);
        for tracker in &mut earlier {
            self.upper.describe(tracker);
            tracker.superseded = true;
        }
        earlier
    }

    /// A session is under way.
    pub(super) fn has_session(&self) -> bool {
        self.upper.tracker.is_some()
    }

    /// The server that its session was asked of, and how.
    pub(super) fn server(&self, key: &FlowKey) -> Option<(SocketAddr, Transport)> {
        let client = self.upper.tracker.as_ref()?.client;
        let server = client.other();
        let transport = match self.upper.tls {
            Some(_) => Transport::Wss,
            None => Transport::Ws,
        };
        self.tcp
            .has_seen(server)
            .then(|| (key.address(server), transport))
    }

    /// The server that answered in TLS.
    pub(super) fn tls_server(&self, key: &FlowKey) -> Option<SocketAddr> {
        let tls = self.upper.tls.as_ref()?;
        tls.version()?;
        Some(key.address(tls.client()?.other()))
    }

    /// The name that the client of TLS asked for.
    pub(super) fn sni(&self) -> Option<&str> {
        self.upper.tls.as_ref()?.sni()
    }

    /// The session that is under way.
    pub(super) fn tracker(&self) -> Option<&Tracker> {
        self.upper.tracker.as_deref()
    }

    /// A copy of it, with all that is known around it.
    pub(super) fn described(&self) -> Option<Tracker> {
        let mut tracker = self.upper.tracker.as_deref()?.clone();
        self.upper.describe(&mut tracker);
        Some(tracker)
    }

    /// There is TLS between TCP and it.
    pub(super) fn is_tls(&self) -> bool {
        self.upper.tls.is_some()
    }

    /// Keeps no more than so many events of its story.
    pub(super) fn shorten_story(&mut self, most: usize) {
        if let Some(tracker) = &mut self.upper.tracker {
            tracker.shorten_story(most);
        }
    }

    /// Nothing more is expected of it but late packets.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.upper.app, App::Other) && self.upper.tracker.is_none()
    }

    /// How near its end it is; asked for after every packet.
    pub(super) fn verge(&self) -> Verge {
        if self.is_done() {
            return Verge::None;
        }
        let tcp = &self.tcp;
        if tcp.is_over() {
            return Verge::Over;
        }
        let Some(tracker) = &self.upper.tracker else {
            return Verge::None;
        };
        if tracker.is_refused() {
            return Verge::Refused;
        }
        let unheard = |end| {
            tcp.resend(end)
                .is_some_and(|resend| limits::UNHEARD_TIMES <= resend.times)
        };
        if End::BOTH.into_iter().any(unheard) {
            Verge::Unheard
        } else if End::BOTH.into_iter().any(|end| tcp.fin(end).is_some()) || tracker.has_close() {
            Verge::HalfOver
        } else {
            Verge::None
        }
    }

    /// The refused attempt; the connection goes on without it.
    pub(super) fn take_refused(&mut self) -> Option<Box<Tracker>> {
        let mut tracker = self.upper.tracker.take()?;
        self.upper.is_reused = true;
        self.upper.describe(&mut tracker);
        tracker.superseded = true;
        Some(tracker)
    }

    /// It was told: packets that come late mean nothing any more.
    pub(super) fn retire(&mut self) {
        self.upper.app = App::Other;
        // What it could not read is counted by now.
        self.upper.tls = None;
        self.upper.set_no_tunnel(None);
    }

    /// The connection is over, or the capture is: what it carried.
    pub(super) fn finish(&mut self, keys: &mut Keyring) -> Option<Box<Tracker>> {
        let Self { tcp, upper, .. } = self;
        let seen = Seen::of(tcp, None, false);
        tcp.finish(&mut |end, chunk| upper.handle_chunk(end, chunk, &seen, keys));
        upper.resume_tls(&seen, keys, true);
        upper.finish_tls(&seen);
        // Nothing of an end is known to be missing before what there is of it. How much of what
        // TLS lost was data, nobody knows.
        let has_spoken = |end| {
            let stream = tcp.stream(end);
            let has_begun = tcp.has_seen(end) && (stream.is_from_syn() || stream.next() > 0);
            let is_dark = |tls: &TlsConnection| tls.plain_next(end) == 0 && stream.lost() != (0, 0);
            // What follows the request begins before anything that the capture has of this end.
            let begins_before = |tracker: &Tracker| {
                tracker.side(end) == Side::Server
                    && !stream.is_from_syn()
                    && (tracker.heard_before).is_some_and(|ack| stream.offset(ack) < 0)
            };
            has_begun
                && !upper.tracker.as_deref().is_some_and(begins_before)
                && !upper.tls.as_deref().is_some_and(is_dark)
        };
        let spoken = Pair {
            a: has_spoken(End::A),
            b: has_spoken(End::B),
        };
        upper.finish(&seen, spoken, tcp.last());
        let mut tracker = match upper.tracker.take() {
            Some(tracker) => tracker,
            None => upper.unconnected(seen.first)?,
        };
        upper.describe(&mut tracker);
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

/// What the layers above need to know of the connection below.
pub(super) struct Seen {
    pub(super) first: Origin,
    /// The capture holds packets of this end.
    pub(super) ends: Pair<bool>,
    /// It holds this end's SYN.
    pub(super) from_syn: Pair<bool>,
    /// Bytes of this end wait behind a hole.
    pub(super) waits: Pair<bool>,
}

impl Seen {
    /// As of a packet of `from`, which may be the SYN.
    fn of(tcp: &Connection, from: Option<End>, syn: bool) -> Self {
        let is_from = |end| from == Some(end);
        let ends = |end| tcp.has_seen(end) || is_from(end);
        let from_syn = |end| tcp.stream(end).is_from_syn() || is_from(end) && syn;
        Self {
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

    fn has_earlier(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| !rare.earlier.is_empty())
    }

    /// Who reads what TCP carries, once that is frames and not wrapped in anything: they take it
    /// as it comes, with no look at the rest.
    fn bare_frames(&mut self) -> Option<(&mut Pair<Reader>, &mut Tracker)> {
        match (&mut self.app, &mut self.tracker, &self.tls) {
            (App::Frames(readers), Some(tracker), None) => Some((readers, tracker)),
            _ => None,
        }
    }

    fn has_no_tunnel(&self) -> bool {
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

    pub(super) fn handle_plain(&mut self, end: End, chunk: Chunk<'_>, seen: &Seen) {
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
                let sight = Sight {
                    peer_seen: seen.ends[end.other()],
                    whole: seen.from_syn[end],
                    peer_whole: seen.from_syn[end.other()],
                    peer_waits: seen.waits[end.other()],
                };
                exchange.handle_chunk(end, chunk, sight, &mut events);
                self.handle_events(events, seen.first);
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
                self.decide(seen.first, false);
            }
            // Nothing is known of what the missing bytes were part of.
            App::Undecided if matches!(chunk, Chunk::Gap { .. }) && !seen.from_syn[end] => {
                self.rare().missed[end].push(chunk);
            }
            App::Undecided => {
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

    /// Frames without an opening: a WebSocket where one direction is masked and the other is
    /// not, or does not contradict.
    fn decide(&mut self, first: Origin, is_over: bool) {
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
            self.open_unseen(client, first);
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
    fn open_unseen(&mut self, client: End, first: Origin) {
        let mut tracker = Box::new(Tracker::new(client, first, self.settings.story));
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
                search.into_reader(side, compression, &self.settings.windows, &mut |item| {
                    tracker.handle_item(side, item)
                })
            };
            self.app = App::Frames(Box::new(Pair {
                a: read(End::A, a),
                b: read(End::B, b),
            }));
        }
        self.tracker = Some(tracker);
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
                    let is_first = self.tracker.is_none() && !self.has_earlier();
                    let begin = if is_first && !self.is_reused {
                        first
                    } else {
                        origin
                    };
                    if let Some(earlier) = self.tracker.take() {
                        self.rare().earlier.push(*earlier);
                    }
                    let mut tracker = Box::new(Tracker::new(client, begin, self.settings.story));
                    tracker.handle_request(request, origin);
                    self.tracker = Some(tracker);
                }
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
                } => {
                    let story = self.settings.story;
                    let tracker = self
                        .tracker
                        .get_or_insert_with(|| Box::new(Tracker::new(client, first, story)));
                    tracker.handle_opened(response.as_deref(), origin);
                    self.begin_frames();
                }
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

    fn begin_frames(&mut self) {
        let Some(tracker) = &mut self.tracker else {
            return;
        };
        // Behind a head that the capture lost, messages may have begun too.
        let reader = |end| {
            let side = tracker.side(end);
            let mut reader = Reader::new(side, tracker.compression(), &self.settings.windows);
            if !tracker.has_head(side) {
                reader.begin_unknown();
            }
            reader
        };
        let mut readers = Box::new(Pair {
            a: reader(End::A),
            b: reader(End::B),
        });
        if let App::Http(mut exchange) = std::mem::replace(&mut self.app, App::Undecided) {
            exchange.drain(|end, chunk| {
                let side = tracker.side(end);
                readers[end].handle_chunk(chunk, &mut |item| tracker.handle_item(side, item));
            });
        }
        self.app = App::Frames(readers);
    }

    fn finish(&mut self, seen: &Seen, spoken: Pair<bool>, last: Origin) {
        if let App::Http(exchange) = &mut self.app {
            let mut events = Vec::new();
            exchange.finish(last, spoken, &mut events);
            self.handle_events(events, seen.first);
        }
        self.decide(seen.first, true);
        if let (App::Frames(readers), Some(tracker)) = (&mut self.app, &mut self.tracker) {
            for end in End::BOTH {
                let side = tracker.side(end);
                let tail = readers[end].finish(&mut |item| tracker.handle_item(side, item));
                tracker.handle_tail(side, tail, readers[end].inflated());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is there for each open WebSocket, texts and what its ends did besides.
    #[test]
    fn an_open_websocket_takes_little() {
        let sizes = [
            size_of::<Stack>(),
            size_of::<Tracker>(),
            size_of::<Pair<Reader>>(),
        ];
        assert!(
            sizes[0] <= 424 && sizes[1] <= 520 && sizes[2] <= 240,
            "{sizes:?}"
        );
    }
}
