//! Special functions, composed of element-wise operations, so that they can be differentiated as often as these.

use crate::Tensor;
use crate::ops::map::Fixed;

/// Lanczos' coefficients for `g = 5` (Press et al., "Numerical recipes", section 6.1).
const LANCZOS: [f32; 6] = [76.180_09, -86.505_32, 24.014_1, -1.231_739_6, 1.208_650_9e-3, -5.395_239_4e-6];

/// From this argument on, the asymptotic series of the digamma function is accurate.
const ASYMPTOTIC: usize = 6;

impl Tensor {
    /// The logarithm of the gamma function for `x > 0`, with an error of at most `2e-6 max(1, |y|)`.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 4.0], &[2])?;
    /// let y = x.lgamma().to_vec::<f32>()?;
    /// assert!(y[0].abs() < 2e-6 && (y[1] - 6f32.ln()).abs() < 2e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn lgamma(&self) -> Tensor {
        let mut sum = Tensor::literal(self.device(), 1.0);
        for (i, &c) in LANCZOS.iter().enumerate() {
            sum = sum + Tensor::literal(self.device(), c) / (self + Fixed(i as f32 + 1.0));
        }
        let t = self + Fixed(5.5);
        (self + Fixed(0.5)) * t.log() - t + (sum * Fixed(2.506_628_3) / self).log()
    }

    /// The derivative of [`lgamma`](Tensor::lgamma) for `x > 0`, with an error of at most `1e-6 max(1, |y|)`.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0], &[2])?;
    /// let y = x.digamma().to_vec::<f32>()?;
    /// // Euler's constant.
    /// assert!((y[0] + 0.577_215_7).abs() < 1e-6 && (y[1] - 0.422_784_3).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn digamma(&self) -> Tensor {
        // psi(x) = psi(x + 1) - 1 / x, until the asymptotic series is accurate.
        let mut steps = self.reciprocal();
        for i in 1..ASYMPTOTIC {
            steps = steps + (self + Fixed(i as f32)).reciprocal();
        }
        let z = self + Fixed(ASYMPTOTIC as f32);
        let q = z.square().reciprocal();
        let series = (&q * Fixed(-1.0 / 252.0) + Fixed(1.0 / 120.0)) * &q + Fixed(-1.0 / 12.0);
        z.log() - z.reciprocal() * Fixed(0.5) + series * q - steps
    }

    /// `self * log(other)`, and 0 where `self` is 0 and `other` is not above 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[0.0f32, 1.0], &[2])?;
    /// assert_eq!(x.xlogy(&x).to_vec::<f32>()?, [0.0, 0.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn xlogy(&self, other: &Tensor) -> Tensor {
        let zero = self.eq(Fixed(0.0)).logical_and(other.le(Fixed(0.0)));
        // Replaced before the logarithm, so that no infinity is multiplied by 0.
        self * Tensor::literal(self.device(), 1.0).where_(&zero, other).log()
    }
}
