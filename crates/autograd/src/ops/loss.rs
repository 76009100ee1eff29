//! Losses, composed of other operations, one group per file. (Softmax cross-entropy is in `cross_entropy.rs`.)

mod binary;
mod contrastive;
mod ctc;
mod likelihood;
mod margin;
mod overlap;
mod penalty;
mod perceptual;
mod regression;
mod transducer;
mod wasserstein;

pub use margin::TripletMargin;
pub use penalty::{elastic_net_penalty, jacobian_penalty, l1_penalty, l2_penalty};
pub use perceptual::{perceptual_loss, style_loss};
pub use wasserstein::{gradient_penalty, wasserstein_critic_loss};

use crate::Tensor;

/// How the losses of single elements are reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The losses as they are.
    None,
    /// Their sum divided by their number.
    Mean,
    /// Their sum.
    Sum,
    /// The sum divided by the size of the first dimension: the mean of each example's sum.
    BatchMean,
}

impl Reduction {
    /// Reduces the losses of elements; also for losses defined in other crates.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let losses = Tensor::ones(&Device::named("cpu")?, &[2, 3]);
    /// assert_eq!(Reduction::Mean.apply(&losses).item()?, 1.0);
    /// assert_eq!(Reduction::BatchMean.apply(&losses).item()?, 3.0);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn apply(self, loss: &Tensor) -> Tensor {
        match self {
            Reduction::None => loss.clone(),
            Reduction::Sum => loss.sum_all(),
            Reduction::Mean => loss.mean_all(),
            Reduction::BatchMean => loss.sum_all() / loss.shape().first().map_or(1.0, |&n| n as f32),
        }
    }
}

/// # Panics
/// When the shapes differ: broadcasting a loss is nearly always a mistake.
#[track_caller]
fn expect_same(op: &str, x: &Tensor, target: &Tensor) {
    assert!(x.shape() == target.shape(), "{op}: input {:?}, target {:?}", x.shape(), target.shape());
}
