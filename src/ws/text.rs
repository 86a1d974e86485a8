//! Text messages checked for UTF-8 as they pass, across frames and segments (RFC 6455 §8.1).

use super::frame::Key;
use super::utf8::is_utf8;

/// The most bytes of a character (RFC 3629 §3).
const CHARACTER: usize = 4;

/// A check under way: the bytes of a character whose end has not come yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TextCheck {
    tail: [u8; CHARACTER],
    tail_len: u8,
}

/// The text cannot become UTF-8 any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl TextCheck {
    /// The next payload bytes; `position` bytes of their frame came before.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mask: Option<[u8; 4]>,
        position: u64,
    ) -> Result<(), NotUtf8> {
        let key = mask.map_or(Key::NONE, |mask| Key::at(mask, position));
        let begun = self.complete(bytes, key)?;
        let bytes = bytes.get(begun..).unwrap_or_default();
        let key = key.turned(begun);
        // The fast check cannot tell a character that is cut from a bad one.
        let (whole, cut) = bytes.split_at(bytes.len() - cut_len(bytes, key));
        if !is_utf8(whole, key) {
            return Err(NotUtf8);
        }
        let key = key.turned(whole.len());
        for (place, (at, &byte)) in self.tail.iter_mut().zip(cut.iter().enumerate()) {
            *place = key.turned(at).plain(byte);
            self.tail_len += 1;
        }
        match std::str::from_utf8(self.tail.get(..cut.len()).unwrap_or_default()) {
            Err(error) if error.error_len().is_some() => Err(NotUtf8),
            _ => Ok(()),
        }
    }

    /// Takes what is missing of a character that was cut; how many bytes that is.
    fn complete(&mut self, bytes: &[u8], key: Key) -> Result<usize, NotUtf8> {
        let mut taken = 0;
        while self.tail_len > 0 {
            let Some(&next) = bytes.get(taken) else {
                break;
            };
            let len = usize::from(self.tail_len);
            if let Some(place) = self.tail.get_mut(len) {
                *place = key.turned(taken).plain(next);
            }
            taken += 1;
            match std::str::from_utf8(self.tail.get(..=len).unwrap_or_default()) {
                Ok(_) => self.tail_len = 0,
                // `None`: more bytes may complete it.
                Err(error) if error.error_len().is_none() => self.tail_len += 1,
                Err(_) => return Err(NotUtf8),
            }
        }
        Ok(taken)
    }

    /// The message is over: no character may be left unfinished.
    pub(super) fn finish(&mut self) -> Result<(), NotUtf8> {
        if self.tail_len == 0 {
            Ok(())
        } else {
            Err(NotUtf8)
        }
    }
}

/// How many bytes at the end begin a character and do not end it (RFC 3629 §3).
fn cut_len(bytes: &[u8], key: Key) -> usize {
    for (back, &byte) in (1..=3).zip(bytes.iter().rev()) {
        let len = match key.turned(bytes.len() - back).plain(byte) {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        };
        return if back < len { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::super::frame::unmask;
    use super::*;

    fn check(parts: &[&[u8]]) -> Result<(), NotUtf8> {
        let mut check = TextCheck::default();
        for part in parts {
            check.push(part, None, 0)?;
        }
        check.finish()
    }

    #[test]
    fn characters_may_be_cut_anywhere() {
        let text = "aé€😀z".as_bytes();
        for a in 0..=text.len() {
            for b in a..=text.len() {
                let (head, rest) = text.split_at(a);
                let (middle, tail) = rest.split_at(b - a);
                assert_eq!(check(&[head, middle, tail]), Ok(()), "{a} {b}");
            }
        }
    }

    #[test]
    fn what_is_not_utf8_is_told() {
        for bad in [
            &b"\xff"[..],
            b"\xc3\x28",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"a\xc3",
            b"\xe2\x82",
        ] {
            assert_eq!(check(&[bad]), Err(NotUtf8), "{bad:?}");
            let bytewise: Vec<&[u8]> = bad.chunks(1).collect();
            assert_eq!(check(&bytewise), Err(NotUtf8), "{bad:?} bytewise");
        }
    }

    #[test]
    fn masked_blocks_are_checked_as_they_are_meant() {
        let text = "€".repeat(5000).into_bytes();
        let mask = [0x12, 0xfe, 0x00, 0x99];
        let mut masked = text;
        unmask(&mut masked, mask, 0);
        let mut check = TextCheck::default();
        let (head, tail) = masked.split_at(4097);
        assert_eq!(check.push(head, Some(mask), 0), Ok(()));
        assert_eq!(check.push(tail, Some(mask), 4097), Ok(()));
        assert_eq!(check.finish(), Ok(()));
    }
}
