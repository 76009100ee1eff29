//! Losses for two classes, and for labels that do not exclude each other.

use super::{Reduction, expect_same};
use crate::Tensor;

impl Tensor {
    /// Cross-entropy of probabilities with targets between 0 and 1 of the same shape: `-(t log(x) + (1 - t) log(1 - x))`, times
    /// `weight`, which broadcasts. As in torch, logarithms are limited to at least -100, and slopes to at most 1e12. For logits,
    /// [`binary_cross_entropy_with_logits`](Tensor::binary_cross_entropy_with_logits) is more accurate.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let [x, target] = [[0.5f32, 0.0], [1.0, 1.0]].map(|v| Tensor::constant(&device, &v, &[2]));
    /// let loss = x.binary_cross_entropy(&target, None, Reduction::None).to_vec::<f32>()?;
    /// assert!((loss[0] - 2f32.ln()).abs() < 1e-6 && loss[1] == 100.0);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[doc(alias = "BCELoss")]
    #[track_caller]
    pub fn binary_cross_entropy(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("binary_cross_entropy", self, target);
        let others = 1.0 - target;
        // At 0 and 1, use torch's value and slope.
        let saturated = (self * (1.0 - self)).lt(1e-12);
        let x = self.number(0.5).where_(&saturated, self);
        let within = -(target * x.log() + &others * (-&x).log1p());
        let end = self.detach();
        let logs = [end.log(), (-&end).log1p()].map(|l| l.clamp_min(-100.0));
        let value = -(target * &logs[0] + &others * &logs[1]);
        let at_end = value + (self - &end) * ((&end - target) * 1e12).detach();
        reduction.apply(&weighted(at_end.where_(&saturated, &within), weight))
    }

    /// [`binary_cross_entropy`](Tensor::binary_cross_entropy) of `sigmoid(self)`, for logits of any size. `pos_weight`, which
    /// broadcasts, multiplies the losses of positive targets.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let [x, target] = [[0.0f32, 1000.0], [1.0, 0.0]].map(|v| Tensor::constant(&device, &v, &[2]));
    /// let loss = x.binary_cross_entropy_with_logits(&target, None, None, Reduction::None).to_vec::<f32>()?;
    /// assert!((loss[0] - 2f32.ln()).abs() < 1e-6 && loss[1] == 1000.0);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[doc(alias("BCEWithLogitsLoss", "pos_weight"))]
    #[track_caller]
    pub fn binary_cross_entropy_with_logits(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        pos_weight: Option<&Tensor>,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("binary_cross_entropy_with_logits", self, target);
        let log_weight = pos_weight.map(|w| (w - 1.0) * target + 1.0);
        let logs = self.logsigmoid();
        let logs = log_weight.map_or(logs.clone(), |w| w * logs);
        reduction.apply(&weighted((1.0 - target) * self - logs, weight))
    }

    /// Cross-entropy of logits with less weight on examples that are classified well (Lin et al. 2017), as in `torchvision.ops`: times
    /// `(1 - p)^gamma`, where `p` is the probability of the target, and times `alpha` for positive targets and `1 - alpha` for negative
    /// ones. The defaults there are `alpha` 0.25 and `gamma` 2.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::zeros(&device, &[1]);
    /// let loss = x.sigmoid_focal_loss(&Tensor::ones(&device, &[1]), Some(0.25), 2.0, Reduction::Mean);
    /// assert!((loss.item()? - 0.25 * 0.25 * 2f32.ln()).abs() < 1e-7);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn sigmoid_focal_loss(
        &self,
        target: &Tensor,
        alpha: Option<f32>,
        gamma: f32,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("sigmoid_focal_loss", self, target);
        let entropy = self.binary_cross_entropy_with_logits(target, None, None, Reduction::None);
        let others = 1.0 - target;
        // `1 - p`, without a difference of nearly equal numbers.
        let missing = target * (-self).sigmoid() + &others * self.sigmoid();
        let loss = entropy * missing.pow(gamma);
        let share = alpha.map(|alpha| target * alpha + others * (1.0 - alpha));
        reduction.apply(&weighted(loss, share.as_ref()))
    }

    /// Binary cross-entropy of logits `[.., C]` with labels 0 or 1, times `weight [C]` and averaged over the classes: `[..]`.
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn multilabel_soft_margin_loss(
        &self,
        target: &Tensor,
        weight: Option<&Tensor>,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("multilabel_soft_margin_loss", self, target);
        let losses = self.binary_cross_entropy_with_logits(target, weight, None, Reduction::None);
        reduction.apply(&losses.mean(&[-1], false))
    }
}

#[track_caller]
fn weighted(loss: Tensor, weight: Option<&Tensor>) -> Tensor {
    match weight {
        Some(weight) => loss * weight,
        None => loss,
    }
}
