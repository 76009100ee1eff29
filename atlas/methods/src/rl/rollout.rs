//! Rollouts of a policy, and the advantages of its actions.

use autograd::{Device, Tensor};

use super::{Environment, VecEnv};

/// Steps of several environments: `[steps, envs]`, flat in row-major order, with observations `[steps, envs, OBSERVATION]`.
#[derive(Clone, Debug)]
pub struct Rollout {
    envs: usize,
    width: usize,
    /// What was seen before each action, `[steps, envs, OBSERVATION]`.
    pub observations: Vec<f32>,
    /// The actions, `[steps, envs]`.
    pub actions: Vec<i32>,
    /// The rewards, `[steps, envs]`.
    pub rewards: Vec<f32>,
    /// The observations after each step, before any reset.
    pub next: Vec<f32>,
    /// Whether a step reached a terminal state, `[steps, envs]`.
    pub terminated: Vec<bool>,
    /// Whether a step was cut off by a time limit, `[steps, envs]`.
    pub truncated: Vec<bool>,
}

impl Rollout {
    /// Continues for `steps` steps with actions chosen by `choose` from the observations `[envs, OBSERVATION]`.
    ///
    /// # Errors
    /// Those of `choose`, and out of memory.
    pub fn collect<E: Environment>(
        envs: &mut VecEnv<E>,
        device: &Device,
        steps: usize,
        mut choose: impl FnMut(&Tensor) -> autograd::Result<Vec<usize>>,
    ) -> autograd::Result<Rollout> {
        let mut all = Rollout {
            envs: envs.count(),
            width: E::OBSERVATION,
            observations: vec![],
            actions: vec![],
            rewards: vec![],
            next: vec![],
            terminated: vec![],
            truncated: vec![],
        };
        for _ in 0..steps {
            let actions = choose(&envs.tensor(device)?)?;
            all.observations.extend(envs.observations());
            let moved = envs.step(&actions);
            all.actions.extend(actions.iter().map(|&action| action as i32));
            all.rewards.extend(moved.rewards);
            all.next.extend(moved.next);
            all.terminated.extend(moved.terminated);
            all.truncated.extend(moved.truncated);
        }
        Ok(all)
    }

    /// The number of transitions: steps times environments.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether no step was collected.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Observations `[len, OBSERVATION]` and actions `[len]` (i32).
    ///
    /// # Errors
    /// Out of memory.
    pub fn tensors(&self, device: &Device) -> autograd::Result<[Tensor; 2]> {
        Ok([
            Tensor::from_slice(device, &self.observations, &[self.len(), self.width])?,
            Tensor::from_slice(device, &self.actions, &[self.len()])?,
        ])
    }

    /// The observations after the steps: `[len, OBSERVATION]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn next_tensor(&self, device: &Device) -> autograd::Result<Tensor> {
        Tensor::from_slice(device, &self.next, &[self.len(), self.width])
    }

    /// Generalised advantage estimation (Schulman et al. 2015): the sums of `(gamma lambda)^k delta_(t+k)` to the end of the episode, with
    /// `delta_t = reward_t + gamma value(next_t) - value_t`; after termination `value(next_t)` is 0, after truncation it counts. With
    /// `lambda` 1 these are returns minus values, with 0 one-step errors. `values` and `next_values` are the values of the observations
    /// before and after each step, `[len]`. Returns the advantages and the value targets (advantages plus values), `[len]` each.
    ///
    /// # Panics
    /// When there are not as many values as steps.
    #[track_caller]
    pub fn advantages(
        &self,
        values: &[f32],
        next_values: &[f32],
        gamma: f32,
        lambda: f32,
    ) -> (Vec<f32>, Vec<f32>) {
        let fits = values.len() == self.len() && next_values.len() == self.len();
        assert!(fits, "advantages: {} and {} values of {}", values.len(), next_values.len(), self.len());
        let mut advantages = vec![0.0; self.len()];
        for i in (0..self.len()).rev() {
            let goes_on = if self.terminated[i] { 0.0 } else { 1.0 };
            let delta = self.rewards[i] + gamma * goes_on * next_values[i] - values[i];
            let over = self.terminated[i] || self.truncated[i];
            let later = advantages.get(i + self.envs).filter(|_| !over).copied().unwrap_or(0.0);
            advantages[i] = delta + gamma * lambda * later;
        }
        let targets = advantages.iter().zip(values).map(|(advantage, value)| advantage + value).collect();
        (advantages, targets)
    }
}

/// Discounted sums of the rewards `[T]` of one episode, from each step to the end: `G_t = reward_t + gamma G_(t+1)`.
///
/// ```
/// assert_eq!(methods::rl::returns(&[1.0, 0.0, 4.0], 0.5), [2.0, 2.0, 4.0]);
/// ```
pub fn returns(rewards: &[f32], gamma: f32) -> Vec<f32> {
    let mut sums: Vec<f32> = rewards.to_vec();
    for t in (1..sums.len()).rev() {
        sums[t - 1] += gamma * sums[t];
    }
    sums
}

/// Values shifted and scaled to mean 0 and standard deviation 1; all 0 if they are equal.
///
/// ```
/// assert_eq!(methods::rl::standardized(&[1.0, 3.0]), [-1.0, 1.0]);
/// ```
pub fn standardized(values: &[f32]) -> Vec<f32> {
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
    values.iter().map(|v| (v - mean) / variance.sqrt().max(1e-8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two environments with three steps: the first terminates after two, the second is truncated after one.
    fn rollout() -> Rollout {
        let [no, yes] = [false, true];
        Rollout {
            envs: 2,
            width: 0,
            observations: vec![],
            actions: vec![],
            rewards: vec![1.0, 10.0, 2.0, 20.0, 4.0, 40.0],
            next: vec![],
            terminated: vec![no, no, yes, no, no, no],
            truncated: vec![no, yes, no, no, no, no],
        }
    }

    const VALUES: [f32; 6] = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0];
    const NEXT: [f32; 6] = [1.5, 7.0, 9.0, 3.0, 5.0, 6.0];

    #[test]
    fn lambda_one_gives_returns_less_values() {
        let (advantages, targets) = rollout().advantages(&VALUES, &NEXT, 0.5, 1.0);
        // 1 + 2/2 | 10 + 7/2 | 2 | 20 + 40/2 + 6/4 | 4 + 5/2 | 40 + 6/2
        assert_eq!(targets, [2.0, 13.5, 2.0, 41.5, 6.5, 43.0]);
        assert_eq!(advantages[0], 1.5);
    }

    #[test]
    fn lambda_zero_gives_the_errors_of_single_steps() {
        let (advantages, _) = rollout().advantages(&VALUES, &NEXT, 0.5, 0.0);
        assert_eq!(advantages, [1.25, 12.5, 0.5, 19.5, 4.0, 40.0]);
    }

    #[test]
    fn lambda_between_follows_the_sum() {
        let (advantages, _) = rollout().advantages(&VALUES, &NEXT, 0.5, 0.8);
        // The first: its own error, plus that of the second step times 0.5 * 0.8.
        assert!((advantages[0] - (1.25 + 0.4 * 0.5)).abs() < 1e-6);
        assert_eq!(advantages[1], 12.5, "nothing of the next episode");
        assert!((advantages[3] - (19.5 + 0.4 * 40.0)).abs() < 1e-5);
    }
}
