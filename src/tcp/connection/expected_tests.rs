//! What is expected comes to the same, whichever way it is taken.

use proptest::prelude::*;

use crate::capture::PacketId;
use crate::decode::Flags;
use crate::flow::{End, Pair};
use crate::tcp::testing::{at, segment};
use crate::tcp::{Chunk, Connection};

/// What an end does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Sends so many new bytes.
    Send(u8),
    /// The same, but the capture does not have them.
    Lose(u8),
    /// The same, and the capture has only the first of them.
    Snap(u8),
    /// Sends what stands so far back once more, and so many bytes.
    Again(u8, u8),
    /// Sends what stands so far ahead.
    Ahead(u8, u8),
    /// Acknowledges what there is, less so many bytes.
    Acknowledge(u8),
    /// Acknowledges what was never sent.
    Dream(u32),
    /// Opens or closes its window.
    Window(u16),
    KeepAlive,
    Flags(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        30 => (1..40u8).prop_map(Act::Send),
        2 => (1..40u8).prop_map(Act::Lose),
        1 => (1..40u8).prop_map(Act::Snap),
        4 => (0..90u8, 1..60u8).prop_map(|(back, len)| Act::Again(back, len)),
        2 => (1..40u8, 1..40u8).prop_map(|(ahead, len)| Act::Ahead(ahead, len)),
        20 => prop_oneof![3 => Just(0), 1 => 0..60u8].prop_map(Act::Acknowledge),
        1 => any::<u32>().prop_map(Act::Dream),
        2 => prop_oneof![Just(0), any::<u16>()].prop_map(Act::Window),
        2 => Just(Act::KeepAlive),
        1 => any::<u8>().prop_map(Act::Flags),
    ]
}

/// Milliseconds between two packets.
fn wait() -> impl Strategy<Value = i64> {
    prop_oneof![12 => 0..50i64, 2 => -20..3000i64, 1 => 15_000..30_000i64]
}

fn acts() -> impl Strategy<Value = Vec<(bool, Act, i64, u8)>> {
    prop::collection::vec((any::<bool>(), act(), wait(), any::<u8>()), 0..120)
}

/// A connection, and all that it handed on.
struct Rig {
    tcp: Connection,
    told: Vec<String>,
}

impl Rig {
    fn new() -> Self {
        Self {
            tcp: Connection::new(PacketId::new(0, 1), at(0)),
            told: Vec::new(),
        }
    }
}

/// What the acts come to where segments are predicted, and where they are not; after each of
/// them. Returns how many of them were predicted.
fn compare(begins: bool, acts: &[(bool, Act, i64, u8)]) -> u32 {
    let (mut fast, mut slow) = (Rig::new(), Rig::new());
    let bytes: Vec<u8> = (0..=255).collect();
    // Sequence numbers wrap.
    let mut next = Pair {
        a: u32::MAX - 400,
        b: 5000u32,
    };
    let mut window = Pair { a: 500u16, b: 500 };
    let (mut number, mut millis, mut predicted) = (0, 0, 0);
    let opening = [
        (false, Act::Flags(Flags::SYN), 0, 0),
        (true, Act::Flags(Flags::SYN | Flags::ACK), 1, 0),
    ];
    let opening = opening.iter().filter(|_| begins);
    for &(is_b, act, wait, variety) in opening.chain(acts) {
        let from = if is_b { End::B } else { End::A };
        let other = next[from.other()];
        let seq = next[from];
        let data = |len: u8| bytes.get(..usize::from(len)).unwrap_or_default();
        let plain = |seq, len| segment(Flags::ACK, seq, other, data(len));
        let mut it = match act {
            Act::Send(len) | Act::Lose(len) => plain(seq, len),
            Act::Snap(len) => segment(Flags::ACK, seq, other, data(len / 2)),
            Act::Again(back, len) => plain(seq.wrapping_sub(u32::from(back)), len),
            Act::Ahead(ahead, len) => plain(seq.wrapping_add(u32::from(ahead)), len),
            Act::Acknowledge(less) => {
                let ack = other.wrapping_sub(u32::from(less));
                segment(Flags::ACK, seq, ack, &[])
            }
            Act::Dream(ack) => segment(Flags::ACK, seq, ack, &[]),
            Act::Window(size) => {
                window[from] = size;
                plain(seq, 0)
            }
            Act::KeepAlive => plain(seq.wrapping_sub(1), variety & 1),
            Act::Flags(flags) => segment(flags, seq, other, &[]),
        };
        it.window = window[from];
        it.ip_id = (variety > 20).then_some(u16::from(variety));
        it.ttl = 60 + variety % 3;
        millis += wait;
        if let Act::Send(len) | Act::Lose(len) | Act::Snap(len) = act {
            next[from] = seq.wrapping_add(u32::from(len));
            it.wire_len = u32::from(len);
        } else if it.flags.has(Flags::SYN | Flags::FIN) {
            next[from] = seq.wrapping_add(1);
        }
        if let Act::Lose(_) = act {
            continue;
        }
        number += 1;
        let (packet, time) = (PacketId::new(0, number), at(millis));
        let Rig { tcp, told } = &mut fast;
        let mut note = |end: End, chunk: Chunk<'_>| told.push(format!("{end:?} {chunk:?}"));
        if tcp.handle_expected(from, &it, packet, time, &mut note) {
            predicted += 1;
        } else {
            tcp.handle_any(from, &it, packet, time, &mut note);
        }
        let Rig { tcp, told } = &mut slow;
        let mut note = |end: End, chunk: Chunk<'_>| told.push(format!("{end:?} {chunk:?}"));
        tcp.handle_any(from, &it, packet, time, &mut note);
        assert_eq!(&fast.told, &slow.told, "{:?}", act);
        let (fast, slow) = (format!("{:?}", fast.tcp), format!("{:?}", slow.tcp));
        assert_eq!(fast, slow, "after packet {} {:?}", number, act);
    }
    predicted
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_ways_come_to_the_same(begins in any::<bool>(), acts in acts()) {
        compare(begins, &acts);
    }
}

#[test]
fn a_connection_that_goes_on_is_predicted() {
    let turn = [
        (false, Act::Send(9), 1, 0),
        (true, Act::Acknowledge(0), 1, 0),
        (true, Act::Send(30), 1, 0),
        (false, Act::Acknowledge(0), 1, 0),
    ];
    // The packet that completes the handshake is not, nor are the first ones without it.
    assert_eq!(compare(true, &turn.repeat(10)), 39);
    assert_eq!(compare(false, &turn.repeat(10)), 38);
    // What is repeated is not, and what comes behind it is.
    let again = (false, Act::Again(9, 9), 500, 0);
    let broken = [&turn[..], &[again], &turn].concat();
    assert_eq!(compare(true, &broken), 7);
}
