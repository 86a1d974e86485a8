//! Compressed messages as they came: most need never be inflated.

use super::compressed::{Place, Step};
use super::inflate::Part;
use super::windows::Windows;
use crate::limits;

/// Payload bytes that room is made for at a time.
const BLOCK: usize = 4096;

/// Steps that were taken, and the payload that they came with.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) windows: Windows,
    /// Messages may refer to those before.
    pub(super) takeover: bool,
    steps: Vec<KeptStep>,
    /// The payload of all parts, as on the wire: in blocks, so that none of it is moved to make
    /// room for more.
    payload: Vec<Vec<u8>>,
    /// Bytes of the shared room that both take.
    room: usize,
}

/// A [`Step`] without its payload.
#[derive(Clone, Copy, Debug)]
enum KeptStep {
    Begin { is_text: bool },
    Pass,
    Part(Extent, Place),
    End(Place),
    Lose,
    Stop,
}

/// How much payload a part has, and how that is masked.
#[derive(Clone, Copy, Debug)]
struct Extent {
    len: u32,
    mask: Option<[u8; 4]>,
    /// How many bytes came before in their frame, modulo 4.
    turn: u8,
}

impl Kept {
    pub(super) const fn new(takeover: bool, windows: Windows) -> Self {
        Self {
            windows,
            takeover,
            steps: Vec::new(),
            payload: Vec::new(),
            room: 0,
        }
    }

    /// Keeps one more; false where there is no room for it.
    pub(super) fn push(&mut self, step: Step<'_>) -> bool {
        let (step, payload): (_, &[u8]) = match step {
            // One says as much as many.
            Step::Pass if matches!(self.steps.last(), Some(KeptStep::Pass)) => return true,
            Step::Begin { is_text } => (KeptStep::Begin { is_text }, &[]),
            Step::Pass => (KeptStep::Pass, &[]),
            Step::Part(part, place) => {
                let Ok(len) = u32::try_from(part.bytes.len()) else {
                    return false;
                };
                let extent = Extent {
                    len,
                    mask: part.mask,
                    turn: (part.position % 4) as u8,
                };
                (KeptStep::Part(extent, place), part.bytes)
            }
            Step::End(place) => (KeptStep::End(place), &[]),
            Step::Lose => (KeptStep::Lose, &[]),
            Step::Stop => (KeptStep::Stop, &[]),
        };
        if !self.make_room(payload.len()) {
            return false;
        }
        self.steps.push(step);
        self.store(payload);
        true
    }

    /// Makes room for one more step, with so much payload; false where there is none.
    fn make_room(&mut self, payload: usize) -> bool {
        let free = self.payload.last().map_or(0, |last| BLOCK - last.len());
        let blocks = self.payload.len() + payload.saturating_sub(free).div_ceil(BLOCK);
        self.steps.reserve(1);
        let room = self.steps.capacity() * size_of::<KeptStep>() + blocks.saturating_mul(BLOCK);
        let fits = room <= self.room
            || room <= limits::MAX_KEPT_COMPRESSED && self.windows.keep(room - self.room);
        if fits {
            self.room = self.room.max(room);
        }
        fits
    }

    fn store(&mut self, mut payload: &[u8]) {
        while !payload.is_empty() {
            let free = self.payload.last().map_or(0, |last| BLOCK - last.len());
            let (now, later) = payload.split_at(free.min(payload.len()));
            if let Some(last) = self.payload.last_mut() {
                last.extend_from_slice(now);
            }
            if !later.is_empty() {
                self.payload.push(Vec::with_capacity(BLOCK));
            }
            payload = later;
        }
    }

    /// Takes all steps again. A part may come in two.
    pub(super) fn replay(&self, take: &mut dyn FnMut(Step<'_>)) {
        let mut blocks = self.payload.iter().map(Vec::as_slice);
        let mut block: &[u8] = &[];
        for step in &self.steps {
            take(match *step {
                KeptStep::Begin { is_text } => Step::Begin { is_text },
                KeptStep::Pass => Step::Pass,
                KeptStep::Part(Extent { len, mask, turn }, place) => {
                    let mut left = len as usize;
                    let mut position = u64::from(turn);
                    while left > 0 {
                        if block.is_empty() {
                            let Some(next) = blocks.next() else { return };
                            block = next;
                        }
                        let (bytes, behind) = block.split_at(left.min(block.len()));
                        block = behind;
                        let part = Part {
                            bytes,
                            mask,
                            position,
                        };
                        take(Step::Part(part, place));
                        left -= bytes.len();
                        position += bytes.len() as u64;
                    }
                    continue;
                }
                KeptStep::End(place) => Step::End(place),
                KeptStep::Lose => Step::Lose,
                KeptStep::Stop => Step::Stop,
            });
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.windows.give_back(self.room);
    }
}
