//! What a client must refuse in an answer (RFC 6455 §4.1, the list at its end).

use base64::Engine as _;
use sha1::{Digest, Sha1};

use super::head::{Request, Response, has_token, tokens};

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

/// Judges a 101 by the request it answers.
pub fn check_answer(request: &Request, response: &Response) -> Option<Fault> {
    if request.is_cut || response.is_cut {
        // What is missing may stand in the part that was not captured.
        return None;
    }
    let upgraded = response
        .upgrade
        .as_deref()
        .is_some_and(|value| has_token(value, "websocket"));
    let accepted = match (&request.key, &response.accept) {
        (Some(key), Some(accept)) => *accept == accept_for(key),
        // Without a key there is nothing to accept: such openings are no RFC 6455 ones.
        (None, _) => true,
        (Some(_), None) => false,
    };
    if !upgraded {
        Some(Fault::Upgrade)
    } else if !response.connection_upgrade {
        Some(Fault::Connection)
    } else if !accepted {
        Some(Fault::Accept)
    } else if !all_offered(
        response.extensions.as_deref(),
        request.extensions.as_deref(),
    ) {
        Some(Fault::Extension)
    } else if !all_offered(response.protocol.as_deref(), request.protocols.as_deref()) {
        Some(Fault::Subprotocol)
    } else {
        None
    }
}

fn all_offered(chosen: Option<&str>, offered: Option<&str>) -> bool {
    let offered = offered.unwrap_or_default();
    tokens(chosen.unwrap_or_default()).all(|token| tokens(offered).any(|offer| offer == token))
}

/// RFC 6455 §4.2.2 item 5.4.
fn accept_for(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    base64::engine::general_purpose::STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_example_of_the_rfc() {
        assert_eq!(
            accept_for("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
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
