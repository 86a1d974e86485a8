//! Sessions that never opened, or may not have.

use super::*;
use crate::http::Fault;
use crate::session::Confidence;

const FAULTS: [Fault; 5] = [
    Fault::Upgrade,
    Fault::Connection,
    Fault::Accept,
    Fault::Extension,
    Fault::Subprotocol,
];

#[test]
fn a_refused_opening_has_failed() {
    for answer in [Answer::Refused(403), Answer::NotHttp] {
        let mut scene = Scene::asked();
        let told = scene.answer(answer).fin(Server).told();
        assert_eq!(told.verdict.state, State::Failed);
        assert_eq!(told.verdict.code, Some(1006));
        assert_eq!(told.verdict.closer, Some(Party::Server));
        assert_eq!(told.views(), [ABNORMAL, UNKNOWN]);
    }
    let mut scene = Scene::asked();
    assert_eq!(
        scene.answer(Answer::Refused(403)).told().verdict.cause,
        "upgrade-refused"
    );
    let mut scene = Scene::asked();
    assert_eq!(
        scene.answer(Answer::NotHttp).told().verdict.cause,
        "not-http"
    );
}

#[test]
fn an_opening_without_an_answer_has_failed_once_it_ended() {
    assert_eq!(Scene::asked().told().verdict.state, State::Connecting);
    assert_eq!(Scene::asked().told().verdict.code, None);
    let told = Scene::asked().fin(Client).fin(Server).told();
    assert_eq!(
        (told.verdict.state, told.verdict.code),
        (State::Failed, Some(1006))
    );
    assert_eq!(told.verdict.closer, Some(Party::Client));
    assert_eq!(told.verdict.cause, "upgrade-unanswered");
    let told = Scene::asked().rst(Server).told();
    assert_eq!(
        (told.verdict.state, told.verdict.closer),
        (State::Failed, Some(Party::Server))
    );
    assert_eq!(told.verdict.cause, "upgrade-cut");
    let mut scene = Scene::asked();
    scene.facts.superseded = true;
    assert_eq!(scene.told().verdict.state, State::Failed);
}

#[test]
fn a_101_that_a_client_refuses_has_failed() {
    for fault in FAULTS {
        let mut scene = Scene::asked();
        let told = scene
            .answer(Answer::Switched(Some(fault)))
            .fin(Client)
            .fin(Server)
            .told();
        assert_eq!(told.verdict.state, State::Failed, "{fault:?}");
        assert_eq!(told.verdict.code, Some(1006));
        assert_eq!(told.verdict.closer, Some(Party::Client));
        assert_eq!(told.verdict.culprit, Some(Party::Server));
    }
    // The same 101 without a fault: opened, and ended without a Close.
    let mut scene = Scene::asked();
    let told = scene
        .answer(Answer::Switched(None))
        .fin(Client)
        .fin(Server)
        .told();
    assert_eq!(told.verdict.state, State::Closed);
}

#[test]
fn a_client_that_sends_a_frame_has_opened_it_whatever_the_101_says() {
    for fault in FAULTS {
        let mut scene = Scene::asked();
        scene
            .answer(Answer::Switched(Some(fault)))
            .say(Client, 20)
            .fin(Client);
        assert_eq!(scene.told().verdict.state, State::Closed, "{fault:?}");
    }
}

#[test]
fn where_the_server_ends_a_101_to_be_refused_first_it_was_open_perhaps() {
    for fault in FAULTS {
        let mut scene = Scene::asked();
        let answered = scene.answer(Answer::Switched(Some(fault)));
        let told = answered.say(Server, 20).fin(Server).fin(Client).told();
        assert_eq!(told.verdict.state, State::Closed, "{fault:?}");
        assert_eq!(told.verdict.confidence, Confidence::Low, "{fault:?}");
        let mut scene = Scene::asked();
        let told = scene
            .answer(Answer::Switched(Some(fault)))
            .close(Server, OK)
            .fin(Server)
            .told();
        assert_eq!(told.verdict.code, Some(1000), "{fault:?}");
        assert_eq!(told.verdict.confidence, Confidence::Low, "{fault:?}");
    }
}

#[test]
fn a_101_that_the_capture_lost_makes_neither() {
    let mut scene = Scene::asked();
    scene.answer(Answer::Lost);
    assert_eq!(scene.told().verdict.state, State::Open);
    scene.fin(Client);
    assert_eq!(scene.told().verdict.state, State::Closed);
}

#[test]
fn an_opening_that_lost_its_upgrade_header_says_so() {
    let mut scene = Scene::asked();
    scene.facts.upgrade_asked = false;
    scene.answer(Answer::Refused(400));
    assert_eq!(scene.told().verdict.cause, "upgrade-header-stripped");
}
