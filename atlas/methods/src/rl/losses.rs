//! Losses of policies and of action values.

use autograd::{Reduction, Tensor};
use models::distributions::{Categorical, Distribution};

/// `-mean(log pi(action) advantage)` (Williams 1992). With returns minus a baseline as advantages, its gradient is that of the expected
/// return, negated. `logits [N, A]` of the policy, `actions [N]` (i32), `advantages [N]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let logits = Tensor::zeros(&device, &[2, 2]).variable();
/// let actions = Tensor::from_slice(&device, &[0i32, 1], &[2])?;
/// let advantages = Tensor::from_slice(&device, &[1.0f32, -3.0], &[2])?;
/// let gradient = methods::rl::policy_gradient_loss(&logits, &actions, &advantages).backward();
/// // Per row: (pi - one_hot) advantage / N.
/// assert_eq!(gradient.get(&logits).unwrap().to_vec::<f32>()?, [-0.25, 0.25, -0.75, 0.75]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn policy_gradient_loss(logits: &Tensor, actions: &Tensor, advantages: &Tensor) -> Tensor {
    -(Categorical::new(logits).log_prob(actions) * advantages).mean_all()
}

/// The clipped objective of proximal policy optimisation, negated (Schulman et al. 2017, equation 7): minus the mean of `min(ratio A,
/// clamp(ratio, 1 - clip, 1 + clip) A)` with `ratio = exp(log_probs - old)`. All are `[N]`: the log-probabilities of the actions under the
/// current policy, those under the policy that took them, and the advantages.
///
/// ```
/// use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let of = |values: [f32; 4]| Tensor::from_slice(&device, &values, &[4]);
/// let log_probs = of([1.5f32, 1.5, 0.5, 0.5])?.log().variable();
/// let (old, advantages) = (of([0.0; 4])?, of([1.0, -1.0, 1.0, -1.0])?);
/// let loss = methods::rl::ppo_loss(&log_probs, &old, &advantages, 0.2);
/// assert!((loss.item()? - (-1.2 + 1.5 - 0.5 + 0.8) / 4.0).abs() < 1e-6);
/// // Once the ratio has moved by `clip` in the direction of the advantage, the gradient is 0.
/// let gradient = loss.backward().get(&log_probs).unwrap().to_vec::<f32>()?;
/// let moves: Vec<bool> = gradient.iter().map(|g| *g != 0.0).collect();
/// assert_eq!(moves, [false, true, true, false]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes differ.
#[track_caller]
pub fn ppo_loss(log_probs: &Tensor, old: &Tensor, advantages: &Tensor, clip: f32) -> Tensor {
    let (now, then) = (log_probs.shape(), old.shape());
    assert!(
        now == then && now == advantages.shape(),
        "ppo_loss: {now:?}, {then:?}, {:?}",
        advantages.shape()
    );
    let ratio = (log_probs - old).exp();
    let clipped = ratio.clamp(1.0 - clip, 1.0 + clip);
    -(ratio * advantages).minimum(clipped * advantages).mean_all()
}

/// The Huber loss between the values `[N, A]` of the actions taken, `actions [N]` (i32), and their `targets [N]`. Mnih et al. (2015) use a
/// `delta` of 1; if rare targets are far from the others, as at the ends of episodes, a large `delta` gives them full weight.
///
/// ```
/// use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let values = Tensor::from_slice(&device, &[0.0f32, 5.0, 1.0, 0.0], &[2, 2])?;
/// let (actions, targets) = (Tensor::constant(&device, &[1i32, 0], &[2]), Tensor::ones(&device, &[2]));
/// assert_eq!(methods::rl::td_loss(&values, &actions, &targets, 10.0).item()?, 4.0); // half of 16, and 0
/// assert_eq!(methods::rl::td_loss(&values, &actions, &targets, 1.0).item()?, 1.75);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn td_loss(values: &Tensor, actions: &Tensor, targets: &Tensor, delta: f32) -> Tensor {
    let taken = values.gather(1, &actions.unsqueeze(1)).squeeze(&[1]);
    taken.huber_loss(&targets.detach(), delta, Reduction::Mean)
}

/// The targets of Q-learning for the actions taken: `rewards + gamma value(next)`, or just the rewards if `terminated [N]` is 1. `target
/// [N, A]` are the target network's values of the next observations. Without `online`, `value` is the highest of them (Mnih et al. 2015);
/// with the online network's values in `online`, it is the target network's value of the action that is best by `online` (double
/// Q-learning, van Hasselt, Guez and Silver 2016).
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::rl::td_targets;
/// let device = Device::named("cpu")?;
/// let of = |values: &[f32], shape: &[usize]| Tensor::from_slice(&device, values, shape);
/// let (rewards, terminated) = (of(&[1.0, 1.0], &[2])?, of(&[0.0, 1.0], &[2])?);
/// let (target, online) = (of(&[4.0, 2.0, 4.0, 2.0], &[2, 2])?, of(&[0.0, 1.0, 0.0, 1.0], &[2, 2])?);
/// assert_eq!(td_targets(&rewards, &terminated, &target, None, 0.5).to_vec::<f32>()?, [3.0, 1.0]);
/// assert_eq!(td_targets(&rewards, &terminated, &target, Some(&online), 0.5).to_vec::<f32>()?, [2.0, 1.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn td_targets(
    rewards: &Tensor,
    terminated: &Tensor,
    target: &Tensor,
    online: Option<&Tensor>,
    gamma: f32,
) -> Tensor {
    let next = match online {
        None => target.amax(&[1], false),
        Some(online) => target.gather(1, &online.argmax(1, true)).squeeze(&[1]),
    };
    (rewards + (1.0 - terminated) * next * gamma).detach()
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Tensor};

    use super::policy_gradient_loss;
    use crate::rl::{Mdp, Successor};

    /// State 0 leads to state 1 or to the end, state 1 to the end; two actions each.
    fn mdp() -> Mdp {
        let of = |probability, next, reward| Successor { probability, next, reward };
        let first = vec![vec![of(0.7, 1, 0.5), of(0.3, 2, -1.0)], vec![of(0.2, 1, 2.0), of(0.8, 2, 0.25)]];
        let second = vec![vec![of(1.0, 2, 3.0)], vec![of(0.5, 2, -2.0), of(0.5, 2, 4.0)]];
        Mdp::new(vec![first, second, vec![]], 1.0)
    }

    fn policy(logits: &[f64; 4]) -> Vec<Vec<f64>> {
        let row = |a: f64, b: f64| vec![1.0 / (1.0 + (b - a).exp()), 1.0 / (1.0 + (a - b).exp())];
        vec![row(logits[0], logits[1]), row(logits[2], logits[3]), vec![]]
    }

    /// Every action of every possible episode: state, action, the probability, and the return from there on.
    fn choices(mdp: &Mdp, policy: &[Vec<f64>], state: usize, before: f64) -> Vec<(usize, i32, f64, f64)> {
        let mut all = Vec::new();
        for action in 0..mdp.actions(state) {
            for outcome in mdp.outcomes(state, action) {
                let p = before * policy[state][action] * outcome.probability;
                let later = choices(mdp, policy, outcome.next, p);
                // The value of the next state: the mean over its actions, weighted by probability.
                let follows: f64 = later
                    .iter()
                    .filter(|choice| choice.0 == outcome.next)
                    .map(|choice| choice.2 / p * choice.3)
                    .sum();
                all.push((state, action as i32, p, outcome.reward + follows));
                all.extend(later);
            }
        }
        all
    }

    #[test]
    fn the_mean_over_all_episodes_is_the_gradient_of_the_expected_return() -> autograd::Result<()> {
        let (mdp, theta) = (mdp(), [0.3, -0.2, 0.1, 0.7]);
        let device = Device::named("cpu")?;
        let all = choices(&mdp, &policy(&theta), 0, 1.0);
        let rows: Vec<i32> = all.iter().map(|choice| choice.0 as i32).collect();
        let actions: Vec<i32> = all.iter().map(|choice| choice.1).collect();
        let [rows, actions] = [rows, actions].map(|v| Tensor::constant(&device, &v, &[all.len()]));
        let values = mdp.evaluate(&policy(&theta));
        // A baseline does not change the expected gradient.
        for baseline in [0.0, 1.0] {
            let weight = |choice: &(usize, i32, f64, f64)| {
                all.len() as f64 * choice.2 * (choice.3 - baseline * values[choice.0])
            };
            let weights: Vec<f32> = all.iter().map(|choice| weight(choice) as f32).collect();
            let weights = Tensor::from_slice(&device, &weights, &[all.len()])?;
            let table = Tensor::from_slice(&device, &theta.map(|t| t as f32), &[2, 2])?.variable();
            let loss = policy_gradient_loss(&table.index_select(0, &rows), &actions, &weights);
            let got = loss.backward().get(&table).expect("of the logits").to_vec::<f32>()?;
            for (i, got) in got.iter().enumerate() {
                let moved = |by: f64| {
                    let mut theta = theta;
                    theta[i] += by;
                    mdp.evaluate(&policy(&theta))[0]
                };
                let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((f64::from(-got) - want).abs() < 1e-5, "logit {i}: {got} for {want}");
            }
        }
        Ok(())
    }
}
