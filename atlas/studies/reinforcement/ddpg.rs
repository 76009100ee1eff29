//! Deep deterministic policy gradient (Lillicrap et al. 2016): a network gives the torque itself, and climbs the slope of a learned action
//! value to swing up a pendulum: `cargo run --release -p wgrad-atlas -- ddpg`.

use atlas::prelude::*;
use methods::rl::{self, Pendulum, ReplayBuffer};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "ddpg",
    about: "A deterministic policy of continuous actions learns from the slope of its critic to swing up a pendulum.",
    on_gpu: false,
    data: None,
    run,
};

const ENVS: usize = 8;
const BATCH: usize = 128;
/// The share by which the target networks move with each step of the environments.
const TAU: f32 = 0.05;
const GAMMA: f32 = 0.98;
/// Steps of an episode.
const LIMIT: usize = 200;

struct Agent {
    policy: Params,
    values: Params,
    actor: Mlp,
    critic: Mlp,
}

impl Agent {
    fn new(lab: &Lab) -> Agent {
        let (policy, values) = (lab.params(), lab.params());
        let (actor, critic) = (Mlp::new(&policy, &[3, 64, 64, 1]), Mlp::new(&values, &[4, 64, 64, 1]));
        Agent { policy, values, actor, critic }
    }

    /// Torques `[N, 1]`.
    fn torque(&self, seen: &Tensor) -> Tensor {
        let scale = Tensor::constant(seen.device(), &[1.0f32, 1.0, 0.25], &[3]);
        self.actor.forward(&(seen * scale)).tanh() * Pendulum::STRONGEST
    }

    /// Values `[N, 1]` of torques in what is seen.
    fn value(&self, seen: &Tensor, torque: &Tensor) -> Tensor {
        let scale = Tensor::constant(seen.device(), &[1.0f32, 1.0, 0.25], &[3]);
        self.critic.forward(&cat(&[&(seen * scale), torque], 1))
    }

    fn act(&self, device: &Device, rods: &[Pendulum]) -> Result<Vec<f32>> {
        let seen: Vec<f32> = rods.iter().flat_map(Pendulum::seen).collect();
        Ok(self.torque(&Tensor::from_slice(device, &seen, &[rods.len(), 3])?).to_vec()?)
    }
}

/// The mean return of episodes, and the cosine of the angle over their second half.
fn judge(rods: &mut [Pendulum], mut act: impl FnMut(&[Pendulum]) -> Result<Vec<f32>>) -> Result<(f64, f64)> {
    let (mut sum, mut upright) = (0.0, 0.0);
    for step in 0..LIMIT {
        let torques = act(rods)?;
        for (rod, torque) in rods.iter_mut().zip(torques) {
            sum += f64::from(rod.step(torque));
            upright += if step < LIMIT / 2 { 0.0 } else { f64::from(rod.seen()[0]) };
        }
    }
    let count = rods.len() as f64;
    Ok((sum / count, upright / (count * (LIMIT / 2) as f64)))
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let (agent, target) = (Agent::new(lab), Agent::new(lab));
    [&target.policy, &target.values].into_iter().for_each(|params| _ = params.freeze("*"));
    let (mut opt_policy, mut opt_values) = (Adam::new(&agent.policy), Adam::new(&agent.values));
    let mut draws = lab.draws(0);
    let trials: Vec<Pendulum> = (0..50).map(|_| Pendulum::random(&mut draws)).collect();
    let steps = lab.pick(2000, 600);
    // A row of the buffer is what is seen, and the torque; of the next state, only what is seen counts.
    let mut buffer = ReplayBuffer::new(ENVS * steps, 4);
    let mut rods: Vec<Pendulum> = (0..ENVS).map(|_| Pendulum::random(&mut draws)).collect();
    let mut curve = Vec::new();
    for step in lab.steps("DDPG", steps) {
        if step % LIMIT == 0 {
            rods.iter_mut().for_each(|rod| *rod = Pendulum::random(&mut draws));
        }
        let torques = agent.act(&device, &rods)?;
        for (rod, torque) in rods.iter_mut().zip(torques) {
            let torque =
                (torque + 0.4 * draws.normal() as f32).clamp(-Pendulum::STRONGEST, Pendulum::STRONGEST);
            let [cos, sin, speed] = rod.seen();
            let reward = rod.step(torque);
            let [next_cos, next_sin, next_speed] = rod.seen();
            buffer.push(
                &[cos, sin, speed, torque],
                0,
                0.1 * reward,
                &[next_cos, next_sin, next_speed, 0.0],
                false,
            );
        }
        if buffer.len() < 2 * BATCH {
            continue;
        }
        for _ in 0..2 {
            let batch = buffer.sample(BATCH, &mut draws, &device)?;
            let [seen, next] = [&batch.observations, &batch.next].map(|rows| rows.narrow(1, 0, 3));
            let torque = batch.observations.narrow(1, 3, 1);
            // The task never ends: every next state has a value.
            let wanted = batch.rewards.unsqueeze(1) + target.value(&next, &target.torque(&next)) * GAMMA;
            let error = agent.value(&seen, &torque).mse_loss(&wanted.detach(), Reduction::Mean);
            opt_values.step(error.backward(), 4e-3)?;
            let value = agent.value(&seen, &agent.torque(&seen)).mean_all();
            opt_policy.step((-value).backward(), 2e-3)?;
        }
        rl::update_target(&target.policy, &agent.policy, TAU)?;
        rl::update_target(&target.values, &agent.values, TAU)?;
        if (step + 1) % (steps / 10) == 0 {
            let (found, _) = judge(&mut trials.clone(), |rods| agent.act(&device, rods))?;
            curve.push((((step + 1) * ENVS) as f64, found));
        }
    }
    let random =
        judge(&mut trials.clone(), |rods| Ok(rods.iter().map(|_| draws.between(-2.0, 2.0)).collect()))?;
    let (found, upright) = judge(&mut trials.clone(), |rods| agent.act(&device, rods))?;
    lab.expect("random torques: mean return", random.0, -1500.0..-900.0);
    lab.expect("DDPG: mean return of 50 episodes", found, -250.0..);
    lab.expect("DDPG: mean cosine of the second half of an episode", upright, 0.9..);
    let panel = plot::Panel::new("", "step of the environments", "mean return of 50 episodes");
    let panel = panel.with(plot::Series::new("DDPG", curve));
    lab.picture("ddpg", |path| plot::Figure::new("Swinging up a pendulum").panel(panel).save(path))
}
