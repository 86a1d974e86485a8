//! Addresses as texts. There are two in every row, and the general way of writing them takes
//! several times as long.

use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// `10.0.0.5:51234`, `[2001:db8::1]:443`.
pub(super) fn write_address(out: &mut impl Write, address: SocketAddr) -> fmt::Result {
    match address {
        SocketAddr::V4(_) => write_ip(out, address.ip())?,
        SocketAddr::V6(scoped) if scoped.scope_id() != 0 => return write!(out, "{scoped}"),
        SocketAddr::V6(_) => {
            out.write_str("[")?;
            write_ip(out, address.ip())?;
            out.write_str("]")?;
        }
    }
    out.write_str(":")?;
    out.write_str(itoa::Buffer::new().format(address.port()))
}

/// `10.0.0.5`, `2001:db8::1`.
pub(super) fn write_ip(out: &mut impl Write, ip: IpAddr) -> fmt::Result {
    match ip {
        IpAddr::V4(ip) => {
            let mut digits = itoa::Buffer::new();
            let [first, rest @ ..] = ip.octets();
            out.write_str(digits.format(first))?;
            for octet in rest {
                out.write_str(".")?;
                out.write_str(digits.format(octet))?;
            }
            Ok(())
        }
        IpAddr::V6(ip) => match ip.segments() {
            // Some of these end as IPv4 does (RFC 5952 §5).
            [0, 0, 0, 0, 0, ..] => write!(out, "{ip}"),
            groups => write_groups(out, &groups),
        },
    }
}

/// Eight groups; two colons stand for the longest of all rows of zeros (RFC 5952 §4).
fn write_groups(out: &mut impl Write, groups: &[u16; 8]) -> fmt::Result {
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
                out.write_str("::")?;
            }
            continue;
        }
        if at > 0 && at != zeros.end {
            out.write_str(":")?;
        }
        write_hex(out, group)?;
    }
    Ok(())
}

/// Without leading zeros, in lower case.
fn write_hex(out: &mut impl Write, group: u16) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| DIGITS.get(usize::from(group >> shift) & 0xf).copied();
    let digits = [12, 8, 4, 0].map(|shift| digit(shift).unwrap_or_default());
    let zeros = (group.leading_zeros() / 4).min(3) as usize;
    let digits = digits.get(zeros..).unwrap_or_default();
    out.write_str(std::str::from_utf8(digits).unwrap_or_default())
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
            write_address(&mut text, address).expect("strings take all");
            assert_eq!(text, address.to_string());
        }
        for address in [
            "0.0.0.0:0",
            "255.255.255.255:65535",
            "[::]:1",
            "[::ffff:10.0.0.1]:80",
        ] {
            let mut text = String::new();
            let parsed = address.parse().expect("an address");
            write_address(&mut text, parsed).expect("strings take all");
            assert_eq!(text, address);
        }
    }
}
