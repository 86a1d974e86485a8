//! Handshake messages out of the records that carry them (RFC 8446 §4, §5.1).

use crate::limits;

/// Message types (RFC 8446 §4, RFC 5246 §7.4).
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const ENCRYPTED_EXTENSIONS: u8 = 8;
pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;
pub(super) const KEY_UPDATE: u8 = 24;

const HEADER_LEN: usize = 4;

/// The message under way: it may begin and end anywhere in a record.
#[derive(Debug, Default)]
pub(super) struct Messages {
    begun: Vec<u8>,
    /// Bytes of a message that nobody wants, still to come.
    skip: usize,
}

impl Messages {
    /// Memory held.
    pub(super) fn held_bytes(&self) -> usize {
        self.begun.capacity()
    }

    /// Nothing of a message has come.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.begun.is_empty() && self.skip == 0
    }

    /// Bytes are missing, and the next record is taken to begin with a message: type of the one
    /// under way, and what there is of its body.
    pub(super) fn cut(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut begun = std::mem::take(self).begun;
        let kind = *begun.first()?;
        begun.drain(..HEADER_LEN.min(begun.len()));
        Some((kind, begun))
    }

    /// Takes the contents of a record; hands on type and body of each whole message that says
    /// something of use.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut message: impl FnMut(u8, &[u8])) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            if bytes.is_empty() {
                return;
            }
            let missing = HEADER_LEN.saturating_sub(self.begun.len());
            if missing > 0 {
                bytes = self.keep(bytes, missing);
            }
            let Some(&[kind, high, middle, low]) = self.begun.first_chunk() else {
                return;
            };
            let len = u32::from_be_bytes([0, high, middle, low]) as usize;
            let is_wanted = matches!(
                kind,
                CLIENT_HELLO
                    | SERVER_HELLO
                    | ENCRYPTED_EXTENSIONS
                    | CLIENT_KEY_EXCHANGE
                    | KEY_UPDATE
            );
            if !is_wanted || len > limits::MAX_HANDSHAKE_MESSAGE {
                self.begun.clear();
                self.skip = len;
                continue;
            }
            let missing = (HEADER_LEN + len).saturating_sub(self.begun.len());
            bytes = self.keep(bytes, missing);
            if self.begun.len() < HEADER_LEN + len {
                return;
            }
            message(kind, self.begun.get(HEADER_LEN..).unwrap_or_default());
            self.begun = Vec::new();
        }
    }

    /// Keeps up to `len` bytes; the others.
    fn keep<'a>(&mut self, bytes: &'a [u8], len: usize) -> &'a [u8] {
        let (kept, rest) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
        self.begun.extend_from_slice(kept);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
        [&[kind], len.get(1..).unwrap_or_default(), body].concat()
    }

    #[test]
    fn messages_may_be_cut_and_joined_anywhere() {
        let bytes = [
            message(CLIENT_HELLO, b"hello"),
            message(11, &[7; 300]),
            message(KEY_UPDATE, &[0]),
            message(14, b""),
            message(SERVER_HELLO, b""),
        ]
        .concat();
        for size in 1..=bytes.len() {
            let mut messages = Messages::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                messages.feed(piece, |kind, body| found.push((kind, body.to_vec())));
            }
            let expected = [(1, b"hello".to_vec()), (24, vec![0]), (2, vec![])];
            assert_eq!(found, expected, "{size}");
            assert!(messages.is_at_boundary());
        }
    }

    #[test]
    fn a_message_too_long_is_passed_over() {
        let mut messages = Messages::default();
        let mut found = 0;
        messages.feed(&[1, 0xff, 0xff, 0xff], |_, _| found += 1);
        for _ in 0..1024 {
            messages.feed(&[9; 1 << 14], |_, _| found += 1);
        }
        assert!(messages.begun.capacity() < 1 << 17);
        assert_eq!(found, 0);
    }
}
