//! What a client must refuse in an answer (RFC 6455 §4.1, the list at its end).

use base64::Engine as _;
use sha1::{Digest, Sha1};

use super::fields::tokens;
use super::head::{Accept, Asking, Response};

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a client has to fail an opening that was answered with 101.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// `Upgrade` is missing or names something else.
    Upgrade,
    /// `Connection` does not name upgrade.
    Connection,
    /// `Sec-WebSocket-Accept` is missing or not what the key asks for.
    Accept,
    /// An extension that was not offered.
    Extension,
    /// A subprotocol that was not offered.
    Subprotocol,
}

/// Judges a 101 by the request it answers, where the capture holds all of both.
pub fn check_answer(asking: &Asking, response: &Response) -> Option<Fault> {
    let accepted = match (asking.key(), response.accept) {
        (Some(key), Accept::Text(accept)) => is_accept_for(&accept, key),
        // Without a key there is nothing to accept: such openings are no RFC 6455 ones.
        (None, _) => true,
        (Some(_), Accept::Missing | Accept::Malformed) => false,
    };
    if !response.upgrades {
        Some(Fault::Upgrade)
    } else if !response.connection_upgrade {
        Some(Fault::Connection)
    } else if !accepted {
        Some(Fault::Accept)
    } else if !all_offered(response.extensions(), asking.extensions()) {
        Some(Fault::Extension)
    } else if !all_offered(response.protocol(), asking.protocols()) {
        Some(Fault::Subprotocol)
    } else {
        None
    }
}

fn all_offered(chosen: Option<&str>, offered: Option<&str>) -> bool {
    // Most choose none.
    let Some(chosen) = chosen else { return true };
    let offered = offered.unwrap_or_default();
    tokens(chosen).all(|token| tokens(offered).any(|offer| offer == token))
}

/// RFC 6455 §4.2.2 item 5.4.
fn is_accept_for(accept: &[u8; 28], key: &str) -> bool {
    let mut sha1 = Sha1::new();
    sha1.update(key);
    sha1.update(GUID);
    let mut text = [0; 28];
    base64::engine::general_purpose::STANDARD
        .encode_slice(sha1.finalize(), &mut text)
        .is_ok_and(|len| len == text.len() && text == *accept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_example_of_the_rfc() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        assert!(is_accept_for(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", key));
        assert!(!is_accept_for(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOO=", key));
    }

    #[test]
    fn only_what_was_offered_may_be_chosen() {
        assert!(all_offered(None, None));
        assert!(all_offered(Some("chat"), Some("superchat, chat")));
        assert!(all_offered(
            Some("permessage-deflate; server_max_window_bits=9"),
            Some("permessage-deflate")
        ));
        assert!(!all_offered(Some("chat"), None));
        assert!(!all_offered(Some("a, b"), Some("a")));
    }
}
