//! Addresses as texts. There are two in every row, and the general way of writing them takes
//! several times as long.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::short::Short;
use super::when::digits;

/// All octets as decimal numbers, each with a dot, and how long that is.
static OCTETS: [([u8; 4], usize); 256] = octets();

#[expect(
    clippy::indexing_slicing,
    reason = "there are as many places as octets"
)]
const fn octets() -> [([u8; 4], usize); 256] {
    let mut all = [([0; 4], 0); 256];
    let mut octet: u8 = 0;
    loop {
        let [hundreds, tens, ones] = [
            octet / 100 + b'0',
            octet / 10 % 10 + b'0',
            octet % 10 + b'0',
        ];
        all[octet as usize] = match octet {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            100.. => ([hundreds, tens, ones, b'.'], 4),
        };
        if octet == u8::MAX {
            return all;
        }
        octet += 1;
    }
}

fn put_ipv4(text: &mut Short, ip: Ipv4Addr) {
    for octet in ip.octets() {
        let (digits, len) = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
        text.put_some(digits, len);
    }
    // Behind the last one stands no dot.
    text.pop();
}

/// Two colons stand for the longest of all rows of zeros (RFC 5952 §4).
fn put_ipv6(text: &mut Short, ip: Ipv6Addr) {
    let groups = ip.segments();
    let (mut from, mut len, mut run) = (groups.len(), 1, 0);
    for (at, &group) in groups.iter().enumerate() {
        run = if group == 0 { run + 1 } else { 0 };
        if run > len {
            (from, len) = (at + 1 - run, run);
        }
    }
    let (before, rest) = groups.split_at_checked(from).unwrap_or_default();
    put_groups(text, before);
    if !rest.is_empty() {
        text.put(*b"::");
        put_groups(text, rest.get(len..).unwrap_or_default());
    }
}

fn put_groups(text: &mut Short, groups: &[u16]) {
    for (at, &group) in groups.iter().enumerate() {
        if at > 0 {
            text.put(*b":");
        }
        let zeros = (group | 1).leading_zeros() / 4;
        let group = group << (zeros * 4);
        let digit = |shift: u16| match u8::try_from(group >> shift & 0xf).unwrap_or(0) {
            digit @ ..10 => b'0' + digit,
            digit => b'a' - 10 + digit,
        };
        text.put_some([12, 8, 4, 0].map(digit), 4 - zeros as usize);
    }
}

/// Some of these end as IPv4 does (RFC 5952 §5); there are few.
const fn is_mixed(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0, 0, 0, 0, 0, ..])
}

/// `10.0.0.5:51234`, `[2001:db8::1]:443`.
pub(super) fn text(address: SocketAddr) -> Short {
    let mut text = Short::new();
    match address {
        SocketAddr::V4(address) => put_ipv4(&mut text, *address.ip()),
        SocketAddr::V6(address) if is_mixed(*address.ip()) || address.scope_id() != 0 => {
            // Writing to a text cannot fail.
            let _ = write!(text, "{address}");
            return text;
        }
        SocketAddr::V6(address) => {
            text.put(*b"[");
            put_ipv6(&mut text, *address.ip());
            text.put(*b"]");
        }
    }
    text.put(*b":");
    text.put_number(address.port().into());
    text
}

/// `10.0.0.5`, `2001:db8::1`.
pub(super) fn ip_text(ip: IpAddr) -> Short {
    let mut text = Short::new();
    match ip {
        IpAddr::V4(ip) => put_ipv4(&mut text, ip),
        IpAddr::V6(ip) if is_mixed(ip) => {
            let _ = write!(text, "{ip}");
        }
        IpAddr::V6(ip) => put_ipv6(&mut text, ip),
    }
    text
}

/// The columns that an address takes.
pub(super) fn width(address: SocketAddr) -> usize {
    let brackets = if address.is_ipv6() { "[]".len() } else { 0 };
    let scope = match address {
        SocketAddr::V6(address) if address.scope_id() != 0 => {
            "%".len() + digits(address.scope_id().into())
        }
        _ => 0,
    };
    brackets + ip_width(address.ip()) + scope + ":".len() + digits(address.port().into())
}

/// The same without its port.
pub(super) fn ip_width(ip: IpAddr) -> usize {
    match ip {
        IpAddr::V4(ip) => {
            let len = |octet: u8| OCTETS.get(usize::from(octet)).map_or(0, |(_, len)| *len);
            ip.octets().map(len).iter().sum::<usize>() - 1
        }
        IpAddr::V6(_) => ip_text(ip).len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_everybody_does() {
        let few = [0, 0, 1, 0x10, 0xabc, 0xffff];
        let mut random = 1_u64;
        for _ in 0..20_000 {
            let groups: [u16; 8] = std::array::from_fn(|_| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                few.get((random >> 33) as usize % few.len())
                    .copied()
                    .unwrap_or_default()
            });
            let address = SocketAddr::from((groups, 443));
            let text = text(address);
            assert_eq!(text.as_str(), address.to_string());
            assert_eq!(width(address), text.len());
        }
        for address in [
            "0.0.0.0:0",
            "255.255.255.255:65535",
            "[::]:1",
            "[::ffff:10.0.0.1]:80",
            "[fe80::1%3]:80",
            "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
        ] {
            let parsed: SocketAddr = address.parse().expect("an address");
            assert_eq!(text(parsed).as_str(), address);
            assert_eq!(width(parsed), address.len());
            let ip = ip_text(parsed.ip());
            assert_eq!(ip.as_str(), parsed.ip().to_string());
            assert_eq!(ip_width(parsed.ip()), ip.len());
        }
    }
}
