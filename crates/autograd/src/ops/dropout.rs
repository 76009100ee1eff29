//! Inverted dropout (Srivastava et al. 2014): scaling happens in training only. Every call draws new numbers, without a new plan.

use super::random::Generator;
use crate::{Tensor, autocast};

/// `scale * alpha` of the SELU: the negative of its least value.
const SELU_FLOOR: f32 = 1.758_099_3;

impl Tensor {
    /// Zeroes elements with probability `p`, and divides the others by `1 - p`, so that expected values stay the same.
    ///
    /// # Panics
    /// When `p` is not in `0..=1`.
    ///
    /// ```
    /// # use autograd::{Device, Generator, Tensor};
    /// let x = Tensor::ones(&Device::named("cpu")?, &[1000]);
    /// let y = x.dropout(0.25, &Generator::new(0)).to_vec::<f32>()?;
    /// assert!(y.iter().all(|&y| y == 0.0 || y == 1.0 / 0.75));
    /// assert!((200..300).contains(&y.iter().filter(|&&y| y == 0.0).count()));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn dropout(&self, p: f32, generator: &Generator) -> Tensor {
        self.dropout_along(p, &[], generator)
    }

    /// [`dropout`](Tensor::dropout) that draws once for all elements along `dims`, and so keeps or drops them together. `dims` are the
    /// positions to drop whole channels (spatial dropout, Tompson et al. 2015), the time steps to drop the same units in all of them
    /// (variational dropout, Gal and Ghahramani 2016), or all but the batch for stochastic depth (Huang et al. 2016).
    ///
    /// # Panics
    /// When `p` is not in `0..=1`, or there is no such dimension.
    ///
    /// ```
    /// # use autograd::{Device, Generator, Tensor};
    /// let x = Tensor::ones(&Device::named("cpu")?, &[50, 2]);
    /// let y = x.dropout_along(0.5, &[1], &Generator::new(0)).to_vec::<f32>()?;
    /// assert!(y.chunks(2).all(|row| row == [0.0, 0.0] || row == [2.0, 2.0]));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias("dropout1d", "dropout2d", "dropout3d"))]
    #[track_caller]
    pub fn dropout_along(&self, p: f32, dims: &[isize], generator: &Generator) -> Tensor {
        let kept = self.kept("dropout", p, dims, generator);
        // All are dropped where p is 1: no division by 0.
        let scale = kept * (1.0 / (1.0 - p).max(f32::MIN_POSITIVE));
        autocast::result("dropout", &[self], self * scale)
    }

    /// Sets elements to the SELU's least value with probability `p`, then scales and shifts all elements, so that mean 0 and variance 1
    /// are preserved (Klambauer et al. 2017).
    ///
    /// # Panics
    /// When `p` is not in `0..1`.
    ///
    /// ```
    /// # use autograd::{Device, Generator, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Generator::new(1).normal(&device, &[10_000]);
    /// let y = x.alpha_dropout(0.3, &Generator::new(0));
    /// assert!(y.mean_all().item()?.abs() < 0.05);
    /// assert!((y.var(&[0], 1.0, false).item()? - 1.0).abs() < 0.05);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn alpha_dropout(&self, p: f32, generator: &Generator) -> Tensor {
        assert!(p < 1.0, "alpha_dropout: probability {p}");
        let kept = self.kept("alpha_dropout", p, &[], generator);
        let scale = 1.0 / ((SELU_FLOOR * SELU_FLOOR * p + 1.0) * (1.0 - p)).sqrt();
        self * (&kept * scale) + (kept + (p - 1.0)) * (SELU_FLOOR * scale)
    }

    /// 1 for kept elements, 0 for dropped ones; of size 1 along `dims`.
    #[track_caller]
    fn kept(&self, op: &str, p: f32, dims: &[isize], generator: &Generator) -> Tensor {
        assert!((0.0..=1.0).contains(&p), "{op}: probability {p}");
        self.expect_float(op);
        let mut shape = self.shape().to_vec();
        for d in self.dims(op, dims) {
            shape[d] = 1;
        }
        generator.bernoulli(self.device(), 1.0 - p, &shape)
    }
}
