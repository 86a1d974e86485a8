//! Which place of a slab holds the entry of a hash. With many connections nothing of it is in the
//! processor's cache, so that each packet pays for each part of memory that a search looks at: here
//! that is one, nearly always. `hashbrown` would look at two, its marks and then the places.

/// An entry's place, with as much of its key's hash as shows, nearly always, whether it is the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    tag: u32,
    index: u32,
}

/// No entry: no slab has as many.
const FREE: Place = Place {
    tag: 0,
    index: u32::MAX,
};

/// Places by hash, each where its tag says or behind it (linear probing).
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none.
    places: Vec<Place>,
    len: usize,
}

impl Index {
    /// How many entries it holds.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The first entry with this hash that is the one looked for.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut at = self.home(tag);
        loop {
            let place = self.places.get(at)?;
            if *place == FREE {
                return None;
            }
            if place.tag == tag && is_it(place.index) {
                return Some(place.index);
            }
            at = self.behind(at);
        }
    }

    /// Puts in an entry, below `u32::MAX`, that is not there.
    pub(super) fn insert(&mut self, hash: u64, index: u32) {
        // A quarter stays free, so that searches are short.
        if self.len >= self.places.len() / 4 * 3 {
            self.grow();
        }
        let tag = tag(hash);
        self.put(Place { tag, index });
        self.len += 1;
    }

    /// Takes the entry out.
    pub(super) fn remove(&mut self, hash: u64, index: u32) {
        let mut hole = self.home(tag(hash));
        loop {
            match self.places.get(hole) {
                None | Some(&FREE) => return,
                Some(place) if place.index == index => break,
                Some(_) => hole = self.behind(hole),
            }
        }
        self.len -= 1;
        // What stands behind it closes up, as far as it may: a search ends at a free place.
        let mut at = hole;
        loop {
            at = self.behind(at);
            let Some(&place) = self.places.get(at).filter(|&&place| place != FREE) else {
                break;
            };
            // Not before its home, counted round the end.
            let from = |start: usize| at.wrapping_sub(start) & self.mask();
            if from(self.home(place.tag)) >= from(hole) {
                self.set(hole, place);
                hole = at;
            }
        }
        self.set(hole, FREE);
    }

    fn put(&mut self, place: Place) {
        let mut at = self.home(place.tag);
        while self.places.get(at).is_some_and(|known| *known != FREE) {
            at = self.behind(at);
        }
        self.set(at, place);
    }

    fn set(&mut self, at: usize, place: Place) {
        if let Some(known) = self.places.get_mut(at) {
            *known = place;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let places = vec![FREE; (self.places.len() * 2).max(16)];
        let before = std::mem::replace(&mut self.places, places);
        for place in before.into_iter().filter(|place| *place != FREE) {
            self.put(place);
        }
    }

    const fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }

    const fn home(&self, tag: u32) -> usize {
        tag as usize & self.mask()
    }

    const fn behind(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }
}

const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Few hashes, so that many stand in one place or beside it, around the end too.
    fn hash(of: u8) -> u64 {
        let tag = u32::from(of % 8).wrapping_sub(4);
        u64::from(tag) << 32
    }

    proptest! {
        #[test]
        fn it_holds_what_was_put_in(steps in prop::collection::vec((any::<bool>(), any::<u8>()), 0..400)) {
            let mut index = Index::default();
            let mut known: HashMap<u32, u64> = HashMap::new();
            for (is_insert, of) in steps {
                let (place, hash) = (u32::from(of), self::hash(of));
                match known.remove(&place) {
                    None if is_insert => {
                        index.insert(hash, place);
                        known.insert(place, hash);
                    }
                    // Perhaps nothing is there to take out.
                    _ => index.remove(hash, place),
                }
                prop_assert_eq!(index.len(), known.len());
            }
            for of in 0..=u8::MAX {
                let place = u32::from(of);
                let found = index.find(self::hash(of), |index| index == place);
                prop_assert_eq!(found.is_some(), known.contains_key(&place));
            }
        }
    }
}
