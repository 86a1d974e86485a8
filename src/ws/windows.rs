//! What the directions of all connections share to inflate with: windows, and room to keep what
//! need not be inflated yet.

use std::ops::DerefMut;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Decompress;

use crate::limits;

/// Bytes inflated at a time: they fit the first-level cache, and a segment seldom comes to more.
pub(super) const SCRATCH: usize = 4096;

/// Room for windows and for compressed messages, shared by many directions.
#[derive(Clone, Debug)]
pub struct Windows(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    room: usize,
    taken: AtomicUsize,
    refused: AtomicU64,
    /// Windows that nobody needs now, for those who need one next: without takeover that is each
    /// message.
    spare: Mutex<Vec<Decoder>>,
    /// Bytes for messages that are kept compressed, and how many of them are taken.
    room_to_keep: usize,
    kept: AtomicUsize,
}

impl Windows {
    /// For so many directions at a time, and with room for so many bytes of messages that are kept
    /// compressed.
    pub fn new(room: usize, room_to_keep: usize) -> Self {
        Self(Arc::new(Shared {
            room,
            taken: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            spare: Mutex::default(),
            room_to_keep,
            kept: AtomicUsize::new(0),
        }))
    }

    /// Directions whose messages were not inflated, for lack of room.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// A place for a window, if there is one.
    pub(super) fn take(&self) -> Option<Window> {
        let taken = self.0.taken.fetch_add(1, Ordering::Relaxed);
        if taken >= self.0.room {
            self.0.taken.fetch_sub(1, Ordering::Relaxed);
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let spare = self.spare().pop();
        Some(Window {
            decoder: Some(spare.unwrap_or_else(Decoder::new)),
            windows: self.clone(),
        })
    }

    /// Takes so many bytes of the room for what is kept; false where there are not so many left.
    pub(super) fn keep(&self, bytes: usize) -> bool {
        let kept = self.0.kept.fetch_add(bytes, Ordering::Relaxed);
        let fits = kept.saturating_add(bytes) <= self.0.room_to_keep;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    /// Gives them back.
    pub(super) fn give_back(&self, bytes: usize) {
        self.0.kept.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn spare(&self) -> impl DerefMut<Target = Vec<Decoder>> {
        self.0.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Places and bytes that are taken.
    #[cfg(test)]
    pub(super) fn taken(&self) -> (usize, usize) {
        let [taken, kept] = [&self.0.taken, &self.0.kept].map(|it| it.load(Ordering::Relaxed));
        (taken, kept)
    }
}

/// A place taken for the state of a decoder, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Window {
    /// There until then.
    pub(super) decoder: Option<Decoder>,
    windows: Windows,
}

impl Drop for Window {
    fn drop(&mut self) {
        self.windows.0.taken.fetch_sub(1, Ordering::Relaxed);
        if let Some(mut decoder) = self.decoder.take() {
            let mut spare = self.windows.spare();
            if spare.len() < limits::MAX_SPARE_WINDOWS {
                decoder.inflate.reset(false);
                spare.push(decoder);
            }
        }
    }
}

/// The state of a decoder.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) inflate: Decompress,
    /// What came out last.
    pub(super) plain: Box<[u8]>,
}

impl Decoder {
    fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            plain: Box::new([0; SCRATCH]),
        }
    }
}
