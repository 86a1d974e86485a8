//! Tunnels, alone and nested.

use super::*;
use crate::decode::reason::Reason;

fn inside(protocol: u8, payload: &[u8]) -> String {
    let over_ipv6 = decode_inner(1, &ethernet(0x86dd, &ipv6(protocol, payload)));
    let over_ipv4 = decode_inner(1, &ethernet(0x0800, &ipv4(protocol, payload)));
    assert_eq!(over_ipv4, over_ipv6);
    over_ipv4.0
}

fn over_udp(port: u16, head: &[u8], payload: &[u8]) -> String {
    inside(17, &udp(40_000, port, &[head, payload].concat()))
}

#[track_caller]
fn is_plain_udp(port: u16, payload: &[u8]) {
    decode_other(101, &ipv4(17, &udp(40_000, port, payload)), Decoded::Other);
}

#[test]
fn ip_in_ip() {
    assert_eq!(inside(4, &tcp4()), "ipip");
    assert_eq!(inside(41, &tcp6()), "ipip");
    assert_eq!(inside(137, &[&[0, 1, 0x01, 64][..], &tcp4()].concat()), "");
}

#[test]
fn gre() {
    assert_eq!(
        inside(47, &[&[0, 0, 0x08, 0x00][..], &tcp4()].concat()),
        "gre"
    );
    assert_eq!(
        inside(
            47,
            &[&[0, 0, 0x65, 0x58][..], &ethernet(0x86dd, &tcp6())].concat()
        ),
        "gre"
    );
    let all = [0xb0, 0, 0x86, 0xdd, 1, 2, 0, 0, 0, 0, 0, 42, 0, 0, 0, 1];
    assert_eq!(inside(47, &[&all[..], &tcp6()].concat()), "gre:42");
    let routed = [
        0x40, 0, 0x08, 0x00, 0, 0, 0, 0, 0x08, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0,
    ];
    assert_eq!(inside(47, &[&routed[..], &tcp4()].concat()), "gre");
    let pptp = [
        0x30, 0x81, 0x88, 0x0b, 0, 60, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0x03, 0x00, 0x21,
    ];
    assert_eq!(inside(47, &[&pptp[..], &tcp4()].concat()), "gre:9");
    let only_acknowledges = [0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 9, 0, 0, 0, 1];
    decode_other(101, &ipv4(47, &only_acknowledges), Decoded::Other);
    decode_other(
        101,
        &ipv4(47, &[&[0, 0, 0x88, 0x3e][..], &tcp4()].concat()),
        Decoded::Other,
    );
}

#[test]
fn erspan() {
    let mirrored = ethernet(0x0800, &tcp4());
    assert_eq!(
        inside(47, &[&[0, 0, 0x88, 0xbe][..], &mirrored].concat()),
        "erspan"
    );
    let second = [
        0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0x08, 100, 0, 0, 0, 0,
    ];
    assert_eq!(inside(47, &[&second[..], &mirrored].concat()), "erspan:100");
    let third = [
        0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(inside(47, &[&third[..], &mirrored].concat()), "erspan:5");
    let mut with_subheader = third;
    with_subheader[19] = 1;
    assert_eq!(
        inside(47, &[&with_subheader[..], &[7; 8], &mirrored].concat()),
        "erspan:5"
    );
}

#[test]
fn vxlan() {
    let frame = ethernet(0x0800, &tcp4());
    let head = [0x08, 0, 0, 0, 0, 0, 42, 0];
    assert_eq!(over_udp(4789, &head, &frame), "vxlan:42");
    assert_eq!(over_udp(8472, &head, &frame), "vxlan:42");
    assert_eq!(
        over_udp(4789, &[0x88, 0x08, 0, 9, 0, 0, 42, 0], &frame),
        "vxlan:42"
    );
    assert_eq!(
        over_udp(4790, &[0x0c, 0, 0, 3, 0, 0, 42, 0], &frame),
        "vxlan:42"
    );
    assert_eq!(
        over_udp(4790, &[0x0c, 0, 0, 1, 0, 0, 42, 0], &tcp4()),
        "vxlan:42"
    );
    for wrong in [
        [0, 0, 0, 0, 0, 0, 42, 0],
        [0x08, 0, 0, 0, 0, 0, 42, 1],
        [0x18, 0, 0, 0, 0, 0, 42, 0],
    ] {
        is_plain_udp(4789, &[&wrong[..], &frame].concat());
    }
    is_plain_udp(4788, &[&head[..], &frame].concat());
}

#[test]
fn geneve() {
    let frame = ethernet(0x0800, &tcp4());
    assert_eq!(
        over_udp(6081, &[0, 0, 0x65, 0x58, 0, 1, 0, 0], &frame),
        "geneve:256"
    );
    let options = [0x02, 0x40, 0x08, 0x00, 0, 1, 0, 0, 1, 2, 3, 1, 0, 0, 0, 0];
    assert_eq!(over_udp(6081, &options, &tcp4()), "geneve:256");
    is_plain_udp(
        6081,
        &[&[0x40, 0, 0x65, 0x58, 0, 1, 0, 0][..], &frame].concat(),
    );
}

#[test]
fn gtp() {
    assert_eq!(
        over_udp(2152, &[0x30, 255, 0, 47, 0, 0, 0, 1], &tcp4()),
        "gtp:1"
    );
    assert_eq!(
        over_udp(2152, &[0x32, 255, 0, 51, 0, 0, 0, 1, 0, 9, 0, 0], &tcp6()),
        "gtp:1"
    );
    // A 5G session container.
    let extended = [
        0x34, 255, 0, 55, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 9, 0x85, 1, 0x10, 9, 0,
    ];
    assert_eq!(over_udp(2152, &extended, &tcp4()), "gtp:1");
    is_plain_udp(
        2152,
        &[&[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 9, 0, 0][..], &tcp4()].concat(),
    );
    is_plain_udp(
        2152,
        &[&[0x50, 255, 0, 4, 0, 0, 0, 0][..], &tcp4()].concat(),
    );
    let endless = [&[0x34, 255, 0, 55, 0, 0, 0, 1, 0, 0, 0, 0x85][..], &[0; 40]].concat();
    let bytes = ipv4(17, &udp(1, 2152, &endless));
    assert!(matches!(
        Decoder::new().decode(&packet(101, &bytes)),
        Decoded::Undecodable(Reason::Malformed(_))
    ));
}

#[test]
fn teredo() {
    let mut inner = tcp6();
    inner[8..12].copy_from_slice(&[0x20, 0x01, 0, 0]);
    let authentication = [&[0, 1, 1, 2, 7, 8, 8][..], &[3; 8], &[0]].concat();
    let origin = [0, 0, 1, 2, 3, 4, 5, 6];
    assert_eq!(over_udp(3544, &[], &inner), "teredo");
    assert_eq!(over_udp(3544, &origin, &inner), "teredo");
    assert_eq!(
        over_udp(3544, &[&authentication[..], &origin].concat(), &inner),
        "teredo"
    );
    inner[8..12].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    is_plain_udp(3544, &inner);
}

#[test]
fn nested_tunnels_are_told_from_the_outermost() {
    let gre = [&[0, 0, 0x08, 0x00][..], &tcp4()].concat();
    let vxlan = [
        &[0x08, 0, 0, 0, 0, 0, 42, 0][..],
        &ethernet(0x0800, &ipv4(47, &gre)),
    ]
    .concat();
    let bytes = [&[0, 3, 0x08, 0x00][..], &ipv4(17, &udp(1, 4789, &vxlan))].concat();
    assert_eq!(
        decode_inner(1, &ethernet(0x8100, &bytes)),
        ("vxlan:42/gre".to_owned(), Some(3))
    );
}

#[test]
fn nesting_has_a_limit() {
    let nested = |times: usize| (0..times).fold(tcp4(), |inner, _| ipv4(4, &inner));
    assert_eq!(decode_inner(101, &nested(8)).0, "ipip/ipip/ipip/ipip");
    decode_other(101, &nested(9), Decoded::Undecodable(Reason::TooDeep));
}
