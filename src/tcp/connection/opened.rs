//! A connection that opened as nearly all do, in one step.

use super::expected::TELLING;
use super::{Connection, Opening};
use crate::decode::Flags;
use crate::tcp::Noted;
use crate::tcp::half::Half;

/// Flags of the answer to a SYN.
const SYN_ACK: u8 = Flags::SYN | Flags::ACK;

impl Connection {
    /// The connection that took these packets.
    pub(crate) fn replay<'a>(first: &Noted, all: impl Iterator<Item = &'a Noted>) -> Self {
        let mut tcp = Self::new(first.packet, first.time);
        for noted in all {
            let mut option = [0; 3];
            let segment = noted.segment(&mut option);
            tcp.handle_any(
                noted.from(),
                &segment,
                noted.packet,
                noted.time,
                &mut |_, _| {},
            );
        }
        tcp
    }

    /// The same for a SYN, its answer, and the acknowledgement of that (RFC 9293 §3.5, figure 6);
    /// `None` where they are anything else. They leave behind what is written here.
    pub(crate) fn opened([syn, answer, ack]: &[Noted; 3]) -> Option<Self> {
        let client = syn.from();
        let told = [syn, answer, ack].map(|noted| noted.flags.0 & TELLING);
        let is_shake = told == [Flags::SYN, SYN_ACK, Flags::ACK]
            && (answer.from(), ack.from()) == (client.other(), client)
            && (answer.ack, ack.seq) == (syn.seq.wrapping_add(1), syn.seq.wrapping_add(1))
            && ack.ack == answer.seq.wrapping_add(1)
            && [syn, answer, ack].iter().all(|noted| noted.window > 0);
        if !is_shake {
            return None;
        }
        let mut tcp = Self::new(syn.packet, syn.time);
        let (own, peer) = tcp.halves.both_mut(client);
        own.begin(syn);
        own.note_window(ack.window, false);
        own.habits.note(ack.ttl, ack.ip_id());
        peer.begin(answer);
        tcp.opener = Some(client);
        tcp.opening = Opening::Measured;
        tcp.opening_nanos = ack.time.since(syn.time).max(0);
        tcp.last = (ack.packet, syn.time.max(answer.time).max(ack.time));
        tcp.is_settled = true;
        Some(tcp)
    }
}

impl Half {
    /// Takes the SYN of its end.
    fn begin(&mut self, syn: &Noted) {
        self.stream.handle_syn(syn.seq);
        self.seen = true;
        self.window_shift = Some(syn.scale().unwrap_or(0));
        self.note_window(syn.window, true);
        self.habits.note(syn.ttl, syn.ip_id());
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capture::PacketId;
    use crate::flow::End;
    use crate::tcp::testing::{at, segment};

    /// What may be otherwise than usual with a packet.
    #[derive(Clone, Copy, Debug)]
    struct Odd {
        is_other_end: bool,
        seq: u32,
        ack: u32,
        flags: u8,
        window: Option<u16>,
    }

    fn odd() -> impl Strategy<Value = Odd> {
        let rarely = |most: u32| prop_oneof![12 => Just(0), 1 => 0..most, 1 => Just(u32::MAX)];
        let flags = prop_oneof![12 => Just(0u8), 2 => Just(0x08), 1 => any::<u8>()];
        let window = prop_oneof![12 => Just(None), 1 => (0..2u16).prop_map(Some)];
        let is_other_end = prop::bool::weighted(0.05);
        (is_other_end, rarely(3), rarely(3), flags, window).prop_map(
            |(is_other_end, seq, ack, flags, window)| Odd {
                is_other_end,
                seq,
                ack,
                flags,
                window,
            },
        )
    }

    /// What every packet has.
    fn common() -> impl Strategy<Value = (i64, u8, Option<u16>, u16, Option<u8>)> {
        let scale = prop::option::of(prop_oneof![5 => 0..15u8, 1 => any::<u8>()]);
        (
            -20..3000i64,
            any::<u8>(),
            any::<Option<u16>>(),
            1..=u16::MAX,
            scale,
        )
    }

    proptest! {
        #[test]
        fn it_is_as_if_each_packet_had_come_by_itself(
            is_b in any::<bool>(),
            isn in [any::<u32>(), any::<u32>()],
            odd in [odd(), odd(), odd()],
            common in [common(), common(), common()],
        ) {
            let client = if is_b { End::B } else { End::A };
            let [own, peer] = isn.map(|isn| isn.wrapping_add(1));
            let usual = [
                (client, isn[0], 0, Flags::SYN),
                (client.other(), isn[1], own, SYN_ACK),
                (client, own, peer, Flags::ACK),
            ];
            let mut millis = 0;
            let mut number = 0;
            let noted = [0, 1, 2].map(|index: usize| {
                let (from, seq, ack, flags) = usual[index];
                let (odd, (wait, ttl, ip_id, window, scale)) = (odd[index], common[index]);
                millis += wait;
                number += 1;
                let options = scale.map(|shift| [1, 3, 3, shift]);
                let mut segment = segment(
                    flags ^ odd.flags,
                    seq.wrapping_add(odd.seq),
                    ack.wrapping_add(odd.ack),
                    &[],
                );
                segment.options = options.as_ref().map_or(&[], |it| it.as_slice());
                segment.window = odd.window.unwrap_or(window);
                (segment.ttl, segment.ip_id) = (ttl, ip_id);
                let from = if odd.is_other_end { from.other() } else { from };
                Noted::of(from, &segment, PacketId::new(0, number), at(millis))
            });
            let slow = Connection::replay(&noted[0], noted.iter());
            if let Some(fast) = Connection::opened(&noted) {
                prop_assert_eq!(format!("{fast:?}"), format!("{slow:?}"));
            } else {
                let is_usual = |odd: &Odd| {
                    !odd.is_other_end && (odd.seq, odd.ack) == (0, 0)
                        && odd.flags & TELLING == 0 && odd.window != Some(0)
                };
                prop_assert!(!odd.iter().all(is_usual), "nothing was unusual");
            }
        }
    }
}
