//! One end of a connection: its stream, what it repeated, and how it ended.

use super::habits::{Oddities, RstMarks, Watch};
use super::{Origin, Stream};
use crate::capture::PacketId;
use crate::decode::{Flags, Segment};
use crate::limits;
use crate::time::Timestamp;

/// A FIN or RST of one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Where in its sender's stream it stands.
    pub offset: u64,
    /// Its packet.
    pub origin: Origin,
}

/// Bytes that were sent again and again while the peer was heard, and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Where in the stream they begin.
    pub offset: u64,
    /// How often they were sent, the first time included.
    pub times: u32,
    /// After how many of these times the peer was heard.
    pub heard: u32,
    /// The last time.
    pub last: Origin,
    is_heard: bool,
}

/// What is known of one end. All of it that packets change lies together, and what few
/// connections need lies apart: with many connections what counts is how much memory a packet
/// touches.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) stream: Stream,
    /// Any packet of it was seen.
    pub(super) seen: bool,
    /// The shift of its window (RFC 7323 §2.2), from its SYN.
    pub(super) window_shift: Option<u8>,
    /// The largest window it announced, scaled as far as is known.
    pub(super) window: u32,
    /// How often it sent what stands at `sent_at`; 0 once the peer was heard.
    pub(super) times_sent: u32,
    pub(super) sent_at: u64,
    pub(super) last_data: Option<Sent>,
    pub(super) habits: Watch,
    pub(super) rare: Option<Box<Rare>>,
}

/// A packet with new bytes, in less room than an [`Origin`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) packet: PacketId,
    pub(super) time: Timestamp,
    pub(super) ack: u32,
    pub(super) has_ack: bool,
}

impl From<Origin> for Sent {
    fn from(origin: Origin) -> Self {
        Self {
            packet: origin.packet,
            time: origin.time,
            ack: origin.ack.unwrap_or(0),
            has_ack: origin.ack.is_some(),
        }
    }
}

impl From<Sent> for Origin {
    fn from(sent: Sent) -> Self {
        Self {
            packet: sent.packet,
            time: sent.time,
            ack: sent.has_ack.then_some(sent.ack),
            record_end: None,
        }
    }
}

/// What most ends never do.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// The last time it sent what stands at `sent_at`, where that is not `last_data`.
    pub(super) resent: Option<Sent>,
    /// When it sent that for the first time, where it did so more than once.
    pub(super) since: Option<Timestamp>,
    pub(super) stuck: Option<Stuck>,
    /// It went on sending new bytes after "its" RST: the RST was somebody else's.
    pub(super) outlived_rst: bool,
    pub(super) rst_out_of_window: Option<Origin>,
    pub(super) odd: Oddities,
}

/// How an end ended its stream.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) fin: Option<Sign>,
    /// Apart, since most end with a FIN.
    reset: Option<Box<Reset>>,
}

/// The RSTs of one end.
#[derive(Debug, Default)]
pub(super) struct Reset {
    /// The first that its receiver heeded.
    pub(super) heeded: Option<Sign>,
    /// Of all of them.
    pub(super) marks: Option<RstMarks>,
}

impl Ending {
    /// The first RST that its receiver heeded.
    pub(super) fn rst(&self) -> Option<Sign> {
        self.reset.as_ref()?.heeded
    }

    /// What all its RSTs have in common.
    pub(super) fn marks(&self) -> Option<RstMarks> {
        self.reset.as_ref()?.marks
    }

    /// It sent an RST.
    pub(super) fn reset(&mut self) -> &mut Reset {
        self.reset.get_or_insert_default()
    }
}

/// A [`Signal`] in less room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    pub(super) offset: u64,
    pub(super) sent: Sent,
}

impl From<Sign> for Signal {
    fn from(Sign { offset, sent }: Sign) -> Self {
        Self {
            offset,
            origin: sent.into(),
        }
    }
}

impl Half {
    /// It repeated something in vain, of which an acknowledgement says nothing.
    pub(super) fn is_unheard(&self, ack: Option<u32>) -> bool {
        let reached = ack.and_then(|ack| u64::try_from(self.stream.offset(ack)).ok());
        self.times_sent >= limits::UNHEARD_TIMES
            && reached.is_some_and(|reached| reached <= self.sent_at)
    }

    /// When it last sent new bytes.
    pub(super) fn last_data_time(&self) -> Option<Timestamp> {
        self.last_data.map(|last| last.time)
    }

    /// Takes notice of new bytes.
    pub(super) fn note_data(&mut self, origin: Origin) {
        self.last_data = Some(origin.into());
        self.habits.segments_in_a_row = self.habits.segments_in_a_row.saturating_add(1);
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Takes notice of a packet that is no RST.
    pub(super) fn note(&mut self, segment: &Segment<'_>, ack: Option<u32>, time: Timestamp) {
        self.note_window(segment.window, segment.flags.has(Flags::SYN));
        self.habits
            .note(segment.ttl, segment.ip_id, segment.wire_len == 0, ack);
        if segment.window == 0 {
            self.rare().odd.note_zero_window(time);
        } else if let Some(rare) = &mut self.rare {
            rare.odd.end_zero_window(time);
        }
    }

    #[inline]
    pub(super) fn note_window(&mut self, window: u16, is_syn: bool) {
        // An unknown shift may be anything up to 14 (RFC 7323 §2.3).
        let shift = if is_syn {
            0
        } else {
            self.window_shift.unwrap_or(14)
        };
        self.window = self.window.max(u32::from(window) << shift.min(14));
    }

    pub(super) fn note_keep_alive(&mut self, segment: &Segment<'_>, origin: Origin) {
        let stream = &self.stream;
        if stream.is_started() && stream.offset(segment.seq) + 1 == signed(stream.next()) {
            self.rare().odd.note_keep_alive(origin);
        }
    }

    /// The last packet that sent what stands at `sent_at`.
    pub(super) fn last_sent(&self) -> Option<Sent> {
        let resent = self.rare.as_ref().and_then(|rare| rare.resent);
        resent.or(self.last_data)
    }

    /// Notes the packet that sent what stands at `sent_at`.
    pub(super) fn note_sent(&mut self, origin: Origin, is_last_data: bool) {
        if !is_last_data {
            self.rare().resent = Some(origin.into());
        } else if let Some(rare) = &mut self.rare {
            rare.resent = None;
        }
    }

    /// It repeated bytes that were not acknowledged yet.
    pub(super) fn note_repeated(&mut self, offset: u64, origin: Origin) {
        match &mut self.rare().stuck {
            Some(stuck) if stuck.offset == offset => {
                if origin.time.since(stuck.last.time) >= limits::MIN_RESEND_NANOS {
                    stuck.times = stuck.times.saturating_add(1);
                    stuck.last = origin;
                    stuck.is_heard = false;
                }
            }
            stuck => {
                *stuck = Some(Stuck {
                    offset,
                    times: 2,
                    heard: 0,
                    last: origin,
                    is_heard: false,
                });
            }
        }
    }

    /// Its peer was heard.
    pub(super) fn note_heard(&mut self) {
        let acked = self.stream.acked();
        let Some(rare) = &mut self.rare else { return };
        let Some(stuck) = &mut rare.stuck else {
            return;
        };
        if acked > stuck.offset {
            rare.stuck = None;
        } else if !stuck.is_heard {
            stuck.is_heard = true;
            stuck.heard = stuck.heard.saturating_add(1);
        }
    }
}

pub(super) fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
