//! Records that the capture lost: what is read behind them, and how much is missing.

use super::*;

#[test]
fn behind_lost_records_it_goes_on_and_says_how_much_is_missing() {
    let (mut talk, mut client, _) = Talk::opened();
    talk.say(CLIENT, &client.data(b"one"));
    let lost = [client.data(b"23"), client.data(b"4567")].concat();
    talk.lose(CLIENT, lost.len());
    talk.say(CLIENT, &client.data(b"eight"));
    assert_eq!(talk.text(CLIENT), "one??????eight");
}

#[test]
fn a_hole_at_any_place_loses_the_records_that_it_touches() {
    let (_, mut client, _) = Talk::opened();
    let records: Vec<Vec<u8>> = (0..6_u8).map(|n| client.data(&[b'0' + n; 7])).collect();
    let whole = records.concat();
    for from in 0..whole.len() {
        for len in [1, 21, 29, 40] {
            let (mut talk, ..) = Talk::opened();
            let (before, rest) = whole.split_at(from);
            let len = len.min(rest.len());
            talk.say(CLIENT, before);
            talk.lose(CLIENT, len);
            talk.say(CLIENT, &rest[len..]);
            talk.finish();
            let touched = |n: usize| n * 29 < from + len && from < (n + 1) * 29;
            let expected: String = (0..6)
                .map(|n| {
                    if touched(n) {
                        "?".repeat(7)
                    } else {
                        n.to_string().repeat(7)
                    }
                })
                .collect();
            // At the end nothing tells how many records a hole held.
            let told = talk.text(CLIENT);
            let (told, expected) = match touched(5) {
                true => (told.trim_end_matches('?'), expected.trim_end_matches('?')),
                false => (&told[..], &expected[..]),
            };
            assert_eq!(told, expected, "{from}+{len}");
        }
    }
}

#[test]
fn a_lost_key_update_is_made_up_for() {
    let (mut talk, mut client, _) = Talk::opened();
    talk.say(CLIENT, &client.data(b"before"));
    let lost = [client.update(), client.data(b"lost")].concat();
    talk.lose(CLIENT, lost.len());
    talk.say(CLIENT, &client.data(b"behind"));
    assert!(talk.text(CLIENT).starts_with("before?"));
    assert!(talk.text(CLIENT).ends_with("?behind"));
}

#[test]
fn a_lost_server_hello_is_guessed_and_a_lost_client_hello_is_the_end() {
    let mut talk = Talk::new("");
    talk.say(CLIENT, &client_hello());
    talk.lose(SERVER, 100);
    talk.say(SERVER, &Writer::new(5).data(b"yes"));
    talk.say(CLIENT, &Writer::new(4).data(b"no"));
    assert_eq!(
        (talk.text(CLIENT), talk.text(SERVER)),
        ("no".into(), "yes".into())
    );
    let mut talk = Talk::new("");
    talk.lose(CLIENT, 100);
    assert_eq!(talk.tls.unread(), Some(Unread::NoHello));
}
