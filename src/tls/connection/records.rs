//! What a record holds: handshake messages and the keys that they lead to, alerts, plaintext.

use std::num::NonZeroU64;

use super::{Out, Place, TlsConnection};
use crate::flow::End;
use crate::limits;
use crate::tcp::{Chunk, Origin};
use crate::tls::guard::Proven;
use crate::tls::handshake::{Heard, Keys};
use crate::tls::messages::SERVER_HELLO;
use crate::tls::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Header};
use crate::tls::{Alert, Keyring, Secrets, TlsItem, Unread};

impl TlsConnection {
    pub(super) fn handle_record(
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
        if header.kind == APPLICATION_DATA && !self.handshake.is_agreed() {
            // None comes before its sender's hello, and there was none that could be read: the other
            // direction would wait for it in vain.
            self.unread = Some(Unread::NoHello);
            return;
        }
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
    pub(super) fn handle_proven(
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

    pub(super) fn read_messages(&mut self, from: End, bytes: &[u8], secrets: &Secrets) {
        let mut messages = std::mem::take(&mut self.lanes[from].messages);
        messages.feed(bytes, |kind, body| {
            self.handle_message(from, kind, body, secrets)
        });
        self.lanes[from].messages = messages;
    }

    pub(super) fn handle_message(&mut self, from: End, kind: u8, body: &[u8], secrets: &Secrets) {
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
    pub(super) fn guess(&mut self, server: End, secrets: &Secrets) -> bool {
        let is_guessed = self.handshake.guess(secrets);
        if is_guessed {
            self.install(server, secrets);
        }
        is_guessed
    }

    /// Both hellos are there: takes the secrets out of the key log.
    pub(super) fn install(&mut self, server: End, secrets: &Secrets) {
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
}
