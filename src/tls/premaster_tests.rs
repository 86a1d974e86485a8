//! Secrets from before the key exchange was agreed on, in TLS 1.2.

use super::*;

/// One direction of TLS 1.2 with AES-128-GCM (RFC 5288 §3), from its first record on.
struct OldWriter {
    key: aead::LessSafeKey,
    salt: [u8; 4],
    number: u64,
}

impl OldWriter {
    /// The client's keys and the server's, out of a premaster secret (RFC 5246 §8.1, §6.3).
    fn pair(premaster: &[u8], server_random: &[u8; 32]) -> [Self; 2] {
        let (mut master, mut block) = ([0; 48], [0; 40]);
        let seed: [&[u8]; 3] = [b"master secret", &CLIENT_RANDOM, server_random];
        expand(0x0303, Hash::Sha256, premaster, &seed, &mut master);
        key_block(
            0x0303,
            Hash::Sha256,
            &master,
            server_random,
            &CLIENT_RANDOM,
            &mut block,
        );
        [0, 1].map(|side| {
            let key = aead::UnboundKey::new(&aead::AES_128_GCM, &block[16 * side..][..16]);
            Self {
                key: aead::LessSafeKey::new(key.unwrap()),
                salt: block[32 + 4 * side..][..4].try_into().unwrap(),
                number: 0,
            }
        })
    }

    fn record(&mut self, kind: u8, plain: &[u8]) -> Vec<u8> {
        let number = self.number.to_be_bytes();
        self.number += 1;
        let nonce = [&self.salt[..], &number].concat().try_into().unwrap();
        let extra = [&number[..], &record(kind, plain)[..5]].concat();
        let mut sealed = plain.to_vec();
        self.key
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(&extra),
                &mut sealed,
            )
            .unwrap();
        record(kind, &[&number[..], &sealed].concat())
    }
}

#[test]
fn a_premaster_secret_opens_what_its_key_exchange_led_to() {
    let talk = |id: &str, extensions: &[u8]| {
        let mut log = KeyLog::default();
        log.feed(format!("RSA {id} {}\n", "5a".repeat(48)).as_bytes());
        let mut talk = Talk {
            keys: Keyring::new(Secrets::new(log)),
            ..Talk::default()
        };
        let random = [7; 32];
        let [mut client, mut server] = OldWriter::pair(&[0x5a; 48], &random);
        // TLS_RSA_WITH_AES_128_GCM_SHA256.
        let chosen = [&[3, 3], &random[..], &[0, 0, 0x9c, 0], extensions].concat();
        talk.say(CLIENT, &client_hello());
        talk.say(SERVER, &record(22, &message(2, &chosen)));
        let sealed = [0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        talk.say(CLIENT, &record(22, &message(16, &sealed)));
        for (end, writer) in [(CLIENT, &mut client), (SERVER, &mut server)] {
            talk.say(end, &record(20, &[1]));
            talk.say(end, &writer.record(22, &message(20, &[9; 12])));
        }
        talk.say(CLIENT, &client.record(23, b"question"));
        talk.say(SERVER, &server.record(23, b"answer"));
        let texts = [talk.text(CLIENT), talk.text(SERVER)];
        (texts.join("+"), talk.tls.unread())
    };
    assert_eq!(
        talk("0102030405060708", &[]),
        ("question+answer".to_owned(), None)
    );
    let nothing = ("+".to_owned(), Some(Unread::NoKey));
    assert_eq!(talk("0102030405060709", &[]), nothing);
    // The extended master secret takes more than that (RFC 7627).
    assert_eq!(talk("0102030405060708", &[0, 4, 0, 23, 0, 0]), nothing);
}
