//! What RFC 6455 forbids in a stream of frames, each with its name.

use super::frame::{Header, Opcode};
use crate::flow::Side;

/// A rule that a frame broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// RFC 6455 §5.1: a client masks every frame.
    UnmaskedClientFrame,
    /// RFC 6455 §5.1: a server masks none.
    MaskedServerFrame,
    /// RFC 6455 §5.2: RSV bits are zero unless an extension gives them a meaning.
    ReservedBit,
    /// RFC 7692 §6: RSV1 without permessage-deflate in the opening.
    CompressionNotNegotiated,
    /// RFC 6455 §5.2: an opcode without a meaning.
    ReservedOpcode,
    /// RFC 6455 §5.5: at most 125 bytes.
    ControlTooLong,
    /// RFC 6455 §5.5: never fragmented.
    ControlFragmented,
    /// RFC 6455 §5.4: nothing to continue.
    UnexpectedContinuation,
    /// RFC 6455 §5.4: a new message inside of an unfinished one.
    InterleavedMessage,
    /// RFC 6455 §5.2: the shortest form of a length is the only one.
    NonMinimalLength,
    /// RFC 6455 §5.2: the highest bit of a 64-bit length is zero.
    LengthMsb,
    /// RFC 6455 §5.5.1: a Close body is empty or begins with a two-byte code.
    CloseLength1,
    /// RFC 6455 §7.4: a code that may not be sent.
    BadCloseCode,
    /// RFC 6455 §5.5.1: the reason is UTF-8.
    CloseReasonNotUtf8,
    /// RFC 6455 §5.5.1: nothing after one's Close.
    DataAfterClose,
    /// RFC 6455 §8.1: text is UTF-8 over the whole message.
    TextNotUtf8,
    /// RFC 7692 §7.2.2: a compressed message inflates.
    DeflateCorrupt,
}

impl Rule {
    /// Its name in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnmaskedClientFrame => "unmasked-client-frame",
            Self::MaskedServerFrame => "masked-server-frame",
            Self::ReservedBit => "reserved-bit",
            Self::CompressionNotNegotiated => "compression-not-negotiated",
            Self::ReservedOpcode => "reserved-opcode",
            Self::ControlTooLong => "control-too-long",
            Self::ControlFragmented => "control-fragmented",
            Self::UnexpectedContinuation => "unexpected-continuation",
            Self::InterleavedMessage => "interleaved-message",
            Self::NonMinimalLength => "non-minimal-length",
            Self::LengthMsb => "length-msb",
            Self::CloseLength1 => "close-length-1",
            Self::BadCloseCode => "bad-close-code",
            Self::CloseReasonNotUtf8 => "close-reason-not-utf8",
            Self::DataAfterClose => "data-after-close",
            Self::TextNotUtf8 => "text-not-utf8",
            Self::DeflateCorrupt => "deflate-corrupt",
        }
    }

    /// What its sender did, in words that follow "the client".
    pub const fn broken(self) -> &'static str {
        match self {
            Self::UnmaskedClientFrame => "sent a frame without a mask",
            Self::MaskedServerFrame => "sent a masked frame",
            Self::ReservedBit => "sent a frame with a reserved bit set",
            Self::CompressionNotNegotiated => {
                "sent a compressed message without having agreed on compression"
            }
            Self::ReservedOpcode => "sent a frame with an opcode that has no meaning",
            Self::ControlTooLong => "sent a control frame of more than 125 bytes",
            Self::ControlFragmented => "sent a fragmented control frame",
            Self::UnexpectedContinuation => "sent a continuation frame with nothing to continue",
            Self::InterleavedMessage => "began a message inside of an unfinished one",
            Self::NonMinimalLength => "wrote a frame's length in more bytes than it needs",
            Self::LengthMsb => "announced a frame longer than is possible",
            Self::CloseLength1 => "sent a Close with one byte where a code has two",
            Self::BadCloseCode => "sent a Close with a code that may not be sent",
            Self::CloseReasonNotUtf8 => "sent a Close whose reason is not UTF-8",
            Self::DataAfterClose => "went on sending after its Close",
            Self::TextNotUtf8 => "sent text that is not UTF-8",
            Self::DeflateCorrupt => "sent a compressed message that cannot be inflated",
        }
    }

    /// Breaking it leaves no doubt where the next frame begins.
    pub(super) const fn keeps_framing(self) -> bool {
        matches!(
            self,
            Self::UnmaskedClientFrame
                | Self::MaskedServerFrame
                | Self::NonMinimalLength
                | Self::ControlFragmented
        )
    }
}

/// What a direction's frames are judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Who sends them.
    pub(super) side: Side,
    /// permessage-deflate was agreed on: RSV1 may be set on the first frame of a message.
    pub(super) deflate: bool,
}

/// The rules that a header breaks by itself, the gravest first.
pub(super) fn header_fault(header: &Header, terms: Terms) -> Option<Rule> {
    let rsv1 = header.rsv & Header::RSV1 != 0;
    let first_of_message = matches!(header.opcode, Opcode::TEXT | Opcode::BINARY);
    if header.opcode.is_reserved() {
        Some(Rule::ReservedOpcode)
    } else if header.rsv == Header::RSV1 && first_of_message && !terms.deflate {
        Some(Rule::CompressionNotNegotiated)
    } else if header.rsv & !Header::RSV1 != 0 || rsv1 && !first_of_message {
        Some(Rule::ReservedBit)
    } else if terms.side == Side::Client && header.mask.is_none() {
        Some(Rule::UnmaskedClientFrame)
    } else if terms.side == Side::Server && header.mask.is_some() {
        Some(Rule::MaskedServerFrame)
    } else if header.len >> 63 != 0 {
        Some(Rule::LengthMsb)
    } else if header.opcode.is_control() && !header.fin {
        Some(Rule::ControlFragmented)
    } else if header.opcode.is_control() && header.len > 125 {
        Some(Rule::ControlTooLong)
    } else if header.is_padded {
        Some(Rule::NonMinimalLength)
    } else {
        None
    }
}
