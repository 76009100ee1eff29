//! Elastic weight consolidation (Kirkpatrick et al. 2017).

use autograd::{Tensor, cat};

use crate::curvature::per_example_gradients;

/// The diagonal of the Fisher information of `values`, in their shapes: the mean over examples of the squared gradients of the log-likelihoods
/// `[N]`, which `log_likelihoods` computes from weights `[N, ..]`, one copy for each example, at labels drawn from the model.
#[track_caller]
pub fn fisher_diagonal(
    values: &[Tensor],
    count: usize,
    log_likelihoods: impl FnOnce(&[Tensor]) -> Tensor,
) -> Vec<Tensor> {
    let (_, gradients) = per_example_gradients(values, count, log_likelihoods);
    gradients.iter().map(|g| g.square().mean(&[0], false).detach()).collect()
}

/// What an earlier task has left: its weights, and how much each matters to it.
pub struct Consolidated {
    weights: Vec<Tensor>,
    fisher: Vec<Tensor>,
}

impl Consolidated {
    /// Weights and the [Fisher information](fisher_diagonal) of each.
    pub fn new(weights: &[Tensor], fisher: Vec<Tensor>) -> Consolidated {
        Consolidated { weights: weights.iter().map(Tensor::detach).collect(), fisher }
    }

    /// Half the sum of `F (w - w_before)^2`: to second order, what the earlier task's loss for an example has risen by.
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use methods::representation::Consolidated;
    /// let device = Device::named("cpu")?;
    /// let of = |values: &[f32]| Tensor::from_slice(&device, values, &[2]);
    /// let before = Consolidated::new(&[of(&[1.0, 2.0])?], vec![of(&[4.0, 0.0])?]);
    /// assert_eq!(before.penalty(&[of(&[2.0, 7.0])?]).item()?, 2.0);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn penalty(&self, values: &[Tensor]) -> Tensor {
        let terms = values.iter().zip(&self.weights).zip(&self.fisher);
        let sums: Vec<Tensor> =
            terms.map(|((now, before), f)| (f * (now - before).square()).sum_all().reshape(&[1])).collect();
        cat(&sums.iter().collect::<Vec<_>>(), 0).sum_all() * 0.5
    }
}
