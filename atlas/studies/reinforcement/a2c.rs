//! Advantage actor-critic (Mnih et al. 2016, synchronous) on CartPole: after every few steps of sixteen environments, the policy is updated
//! with returns minus the critic's values as advantages: `cargo run --release -p wgrad-atlas -- a2c`.

use atlas::prelude::*;
use methods::rl::{self, CartPole, Rollout, VecEnv};
use wgrad::models::distributions::{Categorical, Entropy};

pub const STUDY: Study = Study {
    name: "a2c",
    about: "Advantage actor-critic balances CartPole's pole, learning every eight steps.",
    on_gpu: false,
    data: None,
    run,
};

const ENVS: usize = 16;
const STEPS: usize = 8;

fn run(lab: &mut Lab) -> Result<()> {
    let (device, seed) = (lab.device().clone(), lab.seed());
    let params = lab.params();
    let actor = models::Mlp::new(&params.path("actor"), &[4, 64, 2]);
    let critic = models::Mlp::new(&params.path("critic"), &[4, 64, 64, 1]);
    // Scaled, because the discounted return reaches 100 at a discount of 0.99.
    let value = |seen: &Tensor| critic.forward(seen).squeeze(&[1]) * 20.0;
    let mut opt = Adam::new(&params);
    let mut envs = VecEnv::new(ENVS, seed, CartPole::new);
    let mut draws = lab.draws(1);

    let updates = lab.pick(4000, 1000);
    let mut curve = Vec::new();
    for update in lab.steps("A2C", updates) {
        let rollout = Rollout::collect(&mut envs, &device, STEPS, |seen| {
            rl::sample_actions(&actor.forward(seen), &mut draws)
        })?;
        let [seen, actions] = rollout.tensors(&device)?;
        let both = value(&cat(&[&seen, &rollout.next_tensor(&device)?], 0)).to_vec::<f32>()?;
        let (values, next) = both.split_at(rollout.len());
        let (advantages, targets) = rollout.advantages(values, next, 0.99, 0.95);
        let of = |values: &[f32]| Tensor::from_slice(&device, values, &[values.len()]);
        let (advantages, targets) = (of(&rl::standardized(&advantages))?, of(&targets)?);
        let logits = actor.forward(&seen);
        let surprise = (value(&seen) / 20.0).mse_loss(&(targets / 20.0), Reduction::Mean);
        let entropy = Categorical::new(&logits).entropy().mean_all();
        let loss = rl::policy_gradient_loss(&logits, &actions, &advantages) + surprise * 0.5 - entropy * 0.01;
        let (gradients, _) = loss.backward().clip_norm(0.5, 2.0);
        opt.step(gradients, 3e-3 * (1.0 - update as f32 / updates as f32))?;
        if update % 10 == 9 {
            curve.push(((update * ENVS * STEPS) as f64, envs.mean_return(100)));
        }
    }

    lab.expect("last 100 episodes: mean return", envs.mean_return(100), lab.pick(400.0, 100.0)..=500.0);
    let panel = plot::Panel::new("", "step of the environments", "mean return of the last 100 episodes")
        .with(plot::Series::new("A2C", curve).exact());
    lab.picture("a2c", |path| plot::Figure::new("CartPole").panel(panel).save(path))
}
