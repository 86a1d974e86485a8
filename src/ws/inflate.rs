//! Compressed messages of one direction, inflated as they pass (RFC 7692 §7.2.2). What comes out
//! is looked at and dropped: a message takes no memory but the window it may refer to.

use flate2::{FlushDecompress, Status};

use super::frame::unmask;
use super::windows::{Decoder, SCRATCH, Window, Windows};
use crate::limits;

/// Bytes unmasked at a time: a segment of Ethernet's size is one block.
const UNMASKED: usize = 1536;

/// What the sender took off the end of each message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Payload bytes as they are on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) mask: Option<[u8; 4]>,
    /// How many came before in their frame.
    pub(super) position: u64,
}

/// The payload is no deflate stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt;

/// The compressed messages of one direction.
#[derive(Debug)]
pub(super) struct Inflation {
    windows: Windows,
    /// Messages may refer to those before.
    takeover: bool,
    state: State,
    /// Compressed bytes, and what they came to, of the whole direction.
    taken: u64,
    made: u64,
    /// What the message under way, or else the last one, came to so far.
    message: Option<u64>,
    /// A final block (RFC 7692 §7.2.3.4) ended the window that later messages may refer to: some
    /// decoders keep it, others do not.
    unsure: bool,
    /// Nothing came behind that block.
    is_at_end: bool,
    /// Bytes of the message under way were inflated.
    fed: bool,
}

#[derive(Debug)]
enum State {
    /// Between messages.
    Between(Option<Window>),
    /// In one.
    Inside(Window),
    /// In one that is not inflated.
    Skipping,
    /// What comes may refer to what is not known.
    Off,
}

impl Inflation {
    pub(super) fn new(takeover: bool, windows: Windows) -> Self {
        Self {
            windows,
            takeover,
            state: State::Between(None),
            taken: 0,
            made: 0,
            message: None,
            unsure: false,
            is_at_end: false,
            fed: false,
        }
    }

    /// Bytes that the message under way, or else the last one, came to, as far as it was inflated;
    /// `None` where it was not.
    pub(super) const fn message(&self) -> Option<u64> {
        self.message
    }

    /// A message begins that is not compressed.
    pub(super) const fn pass(&mut self) {
        self.message = None;
    }

    /// A compressed message begins.
    pub(super) fn begin(&mut self) {
        self.message = None;
        self.fed = false;
        let kept = match std::mem::replace(&mut self.state, State::Off) {
            State::Between(kept) => kept,
            // The last one was never ended (RFC 6455 §5.4).
            State::Inside(_) | State::Skipping if !self.takeover => None,
            State::Inside(_) | State::Skipping | State::Off => return,
        };
        self.state = match kept.or_else(|| self.windows.take()) {
            Some(window) => {
                self.message = Some(0);
                State::Inside(window)
            }
            None if self.takeover => State::Off,
            None => State::Skipping,
        };
    }

    /// The next of a message; `each` gets what it comes to. False where that is not all.
    ///
    /// # Errors
    /// They come to nothing: told once.
    pub(super) fn push(
        &mut self,
        part: Part<'_>,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, Corrupt> {
        let Part {
            bytes,
            mask,
            mut position,
        } = part;
        if !self.is_inside() {
            return Ok(false);
        }
        let Some(mask) = mask else {
            return self.run(bytes, each);
        };
        let mut scratch = [0; UNMASKED];
        for block in bytes.chunks(UNMASKED) {
            let Some(plain) = scratch.get_mut(..block.len()) else {
                break;
            };
            plain.copy_from_slice(block);
            unmask(plain, mask, position);
            self.run(plain, each)?;
            position += block.len() as u64;
        }
        Ok(self.is_inside())
    }

    /// The message is whole. False where not all of it was inflated.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub(super) fn end(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<bool, Corrupt> {
        // Compressors that are flushed twice make an empty message of nothing at all.
        let is_tail_due = self.fed && !self.is_at_end;
        let inflated = if is_tail_due {
            self.run(&TAIL, each)
        } else {
            Ok(self.is_inside())
        };
        self.state = match std::mem::replace(&mut self.state, State::Off) {
            State::Inside(mut window) => {
                if std::mem::take(&mut self.is_at_end)
                    && let Some(decoder) = &mut window.decoder
                {
                    decoder.inflate.reset(false);
                }
                State::Between(self.takeover.then_some(window))
            }
            State::Skipping => State::Between(None),
            other @ (State::Between(_) | State::Off) => other,
        };
        inflated
    }

    fn is_inside(&self) -> bool {
        matches!(self.state, State::Inside(_))
    }

    /// Bytes of a compressed message are missing, or may be.
    pub(super) fn lose(&mut self) {
        self.message = None;
        self.skip();
    }

    /// Inflates nothing that may refer to what comes, or came, now.
    fn skip(&mut self) {
        self.state = match self.state {
            State::Off => State::Off,
            _ if self.takeover => State::Off,
            State::Between(_) => State::Between(None),
            State::Inside(_) | State::Skipping => State::Skipping,
        };
    }

    /// No more messages are inflated.
    pub(super) fn stop(&mut self) {
        self.state = State::Off;
    }

    fn run(&mut self, mut input: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<bool, Corrupt> {
        while let State::Inside(window) = &mut self.state
            && let Some(decoder) = &mut window.decoder
        {
            self.fed = true;
            let Decoder { inflate, plain } = decoder;
            if std::mem::take(&mut self.is_at_end) {
                // RFC 7692 §7.2.3.4: other blocks may follow a final one.
                inflate.reset(false);
            }
            let before = (inflate.total_in(), inflate.total_out());
            let Ok(status) = inflate.decompress(input, plain, FlushDecompress::None) else {
                // Behind a final block it may be our window that is not the right one.
                let is_known = !(self.unsure && self.takeover);
                self.lose();
                return if is_known { Err(Corrupt) } else { Ok(false) };
            };
            let used = inflate.total_in() - before.0;
            let made = inflate.total_out() - before.1;
            if (used, made) == (0, 0) && status != Status::StreamEnd {
                return Ok(true);
            }
            if status == Status::StreamEnd {
                self.is_at_end = true;
                self.unsure = true;
            }
            self.taken += used;
            self.made += made;
            self.message = self.message.map(|len| len + made);
            let made = usize::try_from(made).unwrap_or(SCRATCH);
            each(plain.get(..made).unwrap_or_default());
            input = usize::try_from(used)
                .ok()
                .and_then(|used| input.get(used..))
                .unwrap_or_default();
            let worth = self.taken.saturating_mul(limits::INFLATED_PER_BYTE);
            if self.made > worth.saturating_add(limits::INFLATED_FREE) {
                self.skip();
                return Ok(false);
            }
            // A full buffer may not be all that these bytes come to.
            if input.is_empty() && made < plain.len() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
