//! Several texts in one piece of memory.

/// Up to `N` texts, each of which may be missing.
#[derive(Clone, PartialEq, Eq)]
pub struct Texts<const N: usize> {
    all: Box<str>,
    /// Where each ends in `all`.
    ends: [u16; N],
    /// A bit for each that is there, be it empty.
    present: u16,
}

impl<const N: usize> Texts<N> {
    /// These texts. What does not fit in 64 KiB, as all of a head does, is left out.
    pub fn new(parts: [Option<&str>; N]) -> Self {
        const { assert!(N <= u16::BITS as usize) };
        let len = parts.iter().flatten().map(|part| part.len()).sum();
        let mut all = String::with_capacity(len);
        let mut ends = [0; N];
        let mut present = 0;
        let mut last = 0;
        for (index, (part, end)) in parts.iter().zip(&mut ends).enumerate() {
            if let Some(part) = part
                && let Ok(after) = u16::try_from(all.len() + part.len())
            {
                all.push_str(part);
                present |= 1 << index;
                last = after;
            }
            *end = last;
        }
        Self {
            all: all.into_boxed_str(),
            ends,
            present,
        }
    }

    /// Lets go of all texts but the first so many.
    pub(super) fn keep(&mut self, count: usize) {
        let Some(len) = count.checked_sub(1).and_then(|last| self.ends.get(last)) else {
            return;
        };
        let len = *len;
        if usize::from(len) < self.all.len() {
            let mut all = std::mem::take(&mut self.all).into_string();
            all.truncate(usize::from(len));
            self.all = all.into_boxed_str();
        }
        self.ends.iter_mut().for_each(|end| *end = (*end).min(len));
        let behind = u32::try_from(count).ok();
        self.present &= !behind
            .and_then(|count| u16::MAX.checked_shl(count))
            .unwrap_or(0);
    }

    /// All are missing.
    pub(super) const fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// The text at an index, if it is there.
    pub fn get(&self, index: usize) -> Option<&str> {
        if self.present & 1 << index == 0 {
            return None;
        }
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let end = *self.ends.get(index)?;
        self.all.get(usize::from(start)..usize::from(end))
    }
}

impl<const N: usize> Default for Texts<N> {
    fn default() -> Self {
        Self {
            all: Box::default(),
            ends: [0; N],
            present: 0,
        }
    }
}

impl<const N: usize> std::fmt::Debug for Texts<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries((0..N).map(|index| self.get(index)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_what_was_put_in() {
        let parts = [Some("a"), None, Some(""), Some("bcé"), None];
        let texts = Texts::new(parts);
        for (index, part) in parts.into_iter().enumerate() {
            assert_eq!(texts.get(index), part, "{index}");
        }
        assert_eq!(Texts::<2>::default().get(1), None);
        let mut first = texts.clone();
        first.keep(4);
        assert_eq!(first, texts, "behind these there is none");
        first.keep(3);
        assert_eq!([first.get(0), first.get(2)], [Some("a"), Some("")]);
        assert_eq!([first.get(3), first.get(4)], [None, None]);
    }
}
