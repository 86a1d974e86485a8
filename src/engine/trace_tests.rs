#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;

use super::*;

fn packet(number: u64, data: &[u8]) -> Packet<'_> {
    Packet {
        id: PacketId::new(0, number),
        time: Timestamp::from_nanos(i64::try_from(number).unwrap()),
        link: LinkType(1),
        wire_len: u32::try_from(data.len()).unwrap(),
        data,
    }
}

/// Number, captured length and length on the wire of each packet.
fn kept(recording: &Recording) -> Vec<(u64, usize, u32)> {
    let mut kept = Vec::new();
    let Ok(()) = recording.each(|packet| {
        assert!(packet.data.iter().all(|&byte| byte == 7));
        assert_eq!(
            packet.time.as_nanos(),
            i64::try_from(packet.id.number()).unwrap()
        );
        kept.push((packet.id.number(), packet.data.len(), packet.wire_len));
        Ok::<(), Infallible>(())
    });
    kept
}

#[test]
fn the_opening_stays_and_the_past_is_recent() {
    let mut recording = Recording::default();
    for number in 1..=3 {
        recording.push(&packet(number, &[7; 100]), number == 3, 1000, 1);
    }
    for number in 4..=100 {
        recording.push(&packet(number, &[7; 100]), true, 1000, 1);
    }
    let numbers: Vec<u64> = kept(&recording).iter().map(|packet| packet.0).collect();
    assert_eq!(numbers, [1, 2, 94, 95, 96, 97, 98, 99, 100]);
    assert_eq!(recording.left_out(), 91);
    assert!(recording.bytes() < 3000, "{}", recording.bytes());
}

#[test]
fn a_packet_larger_than_all_that_may_be_kept_is_cut() {
    let mut recording = Recording::default();
    recording.push(&packet(1, &[7; 60_000]), false, 4096, 1);
    recording.push(&packet(2, &[7; 60_000]), true, 4096, 1);
    assert_eq!(
        kept(&recording),
        [(1, SNAP_LEN, 60_000), (2, SNAP_LEN, 60_000)]
    );
    assert_eq!(recording.left_out(), 0);
}

#[test]
fn an_opening_without_end_is_cut_short() {
    let mut recording = Recording::default();
    for number in 1..=1000 {
        recording.push(&packet(number, &[7; 1400]), false, 10_000, 1);
    }
    let kept = kept(&recording);
    assert_eq!(kept.first().unwrap().0, 1);
    assert_eq!(kept.last().unwrap().0, 1000);
    assert!(recording.bytes() < limits::MAX_RECORDED_OPENING * 2 + 20_000);
    assert_eq!(kept.len() as u64 + recording.left_out(), 1000);
}

#[test]
fn where_there_is_no_room_new_connections_are_refused() {
    let mut recorder = Recorder::new(false);
    recorder.max = 10_000;
    let mut traces = vec![None; 100];
    for number in 1..=300 {
        let trace = traces.get_mut((number - 1) / 3).unwrap();
        let number = number as u64;
        recorder.keep(trace, &packet(number, &[7; 100]), true, number % 3 == 1);
    }
    let recorded = traces.iter().flatten().count();
    assert!((5..100).contains(&recorded), "{recorded}");
    assert_eq!(recorder.refused(), 100 - recorded as u64);
    // Whoever is recorded already lets go of as much as is added.
    let held = recorder.held.load(Ordering::Relaxed);
    let first = traces.first_mut().unwrap();
    for number in 303..=400 {
        recorder.keep(first, &packet(number, &[7; 100]), true, false);
    }
    assert_eq!(recorder.held.load(Ordering::Relaxed), held);
    assert_eq!(kept(first.as_deref().unwrap()).last().unwrap().0, 400);
    drop(traces);
    assert_eq!(recorder.held.load(Ordering::Relaxed), 0);
}

#[test]
fn what_waits_to_be_written_counts() {
    let mut recorder = Recorder::new(false);
    let mut one = None;
    recorder.keep(&mut one, &packet(1, &[7; 100]), false, true);
    let held = recorder.held.load(Ordering::Relaxed);
    assert_eq!(held, one.as_deref().unwrap().bytes());
    let copy = one.clone();
    assert_eq!(recorder.held.load(Ordering::Relaxed), 2 * held);
    drop((one, copy));
    assert_eq!(recorder.held.load(Ordering::Relaxed), 0);
}
