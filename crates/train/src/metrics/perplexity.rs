//! Perplexity of a language model.

use autograd::{CrossEntropy, DType, Device, Reduction, Tensor};

use super::classes::flat_labels;
use super::counts::Counts;
use super::sums::Sums;
use crate::Result;

/// The label that is ignored by default, as in PyTorch.
const IGNORED: i32 = -100;

/// The exponential of the mean cross-entropy of tokens (`torchmetrics.text.Perplexity`), summed on the device. Updates record
/// operations, as [`Accuracy`](super::Accuracy)'s do.
///
/// ```
/// use autograd::{Device, Tensor};
/// use train::metrics::Perplexity;
/// let device = Device::named("cpu")?;
/// let mut perplexity = Perplexity::new(&device)?;
/// let tokens = Tensor::from_slice(&device, &[3i32, 1], &[2])?;
/// perplexity.update(&Tensor::zeros(&device, &[2, 5]), &tokens);
/// assert!((perplexity.compute()? - 5.0).abs() < 1e-5);
/// # Ok::<(), train::Error>(())
/// ```
pub struct Perplexity {
    ignored: i32,
    loss: Sums,
    tokens: Counts,
}

impl Perplexity {
    /// A perplexity without data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn new(device: &Device) -> Result<Perplexity> {
        Ok(Perplexity { ignored: IGNORED, loss: Sums::new(device, 1)?, tokens: Counts::new(device, 1)? })
    }

    /// Ignores this token, such as padding, instead of -100.
    pub fn ignoring(self, token: i32) -> Perplexity {
        Perplexity { ignored: token, ..self }
    }

    /// Adds a batch: f32 logits `[N, V]` or, as for `cross_entropy_with`, `[N, V, ..]`, and integer tokens `[N, ..]`. A token outside
    /// of the vocabulary makes the result NaN.
    ///
    /// # Panics
    /// When shapes or types do not fit.
    #[track_caller]
    pub fn update(&mut self, logits: &Tensor, tokens: &Tensor) {
        let flat = flat_labels("Perplexity", tokens);
        let loss = logits.detach().cross_entropy_with(
            tokens,
            CrossEntropy { ignore_index: self.ignored, reduction: Reduction::Sum, ..CrossEntropy::default() },
        );
        self.loss.add(&loss.reshape(&[1]));
        self.tokens.add(&flat.ne(self.ignored).to(DType::I32).sum(&[0], true));
    }

    /// The perplexity since the start or the last reset; NaN without tokens.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn compute(&self) -> Result<f64> {
        Ok((self.loss.read()?[0] / self.tokens.read()?[0] as f64).exp())
    }

    /// Discards all data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn reset(&mut self) -> Result<()> {
        self.loss.reset()?;
        self.tokens.reset()
    }
}
