//! The frame header (RFC 6455 §5.2).

use nom::bytes::streaming::take;
use nom::number::streaming::{be_u8, be_u16, be_u64};
use nom::{IResult, Parser};

/// Longest frame header: two bytes, eight of length, four of masking key.
pub(super) const MAX_HEADER_LEN: usize = 14;

/// What a frame is for (RFC 6455 §5.2, §11.8); any four bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opcode(pub u8);

impl Opcode {
    /// Goes on with a message.
    pub const CONTINUATION: Self = Self(0x0);
    /// Begins a message of text.
    pub const TEXT: Self = Self(0x1);
    /// Begins a message of bytes.
    pub const BINARY: Self = Self(0x2);
    /// Closes.
    pub const CLOSE: Self = Self(0x8);
    /// Asks for a Pong.
    pub const PING: Self = Self(0x9);
    /// Answers a Ping, or comes unasked.
    pub const PONG: Self = Self(0xa);

    /// RFC 6455 §5.5: control frames have the highest bit set.
    pub const fn is_control(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// It has no meaning yet.
    pub const fn is_reserved(self) -> bool {
        matches!(self.0, 0x3..=0x7 | 0xb..)
    }

    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0x0 => "continuation",
            0x1 => "text",
            0x2 => "binary",
            0x8 => "close",
            0x9 => "ping",
            0xa => "pong",
            _ => "reserved",
        }
    }
}

/// A frame header as sent, legal or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Last frame of its message.
    pub fin: bool,
    /// RSV1 (4), RSV2 (2), RSV3 (1).
    pub rsv: u8,
    /// What it is for.
    pub opcode: Opcode,
    /// The masking key, where the mask bit is set.
    pub mask: Option<[u8; 4]>,
    /// Payload length in bytes.
    pub len: u64,
    /// Bytes of the header itself.
    pub header_len: u8,
    /// The length was written with more bytes than it needs.
    pub is_padded: bool,
}

impl Header {
    /// RSV1: the message is compressed (RFC 7692 §6).
    pub const RSV1: u8 = 4;
}

/// Parses one header; `Incomplete` where bytes are missing. Payload is never looked at, so a
/// length of 2^63 costs nothing.
///
/// # Errors
/// Only `Incomplete`: any bytes make a header.
pub fn parse_header(input: &[u8]) -> IResult<&[u8], Header> {
    let (rest, (first, second)) = (be_u8, be_u8).parse(input)?;
    let (rest, len, len_bytes, shortest) = match second & 0x7f {
        126 => {
            let (rest, len) = be_u16(rest)?;
            (rest, u64::from(len), 2, 126)
        }
        127 => {
            let (rest, len) = be_u64(rest)?;
            (rest, len, 8, 1 << 16)
        }
        short => (rest, u64::from(short), 0, 0),
    };
    let (rest, mask) = if second & 0x80 == 0 {
        (rest, None)
    } else {
        let (rest, key) = take(4usize).parse(rest)?;
        (rest, <[u8; 4]>::try_from(key).ok())
    };
    let header = Header {
        fin: first & 0x80 != 0,
        rsv: first >> 4 & 0x7,
        opcode: Opcode(first & 0xf),
        mask,
        len,
        header_len: 2 + len_bytes + if mask.is_some() { 4 } else { 0 },
        is_padded: len < shortest,
    };
    Ok((rest, header))
}

/// Applies the masking key to bytes that begin `position` bytes into the payload
/// (RFC 6455 §5.3).
pub(super) fn unmask(bytes: &mut [u8], mask: [u8; 4], position: u64) {
    let key = Key::at(mask, position);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        key.apply(word);
    }
    key.apply_rest(words.into_remainder());
}

/// A masking key, turned to a place in the payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key([u8; 4]);

impl Key {
    /// That of bytes that are not masked.
    pub(super) const NONE: Self = Self([0; 4]);

    /// That of the byte with so many before it.
    #[inline]
    pub(super) const fn at(mask: [u8; 4], position: u64) -> Self {
        let bits = (position % 4) as u32 * 8;
        Self(u32::from_le_bytes(mask).rotate_right(bits).to_le_bytes())
    }

    /// That of the byte so many further on.
    #[inline]
    pub(super) const fn turned(self, by: usize) -> Self {
        Self::at(self.0, by as u64)
    }

    /// What a byte means.
    #[inline]
    pub(super) const fn plain(self, byte: u8) -> u8 {
        let [key, ..] = self.0;
        byte ^ key
    }

    /// As many bytes as are masked with it before it repeats.
    #[inline]
    pub(super) const fn bytes(self) -> [u8; 4] {
        self.0
    }

    #[inline]
    fn apply(self, word: &mut [u8]) {
        let [a, b, c, d] = self.0;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        if let Ok(array) = <[u8; 8]>::try_from(&*word) {
            word.copy_from_slice(&(u64::from_ne_bytes(array) ^ wide).to_ne_bytes());
        }
    }

    fn apply_rest(self, bytes: &mut [u8]) {
        for (byte, key) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte ^= key;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed parse is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn reads_the_examples_of_the_rfc() {
        // RFC 6455 §5.7
        let (rest, header) = parse_header(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").unwrap();
        assert_eq!(
            (header.fin, header.opcode, header.len),
            (true, Opcode::TEXT, 5)
        );
        let mut payload = rest.to_vec();
        unmask(&mut payload, header.mask.unwrap(), 0);
        assert_eq!(payload, b"Hello");
        let (_, header) = parse_header(b"\x82\x7f\0\0\0\0\0\x01\0\0").unwrap();
        assert_eq!(
            (header.len, header.header_len, header.is_padded),
            (65536, 10, false)
        );
    }

    #[test]
    fn asks_for_more_at_every_cut() {
        let whole = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04";
        for cut in 0..whole.len() {
            assert!(
                parse_header(whole.get(..cut).unwrap())
                    .unwrap_err()
                    .is_incomplete(),
                "{cut}"
            );
        }
        assert_eq!(parse_header(whole).unwrap().1.len, u64::MAX >> 1);
    }

    #[test]
    fn tells_padded_lengths() {
        for (bytes, padded) in [
            (&b"\x82\x7e\x00\x7d"[..], true),
            (b"\x82\x7e\x00\x7e", false),
            (b"\x82\x7f\0\0\0\0\0\0\xff\xff", true),
            (b"\x82\x7f\0\0\0\0\0\x01\0\0", false),
        ] {
            assert_eq!(
                parse_header(bytes).unwrap().1.is_padded,
                padded,
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn unmasks_from_any_position() {
        let mask = [1, 2, 3, 4];
        let plain: Vec<u8> = (0..40).collect();
        let mut whole = plain.clone();
        unmask(&mut whole, mask, 0);
        for cut in 0..40 {
            let mut parts = plain.clone();
            let (head, tail) = parts.split_at_mut(cut);
            unmask(head, mask, 0);
            unmask(tail, mask, cut as u64);
            assert_eq!(parts, whole, "{cut}");
        }
    }
}
