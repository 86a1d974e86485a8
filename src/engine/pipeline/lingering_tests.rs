//! Tests of connections that have ended, and of packets that come late.

use super::*;

/// Where a connection stands once these packets were taken, with what was told of it by then.
fn followed(wire: &Wire) -> (Pipeline, &'static str) {
    let mut pipeline = Pipeline::new(Detail::Whole);
    feed(&mut pipeline, &wire.packets);
    let mut all = pipeline.flows.iter().map(|(_, followed)| followed);
    let name = match all.next() {
        Some(Followed::TimeWait(_)) => "told",
        Some(Followed::Whole(_)) => "followed",
        _ => "something else",
    };
    assert!(all.next().is_none());
    drop(all);
    (pipeline, name)
}

fn closed() -> Wire {
    let mut wire = Wire::open(50_000);
    wire.text(Up, "hello")
        .close(Up, b"\x03\xe8")
        .close(Down, b"\x03\xe8")
        .fins();
    wire
}

#[test]
fn a_closed_connection_is_told_at_once() {
    let wire = closed();
    let (pipeline, name) = followed(&wire);
    assert_eq!(name, "told");
    assert_eq!(pipeline.told.sessions.waiting().len(), 1);
    let (sessions, summary) = pipeline.finish();
    assert_eq!((sessions.len(), summary.connections), (1, 1));
    assert_eq!(sessions[0].last_packet.number(), wire.packets.len() as u64);
}

#[test]
fn what_may_still_be_heard_of_is_waited_for() {
    let whole = closed();
    // The last FIN is not acknowledged.
    let mut unheard = whole.clone();
    unheard.packets.pop();
    assert_eq!(followed(&unheard).1, "followed");
    // Bytes before the FIN are missing; they may have been overtaken.
    let mut overtaken = whole.clone();
    overtaken.packets.remove(5);
    assert_eq!(followed(&overtaken).1, "followed");
    // What came before the first packet may be behind it.
    let mut midstream = whole.clone();
    midstream.packets.drain(..2);
    assert_eq!(followed(&midstream).1, "followed");
    // Who reset a connection may have been somebody else.
    let mut reset = whole;
    reset.packets.pop();
    reset.send(Down, RST | ACK, b"");
    assert_eq!(followed(&reset).1, "followed");
}

#[test]
fn late_packets_of_a_closed_connection_say_nothing() {
    let wire = closed();
    let told = wire.session();
    let mut late = wire.clone();
    late.packets.extend_from_slice(&wire.packets);
    late.send(Down, ACK | FIN, b"").send(Up, RST, b"");
    let again = late.session();
    assert_eq!(format!("{told:?}"), format!("{again:?}"));
}

#[test]
fn a_closed_connection_gives_way_to_the_next_on_its_port() {
    let mut wire = closed();
    wire.seq = [77_000, 99_000];
    wire.shake()
        .send(Up, ACK, ASK.as_bytes())
        .send(Down, ACK, SWITCH.as_bytes());
    let (pipeline, name) = followed(&wire);
    assert_eq!(name, "followed");
    let (sessions, summary) = pipeline.finish();
    let states: Vec<_> = sessions.iter().map(|it| it.verdict.state).collect();
    assert_eq!(states, [State::Closed, State::Open]);
    assert_eq!(summary.connections, 2);
}
