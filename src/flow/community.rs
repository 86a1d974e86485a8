//! Community ID v1: the name by which Zeek, Suricata and Arkime know a connection.

use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use sha1::{Digest, Sha1};

use super::key::{End, FlowKey};

const SEED: u16 = 0;
const TCP: u8 = 6;

/// The name of the connection between two addresses: `1:` and the base64 of SHA-1 over seed, ordered addresses, protocol and ports
/// (Community ID specification, version 1).
pub fn community_id(one: SocketAddr, other: SocketAddr) -> String {
    let (key, _) = FlowKey::between((one.ip(), one.port()), (other.ip(), other.port()));
    // The specification orders the ends as FlowKey does: lower address first, then lower port.
    let (low, high) = (key.address(End::A), key.address(End::B));
    let mut hash = Sha1::new();
    hash.update(SEED.to_be_bytes());
    for ip in [low.ip(), high.ip()] {
        match ip {
            IpAddr::V4(ip) => hash.update(ip.octets()),
            IpAddr::V6(ip) => hash.update(ip.octets()),
        }
    }
    hash.update([TCP, 0]);
    hash.update(low.port().to_be_bytes());
    hash.update(high.port().to_be_bytes());
    format!(
        "1:{}",
        base64::engine::general_purpose::STANDARD.encode(hash.finalize())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_for_both_directions_and_as_published() {
        let (one, other) = ("128.232.110.120:34855", "66.35.250.204:80");
        let address = |text: &str| text.parse().expect("an address");
        // The example of the specification's README.
        let published = "1:LQU9qZlK+B5F3KDmev6m5PMibrg=";
        assert_eq!(community_id(address(one), address(other)), published);
        assert_eq!(community_id(address(other), address(one)), published);
    }
}
