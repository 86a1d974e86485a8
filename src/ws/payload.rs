//! The frame and the message that are under way in one direction.

use super::compressed::{Compressed, Place, Step};
use super::frame::{Header, Opcode};
use super::inflate::Part;
use super::item::{Item, Out};
use super::rules::Rule;
use super::text::{NotUtf8, TextCheck};
use crate::limits;
use crate::tcp::Origin;

/// A frame under way.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) header: Header,
    pub(super) fault: Option<Rule>,
    /// Offset of the frame.
    pub(super) start: u64,
    /// Payload bytes passed.
    pub(super) done: u64,
    /// Some of them were missing.
    pub(super) lost: bool,
    /// Those of a control frame that came so far.
    pub(super) control: Vec<u8>,
}

impl Payload {
    pub(super) const fn is_whole(&self) -> bool {
        self.done == self.header.len
    }

    /// How many of these bytes are its own.
    pub(super) fn part_of(&self, bytes: &[u8]) -> usize {
        let left = self.header.len - self.done;
        usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
    }

    /// Takes more of its bytes: those at `offset`.
    #[inline]
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        (offset, origin): (u64, Origin),
        message: Option<&mut Message>,
        compressed: Option<&mut Compressed>,
        out: &mut Out<'_>,
    ) {
        let (header, position) = (self.header, self.done);
        self.done += bytes.len() as u64;
        match message {
            _ if header.opcode.is_control() => self.keep_control(bytes),
            Some(message) if message.compressed => {
                let part = Part {
                    bytes,
                    mask: header.mask,
                    position,
                };
                if let Some(compressed) = compressed {
                    let place = Place::new(offset, header.opcode, origin);
                    compressed.take(Step::Part(part, place));
                }
            }
            Some(message) => {
                let is_broken = message.check(|text| text.push(bytes, header.mask, position));
                if is_broken {
                    out(Item::Violation {
                        rule: Rule::TextNotUtf8,
                        offset,
                        origin,
                        header,
                    });
                }
            }
            None => {}
        }
    }

    fn keep_control(&mut self, bytes: &[u8]) {
        // Bytes behind a hole stand in the wrong place for the key.
        let kept = if self.lost { &[] } else { bytes };
        let room = limits::MAX_CONTROL_PAYLOAD
            .saturating_sub(self.control.len())
            .min(kept.len());
        self.control
            .extend_from_slice(kept.get(..room).unwrap_or_default());
    }
}

/// A message under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// A continuation where its beginning was not seen.
    pub(super) opcode: Opcode,
    pub(super) len: u64,
    pub(super) text: Option<TextCheck>,
    /// RFC 7692 §6: its first frame has RSV1 set.
    pub(super) compressed: bool,
}

impl Message {
    /// Checks its text, if that is still of use; true where it is not UTF-8, which is told once.
    pub(super) fn check(
        &mut self,
        check: impl FnOnce(&mut TextCheck) -> Result<(), NotUtf8>,
    ) -> bool {
        let is_broken = self.text.as_mut().is_some_and(|text| check(text).is_err());
        if is_broken {
            self.text = None;
        }
        is_broken
    }
}
