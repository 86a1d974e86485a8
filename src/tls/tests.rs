//! Connections of TLS 1.3 made by hand. What other versions and real peers do is in `fixtures/`.

#[path = "lost_tests.rs"]
mod lost;
#[path = "premaster_tests.rs"]
mod premaster;

use proptest::prelude::*;
use ring::aead;

use super::schedule::{TrafficSecret, expand, key_block};
use super::suite::Hash;
use super::{Alert, KeyLog, Keyring, Secrets, Stage, TlsConnection, TlsItem, Unread};
use crate::capture::PacketId;
use crate::flow::{End, Pair};
use crate::tcp::{Chunk, Origin};
use crate::time::Timestamp;

pub(super) const CLIENT: End = End::A;
pub(super) const SERVER: End = End::B;
const CLIENT_RANDOM: [u8; 32] = [0xc1; 32];

/// Bytes of a record of TLS 1.3 around its plaintext: header, content type, tag.
const AROUND: u64 = 5 + 1 + 16;

pub(super) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], &len[..], body].concat()
}

pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], &len[1..], body].concat()
}

pub(super) fn client_hello() -> Vec<u8> {
    let body = [&[3, 3], &CLIENT_RANDOM[..], &[0, 0, 2, 0x13, 1, 1, 0, 0, 0]].concat();
    record(22, &message(1, &body))
}

pub(super) fn server_hello(random: [u8; 32], suite: u16) -> Vec<u8> {
    let suite = suite.to_be_bytes();
    let extensions = [0, 6, 0, 43, 0, 2, 3, 4];
    let body = [&[3, 3], &random[..], &[0], &suite, &[0], &extensions].concat();
    record(22, &message(2, &body))
}

/// Writes records with the keys of a secret.
pub(super) struct Writer {
    secret: TrafficSecret,
    number: u64,
}

impl Writer {
    pub(super) fn new(secret: u8) -> Self {
        Self {
            secret: TrafficSecret::new(&[secret; 32], Hash::Sha256).unwrap(),
            number: 0,
        }
    }

    pub(super) fn padded(&mut self, kind: u8, plain: &[u8], padding: usize) -> Vec<u8> {
        let (mut key, mut nonce) = ([0; 16], [0; 12]);
        self.secret.expand(Hash::Sha256, "key", &mut key);
        self.secret.expand(Hash::Sha256, "iv", &mut nonce);
        for (byte, part) in nonce.iter_mut().skip(4).zip(self.number.to_be_bytes()) {
            *byte ^= part;
        }
        self.number += 1;
        let key = aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap();
        let mut body = [plain, &[kind], &vec![0; padding]].concat();
        let header = record(23, &vec![0; body.len() + 16])[..5].to_vec();
        aead::LessSafeKey::new(key)
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(&header),
                &mut body,
            )
            .unwrap();
        [header, body].concat()
    }

    pub(super) fn data(&mut self, plain: &[u8]) -> Vec<u8> {
        self.padded(23, plain, 0)
    }

    fn update(&mut self) -> Vec<u8> {
        let record = self.padded(22, &message(24, &[0]), 0);
        self.go_on();
        record
    }

    /// With the next keys.
    pub(super) fn go_on(&mut self) {
        self.secret = self.secret.next(Hash::Sha256);
        self.number = 0;
    }
}

/// A connection, and what came out of it.
#[derive(Default)]
pub(super) struct Talk {
    pub(super) tls: TlsConnection,
    keys: Keyring,
    offsets: Pair<u64>,
    /// Plaintext, with `?` for each byte that is missing.
    pub(super) plain: Pair<Vec<u8>>,
    alerts: Vec<(End, Alert)>,
}

impl Talk {
    /// With the secrets of [`Talk::writers`], except those whose label holds `without`.
    pub(super) fn new(without: &str) -> Self {
        let mut log = KeyLog::default();
        let labels = [
            ("CLIENT_EARLY_TRAFFIC_SECRET", 1),
            ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 2),
            ("SERVER_HANDSHAKE_TRAFFIC_SECRET", 3),
            ("CLIENT_TRAFFIC_SECRET_0", 4),
            ("SERVER_TRAFFIC_SECRET_0", 5),
        ];
        for (label, secret) in labels {
            if without.is_empty() || !label.contains(without) {
                let (random, secret) = ("c1".repeat(32), format!("{secret:02x}").repeat(32));
                log.feed(format!("{label} {random} {secret}\n").as_bytes());
            }
        }
        Self {
            keys: Keyring::new(Secrets::new(log)),
            ..Self::default()
        }
    }

    /// After a handshake: and the writers of both ends' data.
    pub(super) fn opened() -> (Self, Writer, Writer) {
        let mut talk = Self::new("");
        talk.shake_hands();
        (talk, Writer::new(4), Writer::new(5))
    }

    fn shake_hands(&mut self) {
        self.say(CLIENT, &client_hello());
        self.say(SERVER, &server_hello([7; 32], 0x1301));
        self.say(SERVER, &record(20, &[1]));
        let flight = [message(8, &[0, 0]), message(20, &[9; 32])].concat();
        self.say(SERVER, &Writer::new(3).padded(22, &flight, 0));
        self.say(CLIENT, &record(20, &[1]));
        self.say(
            CLIENT,
            &Writer::new(2).padded(22, &message(20, &[9; 32]), 0),
        );
    }

    fn take(&mut self, end: End, chunk: Chunk<'_>) {
        let (plain, alerts) = (&mut self.plain, &mut self.alerts);
        self.tls
            .handle_chunk(end, chunk, &mut self.keys, &mut |end, item| {
                note(plain, alerts, end, item)
            });
    }

    pub(super) fn say(&mut self, end: End, bytes: &[u8]) {
        let offset = self.offsets[end];
        self.offsets[end] += bytes.len() as u64;
        let origin = origin(offset);
        self.take(
            end,
            Chunk::Data {
                offset,
                bytes,
                origin,
            },
        );
    }

    fn lose(&mut self, end: End, len: usize) {
        let (offset, len) = (self.offsets[end], len as u64);
        self.offsets[end] += len;
        let origin = origin(offset);
        self.take(
            end,
            Chunk::Gap {
                offset,
                len,
                origin,
            },
        );
    }

    pub(super) fn finish(&mut self) {
        let (plain, alerts) = (&mut self.plain, &mut self.alerts);
        self.tls
            .finish(&mut |end, item| note(plain, alerts, end, item));
    }

    pub(super) fn text(&self, end: End) -> String {
        String::from_utf8_lossy(&self.plain[end]).into_owned()
    }
}

fn origin(offset: u64) -> Origin {
    Origin {
        packet: PacketId::new(0, offset + 1),
        time: Timestamp::from_nanos(0),
        ack: None,
        record_end: None,
    }
}

fn note(plain: &mut Pair<Vec<u8>>, alerts: &mut Vec<(End, Alert)>, end: End, item: TlsItem<'_>) {
    match item {
        TlsItem::Data(chunk) => {
            assert_eq!(chunk.offset(), plain[end].len() as u64);
            match chunk {
                Chunk::Data { bytes, origin, .. } => {
                    assert!(origin.record_end.is_some());
                    plain[end].extend_from_slice(bytes);
                }
                Chunk::Gap { len, .. } => {
                    let len = plain[end].len() + usize::try_from(len).unwrap();
                    plain[end].resize(len, b'?');
                }
            }
        }
        TlsItem::Alert(alert) => alerts.push((end, alert)),
    }
}

#[test]
fn both_directions_however_they_are_cut() {
    let (mut client, mut server) = (Writer::new(4), Writer::new(5));
    let sent = [client.data(b"GET "), client.padded(23, b"/chat", 200)].concat();
    let got = [server.data(b""), server.data(&[b'x'; 500])].concat();
    let alert = server.padded(21, &[1, 0], 0);
    for size in 1..sent.len() {
        let (mut talk, ..) = Talk::opened();
        sent.chunks(size).for_each(|part| talk.say(CLIENT, part));
        got.chunks(size).for_each(|part| talk.say(SERVER, part));
        talk.say(SERVER, &alert);
        talk.finish();
        assert_eq!(talk.text(CLIENT), "GET /chat", "{size}");
        assert_eq!(talk.text(SERVER), "x".repeat(500));
        let (end, notify) = talk.alerts[0];
        assert_eq!((end, notify.name()), (SERVER, "close_notify"));
        assert_eq!(notify.end - notify.start, alert.len() as u64);
        assert!(notify.is_encrypted && !notify.is_fatal);
        assert_eq!(talk.tls.unread(), None);
        assert_eq!(talk.tls.version(), Some("TLS 1.3"));
    }
}

#[test]
fn keys_are_updated_by_either_side() {
    let (mut talk, mut client, mut server) = Talk::opened();
    for round in 0..3 {
        let mut records = client.data(b"a");
        records.extend(client.update());
        records.extend(client.data(b"b"));
        talk.say(CLIENT, &records);
        talk.say(SERVER, &server.data(b"c"));
        if round != 1 {
            talk.say(SERVER, &server.update());
        }
    }
    assert_eq!(
        (talk.text(CLIENT), talk.text(SERVER)),
        ("ababab".into(), "ccc".into())
    );
}

#[test]
fn early_data_is_read_where_its_secret_is_known_and_passed_over_where_not() {
    for (without, expected) in [("", "early late"), ("EARLY", " late")] {
        let mut talk = Talk::new(without);
        talk.say(CLIENT, &client_hello());
        talk.say(CLIENT, &record(20, &[1]));
        let mut early = Writer::new(1);
        talk.say(CLIENT, &early.data(b"early"));
        talk.say(SERVER, &server_hello([7; 32], 0x1301));
        talk.say(CLIENT, &early.padded(22, &message(5, &[]), 0));
        talk.say(
            CLIENT,
            &Writer::new(2).padded(22, &message(20, &[9; 32]), 0),
        );
        talk.say(CLIENT, &Writer::new(4).data(b" late"));
        assert_eq!(talk.text(CLIENT), expected);
    }
}

#[test]
fn another_hello_is_asked_for() {
    let mut talk = Talk::new("");
    talk.say(CLIENT, &client_hello());
    let retry = super::hello::RETRY;
    talk.say(SERVER, &server_hello(retry, 0x1301));
    talk.say(SERVER, &record(20, &[1]));
    talk.shake_hands();
    talk.say(SERVER, &Writer::new(5).data(b"yes"));
    assert_eq!(talk.text(SERVER), "yes");
}

#[test]
fn the_ends_may_come_in_any_order() {
    let mut talk = Talk::new("");
    talk.say(SERVER, &server_hello([7; 32], 0x1301));
    talk.say(
        SERVER,
        &Writer::new(3).padded(22, &message(20, &[9; 32]), 0),
    );
    talk.say(SERVER, &Writer::new(5).data(b"server"));
    assert_eq!(talk.text(SERVER), "");
    talk.say(CLIENT, &client_hello());
    assert_eq!(talk.text(SERVER), "server");
    let mut talk = Talk::new("");
    talk.say(CLIENT, &client_hello());
    talk.say(
        CLIENT,
        &Writer::new(2).padded(22, &message(20, &[9; 32]), 0),
    );
    talk.say(CLIENT, &Writer::new(4).data(b"client"));
    assert_eq!(talk.text(CLIENT), "");
    talk.say(SERVER, &server_hello([7; 32], 0x1301));
    assert_eq!(talk.text(CLIENT), "client");
}

#[test]
fn what_the_capture_cut_off_counts() {
    let (mut talk, mut client, _) = Talk::opened();
    let record = client.data(b"long enough");
    talk.say(CLIENT, &record[..12]);
    talk.lose(CLIENT, record.len() - 12);
    talk.say(CLIENT, &client.data(b"next"));
    assert_eq!(talk.text(CLIENT), "???????????next");
    assert_eq!(record.len() as u64, AROUND + 11);
}

#[test]
fn a_wrong_key_opens_nothing() {
    let mut talk = Talk::new("");
    talk.say(CLIENT, &client_hello());
    talk.say(SERVER, &server_hello([7; 32], 0x1301));
    for wrong in 10..20 {
        talk.say(CLIENT, &Writer::new(wrong).data(b"secret"));
        talk.say(SERVER, &Writer::new(wrong).data(b"secret"));
    }
    talk.finish();
    assert_eq!(
        (talk.text(CLIENT), talk.text(SERVER)),
        (String::new(), String::new())
    );
    assert_eq!(talk.tls.unread(), Some(Unread::WrongKey));
}

#[test]
fn what_cannot_be_read_says_why() {
    let unread = |mut talk: Talk, suite| {
        talk.say(CLIENT, &client_hello());
        talk.say(SERVER, &server_hello([7; 32], suite));
        talk.tls.unread()
    };
    assert_eq!(unread(Talk::new("T"), 0x1301), Some(Unread::NoKey));
    assert_eq!(
        unread(Talk::new("SERVER_TRAFFIC"), 0x1301),
        Some(Unread::NoKey)
    );
    let unsupported = unread(Talk::new(""), 0x000a).unwrap();
    assert_eq!(
        unsupported.to_string(),
        "cipher suite TLS_RSA_WITH_3DES_EDE_CBC_SHA is not supported"
    );
    let mut talk = Talk::new("");
    talk.say(CLIENT, b"\x16\x03\x07hello");
    assert_eq!(talk.tls.unread(), Some(Unread::NotTls));
}

#[test]
fn nothing_waits_for_a_hello_that_cannot_be_read() {
    let mut talk = Talk::new("T");
    talk.say(CLIENT, &client_hello());
    talk.say(CLIENT, &record(20, &[1]));
    talk.say(CLIENT, &record(23, &[0; 100]));
    assert!(talk.tls.held_bytes() > 100);
    // A server's first message is its hello (RFC 8446 §4.1.3): this is none.
    talk.say(SERVER, &record(22, &[99, 0, 0, 1, 7]));
    talk.say(SERVER, &record(23, &[0; 100]));
    assert_eq!(talk.tls.unread(), Some(Unread::NoHello));
    assert_eq!(talk.tls.held_bytes(), 0);
}

#[test]
fn records_changed_on_the_way_are_left_out() {
    let (mut talk, mut client, _) = Talk::opened();
    talk.say(CLIENT, &client.data(b"one"));
    let mut changed = client.data(b"two");
    changed[9] ^= 1;
    talk.say(CLIENT, &changed);
    talk.say(CLIENT, &client.data(b"three"));
    assert_eq!(talk.text(CLIENT), "one???three");
}

#[test]
fn a_stream_of_false_headers_is_given_up_and_told_as_missing() {
    let (mut talk, mut client, mut server) = Talk::opened();
    talk.say(CLIENT, &client.data(b"one"));
    talk.lose(CLIENT, 1000);
    (0..200).for_each(|_| talk.say(CLIENT, &[23, 3, 3, 0, 100].repeat(200)));
    talk.say(CLIENT, &client.data(b"two"));
    talk.say(SERVER, &server.data(b"other"));
    talk.finish();
    let text = talk.text(CLIENT);
    assert!(text.starts_with("one???") && text.len() > 200_000);
    assert!(text.ends_with('?') && !text.contains("two"));
    assert_eq!(talk.text(SERVER), "other");
}

/// What one end does next.
#[derive(Clone, Debug)]
enum Step {
    Say(End, Vec<u8>),
    Record(End, u8, Vec<u8>),
    Sealed(End, Vec<u8>),
    Lose(End, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![Just(CLIENT), Just(SERVER)];
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        (end.clone(), bytes()).prop_map(|(end, bytes)| Step::Say(end, bytes)),
        (end.clone(), 20..24_u8, bytes())
            .prop_map(|(end, kind, bytes)| Step::Record(end, kind, bytes)),
        (end.clone(), bytes()).prop_map(|(end, bytes)| Step::Sealed(end, bytes)),
        (end, 1..40_000_usize).prop_map(|(end, len)| Step::Lose(end, len)),
    ]
}

proptest! {
    #[test]
    fn nothing_is_made_up_whatever_comes(shaken in any::<bool>(), steps in prop::collection::vec(step(), 0..40)) {
        let mut talk = Talk::new("");
        if shaken {
            talk.shake_hands();
        }
        let mut writers = Pair { a: Writer::new(4), b: Writer::new(5) };
        let mut sent: Pair<Vec<Vec<u8>>> = Pair::default();
        for step in steps {
            match step {
                Step::Say(end, bytes) => talk.say(end, &bytes),
                Step::Record(end, kind, bytes) => talk.say(end, &record(kind, &bytes)),
                Step::Sealed(end, bytes) => {
                    talk.say(end, &writers[end].data(&bytes));
                    sent[end].push(bytes);
                }
                Step::Lose(end, len) => talk.lose(end, len),
            }
        }
        talk.finish();
        for end in End::BOTH {
            let real: usize = sent[end].iter().map(Vec::len).sum();
            let known = talk.plain[end].iter().filter(|&&byte| byte != b'?').count();
            prop_assert!(known <= real);
        }
    }
}

#[test]
fn what_is_kept_is_counted_and_can_be_let_go() {
    // Data that waits for a ServerHello.
    let mut talk = Talk::new("");
    talk.say(CLIENT, &client_hello());
    talk.say(CLIENT, &Writer::new(4).data(&[1; 9000]));
    assert!(talk.tls.held_bytes() > 9000);
    talk.tls.forget();
    assert_eq!(talk.tls.held_bytes(), 0);
    assert_eq!(talk.tls.unread(), Some(Unread::NoHello));
    // What is searched behind a hole; a record opened later shows how much is missing.
    let (mut talk, mut client, _) = Talk::opened();
    let lost = client.data(b"one").len();
    talk.lose(CLIENT, lost);
    let cut = client.data(&[2; 9000]);
    talk.say(CLIENT, &cut[..4000]);
    assert!(talk.tls.held_bytes() > 4000);
    talk.tls.forget();
    assert!(talk.tls.held_bytes() < 100);
    talk.say(CLIENT, &cut[4000..]);
    talk.say(CLIENT, &client.data(b"three"));
    assert!(talk.text(CLIENT).ends_with("?three"));
    assert_eq!(talk.text(CLIENT).len(), 3 + 9000 + 5);
}

#[test]
fn how_far_a_handshake_came_shows_from_outside() {
    let stage = |says: &[(End, Vec<u8>)]| {
        let mut talk = Talk::default();
        for (end, bytes) in says {
            talk.say(*end, bytes);
        }
        talk.tls.sealed().map(|sealed| sealed.stage)
    };
    let hellos = || {
        vec![
            (CLIENT, client_hello()),
            (SERVER, server_hello([7; 32], 0x1301)),
        ]
    };
    let with = |more: Vec<(End, Vec<u8>)>| [hellos(), more].concat();
    let sealed = |len| record(23, &vec![0xee; len]);
    assert_eq!(stage(&hellos()), Some(Stage::Handshake));
    let certificate = (SERVER, sealed(900));
    assert_eq!(
        stage(&with(vec![certificate.clone()])),
        Some(Stage::Handshake)
    );
    // The client's alert is shorter than any Finished.
    let alert = with(vec![certificate.clone(), (CLIENT, sealed(19))]);
    assert_eq!(stage(&alert), Some(Stage::Handshake));
    let finished = with(vec![certificate, (CLIENT, sealed(53))]);
    assert_eq!(stage(&finished), Some(Stage::Opaque));
    // Data sent before the ServerHello is no Finished (0-RTT).
    let early = [
        vec![(CLIENT, client_hello()), (CLIENT, sealed(300))],
        vec![(SERVER, server_hello([7; 32], 0x1301))],
    ];
    assert_eq!(stage(&early.concat()), Some(Stage::Handshake));
    // What was read is not sealed.
    let (mut talk, mut client, _) = Talk::opened();
    talk.say(CLIENT, &client.data(b"hello"));
    assert!(talk.tls.sealed().is_none());
}
