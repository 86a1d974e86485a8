//! From the bytes of one direction to its records, across holes.

use std::num::NonZeroU64;

use super::{Out, Place, TlsConnection};
use crate::flow::End;
use crate::tcp::{Chunk, Origin};
use crate::tls::guard::Proven;
use crate::tls::lane::{Found, Hole, Next};
use crate::tls::record::{APPLICATION_DATA, HANDSHAKE, HEADER_LEN};
use crate::tls::{Keyring, Secrets, TlsItem, Unread};

impl TlsConnection {
    pub(super) fn take(
        &mut self,
        from: End,
        chunk: Chunk<'_>,
        keys: &mut Keyring,
        out: &mut Out<'_>,
    ) {
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
    pub(super) fn lose(
        &mut self,
        from: End,
        lost: u64,
        records: u64,
        origin: Origin,
        out: &mut Out<'_>,
    ) {
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
}
