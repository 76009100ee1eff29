//! Terms added to a loss to keep weights or activations small or sparse.
//!
//! The proximal step, which replaces a gradient step on [`l1_penalty`], is [`Tensor::softshrink`].

use super::Reduction;
use crate::{Tensor, vjp};

/// `strength * sum |w|` over all elements of all tensors: weights, or activations (divided by the size of the batch).
///
/// ```
/// # use autograd::{Device, Tensor, elastic_net_penalty, l1_penalty, l2_penalty};
/// let w = [Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, -4.0], &[2])?];
/// assert_eq!(l1_penalty(&w, 0.5).item()?, 3.5);
/// assert_eq!(l2_penalty(&w, 0.5).item()?, 6.25);
/// assert_eq!(elastic_net_penalty(&w, 0.5, 0.5).item()?, 9.75);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When there are no tensors.
#[track_caller]
pub fn l1_penalty(tensors: &[Tensor], strength: f32) -> Tensor {
    total("l1_penalty", tensors, Tensor::abs) * strength
}

/// `strength / 2 * sum w^2`: its gradient is `strength * w`, as coupled weight decay.
///
/// # Panics
/// When there are no tensors.
#[track_caller]
pub fn l2_penalty(tensors: &[Tensor], strength: f32) -> Tensor {
    total("l2_penalty", tensors, Tensor::square) * (0.5 * strength)
}

/// The sum of both penalties (Zou and Hastie 2005).
///
/// # Panics
/// When there are no tensors.
#[track_caller]
pub fn elastic_net_penalty(tensors: &[Tensor], l1: f32, l2: f32) -> Tensor {
    l1_penalty(tensors, l1) + l2_penalty(tensors, l2)
}

#[track_caller]
fn total(op: &str, tensors: &[Tensor], f: impl Fn(&Tensor) -> Tensor) -> Tensor {
    assert!(!tensors.is_empty(), "{op}: no tensors");
    let sums: Vec<Tensor> = tensors.iter().map(|t| f(t).sum_all()).collect();
    sums.into_iter().reduce(|a, b| a + b).expect("there is one")
}

/// The squares of all derivatives of codes `[N, units]` with respect to their inputs `x [N, ..]`, summed over units and inputs and
/// averaged over samples: the penalty of a contractive autoencoder (Rifai et al. 2011). It takes one backward pass per unit. A sample's
/// code may depend only on its own input.
///
/// ```
/// # use autograd::{Device, Tensor, jacobian_penalty};
/// let device = Device::named("cpu")?;
/// let w = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
/// let x = Tensor::ones(&device, &[4, 3]);
/// assert_eq!(jacobian_penalty(&x.linear(&w, None), &x).item()?, 91.0);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the numbers of codes and samples differ, or the codes do not depend on `x`.
#[track_caller]
pub fn jacobian_penalty(codes: &Tensor, x: &Tensor) -> Tensor {
    let fits = codes.rank() == 2 && x.rank() > 0 && codes.shape()[0] == x.shape()[0];
    assert!(fits, "jacobian_penalty: codes {:?} of inputs {:?}", codes.shape(), x.shape());
    let mut squares = vec![];
    for unit in codes.unbind(1) {
        let slopes = vjp(&[(&unit, &unit.ones_like())], &[x]).remove(0);
        squares.push(slopes.expect("jacobian_penalty: the codes do not depend on the inputs").square());
    }
    let sum = squares.into_iter().reduce(|a, b| a + b).expect("jacobian_penalty: codes of no units");
    Reduction::BatchMean.apply(&sum)
}

impl Tensor {
    /// The penalty of a sparse autoencoder (Ng 2011): Kullback-Leibler divergence of the rate `target` from a unit's firing rate, an
    /// element of `self` between 0 and 1. A unit's rate is its mean activation over the batch.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let rates = Tensor::from_slice(&Device::named("cpu")?, &[0.05f32, 0.5], &[2])?;
    /// let kl = rates.sparsity_kl(0.05, Reduction::Sum).item()?;
    /// assert!((kl - 0.494_631_94).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When `target` is not between 0 and 1.
    #[track_caller]
    pub fn sparsity_kl(&self, target: f32, reduction: Reduction) -> Tensor {
        assert!(0.0 < target && target < 1.0, "sparsity_kl: target {target}");
        let others = 1.0 - target;
        let entropy = target * target.ln() + others * others.ln();
        reduction.apply(&(entropy - (self.log() * target + (-self).log1p() * others)))
    }
}
