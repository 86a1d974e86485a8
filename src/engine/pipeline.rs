//! One shard: packets in, sessions out. No clock, no file, no thread.

mod conclude;
mod ending;
mod glance;
mod lingering;
mod recording;
mod survey;

use std::collections::VecDeque;

use self::conclude::{Ended, conclude, conclude_in_place, tell_earlier};
use self::ending::Endings;
pub use self::glance::{Glance, OpenSession, SessionId};
use self::lingering::Lingering;
use super::attempts::Attempts;
use super::followed::{Arrival, Followed};
use super::known::Known;
use super::passing::{Dark, Passing};
use super::sealed::stage;
use super::shard::{Part, Shard, join};
use super::shelf::{Outlet, Shelf};
use super::stack::Stack;
use super::tell::{tell, tell_gist};
use super::time_wait::TimeWait;
use super::trace::{Recorder, Recording};
use super::upper::{Common, Settings};
use crate::capture::{Packet, PacketId};
use crate::decode::{Decoded, Decoder, Flags, Segment};
use crate::flow::{FlowKey, Slot, Table};
use crate::limits;
use crate::session::{Detail, Session, Summary};
use crate::tcp::Handled;
use crate::time::Timestamp;
use crate::tls::{Keyring, Secrets};
use crate::ws::Windows;

/// Decodes packets, sorts them by connection, and tells the sessions of those that are over.
pub struct Pipeline {
    /// Taken out while a packet is looked at closely.
    decoder: Option<Box<Decoder>>,
    flows: Table<Followed>,
    /// Connections that have ended, for packets that come late.
    lingering: Lingering,
    /// The connections that began last, the newest at the back.
    begun: VecDeque<Slot>,
    told: Ended,
    summary: Summary,
    common: Common,
    /// Secrets came behind packets.
    late_secrets: bool,
    shard: Shard,
    /// Bytes captured since the last look at what is held, of connections that may hold some.
    unchecked: u64,
    /// Connections followed at a time.
    max_connections: usize,
    /// Those of a full table that are to be dropped, with their last packets when that was found.
    evicting: VecDeque<(Option<PacketId>, Slot)>,
    /// Connections that may begin while a bare SYN waits.
    max_syns_waiting: usize,
    /// Where packets come from an interface.
    endings: Option<Endings>,
    /// Where they are kept for the case that somebody wants them.
    recorder: Option<Recorder>,
}

impl Pipeline {
    /// An empty one for all connections.
    pub fn new(detail: Detail) -> Self {
        Self::of(Shard::whole(), detail, Secrets::default())
    }

    /// An empty one for some of the connections, with secrets to read TLS with. It has to see
    /// every packet all the same.
    pub fn of(shard: Shard, detail: Detail, secrets: Secrets) -> Self {
        Self {
            common: Common {
                keys: Keyring::new(secrets),
                settings: Settings {
                    story: detail == Detail::Story,
                    windows: Windows::new(
                        shard.part_of(limits::MAX_WINDOWS),
                        shard.part_of(limits::MAX_KEPT_COMPRESSED_IN_ALL),
                    ),
                },
            },
            late_secrets: false,
            decoder: None,
            flows: Table::new(shard.random()),
            lingering: Lingering::default(),
            begun: VecDeque::new(),
            told: Ended::new(detail),
            recorder: None,
            summary: Summary::default(),
            shard,
            unchecked: 0,
            max_connections: limits::MAX_CONNECTIONS,
            evicting: VecDeque::new(),
            max_syns_waiting: limits::MAX_SYNS_WAITING,
            endings: None,
        }
    }

    /// The same; keeps its sessions packed, until they are [joined](join) with those of others.
    pub(super) fn keeping(shard: Shard, detail: Detail, secrets: Secrets) -> Self {
        let shelf = Shelf::new(shard.random(), detail);
        let mut pipeline = Self::of(shard, detail, secrets);
        pipeline.told.sessions = Outlet::Packed(Box::new(shelf));
        pipeline
    }

    /// Tells of TLS connections, too, that cannot be read.
    pub fn tell_opaque(&mut self) {
        self.common.keys.tells_opaque = true;
    }

    /// Takes secrets that stand in the capture. They open connections that begin behind them.
    pub fn handle_secrets(&mut self, text: &[u8]) {
        let is_new = self.common.keys.secrets.feed(text);
        self.late_secrets |= self.summary.packets > 0 && is_new;
    }

    /// Reading again with the secrets of [`Self::into_secrets`] would show more.
    pub fn misses_late_secrets(&self) -> bool {
        self.late_secrets && self.summary.tls_without_keys > 0
    }

    /// All secrets.
    pub fn into_secrets(self) -> Secrets {
        self.common.keys.secrets
    }

    /// Takes the next packet.
    // Always: the loop around this has the packet at hand in parts, and would have to store it.
    #[inline(always)]
    pub fn handle_packet(&mut self, packet: &Packet<'_>) {
        let summary = &mut self.summary;
        let ordinal = summary.packets;
        summary.packets += 1;
        summary.bytes += packet.data.len() as u64;
        summary.snapped += u64::from((packet.data.len() as u64) < u64::from(packet.wire_len));
        match &mut summary.span {
            Some((_, last)) if packet.time >= *last => *last = packet.time,
            Some((first, _)) => *first = packet.time.min(*first),
            None => summary.span = Some((packet.time, packet.time)),
        }
        match Decoder::glance(packet) {
            Some(segment) => self.handle_segment(&segment, packet, ordinal),
            None => self.handle_unusual(packet, ordinal),
        }
    }

    /// Takes a packet that has to be looked at closely.
    #[inline(never)]
    fn handle_unusual(&mut self, packet: &Packet<'_>, ordinal: u64) {
        if let Some(segment) = Decoder::look(packet) {
            return self.handle_segment(&segment, packet, ordinal);
        }
        // A segment may borrow from the decoder.
        let mut decoder = self.decoder.take().unwrap_or_default();
        match decoder.walk(packet) {
            Decoded::Tcp(segment) => self.handle_rare(&segment, packet, ordinal),
            Decoded::Icmp(error) => {
                let (key, from) =
                    FlowKey::between((error.src, error.src_port), (error.dst, error.dst_port));
                let hash = self.flows.hash(&key);
                if self.shard.keeps(hash)
                    && let Some((slot, followed)) = self.flows.find_mut(hash, &key)
                {
                    followed.handle_icmp(from, &error, packet.id, packet.time);
                    if self.recorder.is_some() {
                        self.keep(packet, slot);
                    }
                }
            }
            Decoded::Other => {}
            Decoded::Undecodable(reason) => {
                *self
                    .summary
                    .undecodable
                    .entry(reason.to_string())
                    .or_default() += 1
            }
        }
        self.decoder = Some(decoder);
    }

    /// The same for one of an unusual packet: apart, since it would be here a third time.
    #[inline(never)]
    fn handle_rare(&mut self, segment: &Segment<'_>, packet: &Packet<'_>, ordinal: u64) {
        self.handle_segment(segment, packet, ordinal);
    }

    /// Takes the segment of a packet.
    // Always: what is known of both stays where it is, in registers mostly.
    #[inline(always)]
    fn handle_segment(&mut self, segment: &Segment<'_>, packet: &Packet<'_>, ordinal: u64) {
        let (key, from) = FlowKey::of(segment);
        let hash = self.flows.hash(&key);
        if !self.shard.keeps(hash) {
            // All shares let go of connections at the same packets.
            return self.release(packet.time);
        }
        let mut known = None;
        if let Some((slot, followed)) = self.flows.find_mut(hash, &key) {
            if followed.handle_expected(from, segment, packet.id, packet.time) {
                self.attend(slot, packet);
                return self.release(packet.time);
            }
            known = Some(slot);
        }
        let arrival = Arrival {
            from,
            segment: *segment,
            packet: *packet,
        };
        self.handle_arrival(known, (hash, key), &arrival, ordinal);
    }

    /// Takes a segment, whatever it means for its connection.
    #[inline(never)]
    fn handle_arrival(
        &mut self,
        known: Option<Slot>,
        (hash, key): (u64, FlowKey),
        arrival: &Arrival<'_>,
        ordinal: u64,
    ) {
        let known = known.filter(|&slot| self.go_on(slot, key, arrival));
        let slot = known.or_else(|| self.begin((hash, key), arrival, ordinal));
        let packet = &arrival.packet;
        let mut may_hold = false;
        if let Some(slot) = slot {
            // Nothing but bytes is held.
            may_hold = arrival.segment.wire_len > 0
                && self.flows.get_mut(slot).is_some_and(|it| it.may_hold());
            self.attend(slot, packet);
        }
        self.release(packet.time);
        if may_hold {
            self.check_held(packet);
        }
        if self.flows.len() > self.max_connections {
            self.evict();
        }
    }

    /// Takes a segment of a known connection. False where it begins another one: then the known
    /// one is told and gone.
    fn go_on(&mut self, slot: Slot, key: FlowKey, arrival: &Arrival<'_>) -> bool {
        let Some(followed) = self.flows.get_mut(slot) else {
            return false;
        };
        // Nothing else ends a connection.
        let may_end = arrival.segment.flags.has(Flags::FIN | Flags::RST);
        let was_over = may_end && followed.is_over();
        if followed.handle_segment(arrival, &mut self.common) == Handled::NewConnection {
            if let Some((key, old)) = self.flows.remove(slot) {
                self.conclude(key, old);
            }
            return false;
        }
        let time = arrival.packet.time;
        let is_end = may_end && !was_over && followed.is_over();
        if is_end {
            self.lingering.push(time, slot);
        }
        let Followed::Whole(stack) = followed else {
            return true;
        };
        if stack.has_earlier() {
            tell_earlier(key, stack, &mut self.told, Some(time));
        }
        if is_end {
            stack.settle();
        }
        if self.endings.is_none()
            && let Some(time_wait) = TimeWait::of(stack.tcp())
        {
            let Self {
                common,
                told,
                summary,
                ..
            } = self;
            conclude_in_place(key, stack, common, told, summary);
            *followed = Followed::TimeWait(time_wait);
        }
        true
    }

    /// Puts in a connection that begins with this segment; `None` when the table is full.
    fn begin(
        &mut self,
        (hash, key): (u64, FlowKey),
        arrival: &Arrival<'_>,
        ordinal: u64,
    ) -> Option<Slot> {
        self.summary.connections += 1;
        let followed = Followed::new(arrival, ordinal, &mut self.common);
        let slot = self.flows.insert(hash, key, followed)?;
        self.begun.push_back(slot);
        self.drop_oldest_syn();
        Some(slot)
    }

    /// Live: watches out for the end of a connection, and keeps its packets.
    #[inline]
    fn attend(&mut self, slot: Slot, packet: &Packet<'_>) {
        if let Some(endings) = &mut self.endings
            && let Some(Followed::Whole(stack)) = self.flows.get_mut(slot)
        {
            endings.watch(stack, slot, packet.time);
        }
        if self.recorder.is_some() {
            self.keep(packet, slot);
        }
    }

    /// The capture is over: tells what is left. Sessions come in the order of their first
    /// packets, numbered.
    pub fn finish(mut self) -> (Vec<Session>, Summary) {
        let mut shelf = Shelf::new(self.shard.random(), self.told.detail);
        for session in self.told.sessions.take() {
            shelf.push(&session);
        }
        self.told.sessions = Outlet::Packed(Box::new(shelf));
        let (told, _, summary) = join(vec![self.finish_part()]);
        (told.iter().collect(), summary)
    }

    /// Hands on the sessions told since the last call, and notes where they were asked for.
    #[inline]
    pub(super) fn hand_on(&mut self, known: &mut Known, hand: &mut dyn FnMut(Session)) {
        if !self.told.sessions.waiting().is_empty() {
            hand_on_all(&mut self.told.sessions, known, hand);
        }
    }

    /// The capture is over: hands on what is left.
    pub(super) fn finish_handing(
        &mut self,
        known: &mut Known,
        hand: &mut dyn FnMut(Session),
    ) -> Summary {
        for (key, followed) in self.flows.drain() {
            self.conclude(key, followed);
            // One at a time: all together would take much room.
            hand_on_all(&mut self.told.sessions, known, hand);
        }
        let now = self
            .summary
            .span
            .map_or(Timestamp::default(), |span| span.1);
        self.tell_attempts(known, now);
        hand_on_all(&mut self.told.sessions, known, hand);
        self.summary.not_inflated = self.common.settings.windows.refused();
        self.summary.clone()
    }

    /// [`Self::finish`] for one share of several that [keep](Self::keeping) their sessions. Secrets
    /// stay.
    pub(super) fn finish_part(&mut self) -> Part {
        for (key, followed) in self.flows.drain() {
            self.conclude(key, followed);
        }
        let outlet = std::mem::take(&mut self.told.sessions);
        self.summary.not_inflated = self.common.settings.windows.refused();
        Part {
            shelf: match outlet {
                Outlet::Packed(shelf) => *shelf,
                Outlet::Waiting(_) => Shelf::default(),
            },
            attempts: std::mem::take(&mut self.told.attempts),
            tls_servers: std::mem::take(&mut self.told.tls_servers),
            summary: self.summary.clone(),
            tells_opaque: self.common.keys.tells_opaque,
        }
    }

    /// Tells what is left of a connection that is over, or given up.
    fn conclude(&mut self, key: FlowKey, followed: Followed) {
        conclude(
            key,
            followed,
            &mut self.common,
            &mut self.told,
            &mut self.summary,
        );
    }

    /// Takes notice of a packet whose connection may hold some of it. Holds less, where all
    /// connections together hold more than they may; no more can be held than such packets had, so
    /// a look now and then is enough.
    #[inline]
    fn check_held(&mut self, packet: &Packet<'_>) {
        self.unchecked += packet.data.len() as u64;
        let flows = self.flows.len() as u64;
        if self.unchecked >= limits::CHECK_HELD_EVERY
            && self.unchecked >= flows.saturating_mul(limits::CHECK_HELD_PER_CONNECTION)
        {
            self.unchecked = 0;
            self.let_go_of_held();
        }
    }

    #[cold]
    fn let_go_of_held(&mut self) {
        let mut holders: Vec<(usize, Slot)> = Vec::new();
        for (slot, followed) in self.flows.iter() {
            let held = followed.held_bytes();
            if held > 0 {
                holders.push((held, slot));
            }
        }
        let mut total: usize = holders.iter().map(|(held, _)| held).sum();
        if total <= limits::MAX_HELD_IN_ALL {
            return;
        }
        // The largest first; of equals those that came first.
        holders.sort_by_key(|&(held, _)| std::cmp::Reverse(held));
        for (held, slot) in holders {
            if total <= limits::MAX_HELD_IN_ALL / 2 {
                break;
            }
            if let Some(Followed::Whole(stack)) = self.flows.get_mut(slot) {
                stack.stop_waiting(&mut self.common);
                total -= held;
                self.summary.impatient += 1;
            }
        }
    }

    /// Lets go of the SYN that waits behind too many others.
    #[inline]
    fn drop_oldest_syn(&mut self) {
        if self.begun.len() > self.max_syns_waiting
            && let Some(oldest) = self.begun.pop_front()
            && self.flows.get_mut(oldest).is_some_and(|old| old.is_bare())
        {
            self.flows.remove(oldest);
            self.summary.evicted += 1;
        }
    }

    /// The table is full: tells and drops the eighth that was idle for longest, so that the
    /// search for them costs little per connection. On an interface a few at a time.
    #[cold]
    fn evict(&mut self) {
        if self.evicting.is_empty() {
            self.evicting = self.idlest();
        }
        let most = match self.endings {
            Some(_) => limits::EVICTED_AT_ONCE,
            None => usize::MAX,
        };
        for _ in 0..most {
            let Some((packet, slot)) = self.evicting.pop_front() else {
                return;
            };
            let followed = self.flows.get_mut(slot);
            let last = |followed: &Followed| followed.last().map(|(_, packet)| packet);
            if followed.is_none_or(|followed| last(followed) != packet) {
                continue;
            }
            match self.flows.remove(slot) {
                None | Some((_, Followed::TimeWait(_))) => {}
                // Its answer may be yet to come.
                Some((_, Followed::Prelude(_))) => self.summary.evicted += 1,
                Some((key, followed)) => {
                    self.summary.evicted += 1;
                    self.conclude(key, followed);
                }
            }
        }
    }

    /// The eighth that was idle for longest, with their last packets; those that were told first.
    fn idlest(&self) -> VecDeque<(Option<PacketId>, Slot)> {
        let flows = self.flows.iter();
        let mut idle: Vec<_> = flows
            .map(|(slot, followed)| (followed.last(), slot))
            .collect();
        let count = idle.len() / 8;
        idle.select_nth_unstable_by_key(count, |&(last, _)| last);
        idle.truncate(count);
        idle.sort_unstable_by_key(|&(last, _)| last);
        let idle = idle.into_iter();
        idle.map(|(last, slot)| (last.map(|(_, packet)| packet), slot))
            .collect()
    }
}

fn hand_on_all(sessions: &mut Outlet, known: &mut Known, hand: &mut dyn FnMut(Session)) {
    for session in sessions.take() {
        if stage(&session).is_none() {
            known.add(&session);
        }
        hand(session);
    }
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
