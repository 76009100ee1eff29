//! Adversarial examples: small changes of inputs that mislead a model.

use autograd::{Generator, Result, Tensor, grad};

/// The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015): `x + epsilon sign(d loss / d x)`, which raises the loss of a linear
/// model most among all changes of at most `epsilon` per element. `loss` maps inputs like `x` to a scalar.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::adversarial::fgsm;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, -2.0], &[2])?;
/// assert_eq!(fgsm(&x, 0.5, |x| x.square().sum_all()).to_vec::<f32>()?, [1.5, -2.5]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the loss is not a scalar, or does not depend on its argument.
#[track_caller]
pub fn fgsm(x: &Tensor, epsilon: f32, loss: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let x = x.detach().variable();
    let gradient = grad(&loss(&x), &[&x]).remove(0).expect("fgsm: the loss depends on its argument");
    (&x + gradient.sign() * epsilon).detach()
}

/// Projected gradient descent (Madry et al. 2018) in the maximum norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pgd {
    /// The most by which an element changes.
    pub epsilon: f32,
    /// The change of an element in one step.
    pub step: f32,
    /// The number of steps.
    pub steps: usize,
    /// The lowest and the highest value of an element, such as 0 and 1 for pixels.
    pub range: [f32; 2],
}

impl Pgd {
    /// `steps` steps of [`fgsm`] of size `step` from a random start within `epsilon` of `x`, each projected back to within `epsilon` of `x`
    /// and into `range` in every element.
    ///
    /// ```
    /// use autograd::{Device, Generator, Tensor};
    /// use methods::adversarial::Pgd;
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, -2.0], &[2])?;
    /// let pgd = Pgd { epsilon: 0.5, step: 0.2, steps: 10, range: [-2.25, 2.25] };
    /// let found = pgd.attack(&x, &Generator::new(0), |x| x.square().sum_all())?;
    /// assert_eq!(found.to_vec::<f32>()?, [1.5, -2.25]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// As [`fgsm`].
    #[track_caller]
    pub fn attack(
        &self,
        x: &Tensor,
        generator: &Generator,
        loss: impl Fn(&Tensor) -> Tensor,
    ) -> Result<Tensor> {
        let Pgd { epsilon, step, steps, range: [low, high] } = *self;
        let project = |found: &Tensor| (x + (found - x).clamp(-epsilon, epsilon)).clamp(low, high);
        let mut found = project(&(x + (generator.uniform(x.device(), x.shape()) * 2.0 - 1.0) * epsilon));
        for _ in 0..steps {
            found = project(&fgsm(&found, step, &loss));
            autograd::evaluate(&[&found])?;
        }
        Ok(found.detach())
    }
}
