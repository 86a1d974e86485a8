//! Captures, written: pcapng (draft-ietf-opsawg-pcapng), with comments and secrets.
//!
//! In: [`Packet`]s. Out: one section in little-endian order, with an interface for each link type
//! and times in nanoseconds.

use std::io::{self, Write};

use super::pcapng::{
    BYTE_ORDER_MAGIC, DECRYPTION_SECRETS, ENHANCED_PACKET, IF_TSRESOL, INTERFACE_DESCRIPTION,
    OPT_END, SECTION_HEADER, TLS_KEY_LOG,
};
use super::{LinkType, Packet};

/// Options of any block, of the section, of an interface, of a packet (pcapng draft §3.5, §4.1
/// to §4.3).
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const EPB_FLAGS: u16 = 2;

/// Longest text of an option, in bytes: what is longer is cut. An option has at most 65,535.
const MAX_TEXT: usize = 8192;

/// What the head of a file says of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// What it holds, and why.
    pub comment: &'a str,
    /// The interface that was watched; empty where there was none, or several.
    pub interface: &'a str,
}

/// Writes one file.
pub struct Writer<W> {
    out: W,
    interface: String,
    /// The link types that were described so far; their place is the number of their interface.
    links: Vec<LinkType>,
    /// The block under way.
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn new(out: W, head: &Head<'_>) -> io::Result<Self> {
        let mut writer = Self {
            out,
            interface: head.interface.to_owned(),
            links: Vec::new(),
            block: Vec::new(),
        };
        writer.begin(SECTION_HEADER);
        writer.put_u32(BYTE_ORDER_MAGIC);
        // Version 1.0; the length of the section is not said.
        writer.put(&1u16.to_le_bytes());
        writer.put(&0u16.to_le_bytes());
        writer.put(&u64::MAX.to_le_bytes());
        writer.put_text(SHB_USERAPPL, concat!("hangup ", env!("CARGO_PKG_VERSION")));
        writer.put_text(OPT_COMMENT, head.comment);
        writer.end_options();
        writer.end()?;
        Ok(writer)
    }

    /// The text of a TLS key log; belongs before the packets that it opens.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn secrets(&mut self, text: &[u8]) -> io::Result<()> {
        self.begin(DECRYPTION_SECRETS);
        self.put_u32(TLS_KEY_LOG);
        self.put_u32(length(text)?);
        self.put_padded(text);
        let written = self.end();
        zeroize::Zeroize::zeroize(&mut self.block);
        written
    }

    /// A packet, and what is to be said of it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn packet<'c>(
        &mut self,
        packet: &Packet<'_>,
        comments: impl IntoIterator<Item = &'c str>,
    ) -> io::Result<()> {
        let interface = self.interface_of(packet.link)?;
        let len = length(packet.data)?;
        // What lies before 1970 has no ticks.
        let ticks = u64::try_from(packet.time.as_nanos()).unwrap_or(0);
        self.begin(ENHANCED_PACKET);
        self.put_u32(interface);
        let [high, low] = [ticks >> 32, ticks & 0xffff_ffff];
        self.put_u32(u32::try_from(high).unwrap_or(u32::MAX));
        self.put_u32(u32::try_from(low).unwrap_or(u32::MAX));
        self.put_u32(len);
        self.put_u32(packet.wire_len.max(len));
        self.put_padded(packet.data);
        let options_from = self.block.len();
        for comment in comments {
            self.put_text(OPT_COMMENT, comment);
        }
        if let Some(flags) = flags(packet.link, packet.data) {
            self.put_option(EPB_FLAGS, &flags.to_le_bytes());
        }
        if self.block.len() > options_from {
            self.end_options();
        }
        self.end()
    }

    /// Hands on what was written.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    /// The number of the interface of this link type, which is described where it is the first.
    fn interface_of(&mut self, link: LinkType) -> io::Result<u32> {
        let place = self.links.iter().position(|known| *known == link);
        if let Some(place) = place {
            return Ok(u32::try_from(place).unwrap_or(u32::MAX));
        }
        self.begin(INTERFACE_DESCRIPTION);
        self.put(&link.0.to_le_bytes());
        self.put(&0u16.to_le_bytes());
        // No limit to the length of packets.
        self.put_u32(0);
        let name = std::mem::take(&mut self.interface);
        if !name.is_empty() {
            self.put_text(IF_NAME, &name);
        }
        self.interface = name;
        self.put_option(IF_TSRESOL, &[9]);
        self.end_options();
        self.end()?;
        self.links.push(link);
        Ok(u32::try_from(self.links.len() - 1).unwrap_or(u32::MAX))
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.put_u32(kind);
        // The length, once it is known.
        self.put_u32(0);
    }

    fn end(&mut self) -> io::Result<()> {
        let len = length(&self.block)?.saturating_add(4).to_le_bytes();
        self.put(&len);
        if let Some(place) = self.block.get_mut(4..8) {
            place.copy_from_slice(&len);
        }
        self.out.write_all(&self.block)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    /// Blocks and options are padded to 32 bits (pcapng draft §3.1, §3.5).
    fn put_padded(&mut self, bytes: &[u8]) {
        self.put(bytes);
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn put_option(&mut self, code: u16, value: &[u8]) {
        self.put(&code.to_le_bytes());
        self.put(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
        self.put_padded(value);
    }

    fn put_text(&mut self, code: u16, text: &str) {
        let mut len = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        let text = text.get(..len).unwrap_or_default();
        if !text.is_empty() {
            self.put_option(code, text.as_bytes());
        }
    }

    fn end_options(&mut self) {
        self.put_option(OPT_END, &[]);
    }
}

fn length(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Direction and reception of a packet (pcapng draft §4.3.1), where the kernel noted them in the
/// header it made up (LINKTYPE_LINUX_SLL and _SLL2).
fn flags(link: LinkType, data: &[u8]) -> Option<u32> {
    const INBOUND: u32 = 1;
    const OUTBOUND: u32 = 2;
    let kind = match link {
        LinkType(113) => *data.get(1)?,
        LinkType(276) => *data.get(10)?,
        _ => return None,
    };
    let reception = |kind: u32| kind << 2 | INBOUND;
    // The packet types of Linux: to us, broadcast, multicast, for another host, from us.
    Some(match kind {
        0 => reception(1),
        1 => reception(3),
        2 => reception(2),
        3 => reception(4),
        4 => OUTBOUND,
        _ => return None,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::testing::{drain, reader};
    use super::super::{PacketId, PacketSource, Step};
    use super::*;
    use crate::time::Timestamp;

    fn packet(number: u64, link: u16, data: &[u8]) -> Packet<'_> {
        Packet {
            id: PacketId::new(0, number),
            time: Timestamp::from_nanos(1_700_000_000_123_456_789),
            link: LinkType(link),
            wire_len: 2000,
            data,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let head = Head {
            comment: "why",
            interface: "eth0",
        };
        let mut writer = Writer::new(Vec::new(), &head).unwrap();
        writer.secrets(b"CLIENT_RANDOM 00 00\n").unwrap();
        for len in 0..9 {
            let data = vec![4; len];
            let link = if len % 2 == 0 { 1 } else { 113 };
            let comments = ["five", "", "ä"].into_iter().take(len % 4);
            writer.packet(&packet(1, link, &data), comments).unwrap();
        }
        let bytes = writer.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let (packets, notes) = drain(&mut reader(bytes.clone()).unwrap());
        assert_eq!(notes, []);
        assert_eq!(packets.len(), 9);
        for (len, packet) in packets.iter().enumerate() {
            assert_eq!(packet.data, vec![4; len]);
            assert_eq!(packet.nanos, 1_700_000_000_123_456_789);
            assert_eq!(packet.wire_len, 2000);
            assert_eq!(packet.link, if len % 2 == 0 { 1 } else { 113 });
        }
        let mut again = reader(bytes).unwrap();
        match again.advance().unwrap() {
            Step::Secrets(secrets) => assert_eq!(secrets.text(), b"CLIENT_RANDOM 00 00\n"),
            step => panic!("{step:?}"),
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ä".repeat(40_000);
        let mut writer = Writer::new(Vec::new(), &Head::default()).unwrap();
        writer
            .packet(&packet(1, 1, b"x"), [text.as_str(), "a"])
            .unwrap();
        let bytes = writer.finish().unwrap();
        assert!(bytes.len() < 2 * MAX_TEXT, "{}", bytes.len());
        let (packets, notes) = drain(&mut reader(bytes).unwrap());
        assert_eq!((packets.len(), notes.len()), (1, 0));
    }

    #[test]
    fn cooked_packets_tell_their_direction() {
        assert_eq!(flags(LinkType(113), &[0, 4, 0]), Some(2));
        assert_eq!(flags(LinkType(113), &[0, 0, 0]), Some(5));
        assert_eq!(flags(LinkType(276), &[0; 11]), Some(5));
        assert_eq!(flags(LinkType(276), &[0; 4]), None);
        assert_eq!(flags(LinkType(1), &[0, 4, 0]), None);
    }
}
