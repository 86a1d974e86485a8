//! What a connection may be wrapped in, between TCP and HTTP: what proxies put first, and TLS.

use super::upper::{App, Seen, Upper};
use crate::flow::{End, Pair};
use crate::http::{NoTunnel, Prefix, looks_like};
use crate::session::facts::Unconnected;
use crate::session::{Tls, Tracker};
use crate::tcp::{Chunk, Origin};
use crate::tls::{Keyring, Look, TlsConnection, TlsItem, looks_like_tls};

impl Upper {
    pub(super) fn handle_chunk(
        &mut self,
        end: End,
        chunk: Chunk<'_>,
        seen: &Seen<'_>,
        keys: &mut Keyring,
    ) {
        if let Some(mut prefix) = self.take_prefix() {
            match prefix.handle_chunk(end, chunk) {
                None => self.rare().prefix = Some(prefix),
                Some(begins) => {
                    self.set_no_tunnel(prefix.no_tunnel());
                    let before = self.begins();
                    if [begins.a, begins.b] == [before.a, before.b] {
                        self.prefixes_left = 0;
                    } else {
                        self.rare().begins = begins;
                    }
                    prefix.replay(begins, |end, chunk| {
                        self.handle_chunk(end, chunk, seen, keys)
                    });
                }
            }
            return;
        }
        if let (None, App::Undecided, Chunk::Data { offset, bytes, .. }) =
            (&self.tls, &self.app, chunk)
        {
            let is_whole = self.is_begin(end, offset, seen);
            if is_whole
                && self.prefixes_left > 0
                && let Some(prefix) = Prefix::detect(end, bytes, self.begins())
            {
                self.rare().prefix = Some(Box::new(prefix));
                self.prefixes_left -= 1;
                return self.handle_chunk(end, chunk, seen, keys);
            }
            self.tls = match looks_like_tls(bytes) {
                Some(Look::Handshake) if is_whole || bytes.len() > 5 => Some(Box::default()),
                Some(Look::Midway) if !is_whole => Some(Box::new(TlsConnection::midway())),
                _ => None,
            };
        }
        let Some(mut tls) = self.tls.take() else {
            return self.handle_plain(end, chunk, seen);
        };
        tls.handle_chunk(end, chunk, keys, &mut |end, item| {
            self.handle_item(end, item, seen)
        });
        self.tls = Some(tls);
    }

    /// The attempt of a client whose proxy opened no tunnel.
    pub(super) fn unconnected(&mut self, seen: &Seen<'_>) -> Option<Tracker> {
        if let Some(prefix) = self.take_prefix() {
            self.set_no_tunnel(prefix.no_tunnel());
        }
        let NoTunnel {
            client,
            target,
            status,
            asked,
            answered,
        } = self.rare.as_mut()?.no_tunnel.take()?;
        let at = |origin: Origin| (origin.packet, origin.time);
        let what = Unconnected::Tunnel {
            target,
            status,
            asked: at(asked),
            answered: at(answered),
        };
        Some(Tracker::unconnected(
            client,
            seen.first,
            what,
            seen.settings.story,
        ))
    }

    /// An offset is where the contents of an end begin.
    pub(super) fn is_begin(&self, end: End, offset: u64, seen: &Seen<'_>) -> bool {
        seen.from_syn[end] && offset == self.begins()[end]
    }

    fn handle_item(&mut self, end: End, item: TlsItem<'_>, seen: &Seen<'_>) {
        match (item, &mut self.tracker) {
            // How much of a hole at the end of the handshake was data is a guess: where HTTP
            // begins behind it, nothing was.
            (
                TlsItem::Data(Chunk::Gap {
                    offset: 0,
                    len,
                    origin,
                }),
                _,
            ) => {
                self.rare().first_gaps[end] = Some((len, origin));
            }
            (TlsItem::Data(chunk), _) => {
                let begins_http = matches!(chunk, Chunk::Data { bytes, .. } if matches!(looks_like(bytes), Some(Some(_))));
                if begins_http {
                    self.take_first_gap(end);
                }
                self.tell_first_gap(end, seen);
                self.handle_plain(end, chunk, seen);
            }
            (TlsItem::Alert(alert), Some(tracker)) => {
                tracker.handle_alert(tracker.side(end), alert)
            }
            (TlsItem::Alert(_), None) => {}
        }
    }

    fn tell_first_gap(&mut self, end: End, seen: &Seen<'_>) {
        if let Some((len, origin)) = self.take_first_gap(end) {
            let gap = Chunk::Gap {
                offset: 0,
                len,
                origin,
            };
            self.handle_plain(end, gap, seen);
        }
    }

    /// Reads what waited for secrets of TLS, where they are there by now, or nobody waits any
    /// longer. Returns whether nothing waits.
    pub(super) fn resume_tls(
        &mut self,
        seen: &Seen<'_>,
        keys: &mut Keyring,
        give_up: bool,
    ) -> bool {
        let Some(mut tls) = self.tls.take() else {
            return true;
        };
        let is_done = tls.resume(keys, give_up, &mut |end, item| {
            self.handle_item(end, item, seen)
        });
        self.tls = Some(tls);
        is_done
    }

    pub(super) fn finish_tls(&mut self, seen: &Seen<'_>) {
        if let Some(mut tls) = self.tls.take() {
            tls.finish(&mut |end, item| self.handle_item(end, item, seen));
            End::BOTH
                .iter()
                .for_each(|&end| self.tell_first_gap(end, seen));
            self.tls = Some(tls);
        }
    }

    /// What TLS knows of a session that it carries.
    pub(super) fn describe(&self, tracker: &mut Tracker) {
        describe(self.tls.as_deref(), tracker);
    }

    /// The same for the session under way.
    pub(super) fn describe_own(&mut self) {
        if let Some(tracker) = &mut self.tracker {
            describe(self.tls.as_deref(), tracker);
        }
    }
}

fn describe(tls: Option<&TlsConnection>, tracker: &mut Tracker) {
    if let Some(tls) = tls {
        let rare = tracker.rare();
        rare.tls = Some(Tls {
            version: tls.version().map(str::to_owned),
            cipher_suite: tls.cipher_suite(),
            sni: tls.sni().map(str::to_owned),
            alpn: tls.alpn().map(str::to_owned),
            alert: None,
            stage: None,
        });
        rare.plain_next = Some(Pair {
            a: tls.plain_next(End::A),
            b: tls.plain_next(End::B),
        });
    }
}
