//! Bytes checked for UTF-8 as they came, masked or not, as many at a time as the processor can.
//!
//! Which bits each two neighbours rule out stands in three tables, and what two or three bytes before
//! announced is compared with what came: no branch hangs on the text. J. Keiser, D. Lemire, "Validating
//! UTF-8 In Less Than One Instruction Per Byte" (2021), §6.

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x16};

use super::frame::Key;

/// Bytes before one that it is judged by.
const BEFORE: usize = 3;

/// The most bytes that are looked at together.
const WIDEST: usize = 64;

/// A lead byte, or ASCII, where a continuation was due.
const TOO_SHORT: u8 = 1;
/// A continuation behind ASCII.
const TOO_LONG: u8 = 1 << 1;
/// Three bytes for a character that fits two.
const OVERLONG_3: u8 = 1 << 2;
/// Above U+10FFFF.
const TOO_LARGE: u8 = 1 << 3;
/// Half of a pair of UTF-16.
const SURROGATE: u8 = 1 << 4;
/// Two bytes for a character that fits one.
const OVERLONG_2: u8 = 1 << 5;
/// Far above U+10FFFF, or four bytes for a character that fits three.
const TOO_LARGE_OR_OVERLONG_4: u8 = 1 << 6;
/// Two continuations: right where a character of three or four bytes came before.
const TWO_CONTINUATIONS: u8 = 1 << 7;

/// What no lower half of a byte rules out.
const ANY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

/// What may be wrong with two neighbours, by the upper half of the first.
const BY_FIRST_UPPER: [u8; 16] = {
    const ASCII: u8 = TOO_LONG;
    const CONTINUATION: u8 = TWO_CONTINUATIONS;
    [
        ASCII,
        ASCII,
        ASCII,
        ASCII,
        ASCII,
        ASCII,
        ASCII,
        ASCII,
        CONTINUATION,
        CONTINUATION,
        CONTINUATION,
        CONTINUATION,
        TOO_SHORT | OVERLONG_2,
        TOO_SHORT,
        TOO_SHORT | OVERLONG_3 | SURROGATE,
        TOO_SHORT | TOO_LARGE | TOO_LARGE_OR_OVERLONG_4,
    ]
};

/// The same by its lower half.
const BY_FIRST_LOWER: [u8; 16] = {
    let mut table = [ANY | TOO_LARGE | TOO_LARGE_OR_OVERLONG_4; 16];
    table[0x0] = ANY | OVERLONG_2 | OVERLONG_3 | TOO_LARGE_OR_OVERLONG_4;
    table[0x1] = ANY | OVERLONG_2;
    table[0x2] = ANY;
    table[0x3] = ANY;
    table[0x4] = ANY | TOO_LARGE;
    table[0xd] |= SURROGATE;
    table
};

/// The same by the upper half of the second.
const BY_SECOND_UPPER: [u8; 16] = {
    let mut table = [TOO_SHORT; 16];
    let continuation = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
    table[0x8] = continuation | OVERLONG_3 | TOO_LARGE_OR_OVERLONG_4;
    table[0x9] = continuation | OVERLONG_3 | TOO_LARGE;
    table[0xa] = continuation | SURROGATE | TOO_LARGE;
    table[0xb] = continuation | SURROGATE | TOO_LARGE;
    table
};

/// Whether masked bytes are UTF-8, from their first on. A character that they end within is for
/// the caller to tell.
pub(super) fn is_utf8(bytes: &[u8], key: Key) -> bool {
    dispatch!(Level::new(), simd => Tables::new(simd).is_utf8(bytes, key))
}

/// The tables, as the processor wants them.
#[derive(Clone, Copy)]
struct Tables<S: Simd> {
    simd: S,
    by_first_upper: S::u8s,
    by_first_lower: S::u8s,
    by_second_upper: S::u8s,
}

// Always inlined: only within what is dispatched may the instructions of its level be used.
impl<S: Simd> Tables<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        const { assert!(S::u8s::LEN <= WIDEST) }
        Self {
            simd,
            by_first_upper: S::u8s::block_splat(u8x16::from_slice(simd, &BY_FIRST_UPPER)),
            by_first_lower: S::u8s::block_splat(u8x16::from_slice(simd, &BY_FIRST_LOWER)),
            by_second_upper: S::u8s::block_splat(u8x16::from_slice(simd, &BY_SECOND_UPPER)),
        }
    }

    #[inline(always)]
    fn is_utf8(self, bytes: &[u8], key: Key) -> bool {
        let width = S::u8s::LEN;
        let first = bytes.get(..width).unwrap_or(bytes);
        let mut wrong = self.wrong_at_end(first, key);
        let mut rest = bytes
            .get(first.len().saturating_sub(BEFORE)..)
            .unwrap_or_default();
        // One turn for all windows: the key repeats within their width.
        let keys = self.keys(key.turned(width - BEFORE));
        while let Some(window) = rest.get(..BEFORE + width) {
            wrong |= self.wrong(window, keys);
            rest = rest.get(width..).unwrap_or_default();
        }
        // Some of them once more.
        if rest.len() > BEFORE {
            wrong |= self.wrong_at_end(bytes, key);
        }
        wrong.simd_eq(0).all_true()
    }

    /// What is wrong among the last bytes of a text: as many as are looked at together.
    #[inline(always)]
    fn wrong_at_end(self, bytes: &[u8], key: Key) -> S::u8s {
        let size = BEFORE + S::u8s::LEN;
        if let Some(from) = bytes.len().checked_sub(size) {
            let window = bytes.get(from..).and_then(|rest| rest.get(..size));
            return self.wrong(window.unwrap_or_default(), self.keys(key.turned(from)));
        }
        // There are fewer: NULs before them do no harm. Masked, these are the key.
        let key = key.turned(bytes.len().wrapping_sub(size));
        let mut block = [key.bytes(); (BEFORE + WIDEST).div_ceil(4)];
        let block = block.as_flattened_mut().get_mut(..size).unwrap_or_default();
        if let Some(place) = block.get_mut(size - bytes.len()..) {
            place.copy_from_slice(bytes);
        }
        self.wrong(block, self.keys(key))
    }

    /// The key, as many times as bytes are looked at together, turned to each of the first four
    /// bytes that it masks.
    #[inline(always)]
    fn keys(self, key: Key) -> [S::u8s; BEFORE + 1] {
        [
            self.key(key),
            self.key(key.turned(1)),
            self.key(key.turned(2)),
            self.key(key.turned(3)),
        ]
    }

    #[inline(always)]
    fn key(self, key: Key) -> S::u8s {
        S::u32s::splat(self.simd, u32::from_ne_bytes(key.bytes())).bitcast()
    }

    /// What is wrong with bytes, each seen with the [`BEFORE`] before it, that come first: 0 for what
    /// is not.
    #[inline(always)]
    fn wrong(self, window: &[u8], keys: [S::u8s; BEFORE + 1]) -> S::u8s {
        let [first, second, third, fourth] = keys;
        let third_before = self.bytes::<0>(window) ^ first;
        let second_before = self.bytes::<1>(window) ^ second;
        let before = self.bytes::<2>(window) ^ third;
        let bytes = self.bytes::<3>(window) ^ fourth;
        let of_two = self.by_first_upper.swizzle_dyn_within_blocks(before >> 4)
            & self.by_first_lower.swizzle_dyn_within_blocks(before & 0xf)
            & self.by_second_upper.swizzle_dyn_within_blocks(bytes >> 4);
        // The upper bit is set where a character of three or four bytes began.
        let is_due =
            second_before.saturating_sub(0xe0 - 0x80) | third_before.saturating_sub(0xf0 - 0x80);
        of_two ^ (is_due & TWO_CONTINUATIONS)
    }

    /// As many bytes as are looked at together, from `FROM` on.
    #[inline(always)]
    fn bytes<const FROM: usize>(self, window: &[u8]) -> S::u8s {
        let bytes = window.get(FROM..FROM + S::u8s::LEN);
        S::u8s::from_slice(self.simd, bytes.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::unmask;
    use super::*;

    /// What comes out with each level that this processor has.
    fn at_all_levels(bytes: &[u8], key: Key) -> Vec<bool> {
        let level = Level::new();
        let mut levels = vec![level];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(level.as_avx2().map(Level::Avx2));
            levels.extend(level.as_sse4_2().map(Level::Sse4_2));
            levels.extend(level.as_sse2().map(Level::Sse2));
        }
        let check = |level| dispatch!(level, simd => Tables::new(simd).is_utf8(bytes, key));
        levels.into_iter().map(check).collect()
    }

    /// Text of all widths, with some of its bytes made others.
    fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
        let text = prop_oneof![
            "[a-z]{0,90}",
            "[ -ÿ]{0,90}",
            "[ -\u{fffd}]{0,90}",
            "[\u{d7f0}-\u{100ff}]{0,90}",
            "\\PC{0,90}",
        ];
        let slips = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
        (prop::collection::vec(text, 0..4), slips).prop_map(|(texts, slips)| {
            let mut bytes = texts.concat().into_bytes();
            for (at, byte) in slips {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes.splice(at..=at, [byte]);
                }
            }
            bytes
        })
    }

    /// It ends within a character, or in what begins none: not for this check to tell.
    fn ends_open(bytes: &[u8]) -> bool {
        matches!(
            bytes,
            [.., 0xc0..=0xff] | [.., 0xe0..=0xff, _] | [.., 0xf0..=0xff, _, _]
        )
    }

    proptest! {
        #[test]
        fn as_the_standard_library_says(text in nearly_text(), mask: [u8; 4], position in 0..8u64) {
            prop_assume!(!ends_open(&text));
            let is_text = std::str::from_utf8(&text).is_ok();
            let mut bytes = text.clone();
            unmask(&mut bytes, mask, position);
            for answer in at_all_levels(&bytes, Key::at(mask, position)) {
                prop_assert_eq!(answer, is_text);
            }
            for answer in at_all_levels(&text, Key::NONE) {
                prop_assert_eq!(answer, is_text);
            }
        }
    }

    #[test]
    fn every_two_bytes_and_what_may_follow() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for rest in [&b""[..], b"\x80", b"\x80\x80", b"a", b"\xbf\xbf\xbf"] {
                    let bytes = [&[first, second], rest].concat();
                    if !ends_open(&bytes) {
                        let is_text = std::str::from_utf8(&bytes).is_ok();
                        let answers = at_all_levels(&bytes, Key::NONE);
                        assert!(
                            answers.iter().all(|&answer| answer == is_text),
                            "{bytes:x?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_slip_anywhere() {
        let text = "aé€😀".repeat(20);
        for len in (0..=text.len()).filter(|&len| text.is_char_boundary(len)) {
            let whole = text.get(..len).unwrap_or_default().as_bytes();
            assert!(!at_all_levels(whole, Key::NONE).contains(&false), "{len}");
            for at in 0..len {
                let mut bytes = whole.to_vec();
                bytes.splice(at..=at, [0xff]);
                if !ends_open(&bytes) {
                    assert!(
                        !at_all_levels(&bytes, Key::NONE).contains(&true),
                        "{len} {at}"
                    );
                }
            }
        }
    }
}
