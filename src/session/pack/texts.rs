//! Texts that are kept once.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::limits::{MAX_SHARED_TEXT, MAX_SHARED_TEXTS};

/// Hashes of texts seen lately: what comes a second time is worth being kept apart.
const SEEN: usize = 1 << 12;

/// Texts of sessions. What comes but once is not among them.
#[derive(Debug)]
pub(super) struct Texts {
    all: Vec<Box<str>>,
    numbers: HashMap<u64, u32, RandomState>,
    seen: Vec<u64>,
    random: RandomState,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            numbers: HashMap::default(),
            seen: vec![0; SEEN],
            random: RandomState::default(),
        }
    }
}

impl Texts {
    /// The number by which `text` is known; `None` where it has to be kept where it stands.
    pub(super) fn number(&mut self, text: &str) -> Option<u32> {
        if text.len() < 2 || text.len() > MAX_SHARED_TEXT {
            return None;
        }
        let hash = self.random.hash_one(text);
        if let Some(&number) = self.numbers.get(&hash) {
            let known = self.all.get(number as usize)?;
            return (**known == *text).then_some(number);
        }
        let at = usize::try_from(hash % SEEN as u64).unwrap_or(0);
        let seen = self.seen.get_mut(at)?;
        if *seen != hash || self.all.len() >= MAX_SHARED_TEXTS {
            *seen = hash;
            return None;
        }
        let number = u32::try_from(self.all.len()).ok()?;
        self.numbers.insert(hash, number);
        self.all.push(text.into());
        Some(number)
    }

    pub(super) fn get(&self, number: u64) -> &str {
        let text = usize::try_from(number).ok().and_then(|at| self.all.get(at));
        text.map_or("", |text| text)
    }
}

/// Names that are part of the program.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: Vec<&'static str>,
    /// By where they stand in the program.
    numbers: HashMap<(usize, usize), u64, RandomState>,
}

impl Names {
    pub(super) fn number(&mut self, name: &'static str) -> u64 {
        let all = &mut self.all;
        let place = (name.as_ptr().addr(), name.len());
        *self.numbers.entry(place).or_insert_with(|| {
            all.push(name);
            all.len() as u64 - 1
        })
    }

    pub(super) fn get(&self, number: u64) -> &'static str {
        let name = usize::try_from(number).ok().and_then(|at| self.all.get(at));
        name.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_gets_a_number_and_what_does_not_gets_none() {
        let mut texts = Texts::default();
        assert_eq!(texts.number("/chat"), None);
        assert_eq!(texts.number("/chat"), Some(0));
        assert_eq!(texts.number("/chat"), Some(0));
        assert_eq!(texts.get(0), "/chat");
        let long = "x".repeat(MAX_SHARED_TEXT + 1);
        assert_eq!([texts.number(&long), texts.number(&long)], [None; 2]);
    }

    #[test]
    fn names_are_told_apart() {
        let mut names = Names::default();
        let (fin, rst) = (names.number("fin"), names.number("rst"));
        assert_ne!(fin, rst);
        assert_eq!(names.number("fin"), fin);
        assert_eq!((names.get(fin), names.get(rst)), ("fin", "rst"));
    }
}
