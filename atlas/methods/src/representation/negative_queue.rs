//! The queue of momentum contrast.

use autograd::{Result, Tensor, cat};

/// Keys of past batches, `[K, D]`, the negatives of MoCo's loss ([`info_nce_loss`](Tensor::info_nce_loss); He et al. 2019): the newest keys
/// replace the oldest.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::representation::NegativeQueue;
/// let device = Device::named("cpu")?;
/// let mut queue = NegativeQueue::new(&Tensor::zeros(&device, &[3, 1]));
/// queue.push(&Tensor::from_slice(&device, &[1.0f32, 2.0], &[2, 1])?)?;
/// queue.push(&Tensor::from_slice(&device, &[3.0f32, 4.0], &[2, 1])?)?;
/// assert_eq!(queue.keys().to_vec::<f32>()?, [2.0, 3.0, 4.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NegativeQueue {
    keys: Tensor,
}

impl NegativeQueue {
    /// A queue with the given initial keys `[K, D]`, such as random ones.
    pub fn new(keys: &Tensor) -> NegativeQueue {
        NegativeQueue { keys: keys.detach() }
    }

    /// `[K, D]`, the oldest first.
    pub fn keys(&self) -> &Tensor {
        &self.keys
    }

    /// Appends keys `[N, D]`, `N <= K`, and removes the `N` oldest. Gradients do not flow into the keys.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When there are more than `K` keys, or their width is not `D`.
    #[track_caller]
    pub fn push(&mut self, keys: &Tensor) -> Result<()> {
        let (length, new) = (self.keys.size(0), keys.size(0));
        assert!(new <= length, "NegativeQueue: {new} keys for a queue of {length}");
        let pushed = cat(&[&self.keys.narrow(0, new, length - new), &keys.detach()], 0);
        autograd::evaluate(&[&pushed])?;
        self.keys = pushed;
        Ok(())
    }
}
