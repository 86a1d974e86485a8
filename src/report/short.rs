//! Short texts, put together in place: numbers, times, addresses. There are a dozen of them in every
//! row, and to hand on each part of one by itself takes several times as long.

use std::fmt;

use super::when;

/// Bytes of the longest, an address of IPv6 with its scope and port, and some.
const LONGEST: usize = 64;

/// A text in the making. What has no room in it is left out.
#[derive(Clone, Copy, Debug)]
pub struct Short<const ROOM: usize = LONGEST> {
    /// Blanks behind its end.
    bytes: [u8; ROOM],
    len: usize,
}

impl<const ROOM: usize> Short<ROOM> {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self {
            bytes: [b' '; ROOM],
            len: 0,
        }
    }

    /// Adds the first `len` bytes of `bytes`, behind which there are blanks: with their number
    /// known, there is no loop.
    #[inline]
    pub(super) fn put_some<const N: usize>(&mut self, bytes: [u8; N], len: usize) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + N) {
            place.copy_from_slice(&bytes);
            self.len += len.min(N);
        }
    }

    /// Adds the last `len` of four bytes.
    #[inline]
    pub(super) fn put_last(&mut self, bytes: [u8; 4], len: usize) {
        let left_out = u8::BITS as usize * 4_usize.saturating_sub(len);
        // Blanks come in where the first go out.
        let blanks = u64::from(u32::from_le_bytes(*b"    ")) << u32::BITS;
        let all = blanks | u64::from(u32::from_le_bytes(bytes));
        let [a, b, c, d, ..] = (all >> left_out).to_le_bytes();
        self.put_some([a, b, c, d], len);
    }

    /// Adds all of them.
    #[inline]
    pub(super) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.put_some(bytes, N);
    }

    /// Adds a text.
    #[inline]
    pub(super) fn put_str(&mut self, text: &str) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + text.len()) {
            place.copy_from_slice(text.as_bytes());
            self.len += text.len();
        }
    }

    /// Adds a number.
    #[inline]
    pub(super) fn put_number(&mut self, number: u64) {
        match u16::try_from(number) {
            Ok(number @ ..10_000) => {
                let len = when::digits(number.into());
                self.put_last(digits(number.into()), len);
            }
            _ => self.put_str(itoa::Buffer::new().format(number)),
        }
    }

    /// Adds so many blanks.
    #[inline]
    pub(super) fn pad(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(ROOM);
    }

    /// Adds as many as make it so long.
    #[inline]
    pub(super) fn pad_to(&mut self, len: usize) {
        self.len = len.clamp(self.len, ROOM.max(self.len));
    }

    /// Its bytes so far.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// As a text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Adds it to a line.
    #[inline]
    pub(super) fn add_to(&self, line: &mut Vec<u8>) {
        let end = line.len() + self.len;
        line.extend_from_slice(&self.bytes);
        line.truncate(end);
    }
}

impl<const ROOM: usize> fmt::Write for Short<ROOM> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put_str(text);
        Ok(())
    }
}

/// The last `N` digits of a number, with leading zeros.
#[inline]
pub(super) fn digits<const N: usize>(mut number: u32) -> [u8; N] {
    let mut digits = [b'0'; N];
    for place in digits.iter_mut().rev() {
        *place += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_there_and_nothing_is_put_beyond_the_end() {
        let mut text = Short::<LONGEST>::new();
        text.put(*b"ab");
        text.put_some(*b"cd  ", 2);
        text.put_number(1200);
        text.put_str(" µs");
        assert_eq!(text.as_str(), "abcd1200 µs");
        let mut line = b"> ".to_vec();
        text.add_to(&mut line);
        assert_eq!(line, "> abcd1200 µs".as_bytes());
        text.put_str(&"x".repeat(LONGEST));
        assert_eq!(text.as_str(), "abcd1200 µs");
        (0..LONGEST).for_each(|_| text.put(*b"."));
        assert_eq!(text.len(), LONGEST);
    }

    #[test]
    fn blanks_stand_where_they_are_wanted() {
        let mut text = Short::<16>::new();
        for number in [7, 42, 100] {
            text.put_number(number);
            text.pad(1);
        }
        assert_eq!(text.as_str(), "7 42 100 ");
        text.pad_to(3);
        text.pad_to(12);
        text.put(*b"|");
        assert_eq!(text.as_str(), "7 42 100    |");
        text.pad_to(99);
        text.pad(usize::MAX);
        assert_eq!(text.len(), 16);
    }

    #[test]
    fn numbers_are_written_as_they_are() {
        let numbers = (0..12_000).chain([65_535, 65_536, u64::MAX]);
        for number in numbers {
            let mut text = Short::<LONGEST>::new();
            text.put_number(number);
            assert_eq!(text.as_str(), number.to_string());
            text.pad(4);
            assert!(text.as_str().ends_with("    "));
        }
    }

    #[test]
    fn digits_are_as_many_as_wanted() {
        assert_eq!(digits::<3>(7), *b"007");
        assert_eq!(digits::<2>(123), *b"23");
    }
}
