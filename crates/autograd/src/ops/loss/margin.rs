//! Losses that are 0 outside of a margin.

use gpu_core::DType;

use super::{Reduction, expect_same};
use crate::Tensor;

/// Options of [`Tensor::triplet_margin_loss`]; torch's by default.
///
/// ```
/// use autograd::TripletMargin;
/// let options = TripletMargin { margin: 0.2, swap: true, ..Default::default() };
/// assert_eq!((options.p, options.eps), (2.0, 1e-6));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletMargin {
    /// How much farther the negative is to be than the positive; 1 by default.
    pub margin: f32,
    /// The order of the norm.
    pub p: f32,
    /// Added to the differences.
    pub eps: f32,
    /// Whether to use the negative's distance from the positive if that is smaller (Balntas et al. 2016).
    pub swap: bool,
}

impl Default for TripletMargin {
    fn default() -> TripletMargin {
        TripletMargin { margin: 1.0, p: 2.0, eps: 1e-6, swap: false }
    }
}

impl Tensor {
    /// `max(0, 1 - t x)` with targets -1 or 1: the loss of a linear support vector machine (Cortes and Vapnik 1995).
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let [x, target] = [[0.5f32, 2.0, 0.5], [1.0, 1.0, -1.0]].map(|v| Tensor::constant(&device, &v, &[3]));
    /// assert_eq!(x.hinge_loss(&target, Reduction::None).to_vec::<f32>()?, [0.5, 0.0, 1.5]);
    /// assert_eq!(x.squared_hinge_loss(&target, Reduction::None).to_vec::<f32>()?, [0.25, 0.0, 2.25]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn hinge_loss(&self, target: &Tensor, reduction: Reduction) -> Tensor {
        expect_same("hinge_loss", self, target);
        reduction.apply(&(1.0 - target * self).relu())
    }

    /// The square of [`hinge_loss`](Tensor::hinge_loss).
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn squared_hinge_loss(&self, target: &Tensor, reduction: Reduction) -> Tensor {
        expect_same("squared_hinge_loss", self, target);
        reduction.apply(&(1.0 - target * self).relu().square())
    }

    /// `log(1 + exp(-t x))` with targets -1 or 1.
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn soft_margin_loss(&self, target: &Tensor, reduction: Reduction) -> Tensor {
        expect_same("soft_margin_loss", self, target);
        reduction.apply(&-(target * self).logsigmoid())
    }

    /// The hinge embedding loss of distances `self`: `x` where the target is 1, `max(0, margin - x)` where it is -1.
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn hinge_embedding_loss(&self, target: &Tensor, margin: f32, reduction: Reduction) -> Tensor {
        expect_same("hinge_embedding_loss", self, target);
        let zero = self.number(0.0);
        let apart = zero.where_(&target.eq(1.0), &(margin - self).clamp_min(0.0));
        let together = zero.where_(&target.eq(-1.0), self);
        reduction.apply(&(apart + together))
    }

    /// `max(0, margin - t (self - other))`: `self` should be larger where the target is 1, `other` where it is -1.
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn margin_ranking_loss(
        &self,
        other: &Tensor,
        target: &Tensor,
        margin: f32,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("margin_ranking_loss", self, other);
        expect_same("margin_ranking_loss", self, target);
        reduction.apply(&(margin - target * (self - other)).clamp_min(0.0))
    }

    /// The multi-class hinge loss of scores `[N, C]` or `[C]` with integer classes `[N]` or `[]`: the mean over classes of
    /// `max(0, margin + x[i] - x[class])^p`, without the term of the class itself. `p` is 1 or 2; each example is weighted by its class
    /// in `weight [C]`.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[0.5f32, 1.0, -2.0, 0.0], &[1, 4])?;
    /// let class = Tensor::from_slice(&device, &[1i32], &[1])?;
    /// assert_eq!(x.multi_margin_loss(&class, 1, 1.0, None, Reduction::Mean).item()?, 0.125);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not fit, or `p` is neither 1 nor 2.
    #[track_caller]
    pub fn multi_margin_loss(
        &self,
        classes: &Tensor,
        p: usize,
        margin: f32,
        weight: Option<&Tensor>,
        reduction: Reduction,
    ) -> Tensor {
        let (x, c) = (self.shape(), classes.shape());
        assert!(
            matches!(x.len(), 1 | 2) && c == &x[..x.len() - 1],
            "multi_margin_loss: classes {c:?} for {x:?}"
        );
        assert!(!classes.dtype().is_float(), "multi_margin_loss: classes of type {}", classes.dtype());
        assert!(p == 1 || p == 2, "multi_margin_loss: p {p}");
        let index = classes.to(DType::I32).unsqueeze(-1);
        let excess = (self - self.gather(-1, &index) + margin).relu();
        let excess = if p == 2 { excess.square() } else { excess };
        let own = index.eq(Tensor::arange(self.device(), self.size(-1)));
        let mut loss = excess.masked_fill(&own, 0.0).mean(&[-1], false);
        if let Some(w) = weight {
            assert!(w.shape() == [self.size(-1)], "multi_margin_loss: weight {:?} for {x:?}", w.shape());
            let own = w.index_select(0, &index.reshape(&[index.numel()])).reshape(loss.shape());
            loss = loss * own;
        }
        reduction.apply(&loss)
    }

    /// `max(0, margin + d(self, positive) - d(self, negative))` of vectors `[N, D]` or `[D]` (Schroff et al. 2015).
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor, TripletMargin};
    /// let device = Device::named("cpu")?;
    /// let [anchor, positive, negative] =
    ///     [[0.0f32, 0.0], [3.0, 4.0], [0.0, 5.5]].map(|v| Tensor::constant(&device, &v, &[1, 2]));
    /// let loss = anchor.triplet_margin_loss(&positive, &negative, TripletMargin::default(), Reduction::Mean);
    /// assert!((loss.item()? - 0.5).abs() < 1e-5);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn triplet_margin_loss(
        &self,
        positive: &Tensor,
        negative: &Tensor,
        options: TripletMargin,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("triplet_margin_loss", self, positive);
        expect_same("triplet_margin_loss", self, negative);
        let TripletMargin { margin, p, eps, swap } = options;
        let mut apart = self.pairwise_distance(negative, p, eps);
        if swap {
            apart = apart.minimum(positive.pairwise_distance(negative, p, eps));
        }
        reduction.apply(&(self.pairwise_distance(positive, p, eps) - apart + margin).clamp_min(0.0))
    }

    /// The cosine embedding loss of vectors `[N, D]` or `[D]` with targets `[N]` or `[]`: `1 - cos` where the target is 1,
    /// `max(0, cos - margin)` where it is -1.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn cosine_embedding_loss(
        &self,
        other: &Tensor,
        target: &Tensor,
        margin: f32,
        reduction: Reduction,
    ) -> Tensor {
        expect_same("cosine_embedding_loss", self, other);
        let (x, t) = (self.shape(), target.shape());
        assert!(!x.is_empty() && t == &x[..x.len() - 1], "cosine_embedding_loss: target {t:?} for {x:?}");
        let dot = |a: &Tensor, b: &Tensor| (a * b).sum(&[-1], false);
        let squares = (dot(self, self) + 1e-12) * (dot(other, other) + 1e-12);
        let cosine = dot(self, other) / squares.sqrt();
        let zero = self.number(0.0);
        let together = (1.0 - &cosine).where_(&target.eq(1.0), &zero);
        let apart = (cosine - margin).clamp_min(0.0).where_(&target.eq(-1.0), &zero);
        reduction.apply(&(together + apart))
    }
}
