//! What is told of openings where the capture lacks a part of them.

use super::*;

#[test]
fn a_hole_inside_of_a_body_does_no_harm() {
    let mut talk = Talk::new();
    talk.send(CLIENT, get("/a") + ASK)
        .send(SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        .lose(SERVER, 97)
        .send(SERVER, SWITCH);
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
}

#[test]
fn a_lost_request_is_opened_without_one() {
    let mut talk = Talk::new();
    talk.send(SERVER, format!("{SWITCH}frames"))
        .lose(CLIENT, 300)
        .finish();
    assert_eq!(talk.told(), ["opened 101"]);
    let rest = talk.rest(0, SWITCH.len() as u64);
    assert_eq!(rest.a.gaps, [(0, 300)]);
    assert_eq!(rest.b.bytes, b"frames");
}

#[test]
fn a_lost_answer_is_opened_without_one() {
    let mut talk = Talk::new();
    talk.send(CLIENT, ASK).lose(SERVER, 200);
    assert_eq!(talk.told(), ["opening /chat"]);
    talk.send(SERVER, b"\x81\x01a");
    assert_eq!(talk.told(), ["opening /chat", "opened"]);
    let rest = talk.rest(ASK.len() as u64, 0).b;
    assert_eq!(
        (rest.gaps, rest.bytes),
        (vec![(0, 200)], b"\x81\x01a".to_vec())
    );
    // Nothing behind it.
    let mut talk = Talk::new();
    talk.send(CLIENT, ASK).lose(SERVER, 200).finish();
    assert_eq!(talk.told(), ["opening /chat", "opened"]);
    // An answer behind it: what was lost was another one.
    let mut talk = Talk::new();
    talk.send(CLIENT, get("/") + ASK)
        .lose(SERVER, 200)
        .send(SERVER, SWITCH);
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
}

#[test]
fn one_direction_shows_what_it_can() {
    let mut talk = Talk::one_direction();
    talk.send(CLIENT, ASK);
    assert_eq!(talk.told(), ["opening /chat"]);
    talk.send(CLIENT, "frames").finish();
    assert_eq!(talk.told(), ["opening /chat", "opened"]);
    assert_eq!(talk.rest(ASK.len() as u64, 0).a.bytes, b"frames");
    let mut talk = Talk::one_direction();
    talk.send(SERVER, format!("{SWITCH}frames")).finish();
    assert_eq!(talk.told(), ["opened 101"]);
    assert_eq!(talk.rest(0, SWITCH.len() as u64).b.bytes, b"frames");
}

#[test]
fn an_answer_whose_request_never_comes_is_told_at_the_end() {
    let mut talk = Talk::new();
    talk.send(SERVER, SWITCH).finish();
    assert_eq!(talk.told(), ["opened 101"]);
    let mut talk = Talk::new();
    talk.send(SERVER, SWITCH)
        .send(SERVER, vec![b'x'; limits::MAX_EARLY_BYTES + 1]);
    assert_eq!(talk.told(), ["opened 101"], "nor after so many bytes");
}

#[test]
fn a_head_that_is_cut_says_what_it_can() {
    let mut talk = Talk::new();
    let cut = ASK.find("Sec-WebSocket-V").unwrap_or_default();
    talk.send(CLIENT, ASK.get(..cut).unwrap_or_default());
    talk.lose(CLIENT, (ASK.len() - cut) as u64)
        .send(SERVER, SWITCH);
    assert_eq!(talk.told(), Vec::<String>::new(), "more of it may follow");
    talk.send(CLIENT, b"\x81\x80key!");
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
    let ask = ASK.len() as u64;
    let rest = talk.rest(ask, SWITCH.len() as u64).a;
    assert_eq!(
        (rest.bytes, rest.gaps),
        (b"\x81\x80key!".to_vec(), Vec::new())
    );
    // What follows it does not come.
    let mut talk = Talk::new();
    talk.send(CLIENT, ASK.get(..cut).unwrap_or_default())
        .lose(CLIENT, (ASK.len() - cut) as u64)
        .send(SERVER, SWITCH)
        .finish();
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
    let mut talk = Talk::new();
    talk.send(CLIENT, ASK.get(..cut).unwrap_or_default())
        .lose(CLIENT, (ASK.len() - cut) as u64)
        .send(SERVER, SWITCH)
        .send(SERVER, vec![b'x'; limits::MAX_EARLY_BYTES + 1]);
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
    // Never whole, and the capture ends.
    let mut talk = Talk::new();
    talk.send(CLIENT, ASK.get(..cut).unwrap_or_default())
        .finish();
    assert_eq!(talk.told(), ["opening /chat"]);
    let mut talk = Talk::new();
    talk.send(CLIENT, "GET /chat HTTP/1.1\r\nHost: a\r\n")
        .finish();
    assert_eq!(talk.told(), Vec::<String>::new());
}

#[test]
fn an_answer_may_stand_before_the_end_of_a_head_with_a_hole() {
    for cut in 14..ASK.len() - 5 {
        let mut talk = Talk::new();
        talk.send(CLIENT, ASK.get(..cut).unwrap_or_default())
            .send(SERVER, SWITCH)
            .lose(CLIENT, 4)
            .send(CLIENT, ASK.get(cut + 4..).unwrap_or_default())
            .send(CLIENT, b"\x81\x80key!");
        assert_eq!(talk.told(), ["opening /chat", "opened 101"], "{cut}");
        let rest = talk.rest(ASK.len() as u64, SWITCH.len() as u64).a;
        assert_eq!(rest.bytes, b"\x81\x80key!", "{cut}");
    }
}

#[test]
fn answers_to_requests_that_are_lost_are_not_those_to_the_opening() {
    let connect = "HTTP/1.1 200 Connection established\r\n\r\n";
    let plain = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let opened = ["opening /chat", "opened 101"];
    for answer in [connect, plain] {
        let mut talk = Talk::new();
        talk.lose(CLIENT, 59)
            .send(SERVER, answer)
            .send(CLIENT, ASK)
            .send(SERVER, format!("{SWITCH}frames"));
        assert_eq!(talk.told(), opened, "{answer}");
        let heads = (answer.len() + SWITCH.len()) as u64;
        assert_eq!(talk.rest(59 + ASK.len() as u64, heads).b.bytes, b"frames");
        let mut talk = Talk::new();
        talk.lose(CLIENT, 59)
            .send(CLIENT, ASK)
            .send(SERVER, answer)
            .send(SERVER, format!("{SWITCH}frames"));
        assert_eq!(talk.told(), opened, "{answer}");
        let heads = (answer.len() + SWITCH.len()) as u64;
        assert_eq!(talk.rest(59 + ASK.len() as u64, heads).b.bytes, b"frames");
    }
    // What came before the opening was asked for cannot be the answer to it.
    for answer in [connect, plain] {
        let mut talk = Talk::new();
        talk.lose(CLIENT, 59).send(SERVER, answer).send(CLIENT, ASK);
        let told = talk.finish().told();
        assert!(!told.contains(&"refused 200".to_owned()), "{told:?}");
    }
    // None follows: so it was.
    let refused = ["opening /chat", "refused 200"];
    for answer in [connect, plain] {
        let mut talk = Talk::new();
        talk.lose(CLIENT, 59).send(CLIENT, ASK).send(SERVER, answer);
        assert_eq!(talk.finish().told(), refused, "{answer}");
    }
    let mut talk = Talk::new();
    talk.lose(CLIENT, 59)
        .send(CLIENT, ASK)
        .send(SERVER, format!("{connect}<html>"));
    assert_eq!(talk.told(), refused);
    // Nor does a client ask again that waits for the answer to its opening.
    let mut talk = Talk::new();
    talk.lose(CLIENT, 59)
        .send(CLIENT, ASK)
        .send(SERVER, plain)
        .send(CLIENT, ASK)
        .send(SERVER, SWITCH);
    assert_eq!(
        talk.told(),
        [
            "opening /chat",
            "refused 200",
            "opening /chat",
            "opened 101"
        ]
    );
}

#[test]
fn a_hole_in_front_of_both_directions_shows_nothing_of_http() {
    let mut talk = Talk::new();
    talk.lose(CLIENT, 10).lose(SERVER, 10).finish();
    assert_eq!(talk.told(), ["no beginning"]);
    let rest = talk.rest(0, 0);
    assert_eq!((rest.a.gaps, rest.b.gaps), (vec![(0, 10)], vec![(0, 10)]));
    let mut talk = Talk::new();
    talk.lose(CLIENT, 10)
        .lose(SERVER, 10)
        .send(SERVER, b"\x81\x02hi")
        .send(CLIENT, b"\x81\x82");
    assert_eq!(talk.told(), ["no beginning"]);
    // Frames that an unseen 101 let through.
    let mut talk = Talk::new();
    talk.lose(SERVER, 129)
        .send(SERVER, b"\x81\x02hi")
        .send(SERVER, b"\x81\x02hi")
        .send(CLIENT, ASK);
    assert_eq!(talk.told(), ["opening /chat", "opened"]);
    // Behind the holes it may be HTTP all the same.
    let mut talk = Talk::new();
    talk.lose(CLIENT, 59)
        .lose(SERVER, 39)
        .send(SERVER, SWITCH)
        .send(CLIENT, ASK);
    assert_eq!(talk.told(), ["opening /chat", "opened 101"]);
}
