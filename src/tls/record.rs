//! The headers of records (RFC 8446 §5.1).

/// Content types (RFC 8446 §5.1, RFC 5246 §6.2.1).
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

/// Bytes of an alert: level and description.
const ALERT_LEN: usize = 2;

/// Bytes of a header.
pub(super) const HEADER_LEN: usize = 5;

/// Longest body: RFC 5246 §6.2.3; TLS 1.3 allows less.
const MAX_BODY: u16 = (1 << 14) + 2048;

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// As on the wire.
    pub(super) bytes: [u8; HEADER_LEN],
    /// The content type.
    pub(super) kind: u8,
    /// Bytes of the body.
    pub(super) len: usize,
}

impl Header {
    /// `None`: no record can begin so.
    pub(super) fn parse(bytes: [u8; HEADER_LEN]) -> Option<Self> {
        let [kind, major, minor, high, low] = bytes;
        let len = u16::from_be_bytes([high, low]);
        let is_one = (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind)
            && major == 3
            && minor <= 4
            && len <= MAX_BODY
            // RFC 8446 §5.1: only application data may be empty.
            && (len > 0 || kind == APPLICATION_DATA);
        is_one.then_some(Self {
            bytes,
            kind,
            len: usize::from(len),
        })
    }

    /// Header and body.
    pub(super) const fn total(&self) -> usize {
        HEADER_LEN + self.len
    }
}

/// How a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// With a handshake message.
    Handshake,
    /// With some other record: its handshake was before.
    Midway,
}

/// Whether bytes are the beginning of records of TLS. Of fewer than five, as many as there are
/// decide.
pub fn looks_like_tls(bytes: &[u8]) -> Option<Look> {
    let is_handshake = match *bytes {
        [kind] => kind == HANDSHAKE,
        [kind, major] => kind == HANDSHAKE && major == 3,
        [kind, major, minor, ..] => kind == HANDSHAKE && major == 3 && minor <= 4,
        [] => false,
    };
    let Some((first, rest)) = bytes.split_first_chunk() else {
        return is_handshake.then_some(Look::Handshake);
    };
    let header = Header::parse(*first)?;
    // RFC 8446 §4: client_hello is 1, server_hello 2; 0 is the old hello_request.
    if header.kind == HANDSHAKE && rest.first().is_none_or(|kind| matches!(kind, 0..=2)) {
        return Some(Look::Handshake);
    }
    // An alert in plain ends a handshake; it may be captured before the hello that it refuses.
    if header.kind == ALERT && header.len == ALERT_LEN {
        return Some(Look::Handshake);
    }
    Some(Look::Midway)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_record_begins_with() {
        assert!(Header::parse([22, 3, 1, 2, 0]).is_some_and(|header| header.total() == 517));
        assert!(Header::parse([23, 3, 3, 0x48, 0]).is_some());
        for bytes in [
            [19, 3, 3, 0, 1],
            [25, 3, 3, 0, 1],
            [22, 2, 3, 0, 1],
            [22, 3, 5, 0, 1],
            [23, 3, 3, 0x48, 1],
            [22, 3, 3, 0, 0],
        ] {
            assert_eq!(Header::parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn how_streams_begin() {
        let hello = [22, 3, 1, 2, 0, 1, 0, 1];
        for len in 1..hello.len() {
            let bytes = hello.get(..len).unwrap_or_default();
            assert_eq!(looks_like_tls(bytes), Some(Look::Handshake));
        }
        assert_eq!(looks_like_tls(&[23, 3, 3, 0, 30, 7]), Some(Look::Midway));
        // An encrypted Finished.
        assert_eq!(looks_like_tls(&[22, 3, 3, 0, 40, 9]), Some(Look::Midway));
        let alerts = [
            ([21, 3, 3, 0, 2, 2, 40], Look::Handshake),
            ([21, 3, 3, 0, 26, 7, 9], Look::Midway),
        ];
        for (alert, look) in alerts {
            assert_eq!(looks_like_tls(&alert), Some(look));
        }
        for bytes in [
            &b"GET / HTTP/1.1"[..],
            b"\x16\x02",
            b"\x16\x03\x09",
            b"\x81\x05hello",
            b"",
        ] {
            assert_eq!(looks_like_tls(bytes), None);
        }
    }
}
