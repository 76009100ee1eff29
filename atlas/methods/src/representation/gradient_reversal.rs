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
