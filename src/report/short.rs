//! Short texts, put together in place: numbers, times, addresses. There are a dozen of them in every
//! row, and to hand on each part of one by itself takes several times as long.

use std::fmt;

/// Bytes of the longest, an address of IPv6 with its scope and port, and some.
const ROOM: usize = 64;

/// A text in the making. What has no room in it is left out.
#[derive(Clone, Copy, Debug)]
pub struct Short {
    bytes: [u8; ROOM],
    len: usize,
}

impl Short {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            len: 0,
        }
    }

    /// Adds the first `len` bytes of `bytes`: with their number known, there is no loop.
    #[inline]
    pub(super) fn put_some<const N: usize>(&mut self, bytes: [u8; N], len: usize) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + N) {
            place.copy_from_slice(&bytes);
            self.len += len.min(N);
        }
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
        self.put_str(itoa::Buffer::new().format(number));
    }

    /// Takes the last byte away.
    pub(super) const fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
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

impl fmt::Write for Short {
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
        let mut text = Short::new();
        text.put(*b"ab");
        text.put_some(*b"cdxx", 2);
        text.put_number(1200);
        text.put_str(" µs");
        assert_eq!(text.as_str(), "abcd1200 µs");
        let mut line = b"> ".to_vec();
        text.add_to(&mut line);
        assert_eq!(line, "> abcd1200 µs".as_bytes());
        text.put_str(&"x".repeat(ROOM));
        assert_eq!(text.as_str(), "abcd1200 µs");
        (0..ROOM).for_each(|_| text.put(*b"."));
        assert_eq!(text.len(), ROOM);
    }

    #[test]
    fn digits_are_as_many_as_wanted() {
        assert_eq!(digits::<3>(7), *b"007");
        assert_eq!(digits::<2>(123), *b"23");
    }
}
