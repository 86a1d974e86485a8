//! Values that lie closer together than chance would put them.

use std::ops::Range;

/// The fewest sessions that show a rule rather than a coincidence.
pub(super) const LEAST: usize = 3;

/// How many widths to either side of a window tell how crowded its neighbourhood is.
const BAND: i64 = 20;

/// Nothing on a network is equal more closely than this, in nanoseconds.
const FINEST: i64 = 10_000_000;

/// How many times as crowded as its neighbourhood a cluster is: values that come and go
/// smoothly have a peak, which is no chance, but no cluster either.
const CROWDED: f64 = 3.0;

/// How often chance alone may make a finding, per run.
const ALPHA: f64 = 0.05;

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
/// `range` is where values may lie at all, `width` how far apart equal ones may lie (it grows no
/// faster than a twentieth of the value), `trials` how many values are looked at in the whole
/// run; `accept` may refuse the window that begins with a value and holds so many.
pub(super) fn densest(
    values: &[(i64, usize)],
    range: Range<i64>,
    trials: usize,
    width: impl Fn(i64) -> i64,
    accept: impl Fn(i64, usize) -> bool,
) -> Option<Cluster> {
    // How many values lie below the end of a window, below its neighbourhood, and below the end of
    // that: none goes back, since a width grows slower than its value.
    let (mut behind, mut before, mut beyond) = (0, 0, 0);
    let advance = |at: &mut usize, is_below: &dyn Fn(i64) -> bool| {
        while values.get(*at).is_some_and(|&(value, _)| is_below(value)) {
            *at += 1;
        }
    };
    let all = real(range.end.saturating_sub(range.start).max(1));
    let mut best: Option<(usize, i64, usize)> = None;
    for (first, &(least, _)) in values.iter().enumerate() {
        let width = width(least);
        let end = least.saturating_add(width);
        advance(&mut behind, &|value| value <= end);
        let count = behind - first;
        if least < range.start || count < LEAST || best.is_some_and(|(most, ..)| count < most) {
            continue;
        }
        let Some(&(greatest, _)) = values.get(behind - 1) else {
            continue;
        };
        let spread = greatest.saturating_sub(least);
        let from = least
            .saturating_sub(width.saturating_mul(BAND))
            .max(range.start);
        let to = least
            .saturating_add(width.saturating_mul(BAND + 1))
            .min(range.end);
        advance(&mut before, &|value| value < from);
        advance(&mut beyond, &|value| value <= to);
        let near = beyond.saturating_sub(before).saturating_sub(count);
        let room = to.saturating_sub(from).saturating_sub(width).max(width);
        // One more than there are, so that a few values alone do not count as proof.
        let everywhere = real_count(values.len() - count + 1) / all;
        let density = everywhere.max(real_count(near) / real(room.max(1)));
        let mean = density * real(spread.max(FINEST));
        // (What takes least time to tell goes first.)
        if real_count(count) < mean * CROWDED
            || chance(mean, count - 1) * real_count(trials) > ALPHA
        {
            continue;
        }
        let better = best.is_none_or(|(most, tightest, _)| (count, tightest) > (most, spread));
        if better && accept(least, count) {
            best = Some((count, spread, first));
        }
    }
    let (count, _, first) = best?;
    let window = values.get(first..first + count)?;
    trimmed(window, width(window.first()?.0))
}

/// How likely it is that chance brings at least `count` where it brings `mean` on average
/// (Poisson), give or take a tenth.
fn chance(mean: f64, count: usize) -> f64 {
    let count = real_count(count);
    if mean >= count || count < 1.0 {
        return 1.0;
    }
    // Stirling.
    let factorial = count * count.ln() - count + 0.5 * (std::f64::consts::TAU * count).ln();
    let exactly = (count * mean.ln() - mean - factorial).exp();
    exactly / (1.0 - mean / (count + 1.0))
}

/// Whether `count` where `mean` is expected is more than chance brings in one of `trials`.
pub(super) fn is_no_chance(mean: f64, count: u64, trials: usize) -> bool {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    chance(mean, count) * real_count(trials) <= ALPHA
}

#[expect(clippy::cast_precision_loss, reason = "estimates, not figures")]
const fn real(nanos: i64) -> f64 {
    nanos as f64
}

#[expect(clippy::cast_precision_loss, reason = "estimates, not figures")]
const fn real_count(count: usize) -> f64 {
    count as f64
}

/// Without those that lie far from the others, measured by how far these lie from each other.
fn trimmed(window: &[(i64, usize)], width: i64) -> Option<Cluster> {
    let median = |sorted: &[i64]| sorted.get(sorted.len() / 2).copied();
    let values: Vec<i64> = window.iter().map(|&(value, _)| value).collect();
    let middle = median(&values)?;
    let mut distances: Vec<i64> = values
        .iter()
        .map(|value| value.saturating_sub(middle).saturating_abs())
        .collect();
    distances.sort_unstable();
    let far = median(&distances)?.saturating_mul(10).max(width / 4);
    let kept = || {
        window
            .iter()
            .filter(|(value, _)| value.saturating_sub(middle).saturating_abs() <= far)
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

    const MILLI: i64 = 1_000_000;

    fn found(values: &[i64]) -> Option<Cluster> {
        let nanos = values.iter().map(|value| value.saturating_mul(MILLI));
        let mut values: Vec<(i64, usize)> = nanos.zip(0..).collect();
        values.sort_unstable();
        let end = values.last().map_or(1, |&(last, _)| last);
        densest(&values, 0..end, values.len(), |_| 100 * MILLI, |_, _| true)
    }

    #[test]
    fn three_equal_values_are_a_cluster_and_two_are_none() {
        let cluster = found(&[3000, 9000, 3040, 3010]).unwrap();
        assert_eq!(
            cluster,
            Cluster {
                members: vec![0, 3, 2],
                least: 3000 * MILLI,
                spread: 40 * MILLI
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
        assert_eq!((cluster.members.len(), cluster.spread), (50, 4 * MILLI));
    }

    #[test]
    fn the_more_is_looked_at_the_more_chance_brings() {
        assert!(chance(0.1, 2) < 0.006 && chance(0.1, 2) > 0.004);
        assert!(chance(5.0, 5) >= 1.0 && chance(0.0, 3) <= 0.0);
        assert!(is_no_chance(0.1, 4, 100) && !is_no_chance(0.1, 4, 100_000));
        assert!(is_no_chance(1000.0, 2000, 100_000) && !is_no_chance(1000.0, 1020, 2));
    }

    #[test]
    fn the_ends_of_the_number_line_do_no_harm() {
        assert!(found(&[i64::MAX; 3]).is_some());
        assert!(found(&[i64::MIN, 0, 0, 0, i64::MAX]).is_some());
    }
}
