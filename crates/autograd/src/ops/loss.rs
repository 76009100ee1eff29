//! Losses composed of element-wise operations, and how losses are reduced.

use gpu_core::DType;

use crate::Tensor;

/// How the losses of single elements become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    None,
    Mean,
    Sum,
}

impl Reduction {
    /// Reduces `loss`; the mean is over `count`.
    #[track_caller]
    pub(crate) fn apply(self, loss: &Tensor, count: f32) -> Tensor {
        match self {
            Reduction::None => loss.clone(),
            Reduction::Sum => loss.sum_all(),
            Reduction::Mean => loss.sum_all() / count,
        }
    }
}

impl Tensor {
    /// Squared error `(self - target)^2`.
    #[track_caller]
    pub fn mse_loss(&self, target: &Tensor, reduction: Reduction) -> Tensor {
        let d = self - target;
        reduction.apply(&(&d * &d), d.numel() as f32)
    }

    /// Negative log-likelihood of log-probabilities `[N, C]`, `[N, C, d1, ..]` or `[C]` with integer classes, as
    /// `torch.nn.functional.nll_loss`; `weight [C]`; classes equal to `ignore_index` count nothing.
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
            assert_eq!(w.shape(), [logs.size(-1)], "nll_loss: weight {:?} for {:?}", w.shape(), self.shape());
        }
        assert_eq!(
            classes.shape(),
            &logs.shape()[..logs.rank() - 1],
            "nll_loss: classes for {:?}",
            self.shape()
        );
        let counted = classes.to(DType::I32).ne(ignore_index as f32);
        let safe = classes.to(DType::I32).where_(&counted, &classes.to(DType::I32).number(0.0));
        let hot = safe.one_hot(logs.size(-1));
        let hot = weight.map_or(hot.clone(), |w| hot * w);
        let zero = self.number(0.0);
        let share = hot.sum(&[-1], false).where_(&counted, &zero);
        let loss = (-(hot * logs).sum(&[-1], false)).where_(&counted, &zero);
        match reduction {
            Reduction::Mean => loss.sum_all() / share.sum_all(),
            other => other.apply(&loss, 1.0),
        }
    }
}
