//! From secrets to keys: the key schedule of TLS 1.3 (RFC 8446 §7) and the pseudorandom function
//! of the versions before (RFC 5246 §5, RFC 2246 §5).

use hmac::{KeyInit, Mac};
use ring::{hkdf, hmac as ring_hmac};
use zeroize::Zeroizing;

use super::suite::Hash;

/// A traffic secret of TLS 1.3, wiped when dropped.
pub(super) struct TrafficSecret {
    bytes: Zeroizing<[u8; 48]>,
    len: usize,
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

impl TrafficSecret {
    /// As a key log has it; `None` where it does not have the length of the suite's hash.
    pub(super) fn new(secret: &[u8], hash: Hash) -> Option<Self> {
        let expected = match hash {
            Hash::Sha384 => 48,
            Hash::Sha256 | Hash::Sha1 => 32,
        };
        let mut bytes = Zeroizing::new([0; 48]);
        bytes
            .get_mut(..secret.len())
            .filter(|_| secret.len() == expected)?
            .copy_from_slice(secret);
        Some(Self {
            bytes,
            len: expected,
        })
    }

    /// HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
    pub(super) fn expand(&self, hash: Hash, label: &str, out: &mut [u8]) {
        let algorithm = match hash {
            Hash::Sha384 => hkdf::HKDF_SHA384,
            Hash::Sha256 | Hash::Sha1 => hkdf::HKDF_SHA256,
        };
        let secret = self.bytes.get(..self.len).unwrap_or_default();
        let prk = hkdf::Prk::new_less_safe(algorithm, secret);
        let len = u16::try_from(out.len()).unwrap_or(u16::MAX).to_be_bytes();
        let label_len = u8::try_from(label.len() + 6).unwrap_or(u8::MAX);
        let info = [&len, &[label_len][..], b"tls13 ", label.as_bytes(), &[0]];
        // Keys are never longer than 255 hashes, the one thing that can fail here.
        if let Ok(output) = prk.expand(&info, Len(out.len())) {
            let _ = output.fill(out);
        }
    }

    /// The secret after a KeyUpdate (RFC 8446 §7.2).
    pub(super) fn next(&self, hash: Hash) -> Self {
        let mut bytes = Zeroizing::new([0; 48]);
        if let Some(out) = bytes.get_mut(..self.len) {
            self.expand(hash, "traffic upd", out);
        }
        Self {
            bytes,
            len: self.len,
        }
    }
}

/// The keys of both directions of a connection up to TLS 1.2, out of its master secret
/// (RFC 5246 §6.3).
pub(super) fn key_block(
    version: u16,
    hash: Hash,
    master: &[u8],
    server_random: &[u8; 32],
    client_random: &[u8; 32],
    out: &mut [u8],
) {
    let seed = [&server_random[..], client_random].concat();
    expand(version, hash, master, &[b"key expansion", &seed], out);
}

/// The pseudorandom function (RFC 5246 §5); `seed` is the label and what goes with it.
pub(super) fn expand(version: u16, hash: Hash, secret: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    let seed = seed.concat();
    if version >= 0x0303 {
        let algorithm = match hash {
            Hash::Sha384 => ring_hmac::HMAC_SHA384,
            Hash::Sha256 | Hash::Sha1 => ring_hmac::HMAC_SHA256,
        };
        let key = ring_hmac::Key::new(algorithm, secret);
        p_hash(&seed, out, |parts| sign(&key, parts));
        return;
    }
    // RFC 2246 §5: each half of the secret for one hash; an odd byte in the middle for both.
    let half = secret.len().div_ceil(2);
    let first = secret.get(..half).unwrap_or_default();
    let second = secret.get(secret.len() - half..).unwrap_or_default();
    p_hash(&seed, out, |parts| md5(first, parts));
    let mut other = Zeroizing::new(vec![0; out.len()]);
    let key = ring_hmac::Key::new(ring_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, second);
    p_hash(&seed, &mut other, |parts| sign(&key, parts));
    for (byte, other) in out.iter_mut().zip(other.iter()) {
        *byte ^= other;
    }
}

/// RFC 5246 §5: P_hash.
fn p_hash(seed: &[u8], out: &mut [u8], hmac: impl Fn(&[&[u8]]) -> Zeroizing<Vec<u8>>) {
    let mut a = hmac(&[seed]);
    let size = a.len().max(1);
    for part in out.chunks_mut(size) {
        let block = hmac(&[&a, seed]);
        for (byte, from) in part.iter_mut().zip(block.iter()) {
            *byte = *from;
        }
        a = hmac(&[&a]);
    }
}

fn sign(key: &ring_hmac::Key, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut context = ring_hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    Zeroizing::new(context.sign().as_ref().to_vec())
}

fn md5(key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::new());
    // An HMAC takes a key of any length.
    if let Ok(mut hmac) = hmac::Hmac::<md5::Md5>::new_from_slice(key) {
        parts.iter().for_each(|part| hmac.update(part));
        out.extend_from_slice(&hmac.finalize().into_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).unwrap_or_default();
            u8::from_str_radix(text, 16).unwrap_or_default()
        };
        digits.chunks(2).map(byte).collect()
    }

    /// RFC 8448 §3: the server's handshake traffic secret, and the keys derived from it.
    #[test]
    fn keys_of_the_published_trace() {
        let secret = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38";
        let secret = TrafficSecret::new(&hex(secret), Hash::Sha256);
        let mut key = [0; 16];
        let mut iv = [0; 12];
        if let Some(secret) = secret {
            secret.expand(Hash::Sha256, "key", &mut key);
            secret.expand(Hash::Sha256, "iv", &mut iv);
        }
        assert_eq!(key[..], hex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(iv[..], hex("5d313eb2671276ee13000b30"));
    }

    #[test]
    fn the_length_must_be_that_of_the_hash() {
        assert!(TrafficSecret::new(&[1; 32], Hash::Sha384).is_none());
        assert!(TrafficSecret::new(&[1; 48], Hash::Sha256).is_none());
        assert!(TrafficSecret::new(&[1; 99], Hash::Sha384).is_none());
        assert!(TrafficSecret::new(&[1; 48], Hash::Sha384).is_some());
    }

    /// The vector for P_SHA256 that was published on the TLS working group's list.
    #[test]
    fn the_pseudorandom_function_of_tls_1_2() {
        let key = hex("9bbe436ba940f017b17652849a71db35");
        let seed = [&b"test label"[..], &hex("a0ba9f936cda311827a6f796ffd5198c")].concat();
        let mut out = [0; 32];
        let key = ring_hmac::Key::new(ring_hmac::HMAC_SHA256, &key);
        p_hash(&seed, &mut out, |parts| sign(&key, parts));
        assert_eq!(
            out[..],
            hex("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a")
        );
    }
}
