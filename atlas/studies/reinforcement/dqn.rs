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
const BATCH: usize = 128;
const WARM_UP: usize = 500;
/// Updates of the network per step of all environments.
const UPDATES: usize = 4;
/// The share by which an update moves the target network.
const TAU: f32 = 0.01;
const GAMMA: f32 = 0.98;
/// With this discount, a reward of 1 for ever is worth 50.
const FOR_EVER: f64 = 1.0 / (1.0 - GAMMA as f64);

struct Agent {
    params: Params,
    net: Mlp,
}

impl Agent {
    fn new(lab: &Lab) -> Agent {
        let params = lab.params();
        Agent { net: Mlp::new(&params, &[4, 256, 256, 2]), params }
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

/// An agent after training, and its history.
struct Trained {
    agent: Agent,
    /// Ten times the steps taken and the greedy return over 20 episodes.
    curve: Vec<(f64, f64)>,
    updates: usize,
}

fn train(lab: &Lab, double: bool, steps: usize) -> Result<Trained> {
    let (device, seed) = (lab.device(), lab.seed());
    let (online, target) = (Agent::new(lab), Agent::new(lab));
    target.params.freeze("*");
    let mut opt = Adam::new(&online.params);
    let mut envs = VecEnv::new(ENVS, seed, CartPole::new);
    // Nothing is forgotten: once the agent balances, only old episodes show how poles fall.
    let mut buffer = ReplayBuffer::new(ENVS * steps, 4);
    let mut draws = Draws::new(seed, 0, 1);
    let epsilon = LinearEpsilon::new(1.0, 0.05, steps / 3);
    let (mut curve, mut updates) = (Vec::new(), 0);
    for step in lab.steps(if double { "double DQN" } else { "DQN" }, steps) {
        let seen = envs.observations().to_vec();
        let values = online.values(&envs.tensor(device)?);
        let actions = rl::epsilon_greedy_actions(&values, epsilon.at(step), &mut draws)?;
        let moved = envs.step(&actions);
        let pairs = seen.chunks_exact(4).zip(moved.next.chunks_exact(4));
        for (i, (seen, next)) in pairs.enumerate() {
            buffer.push(seen, actions[i], moved.rewards[i], next, moved.terminated[i]);
        }
        if buffer.len() < WARM_UP {
            continue;
        }
        for _ in 0..UPDATES {
            let batch = buffer.sample(BATCH, &mut draws, device)?;
            let by_online = double.then(|| online.values(&batch.next).detach());
            let by_target = target.values(&batch.next);
            let targets =
                rl::td_targets(&batch.rewards, &batch.terminated, &by_target, by_online.as_ref(), GAMMA);
            let loss = rl::td_loss(&online.values(&batch.observations), &batch.actions, &targets, 100.0);
            opt.step(loss.backward().clip_norm(10.0, 2.0).0, 1e-3 * (1.0 - step as f32 / steps as f32))?;
            rl::update_target(&target.params, &online.params, TAU)?;
            updates += 1;
        }
        if (step + 1) % (steps / 10) == 0 {
            curve.push((((step + 1) * ENVS) as f64, online.judge(lab, 20, seed + 1)?));
        }
    }
    Ok(Trained { agent: online, curve, updates })
}

fn run(lab: &mut Lab) -> Result<()> {
    let steps = lab.pick(8000, 800);
    let mut panel = plot::Panel::new("", "step of the environments", "mean return of 20 episodes");
    for (name, double) in [("DQN", false), ("double DQN", true)] {
        let Trained { agent, curve, updates } = train(lab, double, steps)?;
        // A random policy's mean is 22.
        let found = agent.judge(lab, 100, lab.seed() + 2)?;
        lab.expect(format!("{name}: mean return of 100 new episodes"), found, lab.pick(450.0, 100.0)..=500.0);
        let upright = Tensor::zeros(lab.device(), &[1, 4]);
        let value = f64::from(agent.values(&upright).amax(&[1], false).item()?);
        lab.figure(format!("{name}: value of standing upright"), value);
        // The target network follows with a time constant of 1 / TAU updates, and each time takes the rest down by the discount.
        let renewals = f64::from(TAU) * updates as f64;
        let theory = FOR_EVER * (1.0 - f64::from(GAMMA).powf(renewals));
        lab.expect(format!("{name}: value of standing upright over theory"), value / theory, 0.8..1.2);
        panel = panel.with(plot::Series::new(name, curve));
    }
    lab.picture("dqn", |path| plot::Figure::new("CartPole").panel(panel).save(path))
}
