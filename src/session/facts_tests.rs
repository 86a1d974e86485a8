//! Tests of what facts say by themselves: forged resets, Pings.

use super::*;
use crate::decode::{Flags, Segment};
use crate::flow::End;
use crate::tcp::Connection;
use crate::tcp::testing::{at, segment};

const RST: u8 = Flags::RST;
const ACK: u8 = Flags::ACK;

/// An end whose packets have time to live 60 and count their identifications; with these RSTs
/// behind them, each with time to live, identification and sequence number.
fn side(resets: &[(u8, Option<u16>, u32)]) -> SideFacts {
    let mut tcp = Connection::new(PacketId::new(0, 1), at(0));
    let mut packet = 0;
    let mut handle = |segment: &Segment<'_>| {
        packet += 1;
        tcp.handle_segment(
            End::A,
            segment,
            PacketId::new(0, packet),
            at(1),
            &mut |_, _| {},
        );
    };
    for id in 100..103u16 {
        handle(&Segment {
            ttl: 60,
            ip_id: Some(id),
            ..segment(ACK, 1000 + u32::from(id), 5000, b"x")
        });
    }
    for &(ttl, ip_id, seq) in resets {
        handle(&Segment {
            ttl,
            ip_id,
            ..segment(RST, seq, 0, b"")
        });
    }
    SideFacts {
        habits: tcp.habits(End::A),
        ..SideFacts::default()
    }
}

#[test]
fn one_mark_makes_no_forgery_and_two_do() {
    for (resets, marks) in [
        (&[(60, Some(103), 1103)][..], 0),
        (&[(61, Some(103), 1103)], 0),
        (&[(62, Some(103), 1103)], 1),
        (&[(58, Some(103), 1103)], 1),
        (&[(60, Some(0), 1103)], 0),
        (&[(60, None, 1103)], 0),
        (&[(60, Some(30_000), 1103)], 1),
        (&[(60, Some(103), 1103), (60, Some(104), 1103)], 0),
        (&[(60, Some(103), 1103), (60, Some(104), 2563)], 1),
        (&[(64, Some(30_000), 1103)], 2),
        (&[(64, Some(103), 1103), (64, Some(104), 2563)], 2),
    ] {
        let facts = side(resets);
        assert_eq!(
            facts.forged_marks().len(),
            marks,
            "{resets:?}: {:?}",
            facts.forged_marks()
        );
        assert_eq!(facts.is_forged(), marks >= 2, "{resets:?}");
    }
}

#[test]
fn going_on_after_its_rst_is_enough() {
    let facts = SideFacts {
        outlived_rst: true,
        ..side(&[])
    };
    assert!(facts.is_forged());
}

#[test]
fn pings_are_answered_by_their_payload() {
    let mut pings = Pings::default();
    let packet = |number| PacketId::new(0, number);
    pings.pong(b"", packet(1), at(0));
    assert_eq!(
        (pings.answered, pings.unanswered),
        (None, None),
        "unsolicited"
    );
    pings.ping(b"one", packet(2), at(1000));
    pings.pong(b"two", packet(3), at(1001));
    assert!(pings.unanswered.is_some(), "an answer to something else");
    pings.ping(b"two", packet(4), at(3000));
    assert_eq!(pings.unanswered, Some((packet(2), at(1000), 2)));
    pings.pong(b"one", packet(5), at(3001));
    assert!(pings.unanswered.is_some(), "an answer to the one before");
    pings.pong(b"two", packet(6), at(3005));
    assert_eq!(pings.unanswered, None);
    assert_eq!(
        pings.answered.map(|pong| (pong.delay, pong.packet)),
        Some((5_000_000, packet(6)))
    );
    pings.ping(b"three", packet(7), at(9000));
    assert_eq!(pings.interval, Some((2_000_000_000, 6_000_000_000)));
    assert_eq!(pings.span, Some((at(1000), at(9000))));
}

#[test]
fn a_pong_that_comes_after_the_end_is_late() {
    let packet = |number| PacketId::new(0, number);
    let mut pings = Pings::default();
    pings.ping(b"", packet(1), at(1000));
    assert!(matches!(
        pings.unanswered_at(at(2000)),
        Some(((_, _, 1), None))
    ));
    pings.pong(b"", packet(2), at(3000));
    assert!(matches!(
        pings.unanswered_at(at(2000)),
        Some(((_, _, 1), Some(_)))
    ));
    assert_eq!(pings.unanswered_at(at(4000)), None);
}

#[test]
fn resets_of_both_ends_are_one_box_only_where_they_come_together() {
    let mark = |millis| {
        Some(Mark {
            start: 0,
            end: u64::MAX,
            heard: None,
            packet: PacketId::new(0, 1),
            time: at(millis),
        })
    };
    let facts = |client, server| {
        let mut facts = Facts::default();
        facts.sides.client.rst = client;
        facts.sides.server.rst = server;
        facts
    };
    assert!(facts(mark(0), mark(100)).has_crossed_resets());
    assert!(!facts(mark(0), mark(101)).has_crossed_resets());
    assert!(!facts(mark(0), None).has_crossed_resets());
    let mut closed = facts(mark(0), mark(0));
    closed.sides.client.fin = mark(0);
    assert!(!closed.has_crossed_resets());
}
