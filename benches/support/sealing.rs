//! Records of TLS 1.3 with AES-128-GCM, from secrets that everybody knows.

use ring::{aead, hkdf};

/// Traffic secrets.
pub(crate) const CLIENT: [u8; 32] = [0xc5; 32];
pub(crate) const SERVER: [u8; 32] = [0x5e; 32];

const RANDOM: [u8; 32] = [0xc1; 32];

/// The key log that opens them.
pub(crate) fn key_log() -> String {
    let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
    let random = hex(RANDOM);
    format!(
        "CLIENT_TRAFFIC_SECRET_0 {random} {}\nSERVER_TRAFFIC_SECRET_0 {random} {}\n",
        hex(CLIENT),
        hex(SERVER)
    )
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("fits").to_be_bytes();
    [&[kind, 3, 3], &len[..], body].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u8::try_from(body.len()).expect("fits");
    record(22, &[&[kind, 0, 0, len], body].concat())
}

pub(crate) fn client_hello() -> Vec<u8> {
    let suites = [0, 0, 2, 0x13, 1, 1, 0, 0, 0];
    message(1, &[&[3, 3], &RANDOM[..], &suites].concat())
}

pub(crate) fn server_hello() -> Vec<u8> {
    // The suite, no compression, and supported_versions.
    let chosen = [0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4];
    message(2, &[&[3, 3], &[7; 32][..], &chosen].concat())
}

/// Seals one record after the other.
pub(crate) struct Sealer {
    key: aead::LessSafeKey,
    iv: [u8; 12],
    number: u64,
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label (RFC 8446 §7.1).
fn expand<const N: usize>(secret: &[u8], label: &str) -> [u8; N] {
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
    let len = u16::try_from(N).expect("fits").to_be_bytes();
    let label_len = [u8::try_from(label.len() + 6).expect("fits")];
    let info = [&len[..], &label_len, b"tls13 ", label.as_bytes(), &[0]];
    let mut out = [0; N];
    let okm = prk.expand(&info, Len(N)).expect("short enough");
    okm.fill(&mut out).expect("of this length");
    out
}

impl Sealer {
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        let key = expand::<16>(&secret, "key");
        let key = aead::UnboundKey::new(&aead::AES_128_GCM, &key).expect("of its length");
        Self {
            key: aead::LessSafeKey::new(key),
            iv: expand(&secret, "iv"),
            number: 0,
        }
    }

    /// Application data.
    pub(crate) fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (byte, part) in nonce.iter_mut().skip(4).zip(self.number.to_be_bytes()) {
            *byte ^= part;
        }
        self.number += 1;
        let len = u16::try_from(plain.len() + 17).expect("fits").to_be_bytes();
        let header = [&[23, 3, 3], &len[..]].concat();
        let mut body = [plain, &[23]].concat();
        self.key
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(&header),
                &mut body,
            )
            .expect("short enough");
        [header, body].concat()
    }
}
