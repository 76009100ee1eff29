//! The queue of momentum contrast.

use autograd::{Result, Tensor, cat};

/// Keys of past batches, `[K, D]`, the negatives of MoCo's loss ([`info_nce_loss`](Tensor::info_nce_loss); He et al. 2019): the newest
/// keys take the places of the oldest.
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
    /// A queue of the length of its first keys `[K, D]`, such as random ones.
    pub fn new(keys: &Tensor) -> NegativeQueue {
        NegativeQueue { keys: keys.detach() }
    }

    /// `[K, D]`, the oldest first.
    pub fn keys(&self) -> &Tensor {
        &self.keys
    }

    /// Puts keys `[N, D]` in, of `N` up to `K`, and the oldest out. Gradients do not flow into them.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When there are more than the queue holds, or they have another length.
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
