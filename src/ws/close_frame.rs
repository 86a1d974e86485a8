//! The body of a Close frame (RFC 6455 §5.5.1, §7.4).

use std::borrow::Cow;

use super::close::may_be_on_wire;
use super::rules::Rule;

/// What a Close frame's body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing: its receiver reports 1005.
    Empty,
    /// One byte, which is illegal.
    OneByte,
    /// A code, and the reason's bytes.
    Code(u16, Vec<u8>),
    /// The capture does not hold enough of it to tell.
    Lost,
}

/// A Close frame that was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// What it says.
    pub body: Body,
    /// Some of its bytes are missing.
    pub lost: bool,
    /// The rule it breaks: its receiver fails the connection instead of closing.
    pub fault: Option<Rule>,
}

impl CloseFrame {
    /// From the unmasked payload (its first bytes, where it is longer than control frames may
    /// be) and what its header broke. `lost` where bytes are missing behind `payload`.
    pub fn new(payload: &[u8], lost: bool, header_fault: Option<Rule>) -> Self {
        let body = match payload {
            [] | [_] if lost => Body::Lost,
            [] => Body::Empty,
            [_] => Body::OneByte,
            [high, low, reason @ ..] => {
                Body::Code(u16::from_be_bytes([*high, *low]), reason.to_vec())
            }
        };
        let body_fault = match &body {
            Body::OneByte => Some(Rule::CloseLength1),
            Body::Code(code, _) if !may_be_on_wire(*code) => Some(Rule::BadCloseCode),
            Body::Code(_, reason) if !lost && std::str::from_utf8(reason).is_err() => {
                Some(Rule::CloseReasonNotUtf8)
            }
            _ => None,
        };
        Self {
            body,
            lost,
            fault: header_fault.or(body_fault),
        }
    }

    /// The code it carries.
    pub fn code(&self) -> Option<u16> {
        match self.body {
            Body::Code(code, _) => Some(code),
            _ => None,
        }
    }

    /// It says that its sender is content with what it received, or gives a reason that has
    /// nothing to do with that (RFC 6455 §7.4.1).
    pub fn finds_no_fault(&self) -> bool {
        self.fault.is_none()
            && match self.body {
                Body::Empty => true,
                Body::Code(code, _) => matches!(code, 1000 | 1001 | 1012..=1014 | 3000..=4999),
                Body::OneByte | Body::Lost => false,
            }
    }

    /// The reason it carries; bytes that are not UTF-8, or not in the capture, as U+FFFD.
    pub fn reason(&self) -> Option<Cow<'_, str>> {
        let Body::Code(_, reason) = &self.body else {
            return None;
        };
        if reason.is_empty() && !self.lost {
            return None;
        }
        // Nearly all are UTF-8 and whole.
        let mut text = match std::str::from_utf8(reason) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(reason),
        };
        if self.lost && !text.ends_with('\u{fffd}') {
            text.to_mut().push('\u{fffd}');
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_and_their_faults() {
        for (payload, code, fault) in [
            (&b""[..], None, None),
            (b"\x03", None, Some(Rule::CloseLength1)),
            (b"\x03\xe8", Some(1000), None),
            (b"\x03\xe8bye", Some(1000), None),
            (b"\x03\xe8\xff", Some(1000), Some(Rule::CloseReasonNotUtf8)),
            (b"\x03\xed", Some(1005), Some(Rule::BadCloseCode)),
            (b"\x13\x88", Some(5000), Some(Rule::BadCloseCode)),
            (b"\x0f\xa0", Some(4000), None),
        ] {
            let close = CloseFrame::new(payload, false, None);
            assert_eq!((close.code(), close.fault), (code, fault), "{payload:?}");
        }
    }

    #[test]
    fn codes_that_find_no_fault() {
        let finds_none =
            |code: u16| CloseFrame::new(&code.to_be_bytes(), false, None).finds_no_fault();
        for code in [1000, 1001, 1012, 1013, 1014, 3000, 4999] {
            assert!(finds_none(code), "{code}");
        }
        for code in [
            1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1016, 2999, 5000,
        ] {
            assert!(!finds_none(code), "{code}");
        }
        let find_none = |body, lost| CloseFrame::new(body, lost, None).finds_no_fault();
        assert!(find_none(b"", false));
        assert!(!find_none(b"", true) && !find_none(b"\x03", false));
        let masked_wrongly = CloseFrame::new(b"", false, Some(Rule::MaskedServerFrame));
        assert!(!masked_wrongly.finds_no_fault());
    }

    #[test]
    fn lost_bytes_are_not_guessed() {
        assert_eq!(CloseFrame::new(b"", true, None).body, Body::Lost);
        assert_eq!(CloseFrame::new(b"\x03", true, None).fault, None);
        let cut = CloseFrame::new(b"\x03\xe8\xe2\x82", true, None);
        assert_eq!((cut.code(), cut.fault), (Some(1000), None));
    }
}
