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
        let len = parts.iter().flatten().map(|part| part.len()).sum();
        let mut all = String::with_capacity(len);
        let (ends, present) = lay(&parts, |part| all.push_str(part));
        Self {
            all: all.into_boxed_str(),
            ends,
            present,
        }
    }

    /// The same; what is no UTF-8 in them is replaced.
    pub(super) fn of_bytes(parts: [Option<&[u8]>; N]) -> Self {
        if parts.iter().all(Option::is_none) {
            return Self::default();
        }
        let len = parts.iter().flatten().map(|part| part.len()).sum();
        let mut all = Vec::with_capacity(len);
        let (ends, present) = lay(&parts, |part| all.extend_from_slice(part));
        // Two halves of a character, in two parts, are none.
        let is_apart = |all: &str| ends.iter().all(|&end| all.is_char_boundary(end.into()));
        match String::from_utf8(all) {
            Ok(all) if all.is_ascii() || is_apart(&all) => Self {
                all: all.into_boxed_str(),
                ends,
                present,
            },
            _ => {
                let parts = parts.map(|part| part.map(String::from_utf8_lossy));
                Self::new(parts.each_ref().map(Option::as_deref))
            }
        }
    }

    /// Lets go of all texts but the first so many.
    pub(super) fn keep(&mut self, count: usize) {
        let behind = u32::try_from(count).ok();
        let behind = behind.and_then(|count| u16::MAX.checked_shl(count));
        let behind = behind.unwrap_or(0);
        if self.present & behind == 0 {
            return;
        }
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
        self.present &= !behind;
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

/// Pushes what fits, one behind the other: where each ends, and a bit for each that is there.
fn lay<T: AsRef<[u8]> + ?Sized, const N: usize>(
    parts: &[Option<&T>; N],
    mut push: impl FnMut(&T),
) -> ([u16; N], u16) {
    const { assert!(N <= u16::BITS as usize) };
    let mut ends = [0; N];
    let mut present = 0;
    let mut last = 0;
    for (index, (part, end)) in parts.iter().zip(&mut ends).enumerate() {
        if let Some(part) = part
            && let Ok(after) = u16::try_from(usize::from(last) + part.as_ref().len())
        {
            push(part);
            present |= 1 << index;
            last = after;
        }
        *end = last;
    }
    (ends, present)
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

    #[test]
    fn what_is_no_text_is_replaced_part_by_part() {
        let texts = Texts::of_bytes([Some(b"a"), None, Some(b""), Some("bcé".as_bytes())]);
        assert_eq!(texts, Texts::new([Some("a"), None, Some(""), Some("bcé")]));
        let texts = Texts::of_bytes([Some(b"\xc3"), Some(b"\xa9"), Some(b"\xffx"), None]);
        let replaced = [Some("\u{fffd}"), Some("\u{fffd}"), Some("\u{fffd}x"), None];
        assert_eq!(texts, Texts::new(replaced));
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let long = "x".repeat(usize::from(u16::MAX));
        let texts = Texts::new([Some("a"), Some(&long), Some("b")]);
        assert_eq!(
            [0, 1, 2].map(|index| texts.get(index)),
            [Some("a"), None, Some("b")]
        );
    }
}
