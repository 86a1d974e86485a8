//! Keeping packets of connections that may turn out to be of interest.

use super::{Followed, Pipeline};
use crate::capture::Packet;
use crate::engine::trace::Recorder;
use crate::flow::Slot;

impl Pipeline {
    /// Keeps the opening and the recent past of every session from here on, for
    /// [`take_sessions`](Self::take_sessions); `with_secrets`: and what opens its TLS.
    pub fn record(&mut self, with_secrets: bool) {
        self.recorder = Some(Recorder::new(with_secrets));
    }

    /// Connections that are not recorded, because there is no room for more.
    pub fn unrecorded(&self) -> u64 {
        self.recorder.as_ref().map_or(0, Recorder::refused)
    }

    /// Keeps a packet that was handled.
    pub(super) fn keep(&mut self, packet: &Packet<'_>, slot: Slot) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        match self.flows.get_mut(slot) {
            Some(Followed::Prelude(prelude)) => {
                let is_first = prelude.first_packet() == packet.id;
                recorder.keep(&mut prelude.trace, packet, false, is_first);
            }
            Some(Followed::Whole(stack)) if stack.may_tell() => {
                let is_open = stack.is_open();
                let is_first = stack.tcp().first().packet == packet.id;
                recorder.keep(&mut stack.trace, packet, is_open, is_first);
                if is_open && let Some(mut trace) = stack.trace.take() {
                    // Now: the log may have forgotten them when it ends.
                    trace.add_secrets(|| stack.secrets(&self.common.keys));
                    stack.trace = Some(trace);
                }
            }
            Some(Followed::Whole(stack)) => stack.trace = None,
            Some(Followed::Passing(_) | Followed::TimeWait(_)) | None => {}
        }
        recorder.even_out(&mut self.flows);
    }
}
