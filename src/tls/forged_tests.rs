//! Lengths and floods that no honest peer sends: nothing is made up, and little is kept.

use super::tests::{CLIENT, SERVER, Talk, Writer, client_hello, message, record, server_hello};
use super::{Stage, Unread};
use crate::limits;

/// More than a record that waits for its end, and a message that does.
const LITTLE: usize = 2 * limits::MAX_HANDSHAKE_MESSAGE;

#[test]
fn a_stream_that_begins_with_a_forged_length_is_no_tls() {
    // Empty, and longer than any record (RFC 5246 §6.2.3).
    for header in [[22, 3, 3, 0, 0], [22, 3, 3, 0x48, 1], [22, 3, 3, 255, 255]] {
        let mut talk = Talk::new("");
        talk.say(CLIENT, &[&header[..], &[1; 64]].concat());
        assert_eq!(talk.tls.unread(), Some(Unread::NotTls), "{header:?}");
        talk.finish();
        assert!(talk.plain.a.is_empty());
    }
}

#[test]
fn behind_a_forged_length_the_next_record_proves_itself() {
    for header in [[22, 3, 3, 0, 0], [23, 3, 3, 0x48, 1], [23, 3, 3, 255, 255]] {
        let (mut talk, mut client, _) = Talk::opened();
        talk.say(CLIENT, &client.data(b"one"));
        talk.say(CLIENT, &header);
        talk.say(CLIENT, &client.data(b"two"));
        assert_eq!(talk.text(CLIENT), "onetwo", "{header:?}");
    }
    // One that swallows what follows: it counts as a record, so the numbers are off by one.
    let (mut talk, mut client, _) = Talk::opened();
    talk.say(CLIENT, &[23, 3, 3, 0, 40]);
    talk.say(CLIENT, &[7; 40]);
    talk.say(CLIENT, &client.data(b"two"));
    assert!(talk.text(CLIENT).ends_with("two"));
}

#[test]
fn messages_of_16_megabytes_are_not_kept() {
    for kind in [1, 2, 11, 16, 24] {
        let mut talk = Talk::new("");
        talk.say(CLIENT, &client_hello());
        let head = [&[kind, 255, 255, 255], &[9; 1000][..]].concat();
        for end in [CLIENT, SERVER] {
            talk.say(end, &record(22, &head));
            (0..1024).for_each(|_| talk.say(end, &record(22, &[9; 1 << 14])));
        }
        assert!(talk.tls.held_bytes() < LITTLE, "{kind}");
        talk.finish();
        assert!(talk.plain.a.is_empty() && talk.plain.b.is_empty());
    }
}

#[test]
fn hellos_with_absurd_extensions_say_what_stands_before_them() {
    let suite = [0x13, 1, 0];
    for extensions in [
        &[255, 255][..],
        &[255, 255, 0, 43, 255, 255, 3, 4],
        &[0, 6, 0, 43, 0, 2, 3, 4, 0, 16, 255, 255, 1],
        &[0, 0],
        &[0],
    ] {
        let body = [&[3, 3], &[7; 32][..], &[0], &suite, extensions].concat();
        let mut talk = Talk::new("");
        talk.say(CLIENT, &client_hello());
        talk.say(SERVER, &record(22, &message(2, &body)));
        let told = (talk.tls.version(), talk.tls.cipher_suite());
        let expected = (Some("TLS 1.3"), Some("TLS_AES_128_GCM_SHA256".to_owned()));
        assert_eq!(told, expected, "{extensions:?}");
        talk.say(SERVER, &Writer::new(5).data(b"hello"));
        assert_eq!(talk.text(SERVER), "hello");
    }
}

#[test]
fn floods_of_records_without_meaning_change_nothing() {
    let flood = record(20, &[1]).repeat(50_000);
    let mut talk = Talk::new("");
    talk.say(CLIENT, &client_hello());
    talk.say(CLIENT, &flood);
    talk.say(SERVER, &server_hello([7; 32], 0x1301));
    talk.say(SERVER, &flood);
    let (mut client, mut server) = (Writer::new(4), Writer::new(5));
    talk.say(SERVER, &server.data(b"a"));
    talk.say(CLIENT, &client.data(b"b"));
    // RFC 8446 §5.1: records of application data may be empty.
    (0..5_000).for_each(|_| talk.say(SERVER, &server.data(b"")));
    talk.say(SERVER, &server.data(b"c"));
    assert_eq!(
        (talk.text(CLIENT), talk.text(SERVER)),
        ("b".into(), "ac".into())
    );
    assert!(talk.tls.held_bytes() < LITTLE);
    // Without even a tag nothing can be in them.
    talk.say(CLIENT, &[23, 3, 3, 0, 0].repeat(50_000));
    talk.finish();
    assert_eq!(talk.text(CLIENT).replace('?', ""), "b");
}

#[test]
fn without_a_key_a_flood_is_counted_and_dark() {
    let mut talk = Talk::new("SECRET");
    talk.say(CLIENT, &client_hello());
    talk.say(SERVER, &server_hello([7; 32], 0x1301));
    (0..5_000).for_each(|_| talk.say(CLIENT, &record(23, &[9; 17])));
    assert_eq!(talk.tls.unread(), Some(Unread::NoKey));
    assert_eq!(talk.tls.held_bytes(), 0);
    let sealed = talk.tls.sealed().expect("TLS");
    assert_eq!(
        (sealed.stage, sealed.outlines.a.records),
        (Stage::Opaque, 5_000)
    );
}

#[test]
fn many_key_updates_in_a_record_count_as_one() {
    // RFC 8446 §5.1: nothing may follow it in its record. Each derives keys, which takes time.
    let (mut talk, mut client, _) = Talk::opened();
    talk.say(CLIENT, &client.data(b"one"));
    let updates = message(24, &[0]).repeat(3_000);
    talk.say(CLIENT, &client.padded(22, &updates, 0));
    client.go_on();
    talk.say(CLIENT, &client.data(b"two"));
    assert_eq!(talk.text(CLIENT), "onetwo");
}

#[test]
fn a_second_server_hello_in_plain_means_nothing() {
    let mut talk = Talk::new("");
    talk.say(CLIENT, &client_hello());
    talk.say(SERVER, &server_hello([7; 32], 0x1301));
    talk.say(SERVER, &server_hello([8; 32], 0x1302).repeat(1_000));
    assert_eq!(
        talk.tls.cipher_suite().as_deref(),
        Some("TLS_AES_128_GCM_SHA256")
    );
    talk.say(SERVER, &Writer::new(5).data(b"hello"));
    assert_eq!(talk.text(SERVER), "hello");
}
