//! The code of a session, its state, and causes that the wire states.

use super::*;
use crate::session::Confidence;

fn code(scene: &Scene) -> Option<u16> {
    scene.told().verdict.code
}

#[test]
fn the_code_is_that_of_the_first_close() {
    let mut scene = Scene::open();
    scene
        .close(Server, b"\x0f\xa1why")
        .close(Client, OK)
        .fin(Server);
    assert_eq!(code(&scene), Some(4001));
    assert_eq!(scene.told().verdict.reason.as_deref(), Some("why"));
    let mut scene = Scene::open();
    scene.close(Server, b"").close(Client, OK).fin(Server);
    assert_eq!(code(&scene), Some(1005));
    let mut scene = Scene::open();
    scene.close(Server, b"\x03\xee").fin(Client);
    assert_eq!(code(&scene), Some(1006), "as sent, legal or not");
}

#[test]
fn without_a_close_it_is_1006_and_while_open_there_is_none() {
    let mut scene = Scene::open();
    scene.fin(Client);
    assert_eq!(code(&scene), Some(1006));
    let scene = Scene::open();
    assert_eq!(code(&scene), None);
    let told = scene.told();
    assert_eq!(told.verdict.state, State::Open);
    assert_eq!(told.verdict.cause, "open-at-end-of-capture");
    assert_eq!(
        (told.verdict.clean, told.views()),
        (None, [UNKNOWN, UNKNOWN])
    );
}

#[test]
fn a_close_while_the_transport_is_up_is_closing() {
    let told = Scene::open().close(Server, OK).close(Client, OK).told();
    assert_eq!(told.verdict.state, State::Closing);
    assert_eq!(told.verdict.code, Some(1000));
    let told = Scene::open()
        .close(Server, OK)
        .close(Client, OK)
        .fin(Server)
        .told();
    assert_eq!(told.verdict.state, State::Closed);
}

#[test]
fn a_hole_in_which_a_close_may_be_is_never_a_1006() {
    for (side, len, fits) in [
        (Server, 1, false),
        (Server, 2, true),
        (Server, 3, false),
        (Server, 4, true),
        (Server, 127, true),
        (Client, 5, false),
        (Client, 6, true),
        (Client, 7, false),
        (Client, 8, true),
    ] {
        let told = Scene::open()
            .hole(side, len)
            .fin(side)
            .fin(side.other())
            .told();
        let expected = if fits { None } else { Some(1006) };
        assert_eq!(told.verdict.code, expected, "{side:?} {len}");
        assert_eq!(told.verdict.cause == "capture-gap", fits, "{side:?} {len}");
        assert_eq!(
            told.verdict.clean,
            if fits { told.verdict.clean } else { UNCLEAN }
        );
    }
}

#[test]
fn a_hole_that_frames_follow_hides_no_close() {
    let told = Scene::open()
        .hole(Server, 40)
        .found(Server)
        .fin(Server)
        .told();
    assert_eq!(told.verdict.code, Some(1006));
}

#[test]
fn a_direction_that_is_not_captured_may_have_had_a_close() {
    for side in Side::BOTH {
        let told = Scene::open().fin(side).not_captured(side.other()).told();
        assert_eq!(told.verdict.code, None, "{side:?}");
        assert_ne!(told.verdict.clean, CLEAN);
    }
}

#[test]
fn a_close_whose_code_is_lost_has_none() {
    let mut scene = Scene::open();
    scene.close(Server, OK).fin(Server).fin(Client);
    scene.facts.sides.server.closes[0].frame = CloseFrame::new(b"", true, None);
    let told = scene.told();
    assert_eq!(told.verdict.code, None);
    assert_eq!(told.views()[0], (None, UNCLEAN));
    assert_eq!(told.verdict.cause, "capture-gap");
}

#[test]
fn codes_that_tell_their_cause() {
    for (code, cause, culprit) in [
        (1003u16, "unsupported-data", Some(Party::Client)),
        (1008, "policy-violation", Some(Party::Client)),
        (1012, "service-restart", Some(Party::Server)),
        (1013, "try-again-later", Some(Party::Server)),
        (1014, "bad-gateway", Some(Party::Server)),
        (4000, "application-close", None),
    ] {
        let body = code.to_be_bytes();
        let told = Scene::open()
            .close(Server, &body)
            .close(Client, &body)
            .fin(Server)
            .told();
        assert_eq!((told.verdict.cause, told.verdict.culprit), (cause, culprit));
    }
}

#[test]
fn normal_ends_are_told_apart_by_code_and_sender() {
    let cause = |from: Side, body: &[u8]| {
        let mut scene = Scene::open();
        scene
            .close(from, body)
            .close(from.other(), body)
            .fin(Server);
        scene.told().verdict.cause
    };
    assert_eq!(cause(Client, OK), "closed-normal");
    assert_eq!(cause(Server, OK), "closed-normal");
    assert_eq!(cause(Client, b""), "closed-without-code");
    assert_eq!(cause(Client, b"\x03\xe9"), "client-going-away");
    assert_eq!(cause(Server, b"\x03\xe9"), "server-going-away");
    assert_eq!(cause(Server, b"\x03\xee"), "unassigned-close-code");
}

#[test]
fn a_close_without_an_answer_says_so_only_where_none_can_be_lost() {
    let told = Scene::open()
        .close(Server, OK)
        .wait(10)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.verdict.cause, "close-unanswered");
    assert_eq!(told.verdict.culprit, Some(Party::Client));
    // Who takes the transport away at once gets no answer.
    let told = Scene::open()
        .close(Server, OK)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.verdict.cause, "cut-after-close-sent");
    assert_eq!(told.verdict.culprit, Some(Party::Server));
    let mut scene = Scene::open();
    scene
        .close(Server, OK)
        .wait(10)
        .hole(Client, 8)
        .fin(Server)
        .fin(Client);
    assert_eq!(scene.told().verdict.cause, "closed-normal");
}

#[test]
fn an_end_without_a_close_is_told_by_the_pause_before_it() {
    for (side, busy) in [
        (Client, "client-closed-mid-traffic"),
        (Server, "server-closed-mid-traffic"),
    ] {
        assert_eq!(Scene::open().fin(side).told().verdict.cause, busy);
        let told = Scene::open().wait(13).fin(side).told();
        assert_eq!(told.verdict.cause, "fin-without-close");
        let told = Scene::open().wait(13).rst(side).told();
        assert_eq!(told.verdict.cause, "rst-unprompted");
        // The clock of many proxies and servers.
        let told = Scene::open().wait(60).fin(side).told();
        assert_eq!(told.verdict.cause, "idle-timeout");
    }
}

#[test]
fn a_forged_rst_names_the_network() {
    let told = Scene::open().forged(Server).say(Server, 10).told();
    assert_eq!(
        (told.verdict.cause, told.verdict.culprit),
        ("rst-injected", Some(Party::Network))
    );
    // Both ends, at once, in the name of each other.
    let mut scene = Scene::open();
    scene.forged(Server).forged(Client);
    assert_eq!(scene.told().verdict.cause, "rst-both-ways");
    assert_eq!(scene.told().verdict.closer, Some(Party::Network));
}

#[test]
fn a_violation_is_to_blame_on_its_sender_not_on_who_says_1002() {
    let told = Scene::open()
        .breaks(Client, Rule::ReservedBit)
        .close(Server, b"\x03\xea")
        .fin(Server)
        .told();
    assert_eq!(told.verdict.cause, "protocol-violation");
    assert_eq!(told.verdict.culprit, Some(Party::Client));
    let told = Scene::open()
        .breaks(Client, Rule::TextNotUtf8)
        .close(Server, b"\x03\xef")
        .fin(Server)
        .told();
    assert_eq!(told.verdict.cause, "text-not-utf8");
    let told = Scene::open().close(Server, b"\x03\xea").fin(Server).told();
    assert_eq!(told.verdict.cause, "protocol-error-unexplained");
}

#[test]
fn a_violation_explains_an_end_best_where_the_other_side_ended_it() {
    let confidence = |by| {
        let told = Scene::open()
            .breaks(Client, Rule::ReservedBit)
            .fin(by)
            .told();
        assert_eq!(told.verdict.cause, "protocol-violation");
        assert_eq!(told.verdict.culprit, Some(Party::Client));
        told.verdict.confidence
    };
    assert!(confidence(Server) > confidence(Client));
}

#[test]
fn evidence_is_there_and_in_order_of_time() {
    let told = Scene::open()
        .close(Server, OK)
        .close(Client, OK)
        .fin(Server)
        .fin(Client)
        .told();
    let evidence = &told.verdict.evidence;
    assert!(
        evidence
            .iter()
            .any(|item| item.packet == PacketId::new(0, 7)),
        "{evidence:?}"
    );
    assert!(evidence.is_sorted_by_key(|item| (item.time, item.packet)));
}

#[test]
fn an_answer_to_a_close_that_is_lost_is_not_the_first() {
    let mut scene = Scene::open();
    scene.hole(Server, 30).close(Client, OK).fin(Client);
    let told = scene.told();
    assert_eq!((told.verdict.code, told.verdict.closer), (None, None));
    assert_eq!(told.verdict.cause, "capture-gap");
    // The same code, if it was a Close: the code stands, and who was first does not.
    let mut scene = Scene::open();
    scene.hole(Server, 4).close(Client, OK).fin(Client);
    let told = scene.told();
    assert_eq!((told.verdict.code, told.verdict.closer), (Some(1000), None));
    assert_eq!(told.verdict.confidence, Confidence::High);
}

#[test]
fn nothing_is_certain_of_a_close_whose_outcome_is_not_in_the_capture() {
    let mut scene = Scene::open();
    let told = scene.close(Client, OK).told();
    assert_eq!(told.verdict.confidence, Confidence::High);
    let told = scene.close(Server, OK).told();
    assert_eq!(told.verdict.confidence, Confidence::Certain);
}

#[test]
fn a_close_that_the_others_fin_answers_was_not_cut_by_its_sender() {
    let mut scene = Scene::open();
    scene.close(Client, OK).fin(Client);
    assert_eq!(scene.told().verdict.cause, "cut-after-close-sent");
    // The server's FIN is known by what acknowledges it: it has that packet's place.
    let own = scene.facts.sides.client.fin;
    scene.facts.sides.server.fin = own.map(|own| Mark {
        start: HEADS + 50,
        end: HEADS + 51,
        heard: Some(own.start),
        ..own
    });
    scene.facts.sides.client.fin = own.map(|own| Mark {
        heard: Some(HEADS + 51),
        ..own
    });
    assert_eq!(scene.told().verdict.cause, "close-unanswered");
}

#[test]
fn a_server_that_ends_right_after_its_101_does_not_relay() {
    let silent = || {
        let mut scene = Scene::asked();
        scene.answer(Answer::Switched(None));
        scene
    };
    let told = silent().fin(Server).told();
    assert_eq!(told.verdict.cause, "tunnel-not-relayed");
    // The client ended it, time went by, or a frame passed.
    for mut other in [silent(), silent(), Scene::open()] {
        let side = if other.facts.sides.client.sent_frame {
            Server
        } else {
            Client
        };
        let told = other.wait(7).fin(side).told();
        assert_ne!(told.verdict.cause, "tunnel-not-relayed");
    }
    assert_ne!(
        silent().wait(7).fin(Server).told().verdict.cause,
        "tunnel-not-relayed"
    );
}

#[test]
fn a_frame_without_its_end_says_more_than_bytes_that_were_not_read() {
    let mut scene = Scene::open();
    scene.say(Client, 50).say(Client, 50).rst(Server);
    scene.facts.sides.client.habits.segments_in_a_row = 2;
    assert_eq!(scene.told().verdict.cause, "rst-unread-data");
    scene.facts.sides.server.tail = crate::ws::Tail::InHeader;
    assert_eq!(scene.told().verdict.cause, "cut-inside-frame");
}

#[test]
fn times_from_broken_clocks_are_no_reason_to_stop() {
    let mut scene = Scene::open();
    scene.close(Client, OK).fin(Client);
    scene.facts.round_trip = Some(i64::MAX);
    assert_eq!(scene.told().verdict.code, Some(1000));
}
