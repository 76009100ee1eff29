//! The layer that learns the opposite.

use autograd::Tensor;

/// `x` itself, whose gradients come back times `-lambda` (Ganin and Lempitsky 2015): what comes before works against what comes after,
/// such as features against a classifier of domains.
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
    // The difference is 0 exactly, and has a slope.
    let value = x.detach();
    &value + (&value - x) * lambda
}
