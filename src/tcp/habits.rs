//! How an end behaves on the wire: what tells a forged reset from a real one, a stalled reader
//! from a dead one.

use super::Origin;
use crate::decode::Segment;
use crate::time::Timestamp;

/// Marks of a RST that a forger has to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RstMarks {
    /// Time to live or hop limit.
    pub ttl: u8,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
    /// It acknowledges something.
    pub has_ack: bool,
    /// RSTs of this end with different sequence numbers: a real one has no need to guess.
    pub steps: u32,
    last_seq: u32,
}

/// What one end's packets have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habits {
    /// Smallest and largest time to live of its packets, resets aside.
    pub ttl: Option<(u8, u8)>,
    /// IPv4 identifications of its last two packets, resets aside; the last one first.
    pub ip_ids: [Option<u16>; 2],
    /// Its RSTs.
    pub rst: Option<RstMarks>,
    /// Keep-alive probes it sent (RFC 9293 §3.8.4), and those since the peer's last packet.
    pub keep_alives: u32,
    /// Those that nothing has answered; with the last of them.
    pub unanswered_keep_alives: Option<(u32, Origin)>,
    /// Its receive window is zero since then.
    pub zero_window_since: Option<Timestamp>,
    /// The longest time that it was zero, in nanoseconds.
    pub zero_window_nanos: i64,
    /// Segments of new bytes it sent since its peer's last one.
    pub segments_in_a_row: u32,
    /// New bytes it sent after its peer's FIN.
    pub bytes_after_fin: u64,
}

/// What every end shows while the connection goes on, in little room.
#[derive(Debug, Default)]
pub(super) struct Watch {
    ttl: Option<(u8, u8)>,
    /// Those of the last two packets that have one.
    ip_ids: [Option<u16>; 2],
    pub(super) segments_in_a_row: u32,
}

/// What most ends never do.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    keep_alives: u32,
    unanswered_keep_alives: Option<(u32, Origin)>,
    zero_window_since: Option<Timestamp>,
    zero_window_nanos: i64,
    bytes_after_fin: u64,
}

impl Habits {
    /// How long its window has been zero when the connection ends at `time`, or was at most.
    pub fn longest_zero_window(&self, time: Timestamp) -> i64 {
        let open = self.zero_window_since.map_or(0, |since| time.since(since));
        self.zero_window_nanos.max(open)
    }

    /// Its window was zero for a while, or it probed for a peer that does not answer.
    pub fn has_stalled(&self) -> bool {
        self.zero_window_since.is_some()
            || self.zero_window_nanos > 0
            || self.unanswered_keep_alives.is_some()
    }
}

impl Watch {
    /// What it came to, with what is odd of it.
    pub(super) fn habits(&self, odd: Option<&Oddities>, rst: Option<RstMarks>) -> Habits {
        let common = Habits {
            ttl: self.ttl,
            ip_ids: self.ip_ids,
            rst,
            segments_in_a_row: self.segments_in_a_row,
            ..Habits::default()
        };
        match odd {
            Some(odd) => Habits {
                keep_alives: odd.keep_alives,
                unanswered_keep_alives: odd.unanswered_keep_alives,
                zero_window_since: odd.zero_window_since,
                zero_window_nanos: odd.zero_window_nanos,
                bytes_after_fin: odd.bytes_after_fin,
                ..common
            },
            None => common,
        }
    }

    /// Takes notice of a packet that is no RST.
    #[inline(always)]
    pub(super) fn note(&mut self, ttl: u8, ip_id: Option<u16>) {
        let (low, high) = self.ttl.unwrap_or((ttl, ttl));
        self.ttl = Some((low.min(ttl), high.max(ttl)));
        self.ip_ids = [ip_id, self.ip_ids[0]];
    }
}

impl Oddities {
    /// Its receive window is zero.
    pub(super) fn note_zero_window(&mut self, time: Timestamp) {
        self.zero_window_since.get_or_insert(time);
    }

    /// Its receive window is zero no longer.
    pub(super) fn end_zero_window(&mut self, time: Timestamp) {
        if let Some(since) = self.zero_window_since.take() {
            self.zero_window_nanos = self.zero_window_nanos.max(time.since(since));
        }
    }

    /// The far end sent something.
    pub(super) fn answered(&mut self) {
        self.unanswered_keep_alives = None;
    }

    /// It sent new bytes after its peer's FIN.
    pub(super) fn note_after_fin(&mut self, bytes: u32) {
        self.bytes_after_fin += u64::from(bytes);
    }

    /// A keep-alive probe of this end.
    pub(super) fn note_keep_alive(&mut self, origin: Origin) {
        self.keep_alives = self.keep_alives.saturating_add(1);
        let (count, _) = self.unanswered_keep_alives.unwrap_or((0, origin));
        self.unanswered_keep_alives = Some((count.saturating_add(1), origin));
    }
}

impl RstMarks {
    /// Takes notice of a RST, the first or another.
    pub(super) fn note(known: &mut Option<Self>, segment: &Segment<'_>, has_ack: bool) {
        match known {
            Some(marks) => {
                marks.steps += u32::from(marks.last_seq != segment.seq);
                marks.last_seq = segment.seq;
            }
            None => {
                *known = Some(Self {
                    ttl: segment.ttl,
                    ip_id: segment.ip_id,
                    has_ack,
                    steps: 0,
                    last_seq: segment.seq,
                });
            }
        }
    }
}
