//! What nearly always is one thing, and now and then several in a row.

use std::collections::VecDeque;

/// A queue whose first place needs no memory of its own.
#[derive(Debug)]
pub struct Queue<T> {
    first: Option<T>,
    more: VecDeque<T>,
}

impl<T> Queue<T> {
    /// Puts one at the end.
    pub fn push(&mut self, item: T) {
        match &self.first {
            None => self.first = Some(item),
            Some(_) => self.more.push_back(item),
        }
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<T> {
        std::mem::replace(&mut self.first, self.more.pop_front())
    }

    /// The first.
    pub const fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    /// There is none.
    pub const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.more)
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            first: None,
            more: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out() {
        let mut queue = Queue::default();
        (1..=3).for_each(|item| queue.push(item));
        assert_eq!((queue.pop(), queue.len()), (Some(1), 2));
        queue.push(4);
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [2, 3, 4]);
        let rest: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!((rest, queue.is_empty()), (vec![2, 3, 4], true));
    }
}
