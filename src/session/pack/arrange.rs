//! Lists of millions, put in order where they lie.

/// Puts what is at these indices in front, in their order, and lets go of the rest. Nothing is there
/// twice meanwhile: memory that was never used before costs more than to move what is in it.
pub(super) fn arrange<T>(items: &mut Vec<T>, indices: &[u32]) {
    let count = items.len();
    let mut order: Vec<usize> = Vec::with_capacity(count);
    order.extend(indices.iter().map(|&index| index as usize));
    if order.len() < count {
        let mut is_wanted = vec![false; count];
        for &index in &order {
            if let Some(wanted) = is_wanted.get_mut(index) {
                *wanted = true;
            }
        }
        order.extend((0..count).filter(|&index| is_wanted.get(index) == Some(&false)));
    }
    for first in 0..count {
        // Each cycle once: what is done is in its own place.
        let mut at = first;
        while let Some(from) = order.get_mut(at) {
            let from = std::mem::replace(from, at);
            if from == at || from == first || from >= count {
                break;
            }
            items.swap(at, from);
            at = from;
        }
    }
    items.truncate(indices.len());
}

#[cfg(test)]
mod tests {
    use super::arrange;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_wanted_stands_in_order(order in Just((0..40u32).collect::<Vec<_>>()).prop_shuffle(), most in 0..=40usize) {
            let wanted: Vec<u32> = order.into_iter().take(most).collect();
            let mut items: Vec<u32> = (100..140).collect();
            arrange(&mut items, &wanted);
            let expected: Vec<u32> = wanted.iter().map(|index| index + 100).collect();
            prop_assert_eq!(items, expected);
        }
    }

    #[test]
    fn indices_that_are_none_do_no_harm() {
        let mut items = vec!['a', 'b', 'c'];
        arrange(&mut items, &[1, 1, 7, 2]);
        assert_eq!(items.len(), 3);
    }
}
