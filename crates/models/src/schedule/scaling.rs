//! Learning rates for other batch sizes.

/// A rate that was tuned for batches of `base` examples, for batches of `batch`: in proportion (Goyal et al. 2017, "Accurate, large
/// minibatch SGD", usually with a warm-up).
///
/// ```
/// assert_eq!(models::schedule::linear_scaled(0.1, 1024, 256), 0.4);
/// ```
pub fn linear_scaled(lr: f32, batch: usize, base: usize) -> f32 {
    (f64::from(lr) * batch as f64 / base as f64) as f32
}

/// The same in proportion to the root of the batch size, which suits adaptive optimizers (Krizhevsky 2014; You et al. 2020).
///
/// ```
/// assert_eq!(models::schedule::sqrt_scaled(0.001, 1024, 256), 0.002);
/// ```
pub fn sqrt_scaled(lr: f32, batch: usize, base: usize) -> f32 {
    (f64::from(lr) * (batch as f64 / base as f64).sqrt()) as f32
}
