//! Where packets come from.
//!
//! In: files, interfaces. Out: [`Packet`]s, in the order of time, each borrowed from the reader's
//! buffer. And back into files: [`mod@write`].

mod buffer;
mod compressed;
#[cfg(feature = "live")]
pub mod confine;
#[cfg(feature = "live")]
mod filter;
mod foreign;
#[cfg(feature = "live")]
pub mod live;
mod merge;
mod open;
mod pcap;
mod pcapng;
#[cfg(feature = "live")]
pub mod privileges;
mod reader;
mod resolution;
mod secrets;
#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod testing;
mod words;
pub mod write;

use std::num::NonZeroU64;
use std::path::PathBuf;

#[cfg(feature = "live")]
pub use self::filter::{Filter, Filtered};
pub use self::merge::{Merged, open_all};
pub use self::open::open;
pub use self::reader::Reader;
pub use self::secrets::Secrets;
use crate::time::Timestamp;

/// Names one packet: the file it stands in and its number there, counted from 1 as Wireshark does.
///
/// Ordered by file, then by number.
// Numbers begin with 1, so that no packet takes no room beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU64);

impl Default for PacketId {
    fn default() -> Self {
        Self(NonZeroU64::MIN)
    }
}

impl PacketId {
    const NUMBER_BITS: u32 = 48;

    /// The `number`-th packet (from 1) of the `file`-th capture (from 0).
    pub const fn new(file: u16, number: u64) -> Self {
        let number = number & ((1 << Self::NUMBER_BITS) - 1);
        Self::from_bits(((file as u64) << Self::NUMBER_BITS) | number)
    }

    /// Index of the file, in the order in which the captures were named.
    pub const fn file(self) -> usize {
        (self.to_bits() >> Self::NUMBER_BITS) as usize
    }

    /// Number of the packet within its file, from 1.
    pub const fn number(self) -> u64 {
        self.to_bits() & ((1 << Self::NUMBER_BITS) - 1)
    }

    /// File and number as one number.
    pub(crate) const fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// From [`Self::to_bits`].
    pub(crate) const fn from_bits(bits: u64) -> Self {
        match NonZeroU64::new(bits) {
            Some(bits) => Self(bits),
            None => Self(NonZeroU64::MIN),
        }
    }
}

/// A link-layer header type (`LINKTYPE_…` of tcpdump.org), any value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

/// One captured packet, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// File and number.
    pub id: PacketId,
    /// When it was captured.
    pub time: Timestamp,
    /// How `data` begins.
    pub link: LinkType,
    /// Bytes it had on the wire; more than `data.len()` where the capture was limited
    /// (snap length).
    pub wire_len: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

/// What [`PacketSource::advance`] came to.
#[derive(Clone, Debug)]
pub enum Step {
    /// A packet: [`PacketSource::packet`] lends it until the next call.
    Packet,
    /// Something the user should know; reading goes on.
    Note(Note),
    /// Secrets that belong to what the capture holds, before or after them.
    Secrets(Secrets),
    /// No more packets.
    End,
}

/// Something about a capture that limits what can be concluded from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The capture.
    pub file: PathBuf,
    /// Byte offset in the (decompressed) file.
    pub offset: u64,
    /// The last whole packet before it.
    pub after_packet: u64,
    /// What it is.
    pub kind: NoteKind,
}

/// Kinds of [`Note`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// The file ends inside a record (packet or block): all that came before it was read.
    CutShort,
    /// A record that cannot be right (says what); nothing after it in this file was read.
    Corrupt(String),
    /// The capturing program reported packets that it dropped (pcapng interface statistics).
    Dropped(u64),
}

impl NoteKind {
    /// Part of the capture could not be read.
    pub const fn is_partial(&self) -> bool {
        matches!(self, Self::CutShort | Self::Corrupt(_))
    }
}

/// A stream of packets: one file, or several merged by time.
pub trait PacketSource {
    /// Moves on to the next packet.
    ///
    /// # Errors
    /// Where the file cannot be read any further because of the system (not because of its
    /// contents: those come as [`Step::Note`]).
    fn advance(&mut self) -> Result<Step, CaptureError>;

    /// The packet that the last [`Step::Packet`] stood for. Before the first one: an empty packet.
    fn packet(&self) -> Packet<'_>;
}

/// Why a capture could not be opened or read. Every message names the capture and, where
/// something can be done, says what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The system said no.
    #[error("{file}: {source}", file = shown(file))]
    Io {
        /// The capture.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no such file.
    #[error("{file}: no such file: check the path", file = shown(file))]
    NotFound {
        /// The capture.
        file: PathBuf,
    },
    /// The file may not be read.
    #[error(
        "{file}: permission denied: captures often belong to root; \
         make it readable (chown, chmod) or read it as a user who may",
        file = shown(file)
    )]
    NotAllowed {
        /// The capture.
        file: PathBuf,
    },
    /// It is a directory.
    #[error("{file}: is a directory: name the captures in it", file = shown(file))]
    Directory {
        /// The directory.
        file: PathBuf,
    },
    /// It holds not one byte.
    #[error(
        "{file}: is empty (0 bytes): nothing was captured, or it was not yet written out (tcpdump -U does so at once)",
        file = shown(file)
    )]
    Empty {
        /// The capture.
        file: PathBuf,
    },
    /// It ends within the header of the file.
    #[error(
        "{file}: is cut short within the file header ({have} of {needed} bytes): copy or capture it again",
        file = shown(file)
    )]
    HeaderCutShort {
        /// The capture.
        file: PathBuf,
        /// Bytes there are.
        have: usize,
        /// Bytes that the header takes.
        needed: usize,
    },
    /// It is compressed, and no packet can be unpacked.
    #[error(
        "{file}: the {compression} data is damaged or cut short at its very start: copy or capture it again",
        file = shown(file)
    )]
    Damaged {
        /// The capture.
        file: PathBuf,
        /// `gzip`, `zstd`, `xz`, `lz4`.
        compression: &'static str,
    },
    /// It is something else.
    #[error(
        "{file}: not a packet capture (pcap or pcapng): {within}it is {what}; {advice}",
        file = shown(file),
        within = within.map_or_else(String::new, |name| format!("unpacked from {name}, "))
    )]
    NotACapture {
        /// The file.
        file: PathBuf,
        /// What it was decompressed from.
        within: Option<&'static str>,
        /// What it looks like.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A filter expression that libpcap does not take. What it could not be applied to is left out;
    /// reading may go on.
    #[error(
        "filter {expression:?}{on}: {message}",
        on = link.map_or_else(String::new, |link| format!(" means nothing for packets of link type {link}"))
    )]
    Filter {
        /// The expression.
        expression: String,
        /// The link type of packets (`LINKTYPE_…`) for which it means nothing; none if it is wrong
        /// for all.
        link: Option<u16>,
        /// What libpcap said.
        message: String,
    },
    /// More captures than packets can be told apart by.
    #[error("{file}: more than {max} captures at a time: merge some before (mergecap)", file = shown(file))]
    TooMany {
        /// The first capture that is not read.
        file: PathBuf,
        /// Captures that are.
        max: usize,
    },
}

/// A capture as messages name it.
fn shown(file: &std::path::Path) -> String {
    if file == std::path::Path::new(open::STDIN) {
        return "standard input".to_owned();
    }
    // Names come from directories that others may write to: no control character reaches a terminal.
    file.display()
        .to_string()
        .replace(|c: char| c.is_control(), "\u{fffd}")
}
