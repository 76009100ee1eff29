//! Deep Q-learning (Mnih et al. 2015) on CartPole: a network of action values learns from a replay buffer, with targets from a slowly
//! updated target network; also double Q-learning (van Hasselt, Guez and Silver 2016): `cargo run --release -p wgrad-atlas -- dqn`.

use atlas::prelude::*;
use methods::rl::{self, CartPole, LinearEpsilon, ReplayBuffer, VecEnv};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "dqn",
    about: "Deep Q-learning with replay and target network balances CartPole's pole, plain and double.",
    on_gpu: false,
    data: None,
    run,
};

const ENVS: usize = 8;
const BATCH: usize = 64;
const GAMMA: f32 = 0.98;

struct Agent {
    params: Params,
    net: Mlp,
}

impl Agent {
    fn new(lab: &Lab) -> Agent {
        let params = lab.params();
        Agent { net: Mlp::new(&params, &[4, 128, 128, 2]), params }
    }

    /// Values of the actions, `[N, 2]`.
    fn values(&self, seen: &Tensor) -> Tensor {
        let scale = Tensor::constant(seen.device(), &[0.5f32, 0.5, 5.0, 0.5], &[4]);
        self.net.forward(&(seen * scale))
    }

    /// The mean return of greedy episodes in new environments.
    fn judge(&self, lab: &Lab, episodes: usize, seed: u64) -> Result<f64> {
        let mut envs = VecEnv::new(episodes, seed, CartPole::new);
        let mut draws = Draws::new(seed, 0, 2);
        let played =
            envs.play(lab.device(), |seen| rl::epsilon_greedy_actions(&self.values(seen), 0.0, &mut draws))?;
        Ok(f64::from(played.iter().map(rl::Episode::sum).sum::<f32>()) / episodes as f64)
    }
}

/// Trains an agent. Returns the best of ten checkpoints by the return over 20 episodes, and the returns of all of them.
fn train(lab: &Lab, double: bool, steps: usize) -> Result<(Agent, Vec<(f64, f64)>)> {
    let (device, seed) = (lab.device(), lab.seed());
    let (online, target, best) = (Agent::new(lab), Agent::new(lab), Agent::new(lab));
    target.params.freeze("*");
    let mut opt = Adam::new(&online.params);
    let mut envs = VecEnv::new(ENVS, seed, CartPole::new);
    let mut buffer = ReplayBuffer::new(100_000, 4);
    let mut draws = Draws::new(seed, 0, 1);
    let epsilon = LinearEpsilon::new(1.0, 0.05, steps / 3);
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for step in lab.steps(if double { "double DQN" } else { "DQN" }, steps) {
        let seen = envs.observations().to_vec();
        let values = online.values(&envs.tensor(device)?);
        let actions = rl::epsilon_greedy_actions(&values, epsilon.at(step), &mut draws)?;
        let moved = envs.step(&actions);
        let pairs = seen.chunks_exact(4).zip(moved.next.chunks_exact(4));
        for (i, (seen, next)) in pairs.enumerate() {
            buffer.push(seen, actions[i], moved.rewards[i], next, moved.terminated[i]);
        }
        if buffer.len() < 500 {
            continue;
        }
        let batch = buffer.sample(BATCH, &mut draws, device)?;
        let by_online = double.then(|| online.values(&batch.next).detach());
        let by_target = target.values(&batch.next);
        let targets =
            rl::td_targets(&batch.rewards, &batch.terminated, &by_target, by_online.as_ref(), GAMMA);
        let loss = rl::td_loss(&online.values(&batch.observations), &batch.actions, &targets, 100.0);
        opt.step(loss.backward().clip_norm(10.0, 2.0).0, 1e-3 * (1.0 - step as f32 / steps as f32))?;
        rl::update_target(&target.params, &online.params, 0.01)?;
        if (step + 1) % (steps / 10) == 0 {
            let found = online.judge(lab, 20, seed + 1)?;
            if curve.iter().all(|point| point.1 < found) {
                rl::update_target(&best.params, &online.params, 1.0)?;
            }
            curve.push((((step + 1) * ENVS) as f64, found));
        }
    }
    Ok((best, curve))
}

fn run(lab: &mut Lab) -> Result<()> {
    let steps = lab.pick(8000, 800);
    let mut panel = plot::Panel::new("", "step of the environments", "mean return of 20 episodes");
    for (name, double) in [("DQN", false), ("double DQN", true)] {
        let (agent, curve) = train(lab, double, steps)?;
        let found = agent.judge(lab, 100, lab.seed() + 2)?;
        lab.expect(format!("{name}: mean return of 100 new episodes"), found, lab.pick(450.0, 150.0)..=500.0);
        // With a discount of 0.98, a reward of 1 for ever is worth 50.
        let upright = Tensor::zeros(lab.device(), &[1, 4]);
        let value = agent.values(&upright).amax(&[1], false).item()?;
        lab.expect(format!("{name}: value of standing upright, at most 50"), value, 1.0..52.0);
        panel = panel.with(plot::Series::new(name, curve));
    }
    lab.picture("dqn", |path| plot::Figure::new("CartPole").panel(panel).save(path))
}
