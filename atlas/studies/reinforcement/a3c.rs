//! Asynchronous advantage actor-critic (Mnih et al. 2016) on CartPole: threads act with copies of one network, and step it with gradients of weights
//! that others have moved meanwhile: `cargo run --release -p wgrad-atlas -- a3c`.

use std::sync::Mutex;
use std::thread;

use atlas::prelude::*;
use methods::rl::{self, CartPole, Rollout, VecEnv};
use wgrad::models::Optimize;
use wgrad::models::distributions::{Categorical, Entropy};

pub const STUDY: Study = Study {
    name: "a3c",
    about: "Four threads balance poles of their own, and teach one network without waiting for each other.",
    on_gpu: false,
    data: None,
    run,
};

const ACTORS: usize = 4;
const ENVS: usize = 8;
const STEPS: usize = 16;

/// An actor's and a critic's network.
struct Agent {
    params: Params,
    actor: models::Mlp,
    critic: models::Mlp,
}

impl Agent {
    fn new(lab: &Lab) -> Agent {
        let params = lab.params();
        let actor = models::Mlp::new(&params.path("actor"), &[4, 64, 2]);
        let critic = models::Mlp::new(&params.path("critic"), &[4, 64, 64, 1]);
        Agent { params, actor, critic }
    }

    fn values(&self) -> Vec<Tensor> {
        self.params.all().iter().map(Param::value).collect()
    }

    fn value(&self, seen: &Tensor) -> Tensor {
        self.critic.forward(seen).squeeze(&[1]) * 20.0
    }

    /// The gradients of a few steps in the environments, clipped, in the order of the parameters.
    fn gradients(&self, envs: &mut VecEnv<CartPole>, draws: &mut Draws) -> Result<Vec<Tensor>> {
        let device = self.params.device();
        let rollout = Rollout::collect(envs, device, STEPS, |seen| {
            rl::sample_actions(&self.actor.forward(seen), draws)
        })?;
        let [seen, actions] = rollout.tensors(device)?;
        let both = self.value(&cat(&[&seen, &rollout.next_tensor(device)?], 0)).to_vec::<f32>()?;
        let (values, next) = both.split_at(rollout.len());
        let (advantages, targets) = rollout.advantages(values, next, 0.99, 0.95);
        let of = |values: &[f32]| Tensor::from_slice(device, values, &[values.len()]);
        let (advantages, targets) = (of(&rl::standardized(&advantages))?, of(&targets)?);
        let logits = self.actor.forward(&seen);
        let surprise = (self.value(&seen) / 20.0).mse_loss(&(targets / 20.0), Reduction::Mean);
        let entropy = Categorical::new(&logits).entropy().mean_all();
        let loss = rl::policy_gradient_loss(&logits, &actions, &advantages) + surprise * 0.5 - entropy * 0.01;
        let own = self.values();
        let (gradients, _) = loss.backward().clip_norm(0.5, 2.0);
        own.iter().map(|value| Ok(gradients.get(value).context("a gradient")?.detach())).collect()
    }
}

/// What the threads share.
struct Shared {
    agent: Agent,
    opt: Box<dyn Optimize + Send>,
    updates: usize,
    /// For each update, how many others came between reading the weights and it.
    late: Vec<usize>,
    returns: Vec<f32>,
    curve: Vec<(f64, f64)>,
}

/// One thread's work.
fn act(lab: &Lab, shared: &Mutex<Shared>, actor: usize, updates: usize) -> Result<()> {
    let own = Agent::new(lab);
    let mut envs = VecEnv::new(ENVS, 100 * lab.seed() + actor as u64, CartPole::new);
    let (mut draws, mut reported) = (lab.draws(actor as u32), 0);
    loop {
        let read = {
            let shared = shared.lock().expect("no thread has panicked");
            if shared.updates >= updates {
                return Ok(());
            }
            own.params.all().iter().zip(shared.agent.values()).for_each(|(own, value)| own.set(&value));
            shared.updates
        };
        let gradients = own.gradients(&mut envs, &mut draws)?;
        let mut shared = shared.lock().expect("no thread has panicked");
        let values = shared.agent.values();
        let rate = 2e-3 * (1.0 - shared.updates as f32 / updates as f32).max(0.0);
        shared.opt.step(Gradients::from_pairs(values.into_iter().zip(gradients)), rate)?;
        let late = shared.updates - read;
        shared.late.push(late);
        shared.updates += 1;
        shared.returns.extend(&envs.returns()[reported..]);
        reported = envs.returns().len();
        if shared.updates.is_multiple_of(20) {
            let point = ((shared.updates * ENVS * STEPS) as f64, mean_of_last(&shared.returns));
            shared.curve.push(point);
        }
    }
}

/// The mean of the last 100 returns.
fn mean_of_last(returns: &[f32]) -> f64 {
    let last = &returns[returns.len().saturating_sub(100)..];
    last.iter().map(|&r| f64::from(r)).sum::<f64>() / last.len().max(1) as f64
}

fn run(lab: &mut Lab) -> Result<()> {
    let updates = lab.pick(4000, 1000);
    let agent = Agent::new(lab);
    let opt = Box::new(Adam::new(&agent.params));
    let shared = Shared { agent, opt, updates: 0, late: vec![], returns: vec![], curve: vec![] };
    let shared = Mutex::new(shared);
    let view: &Lab = lab;
    thread::scope(|scope| -> Result<()> {
        let actors: Vec<_> = (0..ACTORS)
            .map(|actor| {
                scope.spawn({
                    let shared = &shared;
                    move || act(view, shared, actor, updates)
                })
            })
            .collect();
        actors.into_iter().try_for_each(|actor| actor.join().expect("a thread's panic"))
    })?;
    let shared = shared.into_inner().expect("no thread has panicked");
    let late = shared.late.iter().sum::<usize>() as f64 / shared.late.len() as f64;
    lab.expect("updates by others while an actor acts, in the mean", late, 0.5..ACTORS as f64);
    lab.expect(
        "last 100 episodes: mean return",
        mean_of_last(&shared.returns),
        lab.pick(400.0, 200.0)..=500.0,
    );
    let panel =
        plot::Panel::new("CartPole", "step of all environments", "mean return of the last 100 episodes")
            .with(plot::Series::new("A3C", shared.curve).exact());
    let count =
        |n: usize| shared.late.iter().filter(|&&late| late == n).count() as f64 / shared.late.len() as f64;
    let lateness = plot::Panel::new("How late gradients are", "updates by others meanwhile", "share")
        .layer(plot::Bars::new("", (0..8).map(count)));
    let figure = plot::Figure::new("Asynchronous actors").panel(panel).panel(lateness);
    lab.picture("a3c", |path| figure.save(path))
}
