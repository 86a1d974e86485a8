//! Endings as they happen.

use super::*;
use crate::session::Confidence;

/// An interface on which `packets` of one wire pass and the clock ticks.
struct Watched {
    pipeline: Pipeline,
    wire: Wire,
    passed: usize,
}

impl Watched {
    fn new(wire: Wire) -> Self {
        Self {
            pipeline: Pipeline::live(Detail::Whole),
            wire,
            passed: 0,
        }
    }

    /// Lets pass what the wire got meanwhile.
    fn pass(&mut self) {
        for (millis, data) in self.wire.packets.get(self.passed..).unwrap_or_default() {
            self.passed += 1;
            self.pipeline.handle_packet(&Packet {
                id: PacketId::new(0, self.passed as u64),
                time: Timestamp::from_nanos(millis * 1_000_000),
                link: RAW_IP,
                wire_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
                data,
            });
        }
    }

    /// So many milliseconds without a packet; numbers and codes of what is told then.
    fn quiet(&mut self, millis: i64) -> Vec<(u64, Option<u16>)> {
        self.pass();
        let end = self.wire.millis + millis;
        while self.wire.millis < end {
            self.wire.millis = end.min(self.wire.millis + 100.max(millis / 100));
            let now = Timestamp::from_nanos(self.wire.millis * 1_000_000);
            self.pipeline.handle_tick(now);
            self.pipeline.conclude_ended(now, usize::MAX);
        }
        let told = self.pipeline.take_sessions();
        told.iter()
            .map(|(session, _)| (session.number, session.verdict.code))
            .collect()
    }
}

#[test]
fn an_end_is_told_once_and_soon() {
    let mut watched = Watched::new(Wire::open(50_000));
    assert_eq!(watched.quiet(3_600_000), []);
    assert_eq!(watched.pipeline.glance().sessions, 1);
    watched.wire.close(Up, &[3, 232]).close(Down, &[3, 232]);
    assert_eq!(watched.quiet(1000), [], "the transport has not ended");
    watched.wire.fins();
    assert_eq!(watched.quiet(250), []);
    assert_eq!(watched.quiet(400), [(1, Some(1000))]);
    // Late packets are no second session, whatever they hold.
    watched.wire.text(Up, "late").send(Down, RST, b"");
    assert_eq!(watched.quiet(200_000), []);
    assert_eq!(watched.pipeline.flows.len(), 0);
    while watched.pipeline.finish_some() {}
    assert_eq!(watched.quiet(0), []);
    let summary = watched.pipeline.summary();
    assert_eq!((summary.sessions, summary.abnormal), (1, 0));
}

#[test]
fn a_refusal_is_told_and_the_next_attempt_is_another_session() {
    let mut watched = Watched::new(Wire::new(50_000));
    let ask = ASK.as_bytes();
    watched.wire.shake().send(Up, ACK, ask);
    watched.wire.send(Down, ACK, REFUSAL.as_bytes());
    assert_eq!(watched.quiet(600), [(1, Some(1006))]);
    assert_eq!(watched.quiet(10_000), []);
    watched.wire.send(Up, ACK, ask);
    watched.wire.send(Down, ACK, SWITCH.as_bytes());
    watched.wire.close(Up, b"").close(Down, b"").fins();
    assert_eq!(watched.quiet(700), [(2, Some(1005))]);
}

#[test]
fn half_an_end_is_told_when_nothing_follows() {
    let mut watched = Watched::new(Wire::open(50_000));
    watched.wire.send(Down, ACK | FIN, b"");
    assert_eq!(watched.quiet(50_000), []);
    assert_eq!(watched.quiet(15_000), [(1, Some(1006))]);
    watched.wire.send(Up, ACK | FIN, b"");
    assert_eq!(watched.quiet(1000), []);
}

#[test]
fn silence_is_told_unless_it_ends() {
    let repeated = |watched: &mut Watched| {
        let seq = watched.wire.seq;
        for wait in [0, 300, 600, 1200] {
            watched.wire.millis += wait;
            watched.wire.seq = seq;
            watched.wire.text(Down, "anybody there?");
        }
    };
    let mut watched = Watched::new(Wire::open(50_000));
    repeated(&mut watched);
    assert_eq!(watched.quiet(10_000), []);
    watched.wire.send(Up, ACK, b"");
    assert_eq!(watched.quiet(60_000), [], "it was heard after all");
    repeated(&mut watched);
    assert_eq!(watched.quiet(30_000), [(1, Some(1006))]);
}

#[test]
fn silence_is_less_sure_where_packets_were_dropped_meanwhile() {
    let confidence = |drops: bool| {
        let mut watched = Watched::new(Wire::open(50_000));
        let seq = watched.wire.seq;
        for wait in [0, 300, 600, 1200] {
            watched.wire.millis += wait;
            watched.wire.seq = seq;
            watched.wire.text(Down, "anybody there?");
        }
        watched.pass();
        if drops {
            let now = Timestamp::from_nanos(watched.wire.millis * 1_000_000);
            watched.pipeline.note_drops(now);
        }
        let end = Timestamp::from_nanos((watched.wire.millis + 30_000) * 1_000_000);
        watched.pipeline.handle_tick(end);
        watched.pipeline.conclude_ended(end, 1);
        let told = watched.pipeline.take_sessions();
        told.first().map(|(session, _)| session.verdict.confidence)
    };
    assert_eq!(confidence(true), Some(Confidence::Low));
    assert!(confidence(false) > Some(Confidence::Low));
}

#[test]
fn a_session_is_told_with_its_packets() {
    let mut watched = Watched::new(Wire::open(50_000));
    watched.pipeline.record(false);
    watched.wire.close(Up, b"").close(Down, b"").fins();
    watched.pass();
    let end = Timestamp::from_nanos((watched.wire.millis + 1000) * 1_000_000);
    watched.pipeline.handle_tick(end);
    watched.pipeline.conclude_ended(end, 1);
    let mut told = watched.pipeline.take_sessions();
    let (session, recording) = told.pop().expect("a session");
    let mut numbers = Vec::new();
    let kept = recording.expect("packets").each(|packet| {
        numbers.push(packet.id.number());
        Ok::<(), ()>(())
    });
    assert_eq!(kept, Ok(()));
    let all = session.first_packet.number()..=session.last_packet.number();
    assert!(numbers.into_iter().eq(all));
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let mut watched = Watched::new(Wire::open(50_000));
    watched.wire.close(Up, b"").close(Down, b"").fins();
    watched.pass();
    watched.wire.millis -= 3_600_000;
    assert_eq!(watched.quiet(1000), [(1, Some(1005))]);
}

#[test]
fn what_is_no_websocket_is_forgotten() {
    let mut watched = Watched::new(Wire::new(50_000));
    watched.wire.shake().send(Up, ACK, b"SSH-2.0-x\r\n");
    watched.quiet(1000);
    assert_eq!(watched.pipeline.flows.len(), 1);
    assert_eq!(watched.quiet(400_000), []);
    assert_eq!(watched.pipeline.flows.len(), 0);
}

#[test]
fn what_is_open_at_the_end_is_told_as_open() {
    let mut watched = Watched::new(Wire::open(50_000));
    watched.pass();
    while watched.pipeline.finish_some() {}
    assert_eq!(watched.quiet(0), [(1, None)]);
}

#[test]
fn attempts_at_a_server_that_is_known_are_told() {
    let mut watched = Watched::new(Wire::open(50_000));
    watched.pass();
    // Refused, on another port.
    let seq = watched.wire.seq;
    watched.wire.port = 50_001;
    watched.wire.send(Up, SYN, b"").send(Down, ACK | RST, b"");
    assert_eq!(watched.quiet(2_000), []);
    assert_eq!(watched.quiet(8_000), [(1, Some(1006))]);
    // Never answered.
    watched.wire.port = 50_002;
    for _ in 0..3 {
        watched.wire.seq = [7000, 1];
        watched.wire.send(Up, SYN, b"");
        assert_eq!(watched.quiet(2_000), []);
    }
    assert_eq!(watched.quiet(40_000), []);
    assert_eq!(watched.quiet(30_000), [(2, Some(1006))]);
    (watched.wire.port, watched.wire.seq) = (50_000, seq);
    watched.wire.close(Up, b"").close(Down, b"").fins();
    assert_eq!(watched.quiet(1_000), [(3, Some(1005))]);
}
