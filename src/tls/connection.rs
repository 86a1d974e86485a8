//! Both directions of a TLS connection: ciphertext in, plaintext out.

mod records;
mod stream;

use std::fmt;
use std::num::NonZeroU64;

use zeroize::Zeroizing;

use super::handshake::Handshake;
use super::lane::Lane;
use super::sealed::Outside;
use super::{Keyring, Sealed, Secrets, TlsItem, Unread};
use crate::flow::{End, Pair};
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

    /// The end that answered it in TLS.
    pub fn server(&self) -> Option<End> {
        self.version()?;
        Some(self.client()?.other())
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

    /// It cannot be read, and will not be found to have failed: nothing that follows matters.
    pub fn is_opaque(&self) -> bool {
        match self.unread {
            None => false,
            Some(Unread::NotTls) => true,
            Some(_) => self.outside.is_opaque(&self.handshake),
        }
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

    fn has_opened(&self) -> bool {
        End::BOTH
            .iter()
            .any(|&end| self.lanes[end].guard.has_opened())
    }
}
