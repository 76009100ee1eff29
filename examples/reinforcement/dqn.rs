//! Deep Q-learning (Mnih et al. 2015) on CartPole: a network of action values learns from a replay buffer, towards a target network that
//! follows it slowly; double Q-learning (van Hasselt, Guez and Silver 2016) beside it: `cargo run --release --example dqn`.

use studies::prelude::*;
use wgrad::models::Mlp;
use wgrad::models::rl::{self, CartPole, LinearEpsilon, Random, ReplayBuffer, VecEnv};

pub const STUDY: Study = Study {
    name: "dqn",
    about: "Deep Q-learning with replay and target network solves CartPole, plain and double.",
    on_gpu: false,
    data: None,
    run,
};

fn main() -> ExitCode {
    studies::main(&STUDY)
}

const BATCH: usize = 128;

struct Agent {
    params: Params,
    net: Mlp,
}

impl Agent {
    fn new(lab: &Lab) -> Agent {
        let params = lab.params();
        Agent {
            net: Mlp::new(
                &[
                    4,
                    std::env::var("W").ok().and_then(|v| v.parse().ok()).unwrap_or(64),
                    std::env::var("W").ok().and_then(|v| v.parse().ok()).unwrap_or(64),
                    2,
                ],
                &params,
            ),
            params,
        }
    }

    /// Values of the actions `[N, 2]`, at most 100 with a discount of 0.99.
    fn values(&self, seen: &Tensor) -> Tensor {
        let scale = Tensor::constant(seen.device(), &[0.5f32, 0.5, 5.0, 0.5], &[4]);
        self.net.forward(&(seen * scale))
            * std::env::var("SCALE").ok().and_then(|v| v.parse().ok()).unwrap_or(1.0)
    }
}

/// Trains an agent; returns it with the mean return of the last 100 episodes over the steps.
#[allow(non_snake_case)]
fn train(lab: &Lab, double: bool, steps: usize) -> Result<(Agent, Vec<(f64, f64)>)> {
    let ENVS: usize = std::env::var("ENVS").ok().and_then(|v| v.parse().ok()).unwrap_or(4);
    let (device, seed) = (lab.device(), lab.seed());
    let (online, target) = (Agent::new(lab), Agent::new(lab));
    target.params.freeze("*");
    let mut opt = Adam::new(&online.params);
    let mut envs = VecEnv::new(ENVS, seed, CartPole::new);
    let mut buffer = ReplayBuffer::new(100_000, 4);
    let mut random = Random::new(seed, 1);
    let epsilon = LinearEpsilon::new(1.0, 0.05, steps / 3);
    let gamma: f32 = std::env::var("GAMMA").ok().and_then(|v| v.parse().ok()).unwrap_or(0.99);
    let mut curve = Vec::new();
    let rate: f32 = std::env::var("LR").ok().and_then(|v| v.parse().ok()).unwrap_or(1e-3);
    let tau: f32 = std::env::var("TAU").ok().and_then(|v| v.parse().ok()).unwrap_or(0.01);
    for step in lab.steps(if double { "double DQN" } else { "DQN" }, steps) {
        let seen = envs.observations().to_vec();
        let values = online.values(&envs.tensor(device)?);
        let actions = rl::epsilon_greedy_actions(&values, epsilon.at(step), &mut random)?;
        let moved = envs.step(&actions);
        for (i, &action) in actions.iter().enumerate() {
            let of = |all: &'_ [f32]| [all[4 * i], all[4 * i + 1], all[4 * i + 2], all[4 * i + 3]];
            buffer.push(&of(&seen), action, moved.rewards[i], &of(&moved.next), moved.terminated[i]);
        }
        if buffer.len() < 500 {
            continue;
        }
        let batch = buffer.sample(BATCH, &mut random, device)?;
        let by_online = double.then(|| online.values(&batch.next).detach());
        let by_target = target.values(&batch.next);
        let targets =
            rl::td_targets(&batch.rewards, &batch.terminated, &by_target, by_online.as_ref(), gamma);
        let loss = online
            .values(&batch.observations)
            .gather(1, &batch.actions.unsqueeze(1))
            .squeeze(&[1])
            .huber_loss(
                &targets,
                std::env::var("DELTA").ok().and_then(|v| v.parse().ok()).unwrap_or(100.0),
                Reduction::Mean,
            );
        opt.step(loss.backward().clip_norm(10.0, 2.0).0, rate * (1.0 - step as f32 / steps as f32))?;
        rl::update_target(&target.params, &online.params, tau)?;
        if step % 100 == 99 {
            curve.push(((step * ENVS) as f64, envs.mean_return(100)));
        }
    }
    Ok((online, curve))
}

fn run(lab: &mut Lab) -> Result<()> {
    let steps = lab.pick(std::env::var("STEPS").ok().and_then(|v| v.parse().ok()).unwrap_or(20000), 2500);
    let mut panel = plot::Panel::new("", "step of the environments", "mean return of the last 100 episodes");
    for (name, double) in [("DQN", false), ("double DQN", true)]
        .into_iter()
        .skip(std::env::var("SKIP").ok().and_then(|v| v.parse().ok()).unwrap_or(0))
    {
        let (agent, curve) = train(lab, double, steps)?;
        let mut envs = VecEnv::new(100, lab.seed() + 1, CartPole::new);
        let mut random = Random::new(lab.seed(), 2);
        let best = envs
            .play(lab.device(), |seen| rl::epsilon_greedy_actions(&agent.values(seen), 0.0, &mut random))?;
        let best = f64::from(best.iter().map(rl::Episode::sum).sum::<f32>()) / 100.0;
        let last = curve.last().map_or(f64::NAN, |point| point.1);
        lab.figure(format!("{name}: last 100 episodes while learning"), last);
        lab.expect(format!("{name}: mean return of 100 new episodes"), best, lab.pick(450.0, 100.0)..=500.0);
        // Values cannot be above a reward of 1 for ever.
        let upright = Tensor::zeros(lab.device(), &[1, 4]);
        let value = agent.values(&upright).amax(&[1], false).item()?;
        lab.expect(format!("{name}: value of standing upright"), value, lab.pick(60.0, 10.0)..110.0);
        panel = panel.with(plot::Series::new(name, curve).exact());
    }
    lab.picture("dqn", |path| plot::Figure::new("CartPole").panel(panel).save(path))
}
