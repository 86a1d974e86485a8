//! What a TLS connection shows of itself where nothing of it could be read.

use super::handshake::Handshake;
use super::{Alert, Outline, Unread};
use crate::flow::{End, Pair};
use crate::tcp::Chunk;

/// The shortest Finished of TLS 1.3, in bytes: a header and SHA-256 (RFC 8446 §4.4.4).
const FINISHED_LEN: u64 = 4 + 32;

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not to the end of the handshake.
    Handshake,
    /// Beyond the handshake: what it carries is encrypted.
    Opaque,
}

/// A TLS connection of which no application data was read.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// How far it came.
    pub stage: Stage,
    /// The end that opened it, where the capture shows that.
    pub client: Option<End>,
    /// The protocols that the client offered. Hostile, as sent.
    pub offered: Vec<String>,
    /// The records of each end.
    pub outlines: Pair<Outline>,
    /// Bytes of a record beyond its plaintext, where that is the same for all.
    pub overhead: Option<u16>,
    /// The client refused the handshake in TLS 1.3 with an alert that is known by its length only.
    pub hidden_alert: bool,
    /// Why it could not be read.
    pub unread: Option<Unread>,
}

/// Both directions as anybody sees them, until something is read.
pub(super) struct Outside {
    outlines: Option<Box<Pair<Outline>>>,
    /// Encrypted records that the client had sent before the ServerHello came (0-RTT).
    early: u64,
    /// The first alert of each end that was opened and ends the connection.
    alerts: Pair<Option<Alert>>,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            outlines: Some(Box::default()),
            early: 0,
            alerts: Pair::default(),
        }
    }
}

impl Outside {
    /// Something was read: what can be seen from outside tells nothing more.
    pub(super) fn end(&mut self) {
        self.outlines = None;
    }

    /// Takes the next chunk of an end.
    pub(super) fn take(&mut self, from: End, chunk: Chunk<'_>, handshake: &Handshake) {
        let Some(outlines) = &mut self.outlines else {
            return;
        };
        let outline = &mut outlines[from];
        match chunk {
            Chunk::Data {
                offset,
                bytes,
                origin,
            } => outline.feed(bytes, offset, origin),
            Chunk::Gap {
                offset,
                len,
                origin,
            } => outline.skip(len, offset.saturating_add(len), origin),
        }
        if let Some(client) = handshake.client
            && !handshake.is_agreed()
        {
            self.early = outlines[client].records;
        }
    }

    /// An alert was read.
    pub(super) fn note_alert(&mut self, from: End, alert: Alert) {
        if alert.is_end() {
            self.alerts[from].get_or_insert(alert);
        }
    }

    /// All of it; `None` where something was read, or it is no TLS.
    pub(super) fn sealed(&self, handshake: &Handshake, unread: Option<Unread>) -> Option<Sealed> {
        let mut outlines = self
            .outlines
            .as_deref()
            .filter(|_| unread != Some(Unread::NotTls))?
            .clone();
        let stage = self.stage(&outlines, handshake);
        let hidden_alert = stage == Stage::Handshake
            && handshake.client.is_some_and(|client| {
                self.alerts[client].is_none() && self.is_alert(client, &outlines, handshake)
            });
        for end in End::BOTH {
            let outline = &mut outlines[end];
            outline.alert = outline.alert.or(self.alerts[end]);
        }
        Some(Sealed {
            stage,
            client: handshake.client,
            offered: handshake.offered().to_vec(),
            outlines,
            overhead: handshake
                .agreed()
                .and_then(|agreed| agreed.fixed_overhead()),
            hidden_alert,
            unread,
        })
    }

    /// All that the client sent encrypted, behind the ServerHello of TLS 1.3, is one record that is
    /// shorter than any Finished: an alert, which may be padded.
    fn is_alert(&self, client: End, outlines: &Pair<Outline>, handshake: &Handshake) -> bool {
        let ours = &outlines[client];
        let agreed = handshake.agreed().filter(|_| handshake.is_tls13());
        let finished = agreed.map(|agreed| agreed.overhead() + FINISHED_LEN);
        let length = ours.lengths[0].map(u64::from);
        ours.records == self.early + 1
            && (length.zip(finished)).is_some_and(|(length, finished)| length < finished)
    }

    /// It came beyond the handshake, and what nobody could read so far nobody will.
    pub(super) fn is_opaque(&self, handshake: &Handshake) -> bool {
        let outlines = self.outlines.as_deref();
        outlines.is_some_and(|outlines| self.stage(outlines, handshake) == Stage::Opaque)
    }

    /// How far it came, as far as anybody can tell. What the capture does not hold may have
    /// been anything.
    fn stage(&self, outlines: &Pair<Outline>, handshake: &Handshake) -> Stage {
        let Some(client) = handshake.client else {
            return Stage::Opaque;
        };
        let [ours, theirs] = [&outlines[client], &outlines[client.other()]];
        let is_refused = |alert: &Option<Alert>| alert.is_some_and(|alert| alert.is_fatal);
        // It was read, and nothing came before it; or the server knows no TLS.
        if is_refused(&self.alerts.a) || is_refused(&self.alerts.b) || theirs.http.is_some() {
            return Stage::Handshake;
        }
        let is_done = if handshake.is_tls13() {
            // RFC 8446 §2: the client's first protected record is its Finished, or certificate.
            ours.records > self.early && !self.is_alert(client, outlines, handshake)
        } else {
            let has_data = ours.records > 0 || theirs.records > 0;
            has_data || ours.has_finished && theirs.has_finished
        };
        if is_done || ours.is_lost || theirs.is_lost {
            Stage::Opaque
        } else {
            Stage::Handshake
        }
    }
}
