//! Addresses as texts. There are two in every row, and the general way of writing them takes
//! several times as long.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::when::digits;

/// Bytes of the longest: `[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535`.
const LONGEST: usize = 47;

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

/// An address in the making. To hand on each part of it takes longer.
struct Text {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Self {
            bytes: [0; LONGEST],
            len: 0,
        }
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    /// What of a number stands in the places of these `units` and the last one, without leading
    /// zeros.
    #[inline]
    fn number<const BASE: u16, const N: usize>(&mut self, value: u16, units: [u16; N]) {
        for unit in units {
            if value >= unit {
                self.digit(value / unit % BASE);
            }
        }
        self.digit(value % BASE);
    }

    #[inline]
    fn digit(&mut self, digit: u16) {
        let digits = b"0123456789abcdef";
        let digit = digits.get(usize::from(digit));
        self.push(digit.copied().unwrap_or_default());
    }

    fn ipv4(&mut self, ip: Ipv4Addr) {
        for octet in ip.octets() {
            let (text, len) = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
            if let Some(place) = self.bytes.get_mut(self.len..self.len + text.len()) {
                place.copy_from_slice(&text);
                self.len += len;
            }
        }
        // Behind the last one stands no dot.
        self.len -= 1;
    }

    fn port(&mut self, port: u16) {
        self.push(b':');
        self.number::<10, _>(port, [10_000, 1_000, 100, 10]);
    }

    /// Two colons stand for the longest of all rows of zeros (RFC 5952 §4).
    fn ipv6(&mut self, ip: Ipv6Addr) {
        let groups = ip.segments();
        let (mut from, mut len, mut run) = (0, 1, 0);
        for (at, &group) in groups.iter().enumerate() {
            run = if group == 0 { run + 1 } else { 0 };
            if run > len {
                (from, len) = (at + 1 - run, run);
            }
        }
        let zeros = if len > 1 { from..from + len } else { 0..0 };
        for (at, &group) in groups.iter().enumerate() {
            if zeros.contains(&at) {
                if at == zeros.start {
                    self.push(b':');
                    self.push(b':');
                }
                continue;
            }
            if at > 0 && at != zeros.end {
                self.push(b':');
            }
            self.number::<16, _>(group, [0x1000, 0x100, 0x10]);
        }
    }

    fn write(&self, out: &mut impl Write) -> fmt::Result {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        out.write_str(std::str::from_utf8(bytes).unwrap_or_default())
    }
}

/// Some of these end as IPv4 does (RFC 5952 §5); there are few.
const fn is_mixed(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0, 0, 0, 0, 0, ..])
}

/// `10.0.0.5:51234`, `[2001:db8::1]:443`.
pub(super) fn write(out: &mut impl Write, address: SocketAddr) -> fmt::Result {
    let mut text = Text::new();
    match address {
        SocketAddr::V4(address) => text.ipv4(*address.ip()),
        SocketAddr::V6(address) if is_mixed(*address.ip()) || address.scope_id() != 0 => {
            return write!(out, "{address}");
        }
        SocketAddr::V6(address) => {
            text.push(b'[');
            text.ipv6(*address.ip());
            text.push(b']');
        }
    }
    text.port(address.port());
    text.write(out)
}

/// `10.0.0.5`, `2001:db8::1`.
pub(super) fn write_ip(out: &mut impl Write, ip: IpAddr) -> fmt::Result {
    let mut text = Text::new();
    match ip {
        IpAddr::V4(ip) => text.ipv4(ip),
        IpAddr::V6(ip) if is_mixed(ip) => return write!(out, "{ip}"),
        IpAddr::V6(ip) => text.ipv6(ip),
    }
    text.write(out)
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
            let digits = ip.octets().map(|octet| digits(octet.into()));
            digits.iter().sum::<usize>() + "...".len()
        }
        IpAddr::V6(ip) if is_mixed(ip) => ip.to_string().len(),
        IpAddr::V6(ip) => {
            let mut text = Text::new();
            text.ipv6(ip);
            text.len
        }
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
            let mut text = String::new();
            write(&mut text, address).expect("strings take all");
            assert_eq!(text, address.to_string());
            assert_eq!(width(address), text.len());
        }
        for address in [
            "0.0.0.0:0",
            "255.255.255.255:65535",
            "[::]:1",
            "[::ffff:10.0.0.1]:80",
            "[fe80::1%3]:80",
        ] {
            let mut text = String::new();
            let parsed = address.parse().expect("an address");
            write(&mut text, parsed).expect("strings take all");
            assert_eq!(text, address);
            assert_eq!(width(parsed), text.len());
            text.clear();
            write_ip(&mut text, parsed.ip()).expect("strings take all");
            assert_eq!(ip_width(parsed.ip()), text.len());
        }
    }
}
