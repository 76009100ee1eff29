//! Learning rates for other batch sizes.

/// Scales a rate tuned for batches of `base` examples to batches of `batch` examples, in proportion (Goyal et al. 2017, "Accurate, large
/// minibatch SGD", usually with a warm-up).
///
/// ```
/// assert_eq!(models::schedule::linear_scaled(0.1, 1024, 256), 0.4);
/// ```
pub fn linear_scaled(lr: f32, batch: usize, base: usize) -> f32 {
    (f64::from(lr) * batch as f64 / base as f64) as f32
}

/// [`linear_scaled`] with the square root of the batch size, which suits adaptive optimizers (Krizhevsky 2014; You et al. 2020).
///
/// ```
/// assert_eq!(models::schedule::sqrt_scaled(0.001, 1024, 256), 0.002);
/// ```
pub fn sqrt_scaled(lr: f32, batch: usize, base: usize) -> f32 {
    (f64::from(lr) * (batch as f64 / base as f64).sqrt()) as f32
}
