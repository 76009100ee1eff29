//! Reading values some steps after they were computed, so that the host never waits for the device.

use std::collections::VecDeque;

use autograd::{Pending, Tensor};

/// A queue of pending readbacks, each with a context of the caller, such as the number of its step.
///
/// ```
/// use autograd::{Device, Tensor};
/// use train::Late;
/// let device = Device::named("cpu")?;
/// let mut losses = Late::new(1);
/// assert!(losses.push(0, &Tensor::scalar(&device, 2.5))?.is_none());
/// assert_eq!(losses.push(1, &Tensor::scalar(&device, 1.5))?, Some((0, vec![2.5])));
/// assert_eq!(losses.pop()?, Some((1, vec![1.5])));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Late<C> {
    queue: VecDeque<(C, Pending)>,
    lag: usize,
}

impl<C> Late<C> {
    /// An empty queue, whose values come back `lag` pushes later.
    pub fn new(lag: usize) -> Late<C> {
        Late { queue: VecDeque::new(), lag }
    }

    /// Starts reading back an f32 tensor, and returns the values pushed `lag` pushes earlier, with their context.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn push(&mut self, context: C, values: &Tensor) -> autograd::Result<Option<(C, Vec<f32>)>> {
        self.queue.push_back((context, values.fetch()?));
        if self.queue.len() > self.lag { self.pop() } else { Ok(None) }
    }

    /// Waits for the oldest values; `None` when none are pending.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn pop(&mut self) -> autograd::Result<Option<(C, Vec<f32>)>> {
        self.queue.pop_front().map(|(context, pending)| Ok((context, pending.to_vec()?))).transpose()
    }
}
