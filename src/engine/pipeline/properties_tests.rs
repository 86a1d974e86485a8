//! What has to hold for any conversation, however its packets come.

use proptest::prelude::*;

use super::*;

/// What must not depend on the order in which packets were captured.
fn essence(session: &Session) -> impl PartialEq + std::fmt::Debug + use<> {
    let verdict = &session.verdict;
    (
        verdict.state,
        verdict.code,
        verdict.clean,
        verdict.closer,
        (verdict.client_view.clone(), verdict.server_view.clone()),
        (session.client_sent, session.server_sent),
        session.lost_bytes,
        session.closes.len(),
    )
}

/// A session with messages up and down, and one of several ends.
fn conversation() -> impl Strategy<Value = Wire> {
    (
        proptest::collection::vec((any::<bool>(), "[a-z ]{0,60}"), 0..12),
        0..5u8,
    )
        .prop_map(|(messages, end)| {
            let mut wire = Wire::open(50_000);
            for (up, text) in messages {
                wire.text(if up { Up } else { Down }, &text);
            }
            match end {
                0 => wire.close(Up, b"\x03\xe8").close(Down, b"\x03\xe8").fins(),
                1 => wire
                    .close(Down, b"\x03\xe9bye")
                    .close(Up, b"\x03\xe9")
                    .fins(),
                2 => wire.fins(),
                3 => wire.close(Up, b""),
                _ => &mut wire,
            };
            wire
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn packets_out_of_order_and_twice_tell_the_same(
        wire in conversation(),
        shifts in proptest::collection::vec(0usize..5, 64),
        twice in proptest::collection::vec(any::<bool>(), 64),
    ) {
        let expected = essence(&wire.session());
        // The SYN stays first: without it nobody can know where a stream begins.
        let mut mixed: Vec<(usize, (i64, Vec<u8>))> = wire.packets.into_iter().enumerate().collect();
        mixed.sort_by_key(|&(index, _)| if index < 3 { index } else { index + shifts[index % 64] });
        let mut packets = Vec::new();
        for (index, (_, packet)) in mixed {
            let now = i64::try_from(packets.len()).unwrap_or(0);
            packets.push((now, packet.clone()));
            if twice[index % 64] {
                packets.push((now, packet));
            }
        }
        let (sessions, _) = told(&packets);
        prop_assert_eq!(sessions.len(), 1);
        prop_assert_eq!(essence(&sessions[0]), expected);
    }

    #[test]
    fn payloads_cut_anywhere_tell_the_same(
        wire in conversation(),
        size in 1usize..80,
    ) {
        let expected = essence(&wire.session());
        let mut packets = Vec::new();
        for (millis, packet) in wire.packets {
            let (head, payload) = packet.split_at(40);
            if payload.is_empty() {
                packets.push((millis, packet));
                continue;
            }
            for (index, part) in payload.chunks(size).enumerate() {
                let mut cut = [head, part].concat();
                let total = u16::try_from(cut.len()).unwrap_or(0).to_be_bytes();
                cut[2..4].copy_from_slice(&total);
                let seq = u32::from_be_bytes([head[24], head[25], head[26], head[27]]);
                let seq = seq.wrapping_add(u32::try_from(index * size).unwrap_or(0));
                cut[24..28].copy_from_slice(&seq.to_be_bytes());
                packets.push((millis, cut));
            }
        }
        let (sessions, _) = told(&packets);
        prop_assert_eq!(sessions.len(), 1);
        prop_assert_eq!(essence(&sessions[0]), expected);
    }

    #[test]
    fn damaged_packets_do_not_panic(
        wire in conversation(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..40),
        drops in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut packets = wire.packets;
        for (packet, place, byte) in damage {
            let packet = packet.index(packets.len());
            let data = &mut packets[packet].1;
            let place = place.index(data.len());
            data[place] = byte;
        }
        for drop in drops {
            packets.remove(drop.index(packets.len()));
        }
        let (sessions, summary) = told(&packets);
        prop_assert_eq!(summary.sessions, sessions.len() as u64);
        prop_assert_eq!(summary.packets, packets.len() as u64);
    }

    #[test]
    fn lost_packets_never_make_an_end_that_was_not(
        wire in conversation(),
        drops in proptest::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let whole = wire.session();
        let mut packets = wire.packets;
        for drop in drops {
            // The opening stays: without it much is unknown, and rightly so.
            if packets.len() > 6 {
                packets.remove(5 + drop.index(packets.len() - 5));
            }
        }
        let (sessions, _) = told(&packets);
        prop_assert_eq!(sessions.len(), 1);
        let (code, was) = (sessions[0].verdict.code, whole.verdict.code);
        let sent: Vec<_> = whole.closes.iter().map(|close| close.code.or(Some(1005))).collect();
        prop_assert!(code.is_none() || code == was || sent.contains(&code), "{:?} was {:?}", code, was);
        for close in &sessions[0].closes {
            prop_assert!(whole.closes.iter().any(|sent| (sent.from, sent.code) == (close.from, close.code)));
        }
    }

    #[test]
    fn a_capture_that_begins_anywhere_invents_nothing(
        wire in conversation(),
        begin in any::<prop::sample::Index>(),
    ) {
        let whole = wire.session();
        let begin = begin.index(wire.packets.len());
        let (sessions, _) = told(&wire.packets[begin..]);
        prop_assert!(sessions.len() <= 1);
        if let Some(session) = sessions.first() {
            prop_assert_eq!(session.client, whole.client);
            for close in &session.closes {
                prop_assert!(whole.closes.iter().any(|sent| (sent.from, sent.code) == (close.from, close.code)));
            }
            let code = session.verdict.code;
            prop_assert!(code.is_none() || code == whole.verdict.code, "{:?}", code);
            let messages = |session: &Session| (session.client_sent.messages, session.server_sent.messages);
            let (had, have) = (messages(&whole), messages(session));
            prop_assert!(have.0 <= had.0 && have.1 <= had.1);
        }
    }
}
