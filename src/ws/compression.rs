//! What an opening agreed on about compression (RFC 7692 §7.1).

use crate::flow::Side;

/// Whether messages may be compressed, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Nothing was agreed on: RSV1 is a violation.
    #[default]
    None,
    /// Not known, or in another way than permessage-deflate: RSV1 is nobody's fault.
    Unknown,
    /// permessage-deflate, and nothing else.
    Deflate(Deflate),
}

/// Parameters of permessage-deflate. Those about window sizes make no difference to who reads:
/// the largest window inflates what was made for any smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// The client's messages may refer to those before (RFC 7692 §7.1.1.2).
    pub client_takeover: bool,
    /// The server's messages may (RFC 7692 §7.1.1.1).
    pub server_takeover: bool,
}

impl Compression {
    /// By the `Sec-WebSocket-Extensions` of an answer.
    pub fn agreed(extensions: Option<&str>) -> Self {
        let Some(extensions) = extensions.filter(|text| !text.trim().is_empty()) else {
            return Self::None;
        };
        let mut parts = extensions.split(';').map(str::trim);
        // What several extensions make of a payload together depends on all of them.
        let is_alone = !extensions.contains(',');
        let is_known = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("permessage-deflate"));
        if is_alone && is_known {
            let names = |parameter: &str| {
                extensions
                    .split(';')
                    .skip(1)
                    .any(|part| part.trim().eq_ignore_ascii_case(parameter))
            };
            Self::Deflate(Deflate {
                client_takeover: !names("client_no_context_takeover"),
                server_takeover: !names("server_no_context_takeover"),
            })
        } else if extensions.contains("deflate") {
            Self::Unknown
        } else {
            Self::None
        }
    }

    /// RSV1 may be set.
    pub(super) fn may_be(self) -> bool {
        self != Self::None
    }
}

impl Deflate {
    /// Messages of this side may refer to those before.
    pub(super) const fn takeover(self, side: Side) -> bool {
        match side {
            Side::Client => self.client_takeover,
            Side::Server => self.server_takeover,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_each_side() {
        for (extensions, client_takeover, server_takeover) in [
            ("permessage-deflate", true, true),
            (
                "Permessage-Deflate ; server_no_context_takeover",
                true,
                false,
            ),
            (
                "permessage-deflate;client_no_context_takeover; client_max_window_bits=9",
                false,
                true,
            ),
        ] {
            assert_eq!(
                Compression::agreed(Some(extensions)),
                Compression::Deflate(Deflate {
                    client_takeover,
                    server_takeover
                }),
                "{extensions}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_not_judged() {
        for extensions in [
            "x-webkit-deflate-frame",
            "permessage-deflate, permessage-foo",
            "permessage-foo, permessage-deflate",
        ] {
            assert_eq!(Compression::agreed(Some(extensions)), Compression::Unknown);
        }
        for extensions in [None, Some(""), Some("permessage-foo")] {
            assert_eq!(Compression::agreed(extensions), Compression::None);
        }
    }
}
