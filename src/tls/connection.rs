//! Both directions of a TLS connection: ciphertext in, plaintext out.

use std::fmt;
use std::num::NonZeroU64;

use zeroize::Zeroizing;

use super::guard::Proven;
use super::handshake::{Handshake, Heard, Keys};
use super::lane::{Found, Hole, Lane, Next};
use super::messages::SERVER_HELLO;
use super::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, HEADER_LEN, Header};
use super::sealed::Outside;
use super::{Alert, Keyring, Sealed, Secrets, TlsItem, Unread};
use crate::flow::{End, Pair};
use crate::limits;
use crate::tcp::{Chunk, Origin};

type Out<'o> = dyn FnMut(End, TlsItem<'_>) + 'o;

/// A TLS connection.
#[derive(Default)]
pub struct TlsConnection {
    handshake: Handshake,
    lanes: Pair<Lane>,
    records: u64,
    outside: Outside,
    unread: Option<Unread>,
    lacks_secrets: bool,
    /// Secrets may still come: nothing of what follows the hellos is read before. The server.
    awaits: Option<End>,
    /// They were waited for in vain.
    is_resigned: bool,
    /// The client's part of the key exchange may lead to them.
    awaits_premaster: bool,
    /// It cannot be read: nothing is kept for it any more.
    is_freed: bool,
}

impl fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnection")
            .field("handshake", &self.handshake)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

/// A record and its place in the TCP stream.
#[derive(Clone, Copy)]
struct Place {
    start: u64,
    end: u64,
    origin: Origin,
}

impl Place {
    fn new(start: u64, len: usize, origin: Origin) -> Self {
        let end = start.saturating_add(len as u64);
        let origin = Origin {
            record_end: NonZeroU64::new(end),
            ..origin
        };
        Self { start, end, origin }
    }
}

impl TlsConnection {
    /// One whose handshake was before the capture.
    pub fn midway() -> Self {
        Self {
            unread: Some(Unread::NoHello),
            ..Self::default()
        }
    }

    /// The end that sent the ClientHello.
    pub const fn client(&self) -> Option<End> {
        self.handshake.client
    }

    /// The name of the version agreed on: `TLS 1.3`.
    pub fn version(&self) -> Option<&'static str> {
        self.handshake.version()
    }

    /// The cipher suite agreed on, by its name in IANA's registry, or else its number.
    pub fn cipher_suite(&self) -> Option<String> {
        self.handshake.cipher_suite()
    }

    /// The name of the server that the client asked for. Hostile, as sent.
    pub fn sni(&self) -> Option<&str> {
        self.handshake.sni()
    }

    /// The protocol agreed on. Hostile, as sent.
    pub fn alpn(&self) -> Option<&str> {
        self.handshake.alpn()
    }

    /// Records seen.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Where plaintext of an end goes on: how much there was, with what is missing.
    pub fn plain_next(&self, end: End) -> u64 {
        self.lanes[end].plain_next
    }

    /// Why it cannot be read, or not wholly; `None` where nothing is in the way.
    pub fn unread(&self) -> Option<Unread> {
        if let Some(unread) = self.unread {
            return Some(unread);
        }
        if self.lacks_secrets || self.awaits.is_some() {
            return Some(Unread::NoKey);
        }
        let tried = |&end: &End| self.lanes[end].guard.unopened() > 0;
        (!self.has_opened() && End::BOTH.iter().any(tried)).then_some(Unread::WrongKey)
    }

    /// It cannot be read, and nothing can change that.
    pub const fn is_given_up(&self) -> bool {
        self.unread.is_some()
    }

    /// The secrets there are of it, as the text of a key log.
    pub fn secrets(&self, secrets: &Secrets) -> Option<Zeroizing<Vec<u8>>> {
        secrets.text_of(self.handshake.client_random()?)
    }

    /// Memory held by bytes that wait for others.
    pub fn held_bytes(&self) -> usize {
        let Pair { a, b } = &self.lanes;
        a.held_bytes() + b.held_bytes()
    }

    /// Waits no longer for what is missing.
    pub fn forget(&mut self) {
        for end in End::BOTH {
            let lane = &mut self.lanes[end];
            if lane.is_blocked {
                // What it waits for are the keys.
                self.unread = Some(Unread::NoHello);
            }
            if lane.hole.is_some() {
                let begun = lane.take_begun().len() as u64;
                if let Some(hole) = &mut lane.hole {
                    hole.lost = hole.lost.saturating_add(begun);
                }
            }
        }
        self.free_if_unread();
    }

    fn free_if_unread(&mut self) {
        if self.unread.is_some() && !self.is_freed {
            self.is_freed = true;
            self.lanes = Pair::default();
        }
    }

    /// Takes the next chunk that `from` sent, of the TCP stream.
    pub fn handle_chunk(
        &mut self,
        from: End,
        chunk: Chunk<'_>,
        keys: &mut Keyring,
        out: &mut Out<'_>,
    ) {
        self.outside.take(from, chunk, &self.handshake);
        self.take(from, chunk, keys, out);
        for end in [from.other(), from] {
            if self.lanes[end].is_blocked && !self.must_wait(end) {
                self.lanes[end].is_blocked = false;
                let mut waiting = std::mem::take(&mut self.lanes[end].waiting);
                waiting.drain(|chunk| self.take(end, chunk, keys, out));
            }
        }
        self.free_if_unread();
    }

    /// It waits for its secrets.
    pub const fn awaits_secrets(&self) -> bool {
        self.awaits.is_some()
    }

    /// Where it waits for secrets, and they are there now: reads what waited. `give_up`: goes on
    /// with what there is. Returns whether it waits no longer.
    pub fn resume(&mut self, keys: &mut Keyring, give_up: bool, out: &mut Out<'_>) -> bool {
        let Some(server) = self.awaits else {
            return true;
        };
        if !give_up && !self.handshake.has_all_secrets(&keys.secrets) {
            return false;
        }
        self.awaits = None;
        self.is_resigned = give_up;
        self.install(server, &keys.secrets);
        let [a, b] = End::BOTH.map(|end| {
            self.lanes[end].is_blocked = false;
            std::mem::take(&mut self.lanes[end].waiting)
        });
        if self.unread.is_none() {
            a.merge(b, |is_b, chunk| {
                let end = if is_b { End::B } else { End::A };
                self.take(end, chunk, keys, out);
            });
        }
        self.free_if_unread();
        true
    }

    /// What it shows where nothing of it was read; `None` where something was, or it is no TLS.
    pub fn sealed(&self) -> Option<Sealed> {
        self.outside.sealed(&self.handshake, self.unread())
    }

    /// No more bytes will come: tells of those that could not be read, or that are missing with
    /// nothing found behind them. Handshake messages may be among them.
    pub fn finish(&mut self, out: &mut Out<'_>) {
        if !self.has_opened() {
            return;
        }
        for end in End::BOTH {
            let lane = &mut self.lanes[end];
            if let Some(hole) = lane.hole.take() {
                let begun = lane.take_begun().len() as u64;
                lane.darken(hole.lost.saturating_add(begun), hole.origin);
            }
            let passed = lane.guard.take_passed(u64::MAX);
            let dark = lane.dark.saturating_add(passed);
            if let Some(origin) = lane.darkened.filter(|_| dark > 0) {
                self.lose(end, dark, 1, origin, out);
            }
        }
    }

    /// What this direction says can only be read once the other has said something.
    fn must_wait(&self, end: End) -> bool {
        if self.unread.is_some() {
            return false;
        }
        if self.awaits.is_some() {
            return true;
        }
        match self.handshake.client {
            Some(client) if client != end => false,
            _ => !self.handshake.is_agreed(),
        }
    }

    fn take(&mut self, from: End, chunk: Chunk<'_>, keys: &mut Keyring, out: &mut Out<'_>) {
        let lane = &mut self.lanes[from];
        if self.unread.is_some() {
            return;
        }
        if lane.is_over {
            match chunk {
                Chunk::Data { bytes, origin, .. } => lane.darken(bytes.len() as u64, origin),
                Chunk::Gap { len, origin, .. } => lane.darken(len, origin),
            }
            return;
        }
        if lane.is_blocked {
            lane.waiting.push(chunk);
            return;
        }
        match chunk {
            Chunk::Data {
                offset,
                bytes,
                origin,
            } => self.take_data(from, offset, bytes, origin, keys, out),
            Chunk::Gap { len, origin, .. } => {
                self.take_gap(from, chunk, len, origin, &keys.secrets, out)
            }
        }
    }

    fn take_data(
        &mut self,
        from: End,
        offset: u64,
        bytes: &[u8],
        origin: Origin,
        keys: &mut Keyring,
        out: &mut Out<'_>,
    ) {
        // Behind a hole, bytes that were kept come before the rest of the chunk.
        let mut kept = Vec::new();
        let (mut is_kept, mut at, mut offset) = (false, 0, offset);
        loop {
            let input = if is_kept { &kept[..] } else { bytes };
            let input = input.get(at..).unwrap_or_default();
            let lane = &mut self.lanes[from];
            if self.unread.is_some() || input.is_empty() {
                lane.release();
                return;
            }
            if lane.is_over {
                lane.darken(input.len() as u64, origin);
                return;
            }
            if lane.is_blocked {
                lane.waiting.push(Chunk::Data {
                    offset,
                    bytes: input,
                    origin,
                });
                return;
            }
            if lane.hole.is_some() {
                let before = lane.begun_len() as u64;
                match lane.search(input, &mut keys.scratch) {
                    Found::Nothing => return,
                    Found::Exhausted => {
                        lane.is_over = true;
                        return;
                    }
                    Found::Record(header, place, proven) => {
                        kept = lane.take_begun();
                        let start = offset.saturating_sub(before).saturating_add(place as u64);
                        let place_of = Place::new(start, header.total(), origin);
                        self.go_on(from, place as u64, proven, place_of, out);
                        self.handle_proven(from, proven, place_of, keys, out);
                        (is_kept, at) = (true, place + header.total());
                        offset = place_of.end;
                    }
                }
                continue;
            }
            match lane.next(input) {
                Next::More => return,
                Next::Skipped(len) => {
                    at += len;
                    offset = offset.saturating_add(len as u64);
                }
                Next::Here(header, range) => {
                    let place = Place::new(offset, header.total(), origin);
                    let body = input.get(range).unwrap_or_default();
                    self.handle_record(from, &header, body, place, keys, out);
                    at += header.total();
                    offset = place.end;
                }
                Next::Kept(header, used) => {
                    offset = offset.saturating_add(used as u64);
                    at += used;
                    let start = offset.saturating_sub(header.total() as u64);
                    let place = Place::new(start, header.total(), origin);
                    let record = lane.take_begun();
                    let body = record.get(HEADER_LEN..).unwrap_or_default();
                    self.handle_record(from, &header, body, place, keys, out);
                    // Where the next record begins already, it may lie in the same place.
                    if used < input.len() {
                        self.lanes[from].reuse(record);
                    }
                }
                Next::Broken if self.records == 0 => {
                    self.unread = Some(Unread::NotTls);
                    return;
                }
                Next::Broken => lane.hole = Some(Hole { lost: 0, origin }),
            }
        }
    }

    fn take_gap(
        &mut self,
        from: End,
        chunk: Chunk<'_>,
        len: u64,
        origin: Origin,
        secrets: &Secrets,
        out: &mut Out<'_>,
    ) {
        let must_wait = self.must_wait(from);
        let lane = &mut self.lanes[from];
        if let Some(mut hole) = lane.hole.take() {
            let begun = lane.take_begun().len() as u64;
            hole.lost = hole.lost.saturating_add(begun).saturating_add(len);
            hole.origin = origin;
            lane.hole = Some(hole);
            return;
        }
        if lane.skip > len {
            lane.skip -= len;
            return;
        }
        let beyond = len - lane.skip;
        let was_skipping = lane.skip > 0;
        lane.skip = 0;
        if was_skipping {
            if beyond > 0 {
                lane.hole = Some(Hole {
                    lost: beyond,
                    origin,
                });
            }
            return;
        }
        if must_wait
            && (self.handshake.client.is_none() || !lane.guard.has_keys())
            && lane.begun_len() == 0
        {
            if self.handshake.client.is_none() {
                // Without the ClientHello no secret can be found.
                self.unread = Some(Unread::NoHello);
            } else {
                lane.is_blocked = true;
                lane.waiting.push(chunk);
            }
            return;
        }
        let header = lane.under_way();
        let begun = lane.take_begun();
        if let Some(header) = header {
            let missing = (header.total() - begun.len().min(header.total())) as u64;
            if !lane.guard.is_on() && header.kind == HANDSHAKE {
                // The hello may stand before the hole.
                let body = begun.get(HEADER_LEN..).unwrap_or_default();
                self.read_messages(from, body, secrets);
                if let Some((kind, body)) = self.lanes[from].messages.cut() {
                    self.handle_message(from, kind, &body, secrets);
                }
            }
            if beyond <= missing {
                let lane = &mut self.lanes[from];
                lane.messages.cut();
                lane.skip = missing - beyond;
                lane.guard.pass(header.total() as u64);
                lane.darken(0, origin);
                let place = chunk.offset().saturating_add(missing);
                let origin = Origin {
                    record_end: NonZeroU64::new(place),
                    ..origin
                };
                if header.kind == APPLICATION_DATA && lane.guard.carries_data() {
                    self.lose(from, header.total() as u64, 1, origin, out);
                }
                return;
            }
        }
        let lane = &mut self.lanes[from];
        lane.messages.cut();
        lane.hole = Some(Hole {
            lost: (begun.len() as u64).saturating_add(beyond),
            origin,
        });
        if !self.handshake.is_agreed() && !must_wait && !self.guess(from, secrets) {
            self.unread = Some(Unread::NoHello);
        }
    }

    /// Behind a hole a record has proved itself: tells how much plaintext is missing.
    ///
    /// Records are numbered, so it is known how many are, and what each of them had around its
    /// plaintext. The figure is exact where all of them were application data without padding;
    /// otherwise it is too high.
    fn go_on(&mut self, from: End, before: u64, proven: Proven, place: Place, out: &mut Out<'_>) {
        let Some(hole) = self.lanes[from].hole.take() else {
            return;
        };
        let origin = Origin {
            record_end: NonZeroU64::new(place.start),
            ..hole.origin
        };
        if proven.skipped > 0 {
            let lost = hole.lost.saturating_add(before);
            self.lose(from, lost, proven.skipped, origin, out);
        }
    }

    /// `lost` bytes of `records` records, or more, are missing.
    fn lose(&mut self, from: End, lost: u64, records: u64, origin: Origin, out: &mut Out<'_>) {
        let lane = &mut self.lanes[from];
        let around = (HEADER_LEN as u64 + lane.guard.overhead()).saturating_mul(records);
        let len = lost.saturating_sub(around);
        if len > 0 {
            let offset = lane.plain_next;
            lane.plain_next = offset.saturating_add(len);
            out(
                from,
                TlsItem::Data(Chunk::Gap {
                    offset,
                    len,
                    origin,
                }),
            );
        }
    }

    fn handle_record(
        &mut self,
        from: End,
        header: &Header,
        body: &[u8],
        place: Place,
        keys: &mut Keyring,
        out: &mut Out<'_>,
    ) {
        if self.blocks(from, header, body) {
            let lane = &mut self.lanes[from];
            lane.is_blocked = true;
            let bytes = [&header.bytes, body].concat();
            lane.waiting.push(Chunk::Data {
                offset: place.start,
                bytes: &bytes,
                origin: place.origin,
            });
            return;
        }
        self.records += 1;
        let is_tls13 = self.handshake.is_tls13();
        let lane = &mut self.lanes[from];
        let is_protected = if is_tls13 {
            header.kind == APPLICATION_DATA && lane.guard.has_keys()
        } else {
            lane.guard.is_on()
        };
        if is_protected {
            match lane.guard.open(header, body, &mut keys.scratch) {
                Some(proven) => {
                    let passed = lane.guard.take_passed(proven.skipped);
                    if lane.guard.carries_data() {
                        lane.dark = 0;
                    }
                    if passed > 0 {
                        let origin = Origin {
                            record_end: NonZeroU64::new(place.start),
                            ..place.origin
                        };
                        self.lose(from, passed, proven.skipped, origin, out);
                    }
                    self.handle_proven(from, proven, place, keys, out);
                }
                None => self.handle_unopened(from, header, place, out),
            }
            return;
        }
        match header.kind {
            // RFC 8446 §5: in TLS 1.3 it means nothing.
            // A session resumed: there was no key exchange.
            CHANGE_CIPHER_SPEC if self.awaits_premaster => self.unread = Some(Unread::NoKey),
            CHANGE_CIPHER_SPEC if !is_tls13 => lane.guard.switch(),
            ALERT if !lane.guard.is_on() => self.handle_alert(from, body, false, place, out),
            HANDSHAKE if !lane.guard.is_on() => self.read_messages(from, body, &keys.secrets),
            // There are secrets of the other direction only.
            APPLICATION_DATA => lane.darken(header.total() as u64, place.origin),
            _ => {}
        }
    }

    /// A record that cannot be read before the other direction has come further.
    fn blocks(&self, from: End, header: &Header, body: &[u8]) -> bool {
        let lane = &self.lanes[from];
        if lane.guard.is_on() || !self.must_wait(from) {
            // The server's own hello, before the client's.
            return false;
        }
        match header.kind {
            CHANGE_CIPHER_SPEC | APPLICATION_DATA => true,
            HANDSHAKE => {
                self.handshake.client.is_none()
                    && lane.messages.is_at_boundary()
                    && body.first() == Some(&SERVER_HELLO)
            }
            _ => false,
        }
    }

    /// What `keys.scratch` holds now.
    fn handle_proven(
        &mut self,
        from: End,
        proven: Proven,
        place: Place,
        keys: &mut Keyring,
        out: &mut Out<'_>,
    ) {
        self.lanes[from].note_opened(proven.opened.len);
        let scratch = std::mem::take(&mut keys.scratch);
        let plain = scratch.get(..proven.opened.len).unwrap_or_default();
        match proven.opened.kind {
            APPLICATION_DATA if !plain.is_empty() => {
                self.outside.end();
                let lane = &mut self.lanes[from];
                let offset = lane.plain_next;
                lane.plain_next = offset.saturating_add(plain.len() as u64);
                out(
                    from,
                    TlsItem::Data(Chunk::Data {
                        offset,
                        bytes: plain,
                        origin: place.origin,
                    }),
                );
            }
            ALERT => self.handle_alert(from, plain, true, place, out),
            HANDSHAKE => self.read_messages(from, plain, &keys.secrets),
            // Another handshake inside of the first, up to TLS 1.2.
            CHANGE_CIPHER_SPEC if !self.handshake.is_tls13() => self.lanes[from].guard.switch(),
            _ => {}
        }
        keys.scratch = scratch;
    }

    fn handle_unopened(&mut self, from: End, header: &Header, place: Place, out: &mut Out<'_>) {
        let lane = &mut self.lanes[from];
        if header.kind == APPLICATION_DATA {
            if lane.guard.carries_data() {
                self.lose(from, header.total() as u64, 1, place.origin, out);
                return;
            }
            lane.darken(header.total() as u64, place.origin);
        }
        let is_hopeless = lane.guard.unopened() >= limits::MAX_RECORDS_UNOPENED;
        lane.is_over = is_hopeless && !lane.guard.has_opened();
    }

    fn handle_alert(
        &mut self,
        from: End,
        body: &[u8],
        is_encrypted: bool,
        place: Place,
        out: &mut Out<'_>,
    ) {
        let &[level, code] = body else { return };
        // RFC 8446 §6: in TLS 1.3 the level means nothing.
        let is_fatal = if self.handshake.is_tls13() {
            !matches!(code, Alert::CLOSE_NOTIFY | Alert::USER_CANCELED)
        } else {
            level == 2
        };
        let alert = Alert {
            code,
            is_fatal,
            is_encrypted,
            start: place.start,
            end: place.end,
            origin: place.origin,
        };
        self.outside.note_alert(from, alert);
        out(from, TlsItem::Alert(alert));
    }

    fn read_messages(&mut self, from: End, bytes: &[u8], secrets: &Secrets) {
        let mut messages = std::mem::take(&mut self.lanes[from].messages);
        messages.feed(bytes, |kind, body| {
            self.handle_message(from, kind, body, secrets)
        });
        self.lanes[from].messages = messages;
    }

    fn handle_message(&mut self, from: End, kind: u8, body: &[u8], secrets: &Secrets) {
        // A second one in plain is forged, and deriving keys takes time.
        if kind == SERVER_HELLO && self.handshake.is_agreed() && !self.lanes[from].guard.is_on() {
            return;
        }
        match self.handshake.handle_message(from, kind, body) {
            Heard::Nothing => {}
            Heard::Agreed => self.install(from, secrets),
            Heard::KeyUpdate => self.lanes[from].guard.update(),
            Heard::KeyExchange if self.awaits_premaster => {
                self.awaits_premaster = false;
                match self.handshake.keys_of_exchange(body, secrets) {
                    Some(keys) => self.use_keys(from.other(), keys),
                    None => self.unread = Some(Unread::NoKey),
                }
            }
            Heard::KeyExchange => {}
        }
    }

    /// The ServerHello is lost.
    fn guess(&mut self, server: End, secrets: &Secrets) -> bool {
        let is_guessed = self.handshake.guess(secrets);
        if is_guessed {
            self.install(server, secrets);
        }
        is_guessed
    }

    /// Both hellos are there: takes the secrets out of the key log.
    fn install(&mut self, server: End, secrets: &Secrets) {
        let may_wait = secrets.is_growing()
            && !self.is_resigned
            && !self.has_opened()
            && !self.handshake.awaits_premaster(secrets);
        if may_wait && !self.handshake.has_all_secrets(secrets) {
            self.awaits = Some(server);
            End::BOTH
                .iter()
                .for_each(|&end| self.lanes[end].is_blocked = true);
            return;
        }
        match self.handshake.keys(secrets) {
            Ok(keys) => self.use_keys(server, keys),
            // Another handshake inside of one that was read: from here on it is dark.
            Err(_) if self.has_opened() => {
                End::BOTH
                    .iter()
                    .for_each(|&end| self.lanes[end].is_over = true);
            }
            Err(Unread::NoKey) if self.handshake.awaits_premaster(secrets) => {
                self.awaits_premaster = true;
            }
            Err(unread) => self.unread = Some(unread),
        }
    }

    fn use_keys(&mut self, server: End, keys: Keys) {
        self.lacks_secrets = keys.is_incomplete;
        let [ours, theirs] = [server.other(), server];
        self.lanes[ours].guard.install(keys.agreed, keys.client);
        self.lanes[theirs].guard.install(keys.agreed, keys.server);
    }

    fn has_opened(&self) -> bool {
        End::BOTH
            .iter()
            .any(|&end| self.lanes[end].guard.has_opened())
    }
}
