//! Proximal policy optimisation (Schulman et al. 2017) on CartPole: several passes over each rollout with a clipped objective, which keeps
//! the new policy near the old one, an entropy bonus and generalised advantages: `cargo run --release -p wgrad-atlas -- ppo`.

use atlas::prelude::*;
use methods::rl::{self, CartPole, Rollout, VecEnv};
use wgrad::models::distributions::{Categorical, Distribution, Entropy};

pub const STUDY: Study = Study {
    name: "ppo",
    about: "Proximal policy optimisation with clipping, entropy bonus and GAE solves CartPole.",
    on_gpu: false,
    data: None,
    run,
};

const ENVS: usize = 8;
const STEPS: usize = 128;
const EPOCHS: usize = 4;
const MINIBATCHES: usize = 4;
const CLIP: f32 = 0.2;

fn run(lab: &mut Lab) -> Result<()> {
    let (device, seed) = (lab.device().clone(), lab.seed());
    let params = lab.params();
    let actor = models::Mlp::new(&params.path("actor"), &[4, 64, 64, 2]);
    let critic = models::Mlp::new(&params.path("critic"), &[4, 64, 64, 1]);
    let value = |seen: &Tensor| critic.forward(seen).squeeze(&[1]) * 20.0;
    let mut opt = Adam::new(&params).eps(1e-5);
    let mut envs = VecEnv::new(ENVS, seed, CartPole::new);
    let mut draws = lab.draws(0);

    let iterations = lab.pick(250, 30);
    let (mut curve, mut kept) = (Vec::new(), Vec::new());
    for iteration in lab.steps("PPO", iterations) {
        let rollout = Rollout::collect(&mut envs, &device, STEPS, |seen| {
            rl::sample_actions(&actor.forward(seen), &mut draws)
        })?;
        let [seen, actions] = rollout.tensors(&device)?;
        let both = value(&cat(&[&seen, &rollout.next_tensor(&device)?], 0)).to_vec::<f32>()?;
        let (values, next) = both.split_at(rollout.len());
        let (advantages, targets) = rollout.advantages(values, next, 0.99, 0.95);
        let old = Categorical::new(&actor.forward(&seen)).log_prob(&actions).detach();
        let of = |values: &[f32]| Tensor::from_slice(&device, values, &[values.len()]);
        let (advantages, targets) = (of(&rl::standardized(&advantages))?, of(&targets)?);
        let lr = 1e-3 * (1.0 - iteration as f32 / iterations as f32);
        let mut rows: Vec<i32> = (0..rollout.len() as i32).collect();
        for _ in 0..EPOCHS {
            draws.shuffle(&mut rows);
            for rows in rows.chunks_exact(rollout.len() / MINIBATCHES) {
                let rows = Tensor::from_slice(&device, rows, &[rows.len()])?;
                let part = |of: &Tensor| of.index_select(0, &rows);
                let policy = Categorical::new(&actor.forward(&part(&seen)));
                let log_probs = policy.log_prob(&part(&actions));
                let gain = rl::ppo_loss(&log_probs, &part(&old), &part(&advantages), CLIP);
                let surprise =
                    (value(&part(&seen)) / 20.0).mse_loss(&(part(&targets) / 20.0), Reduction::Mean);
                let loss = gain + surprise * 0.5 - policy.entropy().mean_all() * 0.01;
                opt.step(loss.backward().clip_norm(0.5, 2.0).0, lr)?;
            }
        }
        let ratio = (Categorical::new(&actor.forward(&seen)).log_prob(&actions) - old).exp();
        kept.push(f64::from((ratio - 1.0).abs().mean_all().item()?));
        curve.push((((iteration + 1) * ENVS * STEPS) as f64, envs.mean_return(100)));
    }

    let mut fresh = VecEnv::new(100, seed + 1, CartPole::new);
    let best =
        fresh.play(&device, |seen| rl::epsilon_greedy_actions(&actor.forward(seen), 0.0, &mut draws))?;
    let best = f64::from(best.iter().map(rl::Episode::sum).sum::<f32>()) / 100.0;
    lab.expect("last 100 episodes: mean return", envs.mean_return(100), lab.pick(475.0, 100.0)..=500.0);
    lab.expect("100 new episodes, most probable actions: mean return", best, lab.pick(475.0, 150.0)..=500.0);
    // Ratios of action probabilities after an iteration to those before.
    lab.expect(
        "mean distance of the ratio from 1",
        kept.iter().sum::<f64>() / kept.len() as f64,
        0.005..0.15,
    );

    let panel = plot::Panel::new("", "step of the environments", "mean return of the last 100 episodes")
        .with(plot::Series::new("PPO", curve).exact());
    lab.picture("ppo", |path| plot::Figure::new("CartPole").panel(panel).save(path))
}
