//! Capture files of the next generation: sections of blocks.
//!
//! In: the bytes of a file. Out: where its packets lie. Format: draft-ietf-opsawg-pcapng.

use nom::bytes::complete::take;
use nom::number::Endianness;
use nom::number::complete::{i64, u16, u32, u64};
use nom::{IResult, Parser};

use super::LinkType;
use super::buffer::{Buffer, MAX_RECORD, Stop};
use super::reader::Record;
use super::resolution::Clock;
use super::secrets::Secrets;
use super::words::words;
use crate::time::Timestamp;

/// Block types (pcapng draft §4, §11.1). Those not named here are skipped.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const DECRYPTION_SECRETS: u32 = 10;
/// No packets, but Wireshark shows and numbers them as if they were.
const JOURNAL_EXPORT: u32 = 9;
const CUSTOM: u32 = 0x0bad;
const CUSTOM_NOT_TO_COPY: u32 = 0x4000_0bad;

/// Options (pcapng draft §3.5, §4.2, §4.6).
pub(super) const OPT_END: u16 = 0;
pub(super) const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

/// Decryption secrets that are a TLS key log: the letters TLSK (pcapng draft §4.7).
pub(super) const TLS_KEY_LOG: u32 = 0x544c_534b;

pub(super) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Octets of a section header up to its version, of type and length of any block, and of what
/// frames a block: type, length, and the length again at its end.
pub(super) const SECTION_HEAD_LEN: usize = 16;
const BLOCK_HEAD_LEN: usize = 8;
const BLOCK_FRAME_LEN: usize = 12;

/// Interfaces of one section. Packets of the obsolete kind can name no more than these, and a
/// compressed file could otherwise describe interfaces until memory ends.
const MAX_INTERFACES: usize = 1 << 16;

/// One interface of the current section.
#[derive(Debug)]
struct Interface {
    link: LinkType,
    /// Longest capture of a packet; 0 is without limit.
    snaplen: u32,
    clock: Clock,
    /// Packets dropped since the capture began, as its statistics last said.
    dropped: u64,
}

/// The state of the section at hand, and what counts over all.
#[derive(Debug)]
pub(super) struct PcapNg {
    order: Endianness,
    interfaces: Vec<Interface>,
    /// What packets without a time are given: the time of the one before.
    last: Timestamp,
    /// Dropped packets of the sections before this one.
    dropped_before: u64,
    /// Blocks passed over that take a number, since [`Self::take_numbered`].
    numbered: u64,
}

/// What comes next in a file.
pub(super) enum Next {
    Packet(Record),
    Secrets(Secrets),
}

/// The fields of a packet block before its data.
struct PacketHead {
    interface: u32,
    ticks: u64,
    len: u32,
    wire_len: u32,
}

/// Octets before the data: of an enhanced and of an obsolete packet block alike, and of a simple one.
const PACKET_HEAD_LEN: usize = 20;
const SIMPLE_HEAD_LEN: usize = 4;

impl PcapNg {
    /// Whether a file that begins like this is one of ours.
    pub(super) fn is(head: &[u8]) -> bool {
        // The type reads the same in both byte orders.
        head.starts_with(&SECTION_HEADER.to_be_bytes())
            && head.get(8..12).is_some_and(|magic| {
                magic == BYTE_ORDER_MAGIC.to_be_bytes() || magic == BYTE_ORDER_MAGIC.to_le_bytes()
            })
    }

    pub(super) const fn new() -> Self {
        Self {
            order: Endianness::Little,
            interfaces: Vec::new(),
            last: Timestamp::from_nanos(0),
            dropped_before: 0,
            numbered: 0,
        }
    }

    /// Packets that the capturing program says it dropped, over all sections and interfaces.
    pub(super) fn dropped(&self) -> u64 {
        self.interfaces
            .iter()
            .fold(self.dropped_before, |sum, i| sum.saturating_add(i.dropped))
    }

    /// How many blocks that are no packets took a number since this was last asked.
    #[inline]
    pub(super) const fn take_numbered(&mut self) -> u64 {
        std::mem::replace(&mut self.numbered, 0)
    }

    /// The next packet where a block of the usual kind comes next and the buffer holds all of it
    /// already, as it nearly always does.
    #[inline]
    pub(super) fn buffered(&mut self, buffer: &mut Buffer) -> Option<Record> {
        let (kind, len) = block_head(self.order, buffer.unread()).ok()?;
        if kind != ENHANCED_PACKET {
            return None;
        }
        let body = block_body(self.order, buffer.unread().get(..len)?).ok()?;
        let (_, head) = enhanced_packet(self.order, body).ok()?;
        let mut record = self.packet(&head, body).ok()?;
        record.from += buffer.consume(len) + BLOCK_HEAD_LEN;
        self.last = record.time;
        Some(record)
    }

    /// The next packet, or secrets.
    pub(super) fn next(&mut self, buffer: &mut Buffer) -> Result<Next, Stop> {
        loop {
            let head = buffer.require(BLOCK_HEAD_LEN)?;
            if head.starts_with(&SECTION_HEADER.to_be_bytes()) {
                self.order = byte_order(buffer.require(SECTION_HEAD_LEN)?)?;
            }
            let (kind, len) = block_head(self.order, buffer.unread())?;
            let block = buffer.require(len)?.get(..len).unwrap_or_default();
            let body = block_body(self.order, block)?;
            let record = match kind {
                ENHANCED_PACKET | OBSOLETE_PACKET => {
                    let head = if kind == ENHANCED_PACKET {
                        enhanced_packet(self.order, body)
                    } else {
                        obsolete_packet(self.order, body)
                    };
                    Some(self.packet(&parsed("packet block", head)?.1, body)?)
                }
                SIMPLE_PACKET => Some(self.simple_packet(body)?),
                INTERFACE_DESCRIPTION => {
                    self.describe_interface(body)?;
                    None
                }
                INTERFACE_STATISTICS => {
                    self.interface_statistics(body);
                    None
                }
                SECTION_HEADER => {
                    self.begin_section(body)?;
                    None
                }
                DECRYPTION_SECRETS => {
                    let secrets = tls_secrets(self.order, body).map(Secrets::new);
                    buffer.consume(len);
                    if let Some(secrets) = secrets {
                        return Ok(Next::Secrets(secrets));
                    }
                    continue;
                }
                JOURNAL_EXPORT | CUSTOM | CUSTOM_NOT_TO_COPY => {
                    self.numbered += 1;
                    None
                }
                _ => None,
            };
            let from = buffer.consume(len);
            if let Some(mut record) = record {
                record.from += from + BLOCK_HEAD_LEN;
                self.last = record.time;
                return Ok(Next::Packet(record));
            }
        }
    }

    /// The record of a packet block; `from` counts from the start of `body`.
    #[inline]
    fn packet(&self, head: &PacketHead, body: &[u8]) -> Result<Record, Stop> {
        let PacketHead {
            interface,
            ticks,
            len,
            wire_len,
        } = *head;
        let interface = usize::try_from(interface)
            .ok()
            .and_then(|index| self.interfaces.get(index))
            .ok_or_else(|| {
                Stop::Corrupt(format!(
                    "a packet of interface {interface}, which the file does not describe"
                ))
            })?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > body.len().saturating_sub(PACKET_HEAD_LEN) {
            return Err(Stop::Corrupt(format!(
                "a packet of {len} bytes in a block of fewer"
            )));
        }
        let time = interface.clock.time(ticks);
        Ok(Record {
            time,
            link: interface.link,
            wire_len,
            from: PACKET_HEAD_LEN,
            len,
        })
    }

    /// Simple packets have no time and belong to the first interface, whose snap length says how
    /// much of the block is packet and how much padding (pcapng draft §4.4).
    fn simple_packet(&self, body: &[u8]) -> Result<Record, Stop> {
        let (data, [wire_len]) = parsed("simple packet", words(self.order, body))?;
        let interface = self.interfaces.first().ok_or_else(|| {
            Stop::Corrupt("a simple packet before any interface is described".to_owned())
        })?;
        let snaplen = if interface.snaplen == 0 {
            u32::MAX
        } else {
            interface.snaplen
        };
        let len = usize::try_from(wire_len.min(snaplen))
            .unwrap_or(usize::MAX)
            .min(data.len());
        Ok(Record {
            time: self.last,
            link: interface.link,
            wire_len,
            from: SIMPLE_HEAD_LEN,
            len,
        })
    }

    fn begin_section(&mut self, body: &[u8]) -> Result<(), Stop> {
        let order = self.order;
        let version = (u32::<_, ()>(order), u16(order), u16(order)).parse(body);
        let (_, (_magic, major, minor)) = parsed("section header", version)?;
        // Only the major version tells of a format that this cannot read (pcapng draft §4.1).
        if major != 1 {
            return Err(Stop::Corrupt(format!(
                "a section of pcapng version {major}.{minor}"
            )));
        }
        self.dropped_before = self.dropped();
        self.interfaces.clear();
        Ok(())
    }

    fn describe_interface(&mut self, body: &[u8]) -> Result<(), Stop> {
        let order = self.order;
        let fields = (u16::<_, ()>(order), u16(order), u32(order)).parse(body);
        let (options, (link, _reserved, snaplen)) = parsed("interface description", fields)?;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Stop::Corrupt(format!(
                "more than {MAX_INTERFACES} interfaces in a section"
            )));
        }
        let mut clock = Clock::default();
        each_option(order, options, |code, value| match (code, value) {
            (IF_TSRESOL, [resolution, ..]) => clock.set_resolution(*resolution),
            (IF_TSOFFSET, _) => {
                if let Ok((_, seconds)) = i64::<_, ()>(order).parse(value) {
                    clock.set_offset(seconds);
                }
            }
            _ => {}
        });
        self.interfaces.push(Interface {
            link: LinkType(link),
            snaplen,
            clock,
            dropped: 0,
        });
        Ok(())
    }

    /// Statistics count from the beginning of the capture, so that the highest value holds. Broken
    /// ones cost nothing but the count: they are no reason to stop.
    fn interface_statistics(&mut self, body: &[u8]) {
        let order = self.order;
        let Ok((options, (index, _ticks))) = (u32::<_, ()>(order), u64(order)).parse(body) else {
            return;
        };
        let mut dropped = 0_u64;
        each_option(order, options, |code, value| {
            if matches!(code, ISB_IFDROP | ISB_OSDROP)
                && let Ok((_, count)) = u64::<_, ()>(order).parse(value)
            {
                dropped = dropped.saturating_add(count);
            }
        });
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(interface) = self.interfaces.get_mut(index) {
            interface.dropped = interface.dropped.max(dropped);
        }
    }
}

/// The byte order of a section, from its header.
fn byte_order(head: &[u8]) -> Result<Endianness, Stop> {
    let magic = head.get(8..12).unwrap_or_default();
    if magic == BYTE_ORDER_MAGIC.to_le_bytes() {
        Ok(Endianness::Little)
    } else if magic == BYTE_ORDER_MAGIC.to_be_bytes() {
        Ok(Endianness::Big)
    } else {
        Err(Stop::Corrupt(
            "a section header without byte order".to_owned(),
        ))
    }
}

/// Type and length of a block. The length is checked before anything of it is buffered
/// (pcapng draft §3.1).
#[inline]
fn block_head(order: Endianness, input: &[u8]) -> Result<(u32, usize), Stop> {
    let (_, [kind, len]) = parsed("block", words(order, input))?;
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if !(BLOCK_FRAME_LEN..=MAX_RECORD).contains(&len) || len % 4 != 0 {
        return Err(Stop::Corrupt(format!("a block of {len} bytes")));
    }
    Ok((kind, len))
}

/// What lies between a block's two lengths, which must agree.
#[inline]
fn block_body(order: Endianness, block: &[u8]) -> Result<&[u8], Stop> {
    let (inner, [_kind, len]) = parsed("block", words(order, block))?;
    let (inner, body) = parsed(
        "block",
        take(block.len().saturating_sub(BLOCK_FRAME_LEN)).parse(inner),
    )?;
    let (_, [trailer]) = parsed("block", words(order, inner))?;
    if len != trailer {
        return Err(Stop::Corrupt(format!(
            "a block that gives its length as {len} and as {trailer}"
        )));
    }
    Ok(body)
}

/// pcapng draft §4.3
#[inline]
fn enhanced_packet(order: Endianness, body: &[u8]) -> IResult<&[u8], PacketHead, ()> {
    let (rest, [interface, high, low, len, wire_len]) = words(order, body)?;
    Ok((
        rest,
        PacketHead {
            interface,
            ticks: ticks(high, low),
            len,
            wire_len,
        },
    ))
}

/// pcapng draft, appendix A: the same, but for a 16-bit interface and a count of drops.
fn obsolete_packet(order: Endianness, body: &[u8]) -> IResult<&[u8], PacketHead, ()> {
    let (rest, (interface, _drops)) = (u16(order), u16(order)).parse(body)?;
    let (rest, [high, low, len, wire_len]) = words(order, rest)?;
    Ok((
        rest,
        PacketHead {
            interface: interface.into(),
            ticks: ticks(high, low),
            len,
            wire_len,
        },
    ))
}

fn ticks(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// pcapng draft §4.7. Secrets of another kind, and broken ones, are passed over.
fn tls_secrets(order: Endianness, body: &[u8]) -> Option<&[u8]> {
    let (rest, [kind, len]) = words(order, body).ok()?;
    let len = usize::try_from(len).ok()?;
    rest.get(..len).filter(|_| kind == TLS_KEY_LOG)
}

/// Walks options up to their end mark or to what is not whole (pcapng draft §3.5).
fn each_option(order: Endianness, mut input: &[u8], mut option: impl FnMut(u16, &[u8])) {
    while let Ok((rest, (code, len))) = (u16::<_, ()>(order), u16(order)).parse(input) {
        let Ok((rest, value)) = take::<_, _, ()>(len).parse(rest) else {
            return;
        };
        if code == OPT_END {
            return;
        }
        option(code, value);
        // Values are padded to 32 bits.
        let padding = usize::from(len).wrapping_neg() % 4;
        input = rest.get(padding..).unwrap_or_default();
    }
}

#[inline]
fn parsed<'a, T>(what: &str, result: IResult<&'a [u8], T, ()>) -> Result<(&'a [u8], T), Stop> {
    result.map_err(|_| Stop::Corrupt(format!("a {what} too short for its fields")))
}

#[cfg(test)]
#[path = "pcapng_tests.rs"]
mod tests;
