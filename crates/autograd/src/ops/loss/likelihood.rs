//! Negative log-likelihoods and divergences of distributions.

use std::f32::consts::TAU;

use gpu_core::DType;

use super::{Reduction, expect_same};
use crate::Tensor;
use crate::ops::gather::check_index;

impl Tensor {
    /// Negative log-likelihood of log-probabilities `[N, C]`, `[N, C, d1, ..]` or `[C]` with integer classes, as
    /// `torch.nn.functional.nll_loss`; `weight [C]`. Classes equal to `ignore_index` are ignored; any other class outside of `0..C`
    /// gives NaN.
    ///
    /// # Panics
    /// When the shapes do not fit or the classes are of no integer type.
    #[track_caller]
    pub fn nll_loss(
        &self,
        classes: &Tensor,
        weight: Option<&Tensor>,
        ignore_index: i32,
        reduction: Reduction,
    ) -> Tensor {
        assert!(self.rank() > 0, "nll_loss: log-probabilities of shape {:?}", self.shape());
        let dim = if self.rank() == 1 { 0 } else { 1 };
        let logs = self.movedim(dim, -1);
        if let Some(w) = weight {
            assert!(w.shape() == [logs.size(-1)], "nll_loss: weight {:?} for {:?}", w.shape(), self.shape());
        }
        assert!(
            classes.shape() == &logs.shape()[..logs.rank() - 1],
            "nll_loss: classes {:?} for log-probabilities {:?}",
            classes.shape(),
            self.shape()
        );
        check_index("nll_loss", classes);
        self.expect_float("nll_loss");
        let (loss, share) = logs.by_class(&classes.to(DType::I32), weight, ignore_index);
        let loss = loss.within("nll_loss", classes, logs.size(-1), Some(ignore_index));
        match reduction {
            Reduction::Mean => loss.sum_all() / share.sum_all(),
            other => other.apply(&loss),
        }
    }

    /// The negative log-probabilities of classes `[..]`, times the weight of the class, and these weights, from `self [.., C]`; both 0
    /// for `ignore_index`.
    #[track_caller]
    pub(in crate::ops) fn by_class(
        &self,
        classes: &Tensor,
        weight: Option<&Tensor>,
        ignore_index: i32,
    ) -> (Tensor, Tensor) {
        let counted = classes.ne(ignore_index);
        let safe = classes.where_(&counted, &classes.number(0.0));
        let logs = self.gather(-1, &safe.unsqueeze(-1)).squeeze(&[-1]);
        let share = match weight {
            Some(weight) => weight.index(&[&safe]),
            None => counted.to(DType::F32),
        };
        let zero = self.number(0.0);
        ((-(&share * logs)).where_(&counted, &zero), share.where_(&counted, &zero))
    }

    /// Kullback-Leibler divergence of a target distribution from log-probabilities, element by element: `t (log(t) - self)`. With
    /// `log_target` the target is given as logarithms. [`Reduction::BatchMean`] averages the divergences of the examples.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let [p, q] = [[0.05f32, 0.95], [0.5, 0.5]].map(|v| Tensor::constant(&device, &v, &[1, 2]));
    /// assert!((q.log().kl_div(&p, false, Reduction::BatchMean).item()? - 0.494_631_94).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[doc(alias = "KLDivLoss")]
    #[track_caller]
    pub fn kl_div(&self, target: &Tensor, log_target: bool, reduction: Reduction) -> Tensor {
        expect_same("kl_div", self, target);
        if log_target {
            return reduction.apply(&(target.exp() * (target - self)));
        }
        // 0 log(0) is 0.
        let safe = target.number(1.0).where_(&target.eq(0.0), target);
        reduction.apply(&(target * safe.log() - target * self))
    }

    /// Negative log-likelihood of counts under a Poisson distribution, without the terms that do not depend on `self`, which is the
    /// rate, or with `log_input` its logarithm. `full` adds Stirling's approximation of `log(t!)` where `t > 1`. Without `log_input`,
    /// `eps` (1e-8 in torch) keeps the logarithm of a rate of 0 finite.
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn poisson_nll_loss(
        &self,
        target: &Tensor,
        log_input: bool,
        full: bool,
        eps: f32,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("poisson_nll_loss", self, target);
        let loss = if log_input { self.exp() - target * self } else { self - target * (self + eps).log() };
        if !full {
            return reduction.apply(&loss);
        }
        let large = target.gt(1.0);
        let safe = target.where_(&large, &target.number(1.0));
        let stirling = &safe * safe.log() - &safe + (&safe * TAU).log() * 0.5;
        reduction.apply(&(loss + stirling.where_(&large, &target.number(0.0))))
    }

    /// Negative log-likelihood of the target under normal distributions of mean `self` and variance `var`. `var` has the shape of
    /// `self`, or this shape with the last dimension missing or 1, or is a single number for all; `full` adds `log(2 pi) / 2`.
    /// Variances below `eps` (1e-6 in torch) count as `eps`, and have the gradient at `eps`.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let (x, var) = (Tensor::zeros(&device, &[1, 1]), Tensor::full(&device, 4.0, &[1]));
    /// let loss = x.gaussian_nll_loss(&Tensor::ones(&device, &[1, 1]), &var, false, 1e-6, Reduction::Mean);
    /// assert!((loss.item()? - 0.5 * (4f32.ln() + 0.25)).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn gaussian_nll_loss(
        &self,
        target: &Tensor,
        var: &Tensor,
        full: bool,
        eps: f32,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("gaussian_nll_loss", self, target);
        let (x, v) = (self.shape(), var.shape());
        let rows = &x[..x.len().saturating_sub(1)];
        let fits = v == x || v.is_empty() || v == rows || v == [rows, &[1]].concat();
        assert!(fits, "gaussian_nll_loss: variance {v:?} for input {x:?}");
        let var = if v != x && v == rows { var.unsqueeze(-1) } else { var.clone() };
        let var = &var + (var.clamp_min(eps) - &var).detach();
        let d = self - target;
        let loss = (var.log() + &d * &d / var) * 0.5;
        reduction.apply(&if full { loss + 0.5 * TAU.ln() } else { loss })
    }

    /// Kullback-Leibler divergence of normal distributions of mean `self` and variance `exp(log_var)` from the standard normal: the
    /// second term of a variational autoencoder's negative ELBO, after the reconstruction (Kingma and Welling 2013).
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let (mean, log_var) = (Tensor::ones(&device, &[1, 1]), Tensor::full(&device, 0.25f32.ln(), &[1, 1]));
    /// let kl = mean.gaussian_kl(&log_var, Reduction::BatchMean);
    /// assert!((kl.item()? - 0.818_147_2).abs() < 1e-6);
    /// // The negative ELBO: the reconstruction loss plus the divergence, averaged over examples.
    /// let (logits, x) = (Tensor::zeros(&device, &[1, 4]), Tensor::ones(&device, &[1, 4]));
    /// let loss = logits.binary_cross_entropy_with_logits(&x, None, None, Reduction::BatchMean) + kl;
    /// assert!((loss.item()? - 4.0 * 2f32.ln() - 0.818_147_2).abs() < 1e-5);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn gaussian_kl(&self, log_var: &Tensor, reduction: Reduction) -> Tensor {
        expect_same("gaussian_kl", self, log_var);
        // expm1: near the prior, the other terms are small.
        reduction.apply(&((self * self + log_var.expm1() - log_var) * 0.5))
    }
}
