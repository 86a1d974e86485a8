//! The compressed messages of one direction.
//!
//! Inflating costs more than all else that is done with frames, and most sessions end in a way
//! that has nothing to do with what their messages come to. So these are kept as they are until
//! somebody wants to know; of a direction that sent more than is kept, they are inflated as they
//! pass. What is found is the same either way, and told when it is asked for.

use super::frame::Opcode;
use super::inflate::{Corrupt, Inflation, Part};
use super::kept::Kept;
use super::rules::Rule;
use super::text::TextCheck;
use super::windows::Windows;
use crate::capture::PacketId;
use crate::limits;
use crate::tcp::Origin;
use crate::time::Timestamp;

/// What the compressed messages of one direction came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inflated {
    /// What was wrong with them, the first of it.
    pub flaws: Vec<Flaw>,
    /// Bytes that the message under way came to so far, or else the last message did; `None` where
    /// it was not inflated.
    pub last: Option<u64>,
    /// Bytes that the largest whole one came to; 0 without any.
    pub largest: u64,
}

/// A rule that shows to be broken only when a message is inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Which.
    pub rule: Rule,
    /// Where it shows.
    pub place: Place,
}

/// A place in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its offset.
    pub offset: u64,
    /// What kind of frame it lies in.
    pub opcode: Opcode,
    /// Its packet.
    pub packet: PacketId,
    /// When.
    pub time: Timestamp,
}

impl Place {
    pub(super) const fn new(offset: u64, opcode: Opcode, origin: Origin) -> Self {
        let Origin { packet, time, .. } = origin;
        Self {
            offset,
            opcode,
            packet,
            time,
        }
    }
}

/// What happens in a direction, as far as it matters to what its messages come to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// A compressed message begins.
    Begin { is_text: bool },
    /// A message begins that is not compressed.
    Pass,
    /// The next of a compressed message.
    Part(Part<'a>, Place),
    /// The message is whole.
    End(Place),
    /// Bytes of a compressed message are missing, or may be.
    Lose,
    /// A Close: nothing that follows is inflated.
    Stop,
}

/// The compressed messages of one direction.
#[derive(Debug)]
pub(super) enum Compressed {
    /// As they came.
    Kept(Kept),
    /// Inflated as they pass.
    Passing(Box<Unpacker>),
    /// Nothing more comes, and they were inflated; `None`: nobody wants to know.
    Settled(Option<Box<Inflated>>),
}

impl Compressed {
    /// `takeover`: messages may refer to those before.
    pub(super) const fn new(takeover: bool, windows: Windows) -> Self {
        Self::Kept(Kept::new(takeover, windows))
    }

    /// Takes the next step.
    pub(super) fn take(&mut self, step: Step<'_>) {
        match self {
            Self::Kept(kept) => {
                if !kept.push(step) {
                    let mut unpacker = Box::new(Unpacker::of(kept));
                    unpacker.take(step);
                    *self = Self::Passing(unpacker);
                }
            }
            Self::Passing(unpacker) => unpacker.take(step),
            Self::Settled(_) => {}
        }
    }

    /// Nothing more is expected: keeps of them what they came to, where anybody wants to know.
    pub(super) fn settle(&mut self, is_wanted: bool) {
        let inflated = match self {
            _ if !is_wanted => None,
            Self::Kept(kept) => Some(Unpacker::of(kept).inflated()),
            Self::Passing(unpacker) => Some(unpacker.inflated()),
            Self::Settled(_) => return,
        };
        *self = Self::Settled(inflated.map(Box::new));
    }

    /// What they came to.
    pub(super) fn inflated(&mut self) -> Option<Inflated> {
        self.settle(true);
        match self {
            Self::Settled(inflated) => inflated.take().map(|inflated| *inflated),
            Self::Kept(_) | Self::Passing(_) => None,
        }
    }
}

/// Inflates what comes, and checks it.
#[derive(Debug)]
pub(super) struct Unpacker {
    inflation: Inflation,
    /// Of the message under way, if it is text and nothing is wrong with it yet.
    text: Option<TextCheck>,
    flaws: Vec<Flaw>,
    largest: u64,
}

impl Unpacker {
    /// Takes all that was kept.
    fn of(kept: &Kept) -> Self {
        let mut unpacker = Self {
            inflation: Inflation::new(kept.takeover, kept.windows.clone()),
            text: None,
            flaws: Vec::new(),
            largest: 0,
        };
        kept.replay(&mut |step| unpacker.take(step));
        unpacker
    }

    fn take(&mut self, step: Step<'_>) {
        match step {
            Step::Begin { is_text } => {
                self.inflation.begin();
                self.text = is_text.then(TextCheck::default);
            }
            Step::Pass => {
                self.inflation.pass();
                self.text = None;
            }
            Step::Part(part, place) => {
                self.inflate(place, |inflation, each| inflation.push(part, each));
            }
            Step::End(place) => {
                self.inflate(place, Inflation::end);
                let is_cut = |mut text: TextCheck| text.finish().is_err();
                if self.text.take().is_some_and(is_cut) {
                    self.note(Rule::TextNotUtf8, place);
                }
                self.largest = self.largest.max(self.inflation.message().unwrap_or(0));
            }
            Step::Lose => {
                self.inflation.lose();
                self.text = None;
            }
            Step::Stop => self.inflation.stop(),
        }
    }

    fn inflate(
        &mut self,
        place: Place,
        step: impl FnOnce(&mut Inflation, &mut dyn FnMut(&[u8])) -> Result<bool, Corrupt>,
    ) {
        let text = &mut self.text;
        let mut is_broken = false;
        let inflated = step(&mut self.inflation, &mut |plain| {
            if let Some(check) = text
                && check.push(plain, None, 0).is_err()
            {
                is_broken = true;
                *text = None;
            }
        });
        // What was not inflated may go on with a character.
        if inflated != Ok(true) {
            self.text = None;
        }
        match inflated {
            Err(Corrupt) => self.note(Rule::DeflateCorrupt, place),
            Ok(_) if is_broken => self.note(Rule::TextNotUtf8, place),
            Ok(_) => {}
        }
    }

    fn note(&mut self, rule: Rule, place: Place) {
        if self.flaws.len() < limits::MAX_ANOMALIES {
            self.flaws.push(Flaw { rule, place });
        }
    }

    fn inflated(&mut self) -> Inflated {
        Inflated {
            flaws: std::mem::take(&mut self.flaws),
            last: self.inflation.message(),
            largest: self.largest,
        }
    }
}

#[cfg(test)]
#[path = "compressed_tests.rs"]
mod tests;
