//! Attempts that came to no request, and what routers say.

use super::*;
use crate::session::facts::{Back, IcmpSeen, Unconnected};
use crate::session::{Confidence, EndKind};

fn at(packet: u64, seconds: i64) -> (PacketId, Timestamp) {
    (
        PacketId::new(0, packet),
        Timestamp::from_nanos(seconds * 1_000_000_000),
    )
}

fn icmp(quoted: Side, kind: u8, code: u8) -> IcmpSeen {
    let (packet, time) = at(99, 9);
    IcmpSeen {
        quoted,
        offset: 1 << 20,
        reporter: std::net::IpAddr::from([10, 0, 0, 254]),
        kind,
        code,
        packet,
        time,
    }
}

/// SYNs, so many, and perhaps a RST.
fn syn(sent: u32, reset: bool) -> Scene {
    let mut scene = Scene::asked();
    scene.facts = Facts {
        begun: Some(at(1, 0).1),
        unconnected: Some(Unconnected::Syn {
            sent,
            last: at(3, 3),
            reset: reset.then_some(at(4, 3)),
        }),
        ..Facts::default()
    };
    scene
}

#[test]
fn an_attempt_fails_by_silence_a_reset_or_an_error() {
    let told = syn(3, false).told();
    let verdict = &told.verdict;
    assert_eq!((verdict.cause, verdict.closer), ("syn-unanswered", None));
    assert_eq!(verdict.confidence, Confidence::Certain);
    assert_eq!(told.end.map(|end| end.how), Some(EndKind::Silence));
    assert_eq!(told.views(), [ABNORMAL, UNKNOWN]);
    assert_eq!(syn(1, false).told().verdict.confidence, Confidence::Medium);

    let told = syn(1, true).told();
    let verdict = &told.verdict;
    assert_eq!(
        (verdict.cause, verdict.closer),
        ("connect-refused", Some(Party::Server))
    );
    assert_eq!(verdict.culprit, Some(Party::Server));

    let mut scene = syn(2, false);
    scene.facts.icmp = Some(icmp(Client, 3, 10));
    let verdict = scene.told().verdict;
    assert_eq!(
        (verdict.cause, verdict.closer),
        ("icmp-unreachable", Some(Party::Network))
    );
    assert!(
        verdict
            .summary
            .contains("administratively prohibited (type 3, code 10)")
    );
    // The server answered after all: an error on the way there was none.
    let mut scene = syn(2, true);
    scene.facts.icmp = Some(icmp(Client, 3, 1));
    assert_eq!(scene.told().verdict.cause, "connect-refused");
}

#[test]
fn a_tunnel_that_was_refused_is_the_proxys() {
    let mut scene = syn(1, false);
    scene.facts.unconnected = Some(Unconnected::Tunnel {
        target: "chat.example:443".to_owned(),
        status: 407,
        asked: at(4, 1),
        answered: at(5, 1),
    });
    let verdict = scene.told().verdict;
    assert_eq!(
        (verdict.cause, verdict.closer),
        ("proxy-connect-refused", Some(Party::Server))
    );
    assert!(verdict.summary.contains("407") && verdict.summary.contains("chat.example:443"));
    assert!(verdict.advice.contains("Log in"), "{}", verdict.advice);
}

#[test]
fn an_error_is_the_cause_where_nothing_came_after_it() {
    // Forbidden, or no host: after enough repetitions both are.
    for (kind, code) in [(3, 13), (3, 1), (3, 4)] {
        let mut scene = Scene::open();
        scene.unanswered(Server, 5);
        scene.facts.icmp = Some(icmp(Server, kind, code));
        assert_eq!(scene.told().verdict.cause, "icmp-unreachable", "{code}");
    }
    // A hard one, and its receiver ends it.
    let mut scene = Scene::open();
    scene.unanswered(Server, 1).fin(Server);
    scene.facts.icmp = Some(icmp(Server, 3, 3));
    assert_eq!(scene.told().verdict.cause, "icmp-unreachable");
}

#[test]
fn an_error_that_passes_ends_nothing() {
    // RFC 1122 §4.2.3.9: soft.
    let mut scene = Scene::open();
    scene.unanswered(Server, 1).fin(Server);
    scene.facts.icmp = Some(icmp(Server, 3, 1));
    assert_ne!(scene.told().verdict.cause, "icmp-unreachable");
    // Its peer was heard after that.
    let mut scene = Scene::open();
    scene.fin(Server).fin(Client);
    scene.facts.icmp = Some(icmp(Server, 3, 3));
    assert_ne!(scene.told().verdict.cause, "icmp-unreachable");
    // What came back was acknowledged later.
    let mut scene = Scene::open();
    scene.unanswered(Server, 5);
    let acked = scene.facts.sides.server.acked;
    scene.facts.icmp = Some(IcmpSeen {
        offset: acked - 1,
        ..icmp(Server, 3, 13)
    });
    assert_eq!(scene.told().verdict.cause, "peer-vanished");
    // It says nothing of the path.
    let mut scene = Scene::open();
    scene.unanswered(Server, 5);
    scene.facts.icmp = Some(icmp(Server, 12, 0));
    assert_eq!(scene.told().verdict.cause, "peer-vanished");
}

/// The client repeats itself so often, and the server is heard after so many of these times.
fn stuck(times: u32, heard: u32) -> Scene {
    let mut scene = Scene::open();
    let mark = scene.mark(Client, 10, Heard::All);
    scene.facts.sides.client.stuck = Some((times, heard, mark));
    scene
}

#[test]
fn what_is_repeated_to_a_peer_that_is_heard_is_lost_one_way() {
    for end in [Client, Server] {
        let mut scene = stuck(5, 4);
        scene.fin_hearing(end, Heard::Nothing);
        scene.facts.sides.client.acked = HEADS;
        assert_eq!(scene.told().verdict.cause, "one-way-loss");
    }
    let mut arrived = stuck(5, 4);
    arrived.facts.sides.client.acked = 1 << 20;
    let mut closed_window = stuck(5, 4);
    closed_window.facts.sides.server.habits.zero_window_nanos = 1;
    for mut scene in [stuck(3, 3), stuck(5, 1), arrived, closed_window] {
        scene.fin(Client);
        assert_ne!(scene.told().verdict.cause, "one-way-loss");
    }
}

#[test]
fn a_pong_that_never_arrived_was_not_ignored() {
    let mut scene = stuck(5, 4);
    scene.close_hearing(Server, b"\x03\xf3keepalive ping timeout", Heard::Nothing);
    scene.fin_hearing(Server, Heard::Nothing);
    assert_eq!(scene.told().verdict.cause, "one-way-loss");
    // A Close that speaks of something else is what it says.
    let mut scene = stuck(5, 4);
    scene.close_hearing(Server, b"\x03\xf3database gone", Heard::Nothing);
    scene.fin_hearing(Server, Heard::Nothing);
    assert_eq!(scene.told().verdict.cause, "internal-error");
}

/// Back after so many seconds, and so many more until the end.
fn back(side: Side, silence: i64, more: i64) -> Scene {
    let mut scene = Scene::open();
    scene.wait(silence);
    let (packet, time) = scene.step();
    scene.facts.back = Some(Back {
        side,
        at: (packet, time),
        times: 5,
        silence: silence * 1_000_000_000,
    });
    scene.say(side, 20).wait(more);
    scene
}

#[test]
fn a_client_that_ends_it_on_waking_was_asleep() {
    let told = back(Client, 40, 1).fin(Client).told().verdict;
    assert_eq!(
        (told.cause, told.confidence),
        ("suspended-client", Confidence::Medium)
    );
    assert!(told.other_causes.contains(&"peer-vanished"));
    let mut scene = back(Client, 40, 0);
    scene
        .close(Client, b"\x03\xe9")
        .close(Server, b"\x03\xe9")
        .fin(Server);
    assert_eq!(scene.told().verdict.cause, "suspended-client");
    // It said goodbye otherwise, stayed awake, was away for moments; or the server was.
    let mut scene = back(Client, 40, 0);
    scene.close(Client, OK).close(Server, OK).fin(Server);
    assert_eq!(scene.told().verdict.cause, "closed-normal");
    for mut scene in [back(Client, 40, 5), back(Client, 5, 1), back(Server, 40, 1)] {
        scene.fin(Client);
        assert_ne!(scene.told().verdict.cause, "suspended-client");
    }
    let told = back(Client, 40, 1).fin(Server).told().verdict;
    assert_ne!(told.cause, "suspended-client");
}

/// What is remarked behind both Closes.
fn remarks(scene: &Scene) -> Vec<(&'static str, Side)> {
    let Diagnosis {
        remarks, verdict, ..
    } = diagnose(&scene.facts, Detail::Whole);
    assert_eq!(verdict.cause, "closed-normal");
    let names = remarks.iter().map(|remark| (remark.rule, remark.from));
    names.collect()
}

#[test]
fn what_comes_behind_both_closes_is_remarked() {
    let closed = || {
        let mut scene = Scene::open();
        scene.close(Client, OK).close(Server, OK);
        scene
    };
    let left_open = ("tcp-left-open-after-close", Server);
    assert_eq!(remarks(closed().wait(5).fin(Client)), [left_open]);
    assert_eq!(
        remarks(closed().wait(5).fin(Client).fin(Server)),
        [left_open]
    );
    // As it should be; or the client was quick.
    assert_eq!(remarks(closed().wait(5).fin(Server).fin(Client)), []);
    assert_eq!(remarks(closed().fin(Client).fin(Server)), []);
    let reset = ("reset-after-close", Server);
    assert_eq!(remarks(closed().fin(Client).rst(Server)), [reset]);
    assert_eq!(remarks(closed().forged(Server).fin(Client)), []);
}
