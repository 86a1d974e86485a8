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
    #[inline]
    pub(super) fn next(&mut self, buffer: &mut Buffer) -> Result<Record, Stop> {
        loop {
            let header = buffer.require(self.record_header_len)?;
            let Ok((_, (seconds, fraction, len, wire_len))) = record_header(self.order, header)
            else {
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
            let from = buffer.consume(self.record_header_len + len) + self.record_header_len;
            let nanos = i64::from(fraction) * self.fraction;
            let time = Timestamp::from_parts(i64::from(seconds), nanos);
            return Ok(Record {
                time,
                link: self.link,
                wire_len,
                from,
                len,
            });
        }
    }
}

fn magic(head: &[u8]) -> Option<(Endianness, u32)> {
    [Endianness::Little, Endianness::Big]
        .into_iter()
        .find_map(|order| {
            let (_, magic) = u32::<_, ()>(order).parse(head).ok()?;
            matches!(magic, MAGIC_MICROS | MAGIC_NANOS | MAGIC_KUZNETZOV).then_some((order, magic))
        })
}

/// A whole, ordinary file header: magic, version 2.4.
fn is_file_header(head: &[u8]) -> bool {
    magic(head).is_some_and(|(order, _)| {
        let version: IResult<_, _, ()> = (u32(order), u16(order), u16(order)).parse(head);
        matches!(version, Ok((_, (_, 2, 4))))
    })
}

/// The link type: its upper half tells the length of a frame check sequence and a class.
fn file_header(order: Endianness, input: &[u8]) -> IResult<&[u8], LinkType, ()> {
    let word = || u32(order);
    let (rest, (_magic, _version, _zone, _accuracy, _snaplen, link)) =
        (word(), word(), word(), word(), word(), word()).parse(input)?;
    Ok((
        rest,
        LinkType(u16::try_from(link & 0xffff).unwrap_or_default()),
    ))
}

/// Seconds, fraction, captured length, length on the wire.
#[inline]
fn record_header(order: Endianness, input: &[u8]) -> IResult<&[u8], (u32, u32, u32, u32), ()> {
    (u32(order), u32(order), u32(order), u32(order)).parse(input)
}
