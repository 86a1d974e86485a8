//! One direction of TLS from outside: the types and lengths of its records, for which no key is
//! needed.

use super::Alert;
use super::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, HEADER_LEN, Header};
use crate::tcp::Origin;

/// A header, and as much of the body as an alert has.
const HEAD_LEN: usize = HEADER_LEN + 2;

/// What a server says that knows no TLS.
const HTTP: &[u8] = b"HTTP/";

/// The name of an alert that cannot be read, up to TLS 1.2.
pub const ENCRYPTED_ALERT: &str = "encrypted alert";

/// The name of what may be anything.
pub const ENCRYPTED_RECORD: &str = "encrypted record";

/// The records of one end, as anybody sees them.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// Records of application data; in TLS 1.3 all that is encrypted looks like it.
    pub records: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// The lengths of the last two of these, the last one first.
    pub lengths: [Option<u16>; 2],
    /// What the first record is, and its packet.
    pub first: Option<(&'static str, Origin)>,
    /// The same of the last one.
    pub last: Option<(&'static str, Origin)>,
    /// The first alert that is not encrypted and ends the connection.
    pub alert: Option<Alert>,
    /// It begins with HTTP, and no TLS: the packet.
    pub http: Option<Origin>,
    /// Up to TLS 1.2: its Finished was there.
    pub(super) has_finished: bool,
    /// Where records begin is not known any more.
    pub(super) is_lost: bool,
    is_protected: bool,
    head: [u8; HEAD_LEN],
    have: usize,
    /// Bytes of the record under way still to come.
    rest: u64,
    has_begun: bool,
}

impl Outline {
    /// Takes the next bytes of the stream, the first of which stands at `offset`.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut offset: u64, origin: Origin) {
        if !self.has_begun && bytes.starts_with(HTTP) {
            self.http = Some(origin);
        }
        self.has_begun |= !bytes.is_empty();
        while !self.is_lost && !bytes.is_empty() {
            let mut used = 0;
            if self.have < HEADER_LEN {
                used = self.fill(bytes, HEADER_LEN);
                let header = self.header();
                if self.have == HEADER_LEN {
                    self.rest = header.map_or(0, |header| header.len as u64);
                    self.is_lost = header.is_none();
                }
            }
            if self.have >= HEADER_LEN {
                let body = bytes.get(used..).unwrap_or_default();
                let part = usize::try_from(self.rest).map_or(body.len(), |len| len.min(body.len()));
                self.fill(body.get(..part).unwrap_or_default(), HEAD_LEN);
                self.rest -= part as u64;
                used += part;
                self.end_record(offset.saturating_add(used as u64), origin);
            }
            bytes = bytes.get(used..).unwrap_or_default();
            offset = offset.saturating_add(used as u64);
        }
    }

    /// So many bytes are missing, up to `end`.
    pub(super) fn skip(&mut self, len: u64, end: u64, origin: Origin) {
        self.has_begun = true;
        if self.have < HEADER_LEN || self.rest < len {
            self.is_lost = true;
            return;
        }
        // Contents that are not there are none that can be told.
        self.have = HEAD_LEN;
        self.head
            .iter_mut()
            .skip(HEADER_LEN)
            .for_each(|byte| *byte = u8::MAX);
        self.rest -= len;
        self.end_record(end, origin);
    }

    fn fill(&mut self, bytes: &[u8], up_to: usize) -> usize {
        let free = self.head.get_mut(self.have..up_to).unwrap_or_default();
        let len = free.len().min(bytes.len());
        free.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        self.have += len;
        len
    }

    fn header(&self) -> Option<Header> {
        Header::parse(*self.head.first_chunk()?)
    }

    fn end_record(&mut self, end: u64, origin: Origin) {
        let Some(header) = self.header().filter(|_| self.rest == 0) else {
            return;
        };
        let [.., one, two] = self.head;
        self.have = 0;
        let name = match header.kind {
            CHANGE_CIPHER_SPEC => {
                self.is_protected = true;
                "ChangeCipherSpec"
            }
            // Nothing encrypted is as short.
            ALERT if header.len == 2 => {
                let start = end.saturating_sub(header.total() as u64);
                let alert = Alert::new([one, two], start..end, origin);
                if alert.is_end() {
                    self.alert.get_or_insert(alert);
                }
                "alert"
            }
            ALERT => ENCRYPTED_ALERT,
            HANDSHAKE if self.is_protected => {
                self.has_finished = true;
                "Finished"
            }
            HANDSHAKE => message_name(one),
            APPLICATION_DATA => {
                self.records += 1;
                self.bytes = self.bytes.saturating_add(header.len as u64);
                self.lengths = [u16::try_from(header.len).ok(), self.lengths[0]];
                ENCRYPTED_RECORD
            }
            _ => "record",
        };
        self.first.get_or_insert((name, origin));
        self.last = Some((name, origin));
    }
}

/// Message types (RFC 8446 §4, RFC 5246 §7.4).
const fn message_name(kind: u8) -> &'static str {
    match kind {
        1 => "ClientHello",
        2 => "ServerHello",
        11 => "Certificate",
        12 => "ServerKeyExchange",
        13 => "CertificateRequest",
        14 => "ServerHelloDone",
        15 => "CertificateVerify",
        16 => "ClientKeyExchange",
        22 => "CertificateStatus",
        _ => "handshake message",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::PacketId;
    use crate::time::Timestamp;

    fn origin(packet: u64) -> Origin {
        Origin {
            packet: PacketId::new(0, packet),
            time: Timestamp::from_nanos(0),
            ack: None,
            record_end: None,
        }
    }

    /// A ClientHello, encrypted records of 30, 0 and 19 bytes, and an alert.
    fn stream() -> Vec<u8> {
        let mut stream = vec![22, 3, 1, 0, 4, 1, 0, 0, 0];
        for len in [30, 0, 19] {
            stream.extend([23, 3, 3, 0, len]);
            stream.extend(vec![0xee; usize::from(len)]);
        }
        stream.extend([21, 3, 3, 0, 2, 2, 48]);
        stream
    }

    #[test]
    fn records_may_come_in_any_pieces() {
        let stream = stream();
        for size in 1..=stream.len() {
            let mut outline = Outline::default();
            for (at, piece) in stream.chunks(size).enumerate() {
                outline.feed(piece, (at * size) as u64, origin(at as u64 + 1));
            }
            assert_eq!((outline.records, outline.bytes), (3, 49), "{size}");
            assert_eq!(outline.lengths, [Some(19), Some(0)]);
            assert_eq!(outline.last.map(|(name, _)| name), Some("alert"));
            let alert = outline.alert.map(|alert| (alert.name(), alert.end));
            assert_eq!(alert, Some(("unknown_ca", stream.len() as u64)));
        }
    }

    #[test]
    fn a_hole_inside_of_a_record_loses_nothing_else() {
        let stream = stream();
        let mut outline = Outline::default();
        outline.feed(stream.get(..20).unwrap_or_default(), 0, origin(1));
        outline.skip(10, 30, origin(2));
        outline.feed(stream.get(30..).unwrap_or_default(), 30, origin(3));
        assert_eq!((outline.records, outline.is_lost), (3, false));
        outline.skip(1, 100, origin(4));
        outline.feed(&[23, 3, 3, 0, 1, 9], 101, origin(5));
        assert_eq!((outline.records, outline.is_lost), (3, true));
    }

    #[test]
    fn http_is_no_tls() {
        let mut outline = Outline::default();
        outline.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n", 0, origin(7));
        assert!(outline.http.is_some() && outline.is_lost);
    }
}
