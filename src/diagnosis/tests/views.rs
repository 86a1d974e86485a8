//! What each end's API reports.

use super::*;

#[test]
fn a_closing_handshake_is_clean_for_both() {
    let told = Scene::open()
        .close(Client, b"\x03\xe8bye")
        .close(Server, OK)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.views(), [NORMAL, NORMAL]);
    assert_eq!(told.verdict.clean, CLEAN);
    assert_eq!(told.verdict.server_view.reason.as_deref(), Some("bye"));
    assert_eq!(told.verdict.client_view.reason.as_deref(), Some(""));
    assert!(!told.verdict.client_view.presumed);
}

#[test]
fn an_empty_close_is_1005() {
    let told = Scene::open()
        .close(Server, b"")
        .close(Client, b"")
        .fin(Server)
        .told();
    let none = (Some(1005), CLEAN);
    assert_eq!(told.views(), [none, none]);
}

#[test]
fn without_a_close_both_report_1006() {
    let told = Scene::open().fin(Client).fin(Server).told();
    assert_eq!(told.views(), [ABNORMAL, ABNORMAL]);
    let told = Scene::open().rst(Server).told();
    assert_eq!(told.views(), [ABNORMAL, ABNORMAL]);
}

#[test]
fn each_end_reports_what_the_other_sent() {
    let told = Scene::open()
        .close_hearing(Client, b"\x03\xe9", Heard::Nothing)
        .close_hearing(Server, b"\x0f\xa0", Heard::Nothing)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.views(), [(Some(4000), CLEAN), (Some(1001), CLEAN)]);
}

#[test]
fn a_close_that_got_no_answer_is_clean_for_neither() {
    let told = Scene::open()
        .close(Server, OK)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.views(), [(Some(1000), UNCLEAN), ABNORMAL]);
    assert_eq!(told.verdict.clean, UNCLEAN);
}

#[test]
fn an_end_that_has_sent_fin_sees_no_close_any_more() {
    // The Close crosses the FIN.
    let told = Scene::open()
        .fin(Client)
        .close_hearing(Server, OK, Heard::Nothing)
        .told();
    assert_eq!(told.views(), [ABNORMAL, ABNORMAL]);
    // The FIN acknowledges the Close.
    let told = Scene::open().close(Server, OK).fin(Client).told();
    assert_eq!(told.views()[0], (Some(1000), UNCLEAN));
}

#[test]
fn an_end_that_reset_behind_its_close_did_not_read_the_answer() {
    let told = Scene::open()
        .close(Client, OK)
        .close(Server, OK)
        .rst_hearing(Client, Heard::Nothing)
        .told();
    assert_eq!(told.views(), [ABNORMAL, NORMAL]);
    // It had acknowledged the answer before.
    let mut scene = Scene::open();
    scene.close(Client, OK).close(Server, OK);
    scene.facts.sides.server.acked = scene.ends[1];
    let told = scene.rst_hearing(Client, Heard::Nothing).told();
    assert_eq!(told.views(), [NORMAL, NORMAL]);
}

#[test]
fn a_late_rst_of_the_peer_spoils_nothing() {
    let told = Scene::open()
        .close(Client, OK)
        .close(Server, OK)
        .fin(Client)
        .rst_hearing(Server, Heard::Nothing)
        .told();
    assert_eq!(told.views()[0], NORMAL);
}

#[test]
fn a_violation_before_the_close_fails_its_receiver() {
    let told = Scene::open()
        .breaks(Client, Rule::ReservedBit)
        .close(Client, OK)
        .close(Server, b"\x03\xea")
        .fin(Server)
        .told();
    assert_eq!(told.views(), [(Some(1002), CLEAN), ABNORMAL]);
    // Behind its Close nobody reads any more.
    let told = Scene::open()
        .close(Client, OK)
        .breaks(Client, Rule::DataAfterClose)
        .close(Server, OK)
        .fin(Server)
        .told();
    assert_eq!(told.views(), [NORMAL, NORMAL]);
}

#[test]
fn a_code_alone_shows_no_violation() {
    for code in [1002u16, 1007, 1009] {
        let told = Scene::open()
            .close(Server, &code.to_be_bytes())
            .close(Client, &code.to_be_bytes())
            .fin(Server)
            .told();
        let seen = (Some(code), CLEAN);
        assert_eq!(told.views(), [seen, seen]);
    }
}

#[test]
fn a_close_that_is_a_violation_fails_its_receiver() {
    for payload in [&b"\x03"[..], b"\x03\xee", b"\x03\xe8\xff"] {
        let told = Scene::open()
            .close(Server, payload)
            .close(Client, b"\x03\xea")
            .fin(Client)
            .told();
        assert_eq!(told.views(), [ABNORMAL, (Some(1002), CLEAN)], "{payload:?}");
    }
}

#[test]
fn silence_is_1006_for_both() {
    let told = Scene::open().say(Server, 10).unanswered(Server, 3).told();
    assert_eq!(told.views(), [ABNORMAL, ABNORMAL]);
    // A Close that was repeated in vain was not received.
    let told = Scene::open().close(Server, OK).unanswered(Server, 5).told();
    assert_eq!(told.views()[0], ABNORMAL);
    // Twice is a lost segment, not the end.
    let told = Scene::open().say(Server, 10).unanswered(Server, 2).told();
    assert_eq!(told.views(), [UNKNOWN, UNKNOWN]);
}

#[test]
fn the_echo_that_fits_its_hole_is_presumed() {
    let view = |from: Side, payload: &[u8], len| {
        let told = Scene::open()
            .close(from, payload)
            .hole(from.other(), len)
            .fin(from)
            .told();
        match from {
            Client => told.verdict.client_view,
            Server => told.verdict.server_view,
        }
    };
    for (from, header) in [(Client, 2), (Server, 6)] {
        let echo = view(from, b"\x03\xe9ab", header + 4);
        assert_eq!(
            (echo.code, echo.clean, echo.presumed),
            (Some(1001), CLEAN, true)
        );
        assert_eq!(echo.reason.as_deref(), Some("ab"));
        let empty = view(from, b"", header);
        assert_eq!((empty.code, empty.presumed), (Some(1005), true));
        for other in [header + 2, header + 5] {
            let other = view(from, b"\x03\xe9ab", other);
            assert_eq!(
                (other.code, other.clean, other.presumed),
                (None, None, false)
            );
        }
    }
}

#[test]
fn where_a_close_may_be_lost_nothing_is_reported() {
    let told = Scene::open()
        .hole(Server, 40)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.views()[0], UNKNOWN);
    // Frames behind the hole: a Close is the last of its sender's frames.
    let told = Scene::open()
        .hole(Server, 40)
        .found(Server)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.views(), [ABNORMAL, ABNORMAL]);
}

#[test]
fn its_own_close_may_be_lost_too() {
    let told = Scene::open()
        .close(Client, OK)
        .hole(Server, 40)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.views(), [UNKNOWN, (Some(1000), None)]);
    assert_eq!(told.verdict.clean, None);
}

#[test]
fn a_direction_that_is_not_captured_is_not_judged() {
    let told = Scene::open()
        .close(Client, OK)
        .fin(Client)
        .not_captured(Server)
        .told();
    assert_eq!(told.views(), [UNKNOWN, (Some(1000), None)]);
    let told = Scene::open().fin(Client).not_captured(Server).told();
    assert_eq!(told.views(), [UNKNOWN, ABNORMAL]);
}

#[test]
fn a_forged_rst_ends_the_side_that_it_reaches() {
    // In the server's name, before the server's Close: the client is gone by then.
    let told = Scene::open().forged(Server).close(Server, OK).told();
    assert_eq!(told.views()[0], ABNORMAL);
    // It went on sending after "its" RST, and its peer had closed and acknowledged before.
    let mut scene = Scene::open();
    scene.close(Client, OK).close(Server, OK).fin(Client);
    let told = scene.forged(Client).told();
    assert_eq!(told.views()[0], NORMAL);
}

#[test]
fn while_the_transport_is_up_only_what_came_is_reported() {
    // Nothing shows yet that it came.
    let told = Scene::open().close(Server, OK).told();
    assert_eq!(told.verdict.state, State::Closing);
    assert_eq!(told.views(), [UNKNOWN, UNKNOWN]);
    // It came, and the answer to it may come still.
    let told = Scene::open().close(Server, OK).say(Client, 10).told();
    assert_eq!(told.views(), [(Some(1000), None), UNKNOWN]);
}

#[test]
fn a_reset_may_follow_a_close_that_the_capture_lost() {
    // An end that had closed and resets has not read the answer, and whether it had is lost.
    let mut scene = Scene::open();
    scene
        .hole(Client, 8)
        .close(Server, OK)
        .rst_hearing(Client, Heard::All);
    scene.facts.sides.server.acked = HEADS;
    assert_eq!(scene.told().views()[0], UNKNOWN);
    // It was acknowledged before, so it was read.
    scene.facts.sides.server.acked = scene.facts.sides.server.closes[0].mark.end;
    assert_eq!(scene.told().views()[0].0, Some(1000));
}

#[test]
fn a_server_has_no_view_of_what_was_perhaps_no_websocket() {
    let mut scene = Scene::asked();
    scene.hole(Server, 300).fin(Server).fin(Client);
    scene.facts.answer = Answer::Lost;
    assert_eq!(scene.told().views(), [UNKNOWN, UNKNOWN]);
    assert_eq!(scene.told().verdict.code, None);
}

#[test]
fn a_capture_that_begins_behind_a_stream_may_have_missed_its_close() {
    let mut scene = Scene::open();
    scene.facts.sides.server.begins_behind = true;
    scene.facts.sides.server.sent_frame = false;
    let told = scene.close(Client, OK).fin(Server).fin(Client).told();
    assert_eq!(told.views()[0], UNKNOWN);
    assert_eq!((told.verdict.code, told.verdict.closer), (None, None));
}

#[test]
fn an_answer_may_come_as_long_as_its_side_has_not_ended() {
    let told = Scene::open().close(Server, OK).fin(Server).told();
    assert_eq!(told.views()[0].1, None);
    let told = Scene::open()
        .close(Server, OK)
        .fin(Server)
        .fin(Client)
        .told();
    assert_eq!(told.views()[0].1, UNCLEAN);
}
