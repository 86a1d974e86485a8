//! TLS, read along: records, the key schedule, ciphers.
//!
//! In: the [`Chunk`]s of both directions of a connection, and a [`KeyLog`]. Out: the plaintext,
//! as chunks with offsets of its own, and alerts. What comes out has proved itself by the tag or
//! the MAC of its record; with a wrong key, or none, nothing does. RFC 8446 (TLS 1.3), RFC 5246
//! (1.2), RFC 4346 (1.1), RFC 2246 (1.0).
//!
//! Behind a hole it goes on at the next record that proves itself, with one of the numbers that
//! may follow; how much plaintext is missing follows from how many records are.

mod cipher;
mod connection;
#[cfg(test)]
mod forged_tests;
mod guard;
mod handshake;
mod hello;
mod keylog;
mod lane;
mod messages;
mod outline;
mod record;
mod schedule;
mod sealed;
mod secrets;
mod suite;
#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests;

use std::fmt;
use std::ops::Range;

pub use connection::TlsConnection;
pub use keylog::KeyLog;
pub use outline::{ENCRYPTED_ALERT, ENCRYPTED_RECORD, Outline};
pub use record::{Look, looks_like_tls};
pub use sealed::{Sealed, Stage};
pub use secrets::Secrets;

use crate::tcp::{Chunk, Origin};
use suite::Suite;

/// What connections are read with.
#[derive(Debug, Default)]
pub struct Keyring {
    /// The secrets.
    pub secrets: Secrets,
    /// Connections that they do not open are told too.
    pub tells_opaque: bool,
    /// Where records are opened, one at a time.
    scratch: Vec<u8>,
}

impl Keyring {
    /// With these secrets.
    pub const fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            tells_opaque: false,
            scratch: Vec::new(),
        }
    }
}

/// What a TLS connection carries.
#[derive(Debug)]
pub enum TlsItem<'a> {
    /// Application data, or its lack. Offsets count plaintext; the origin is the packet with the
    /// last byte of the record.
    Data(Chunk<'a>),
    /// An alert.
    Alert(Alert),
}

/// An alert (RFC 8446 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What it says.
    pub code: u8,
    /// It ends the connection at once.
    pub is_fatal: bool,
    /// It was encrypted: its sender is who it should be.
    pub is_encrypted: bool,
    /// Where its record begins in the TCP stream.
    pub start: u64,
    /// Where its record ends there.
    pub end: u64,
    /// The packet with the last byte of its record.
    pub origin: Origin,
}

impl Alert {
    /// Nothing more will be sent (RFC 8446 §6.1).
    pub const CLOSE_NOTIFY: u8 = 0;
    /// The handshake is given up; says nothing once it is over.
    pub const USER_CANCELED: u8 = 90;

    /// Its sender will send nothing more.
    pub const fn is_end(self) -> bool {
        self.is_fatal || self.code == Self::CLOSE_NOTIFY
    }

    /// One that is not encrypted: level and code, its place in the TCP stream, its packet.
    fn new([level, code]: [u8; 2], place: Range<u64>, origin: Origin) -> Self {
        Self {
            code,
            is_fatal: level == 2,
            is_encrypted: false,
            start: place.start,
            end: place.end,
            origin,
        }
    }

    /// The name of its code.
    pub const fn name(self) -> &'static str {
        Self::name_of(self.code)
    }

    /// The name of a code (RFC 8446 §6, and those of older versions).
    const fn name_of(code: u8) -> &'static str {
        match code {
            Self::CLOSE_NOTIFY => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            60 => "export_restriction",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            Self::USER_CANCELED => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "unknown alert",
        }
    }
}

/// The name of the alert, not encrypted, that bytes begin with.
pub fn alert_in(bytes: &[u8]) -> Option<&'static str> {
    let (head, body) = bytes.split_first_chunk()?;
    let header = record::Header::parse(*head)?;
    let is_alert = header.kind == record::ALERT && header.len == 2;
    let &[_level, code, ..] = body else {
        return None;
    };
    is_alert.then(|| Alert::name_of(code))
}

/// Why a connection cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The key log does not have its secrets.
    NoKey,
    /// It has some, but no record opens with them.
    WrongKey,
    /// A cipher suite that is not supported.
    Suite(u16),
    /// A version that is not supported.
    Version(u16),
    /// The capture does not have the beginning of the handshake.
    NoHello,
    /// It is no TLS after all.
    NotTls,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoKey => f.write_str("no key in the key log"),
            Self::WrongKey => f.write_str("wrong key: no record could be opened"),
            Self::Suite(number) => match Suite(number).name() {
                Some(name) => write!(f, "cipher suite {name} is not supported"),
                // Hostile hellos may have thousands of them: no number, so that they are one.
                None => f.write_str("a cipher suite that is not known"),
            },
            Self::Version(number @ 0x0300) => write!(f, "version 0x{number:04X} is not supported"),
            Self::Version(_) => f.write_str("a version that is not known"),
            Self::NoHello => f.write_str("its handshake is not in the capture"),
            Self::NotTls => f.write_str("not TLS"),
        }
    }
}
