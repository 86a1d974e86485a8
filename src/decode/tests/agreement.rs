//! The short way, the long way and etherparse's own agree; and nothing makes any of them panic.

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::decode::{fast, fragments::Fragments, walk};

/// Ethernet with up to three VLAN tags, or another link type of the short way; IPv4 or IPv6; TCP.
fn usual_packets() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let link =
        prop_oneof![4 => Just(1), 1 => Just(101), 1 => Just(0), 1 => Just(113), 1 => Just(276)];
    let tags = vec(any::<u16>(), 0..=3);
    let tcp = (
        any::<u16>(),
        any::<u16>(),
        any::<u32>(),
        any::<u32>(),
        any::<bool>(),
    );
    (
        link,
        tags,
        any::<bool>(),
        any::<[u8; 8]>(),
        tcp,
        vec(any::<u8>(), 0..64),
        0..6_usize,
    )
        .prop_map(
            |(
                link,
                tags,
                is_v4,
                address,
                (src_port, dst_port, seq, ack, fin),
                payload,
                padding,
            )| {
                let (src, dst) = ([address[0]; 16], [address[1]; 16]);
                let ip = match is_v4 {
                    true => PacketBuilder::ipv4([address[0]; 4], [address[1]; 4], address[2]),
                    false => PacketBuilder::ipv6(src, dst, address[2]),
                };
                let mut tcp = ip.tcp(src_port, dst_port, seq, 500).ack(ack);
                if fin {
                    tcp = tcp.fin().options_raw(&[1, 1, 1, 0]).unwrap();
                }
                let mut inner = Vec::new();
                tcp.write(&mut inner, &payload).unwrap();
                inner.extend(vec![0; padding]);
                let mut kind = if is_v4 { 0x0800_u16 } else { 0x86dd };
                let family = if is_v4 { 2 } else { 30 };
                if link == 1 {
                    for tag in tags {
                        inner.splice(0..0, [tag.to_be_bytes(), kind.to_be_bytes()].concat());
                        kind = 0x8100;
                    }
                }
                let kind = kind.to_be_bytes();
                let head = match link {
                    1 => [&MACS[..], &kind].concat(),
                    0 => vec![family, 0, 0, 0],
                    113 => [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0], &kind[..]].concat(),
                    276 => [
                        &kind[..],
                        &[0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0],
                    ]
                    .concat(),
                    _ => vec![],
                };
                (link, [head, inner].concat())
            },
        )
}

/// Decodes the long way only.
fn walked<'a>(
    packet: &Packet<'a>,
    datagrams: &'a mut [Vec<u8>],
    tunnels: &'a mut Tunnels,
) -> Decoded<'a> {
    walk::walk(packet, &mut Fragments::default(), datagrams, tunnels)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn both_ways_agree(
        (link, mut data) in usual_packets(),
        cut in 0..200_usize,
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let is_changed = !changes.is_empty() || cut < 64;
        for (index, byte) in changes {
            // Headers, rather than payload.
            let at = index.index(data.len().min(80));
            data[at] = byte;
        }
        let wire_len = data.len() as u32;
        let cut = if cut < 64 { data.len().saturating_sub(cut) } else { data.len() };
        let packet = Packet { wire_len, data: &data[..cut], ..packet(link, &data) };
        let mut datagrams = [Vec::new(), Vec::new()];
        let mut tunnels = Tunnels::NONE;
        let long = walked(&packet, &mut datagrams, &mut tunnels);
        let short = fast::segment(&packet);
        if let Some(segment) = short {
            prop_assert_eq!(Decoded::Tcp(segment), long);
        }
        if let Some(segment) = fast::commonest(&packet) {
            prop_assert_eq!(Some(segment), short);
        }
        let tags = if link == 1 { data.windows(2).skip(12).step_by(4).take_while(|kind| *kind == [0x81, 0]).count() } else { 0 };
        if !is_changed && tags <= 2 {
            prop_assert!(short.is_some(), "{:?}", long);
            let is_commonest = link == 1 && data[12..14] == [8, 0];
            prop_assert_eq!(fast::commonest(&packet).is_some(), is_commonest);
        }
    }

    #[test]
    fn etherparse_agrees((_, data) in usual_packets().prop_filter("Ethernet", |(link, _)| *link == 1)) {
        let parsed = LaxSlicedPacket::from_ethernet(&data).unwrap();
        let vlan = parsed.vlan_ids().iter().map(|id| id.value()).find(|id| *id != 0);
        let addresses = match parsed.net.as_ref().unwrap() {
            LaxNetSlice::Ipv4(ip) => (IpAddr::from(ip.header().source()), IpAddr::from(ip.header().destination())),
            LaxNetSlice::Ipv6(ip) => (IpAddr::from(ip.header().source()), IpAddr::from(ip.header().destination())),
            LaxNetSlice::Arp(_) => unreachable!(),
        };
        let Some(TransportSlice::Tcp(tcp)) = parsed.transport else { panic!("no TCP") };
        let mut decoder = Decoder::new();
        let Decoded::Tcp(segment) = decoder.decode(&packet(1, &data)) else { panic!("no segment") };
        prop_assert_eq!((segment.src.ip(), segment.dst.ip()), addresses);
        prop_assert_eq!((segment.src_port, segment.dst_port), (tcp.source_port(), tcp.destination_port()));
        prop_assert_eq!((segment.seq, segment.ack), (tcp.sequence_number(), tcp.acknowledgment_number()));
        prop_assert_eq!((segment.flags.has(super::super::Flags::FIN), segment.window), (tcp.fin(), tcp.window_size()));
        prop_assert_eq!((segment.options, segment.payload), (tcp.options(), tcp.payload()));
        prop_assert_eq!(segment.vlan, vlan);
    }

    #[test]
    fn random_bytes_never_panic(
        link in prop_oneof![
            Just(0), Just(1), Just(9), Just(10), Just(50), Just(51), Just(101), Just(104), Just(105), Just(108),
            Just(113), Just(117), Just(127), Just(192), Just(228), Just(229), Just(239), Just(258), Just(276), any::<u16>(),
        ],
        packets in vec((vec(any::<u8>(), 0..200), 0..2000_u32), 1..4),
    ) {
        let mut decoder = Decoder::new();
        for (data, wire_len) in &packets {
            if let Decoded::Tcp(segment) = decoder.decode(&Packet { wire_len: *wire_len, ..packet(link, data) }) {
                prop_assert!(segment.payload.len() <= segment.wire_len as usize);
            }
        }
    }

    /// Random insides of every tunnel and extension: deeper than random bytes alone would come.
    #[test]
    fn random_insides_never_panic(
        protocol in prop_oneof![
            Just(0_u8), Just(1), Just(4), Just(6), Just(17), Just(41), Just(43), Just(44), Just(47), Just(51), Just(58),
            Just(60), Just(135), Just(137),
        ],
        port in prop_oneof![Just(4789_u16), Just(4790), Just(8472), Just(6081), Just(2152), Just(3544)],
        payload in vec(prop_oneof![any::<u8>(), Just(0), Just(8), Just(0x30), Just(0x60), Just(0x45), Just(255)], 0..120),
    ) {
        let payload = if protocol == 17 { udp(port, port, &payload) } else { payload };
        let mut decoder = Decoder::new();
        for data in [ipv4(protocol, &payload), ipv6(protocol, &payload)] {
            if let Decoded::Tcp(segment) = decoder.decode(&packet(101, &data)) {
                prop_assert!(segment.payload.len() <= segment.wire_len as usize);
            }
        }
    }
}
