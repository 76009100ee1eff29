//! REINFORCE with a baseline (Williams 1992) on CartPole: the actions of whole episodes are reinforced by the returns minus the values
//! predicted by a network: `cargo run --release -p wgrad-atlas -- reinforce`.

use atlas::prelude::*;
use methods::rl::{self, CartPole, VecEnv};

pub const STUDY: Study = Study {
    name: "reinforce",
    about: "REINFORCE with a learned baseline balances CartPole's pole.",
    on_gpu: false,
    data: None,
    run,
};

const ENVS: usize = 8;
/// Rows of a batch: episodes are padded with rows of weight 0, so that all updates have the same shape.
const ROWS: usize = ENVS * CartPole::LIMIT;

/// Eight episodes as tensors: observations, actions, returns and row weights.
fn batch(device: &Device, episodes: &[rl::Episode]) -> Result<[Tensor; 4]> {
    let mut seen: Vec<f32> = episodes.iter().flat_map(|episode| episode.observations.clone()).collect();
    let mut actions: Vec<i32> = episodes.iter().flat_map(|episode| episode.actions.clone()).collect();
    let mut returns: Vec<f32> =
        episodes.iter().flat_map(|episode| rl::returns(&episode.rewards, 0.99)).collect();
    let mut weights = vec![ROWS as f32 / actions.len() as f32; actions.len()];
    seen.resize(4 * ROWS, 0.0);
    actions.resize(ROWS, 0);
    returns.resize(ROWS, 0.0);
    weights.resize(ROWS, 0.0);
    let of = |values: &[f32]| Tensor::from_slice(device, values, &[ROWS]);
    let seen = Tensor::from_slice(device, &seen, &[ROWS, 4])?;
    Ok([seen, Tensor::from_slice(device, &actions, &[ROWS])?, of(&returns)?, of(&weights)?])
}

fn run(lab: &mut Lab) -> Result<()> {
    let (device, seed) = (lab.device().clone(), lab.seed());
    let params = lab.params();
    let policy = models::Mlp::new(&params.path("policy"), &[4, 64, 2]);
    let baseline = models::Mlp::new(&params.path("baseline"), &[4, 64, 1]);
    let value = |seen: &Tensor| baseline.forward(seen).squeeze(&[1]) * 50.0;
    let mut opt = Adam::new(&params);
    let mut envs = VecEnv::new(ENVS, seed, CartPole::new);
    let mut draws = lab.draws(1);

    let updates = lab.pick(250, 70);
    for update in lab.steps("REINFORCE", updates) {
        let episodes = envs.play(&device, |seen| rl::sample_actions(&policy.forward(seen), &mut draws))?;
        let [seen, actions, returns, weights] = batch(&device, &episodes)?;
        let expected = value(&seen);
        // In units of the value's scale, so that one learning rate suits both networks.
        let advantages = (&returns - expected.detach()) * &weights / 20.0;
        let surprise = ((expected - returns) / 50.0).square() * &weights;
        let loss =
            rl::policy_gradient_loss(&policy.forward(&seen), &actions, &advantages) + surprise.mean_all();
        opt.step(loss.backward(), 0.01 * (1.0 - update as f32 / updates as f32))?;
    }

    let learned = envs.mean_return(100);
    let mut random_envs = VecEnv::new(100, seed, CartPole::new);
    let by_chance = random_envs.play(&device, |_| Ok((0..100).map(|_| draws.below(2) as usize).collect()))?;
    let by_chance = f64::from(by_chance.iter().map(rl::Episode::sum).sum::<f32>()) / 100.0;
    lab.expect("random policy: mean return", by_chance, 17.0..29.0);
    lab.expect("last 100 episodes: mean return", learned, lab.pick(400.0, 100.0)..=500.0);

    let returns = envs.returns().iter().enumerate().map(|(i, &sum)| (i as f64, f64::from(sum)));
    let panel = plot::Panel::new("", "episode", "steps before it falls")
        .with(plot::Series::new("REINFORCE", returns));
    lab.picture("reinforce", |path| plot::Figure::new("CartPole").panel(panel).save(path))
}
