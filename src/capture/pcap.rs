//! Classic capture files: libpcap's own format and the variants that are told by their magic.
//!
//! In: the bytes of a file. Out: where its packets lie. Format: pcap-savefile(5),
//! draft-ietf-opsawg-pcap.

use nom::number::Endianness;
use nom::number::complete::{u16, u32};
use nom::{IResult, Parser};

use super::LinkType;
use super::buffer::{Buffer, MAX_RECORD, Stop};
use super::reader::Record;
use super::words::words;
use crate::time::Timestamp;

/// Octets of the file header, in every variant.
pub(super) const FILE_HEADER_LEN: usize = 24;

const MAGIC_MICROS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOS: u32 = 0xa1b2_3c4d;
/// Alexey Kuznetzov's patched libpcap (Linux distributions around 2000): eight more octets a packet
/// for interface, protocol and direction.
const MAGIC_KUZNETZOV: u32 = 0xa1b2_cd34;

const RECORD_HEADER_LEN: usize = 16;
const KUZNETZOV_RECORD_HEADER_LEN: usize = 24;

/// What the file header says about the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pcap {
    order: Endianness,
    /// Nanoseconds of one unit of the fraction of a second.
    fraction: i64,
    record_header_len: usize,
    link: LinkType,
}

impl Pcap {
    /// Whether a file that begins like this is one of ours.
    pub(super) fn is(head: &[u8]) -> bool {
        magic(head).is_some()
    }

    /// From the file header. Any version is taken: no writer of 1.x files is left, and a wrong
    /// number is no reason to refuse records that make sense.
    pub(super) fn parse(header: &[u8]) -> Option<Self> {
        let (order, magic) = magic(header)?;
        let (_, link) = file_header(order, header).ok()?;
        let (fraction, record_header_len) = match magic {
            MAGIC_NANOS => (1, RECORD_HEADER_LEN),
            MAGIC_KUZNETZOV => (1000, KUZNETZOV_RECORD_HEADER_LEN),
            _ => (1000, RECORD_HEADER_LEN),
        };
        Some(Self {
            order,
            fraction,
            record_header_len,
            link,
        })
    }

    /// The next packet.
    pub(super) fn next(&mut self, buffer: &mut Buffer) -> Result<Record, Stop> {
        loop {
            self.buffer_record(buffer)?;
            if let Some(record) = self.buffered(buffer) {
                return Ok(record);
            }
        }
    }

    /// The next packet where the buffer holds all of it already, as it nearly always does.
    #[inline]
    pub(super) fn buffered(&self, buffer: &mut Buffer) -> Option<Record> {
        let header = buffer.head::<RECORD_HEADER_LEN>()?;
        let (_, [seconds, fraction, len, wire_len]) = words(self.order, header).ok()?;
        if len == 0 && wire_len == 0 && is_file_header(header) {
            return None;
        }
        let len = usize::try_from(len).ok().filter(|&len| len <= MAX_RECORD)?;
        let from = buffer.consume_whole(self.record_header_len + len)? + self.record_header_len;
        let nanos = i64::from(fraction) * self.fraction;
        Some(Record {
            time: Timestamp::from_parts(i64::from(seconds), nanos),
            link: self.link,
            wire_len,
            from,
            len,
        })
    }

    /// Sees to it that the next packet is all in the buffer, and before that takes the file
    /// headers that stand where it should.
    fn buffer_record(&mut self, buffer: &mut Buffer) -> Result<(), Stop> {
        loop {
            let header = buffer.require(self.record_header_len)?;
            let Ok((_, [_, _, len, wire_len])) = words(self.order, header) else {
                return Err(Stop::CutShort);
            };
            // `cat a.pcap b.pcap`: where a record should be stands a file header. Its time zone and
            // accuracy, always zero, lie where the lengths are; only an empty packet of 2055 or
            // 2083 (the magic, as a time) looks the same.
            if len == 0 && wire_len == 0 && is_file_header(header) {
                let header = buffer.require(FILE_HEADER_LEN)?;
                *self = Self::parse(header).unwrap_or(*self);
                buffer.consume(FILE_HEADER_LEN);
                continue;
            }
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if len > MAX_RECORD {
                return Err(Stop::Corrupt(format!("a packet of {len} bytes")));
            }
            buffer.require(self.record_header_len + len)?;
            return Ok(());
        }
    }
}

fn magic(head: &[u8]) -> Option<(Endianness, u32)> {
    [Endianness::Little, Endianness::Big]
        .into_iter()
        .find_map(|order| {
            let (_, [magic]) = words(order, head).ok()?;
            matches!(magic, MAGIC_MICROS | MAGIC_NANOS | MAGIC_KUZNETZOV).then_some((order, magic))
        })
}

/// A whole, ordinary file header: magic, version 2.4.
#[cold]
fn is_file_header(head: &[u8]) -> bool {
    magic(head).is_some_and(|(order, _)| {
        let version: IResult<_, _, ()> = (u32(order), u16(order), u16(order)).parse(head);
        matches!(version, Ok((_, (_, 2, 4))))
    })
}

/// The link type: its upper half tells the length of a frame check sequence and a class.
fn file_header(order: Endianness, input: &[u8]) -> IResult<&[u8], LinkType, ()> {
    let (rest, [_magic, _version, _zone, _accuracy, _snaplen, link]) = words(order, input)?;
    Ok((
        rest,
        LinkType(u16::try_from(link & 0xffff).unwrap_or_default()),
    ))
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::super::testing::*;
    use super::super::{CaptureError, NoteKind};

    #[test]
    fn every_variant_in_both_byte_orders() {
        for order in Order::BOTH {
            for (magic, nanos) in [(MICROS, 5_000_007_000), (NANOS, 5_000_000_007)] {
                let header = order.pcap_header(magic, 1);
                let (packets, notes) = read([header, order.pcap_record(5, 7, b"abc")].concat());
                let packet = &packets[0];
                assert_eq!((packet.number, packet.nanos, packet.link), (1, nanos, 1));
                assert_eq!((packet.wire_len, &packet.data[..]), (13, &b"abc"[..]));
                assert_eq!((packets.len(), notes.len()), (1, 0));
            }
            let record = order.words(&[5, 7, 3, 13, 0, 0]);
            let two = [&record[..], b"abc", &record, b"def"].concat();
            let (packets, notes) = read([order.pcap_header(KUZNETZOV, 113), two].concat());
            assert_eq!((packets[1].nanos, packets[1].link), (5_000_007_000, 113));
            assert_eq!(
                (&packets[0].data[..], &packets[1].data[..]),
                (&b"abc"[..], &b"def"[..])
            );
            assert_eq!(notes, []);
        }
    }

    #[test]
    fn the_upper_bits_of_the_link_type_are_not_part_of_it() {
        let header = Order::Little.pcap_header(MICROS, 0xf400_0000 | 276);
        let (packets, _) = read([header, Order::Little.pcap_record(0, 0, b"")].concat());
        assert_eq!(packets[0].link, 276);
    }

    #[test]
    fn times_beyond_the_second_and_of_the_last_year() {
        let header = Order::Big.pcap_header(MICROS, 1);
        let record = Order::Big.pcap_record(u32::MAX, u32::MAX, b"");
        let (packets, _) = read([header, record].concat());
        assert_eq!(
            packets[0].nanos,
            4_294_967_295_000_000_000 + 4_294_967_295_000
        );
    }

    #[test]
    fn no_packets_is_fine() {
        assert_eq!(read(Order::Little.pcap_header(NANOS, 1)), (vec![], vec![]));
    }

    #[test]
    fn a_length_that_cannot_be_ends_the_file() {
        let good = Order::Little.pcap_record(1, 0, b"good");
        let bad = Order::Little.words(&[1, 0, (16 << 20) + 1, 60]);
        let header = Order::Little.pcap_header(MICROS, 1);
        let (packets, notes) = read([header, good.clone(), bad, good].concat());
        assert_eq!((packets.len(), notes.len()), (1, 1));
        assert!(matches!(&notes[0].kind, NoteKind::Corrupt(what) if what.contains("16777217")));
        assert_eq!((notes[0].offset, notes[0].after_packet), (44, 1));
    }

    #[test]
    fn concatenated_files_of_different_kinds() {
        let (little, big) = (Order::Little, Order::Big);
        let first = [
            little.pcap_header(MICROS, 1),
            little.pcap_record(1, 1, b"one"),
        ];
        let second = [big.pcap_header(NANOS, 101), big.pcap_record(2, 2, b"two")];
        let third = [
            little.pcap_header(MICROS, 113),
            little.pcap_record(3, 3, b""),
        ];
        let (packets, notes) = read([first, second, third].concat().concat());
        let told: Vec<_> = packets
            .iter()
            .map(|p| (p.number, p.nanos, p.link))
            .collect();
        assert_eq!(
            told,
            [
                (1, 1_000_001_000, 1),
                (2, 2_000_000_002, 101),
                (3, 3_000_003_000, 113)
            ]
        );
        assert_eq!(notes, []);
    }

    #[test]
    fn cut_anywhere_all_before_is_read() {
        let mut bytes = Order::Little.pcap_header(MICROS, 1);
        let mut ends = vec![(bytes.len(), 0)];
        for (count, len) in [0_u8, 1, 40, 7].into_iter().enumerate() {
            bytes.extend(Order::Little.pcap_record(1, 0, &vec![len; len.into()]));
            ends.push((bytes.len(), count + 1));
        }
        cut_everywhere(&bytes, &ends);
        for cut in 12..24 {
            let error = reader(bytes[..cut].to_vec()).err().unwrap();
            assert!(matches!(error, CaptureError::HeaderCutShort { have, .. } if have == cut));
        }
    }
}
