//! Who gave the first terminating signal, and how the transport ended.

use super::*;
use crate::session::{Confidence, EndKind};

fn closer(scene: &Scene) -> Option<Party> {
    scene.told().verdict.closer
}

const CLIENT: Option<Party> = Some(Party::Client);
const SERVER: Option<Party> = Some(Party::Server);
const BOTH: Option<Party> = Some(Party::Both);
const NETWORK: Option<Party> = Some(Party::Network);

#[test]
fn the_sender_of_the_first_close_is_the_closer() {
    for side in Side::BOTH {
        let mut scene = Scene::open();
        scene
            .close(side, OK)
            .close(side.other(), OK)
            .fin(side.other());
        assert_eq!(closer(&scene), Some(side.into()));
    }
}

#[test]
fn acknowledgements_tell_the_first_whatever_the_file_says() {
    let mut scene = Scene::open();
    scene.close(Client, OK).close(Server, OK).fin(Server);
    // The answer stands before the Close in the file.
    let [client, server] = [0, 1].map(|n| if n == 0 { Client } else { Server });
    let early = scene.facts.sides[client].closes[0].mark;
    let mark = &mut scene.facts.sides[server].closes[0].mark;
    let late = (mark.packet, mark.time);
    (mark.packet, mark.time) = (early.packet, early.time);
    let mark = &mut scene.facts.sides[client].closes[0].mark;
    (mark.packet, mark.time) = late;
    assert_eq!(closer(&scene), CLIENT);
}

#[test]
fn closes_that_cross_are_of_both() {
    let mut scene = Scene::open();
    scene
        .close_hearing(Client, OK, Heard::Nothing)
        .close_hearing(Server, OK, Heard::Nothing)
        .fin(Server);
    assert_eq!(closer(&scene), BOTH);
    assert_eq!(scene.told().verdict.cause, "simultaneous-close");
}

#[test]
fn a_fin_that_stands_before_every_close_is_the_first_signal() {
    let mut scene = Scene::open();
    scene.fin(Server).close(Client, OK).fin(Client);
    assert_eq!(closer(&scene), SERVER);
    // The FIN acknowledges the Close.
    let mut scene = Scene::open();
    scene.close(Client, OK).fin(Server);
    assert_eq!(closer(&scene), CLIENT);
}

#[test]
fn without_a_close_the_first_end_of_the_transport_tells() {
    for side in Side::BOTH {
        let mut scene = Scene::open();
        scene.fin(side).fin(side.other());
        assert_eq!(closer(&scene), Some(side.into()));
        let mut scene = Scene::open();
        scene.rst(side);
        assert_eq!(closer(&scene), Some(side.into()));
        let mut scene = Scene::open();
        scene.fin(side).rst(side.other());
        assert_eq!(closer(&scene), Some(side.into()));
    }
}

#[test]
fn a_malformed_close_is_no_signal_and_one_with_an_illegal_code_is() {
    for payload in [&b"\x03"[..], b"\x03\xe8\xff"] {
        let mut scene = Scene::open();
        scene
            .close(Client, payload)
            .close(Server, b"\x03\xea")
            .fin(Server);
        assert_eq!(closer(&scene), SERVER, "{payload:?}");
    }
    let mut scene = Scene::open();
    scene
        .close(Client, b"\x03\xee")
        .close(Server, b"\x03\xea")
        .fin(Server);
    assert_eq!(closer(&scene), CLIENT);
}

#[test]
fn silence_is_the_networks_unless_somebody_closed_before() {
    let mut scene = Scene::open();
    scene.say(Server, 10).unanswered(Server, 3);
    assert_eq!(closer(&scene), NETWORK);
    assert_eq!(scene.told().end.map(|end| end.how), Some(EndKind::Silence));
    assert_eq!(scene.told().verdict.cause, "peer-vanished");
    let mut scene = Scene::open();
    scene.close(Server, OK).unanswered(Server, 3);
    assert_eq!(closer(&scene), SERVER);
    let mut scene = Scene::open();
    scene.say(Server, 10).unanswered(Server, 2);
    assert_eq!(closer(&scene), None);
    assert_eq!(scene.told().verdict.state, State::Open);
}

#[test]
fn a_rst_that_its_side_did_not_send_is_the_networks() {
    let mut scene = Scene::open();
    scene.forged(Server).say(Server, 10);
    assert_eq!(closer(&scene), NETWORK);
    assert_eq!(scene.told().end.map(|end| end.from), Some(Party::Network));
    let mut scene = Scene::open();
    scene.rst(Server);
    assert_eq!(scene.told().end.map(|end| end.from), Some(Party::Server));
}

#[test]
fn a_side_whose_close_may_be_lost_may_have_closed_first() {
    let mut scene = Scene::open();
    scene.hole(Server, 40).fin(Client).fin(Server);
    assert_eq!(closer(&scene), None);
    let mut scene = Scene::open();
    scene.hole(Server, 40).close(Client, OK).fin(Client);
    assert_eq!(closer(&scene), None);
    // A hole that holds no Close takes nothing away.
    let mut scene = Scene::open();
    scene.hole(Server, 3).fin(Client).fin(Server);
    assert_eq!(closer(&scene), CLIENT);
    // What was lost may have crossed the Close that is seen; where it has the length of the
    // echo to that, it came after.
    for (len, expected) in [(40, None), (4, CLIENT)] {
        let mut scene = Scene::open();
        scene
            .close(Client, OK)
            .hole(Server, len)
            .fin(Server)
            .fin(Client);
        assert_eq!(closer(&scene), expected, "{len}");
    }
    // Unless the Close acknowledges it.
    let mut scene = Scene::open();
    scene.hole(Server, 4).close(Client, OK).fin(Server);
    assert_eq!(closer(&scene), None);
}

#[test]
fn the_transport_ends_with_its_first_signal() {
    let told = Scene::open().fin(Server).rst(Client).told();
    let end = told.end.map(|end| (end.how, end.from));
    assert_eq!(end, Some((EndKind::Fin, Party::Server)));
    let told = Scene::open().rst(Client).told();
    let end = told.end.map(|end| (end.how, end.from));
    assert_eq!(end, Some((EndKind::Rst, Party::Client)));
    assert!(Scene::open().told().end.is_none());
}

#[test]
fn a_silence_that_the_capture_ends_in_is_not_settled() {
    let sent = |times, waited: i64, watched: i64| {
        let mut scene = Scene::open();
        scene.say(Server, 10).unanswered(Server, times);
        let facts = &mut scene.facts.sides[Server];
        let (_, last) = facts.unanswered.as_mut().expect("as set");
        let (packet, first) = facts.last_data.expect("it spoke");
        last.time = crate::time::Timestamp::from_nanos(first.as_nanos() + waited);
        facts.last_data = Some((packet, first));
        let until = last.time.as_nanos() + watched;
        scene.facts.watched_until = Some(crate::time::Timestamp::from_nanos(until));
        scene.told().verdict.confidence
    };
    let second = 1_000_000_000;
    assert_eq!(sent(3, second, 0), Confidence::Low);
    assert_eq!(sent(3, second, second / 2), Confidence::Low);
    assert_eq!(sent(3, second, 2 * second), Confidence::High);
    assert_eq!(sent(6, 13 * second, 0), Confidence::High, "long enough");
}

#[test]
fn a_fin_behind_a_silence_that_it_knows_nothing_of_is_no_first_signal() {
    let mut scene = Scene::open();
    scene
        .unanswered(Server, 3)
        .fin_hearing(Client, Heard::Nothing);
    assert_eq!(closer(&scene), NETWORK);
    assert_eq!(scene.told().verdict.cause, "peer-vanished");
    // Sent twice may be late; and a FIN that is acknowledged got through.
    let mut scene = Scene::open();
    scene
        .unanswered(Server, 2)
        .fin_hearing(Client, Heard::Nothing);
    assert_eq!(closer(&scene), CLIENT);
    let mut scene = Scene::open();
    scene
        .unanswered(Server, 3)
        .fin_hearing(Client, Heard::Nothing);
    let fin = scene.facts.sides[Client].fin.expect("just sent");
    scene.facts.sides[Client].acked = fin.end;
    assert_eq!(closer(&scene), CLIENT);
}
