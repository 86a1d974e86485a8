//! The table of connections in flight: a slab behind a randomly keyed hash.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use foldhash::fast::RandomState;

use super::key::FlowKey;

/// Where a connection stands in the table. Slots are used again: a [`Slot`] kept past the
/// removal of its connection is told apart by its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    index: u32,
    generation: u32,
}

/// The end of a chain.
const NONE: u32 = u32::MAX;

struct Entry<T> {
    generation: u32,
    /// The next entry whose key has the same hash.
    next: u32,
    value: Option<(FlowKey, T)>,
}

/// Connections by key. Addresses come from strangers, so the hash is keyed anew in each process.
///
/// The hash stands for the key, which is kept once only, in its entry.
pub struct Table<T> {
    random: RandomState,
    slots: HashMap<u64, u32, BuildHasherDefault<Same>>,
    len: usize,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

/// Hashes are hashed already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::new(RandomState::default())
    }
}

impl<T> Table<T> {
    /// An empty one. Tables of the same `random` give each key the same hash.
    pub fn new(random: RandomState) -> Self {
        Self {
            random,
            slots: HashMap::default(),
            len: 0,
            entries: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The hash of a key.
    pub fn hash(&self, key: &FlowKey) -> u64 {
        self.random.hash_one(key)
    }

    /// How many connections it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// It holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the connection of this key stands.
    pub fn find(&self, key: &FlowKey) -> Option<Slot> {
        self.find_hashed(self.hash(key), key)
    }

    /// The same with the [hash](Self::hash) at hand.
    pub fn find_hashed(&self, hash: u64, key: &FlowKey) -> Option<Slot> {
        let mut index = *self.slots.get(&hash)?;
        loop {
            let entry = self.entries.get(index as usize)?;
            if entry.value.as_ref().is_some_and(|(known, _)| known == key) {
                return Some(Slot {
                    index,
                    generation: entry.generation,
                });
            }
            index = entry.next;
        }
    }

    /// Puts in a connection whose key is not in the table; `None` when the table is full.
    pub fn insert(&mut self, key: FlowKey, value: T) -> Option<Slot> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.entries.len()).ok()?;
                self.entries.push(Entry {
                    generation: 0,
                    next: NONE,
                    value: None,
                });
                index
            }
        };
        let hash = self.hash(&key);
        let entry = self.entries.get_mut(index as usize)?;
        entry.value = Some((key, value));
        entry.next = self.slots.insert(hash, index).unwrap_or(NONE);
        self.len += 1;
        Some(Slot {
            index,
            generation: entry.generation,
        })
    }

    /// The connection in a slot, unless it was removed since.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation != slot.generation {
            return None;
        }
        entry.value.as_mut().map(|(_, value)| value)
    }

    /// The same, with its key.
    pub fn entry_mut(&mut self, slot: Slot) -> Option<(FlowKey, &mut T)> {
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation != slot.generation {
            return None;
        }
        entry.value.as_mut().map(|(key, value)| (*key, value))
    }

    /// Takes a connection out.
    pub fn remove(&mut self, slot: Slot) -> Option<(FlowKey, T)> {
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation != slot.generation {
            return None;
        }
        let taken = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        let next = std::mem::replace(&mut entry.next, NONE);
        self.unchain(&taken.0, slot.index, next);
        self.free.push(slot.index);
        self.len -= 1;
        Some(taken)
    }

    /// Takes an entry out of the chain of its hash.
    fn unchain(&mut self, key: &FlowKey, index: u32, next: u32) {
        let hash = self.hash(key);
        let Some(first) = self.slots.get_mut(&hash) else {
            return;
        };
        if *first == index {
            if next == NONE {
                self.slots.remove(&hash);
            } else {
                *first = next;
            }
            return;
        }
        let mut at = *first;
        while let Some(entry) = self.entries.get_mut(at as usize) {
            if entry.next == index {
                entry.next = next;
                return;
            }
            at = entry.next;
        }
    }

    /// Every connection with its slot, in the order of slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        (0u32..).zip(&self.entries).filter_map(|(index, entry)| {
            let (_, value) = entry.value.as_ref()?;
            Some((
                Slot {
                    index,
                    generation: entry.generation,
                },
                value,
            ))
        })
    }

    /// Every connection, in the order of slots.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let values = self.entries.iter_mut().map(|entry| entry.value.as_mut());
        values.flatten().map(|(_, value)| value)
    }

    /// Takes every connection out, in the order of slots.
    pub fn drain(&mut self) -> impl Iterator<Item = (FlowKey, T)> {
        // The room too: what comes of the connections needs it.
        self.slots = HashMap::default();
        self.free = Vec::new();
        self.len = 0;
        std::mem::take(&mut self.entries)
            .into_iter()
            .filter_map(|entry| entry.value)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
