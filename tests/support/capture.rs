//! Capture files as lists of packets: what tests need to rewrite one, in every variant.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// LINKTYPE_ETHERNET.
pub(crate) const ETHERNET: u16 = 1;

/// A captured packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Nanoseconds since 1970.
    pub(crate) nanos: u64,
    /// Bytes on the wire.
    pub(crate) wire_len: usize,
    /// LINKTYPE.
    pub(crate) link: u16,
    /// Bytes captured.
    pub(crate) bytes: Vec<u8>,
}

/// A variant of file.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// Packets of one link type.
    Pcap {
        /// Times in nanoseconds, not microseconds.
        nanos: bool,
        /// Big-endian.
        big: bool,
    },
    /// An interface for every link type and every resolution.
    PcapNg {
        /// Values of `if_tsresol`, taken in turn.
        resolutions: Vec<u8>,
        /// Big-endian.
        big: bool,
    },
}

/// Numbers of one byte order, to read and to write.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

impl Order {
    fn u16(self, bytes: &[u8]) -> u16 {
        let bytes = [bytes[0], bytes[1]];
        if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn u32(self, bytes: &[u8]) -> u32 {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    fn put16(self, out: &mut Vec<u8>, number: u16) {
        let bytes = number.to_be_bytes();
        out.extend(if self.big {
            bytes
        } else {
            number.to_le_bytes()
        });
    }

    fn put32(self, out: &mut Vec<u8>, number: u32) {
        let bytes = number.to_be_bytes();
        out.extend(if self.big {
            bytes
        } else {
            number.to_le_bytes()
        });
    }
}

/// The packets of a file; a last one that is cut short is left out.
pub(crate) fn read(file: &[u8]) -> Vec<Packet> {
    if file.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(file)
            .read_to_end(&mut plain)
            .expect("gzip");
        return read(&plain);
    }
    match (Order { big: false }).u32(file) {
        0x0a0d_0d0a => read_pcapng(file),
        0xa1b2_c3d4 => read_pcap(file, 1000),
        0xa1b2_3c4d => read_pcap(file, 1),
        magic => panic!("magic {magic:#x}: our captures are little-endian"),
    }
}

fn read_pcap(file: &[u8], nanos_per_tick: u64) -> Vec<Packet> {
    let order = Order { big: false };
    let link = order.u16(&file[20..]);
    let mut packets = Vec::new();
    let mut rest = &file[24..];
    while rest.len() >= 16 {
        let [seconds, ticks, len, wire_len] = [0, 4, 8, 12].map(|at| order.u32(&rest[at..]));
        let Some(bytes) = rest.get(16..16 + len as usize) else {
            break;
        };
        packets.push(Packet {
            nanos: u64::from(seconds) * 1_000_000_000 + u64::from(ticks) * nanos_per_tick,
            wire_len: wire_len as usize,
            link,
            bytes: bytes.to_vec(),
        });
        rest = &rest[16 + len as usize..];
    }
    packets
}

/// One section; Enhanced Packet Blocks only.
fn read_pcapng(file: &[u8]) -> Vec<Packet> {
    let order = Order { big: false };
    let mut interfaces = Vec::new();
    let mut packets = Vec::new();
    let mut rest = file;
    while rest.len() >= 12 {
        let (kind, len) = (order.u32(rest), order.u32(&rest[4..]) as usize);
        let body = &rest[8..len - 4];
        match kind {
            1 => interfaces.push((order.u16(body), resolution_of(order, &body[8..]))),
            6 => {
                let [interface, high, low, len, wire_len] =
                    [0, 4, 8, 12, 16].map(|at| order.u32(&body[at..]));
                let (link, resolution) = interfaces[interface as usize];
                let ticks = u128::from(high) << 32 | u128::from(low);
                let nanos = ticks * 1_000_000_000 / ticks_per_second(resolution);
                packets.push(Packet {
                    nanos: u64::try_from(nanos).expect("our century"),
                    wire_len: wire_len as usize,
                    link,
                    bytes: body[20..20 + len as usize].to_vec(),
                });
            }
            _ => {}
        }
        rest = &rest[len..];
    }
    packets
}

/// `if_tsresol` among the options of an interface (pcapng draft §4.2).
fn resolution_of(order: Order, mut options: &[u8]) -> u8 {
    while options.len() >= 4 {
        let (code, len) = (order.u16(options), usize::from(order.u16(&options[2..])));
        if code == 9 {
            return options[4];
        }
        options = &options[4 + len.next_multiple_of(4)..];
    }
    6
}

fn ticks_per_second(resolution: u8) -> u128 {
    match resolution {
        0..0x80 => 10_u128.pow(u32::from(resolution)),
        _ => 1 << (resolution & 0x7f),
    }
}

/// A file of `packets`.
pub(crate) fn write(packets: &[Packet], format: &Format) -> Vec<u8> {
    match format {
        Format::Pcap { nanos, big } => write_pcap(packets, *nanos, Order { big: *big }),
        Format::PcapNg { resolutions, big } => {
            write_pcapng(packets, resolutions, Order { big: *big })
        }
    }
}

/// The most common kind of file.
pub(crate) fn pcap(packets: &[Packet]) -> Vec<u8> {
    let (nanos, big) = (true, false);
    write(packets, &Format::Pcap { nanos, big })
}

/// Compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn write_pcap(packets: &[Packet], nanos: bool, order: Order) -> Vec<u8> {
    let (magic, nanos_per_tick) = if nanos {
        (0xa1b2_3c4d, 1)
    } else {
        (0xa1b2_c3d4, 1000)
    };
    let link = packets.first().map_or(ETHERNET, |packet| packet.link);
    let mut out = Vec::new();
    order.put32(&mut out, magic);
    order.put16(&mut out, 2);
    order.put16(&mut out, 4);
    for number in [0, 0, 262_144, u32::from(link)] {
        order.put32(&mut out, number);
    }
    for packet in packets {
        assert_eq!(packet.link, link, "a pcap has one link type");
        let (seconds, nanos) = (packet.nanos / 1_000_000_000, packet.nanos % 1_000_000_000);
        let numbers = [
            seconds,
            nanos / nanos_per_tick,
            packet.bytes.len() as u64,
            packet.wire_len as u64,
        ];
        for number in numbers {
            order.put32(&mut out, u32::try_from(number).expect("32 bits"));
        }
        out.extend(&packet.bytes);
    }
    out
}

fn write_pcapng(packets: &[Packet], resolutions: &[u8], order: Order) -> Vec<u8> {
    let mut out = Vec::new();
    let mut section = Vec::new();
    order.put32(&mut section, 0x1a2b_3c4d);
    order.put16(&mut section, 1);
    order.put16(&mut section, 0);
    section.extend([0xff; 8]); // of unknown length
    block(&mut out, order, 0x0a0d_0d0a, &section);
    let mut interfaces: Vec<(u16, u8)> = Vec::new();
    for (packet, resolution) in packets.iter().zip(resolutions.iter().cycle()) {
        let interface = (packet.link, *resolution);
        let known = interfaces.iter().position(|known| *known == interface);
        let number = known.unwrap_or_else(|| {
            interfaces.push(interface);
            let mut body = Vec::new();
            order.put16(&mut body, packet.link);
            order.put16(&mut body, 0);
            order.put32(&mut body, 262_144);
            order.put16(&mut body, 9);
            order.put16(&mut body, 1);
            body.extend([*resolution, 0, 0, 0]);
            order.put32(&mut body, 0); // end of options
            block(&mut out, order, 1, &body);
            interfaces.len() - 1
        });
        // Up, so that to read it back is exact wherever a tick is a nanosecond or less.
        let ticks = u128::from(packet.nanos) * ticks_per_second(*resolution);
        let ticks = ticks.div_ceil(1_000_000_000);
        let numbers = [
            number as u128,
            ticks >> 32,
            ticks & 0xffff_ffff,
            packet.bytes.len() as u128,
            packet.wire_len as u128,
        ];
        let mut body = Vec::new();
        for number in numbers {
            order.put32(&mut body, u32::try_from(number).expect("32 bits"));
        }
        body.extend(&packet.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        block(&mut out, order, 6, &body);
    }
    out
}

fn block(out: &mut Vec<u8>, order: Order, kind: u32, body: &[u8]) {
    let len = u32::try_from(body.len() + 12).expect("small");
    order.put32(out, kind);
    order.put32(out, len);
    out.extend(body);
    order.put32(out, len);
}
