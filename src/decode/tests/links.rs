//! Link layers, IP and the TCP header.

use super::*;
use crate::decode::reason::{Header, Reason};

const NONE: (String, Option<u16>) = (String::new(), None);

#[test]
fn ethernet_with_padding() {
    let mut frame = ethernet(0x0800, &tcp4());
    frame.extend([0xee; 9]);
    assert_eq!(decode_inner(1, &frame), NONE);
    assert_eq!(decode_inner(1, &ethernet(0x86dd, &tcp6())), NONE);
}

#[test]
fn stacked_vlan_tags_give_the_outermost() {
    let one = [&[0x00, 7, 0x08, 0x00][..], &tcp4()].concat();
    assert_eq!(decode_inner(1, &ethernet(0x8100, &one)).1, Some(7));
    let two = [&[0x60, 9, 0x81, 0x00][..], &one].concat();
    assert_eq!(decode_inner(1, &ethernet(0x88a8, &two)).1, Some(9));
    assert_eq!(decode_inner(1, &ethernet(0x9100, &two)).1, Some(9));
    let five = [
        &[0, 1, 0x88, 0xa8, 0, 2, 0x91, 0x00, 0, 3, 0x81, 0x00][..],
        &two,
    ]
    .concat();
    assert_eq!(decode_inner(1, &ethernet(0x88a8, &five)).1, Some(1));
    // A priority tag names no VLAN.
    let priority = [&[0xe0, 0, 0x81, 0x00][..], &one].concat();
    assert_eq!(decode_inner(1, &ethernet(0x8100, &priority)).1, Some(7));
}

#[test]
fn endless_vlan_tags_end() {
    let frame = ethernet(0x8100, &[0x00, 0x01, 0x81, 0x00].repeat(1000));
    decode_other(1, &frame, Decoded::Undecodable(Reason::TooDeep));
}

#[test]
fn tags_of_switches_and_providers() {
    let vn_tag = [&[0, 0, 0, 0, 0x08, 0x00][..], &tcp4()].concat();
    assert_eq!(decode_inner(1, &ethernet(0x8926, &vn_tag)), NONE);
    let e_tag = [&[0, 0, 0, 0, 0, 0, 0x08, 0x00][..], &tcp4()].concat();
    assert_eq!(decode_inner(1, &ethernet(0x893f, &e_tag)), NONE);
    let backbone = [&[0, 0, 0, 1][..], &ethernet(0x0800, &tcp4())].concat();
    assert_eq!(decode_inner(1, &ethernet(0x88e7, &backbone)), NONE);
}

#[test]
fn ethernet_with_llc() {
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00][..], &tcp4()].concat();
    assert_eq!(decode_inner(1, &ethernet(snap.len() as u16, &snap)), NONE);
    let tagged = [&[0, 5][..], &(snap.len() as u16).to_be_bytes(), &snap].concat();
    assert_eq!(decode_inner(1, &ethernet(0x8100, &tagged)).1, Some(5));
    decode_other(1, &ethernet(3, &[0x42, 0x42, 3]), Decoded::Other);
}

#[test]
fn macsec_in_clear_and_encrypted() {
    let clear = [
        &[0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0x08, 0x00][..],
        &tcp4(),
        &[0; 16],
    ]
    .concat();
    assert_eq!(decode_inner(1, &ethernet(0x88e5, &clear)), NONE);
    let secret = [&[0x2c, 0, 0, 0, 0, 1][..], &[9; 60]].concat();
    decode_other(
        1,
        &ethernet(0x88e5, &secret),
        Decoded::Undecodable(Reason::Encrypted(Header::Macsec)),
    );
}

#[test]
fn pppoe_and_mpls() {
    let ppp = [&[0x00, 0x21][..], &tcp4()].concat();
    let session = [
        &[0x11, 0, 0, 1][..],
        &(ppp.len() as u16).to_be_bytes(),
        &ppp,
        &[0; 6],
    ]
    .concat();
    assert_eq!(decode_inner(1, &ethernet(0x8864, &session)), NONE);
    assert_eq!(decode_inner(51, &session), NONE);
    let labels = [0, 1, 0x00, 64, 0, 2, 0x01, 64];
    assert_eq!(
        decode_inner(1, &ethernet(0x8847, &[&labels[..], &tcp4()].concat())),
        NONE
    );
    assert_eq!(
        decode_inner(1, &ethernet(0x8848, &[&labels[..], &tcp6()].concat())),
        NONE
    );
    let frame = ethernet(0x0800, &tcp4());
    assert_eq!(
        decode_inner(
            1,
            &ethernet(0x8847, &[&labels[..], &[0; 4], &frame].concat())
        ),
        NONE
    );
    assert_eq!(
        decode_inner(1, &ethernet(0x8847, &[&labels[..], &frame].concat())),
        NONE
    );
}

#[test]
fn raw_and_loopback() {
    for link in [12, 14, 101, 228] {
        assert_eq!(decode_inner(link, &tcp4()), NONE);
    }
    for link in [12, 14, 101, 229] {
        assert_eq!(decode_inner(link, &tcp6()), NONE);
    }
    for family in [[2, 0, 0, 0], [0, 0, 0, 2]] {
        assert_eq!(decode_inner(0, &[&family[..], &tcp4()].concat()), NONE);
        assert_eq!(decode_inner(108, &[&family[..], &tcp4()].concat()), NONE);
    }
    for family in [10, 24, 28, 30] {
        assert_eq!(
            decode_inner(0, &[&[family, 0, 0, 0][..], &tcp6()].concat()),
            NONE
        );
    }
}

#[test]
fn linux_cooked() {
    let first = [0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0];
    assert_eq!(
        decode_inner(113, &[&first[..], &[0x08, 0x00], &tcp4()].concat()),
        NONE
    );
    let tagged = [&first[..], &[0x81, 0x00, 0, 7, 0x86, 0xdd], &tcp6()].concat();
    assert_eq!(decode_inner(113, &tagged).1, Some(7));
    let second = [
        0x08, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0,
    ];
    assert_eq!(decode_inner(276, &[&second[..], &tcp4()].concat()), NONE);
    let device = |kind: u16| [&[0, 0][..], &kind.to_be_bytes(), &[0; 10], &[0x08, 0x00]].concat();
    assert_eq!(decode_inner(113, &[device(778), tcp4()].concat()), NONE);
    let radiotap = [&[0, 0, 8, 0, 0, 0, 0, 0][..], &wlan(0x08, 0x01, &[])].concat();
    assert_eq!(decode_inner(113, &[device(803), radiotap].concat()), NONE);
    // Of a netlink device, the protocol is no Ethernet type.
    decode_other(113, &[device(824), tcp4()].concat(), Decoded::Other);
}

#[test]
fn ppp_and_hdlc() {
    for head in [
        &[0xff, 0x03, 0x00, 0x21][..],
        &[0x00, 0x21],
        &[0x21],
        &[0xff, 0x03, 0x21],
    ] {
        assert_eq!(decode_inner(9, &[head, &tcp4()].concat()), NONE);
    }
    assert_eq!(
        decode_inner(50, &[&[0xff, 0x03, 0x00, 0x57][..], &tcp6()].concat()),
        NONE
    );
    assert_eq!(
        decode_inner(104, &[&[0x0f, 0, 0x08, 0x00][..], &tcp4()].concat()),
        NONE
    );
    decode_other(9, &[0xff, 0x03, 0xc0, 0x21, 1, 2], Decoded::Other);
}

/// A data frame from an access point.
fn wlan(control: u8, flags: u8, more_header: &[u8]) -> Vec<u8> {
    let head = [&[control, flags, 0, 0][..], &[2; 18], &[0, 0]].concat();
    [
        &head[..],
        more_header,
        &[0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00],
        &tcp4(),
    ]
    .concat()
}

#[test]
fn wlan_data_frames() {
    assert_eq!(decode_inner(105, &wlan(0x08, 0x02, &[])), NONE);
    assert_eq!(decode_inner(105, &wlan(0x88, 0x02, &[0, 0])), NONE);
    assert_eq!(decode_inner(105, &wlan(0x08, 0x03, &[1; 6])), NONE);
    assert_eq!(
        decode_inner(
            105,
            &wlan(0x88, 0x83, &[1, 1, 1, 1, 1, 1, 0, 0, 9, 9, 9, 9])
        ),
        NONE
    );
    // Flags, after a time stamp and behind two presence words: the header is padded.
    let radiotap = [
        &[0, 0, 25, 0, 0x03, 0, 0, 0x80, 0, 0, 0, 0][..],
        &[0; 4],
        &[1; 8],
        &[0x20],
    ]
    .concat();
    assert_eq!(
        decode_inner(
            127,
            &[&radiotap[..], &wlan(0x88, 0x02, &[0, 0, 0, 0])].concat()
        ),
        NONE
    );
    assert_eq!(
        decode_inner(
            127,
            &[&[0, 0, 8, 0, 0, 0, 0, 0][..], &wlan(0x08, 0x01, &[])].concat()
        ),
        NONE
    );
    assert_eq!(
        decode_inner(
            192,
            &[&[0, 0, 8, 0, 105, 0, 0, 0][..], &wlan(0x08, 0x01, &[])].concat()
        ),
        NONE
    );
}

#[test]
fn wlan_frames_that_cannot_be_read() {
    decode_other(105, &wlan(0x80, 0, &[]), Decoded::Other);
    decode_other(105, &wlan(0x48, 0, &[]), Decoded::Other);
    decode_other(
        105,
        &wlan(0x08, 0x40, &[]),
        Decoded::Undecodable(Reason::Encrypted(Header::Wlan)),
    );
    decode_other(
        105,
        &wlan(0x08, 0x04, &[]),
        Decoded::Undecodable(Reason::WlanAggregate),
    );
    decode_other(
        105,
        &wlan(0x88, 0x00, &[0x80, 0]),
        Decoded::Undecodable(Reason::WlanAggregate),
    );
}

#[test]
fn headers_of_capturing_systems() {
    let inner = ethernet(0x0800, &tcp4());
    let pktap = [
        &[16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0][..],
        &inner,
    ]
    .concat();
    assert_eq!(decode_inner(258, &pktap), NONE);
    decode_other(
        258,
        &[0; 64],
        Decoded::Undecodable(Reason::Malformed(Header::Pktap)),
    );
    let pflog = [&[61, 2, 0, 0][..], &[0; 60], &tcp4()].concat();
    assert_eq!(decode_inner(117, &pflog), NONE);
    let field_len = (tcp4().len() as u16 + 4).to_le_bytes();
    let nflog = [
        &[2, 0, 0, 0, 6, 0, 10, 0, b'x', 0, 0, 0][..],
        &field_len,
        &[9, 0],
        &tcp4(),
    ]
    .concat();
    assert_eq!(decode_inner(239, &nflog), NONE);
    let field_len = (tcp4().len() as u16 + 4).to_be_bytes();
    let nflog = [
        &[2, 0, 0, 0, 0, 6, 0, 10, b'x', 0, 0, 0][..],
        &field_len,
        &[0, 9],
        &tcp4(),
    ]
    .concat();
    assert_eq!(decode_inner(239, &nflog), NONE);
    decode_other(
        239,
        &[0; 64],
        Decoded::Undecodable(Reason::Malformed(Header::Nflog)),
    );
    let fddi = [
        &[0x50][..],
        &[1; 12],
        &[0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00],
        &tcp4(),
    ]
    .concat();
    assert_eq!(decode_inner(10, &fddi), NONE);
    decode_other(147, &inner, Decoded::Undecodable(Reason::LinkType(147)));
}

#[test]
fn ipv4_options_and_lengths() {
    let mut options = tcp4();
    options[0] = 0x46;
    options[3] += 4;
    options.splice(20..20, [1, 1, 1, 0]);
    assert_eq!(decode_inner(101, &options), NONE);
    // Segmentation offload: no length; the packet's own counts, captured or not.
    let mut offload = tcp4();
    offload[2..4].fill(0);
    assert_eq!(decode_inner(101, &offload), NONE);
    let long = Packet {
        wire_len: 70_040,
        ..packet(101, &offload)
    };
    let mut decoder = Decoder::new();
    let Decoded::Tcp(segment) = decoder.decode(&long) else {
        panic!()
    };
    assert_eq!((segment.payload, segment.wire_len), (PAYLOAD, 70_000));
    let mut short = tcp4();
    short[3] = 12;
    decode_other(
        101,
        &short,
        Decoded::Undecodable(Reason::Malformed(Header::Ipv4)),
    );
    decode_other(
        1,
        &ethernet(0x0800, &tcp6()),
        Decoded::Undecodable(Reason::IpVersion(6)),
    );
}

#[test]
fn ipv6_extension_headers() {
    let tcp = &tcp6()[40..];
    // Hop-by-hop, routing, destination, authentication, mobility, an atomic fragment.
    let chain = [
        &[43, 0, 1, 4, 0, 0, 0, 0][..],
        &[60, 0, 0, 0, 0, 0, 0, 0],
        &[51, 0, 1, 4, 0, 0, 0, 0],
        &[135, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0],
        &[44, 0, 0, 0, 0, 0, 0, 0],
        &[6, 0, 0, 0, 0, 0, 0, 9],
        tcp,
    ]
    .concat();
    let mut bytes = [&tcp6()[..40], &chain].concat();
    bytes[6] = 0;
    bytes[4..6].copy_from_slice(&(chain.len() as u16).to_be_bytes());
    assert_eq!(decode_inner(101, &bytes), NONE);
    // Jumbogram or segmentation offload.
    bytes[4..6].fill(0);
    assert_eq!(decode_inner(101, &bytes), NONE);
    let endless = ipv6(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(100));
    decode_other(101, &endless, Decoded::Undecodable(Reason::TooDeep));
}

#[test]
fn a_cut_tcp_header() {
    let mut bytes = tcp4();
    bytes[32] = 0x80;
    bytes.splice(40..40, [1; 12]);
    bytes[3] += 12;
    let mut decoder = Decoder::new();
    let cut = |len: usize| Packet {
        wire_len: bytes.len() as u32,
        data: &bytes[..len],
        ..packet(101, &bytes)
    };
    let Decoded::Tcp(whole) = decoder.decode(&cut(bytes.len())) else {
        panic!()
    };
    assert_eq!((whole.options, whole.payload), (&[1; 12][..], PAYLOAD));
    let Decoded::Tcp(segment) = decoder.decode(&cut(45)) else {
        panic!()
    };
    assert_eq!(
        (segment.options.len(), segment.payload, segment.wire_len),
        (5, &[][..], 7)
    );
    let Decoded::Tcp(segment) = decoder.decode(&cut(54)) else {
        panic!()
    };
    assert_eq!(
        (
            segment.options.len(),
            segment.payload.len(),
            segment.wire_len
        ),
        (12, 2, 7)
    );
    assert_eq!(
        decoder.decode(&cut(39)),
        Decoded::Undecodable(Reason::CutShort(Header::Tcp))
    );
    for offset in [0x00, 0x40, 0xf0] {
        let mut wrong = tcp4();
        wrong[32] = offset;
        decode_other(
            101,
            &wrong,
            Decoded::Undecodable(Reason::Malformed(Header::Tcp)),
        );
    }
}

#[test]
fn icmp_errors_quote_a_segment() {
    let quoted = &tcp4()[..28];
    let message = [&[3, 1, 0, 0, 0, 0, 0, 0][..], quoted].concat();
    let bytes = ipv4(1, &message);
    let Decoded::Icmp(error) = Decoder::new().decode(&packet(101, &bytes)) else {
        panic!()
    };
    assert_eq!(
        (
            error.kind,
            error.code,
            error.src_port,
            error.dst_port,
            error.seq
        ),
        (3, 1, 51234, 80, 1000)
    );
    assert_eq!(error.from, IpAddr::from([192, 0, 2, 1]));
    assert_eq!(
        (error.src, error.dst),
        (IpAddr::from([10, 0, 0, 5]), IpAddr::from([10, 0, 0, 9]))
    );
    let message = [&[1, 4, 0, 0, 0, 0, 0, 0][..], &tcp6()].concat();
    let bytes = ipv6(58, &message);
    let Decoded::Icmp(error) = Decoder::new().decode(&packet(101, &bytes)) else {
        panic!()
    };
    assert_eq!((error.kind, error.code, error.seq), (1, 4, 1000));
    // An echo, a quote too short, a quote of UDP.
    decode_other(
        101,
        &ipv4(1, &[8, 0, 0, 0, 0, 0, 0, 0, 1, 2]),
        Decoded::Other,
    );
    decode_other(
        101,
        &ipv4(1, &[&[3, 1, 0, 0, 0, 0, 0, 0][..], &quoted[..27]].concat()),
        Decoded::Other,
    );
    let about_udp = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &ipv4(17, &udp(1, 2, &[]))].concat();
    decode_other(101, &ipv4(1, &about_udp), Decoded::Other);
}

#[test]
fn what_is_not_ours() {
    decode_other(1, &ethernet(0x0806, &[0; 28]), Decoded::Other);
    decode_other(101, &ipv4(17, &udp(53, 53, &[1; 30])), Decoded::Other);
    decode_other(101, &ipv4(50, &[1; 30]), Decoded::Other);
    decode_other(
        1,
        &[],
        Decoded::Undecodable(Reason::CutShort(Header::Ethernet)),
    );
}
