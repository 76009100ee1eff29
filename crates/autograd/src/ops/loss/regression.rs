//! Regression losses.

use super::Reduction;
use crate::Tensor;
use crate::ops::broadcast;

impl Tensor {
    /// Squared error `(self - target)^2`.
    ///
    /// # Panics
    /// When the shapes do not broadcast.
    #[track_caller]
    pub fn mse_loss(&self, target: &Tensor, reduction: Reduction) -> Tensor {
        let d = self.error("mse_loss", target);
        reduction.apply(&(&d * &d))
    }

    /// Absolute error `|self - target|`.
    ///
    /// # Panics
    /// When the shapes do not broadcast.
    #[track_caller]
    pub fn l1_loss(&self, target: &Tensor, reduction: Reduction) -> Tensor {
        reduction.apply(&self.error("l1_loss", target).abs())
    }

    /// Absolute error minus `beta / 2`, and a parabola below `beta`, which continues it with slope 1 (Girshick 2015); torch's `beta` is
    /// 1.
    ///
    /// # Panics
    /// When the shapes do not broadcast or `beta` is negative.
    #[track_caller]
    pub fn smooth_l1_loss(&self, target: &Tensor, beta: f32, reduction: Reduction) -> Tensor {
        assert!(beta >= 0.0, "smooth_l1_loss: beta {beta}");
        if beta == 0.0 {
            return self.l1_loss(target, reduction);
        }
        let a = self.error("smooth_l1_loss", target).abs();
        let near = &a * &a * (0.5 / beta);
        reduction.apply(&near.where_(&a.lt(beta), &(a - 0.5 * beta)))
    }

    /// Half the squared error, and beyond `delta` a line of slope `delta` (Huber 1964); torch's `delta` is 1.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let target = Tensor::from_slice(&device, &[3.0f32, -0.5, 2.0, 7.0], &[4])?;
    /// let x = Tensor::from_slice(&device, &[2.5f32, 0.0, 2.0, 8.0], &[4])?;
    /// assert_eq!(x.huber_loss(&target, 1.0, Reduction::Mean).item()?, 0.1875);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not broadcast or `delta` is not positive.
    #[track_caller]
    pub fn huber_loss(&self, target: &Tensor, delta: f32, reduction: Reduction) -> Tensor {
        assert!(delta > 0.0, "huber_loss: delta {delta}");
        let a = self.error("huber_loss", target).abs();
        let near = &a * &a * 0.5;
        reduction.apply(&near.where_(&a.le(delta), &((a - 0.5 * delta) * delta)))
    }

    /// Absolute error minus `epsilon`, and 0 within `epsilon`: the loss of support vector regression (Drucker et al. 1997).
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[0.25f32, -1.0], &[2])?;
    /// let loss = x.epsilon_insensitive_loss(&x.zeros_like(), 0.5, Reduction::None);
    /// assert_eq!(loss.to_vec::<f32>()?, [0.0, 0.5]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not broadcast or `epsilon` is negative.
    #[track_caller]
    pub fn epsilon_insensitive_loss(&self, target: &Tensor, epsilon: f32, reduction: Reduction) -> Tensor {
        assert!(epsilon >= 0.0, "epsilon_insensitive_loss: epsilon {epsilon}");
        reduction.apply(&(self.error("epsilon_insensitive_loss", target).abs() - epsilon).relu())
    }

    /// The pinball loss, least where `self` is the `q`-quantile of the targets (Koenker and Bassett 1978): the error times `q` where
    /// `self` is too low, and times `1 - q` where it is too high.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[-2.0f32, 4.0], &[2])?;
    /// let loss = x.quantile_loss(&x.zeros_like(), 0.75, Reduction::None);
    /// assert_eq!(loss.to_vec::<f32>()?, [1.5, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes do not broadcast or `q` is not between 0 and 1.
    #[doc(alias = "pinball_loss")]
    #[track_caller]
    pub fn quantile_loss(&self, target: &Tensor, q: f32, reduction: Reduction) -> Tensor {
        assert!(0.0 < q && q < 1.0, "quantile_loss: q {q}");
        let missing = target.error("quantile_loss", self);
        reduction.apply(&(&missing * q).where_(&missing.ge(0.0), &(&missing * (q - 1.0))))
    }

    /// `self - target`; both broadcast.
    #[track_caller]
    fn error(&self, op: &str, target: &Tensor) -> Tensor {
        broadcast(op, &[self.shape(), target.shape()]);
        for t in [self, target] {
            t.expect_float(op);
        }
        self - target
    }
}
