//! Normalisation by the root of the mean square (Zhang and Sennrich 2019).

use crate::Tensor;

impl Tensor {
    /// `x / sqrt(mean(x^2) + eps) * weight`, with the mean over the last dimensions, which are `normalized_shape`; as
    /// `torch.nn.functional.rms_norm`, whose default `eps` is `f32::EPSILON`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 7.0], &[1, 2])?;
    /// assert_eq!(x.rms_norm(&[2], None, 0.0).to_vec::<f32>()?, [0.2, 1.4]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn rms_norm(&self, normalized_shape: &[usize], weight: Option<&Tensor>, eps: f32) -> Tensor {
        let (x, n) = (self.shape(), normalized_shape);
        let fits = !n.is_empty() && x.ends_with(n) && weight.is_none_or(|w| w.shape() == n);
        assert!(fits, "rms_norm: over {n:?} with weight {:?} for input {x:?}", weight.map(Tensor::shape));
        self.expect_float("rms_norm");
        let dims: Vec<isize> = (1..=n.len() as isize).map(|d| -d).collect();
        let y = self * (self.square().mean(&dims, true) + eps).rsqrt();
        weight.map_or(y.clone(), |w| y * w)
    }
}
