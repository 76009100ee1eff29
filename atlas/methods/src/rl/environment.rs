//! Environments, and batches of them.

use autograd::{Device, Tensor};

use data::Draws;

/// The result of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// What is seen after the action; `OBSERVATION` numbers.
    pub observation: Vec<f32>,
    /// The reward of the action.
    pub reward: f32,
    /// The episode reached a terminal state: nothing follows it.
    pub terminated: bool,
    /// The episode was cut off by a time limit, though the task would go on.
    pub truncated: bool,
}

/// An episodic task, like Gymnasium's `Env`.
pub trait Environment {
    /// The length of an observation.
    const OBSERVATION: usize;
    /// The number of actions; they are `0..ACTIONS`.
    const ACTIONS: usize;

    /// Starts an episode and returns its first observation.
    fn reset(&mut self, draws: &mut Draws) -> Vec<f32>;

    /// Takes an action.
    fn step(&mut self, action: usize) -> Moved;
}

/// Several environments stepped together. An environment whose episode ends is reset at once.
///
/// ```
/// use methods::rl::{CartPole, VecEnv};
/// let mut envs = VecEnv::new(8, 42, CartPole::new);
/// while envs.returns().len() < 100 {
///     let moved = envs.step(&[0; 8]);
///     assert_eq!(moved.rewards, [1.0; 8]);
/// }
/// assert!(envs.mean_return(100) < 12.0); // always to the left: the pole falls soon
/// ```
pub struct VecEnv<E> {
    envs: Vec<E>,
    draws: Draws,
    observations: Vec<f32>,
    sums: Vec<f32>,
    returns: Vec<f32>,
}

/// The results of the actions in all environments, one entry each.
#[derive(Clone, Debug)]
pub struct VecMoved {
    /// The rewards of the actions.
    pub rewards: Vec<f32>,
    /// The observations after the step, before any reset: `[envs * OBSERVATION]`.
    pub next: Vec<f32>,
    /// Whether the episode reached a terminal state.
    pub terminated: Vec<bool>,
    /// Whether the episode was cut off by a time limit.
    pub truncated: Vec<bool>,
}

impl<E: Environment> VecEnv<E> {
    /// `count` environments created by `make`, with episodes seeded by `seed`.
    pub fn new(count: usize, seed: u64, make: impl Fn() -> E) -> VecEnv<E> {
        // A stream that agents with the same seed are unlikely to use.
        let mut draws = Draws::new(seed, 0, u32::MAX);
        let mut envs: Vec<E> = (0..count).map(|_| make()).collect();
        let observations = envs.iter_mut().flat_map(|env| env.reset(&mut draws)).collect();
        VecEnv { envs, draws, observations, sums: vec![0.0; count], returns: vec![] }
    }

    /// The number of environments.
    pub fn count(&self) -> usize {
        self.envs.len()
    }

    /// The current observations, flat: `[count * OBSERVATION]`.
    pub fn observations(&self) -> &[f32] {
        &self.observations
    }

    /// The current observations as a network's input: `[count, OBSERVATION]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn tensor(&self, device: &Device) -> autograd::Result<Tensor> {
        Tensor::from_slice(device, &self.observations, &[self.count(), E::OBSERVATION])
    }

    /// The returns (sums of rewards) of finished episodes, in the order in which they ended.
    pub fn returns(&self) -> &[f32] {
        &self.returns
    }

    /// The mean return of the last `count` finished episodes, or of all if there are fewer; NaN if there are none.
    pub fn mean_return(&self, count: usize) -> f64 {
        let last = &self.returns[self.returns.len().saturating_sub(count)..];
        last.iter().map(|&sum| f64::from(sum)).sum::<f64>() / last.len() as f64
    }

    /// Takes an action in each environment.
    ///
    /// # Panics
    /// When there are not as many actions as environments.
    #[track_caller]
    pub fn step(&mut self, actions: &[usize]) -> VecMoved {
        let count = self.count();
        assert_eq!(actions.len(), count, "VecEnv: actions of {count} environments");
        let mut all = VecMoved { rewards: vec![], next: vec![], terminated: vec![], truncated: vec![] };
        for (i, (env, &action)) in self.envs.iter_mut().zip(actions).enumerate() {
            let moved = env.step(action);
            all.rewards.push(moved.reward);
            all.next.extend(&moved.observation);
            all.terminated.push(moved.terminated);
            all.truncated.push(moved.truncated);
            self.sums[i] += moved.reward;
            let seen = if moved.terminated || moved.truncated {
                self.returns.push(std::mem::take(&mut self.sums[i]));
                env.reset(&mut self.draws)
            } else {
                moved.observation
            };
            self.observations[i * E::OBSERVATION..][..E::OBSERVATION].copy_from_slice(&seen);
        }
        all
    }
}

/// One episode, from its first observation to its last action.
#[derive(Clone, Debug, Default)]
pub struct Episode {
    /// `[steps, OBSERVATION]`, flat.
    pub observations: Vec<f32>,
    /// The actions `[steps]`, in `0..ACTIONS`.
    pub actions: Vec<i32>,
    /// The reward of each action, `[steps]`.
    pub rewards: Vec<f32>,
}

impl Episode {
    /// The sum of the rewards.
    pub fn sum(&self) -> f32 {
        self.rewards.iter().sum()
    }
}

impl<E: Environment> VecEnv<E> {
    /// Resets all environments and plays one whole episode in each, with actions chosen by `choose` from the observations `[count,
    /// OBSERVATION]`.
    ///
    /// # Errors
    /// Those of `choose`, and out of memory.
    pub fn play(
        &mut self,
        device: &Device,
        mut choose: impl FnMut(&Tensor) -> autograd::Result<Vec<usize>>,
    ) -> autograd::Result<Vec<Episode>> {
        let (envs, draws) = (&mut self.envs, &mut self.draws);
        self.observations = envs.iter_mut().flat_map(|env| env.reset(draws)).collect();
        self.sums.fill(0.0);
        let mut episodes = vec![Episode::default(); self.count()];
        let mut on = vec![true; self.count()];
        while on.contains(&true) {
            let actions = choose(&self.tensor(device)?)?;
            let seen = self.observations.clone();
            let moved = self.step(&actions);
            for i in (0..on.len()).filter(|&i| on[i]) {
                episodes[i].observations.extend(&seen[i * E::OBSERVATION..][..E::OBSERVATION]);
                episodes[i].actions.push(actions[i] as i32);
                episodes[i].rewards.push(moved.rewards[i]);
            }
            on.iter_mut().enumerate().for_each(|(i, on)| *on &= !(moved.terminated[i] || moved.truncated[i]));
        }
        Ok(episodes)
    }
}

/// One action per row of `logits [N, A]`, sampled with probabilities `softmax(logits)`.
///
/// # Errors
/// Whatever goes wrong on the device.
pub fn sample_actions(logits: &Tensor, draws: &mut Draws) -> autograd::Result<Vec<usize>> {
    let values = logits.to_vec::<f32>()?;
    Ok(values.chunks_exact(logits.size(1)).map(|row| draws.categorical(row)).collect())
}

/// The best action per row of `values [N, A]`, replaced by a random one with probability `epsilon`.
///
/// # Errors
/// Whatever goes wrong on the device.
pub fn epsilon_greedy_actions(
    values: &Tensor,
    epsilon: f64,
    draws: &mut Draws,
) -> autograd::Result<Vec<usize>> {
    let best = values.argmax(1, false).to_vec::<i32>()?;
    let action = |best: i32| {
        if draws.happens(epsilon) { draws.below(values.size(1) as u32) as usize } else { best as usize }
    };
    Ok(best.into_iter().map(action).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up to 3; the episode then terminates if `ends`, and is truncated otherwise.
    struct Count {
        at: f32,
        ends: bool,
    }

    impl Environment for Count {
        const OBSERVATION: usize = 1;
        const ACTIONS: usize = 1;

        fn reset(&mut self, _draws: &mut Draws) -> Vec<f32> {
            self.at = 0.0;
            vec![0.0]
        }

        fn step(&mut self, _action: usize) -> Moved {
            self.at += 1.0;
            let over = self.at == 3.0;
            let (terminated, truncated) = (over && self.ends, over && !self.ends);
            Moved { observation: vec![self.at], reward: self.at, terminated, truncated }
        }
    }

    #[test]
    fn episodes_follow_each_other() {
        for ends in [true, false] {
            let mut envs = VecEnv::new(2, 0, || Count { at: 0.0, ends });
            (0..2).for_each(|_| drop(envs.step(&[0, 0])));
            let moved = envs.step(&[0, 0]);
            assert_eq!((moved.next, envs.observations()), (vec![3.0; 2], &[0.0; 2][..]));
            assert_eq!((moved.terminated[0], moved.truncated[1]), (ends, !ends));
            assert_eq!(envs.returns(), [6.0, 6.0]);
        }
    }

    #[test]
    fn whole_episodes_are_recorded_once() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let mut envs = VecEnv::new(2, 0, || Count { at: 0.0, ends: true });
        envs.step(&[0, 0]);
        let episodes = envs.play(&device, |seen| Ok(vec![0; seen.size(0)]))?;
        assert_eq!(episodes.len(), 2);
        assert_eq!(episodes[1].observations, [0.0, 1.0, 2.0]);
        assert_eq!((episodes[0].sum(), envs.observations()), (6.0, &[0.0; 2][..]));
        Ok(())
    }

    #[test]
    fn actions_follow_logits_and_values() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let rows = Tensor::from_slice(&device, &[0.0f32, 3f32.ln()].repeat(4000), &[4000, 2])?;
        let mut draws = Draws::new(0, 0, 0);
        let share = |actions: Vec<usize>| actions.iter().sum::<usize>() as f64 / 4000.0;
        assert!((share(sample_actions(&rows, &mut draws)?) - 0.75).abs() < 0.03);
        assert_eq!(share(epsilon_greedy_actions(&rows, 0.0, &mut draws)?), 1.0);
        assert!((share(epsilon_greedy_actions(&rows, 0.5, &mut draws)?) - 0.75).abs() < 0.03);
        Ok(())
    }
}
