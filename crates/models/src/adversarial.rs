//! Inputs that mislead a model although hardly anything about them has changed.

use autograd::{Tensor, grad};

/// The fast gradient sign method (Goodfellow et al. 2015): every input of `x` moves by `epsilon` in the direction in which `loss`, a
/// scalar, rises.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::adversarial::fgsm;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[0.5f32, -0.5], &[2])?;
/// assert_eq!(fgsm(&x, 0.25, |x| x.square().sum_all()).to_vec::<f32>()?, [0.75, -0.75]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the loss is no scalar that depends on its argument.
#[track_caller]
pub fn fgsm(x: &Tensor, epsilon: f32, loss: impl Fn(&Tensor) -> Tensor) -> Tensor {
    (x + gradient_sign(x, &loss) * epsilon).detach()
}

/// Projected gradient descent on the inputs (Madry et al. 2018), from `start`: `steps` moves of `step` each in the direction of the
/// gradient's sign, with every input kept within `epsilon` of `x`. Start at `x`, or at a random point within `epsilon` of it.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::adversarial::pgd;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[0.5f32, -0.5], &[2])?;
/// let found = pgd(&x, &x, 0.25, 0.1, 5, |x| x.square().sum_all()).to_vec::<f32>()?;
/// assert_eq!(found, [0.75, -0.75]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When shapes differ, or the loss is no scalar that depends on its argument.
#[track_caller]
pub fn pgd(
    x: &Tensor,
    start: &Tensor,
    epsilon: f32,
    step: f32,
    steps: usize,
    loss: impl Fn(&Tensor) -> Tensor,
) -> Tensor {
    assert_eq!(x.shape(), start.shape(), "pgd: a start of another shape");
    let (low, high) = (x - epsilon, x + epsilon);
    let mut at = start.detach();
    for _ in 0..steps {
        at = (&at + gradient_sign(&at, &loss) * step).maximum(&low).minimum(&high).detach();
    }
    at
}

#[track_caller]
fn gradient_sign(x: &Tensor, loss: &impl Fn(&Tensor) -> Tensor) -> Tensor {
    let x = x.variable();
    let [Some(gradient)] = &grad(&loss(&x), &[&x])[..] else {
        panic!("adversarial: the loss does not depend on the inputs")
    };
    gradient.sign()
}
