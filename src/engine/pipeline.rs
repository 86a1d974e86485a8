//! One shard: packets in, sessions out. No clock, no file, no thread.

mod ending;

use std::collections::VecDeque;

use self::ending::Endings;
use super::stack::{Name, Stack};
use super::tell::tell;
use crate::capture::{Packet, PacketId};
use crate::decode::{Decoded, Decoder, Segment};
use crate::flow::{End, FlowKey, Slot, Table};
use crate::limits;
use crate::session::{Session, Summary, Tracker};
use crate::tcp::{Connection, Handled};
use crate::time::Timestamp;

/// Decodes packets, sorts them by connection, and tells the sessions of those that are over.
pub struct Pipeline {
    decoder: Decoder,
    flows: Table<Stack>,
    /// Connections that have ended, by the time after which nothing more is expected of them.
    lingering: VecDeque<(Timestamp, Slot)>,
    sessions: Vec<(u64, Session)>,
    summary: Summary,
    story: bool,
    /// Connections followed at a time.
    max_connections: usize,
    /// Where packets come from an interface.
    endings: Option<Endings>,
}

impl Pipeline {
    /// An empty one; `story` keeps the events of each session.
    pub fn new(story: bool) -> Self {
        Self {
            decoder: Decoder::new(),
            flows: Table::default(),
            lingering: VecDeque::new(),
            sessions: Vec::new(),
            summary: Summary::default(),
            story,
            max_connections: limits::MAX_CONNECTIONS,
            endings: None,
        }
    }

    /// Takes the next packet.
    pub fn handle_packet(&mut self, packet: &Packet<'_>) {
        let summary = &mut self.summary;
        let ordinal = summary.packets;
        summary.packets += 1;
        summary.bytes += packet.data.len() as u64;
        summary.snapped += u64::from((packet.data.len() as u64) < u64::from(packet.wire_len));
        let (first, last) = summary.span.unwrap_or((packet.time, packet.time));
        summary.span = Some((first.min(packet.time), last.max(packet.time)));
        match self.decoder.decode(packet) {
            Decoded::Tcp(segment) => {
                let (key, from) = FlowKey::of(&segment);
                let known = match self.flows.find(&key) {
                    Some(slot) => Some(slot),
                    None => insert(
                        &mut self.flows,
                        &mut self.summary,
                        key,
                        &segment,
                        packet,
                        ordinal,
                        self.story,
                    ),
                };
                let Some(slot) = known else { return };
                let Some(stack) = self.flows.get_mut(slot) else {
                    return;
                };
                let was_over = stack.tcp().is_over();
                let mut slot = slot;
                let handled = stack.handle_segment(from, &segment, packet.id, packet.time);
                if handled == Handled::NewConnection {
                    // The borrow of the segment ends with the decoder's next packet, so the old
                    // connection is told first.
                    if let Some((key, stack)) = self.flows.remove(slot) {
                        conclude(key, stack, &mut self.sessions, &mut self.summary);
                    }
                    let new = insert(
                        &mut self.flows,
                        &mut self.summary,
                        key,
                        &segment,
                        packet,
                        ordinal,
                        self.story,
                    );
                    let Some(new) = new else { return };
                    slot = new;
                    if let Some(stack) = self.flows.get_mut(slot) {
                        stack.handle_segment(from, &segment, packet.id, packet.time);
                    }
                } else {
                    for tracker in stack.take_earlier() {
                        let name = Name {
                            key,
                            ordinal: stack.ordinal,
                            vlan: stack.vlan,
                            tunnel: stack.tunnel,
                        };
                        self.sessions.push(told(tracker, stack.tcp(), name));
                    }
                    if !was_over && stack.tcp().is_over() {
                        self.lingering.push_back((packet.time, slot));
                    }
                }
                if let Some(endings) = &mut self.endings
                    && let Some(stack) = self.flows.get_mut(slot)
                {
                    endings.watch(stack, slot, packet.time);
                }
                self.release(packet.time);
                if self.flows.len() > self.max_connections {
                    self.evict();
                }
            }
            Decoded::Icmp(_) | Decoded::Other => {}
            Decoded::Undecodable(reason) => {
                *self
                    .summary
                    .undecodable
                    .entry(reason.to_string())
                    .or_default() += 1
            }
        }
    }

    /// The capture is over: tells what is left. Sessions come in the order of their first
    /// packets, numbered.
    pub fn finish(mut self) -> (Vec<Session>, Summary) {
        for (key, stack) in self.flows.drain() {
            conclude(key, stack, &mut self.sessions, &mut self.summary);
        }
        self.sessions
            .sort_by_key(|(ordinal, session)| (*ordinal, session.first_packet));
        let mut sessions: Vec<Session> = self
            .sessions
            .into_iter()
            .map(|(_, session)| session)
            .collect();
        for (number, session) in (1..).zip(&mut sessions) {
            session.number = number;
        }
        self.summary.sessions = sessions.len() as u64;
        self.summary.abnormal = sessions
            .iter()
            .filter(|session| session.is_abnormal())
            .count() as u64;
        (sessions, self.summary)
    }

    /// Lets go of connections that ended long enough ago.
    fn release(&mut self, now: Timestamp) {
        while let Some(&(ended, slot)) = self.lingering.front()
            && now.since(ended) > limits::LINGER_NANOS
        {
            self.lingering.pop_front();
            let last = self
                .flows
                .get_mut(slot)
                .map(|stack| stack.tcp().last().time);
            match last {
                Some(last) if now.since(last) > limits::LINGER_NANOS => {
                    if let Some((key, stack)) = self.flows.remove(slot) {
                        conclude(key, stack, &mut self.sessions, &mut self.summary);
                    }
                }
                Some(last) => self.lingering.push_back((last, slot)),
                None => {}
            }
        }
    }

    /// The table is full: tells and drops the eighth that was idle for longest, so that the
    /// search for them costs little per connection.
    fn evict(&mut self) {
        let mut idle: Vec<(Timestamp, PacketId, Slot)> = self
            .flows
            .iter()
            .map(|(slot, stack)| (stack.tcp().last().time, stack.tcp().last().packet, slot))
            .collect();
        let count = idle.len() / 8;
        idle.select_nth_unstable_by_key(count, |&(time, packet, _)| (time, packet));
        idle.truncate(count);
        idle.sort_unstable_by_key(|&(time, packet, _)| (time, packet));
        for (_, _, slot) in idle {
            if let Some((key, stack)) = self.flows.remove(slot) {
                conclude(key, stack, &mut self.sessions, &mut self.summary);
                self.summary.evicted += 1;
            }
        }
    }
}

fn insert(
    flows: &mut Table<Stack>,
    summary: &mut Summary,
    key: FlowKey,
    segment: &Segment<'_>,
    packet: &Packet<'_>,
    ordinal: u64,
    story: bool,
) -> Option<Slot> {
    summary.connections += 1;
    flows.insert(
        key,
        Stack::new(segment, packet.id, packet.time, ordinal, story),
    )
}

fn conclude(
    key: FlowKey,
    mut stack: Stack,
    sessions: &mut Vec<(u64, Session)>,
    summary: &mut Summary,
) {
    conclude_in_place(key, &mut stack, sessions, summary);
}

fn conclude_in_place(
    key: FlowKey,
    stack: &mut Stack,
    sessions: &mut Vec<(u64, Session)>,
    summary: &mut Summary,
) {
    let name = Name {
        key,
        ordinal: stack.ordinal,
        vlan: stack.vlan,
        tunnel: stack.tunnel,
    };
    let tracker = stack.finish();
    for earlier in stack.take_earlier() {
        sessions.push(told(earlier, stack.tcp(), name));
    }
    if let Some(tracker) = tracker {
        let session = told(*tracker, stack.tcp(), name);
        for end in End::BOTH {
            let (bytes, gaps) = stack.tcp().stream(end).lost();
            summary.lost_bytes += bytes;
            summary.gaps += gaps;
        }
        sessions.push(session);
    }
}

fn told(tracker: Tracker, tcp: &Connection, name: Name) -> (u64, Session) {
    (name.ordinal, tell(tracker, tcp, name))
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
