//! Weighted samples.

/// Importance weights: samples from one distribution that represent another one. The log weights are log density ratios.
///
/// ```
/// use methods::inference::Importance;
/// let weights = Importance::new(vec![0.0, 3f64.ln()]);
/// assert_eq!(weights.mean([1.0, 5.0]), 4.0);
/// assert!((weights.log_mean() - 2f64.ln()).abs() < 1e-12);
/// assert!((weights.effective_size() - 1.6).abs() < 1e-12);
/// ```
#[derive(Clone, Debug)]
pub struct Importance {
    /// Normalised: they sum to 1.
    weights: Vec<f64>,
    log_mean: f64,
}

impl Importance {
    /// # Panics
    /// Without weights, when all of them are zero, or when one is NaN.
    #[track_caller]
    pub fn new(log_weights: Vec<f64>) -> Importance {
        let highest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!(highest.is_finite(), "Importance: the highest of {} weights is {highest}", log_weights.len());
        let mut weights: Vec<f64> = log_weights.iter().map(|w| (w - highest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        assert!(sum.is_finite(), "Importance: a weight is NaN or infinite");
        let log_mean = highest + (sum / weights.len() as f64).ln();
        weights.iter_mut().for_each(|w| *w /= sum);
        Importance { weights, log_mean }
    }

    /// The normalised weights.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The logarithm of the mean weight, which estimates the ratio of the two normalising constants; the mean itself is unbiased.
    pub fn log_mean(&self) -> f64 {
        self.log_mean
    }

    /// The weighted mean of one value per sample: the self-normalised estimate.
    pub fn mean(&self, values: impl IntoIterator<Item = f64>) -> f64 {
        self.weights.iter().zip(values).map(|(w, x)| w * x).sum()
    }

    /// The number of equally weighted samples of the same worth, by Kish's formula: `1 / sum(w^2)`.
    pub fn effective_size(&self) -> f64 {
        1.0 / self.weights.iter().map(|w| w * w).sum::<f64>()
    }

    /// Indices of equally many samples, each repeated in proportion to its weight, rounded up or down (systematic resampling, Kitagawa
    /// 1996). `offset` is uniform in `[0, 1)`.
    ///
    /// ```
    /// use methods::inference::Importance;
    /// let weights = Importance::new([0.5f64, 0.25, 0.25, 1e-9].map(f64::ln).to_vec());
    /// assert_eq!(weights.resample(0.5), [0, 0, 1, 2]);
    /// ```
    pub fn resample(&self, offset: f64) -> Vec<usize> {
        let (count, mut sum, mut chosen) = (self.weights.len(), self.weights[0], 0);
        let mut place = |i: usize| {
            while sum < (i as f64 + offset) / count as f64 && chosen + 1 < count {
                chosen += 1;
                sum += self.weights[chosen];
            }
            chosen
        };
        (0..count).map(&mut place).collect()
    }
}
