//! The table of connections in flight: a slab behind a randomly keyed hash.

use std::collections::HashMap;

use foldhash::fast::RandomState;

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
pub struct Table<T> {
    slots: HashMap<FlowKey, u32, RandomState>,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            slots: HashMap::default(),
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Table<T> {
    /// How many connections it holds.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// It holds none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Where the connection of this key stands.
    pub fn find(&self, key: &FlowKey) -> Option<Slot> {
        let index = *self.slots.get(key)?;
        Some(Slot {
            index,
            generation: self.entries.get(index as usize)?.generation,
        })
    }

    /// Puts in a connection whose key is not in the table; `None` when the table is full.
    pub fn insert(&mut self, key: FlowKey, value: T) -> Option<Slot> {
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
        self.slots.insert(key, index);
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
        self.slots.remove(&taken.0);
        self.free.push(slot.index);
        Some(taken)
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

    /// Takes every connection out, in the order of slots.
    pub fn drain(&mut self) -> impl Iterator<Item = (FlowKey, T)> {
        self.slots.clear();
        self.free.clear();
        std::mem::take(&mut self.entries)
            .into_iter()
            .filter_map(|entry| entry.value)
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
