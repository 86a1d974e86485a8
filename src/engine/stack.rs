//! One TCP connection with everything on top of it, and what it comes to.

use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::trace::Recording;
use super::upper::{App, Common, Rare, Seen, Upper};
use crate::capture::PacketId;
use crate::decode::{Flags, IcmpError, Segment, Tunnels};
use crate::flow::{End, FlowKey, Pair};
use crate::limits;
use crate::session::{Side, Tracker, Transport};
use crate::tcp::{Connection, Handled};
use crate::time::Timestamp;
use crate::tls::{Keyring, Sealed, TlsConnection, Unread};

/// A connection with everything on top of it.
#[derive(Debug)]
pub(super) struct Stack {
    tcp: Connection,
    upper: Upper,
    /// How many packets the capture had before its first one.
    ordinal: u64,
    /// Outermost VLAN of its first packet.
    vlan: Option<u16>,
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

impl Stack {
    /// One above this connection, which began with the packet behind `ordinal` others.
    #[inline]
    pub(super) fn new(
        tcp: Connection,
        ordinal: u64,
        (vlan, tunnel): (Option<u16>, Tunnels),
    ) -> Box<Self> {
        let rare = (!tunnel.is_empty()).then(|| {
            Box::new(Rare {
                tunnel,
                ..Rare::default()
            })
        });
        // Written where it is to stay, not moved there.
        Box::write(
            Box::new_uninit(),
            Self {
                tcp,
                upper: Upper {
                    tls: None,
                    app: App::Undecided,
                    tracker: None,
                    rare,
                    prefixes_left: limits::MAX_PREFIXES,
                    is_reused: false,
                },
                ordinal,
                vlan,
                is_watched: false,
                is_keyless: false,
                trace: None,
            },
        )
    }

    /// It carries nothing of ours, and nothing is left to be told of it.
    pub(super) fn is_passing(&self, common: &Common) -> bool {
        let is_nothing = match &self.upper.tls {
            None => matches!(self.upper.app, App::Other),
            Some(tls) => tls.is_opaque() && !common.keys.tells_opaque,
        };
        is_nothing
            && self.upper.tracker.is_none()
            && !self.upper.has_earlier()
            && !self.upper.has_no_tunnel()
    }

    pub(super) fn tcp(&self) -> &Connection {
        &self.tcp
    }

    /// What its sessions are known by.
    pub(super) fn name(&self, key: FlowKey) -> Name {
        let tunnel = self.upper.rare.as_ref().map(|rare| rare.tunnel);
        Name {
            key,
            ordinal: self.ordinal,
            vlan: self.vlan,
            tunnel: tunnel.unwrap_or_default(),
        }
    }

    /// Takes a segment, sent by `from`, that is what was expected next in an open WebSocket of
    /// which nothing is missing. Such a one ends nothing, and nothing of it waits. False where it
    /// is another, with which nothing was done.
    // Always: the segment need not lie in memory for it.
    #[inline(always)]
    pub(super) fn handle_expected(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
    ) -> bool {
        let Self { tcp, upper, .. } = self;
        let Some((readers, tracker)) = upper.bare_frames() else {
            return false;
        };
        if readers.a.is_seeking() || readers.b.is_seeking() {
            return false;
        }
        tcp.handle_expected(from, segment, packet, time, &mut |end, chunk| {
            let side = tracker.side(end);
            readers[end].handle_chunk(chunk, &mut |item| tracker.handle_item(side, item));
        })
    }

    /// Takes one segment, sent by `from`.
    pub(super) fn handle_segment(
        &mut self,
        from: End,
        segment: &Segment<'_>,
        packet: PacketId,
        time: Timestamp,
        common: &mut Common,
    ) -> Handled {
        let Self { tcp, upper, .. } = self;
        if let Some((readers, tracker)) = upper.bare_frames() {
            return tcp.handle_any(from, segment, packet, time, &mut |end, chunk| {
                let side = tracker.side(end);
                readers[end].handle_chunk(chunk, &mut |item| tracker.handle_item(side, item));
            });
        }
        let Common { keys, settings } = common;
        let seen = Seen::of(settings, tcp, Some(from), segment.flags.has(Flags::SYN));
        tcp.handle_segment(from, segment, packet, time, &mut |end, chunk| {
            upper.handle_chunk(end, chunk, &seen, keys)
        })
    }

    /// The connection is over, but for packets that come late.
    pub(super) fn settle(&mut self) {
        let is_whole = |end| {
            let stream = self.tcp.stream(end);
            let fin = self.tcp.fin(end);
            !stream.has_hole() && fin.is_none_or(|fin| fin.offset <= stream.next())
        };
        if End::BOTH.into_iter().all(is_whole) {
            self.upper.settle(cuts(&self.tcp));
        }
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

    /// Bytes may wait for others; an open WebSocket of which nothing is missing holds none.
    pub(super) fn may_hold(&self) -> bool {
        let is_settled = match &self.upper.app {
            App::Frames(readers) => !readers.a.is_seeking() && !readers.b.is_seeking(),
            App::Other => true,
            App::Undecided | App::Asked(_) | App::Http(_) | App::Unknown(_) => false,
        };
        !is_settled || self.upper.tls.is_some() || self.tcp.has_hole()
    }

    /// Memory held by bytes that wait for others.
    pub(super) fn held_bytes(&self) -> usize {
        let kept = match &self.upper.app {
            App::Http(exchange) => exchange.kept_bytes(),
            App::Unknown(searches) => searches.a.kept_bytes() + searches.b.kept_bytes(),
            App::Frames(readers) => readers.a.kept_bytes() + readers.b.kept_bytes(),
            App::Undecided | App::Asked(_) | App::Other => 0,
        };
        let sealed = self.upper.tls.as_ref().map_or(0, |tls| tls.held_bytes());
        self.tcp.held_bytes() + sealed + kept
    }

    /// Waits no longer: what is missing stays missing.
    pub(super) fn stop_waiting(&mut self, common: &mut Common) {
        let Self { tcp, upper, .. } = self;
        let Common { keys, settings } = common;
        let seen = Seen::of(settings, tcp, None, false);
        tcp.abandon_holes(&mut |end, chunk| upper.handle_chunk(end, chunk, &seen, keys));
        upper.resume_tls(&seen, keys, true);
        if let Some(tls) = &mut upper.tls {
            tls.forget();
        }
        match &mut upper.app {
            App::Http(exchange) => exchange.forget(),
            App::Unknown(searches) => End::BOTH.iter().for_each(|&end| searches[end].forget()),
            App::Frames(readers) => End::BOTH.iter().for_each(|&end| readers[end].forget()),
            App::Undecided | App::Asked(_) | App::Other => {}
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
    pub(super) fn resume(&mut self, common: &mut Common, give_up: bool) -> bool {
        let Self { tcp, upper, .. } = self;
        let Common { keys, settings } = common;
        let seen = Seen::of(settings, tcp, None, false);
        upper.resume_tls(&seen, keys, give_up)
    }

    /// A session is open.
    pub(super) fn is_open(&self) -> bool {
        let tracker = self.upper.tracker.as_ref();
        tracker.is_some_and(|tracker| tracker.opened().is_some())
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
    pub(super) fn seal_as(&self, client: End, mut sealed: Sealed, story: bool) -> Tracker {
        let mut tracker = Tracker::new(client, self.tcp.first(), story);
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
        Some(key.address(self.tls_end()?))
    }

    /// The end that answered in TLS.
    pub(super) fn tls_end(&self) -> Option<End> {
        self.upper.tls.as_ref()?.server()
    }

    /// The name that the client of TLS asked for.
    pub(super) fn sni(&self) -> Option<&str> {
        self.upper.tls.as_ref()?.sni()
    }

    /// The session that is under way.
    pub(super) fn tracker(&self) -> Option<&Tracker> {
        self.upper.tracker.as_ref()
    }

    /// A copy of it, with all that is known around it.
    pub(super) fn described(&self) -> Option<Tracker> {
        let mut tracker = self.upper.tracker.clone()?;
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
    pub(super) fn take_refused(&mut self) -> Option<Tracker> {
        let mut tracker = self.upper.tracker.take()?;
        self.upper.is_reused = true;
        self.upper.describe(&mut tracker);
        tracker.superseded = true;
        Some(tracker)
    }

    /// It was told: packets that come late mean nothing any more.
    pub(super) fn retire(&mut self) {
        self.upper.app = App::Other;
        self.upper.tracker = None;
        // What it could not read is counted by now.
        self.upper.tls = None;
        self.upper.set_no_tunnel(None);
    }

    /// The connection is over, or the capture is.
    pub(super) fn finish(&mut self, common: &mut Common) {
        let Self { tcp, upper, .. } = self;
        let Common { keys, settings } = common;
        let seen = Seen::of(settings, tcp, None, false);
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
                && !upper.tracker.as_ref().is_some_and(begins_before)
                && !upper.tls.as_deref().is_some_and(is_dark)
        };
        let spoken = Pair {
            a: has_spoken(End::A),
            b: has_spoken(End::B),
        };
        upper.finish(&seen, spoken, || cuts(tcp), tcp.last());
        if upper.tracker.is_none() {
            upper.tracker = upper.unconnected(&seen);
        }
        upper.describe_own();
    }

    /// What it carried, once that is over.
    pub(super) fn finished(&mut self) -> Option<(&mut Tracker, &Connection)> {
        Some((self.upper.tracker.as_mut()?, &self.tcp))
    }
}

/// Whether each end may have cut the connection: it ended TCP before the other did, or the capture
/// lacks bytes of it, and with them perhaps its end.
fn cuts(tcp: &Connection) -> Pair<bool> {
    let ending = |end| {
        let signals = [tcp.fin(end), tcp.rst(end)].into_iter().flatten();
        signals.map(|signal| signal.origin.packet).min()
    };
    let may_have_cut = |end: End| {
        let is_partly_known = !tcp.has_seen(end) || tcp.stream(end).lost() != (0, 0);
        let is_first = |own| ending(end.other()).is_none_or(|other| own <= other);
        is_partly_known || ending(end).is_some_and(is_first)
    };
    Pair {
        a: may_have_cut(End::A),
        b: may_have_cut(End::B),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::Reader;

    /// What is there for each open WebSocket, texts and what its ends did besides.
    #[test]
    fn an_open_websocket_takes_little() {
        let sizes = [
            size_of::<Stack>(),
            size_of::<Tracker>(),
            size_of::<Pair<Reader>>(),
        ];
        assert!(
            sizes[0] <= 792 && sizes[1] <= 376 && sizes[2] <= 80,
            "{sizes:?}"
        );
    }
}
