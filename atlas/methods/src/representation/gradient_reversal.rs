//! The gradient reversal layer.

use autograd::Tensor;

/// The identity in the forward pass; multiplies gradients by `-lambda` in the backward pass (Ganin and Lempitsky 2015). The layers before
/// it are trained against those after it, such as features against a domain classifier.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::representation::reverse_gradient;
/// let x = Tensor::scalar(&Device::named("cpu")?, 3.0).variable();
/// let y = reverse_gradient(&x, 0.5);
/// assert_eq!(y.item()?, 3.0);
/// assert_eq!(y.square().backward().get(&x).unwrap().item()?, -3.0);
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn reverse_gradient(x: &Tensor, lambda: f32) -> Tensor {
    // The difference is exactly 0, but has a gradient.
    let value = x.detach();
    &value + (&value - x) * lambda
}

/// The factor of the reversed gradient at a share of the training from 0 to 1, which rises from 0 to nearly 1, so that features do not follow a
/// domain classifier that has not learned yet: `2 / (1 + exp(-10 progress)) - 1` (Ganin et al. 2016, section 5.2.2).
///
/// ```
/// use methods::representation::reversal_strength;
/// assert_eq!(reversal_strength(0.0), 0.0);
/// assert!((reversal_strength(0.1) - 0.46212).abs() < 1e-5 && reversal_strength(1.0) > 0.9999);
/// ```
pub fn reversal_strength(progress: f32) -> f32 {
    2.0 / (1.0 + (-10.0 * progress).exp()) - 1.0
}
