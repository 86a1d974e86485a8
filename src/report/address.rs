//! Addresses as texts. There are two in every row, and the general way of writing them takes
//! several times as long.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::short::Short;
use super::when::digits;

/// All octets as decimal numbers, each with a dot behind it, and how long that is: the first digit in
/// the lowest byte, and each byte as what makes it of a blank, so that nothing is a blank.
static OCTETS: [(u32, u32); 256] = octets();

/// Eight blanks.
const BLANKS: u64 = u64::from_le_bytes([b' '; 8]);
/// What makes a dot of a blank.
const DOT: u64 = (b'.' ^ b' ') as u64;

#[expect(
    clippy::indexing_slicing,
    reason = "there are as many places as octets"
)]
const fn octets() -> [(u32, u32); 256] {
    let mut all = [(0, 0); 256];
    let mut octet: u8 = 0;
    loop {
        let [hundreds, tens, ones] = [
            octet / 100 + b'0',
            octet / 10 % 10 + b'0',
            octet % 10 + b'0',
        ];
        let (digits, len) = match octet {
            0..10 => ([ones, b'.', b' ', b' '], 2),
            10..100 => ([tens, ones, b'.', b' '], 3),
            100.. => ([hundreds, tens, ones, b'.'], 4),
        };
        all[octet as usize] = (
            u32::from_le_bytes(digits) ^ u32::from_le_bytes([b' '; 4]),
            len,
        );
        if octet == u8::MAX {
            return all;
        }
        octet += 1;
    }
}

/// That of one, and how long it is.
#[inline]
fn octet(octet: u8) -> (u32, u32) {
    OCTETS.get(usize::from(octet)).copied().unwrap_or_default()
}

/// Those of two.
#[inline]
fn octets_of(one: u8, other: u8) -> (u64, u32) {
    let ((one, one_len), (other, other_len)) = (octet(one), octet(other));
    let both = u64::from(one) | u64::from(other) << (one_len * u8::BITS);
    (both, one_len + other_len)
}

#[inline]
fn put_ipv4<const N: usize>(text: &mut Short<N>, ip: Ipv4Addr) {
    let [a, b, c, d] = ip.octets();
    let (first, len) = octets_of(a, b);
    text.put_some((first ^ BLANKS).to_le_bytes(), len as usize);
    let (last, len) = octets_of(c, d);
    // Behind the last one stands no dot.
    let len = len.saturating_sub(1);
    let last = last ^ DOT << (len * u8::BITS);
    text.put_some((last ^ BLANKS).to_le_bytes(), len as usize);
}

/// Where the longest of all rows of zeros begins, for which two colons stand, and how long it is
/// (RFC 5952 §4); behind all groups where there is none.
#[inline]
fn zeros(groups: &[u16; 8]) -> (usize, usize) {
    let (mut from, mut len, mut run) = (groups.len(), 1, 0);
    for (at, &group) in groups.iter().enumerate() {
        run = if group == 0 { run + 1 } else { 0 };
        if run > len {
            (from, len) = (at + 1 - run, run);
        }
    }
    (from, len)
}

fn put_ipv6<const N: usize>(text: &mut Short<N>, ip: Ipv6Addr) {
    let groups = ip.segments();
    let (from, len) = zeros(&groups);
    let (before, rest) = groups.split_at_checked(from).unwrap_or_default();
    put_groups(text, before);
    if !rest.is_empty() {
        text.put(*b"::");
        put_groups(text, rest.get(len..).unwrap_or_default());
    }
}

fn put_groups<const N: usize>(text: &mut Short<N>, groups: &[u16]) {
    for (at, &group) in groups.iter().enumerate() {
        if at > 0 {
            text.put(*b":");
        }
        let len = hex_len(group);
        let digit = |shift: u16| match u8::try_from(group >> shift & 0xf).unwrap_or(0) {
            digit @ ..10 => b'0' + digit,
            digit => b'a' - 10 + digit,
        };
        text.put_last([12, 8, 4, 0].map(digit), len);
    }
}

/// How many digits a group has.
const fn hex_len(group: u16) -> usize {
    4 - ((group | 1).leading_zeros() / 4) as usize
}

/// The columns of an address of IPv6.
fn ipv6_width(ip: Ipv6Addr) -> usize {
    let groups = ip.segments();
    let (from, len) = zeros(&groups);
    let all = groups.iter().map(|&group| hex_len(group)).sum::<usize>();
    match groups.len().checked_sub(from + len) {
        // Each zero that is left out has a digit, and a colon beside it but one.
        Some(behind) => {
            let colons = from.saturating_sub(1) + behind.saturating_sub(1) + "::".len();
            all - len + colons
        }
        None => all + groups.len() - 1,
    }
}

/// Some of these end as IPv4 does (RFC 5952 §5); there are few.
const fn is_mixed(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0, 0, 0, 0, 0, ..])
}

/// `10.0.0.5:51234`, `[2001:db8::1]:443`.
pub(super) fn text(address: SocketAddr) -> Short {
    let mut text = Short::new();
    put(&mut text, address);
    text
}

/// Adds the same to a text.
pub(super) fn put<const N: usize>(text: &mut Short<N>, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => put_ipv4(text, *address.ip()),
        SocketAddr::V6(address) if is_mixed(*address.ip()) || address.scope_id() != 0 => {
            // Writing to a text cannot fail.
            let _ = write!(text, "{address}");
            return;
        }
        SocketAddr::V6(address) => {
            text.put(*b"[");
            put_ipv6(text, *address.ip());
            text.put(*b"]");
        }
    }
    text.put(*b":");
    text.put_number(address.port().into());
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
            let len: u32 = ip.octets().map(|it| octet(it).1).into_iter().sum();
            len as usize - 1
        }
        IpAddr::V6(ip) if is_mixed(ip) => ip_text(IpAddr::V6(ip)).len(),
        IpAddr::V6(ip) => ipv6_width(ip),
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
