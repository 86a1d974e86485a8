//! How a connection ends: FINs, and RSTs where their receiver heeds them.

use super::Connection;
use crate::decode::Segment;
use crate::flow::{End, Pair};
use crate::tcp::Origin;
use crate::tcp::habits::RstMarks;
use crate::tcp::half::{Ending, Sign, Signal, signed};

impl Connection {
    /// The first FIN of an end.
    pub fn fin(&self, end: End) -> Option<Signal> {
        let fin = self.late.as_ref()?.endings[end].fin;
        fin.map(Signal::from)
    }

    /// The first RST of an end that fits its peer's window.
    pub fn rst(&self, end: End) -> Option<Signal> {
        let rst = self.late.as_ref()?.endings[end].rst();
        rst.map(Signal::from)
    }

    /// The end sent new bytes after its RST: it knows nothing of that RST.
    pub fn outlived_rst(&self, end: End) -> bool {
        let rare = self.halves[end].rare.as_ref();
        rare.is_some_and(|rare| rare.outlived_rst)
    }

    /// An RST of this end that its peer had to ignore.
    pub fn rst_out_of_window(&self, end: End) -> Option<Origin> {
        self.halves[end].rare.as_ref()?.rst_out_of_window
    }

    /// Both directions have ended, or one end reset the connection.
    pub fn is_over(&self) -> bool {
        self.late.as_deref().is_some_and(|late| {
            let Pair { a, b } = &late.endings;
            a.fin.is_some() && b.fin.is_some() || a.rst().is_some() || b.rst().is_some()
        })
    }

    pub(super) fn handle_fin(&mut self, from: End, seq: u32, origin: Origin) {
        // One from before the first byte belongs to an older connection on these ports.
        if self.fin(from).is_none()
            && let Ok(offset) = u64::try_from(self.halves[from].stream.offset(seq))
        {
            let sent = origin.into();
            self.ending(from).fin = Some(Sign { offset, sent });
            self.has_ended = true;
        }
    }

    pub(super) fn handle_rst(&mut self, from: End, segment: &Segment<'_>, origin: Origin) {
        let peer_window = i64::from(self.halves[from.other()].window.max(u32::from(u16::MAX)));
        if let Some(rare) = &mut self.halves[from].rare {
            rare.odd.end_zero_window(origin.time);
        }
        RstMarks::note(
            &mut self.ending(from).reset().marks,
            segment,
            origin.ack.is_some(),
        );
        if self.rst(from).is_some() {
            return;
        }
        // RFC 5961 §3.2: a reset outside of the receiver's window is dropped. An end may reset
        // with the number its peer acknowledged last, so that is the lower bound.
        let half = &mut self.halves[from];
        let offset = half.stream.offset(segment.seq);
        let low = signed(half.stream.acked());
        let in_window = !half.stream.is_started()
            || (offset >= low && offset <= signed(half.stream.next()) + peer_window);
        if in_window {
            let (offset, sent) = (u64::try_from(offset).unwrap_or(0), origin.into());
            self.ending(from).reset().heeded = Some(Sign { offset, sent });
            self.has_ended = true;
        } else {
            half.rare().rst_out_of_window.get_or_insert(origin);
        }
    }

    fn ending(&mut self, end: End) -> &mut Ending {
        &mut self.late.get_or_insert_default().endings[end]
    }
}
