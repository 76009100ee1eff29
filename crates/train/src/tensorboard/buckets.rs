//! Histograms in TensorFlow's buckets.

use std::sync::LazyLock;

/// Values by bucket.
#[derive(Debug, PartialEq)]
pub(super) struct Histogram {
    pub min: f64,
    pub max: f64,
    pub count: f64,
    pub sum: f64,
    pub sum_squares: f64,
    /// Upper ends of the buckets; the first bucket begins at `min` or below.
    pub limits: Vec<f64>,
    /// How many values are in each bucket, which excludes its upper end.
    pub counts: Vec<f64>,
}

/// Upper ends of all buckets: +-1e-12 times powers of 1.1 up to 1e20, 0, and `f64::MAX`.
static LIMITS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let positive: Vec<f64> =
        std::iter::successors(Some(1e-12), |limit| Some(limit * 1.1)).take_while(|&l| l < 1e20).collect();
    let negative = positive.iter().rev().map(|limit| -limit);
    negative.chain([0.0]).chain(positive.iter().copied()).chain([f64::MAX]).collect()
});

impl Histogram {
    /// The finite values by bucket, from an empty bucket before the first occupied one to the last occupied one; as in TensorFlow,
    /// consecutive empty buckets are merged. `None` without finite values.
    pub fn of(values: &[f32]) -> Option<Histogram> {
        let finite = || values.iter().filter(|value| value.is_finite()).map(|&value| f64::from(value));
        let limits = &*LIMITS;
        let mut counts = vec![0.0; limits.len()];
        for value in finite() {
            counts[limits.partition_point(|&limit| limit <= value)] += 1.0;
        }
        let first = counts.iter().position(|&count| count > 0.0)?.saturating_sub(1);
        let last = counts.iter().rposition(|&count| count > 0.0)?;
        let kept = |&i: &usize| i == last || counts[i] > 0.0 || counts[i + 1] > 0.0;
        let kept: Vec<usize> = (first..=last).filter(kept).collect();
        Some(Histogram {
            min: finite().fold(f64::MAX, f64::min),
            max: finite().fold(f64::MIN, f64::max),
            count: finite().count() as f64,
            sum: finite().sum(),
            sum_squares: finite().map(|value| value * value).sum(),
            limits: kept.iter().map(|&i| limits[i]).collect(),
            counts: kept.iter().map(|&i| counts[i]).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_in_their_buckets() {
        let values = [-3.0, 0.0, 0.0, 1.5, 2.5, f32::NAN, f32::INFINITY];
        let histogram = Histogram::of(&values).unwrap();
        assert_eq!((histogram.min, histogram.max, histogram.count), (-3.0, 2.5, 5.0));
        assert_eq!((histogram.sum, histogram.sum_squares), (1.0, 9.0 + 2.25 + 6.25));
        assert_eq!(histogram.counts.iter().sum::<f64>(), 5.0);
        assert!(histogram.counts.len() <= 2 * 4 + 1, "empty neighbours are one");
        let lower = |i: usize| if i == 0 { f64::MIN } else { histogram.limits[i - 1] };
        for (i, (&upper, &count)) in histogram.limits.iter().zip(&histogram.counts).enumerate() {
            let inside = |value: &&f32| (lower(i)..upper).contains(&f64::from(**value));
            assert_eq!(values.iter().filter(inside).count() as f64, count, "up to {upper}");
        }
        assert!(
            histogram.counts[0] == 0.0 && histogram.counts[1] == 1.0,
            "one empty bucket before the first"
        );
    }

    #[test]
    fn extremes_have_a_bucket_and_nothing_has_none() {
        let histogram = Histogram::of(&[f32::MIN, f32::MAX, f32::MIN_POSITIVE]).unwrap();
        assert_eq!(histogram.counts.iter().sum::<f64>(), 3.0);
        assert_eq!(*histogram.limits.last().unwrap(), f64::MAX);
        assert_eq!(Histogram::of(&[]), None);
        assert_eq!(Histogram::of(&[f32::NAN]), None);
    }
}
