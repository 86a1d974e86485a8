//! The table of connections in flight: a slab behind a randomly keyed hash.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::index::Index;
use super::key::FlowKey;

/// Where a connection stands in the table. Slots are used again: a [`Slot`] kept past the
/// removal of its connection is told apart by its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    index: u32,
    generation: u32,
}

struct Entry<T> {
    generation: u32,
    value: Option<(FlowKey, T)>,
}

/// Connections by key. Addresses come from strangers, so the hash is keyed anew in each process.
///
/// The index is small, and each key is kept once only, in its entry.
pub struct Table<T> {
    random: RandomState,
    index: Index,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
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
            index: Index::default(),
            entries: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &FlowKey) -> u64 {
        self.random.hash_one(key)
    }

    /// How many connections it holds.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// It holds none.
    pub fn is_empty(&self) -> bool {
        self.index.len() == 0
    }

    /// The connection of this key, which has this [hash](Self::hash), and where it stands.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &FlowKey) -> Option<(Slot, &mut T)> {
        let Self { index, entries, .. } = self;
        let index = index.find(hash, |index| {
            let entry = entries.get(index as usize);
            let value = entry.and_then(|entry| entry.value.as_ref());
            value.is_some_and(|(known, _)| known == key)
        })?;
        let entry = entries.get_mut(index as usize)?;
        let generation = entry.generation;
        let (_, value) = entry.value.as_mut()?;
        Some((Slot { index, generation }, value))
    }

    /// Puts in a connection whose key, of this [hash](Self::hash), is not in the table; `None`
    /// when the table is full.
    pub fn insert(&mut self, hash: u64, key: FlowKey, value: T) -> Option<Slot> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.entries.len()).ok()?;
                self.entries.push(Entry {
                    generation: 0,
                    value: None,
                });
                index
            }
        };
        let entry = self.entries.get_mut(index as usize)?;
        entry.value = Some((key, value));
        self.index.insert(hash, index);
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
        self.index.remove(self.hash(&taken.0), slot.index);
        self.free.push(slot.index);
        Some(taken)
    }

    /// Every connection with its slot, in the order of slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.entries().map(|(slot, _, value)| (slot, value))
    }

    /// The same, with their keys.
    pub fn entries(&self) -> impl Iterator<Item = (Slot, FlowKey, &T)> {
        self.stretch(0, usize::MAX)
    }

    /// The same for at most so many places from one on, where there is a connection: for whoever
    /// must not stay for long. Behind the last of the [`places`](Self::places) there is none.
    pub fn stretch(&self, from: usize, most: usize) -> impl Iterator<Item = (Slot, FlowKey, &T)> {
        let places = (0u32..).zip(&self.entries).skip(from).take(most);
        places.filter_map(|(index, entry)| {
            let (key, value) = entry.value.as_ref()?;
            let slot = Slot {
                index,
                generation: entry.generation,
            };
            Some((slot, *key, value))
        })
    }

    /// How many places there are, with a connection or without.
    pub fn places(&self) -> usize {
        self.entries.len()
    }

    /// The connection in this place.
    pub fn place_mut(&mut self, place: usize) -> Option<&mut T> {
        let entry = self.entries.get_mut(place)?;
        entry.value.as_mut().map(|(_, value)| value)
    }

    /// Takes every connection out, in the order of slots.
    pub fn drain(&mut self) -> impl Iterator<Item = (FlowKey, T)> + use<T> {
        // The room too: what comes of the connections needs it.
        self.index = Index::default();
        self.free = Vec::new();
        std::mem::take(&mut self.entries)
            .into_iter()
            .filter_map(|entry| entry.value)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
