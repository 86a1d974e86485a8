//! Opens records: what goes in is what the wire had, what comes out has proved itself by its
//! tag or MAC.

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::NoPadding};
use aes::{Aes128, Aes256};
use ccm::aead::{AeadInOut, KeyInit, array::Array, consts};
use ring::{aead, hmac};
use zeroize::Zeroizing;

use super::record::Header;
use super::schedule::{TrafficSecret, key_block};
use super::suite::{Bulk, Hash, Suite};

/// Version numbers (RFC 8446 §4.1.2, RFC 5246, RFC 4346, RFC 2246).
pub(super) const TLS13: u16 = 0x0304;
pub(super) const TLS12: u16 = 0x0303;
const TLS11: u16 = 0x0302;

const BLOCK: usize = 16;
const NONCE_LEN: usize = 12;

/// A record that was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    /// The content type; in TLS 1.3 the one inside.
    pub(super) kind: u8,
    /// Bytes of plaintext.
    pub(super) len: usize,
}

/// The keys of one direction.
pub(super) struct Opener {
    cipher: Cipher,
    iv: [u8; NONCE_LEN],
    version: u16,
    /// Eight bytes of the nonce stand in the record (RFC 5288 §3, RFC 6655 §3).
    explicit_nonce: bool,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of this one, and stand behind a box already"
)]
enum Cipher {
    Ring(aead::LessSafeKey),
    Ccm(Ccm),
    Cbc(Box<Cbc>),
}

enum Ccm {
    Aes128(Box<ccm::Ccm<Aes128, consts::U16, consts::U12>>),
    Aes128Short(Box<ccm::Ccm<Aes128, consts::U8, consts::U12>>),
    Aes256(Box<ccm::Ccm<Aes256, consts::U16, consts::U12>>),
    Aes256Short(Box<ccm::Ccm<Aes256, consts::U8, consts::U12>>),
}

struct Cbc {
    key: Zeroizing<Vec<u8>>,
    mac: hmac::Key,
    mac_len: usize,
    /// The MAC is over the ciphertext (RFC 7366).
    encrypt_then_mac: bool,
    /// TLS 1.0: the last block of the record before is the IV.
    is_chained: bool,
    /// That block, where it is known.
    chain: Option<[u8; BLOCK]>,
}

/// What the hellos agreed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    pub(super) version: u16,
    pub(super) suite: Suite,
    pub(super) encrypt_then_mac: bool,
}

impl Agreed {
    /// The number of bytes that every record has beyond its plaintext; `None` where that varies,
    /// or is not known.
    pub(super) fn fixed_overhead(&self) -> Option<u16> {
        let is_fixed = self
            .suite
            .bulk()
            .is_some_and(|bulk| !matches!(bulk, Bulk::Cbc(..)));
        u16::try_from(self.overhead()).ok().filter(|_| is_fixed)
    }

    /// The least number of bytes that a record has beyond its header and its plaintext.
    pub(super) fn overhead(&self) -> u64 {
        let inner_type = u64::from(self.version >= TLS13);
        let explicit = if self.version >= TLS13 { 0 } else { 8 };
        inner_type
            + match self.suite.bulk() {
                Some(Bulk::Gcm(_)) => explicit + 16,
                Some(Bulk::Ccm(_, tag)) => explicit + tag as u64,
                Some(Bulk::ChaCha20) => 16,
                // The padding has one byte at least.
                Some(Bulk::Cbc(_, hash)) => {
                    let iv = if self.version >= TLS11 { BLOCK } else { 0 };
                    (iv + mac_len(hash) + 1) as u64
                }
                None => 0,
            }
    }
}

/// The keys of the client's and of the server's direction, up to TLS 1.2 (RFC 5246 §6.3).
pub(super) fn openers(
    agreed: Agreed,
    master: &[u8],
    server_random: &[u8; 32],
    client_random: &[u8; 32],
) -> Option<[Opener; 2]> {
    let bulk = agreed.suite.bulk()?;
    let (mac_len, key_len, iv_len) = match bulk {
        Bulk::Gcm(key) | Bulk::Ccm(key, _) => (0, key, 4),
        Bulk::ChaCha20 => (0, 32, NONCE_LEN),
        // RFC 4346 §6.2.3.2: from TLS 1.1 on the IV stands in the record.
        Bulk::Cbc(key, hash) => {
            let iv = if agreed.version < TLS11 { BLOCK } else { 0 };
            (mac_len(hash), key, iv)
        }
    };
    let mut block = Zeroizing::new(vec![0; 2 * (mac_len + key_len + iv_len)]);
    key_block(
        agreed.version,
        agreed.suite.hash(),
        master,
        server_random,
        client_random,
        &mut block,
    );
    let (macs, rest) = block.split_at_checked(2 * mac_len)?;
    let (keys, ivs) = rest.split_at_checked(2 * key_len)?;
    let opener = |side: usize| {
        let part =
            |all: &[u8], len: usize| all.get(side * len..(side + 1) * len).map(<[u8]>::to_vec);
        let mac = Zeroizing::new(part(macs, mac_len)?);
        let key = Zeroizing::new(part(keys, key_len)?);
        let first = part(ivs, iv_len)?;
        let mut iv = [0; NONCE_LEN];
        iv.iter_mut().zip(&first).for_each(|(to, from)| *to = *from);
        Some(Opener {
            cipher: match bulk {
                Bulk::Cbc(_, hash) => Cipher::Cbc(Box::new(Cbc {
                    key,
                    mac: hmac::Key::new(mac_algorithm(hash), &mac),
                    mac_len,
                    encrypt_then_mac: agreed.encrypt_then_mac,
                    is_chained: agreed.version < TLS11,
                    chain: first.try_into().ok(),
                })),
                _ => cipher(bulk, &key)?,
            },
            iv,
            version: agreed.version,
            explicit_nonce: matches!(bulk, Bulk::Gcm(_) | Bulk::Ccm(..)),
        })
    };
    Some([opener(0)?, opener(1)?])
}

fn cipher(bulk: Bulk, key: &[u8]) -> Option<Cipher> {
    let ring = |algorithm: &'static aead::Algorithm| {
        let key = aead::UnboundKey::new(algorithm, key).ok()?;
        Some(Cipher::Ring(aead::LessSafeKey::new(key)))
    };
    match bulk {
        Bulk::Gcm(16) => ring(&aead::AES_128_GCM),
        Bulk::Gcm(_) => ring(&aead::AES_256_GCM),
        Bulk::ChaCha20 => ring(&aead::CHACHA20_POLY1305),
        Bulk::Ccm(len, tag) => Some(Cipher::Ccm(match (len, tag) {
            (16, 16) => Ccm::Aes128(Box::new(KeyInit::new_from_slice(key).ok()?)),
            (16, _) => Ccm::Aes128Short(Box::new(KeyInit::new_from_slice(key).ok()?)),
            (_, 16) => Ccm::Aes256(Box::new(KeyInit::new_from_slice(key).ok()?)),
            _ => Ccm::Aes256Short(Box::new(KeyInit::new_from_slice(key).ok()?)),
        })),
        Bulk::Cbc(..) => None,
    }
}

const fn mac_len(hash: Hash) -> usize {
    match hash {
        Hash::Sha1 => 20,
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
    }
}

fn mac_algorithm(hash: Hash) -> hmac::Algorithm {
    match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
    }
}

impl Opener {
    /// The keys of a traffic secret of TLS 1.3 (RFC 8446 §7.3).
    pub(super) fn of_secret(suite: Suite, secret: &TrafficSecret) -> Option<Self> {
        let bulk = suite.bulk()?;
        let key_len = match bulk {
            Bulk::Gcm(len) | Bulk::Ccm(len, _) => len,
            Bulk::ChaCha20 => 32,
            Bulk::Cbc(..) => return None,
        };
        let mut key = Zeroizing::new([0; 32]);
        let key = key.get_mut(..key_len)?;
        let mut iv = [0; NONCE_LEN];
        secret.expand(suite.hash(), "key", key);
        secret.expand(suite.hash(), "iv", &mut iv);
        Some(Self {
            cipher: cipher(bulk, key)?,
            iv,
            version: TLS13,
            explicit_nonce: false,
        })
    }

    /// Opens the record with this sequence number into `out`, whose first bytes are then the
    /// plaintext. `None`: not with this key, or not with this number.
    pub(super) fn open(
        &self,
        number: u64,
        header: &Header,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<Opened> {
        out.clear();
        let len = match &self.cipher {
            Cipher::Cbc(cbc) => cbc.open(self.version, number, header, body, out)?,
            Cipher::Ring(_) | Cipher::Ccm(_) => self.open_aead(number, header, body, out)?,
        };
        if self.version < TLS13 {
            let kind = header.kind;
            return Some(Opened { kind, len });
        }
        // RFC 8446 §5.4: zeros are padding; before them stands the real content type.
        let len = out.get(..len)?.iter().rposition(|&byte| byte != 0)?;
        let kind = *out.get(len)?;
        Some(Opened { kind, len })
    }

    /// How many bytes of `out` are plaintext.
    fn open_aead(
        &self,
        number: u64,
        header: &Header,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let mut nonce = self.iv;
        let sealed = if self.explicit_nonce {
            let (explicit, sealed) = body.split_at_checked(8)?;
            nonce.get_mut(4..)?.copy_from_slice(explicit);
            sealed
        } else {
            // RFC 8446 §5.3, RFC 7905 §2: the number, padded on the left.
            for (byte, part) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
                *byte ^= part;
            }
            body
        };
        out.extend_from_slice(sealed);
        match &self.cipher {
            Cipher::Ring(key) => {
                let plain_len = sealed.len().checked_sub(key.algorithm().tag_len())?;
                let nonce = aead::Nonce::assume_unique_for_key(nonce);
                let (extra, extra_len) = self.additional(number, header, plain_len);
                let extra = aead::Aad::from(extra.get(..extra_len)?);
                Some(key.open_in_place(nonce, extra, out).ok()?.len())
            }
            Cipher::Ccm(key) => {
                let tag_len = match key {
                    Ccm::Aes128(_) | Ccm::Aes256(_) => 16,
                    Ccm::Aes128Short(_) | Ccm::Aes256Short(_) => 8,
                };
                let plain_len = sealed.len().checked_sub(tag_len)?;
                let (extra, extra_len) = self.additional(number, header, plain_len);
                let extra = extra.get(..extra_len)?;
                let nonce = Array(nonce);
                match key {
                    Ccm::Aes128(key) => key.decrypt_in_place(&nonce, extra, out),
                    Ccm::Aes128Short(key) => key.decrypt_in_place(&nonce, extra, out),
                    Ccm::Aes256(key) => key.decrypt_in_place(&nonce, extra, out),
                    Ccm::Aes256Short(key) => key.decrypt_in_place(&nonce, extra, out),
                }
                .ok()?;
                Some(plain_len)
            }
            Cipher::Cbc(_) => None,
        }
    }

    /// The additional data: the record's header in TLS 1.3 (RFC 8446 §5.2), before that the
    /// number and a header with the length of the plaintext (RFC 5246 §6.2.3.3).
    fn additional(&self, number: u64, header: &Header, plain_len: usize) -> ([u8; 13], usize) {
        let mut extra = [0; 13];
        let parts = if self.version >= TLS13 {
            extra
                .iter_mut()
                .zip(header.bytes)
                .for_each(|(to, from)| *to = from);
            header.bytes.len()
        } else {
            extra = pseudo_header(number, header, plain_len);
            extra.len()
        };
        (extra, parts)
    }

    /// A record went by, opened or not; `None` where its last bytes are not known.
    pub(super) fn note_passed(&mut self, body: Option<&[u8]>) {
        if let Cipher::Cbc(cbc) = &mut self.cipher
            && cbc.is_chained
        {
            let mac_len = if cbc.encrypt_then_mac { cbc.mac_len } else { 0 };
            cbc.chain = body
                .and_then(|body| body.get(..body.len().checked_sub(mac_len)?))
                .and_then(|sealed| sealed.last_chunk().copied());
        }
    }
}

fn pseudo_header(number: u64, header: &Header, len: usize) -> [u8; 13] {
    let mut bytes = [0; 13];
    let [kind, major, minor, ..] = header.bytes;
    let len = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    let parts = number
        .to_be_bytes()
        .into_iter()
        .chain([kind, major, minor])
        .chain(len);
    bytes
        .iter_mut()
        .zip(parts)
        .for_each(|(to, from)| *to = from);
    bytes
}

impl Cbc {
    /// RFC 5246 §6.2.3.2. How many bytes of `out` are plaintext.
    fn open(
        &self,
        version: u16,
        number: u64,
        header: &Header,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let sealed = if self.encrypt_then_mac {
            // RFC 7366 §3: over everything that the record has before the MAC.
            let (sealed, tag) = body.split_at_checked(body.len().checked_sub(self.mac_len)?)?;
            self.verify(number, header, sealed, tag)?;
            sealed
        } else {
            body
        };
        let (iv, sealed): ([u8; BLOCK], &[u8]) = if version >= TLS11 {
            let (iv, sealed) = sealed.split_first_chunk()?;
            (*iv, sealed)
        } else {
            (self.chain?, sealed)
        };
        if sealed.is_empty() || sealed.len() % BLOCK != 0 {
            return None;
        }
        out.extend_from_slice(sealed);
        if self.key.len() == 16 {
            let key = cbc::Decryptor::<Aes128>::new_from_slices(&self.key, &iv).ok()?;
            key.decrypt_padded::<NoPadding>(out).ok()?;
        } else {
            let key = cbc::Decryptor::<Aes256>::new_from_slices(&self.key, &iv).ok()?;
            key.decrypt_padded::<NoPadding>(out).ok()?;
        }
        // Its last byte says how many more there are of the same value.
        let padding = *out.last()?;
        let len = out.len().checked_sub(usize::from(padding) + 1)?;
        if out.get(len..)?.iter().any(|&byte| byte != padding) {
            return None;
        }
        if self.encrypt_then_mac {
            return Some(len);
        }
        let len = len.checked_sub(self.mac_len)?;
        let (plain, rest) = out.split_at_checked(len)?;
        self.verify(number, header, plain, rest.get(..self.mac_len)?)?;
        Some(len)
    }

    fn verify(&self, number: u64, header: &Header, bytes: &[u8], tag: &[u8]) -> Option<()> {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(&pseudo_header(number, header, bytes.len()));
        context.update(bytes);
        // Nothing can be learned here from how long a comparison takes.
        (context.sign().as_ref() == tag).then_some(())
    }
}
