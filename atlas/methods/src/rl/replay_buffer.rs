//! A buffer of past transitions.

use autograd::{Device, Tensor};

use data::Draws;

/// The last transitions, for sampling in any order (Lin 1992; Mnih et al. 2015).
///
/// ```
/// use data::Draws;
/// use methods::rl::ReplayBuffer;
/// let device = autograd::Device::named("cpu")?;
/// let mut buffer = ReplayBuffer::new(2, 1);
/// for i in 0..3 {
///     buffer.push(&[i as f32], i, 10.0 * i as f32, &[i as f32 + 1.0], i == 2);
/// }
/// assert_eq!(buffer.len(), 2); // the oldest is forgotten
/// let batch = buffer.sample(64, &mut Draws::new(0, 0, 0), &device)?;
/// assert_eq!(batch.observations.shape(), [64, 1]);
/// let rewards = batch.rewards.to_vec::<f32>()?;
/// assert!(rewards.iter().all(|&r| r == 10.0 || r == 20.0));
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReplayBuffer {
    capacity: usize,
    width: usize,
    observations: Vec<f32>,
    next: Vec<f32>,
    actions: Vec<i32>,
    rewards: Vec<f32>,
    terminated: Vec<f32>,
    /// Where the next transition is written.
    at: usize,
}

/// A batch of sampled transitions.
#[derive(Clone, Debug)]
pub struct ReplayBatch {
    /// `[N, width]`
    pub observations: Tensor,
    /// `[N]`, i32
    pub actions: Tensor,
    /// `[N]`
    pub rewards: Tensor,
    /// `[N, width]`
    pub next: Tensor,
    /// `[N]`, 1 if the step ended the task.
    pub terminated: Tensor,
}

impl ReplayBuffer {
    /// A buffer for `capacity` transitions with observations of `width` numbers.
    ///
    /// # Panics
    /// When `capacity` is 0.
    #[track_caller]
    pub fn new(capacity: usize, width: usize) -> ReplayBuffer {
        assert!(capacity > 0, "ReplayBuffer: no capacity");
        ReplayBuffer {
            capacity,
            width,
            observations: vec![],
            next: vec![],
            actions: vec![],
            rewards: vec![],
            terminated: vec![],
            at: 0,
        }
    }

    /// Number of transitions, at most the capacity.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether no transition was added.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Adds a transition; in a full buffer it replaces the oldest.
    ///
    /// # Panics
    /// When an observation does not have the buffer's width.
    #[track_caller]
    pub fn push(&mut self, observation: &[f32], action: usize, reward: f32, next: &[f32], terminated: bool) {
        let width = self.width;
        let fits = observation.len() == width && next.len() == width;
        assert!(fits, "ReplayBuffer: observations of {} and {}, not {width}", observation.len(), next.len());
        let terminated = if terminated { 1.0 } else { 0.0 };
        if self.len() < self.capacity {
            self.observations.extend(observation);
            self.next.extend(next);
            self.actions.push(action as i32);
            self.rewards.push(reward);
            self.terminated.push(terminated);
        } else {
            let i = self.at;
            self.observations[i * width..][..width].copy_from_slice(observation);
            self.next[i * width..][..width].copy_from_slice(next);
            (self.actions[i], self.rewards[i], self.terminated[i]) = (action as i32, reward, terminated);
        }
        self.at = (self.at + 1) % self.capacity;
    }

    /// `count` transitions, drawn with replacement.
    ///
    /// # Errors
    /// Out of memory.
    ///
    /// # Panics
    /// When the buffer is empty.
    #[track_caller]
    pub fn sample(&self, count: usize, draws: &mut Draws, device: &Device) -> autograd::Result<ReplayBatch> {
        let rows: Vec<usize> = (0..count).map(|_| draws.below(self.len() as u32) as usize).collect();
        let wide = |from: &[f32]| {
            let values: Vec<f32> =
                rows.iter().flat_map(|row| &from[row * self.width..][..self.width]).copied().collect();
            Tensor::from_slice(device, &values, &[count, self.width])
        };
        let single = |from: &[f32]| {
            let values: Vec<f32> = rows.iter().map(|&row| from[row]).collect();
            Tensor::from_slice(device, &values, &[count])
        };
        let actions: Vec<i32> = rows.iter().map(|&row| self.actions[row]).collect();
        Ok(ReplayBatch {
            observations: wide(&self.observations)?,
            actions: Tensor::from_slice(device, &actions, &[count])?,
            rewards: single(&self.rewards)?,
            next: wide(&self.next)?,
            terminated: single(&self.terminated)?,
        })
    }
}
