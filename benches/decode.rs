//! Time per packet of `decode`, by the shape of the packet.

use divan::{Bencher, black_box, counter::ItemsCount};
use etherparse::PacketBuilder;
use hangup::capture::{LinkType, Packet, PacketId};
use hangup::decode::Decoder;
use hangup::time::Timestamp;

const ETHERNET: LinkType = LinkType(1);
/// More than one packet, so that no branch is learned by heart.
const PACKETS: usize = 1024;

fn main() {
    divan::main();
}

/// TCP segments of growing length, in Ethernet, with `tags` VLAN tags.
fn segments(is_v4: bool, tags: usize) -> Vec<Vec<u8>> {
    let build = |index: usize| {
        let mut frame = Vec::new();
        let low = u8::try_from(index % 250).unwrap_or(0);
        let link = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let ip = if is_v4 {
            link.ipv4([10, 0, 0, low], [10, 0, 1, 1], 64)
        } else {
            link.ipv6([low; 16], [9; 16], 64)
        };
        let tcp = ip.tcp(40_000, 443, 1, 500).ack(1);
        tcp.write(&mut frame, &vec![0; index % 1400])
            .expect("a Vec takes everything");
        for _ in 0..tags {
            frame.splice(12..12, [0x81, 0x00, 0, 7]);
        }
        frame
    };
    (0..PACKETS).map(build).collect()
}

/// The same, each inside VXLAN.
fn tunnelled() -> Vec<Vec<u8>> {
    let wrap = |inner: Vec<u8>| {
        let mut frame = Vec::new();
        let udp = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .udp(40_000, 4789);
        let payload = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &inner].concat();
        udp.write(&mut frame, &payload)
            .expect("a Vec takes everything");
        frame
    };
    segments(true, 0).into_iter().map(wrap).collect()
}

/// UDP that is nobody's tunnel.
fn datagrams() -> Vec<Vec<u8>> {
    let build = |index: usize| {
        let mut frame = Vec::new();
        let udp = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .udp(40_000, 443);
        udp.write(&mut frame, &vec![0; index % 1400])
            .expect("a Vec takes everything");
        frame
    };
    (0..PACKETS).map(build).collect()
}

#[divan::bench(args = ["tcp4", "tcp6", "tcp4 in two VLAN tags", "tcp4 in VXLAN", "udp"])]
fn packets(bencher: Bencher<'_, '_>, shape: &str) {
    let frames = match shape {
        "tcp4" => segments(true, 0),
        "tcp6" => segments(false, 0),
        "tcp4 in two VLAN tags" => segments(true, 2),
        "tcp4 in VXLAN" => tunnelled(),
        _ => datagrams(),
    };
    let mut decoder = Decoder::new();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        for data in &frames {
            let wire_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let time = Timestamp::from_nanos(0);
            let packet = Packet {
                id: PacketId::new(0, 1),
                time,
                link: ETHERNET,
                wire_len,
                data,
            };
            black_box(decoder.decode(black_box(&packet)));
        }
    });
}
