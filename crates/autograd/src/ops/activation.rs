//! Activation functions, most composed of element-wise operations.

use gpu_core::kernels::Unary;

use crate::Tensor;
use crate::ops::Operand;

/// The fixed point of Klambauer et al. 2017: with these constants, activations keep mean 0 and variance 1 from layer to layer.
const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;

impl Tensor {
    /// Limits elements to `low..=high`, numbers or tensors that broadcast. Where `low > high`, the result is `high`. The gradient goes
    /// to the input where it lies inside or on a bound, and to the bound elsewhere.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[-2.0f32, 0.5, 2.0], &[3])?;
    /// assert_eq!(x.clamp(-1.0, 1.0).to_vec::<f32>()?, [-1.0, 0.5, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias = "clip")]
    #[track_caller]
    pub fn clamp(&self, low: impl Operand, high: impl Operand) -> Tensor {
        self.clamp_min(low).clamp_max(high)
    }

    /// Raises elements below `low` to `low`; NaN stays NaN. The gradient passes where `x >= low`.
    #[track_caller]
    pub fn clamp_min(&self, low: impl Operand) -> Tensor {
        let low = low.beside(self);
        low.where_(&self.lt(&low), self)
    }

    /// Lowers elements above `high` to `high`; NaN stays NaN. The gradient passes where `x <= high`.
    #[track_caller]
    pub fn clamp_max(&self, high: impl Operand) -> Tensor {
        let high = high.beside(self);
        high.where_(&self.gt(&high), self)
    }

    /// `x` where above `threshold`, `value` elsewhere.
    #[track_caller]
    pub fn threshold(&self, threshold: f32, value: f32) -> Tensor {
        self.number(value).where_(&self.le(threshold), self)
    }

    /// The step function: 0 below 0, 1 above, `value` at 0. Only `value` has a gradient other than 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[-2.0f32, 0.0, 2.0], &[3])?;
    /// assert_eq!(x.heaviside(0.5).to_vec::<f32>()?, [0.0, 0.5, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn heaviside(&self, value: impl Operand) -> Tensor {
        value.beside(self).where_(&self.eq(0.0), &self.gt(0.0).to(self.dtype()))
    }

    /// Limits elements to `low..=high` as [`clamp`](Tensor::clamp), but the gradient at the bounds is 0.
    #[track_caller]
    pub fn hardtanh(&self, low: f32, high: f32) -> Tensor {
        let (low, high) = (self.number(low), self.number(high));
        high.where_(&self.ge(&high), &low.where_(&self.le(&low), self))
    }

    /// `min(max(x, 0), 6)`; the gradient at 0 and 6 is 0.
    #[track_caller]
    pub fn relu6(&self) -> Tensor {
        self.hardtanh(0.0, 6.0)
    }

    /// `x` where positive, `slope * x` elsewhere.
    #[track_caller]
    pub fn leaky_relu(&self, slope: f32) -> Tensor {
        self.where_(&self.gt(0.0), &(self * slope))
    }

    /// [`leaky_relu`](Tensor::leaky_relu) with a learned slope: `weight [C]` for the channels of `[N, C, ..]`, or `[1]` for
    /// all (He et al. 2015).
    ///
    /// # Panics
    /// When the weight has neither one element nor one a channel.
    #[track_caller]
    pub fn prelu(&self, weight: &Tensor) -> Tensor {
        let channels = if self.rank() > 1 { self.shape()[1] } else { 1 };
        let fits = weight.numel() == 1 || weight.shape() == [channels];
        assert!(fits, "prelu: weight {:?} for input {:?}", weight.shape(), self.shape());
        let mut shape = vec![1; self.rank()];
        if weight.numel() > 1 {
            shape[1] = channels;
        }
        self.where_(&self.gt(0.0), &(self * weight.reshape(&shape)))
    }

    /// `x` where positive, `alpha * (exp(x) - 1)` elsewhere (Clevert et al. 2015).
    #[track_caller]
    pub fn elu(&self, alpha: f32) -> Tensor {
        self.exponential_below(alpha, 1.0)
    }

    /// `x` where positive, `alpha * (exp(x / alpha) - 1)` elsewhere: an ELU with a continuous slope (Barron 2017).
    #[track_caller]
    pub fn celu(&self, alpha: f32) -> Tensor {
        self.exponential_below(alpha, 1.0 / alpha)
    }

    /// A scaled [`elu`](Tensor::elu) that keeps activations normalised (Klambauer et al. 2017).
    #[track_caller]
    pub fn selu(&self) -> Tensor {
        self.elu(SELU_ALPHA) * SELU_SCALE
    }

    /// `x` where positive, `alpha * (exp(rate x) - 1)` elsewhere.
    #[track_caller]
    fn exponential_below(&self, alpha: f32, rate: f32) -> Tensor {
        // The exponential gets no positive numbers, so that its gradient there is 0 and not 0 * inf.
        let negative = self.where_(&self.le(0.0), &self.number(0.0));
        self.where_(&self.gt(0.0), &((negative * rate).expm1() * alpha))
    }

    /// `log(1 + exp(beta x)) / beta`, linear above `threshold`.
    #[track_caller]
    pub fn softplus(&self, beta: f32, threshold: f32) -> Tensor {
        let scaled = self * beta;
        let linear = scaled.gt(threshold);
        let safe = scaled.number(0.0).where_(&linear, &scaled);
        self.where_(&linear, &(safe.exp().log1p() / beta))
    }

    /// `x / (1 + |x|)`
    #[track_caller]
    pub fn softsign(&self) -> Tensor {
        self / (self.abs() + 1.0)
    }

    /// `x - tanh(x)`
    #[track_caller]
    pub fn tanhshrink(&self) -> Tensor {
        self - self.tanh()
    }

    /// 0 where `|x| <= lambda`, `x` elsewhere.
    #[track_caller]
    pub fn hardshrink(&self, lambda: f32) -> Tensor {
        self.number(0.0).where_(&self.abs().le(lambda), self)
    }

    /// 0 where `|x| <= lambda`, elsewhere `x` moved towards 0 by `lambda`: soft thresholding, which is the proximal step of
    /// `lambda * sum |x|`.
    #[doc(alias = "soft_threshold")]
    #[track_caller]
    pub fn softshrink(&self, lambda: f32) -> Tensor {
        self.number(0.0).where_(&self.abs().le(lambda), &(self - self.detach().sign() * lambda))
    }

    /// `x * sigmoid(x)` (also Swish).
    #[doc(alias = "swish")]
    #[track_caller]
    pub fn silu(&self) -> Tensor {
        self * self.sigmoid()
    }

    /// `x * tanh(softplus(x))` (Misra 2019).
    #[track_caller]
    pub fn mish(&self) -> Tensor {
        self * self.softplus(1.0, 20.0).tanh()
    }

    /// `(x + 3) / 6` limited to `0..=1`; the gradient at the bounds is 0 (Howard et al. 2019).
    #[track_caller]
    pub fn hardsigmoid(&self) -> Tensor {
        (self + 3.0).relu6() / 6.0
    }

    /// `x * hardsigmoid(x)` (Howard et al. 2019).
    #[track_caller]
    pub fn hardswish(&self) -> Tensor {
        self * self.hardsigmoid()
    }

    /// `x * Phi(x)` with the normal distribution function (Hendrycks and Gimpel 2016).
    #[track_caller]
    pub fn gelu(&self) -> Tensor {
        self * (self * -std::f32::consts::FRAC_1_SQRT_2).erfc() * 0.5
    }

    /// GELU by the approximation `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.
    #[track_caller]
    pub fn gelu_tanh(&self) -> Tensor {
        self.unary(Unary::GeluTanh)
    }

    /// `log(sigmoid(x))`, stable for large |x|.
    #[track_caller]
    pub fn logsigmoid(&self) -> Tensor {
        self.minimum(0.0) - (-self.abs()).exp().log1p()
    }

    /// The first half along `dim` times the sigmoid of the second (Dauphin et al. 2017).
    ///
    /// # Panics
    /// When the dimension has an odd size.
    #[track_caller]
    pub fn glu(&self, dim: isize) -> Tensor {
        let n = self.shape()[self.dim("glu", dim)];
        assert!(n.is_multiple_of(2), "glu: dimension {dim} of shape {:?} has an odd size", self.shape());
        self.narrow(dim, 0, n / 2) * self.narrow(dim, n / 2, n / 2).sigmoid()
    }
}
