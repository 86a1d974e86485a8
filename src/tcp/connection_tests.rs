//! Tests of connections.

use super::super::testing::{Got, at, segment};
use super::*;

const SYN: u8 = Flags::SYN;
const ACK: u8 = Flags::ACK;
const FIN: u8 = Flags::FIN;
const RST: u8 = Flags::RST;

/// A connection whose end A has 1000 as its first byte's sequence number, and end B 5000.
struct Rig {
    tcp: Connection,
    got: Pair<Got>,
    packets: u64,
    millis: i64,
}

impl Rig {
    fn new() -> Self {
        Self {
            tcp: Connection::new(PacketId::new(0, 1), at(0)),
            got: Pair::default(),
            packets: 0,
            millis: 0,
        }
    }

    /// After the three-way handshake.
    fn open() -> Self {
        let mut rig = Self::new();
        rig.send(End::A, SYN, 999, 0, b"");
        rig.send(End::B, SYN | ACK, 4999, 1000, b"");
        rig.send(End::A, ACK, 1000, 5000, b"");
        rig
    }

    fn send(&mut self, from: End, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Handled {
        self.handle(from, &segment(flags, seq, ack, payload))
    }

    fn handle(&mut self, from: End, segment: &Segment<'_>) -> Handled {
        self.packets += 1;
        let got = &mut self.got;
        let packet = PacketId::new(0, self.packets);
        self.tcp
            .handle_segment(from, segment, packet, at(self.millis), &mut |end, chunk| {
                got[end].take(chunk);
            })
    }

    fn wait(&mut self, millis: i64) -> &mut Self {
        self.millis += millis;
        self
    }

    fn finish(&mut self) {
        let got = &mut self.got;
        self.tcp.finish(&mut |end, chunk| got[end].take(chunk));
    }
}

#[test]
fn the_opener_sends_the_syn_and_gets_the_syn_ack() {
    let mut rig = Rig::new();
    rig.send(End::B, SYN, 1, 0, b"");
    assert_eq!(rig.tcp.opener(), Some(End::B));
    let mut rig = Rig::new();
    rig.send(End::B, SYN | ACK, 1, 1, b"");
    assert_eq!(
        rig.tcp.opener(),
        Some(End::A),
        "of which only the answer is captured"
    );
    let mut rig = Rig::new();
    rig.send(End::B, ACK, 1, 1, b"abc");
    assert_eq!(rig.tcp.opener(), None);
}

#[test]
fn both_streams_come_out_with_what_their_ends_sent() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"ask");
    rig.send(End::B, ACK, 5000, 1003, b"answer");
    rig.send(End::A, ACK | FIN, 1003, 5006, b"");
    rig.send(End::B, ACK | FIN, 5006, 1004, b"");
    rig.send(End::A, ACK, 1004, 5007, b"");
    rig.finish();
    assert_eq!((rig.got.a.bytes, rig.got.a.gaps), (b"ask".to_vec(), vec![]));
    assert_eq!(
        (rig.got.b.bytes, rig.got.b.gaps),
        (b"answer".to_vec(), vec![])
    );
    assert!(rig.tcp.is_over());
}

#[test]
fn a_connection_may_begin_in_the_middle() {
    let mut rig = Rig::new();
    rig.send(End::A, ACK, 70, 90, b"abc");
    rig.send(End::B, ACK, 90, 73, b"xyz");
    rig.send(End::A, ACK, 73, 93, b"def");
    assert_eq!(rig.got.a.bytes, b"abcdef");
    assert_eq!(rig.got.b.bytes, b"xyz");
    assert_eq!(rig.tcp.stream(End::A).acked(), 3);
    assert!(!rig.tcp.is_over());
}

#[test]
fn a_retransmitted_syn_is_the_same_connection() {
    let mut rig = Rig::new();
    rig.send(End::A, SYN, 999, 0, b"");
    assert_eq!(
        rig.wait(1000).send(End::A, SYN, 999, 0, b""),
        Handled::Taken
    );
    rig.send(End::B, SYN | ACK, 4999, 1000, b"");
    assert_eq!(rig.send(End::B, SYN | ACK, 4999, 1000, b""), Handled::Taken);
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    assert_eq!(
        rig.send(End::A, SYN, 999, 0, b""),
        Handled::Taken,
        "late in the capture"
    );
    assert_eq!(rig.got.a.bytes, b"abc");
}

#[test]
fn a_syn_with_another_number_is_another_connection() {
    for over in [false, true] {
        let mut rig = Rig::open();
        rig.send(End::A, ACK, 1000, 5000, b"abc");
        if over {
            rig.send(End::B, RST | ACK, 5000, 1003, b"");
        }
        assert_eq!(
            rig.send(End::A, SYN, 77_777, 0, b""),
            Handled::NewConnection
        );
    }
    // The same addresses the other way round, after the end.
    let mut rig = Rig::open();
    rig.send(End::B, RST | ACK, 5000, 1000, b"");
    assert_eq!(
        rig.send(End::B, SYN, 88_888, 0, b""),
        Handled::NewConnection
    );
    assert_eq!(
        rig.send(End::B, SYN | ACK, 88_888, 1000, b""),
        Handled::NewConnection
    );
}

#[test]
fn a_stray_syn_ack_does_not_end_a_living_connection() {
    let mut rig = Rig::open();
    rig.send(End::B, ACK, 5000, 1000, b"abc");
    assert_eq!(
        rig.send(End::B, SYN | ACK, 88_888, 1000, b""),
        Handled::Taken
    );
    rig.send(End::B, ACK, 5003, 1000, b"def");
    assert_eq!(rig.got.b.bytes, b"abcdef");
}

#[test]
fn data_in_the_syn_is_the_beginning_of_the_stream() {
    // RFC 7413: TCP Fast Open.
    let mut rig = Rig::new();
    rig.send(End::A, SYN, 999, 0, b"early");
    rig.send(End::B, SYN | ACK, 4999, 1005, b"");
    rig.send(End::A, ACK, 1005, 5000, b" late");
    assert_eq!(rig.got.a.bytes, b"early late");
    assert_eq!(rig.tcp.stream(End::A).acked(), 5);
    // A server that takes the SYN only has the data sent again.
    let mut rig = Rig::new();
    rig.send(End::A, SYN, 999, 0, b"early");
    rig.send(End::B, SYN | ACK, 4999, 1000, b"");
    rig.send(End::A, ACK, 1000, 5000, b"early late");
    assert_eq!(rig.got.a.bytes, b"early late");
}

#[test]
fn a_fin_stands_behind_the_data_of_its_segment() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK | FIN, 1000, 5000, b"bye");
    let fin = rig
        .tcp
        .fin(End::A)
        .map(|fin| (fin.offset, fin.origin.packet.number()));
    assert_eq!(fin, Some((3, 4)));
    rig.wait(500).send(End::A, ACK | FIN, 1000, 5000, b"bye");
    let fin = rig
        .tcp
        .fin(End::A)
        .map(|fin| (fin.offset, fin.origin.packet.number()));
    assert_eq!(fin, Some((3, 4)), "the first one counts");
    assert_eq!(rig.got.a.bytes, b"bye");
    assert!(!rig.tcp.is_over(), "half closed");
}

#[test]
fn a_fin_says_how_much_is_missing() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    rig.send(End::A, ACK | FIN, 1010, 5000, b"");
    rig.finish();
    assert_eq!(rig.got.a.gaps, [(3, 7)]);
    assert_eq!(rig.tcp.stream(End::A).lost(), (7, 1));
}

#[test]
fn the_acknowledgement_of_a_lost_fin_is_no_missing_byte() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    rig.send(End::B, ACK | FIN, 5000, 1004, b"");
    rig.finish();
    assert_eq!(rig.got.a.gaps, []);
    // With the FIN captured, the same.
    let mut rig = Rig::open();
    rig.send(End::A, ACK | FIN, 1000, 5000, b"abc");
    rig.send(End::B, ACK | FIN, 5000, 1004, b"");
    rig.finish();
    assert_eq!(rig.got.a.gaps, []);
}

#[test]
fn an_rst_counts_only_inside_of_the_window() {
    // RFC 5961 section 3.2. End B announced 64 000 bytes.
    for (seq, counts) in [
        (1003, true),
        (1000, true),
        (1003 + 65_535, true),
        (1003 + 65_535 + 1, false),
        (999, false),
        (1003 + 0x4000_0000, false),
    ] {
        let mut rig = Rig::open();
        rig.send(End::A, ACK, 1000, 5000, b"abc");
        rig.send(End::A, RST, seq, 0, b"");
        assert_eq!(rig.tcp.rst(End::A).is_some(), counts, "{seq}");
        assert_eq!(
            rig.tcp.rst_out_of_window(End::A).is_some(),
            !counts,
            "{seq}"
        );
        assert_eq!(rig.tcp.is_over(), counts, "{seq}");
    }
}

#[test]
fn an_rst_below_what_is_acknowledged_is_ignored() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    rig.send(End::B, ACK, 5000, 1003, b"");
    rig.send(End::A, RST, 1002, 0, b"");
    assert_eq!(rig.tcp.rst(End::A), None);
    rig.send(End::A, RST, 1003, 0, b"");
    assert_eq!(rig.tcp.rst(End::A).map(|rst| rst.offset), Some(3));
}

#[test]
fn a_scaled_window_makes_room_for_an_rst_further_ahead() {
    for (shift, counts) in [(0, false), (7, true)] {
        let mut rig = Rig::new();
        rig.send(End::A, SYN, 999, 0, b"");
        let options = [2, 4, 5, 180, 1, 3, 3, shift];
        rig.handle(
            End::B,
            &Segment {
                options: &options,
                ..segment(SYN | ACK, 4999, 1000, b"")
            },
        );
        rig.send(End::B, ACK, 5000, 1000, b"");
        rig.send(End::A, RST, 1000 + 1_000_000, 0, b"");
        assert_eq!(rig.tcp.rst(End::A).is_some(), counts, "{shift}");
    }
}

#[test]
fn an_end_that_goes_on_sending_did_not_send_its_rst() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    rig.send(End::A, RST, 1003, 0, b"");
    assert!(!rig.tcp.outlived_rst(End::A));
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    assert!(
        !rig.tcp.outlived_rst(End::A),
        "a retransmission may be late in the capture"
    );
    rig.send(End::A, ACK, 1003, 5000, b"def");
    assert!(rig.tcp.outlived_rst(End::A));
    assert!(!rig.tcp.outlived_rst(End::B));
}

#[test]
fn resends_are_counted_where_a_retransmission_timer_may_be_behind_them() {
    let millis = limits::MIN_RESEND_NANOS / 1_000_000;
    let times = |rig: &Rig| rig.tcp.resend(End::A).map(|resend| resend.times);
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    assert_eq!(times(&rig), Some(1));
    for _ in 0..5 {
        rig.wait(1).send(End::A, ACK, 1000, 5000, b"abc");
    }
    assert_eq!(times(&rig), Some(1), "copies in the capture");
    rig.wait(millis - 5).send(End::A, ACK, 1000, 5000, b"abc");
    assert_eq!(times(&rig), Some(2));
    rig.wait(200).send(End::A, ACK, 1000, 5000, b"ab");
    assert_eq!(times(&rig), Some(3), "with another border");
    rig.wait(200).send(End::B, ACK, 5000, 1000, b"");
    assert_eq!(times(&rig), None, "the peer lives");
    rig.wait(200).send(End::A, ACK, 1000, 5000, b"abc");
    assert_eq!(times(&rig), Some(2), "the first time included");
    rig.wait(200).send(End::A, ACK, 1003, 5000, b"def");
    assert_eq!(times(&rig), Some(1), "new bytes");
}

#[test]
fn resends_of_what_waits_behind_a_hole_are_counted_too() {
    let mut rig = Rig::open();
    for _ in 0..4 {
        rig.wait(300).send(End::A, ACK, 1010, 5000, b"abc");
    }
    let resend = rig
        .tcp
        .resend(End::A)
        .map(|resend| (resend.offset, resend.times));
    assert_eq!(resend, Some((10, 4)));
}

#[test]
fn what_the_peer_acknowledged_is_not_resent() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    rig.send(End::B, ACK, 5000, 1003, b"");
    for _ in 0..5 {
        rig.wait(300).send(End::A, ACK, 1000, 5000, b"abc");
    }
    assert_eq!(rig.tcp.resend(End::A), None);
}

#[test]
fn an_rst_is_no_sign_of_life() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    rig.send(End::B, RST, 5000, 0, b"");
    assert!(rig.tcp.resend(End::A).is_some());
}

#[test]
fn keep_alives_are_told_from_data_and_from_acknowledgements() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    rig.send(End::B, ACK, 5000, 1003, b"");
    rig.send(End::A, ACK, 1003, 5000, b"");
    assert_eq!(rig.tcp.keep_alives(End::A), 0);
    rig.wait(45_000).send(End::A, ACK, 1002, 5000, b"");
    rig.wait(45_000).send(End::A, ACK, 1002, 5000, b"\0");
    assert_eq!(rig.tcp.keep_alives(End::A), 2);
    assert_eq!(rig.tcp.resend(End::A), None);
    assert_eq!(rig.got.a.bytes, b"abc");
    assert_eq!(rig.tcp.keep_alives(End::B), 0);
}

#[test]
fn acknowledgements_are_compared_by_offset() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1000, 5000, b"abc");
    assert!(rig.tcp.acknowledges(1003, End::A, 3));
    assert!(!rig.tcp.acknowledges(1002, End::A, 3));
    assert!(!Rig::new().tcp.acknowledges(1003, End::A, 0));
}

#[test]
fn a_hole_that_the_peer_acknowledged_is_given_up_by_any_later_packet() {
    let mut rig = Rig::open();
    rig.send(End::A, ACK, 1003, 5000, b"def");
    rig.send(End::B, ACK, 5000, 1006, b"");
    assert_eq!(rig.got.a, Got::default());
    rig.wait(1500).send(End::B, ACK, 5000, 1006, b"");
    assert_eq!(rig.got.a.gaps, [(0, 3)]);
    assert_eq!(rig.got.a.bytes, b"def");
}

#[test]
fn the_first_window_scale_option_is_found_and_hostile_options_are_not_read() {
    assert_eq!(window_scale(&[2, 4, 5, 180, 1, 3, 3, 7]), Some(7));
    assert_eq!(window_scale(&[1, 1, 1]), None);
    assert_eq!(window_scale(&[0, 3, 3, 7]), None);
    assert_eq!(window_scale(&[8, 0, 3, 3, 7]), None);
    assert_eq!(window_scale(&[8, 200, 3, 3, 7]), None);
    assert_eq!(window_scale(&[3]), None);
    assert_eq!(window_scale(&[3, 3]), None);
}
