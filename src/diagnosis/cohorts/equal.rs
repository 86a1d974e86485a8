//! Values that lie closer together than chance would put them.

use std::ops::Range;

/// The fewest sessions that show a rule rather than a coincidence.
pub(super) const LEAST: usize = 3;

/// How many widths to either side of a window tell how crowded it would be by chance.
const BAND: i64 = 20;

/// Values that are equal within a width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    /// Whose values they are, in the order of their values.
    pub(super) members: Vec<usize>,
    /// The least value. Timers fire late, never early, so it is the one nearest to the truth.
    pub(super) least: i64,
    /// From the least to the greatest.
    pub(super) spread: i64,
}

/// The largest cluster among `values`, which are sorted: pairs of a value and whose it is.
///
/// `width` is how far apart equal values may lie, and grows no faster than a twentieth of the
/// value; `range` is where values may lie at all; `accept` may refuse the window that begins with
/// a value and holds so many.
pub(super) fn densest(
    values: &[(i64, usize)],
    range: Range<i64>,
    width: impl Fn(i64) -> i64,
    accept: impl Fn(i64, usize) -> bool,
) -> Option<Cluster> {
    let up_to = |value: i64| values.partition_point(|&(other, _)| other <= value);
    let mut best: Option<(usize, i64, usize)> = None;
    for (first, &(least, _)) in values.iter().enumerate() {
        let width = width(least);
        let behind = up_to(least.saturating_add(width));
        let count = behind - first;
        if least < range.start || count < LEAST || best.is_some_and(|(most, ..)| count < most) {
            continue;
        }
        let from = least
            .saturating_sub(width.saturating_mul(BAND))
            .max(range.start);
        let to = least
            .saturating_add(width.saturating_mul(BAND + 1))
            .min(range.end);
        let before = values.partition_point(|&(other, _)| other < from);
        let around = up_to(to).saturating_sub(before);
        let room = to.saturating_sub(from).saturating_sub(width).max(width);
        if !stands_out(count, around.saturating_sub(count), room / width.max(1)) {
            continue;
        }
        let Some(&(greatest, _)) = values.get(behind - 1) else {
            continue;
        };
        let spread = greatest.saturating_sub(least);
        let better = best.is_none_or(|(most, tightest, _)| (count, tightest) > (most, spread));
        if better && accept(least, count) {
            best = Some((count, spread, first));
        }
    }
    let (count, _, first) = best?;
    let window = values.get(first..first + count)?;
    trimmed(window, width(window.first()?.0))
}

/// `count` values in one window are more than chance explains where `others` are spread over
/// `windows` more of them. Counts of chance vary by the root of their mean; five such steps leave
/// room for the many windows that were tried.
fn stands_out(count: usize, others: usize, windows: i64) -> bool {
    let real = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let mean = real(others) / real(usize::try_from(windows).unwrap_or(1).max(1));
    count >= LEAST && real(count) >= 2.0 + mean + 5.0 * mean.sqrt()
}

/// Without those that lie far from the others, measured by how far these lie from each other.
fn trimmed(window: &[(i64, usize)], width: i64) -> Option<Cluster> {
    let median = |sorted: &[i64]| sorted.get(sorted.len() / 2).copied();
    let values: Vec<i64> = window.iter().map(|&(value, _)| value).collect();
    let middle = median(&values)?;
    let mut distances: Vec<i64> = values.iter().map(|value| (value - middle).abs()).collect();
    distances.sort_unstable();
    let far = median(&distances)?.saturating_mul(10).max(width / 4);
    let kept = || {
        window
            .iter()
            .filter(|(value, _)| (value - middle).abs() <= far)
    };
    let members: Vec<usize> = kept().map(|&(_, whose)| whose).collect();
    let least = kept().next()?.0;
    let spread = kept().next_back()?.0 - least;
    (members.len() >= LEAST).then_some(Cluster {
        members,
        least,
        spread,
    })
}

/// From the least to the greatest of `values`, without the outermost tenth at either end.
pub(super) fn reach(values: impl Iterator<Item = i64>) -> i64 {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    let cut = values.len() / 10;
    match (
        values.get(cut),
        values.get(values.len().saturating_sub(cut + 1)),
    ) {
        (Some(first), Some(last)) => last.saturating_sub(*first),
        _ => 0,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;

    fn found(values: &[i64]) -> Option<Cluster> {
        let mut values: Vec<(i64, usize)> = values.iter().copied().zip(0..).collect();
        values.sort_unstable();
        densest(&values, 0..i64::MAX, |_| 100, |_, _| true)
    }

    #[test]
    fn three_equal_values_are_a_cluster_and_two_are_none() {
        let cluster = found(&[3000, 9000, 3040, 3010]).unwrap();
        assert_eq!(
            cluster,
            Cluster {
                members: vec![0, 3, 2],
                least: 3000,
                spread: 40
            }
        );
        assert_eq!(found(&[3000, 3010, 9000]), None);
        assert_eq!(found(&[3000, 3051, 3101]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn values_that_lie_everywhere_are_no_cluster() {
        let everywhere: Vec<i64> = (0..200).map(|n| 1000 + n * 30).collect();
        assert_eq!(found(&everywhere), None);
        // The same, with thirty that do not.
        let crowd: Vec<i64> = everywhere
            .iter()
            .copied()
            .chain((0..30).map(|n| 5000 + n % 7))
            .collect();
        let cluster = found(&crowd).unwrap();
        assert!(
            cluster.members.len() >= 30 && cluster.members.len() <= 34,
            "{cluster:?}"
        );
    }

    #[test]
    fn a_straggler_inside_the_width_is_left_out() {
        let values: Vec<i64> = (0..50).map(|n| 3000 + n % 5).chain([3090]).collect();
        let cluster = found(&values).unwrap();
        assert_eq!((cluster.members.len(), cluster.spread), (50, 4));
    }

    #[test]
    fn the_ends_of_the_number_line_do_no_harm() {
        assert!(found(&[i64::MAX, i64::MAX, i64::MAX]).is_some());
        assert!(found(&[0; 5]).is_some());
    }
}
