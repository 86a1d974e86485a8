//! Reasons of Close frames that give away which program made them, and why.
//!
//! Only texts that one program is known to send. An empty reason tells nothing, whatever the
//! code: too many send it.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use super::matches;
use crate::session::Side;

/// A reason that gives its sender away.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Fingerprint {
    /// The code that goes with it; `None` where any does.
    pub code: Option<u16>,
    /// The side that sends it; `None` where both do.
    #[serde(deserialize_with = "side")]
    pub from: Option<Side>,
    /// The text, `*` standing for any bytes.
    pub reason: Box<str>,
    /// Which program sends it.
    pub generator: Box<str>,
    /// What made it do so.
    pub means: Box<str>,
    /// The cause that follows from it, by the name that verdicts use; `None` where the code says
    /// all there is.
    pub cause: Option<Box<str>>,
    /// Where that stands.
    pub source: Box<str>,
}

fn side<'de, D: Deserializer<'de>>(cell: D) -> Result<Option<Side>, D::Error> {
    match Box::<str>::deserialize(cell)?.as_ref() {
        "" => Ok(None),
        "client" => Ok(Some(Side::Client)),
        "server" => Ok(Some(Side::Server)),
        other => Err(serde::de::Error::custom(format!("no side: {other}"))),
    }
}

/// Every fingerprint.
pub fn all() -> &'static [Fingerprint] {
    static FINGERPRINTS: LazyLock<Vec<Fingerprint>> =
        LazyLock::new(|| super::rows(include_str!("fingerprints.csv")));
    &FINGERPRINTS
}

/// Which program sent a Close frame with this `code` and `reason`, where the text tells.
pub fn fingerprint(code: Option<u16>, reason: &str, from: Side) -> Option<&'static Fingerprint> {
    if reason.is_empty() {
        return None;
    }
    all().iter().find(|known| {
        known.code.is_none_or(|own| Some(own) == code)
            && known.from.is_none_or(|side| side == from)
            && matches(&known.reason, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(code: u16, reason: &str, from: Side) -> Option<&'static str> {
        fingerprint(Some(code), reason, from).map(|known| &*known.generator)
    }

    #[test]
    fn every_row_is_whole() {
        for known in all() {
            assert!(known.reason.len() > 6, "too little to tell: {known:?}");
            assert!(!known.generator.is_empty() && !known.means.is_empty());
            assert!(known.source.starts_with("https://"), "{known:?}");
        }
    }

    #[test]
    fn causes_have_the_form_of_names() {
        for cause in all().iter().filter_map(|known| known.cause.as_deref()) {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(cause.contains('-') && cause.bytes().all(plain), "{cause}");
        }
    }

    #[test]
    fn real_texts_are_recognised() {
        use Side::{Client, Server};
        for (code, reason, from, expected) in [
            (
                1001,
                "CloudFlare WebSocket proxy restarting",
                Server,
                "Cloudflare",
            ),
            (
                1001,
                "WebSocket is closed due to suspension.",
                Client,
                "Safari (WebKit)",
            ),
            (1001, "Connection Idle Timeout", Server, "Jetty"),
            (
                1011,
                "keepalive ping timeout",
                Client,
                "python websockets or uvicorn",
            ),
            (1000, "heartbeat timeout", Client, "Phoenix JS client"),
            (1000, "ping timed out", Server, "Tornado"),
            (
                1009,
                "Max frame length of 65536 has been exceeded.",
                Server,
                "Netty (Spring Cloud Gateway, Reactor and others)",
            ),
            (
                1009,
                "Text message size [70000] exceeds maximum size [65536]",
                Server,
                "Jetty",
            ),
            (
                1009,
                "The decoded text message was too big for the output buffer and the endpoint does not support partial messages",
                Server,
                "Tomcat",
            ),
            (
                1009,
                "Frame size of 65580 bytes exceeds maximum accepted frame size",
                Server,
                "WebSocket-Node (websocket on npm)",
            ),
            (
                1009,
                "frame with 3000 bytes exceeds limit of 2000 bytes",
                Server,
                "python websockets",
            ),
            (
                1009,
                "over size limit (3000 > 2000 bytes)",
                Client,
                "python websockets, before 14.0",
            ),
            (
                1002,
                "unexpected reserved bits 0x40",
                Server,
                "gorilla/websocket (Go) or a fork",
            ),
            (1002, "reserved bits must be 0", Client, "python websockets"),
            (
                4408,
                "Connection initialisation timeout",
                Server,
                "graphql-ws",
            ),
        ] {
            assert_eq!(generator(code, reason, from), Some(expected), "{reason}");
        }
    }

    #[test]
    fn their_neighbours_are_not() {
        use Side::{Client, Server};
        for (code, reason, from) in [
            (1000, "", Server),
            (1001, "", Server),
            (1000, "bye", Client),
            (1000, "heartbeat timeout", Server),
            (1000, "a heartbeat timeout", Client),
            (1001, "keepalive ping timeout", Server),
            (1011, "ping timeout", Server),
            (1001, "Connection Idle Timeout?", Server),
            (1009, "Max frame length of 65536", Server),
            (
                1009,
                "Text message size [70000] exceeds maximum size 65536",
                Server,
            ),
            (1009, "message too big", Server),
            (1001, "CloudFlare WebSocket proxy restarting", Client),
        ] {
            assert_eq!(generator(code, reason, from), None, "{code} {reason}");
        }
        assert_eq!(fingerprint(None, "keepalive ping timeout", Server), None);
        assert!(fingerprint(None, "ConsumerTooSlow", Server).is_some());
    }
}
