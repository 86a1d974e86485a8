//! The key log: secrets by the random bytes of the ClientHello they belong to.
//!
//! In: text in the format of NSS (draft-ietf-tls-keylogfile), from files or captures, in pieces
//! of any size. Secrets never leave by `Debug`, are never copied as the table grows, and are
//! wiped when it is dropped.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;
use zeroize::{Zeroize, Zeroizing};

use crate::limits;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// The master secret, up to TLS 1.2.
    Master,
    /// The premaster secret of an RSA key exchange, by the first bytes of its encrypted form.
    Premaster,
    ClientEarly,
    ClientHandshake,
    ServerHandshake,
    ClientTraffic,
    ServerTraffic,
}

impl Label {
    /// Those of other uses are none of ours.
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"CLIENT_RANDOM" => Self::Master,
            b"RSA" => Self::Premaster,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Self::ClientEarly,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshake,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshake,
            b"CLIENT_TRAFFIC_SECRET_0" => Self::ClientTraffic,
            b"SERVER_TRAFFIC_SECRET_0" => Self::ServerTraffic,
            _ => return None,
        })
    }
}

/// `Random` of a ClientHello (RFC 8446 §4.1.2): not secret.
pub(super) type ClientRandom = [u8; 32];

/// So many bytes of the encrypted premaster secret stand in place of a random (NSS, "RSA").
pub(super) const PREMASTER_ID_LEN: usize = 8;

/// The longest: a master secret, or the output of SHA-384.
const MAX_SECRET_LEN: usize = 48;

/// Secrets of a slab: grown by slabs, none is ever moved.
const SLAB: usize = 4096;

/// Ends the list of a connection's secrets.
const NONE: u32 = u32::MAX;

struct Secret {
    bytes: [u8; MAX_SECRET_LEN],
    len: u8,
    label: Label,
    /// The next one of the same connection.
    next: u32,
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Secrets of TLS connections.
#[derive(Default)]
pub struct KeyLog {
    /// The first secret of each connection.
    first: HashMap<ClientRandom, u32, RandomState>,
    slabs: Vec<Vec<Secret>>,
    /// The line that the last piece of text left unfinished.
    line: Zeroizing<Vec<u8>>,
    /// That line is too long; its rest is passed over.
    is_overlong: bool,
    malformed: u64,
    refused: u64,
    has_premasters: bool,
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLog")
            .field("connections", &self.first.len())
            .field("malformed", &self.malformed)
            .finish_non_exhaustive()
    }
}

impl KeyLog {
    /// How many connections it has secrets of.
    pub fn connections(&self) -> usize {
        self.first.len()
    }

    /// It holds no secret.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// How many secrets it holds.
    pub fn secrets(&self) -> usize {
        match self.slabs.split_last() {
            Some((last, full)) => full.len() * SLAB + last.len(),
            None => 0,
        }
    }

    /// Lines that are no comment and cannot be read.
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Secrets left out because there were too many.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes the next piece of a text; lines may be cut anywhere.
    pub fn feed(&mut self, mut text: &[u8]) {
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
            text = rest.get(1..).unwrap_or_default();
            if self.line.is_empty() && !self.is_overlong {
                self.read(line);
            } else {
                self.keep(line);
                self.end_text();
            }
        }
        if !text.is_empty() {
            self.keep(text);
        }
    }

    /// The text is over; its last line may have no end.
    pub fn end_text(&mut self) {
        if std::mem::take(&mut self.is_overlong) {
            self.malformed += 1;
        } else if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.read(&line);
            self.line = line;
        }
        self.line.zeroize();
    }

    fn keep(&mut self, part: &[u8]) {
        if self.line.len() + part.len() > limits::MAX_KEY_LOG_LINE {
            self.is_overlong = true;
            self.line.zeroize();
        } else if !self.is_overlong {
            // Reserved at once: a vector that grows leaves a copy behind.
            let free = limits::MAX_KEY_LOG_LINE - self.line.len();
            self.line.reserve_exact(free);
            self.line.extend_from_slice(part);
        }
    }

    fn read(&mut self, line: &[u8]) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let Some(name) = words.next().filter(|name| !name.starts_with(b"#")) else {
            return;
        };
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let (Some(random), Some(secret), None) = (words.next(), words.next(), words.next()) else {
            self.malformed += 1;
            return;
        };
        let mut bytes = Zeroizing::new([0; MAX_SECRET_LEN]);
        let mut client = [0; 32];
        let Some(len) = decode_hex(secret, &mut *bytes).filter(|_| name.iter().all(is_name)) else {
            self.malformed += 1;
            return;
        };
        let Some(label) = Label::of(name) else { return };
        // RFC 8446 §7.1: as long as the hash of the cipher suite; RFC 5246 §8.1: 48 octets, and
        // §7.4.7.1 the same for what RSA encrypts.
        let (id_len, is_right) = match label {
            Label::Master => (32, len == 48),
            Label::Premaster => (PREMASTER_ID_LEN, len == 48),
            _ => (32, len == 32 || len == 48),
        };
        if !is_right || decode_hex(random, &mut client) != Some(id_len) {
            self.malformed += 1;
            return;
        }
        self.has_premasters |= label == Label::Premaster;
        self.insert(client, label, &bytes, len);
    }

    /// A secret that is there already is replaced: clients that use a random again mean the
    /// newer one.
    fn insert(&mut self, client: ClientRandom, label: Label, bytes: &[u8; 48], len: usize) {
        let len = u8::try_from(len).unwrap_or(0);
        let mut place = self.first.get(&client).copied().unwrap_or(NONE);
        while let Some(secret) = self.secret_mut(place) {
            if secret.label == label {
                secret.bytes = *bytes;
                secret.len = len;
                return;
            }
            place = secret.next;
        }
        let count = self.secrets();
        let Some(new) = u32::try_from(count)
            .ok()
            .filter(|_| count < limits::MAX_SECRETS)
        else {
            self.refused += 1;
            return;
        };
        if self.slabs.last().is_none_or(|slab| slab.len() == SLAB) {
            self.slabs.push(Vec::with_capacity(SLAB));
        }
        let next = self.first.insert(client, new).unwrap_or(NONE);
        if let Some(slab) = self.slabs.last_mut() {
            slab.push(Secret {
                bytes: *bytes,
                len,
                label,
                next,
            });
        }
    }

    /// The premaster secret whose encrypted form begins with `sealed`.
    pub(super) fn premaster(&self, sealed: &[u8]) -> Option<&[u8]> {
        let mut id = [0; 32];
        id.get_mut(..PREMASTER_ID_LEN)?
            .copy_from_slice(sealed.get(..PREMASTER_ID_LEN)?);
        self.get(&id, Label::Premaster)
    }

    /// There are secrets that only the key exchange leads to.
    pub(super) const fn has_premasters(&self) -> bool {
        self.has_premasters
    }

    fn secret(&self, place: u32) -> Option<&Secret> {
        let place = place as usize;
        self.slabs.get(place / SLAB)?.get(place % SLAB)
    }

    fn secret_mut(&mut self, place: u32) -> Option<&mut Secret> {
        let place = place as usize;
        self.slabs.get_mut(place / SLAB)?.get_mut(place % SLAB)
    }

    /// One secret of a connection.
    pub(super) fn get(&self, client: &ClientRandom, label: Label) -> Option<&[u8]> {
        let mut place = *self.first.get(client)?;
        while let Some(secret) = self.secret(place) {
            if secret.label == label {
                return secret.bytes.get(..usize::from(secret.len));
            }
            place = secret.next;
        }
        None
    }
}

/// Reads hexadecimal digits into `out`; how many bytes they are. `None` where they are none, too
/// many, or an odd number.
fn decode_hex(digits: &[u8], out: &mut [u8]) -> Option<usize> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let out = out.get_mut(..pairs.len())?;
    let mut bad = u8::from(!rest.is_empty());
    for (byte, &[high, low]) in out.iter_mut().zip(pairs) {
        let digit = |digit: u8| HEX.get(usize::from(digit)).copied().unwrap_or(0xff);
        let (high, low) = (digit(high), digit(low));
        bad |= (high | low) & 0xf0;
        *byte = high << 4 | low;
    }
    (bad == 0).then_some(pairs.len())
}

/// The value of each character as a digit.
#[expect(clippy::indexing_slicing, reason = "done while compiling")]
const HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut digit = 0;
    while digit < 128 {
        table[digit as usize] = hex_digit(digit);
        digit += 1;
    }
    table
};

/// 0xff for what is none.
const fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0xff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, client: u8, secret: &str) -> String {
        format!("{label} {} {secret}", format!("{client:02x}").repeat(32))
    }

    fn log(text: &str) -> KeyLog {
        let mut log = KeyLog::default();
        log.feed(text.as_bytes());
        log.end_text();
        log
    }

    #[test]
    fn every_line_is_read_or_counted() {
        let master = line("CLIENT_RANDOM", 1, &"Ab".repeat(48));
        let traffic = line("CLIENT_TRAFFIC_SECRET_0", 2, &"cd".repeat(32));
        let other = line("EXPORTER_SECRET", 2, &"ef".repeat(32));
        let text = format!(
            "\u{feff}# comment\r\n\r\n  \n{master}\r\n{traffic} \n{other}\nCLIENT_RANDOM 00\n\
             CLIENT_RANDOM {0} zz\nrubbish\n{1}\n{2}",
            "00".repeat(32),
            "x".repeat(5000),
            line("SERVER_TRAFFIC_SECRET_0", 2, &"77".repeat(48)),
        );
        let log = log(&text);
        assert_eq!(
            (log.connections(), log.secrets(), log.malformed()),
            (2, 3, 4)
        );
        assert_eq!(log.get(&[1; 32], Label::Master), Some(&[0xab; 48][..]));
        assert_eq!(
            log.get(&[2; 32], Label::ClientTraffic),
            Some(&[0xcd; 32][..])
        );
        assert_eq!(
            log.get(&[2; 32], Label::ServerTraffic),
            Some(&[0x77; 48][..])
        );
        assert_eq!(log.get(&[2; 32], Label::Master), None);
        assert_eq!(log.get(&[3; 32], Label::Master), None);
    }

    #[test]
    fn pieces_of_any_size_make_the_same_log() {
        let text = [1, 2, 3].map(|client| line("CLIENT_RANDOM", client, &"5a".repeat(48)));
        let text = text.join("\r\n");
        for size in 1..text.len() {
            let mut log = KeyLog::default();
            text.as_bytes()
                .chunks(size)
                .for_each(|piece| log.feed(piece));
            log.end_text();
            assert_eq!((log.connections(), log.malformed()), (3, 0), "{size}");
        }
    }

    #[test]
    fn the_last_of_two_secrets_holds() {
        let text =
            [0x11, 0x22].map(|byte| line("CLIENT_RANDOM", 1, &format!("{byte:02x}").repeat(48)));
        let log = log(&text.map(|line| line + "\n").concat());
        assert_eq!(log.secrets(), 1);
        assert_eq!(log.get(&[1; 32], Label::Master), Some(&[0x22; 48][..]));
    }

    #[test]
    fn more_than_a_slab_is_found_again() {
        let mut log = KeyLog::default();
        for number in 0..3 * SLAB {
            log.feed(format!("CLIENT_RANDOM {number:064x} {number:096x}\n").as_bytes());
        }
        for number in [0, 1, SLAB - 1, SLAB, 3 * SLAB - 1] {
            let mut client = [0; 32];
            client[24..].copy_from_slice(&(number as u64).to_be_bytes());
            let secret = log.get(&client, Label::Master).unwrap_or_default();
            assert_eq!(secret.last_chunk(), Some(&(number as u64).to_be_bytes()));
        }
    }

    #[test]
    fn a_premaster_secret_goes_by_its_encrypted_form() {
        let secret = "5a".repeat(48);
        let log = log(&format!(
            "RSA 0102030405060708 {secret}\nRSA 01020304 {secret}\nRSA 0102030405060709 5a5a\n"
        ));
        assert_eq!((log.secrets(), log.malformed()), (1, 2));
        let found = |sealed: &[u8]| log.premaster(sealed).map(<[u8]>::len);
        assert_eq!(found(&[1, 2, 3, 4, 5, 6, 7, 8, 99]), Some(48));
        assert_eq!(found(&[1, 2, 3, 4, 5, 6, 7, 9]), None);
        assert_eq!(found(&[1, 2, 3]), None);
    }

    #[test]
    fn no_secret_is_shown() {
        let log = log(&line("CLIENT_RANDOM", 1, &"ab".repeat(48)));
        let shown = format!("{log:?}");
        assert!(!shown.contains("ab") && !shown.contains("171"), "{shown}");
    }
}
