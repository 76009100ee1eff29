//! Denoising diffusion (Ho et al. 2020) of five normal distributions on a ring, for which the optimal noise prediction is known; DDIM's
//! fewer steps (Song et al. 2021) and classifier-free guidance (Ho and Salimans 2022): `cargo run --release -p wgrad-atlas -- diffusion`.

use atlas::prelude::*;
use atlas::{pairs, ring_of_normals};
use methods::generative::{NoiseSchedule, SmoothMlp, classifier_free_guidance, timestep_embedding};
use wgrad::models::distributions::Distribution;

pub const STUDY: Study = Study {
    name: "diffusion",
    about: "A diffusion model learns the noise in points of a ring, and makes points and those of a class from noise.",
    on_gpu: false,
    data: None,
    run,
};

const MODES: usize = 5;
/// So large that many of the steps serve to separate the modes.
const RADIUS: f64 = 4.0;
const DEVIATION: f64 = 0.5;
const STEPS: usize = 100;

/// Predicts the noise in points `x [N, 2]` after steps `t [N]`, given their modes; mode 5 stands for no condition.
struct Denoiser {
    mode: Embedding,
    net: SmoothMlp,
}

impl Denoiser {
    fn new(params: &Params) -> Denoiser {
        Denoiser {
            mode: Embedding::new(&params.path("mode"), MODES + 1, 8),
            net: SmoothMlp::new(&params.path("net"), &[2 + 16 + 8, 64, 64, 2]),
        }
    }

    fn forward(&self, x: &Tensor, t: &Tensor, mode: &Tensor) -> Tensor {
        let time = timestep_embedding(&(t.to(DType::F32) * 0.1), 16);
        // Scaled up: only 2 of the 26 inputs are the point.
        self.net.forward(&cat(&[&(x * 3.0), &time, &self.mode.forward(mode)], 1))
    }

    /// The prediction with the same time and mode for all points.
    fn at(&self, x: &Tensor, t: usize, mode: usize) -> Tensor {
        let all = |value: usize| Tensor::full(x.device(), value as f32, &x.shape()[..1]).to(DType::I32);
        self.forward(x, &all(t), &all(mode))
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let schedule = NoiseSchedule::linear(&device, STEPS);
    let [x, modes] = synthetic::ring(8192, MODES, RADIUS, DEVIATION, lab.seed()).to_device(&device)?;
    let truth = ring_of_normals(&device, MODES, RADIUS as f32, DEVIATION as f32);

    let params = lab.params();
    let denoiser = Denoiser::new(&params);
    let nothing = Tensor::full(&device, MODES as f32, &[256]).to(DType::I32);
    let mut draws = lab.draws(1);
    let steps = lab.pick(8000, 2000);
    let mut opt = Adam::new(&params);
    lab.fit("noise", steps, &mut opt, Cosine::new(5e-3, 0.0, steps), |_| {
        let [x, mode] = minibatch(&mut draws, 256, [&x, &modes])?;
        let noise = draw.normal(&device, &[256, 2]);
        // Steps with little noise are the hardest, and are sampled more often.
        let t = (draw.uniform(&device, &[256]).square() * STEPS as f32).to(DType::I32);
        let known = draw.bernoulli(&device, 0.5, &[256]).to(DType::Bool);
        let found = denoiser.forward(&schedule.q_sample(&x, &t, &noise), &t, &mode.where_(&known, &nothing));
        Ok(found.mse_loss(&noise, Reduction::Mean))
    })?;

    // The optimal prediction is known: minus the score times the deviation of the noise.
    let mut errors = 0.0;
    for t in [10, 30, 60] {
        let bar = schedule.alpha_bar(t);
        let noisy = ring_of_normals(
            &device,
            MODES,
            (RADIUS * bar.sqrt()) as f32,
            (DEVIATION * DEVIATION * bar + 1.0 - bar).sqrt() as f32,
        );
        let x = noisy.sample(&draw, &[2000]).detach().variable();
        let score = grad(&noisy.log_prob(&x).sum_all(), &[&x]).remove(0).context("depends on x")?;
        let exact = score * -(1.0 - bar).sqrt() as f32;
        let apart = (denoiser.at(&x, t, MODES) - &exact).square().sum_all() / exact.square().sum_all();
        errors += f64::from(apart.item()?) / 3.0;
    }
    lab.expect("squared error of the noise, relative", errors, ..0.06);

    let count = lab.pick(1000, 500);
    let true_points = truth.sample(&draw, &[count]).to_vec::<f32>()?;
    let other = truth.sample(&draw, &[count]).to_vec::<f32>()?;
    lab.figure("MMD^2 of two true samples", metrics::mmd_squared(&true_points, &other, 2, &[0.8]));
    let centres = truth.components.mean().to_vec::<f32>()?;
    let mut panels = Vec::new();
    for (name, taken, eta) in [("DDPM", STEPS, 1.0), ("DDIM of 20 steps", 20, 0.0)] {
        let start = draw.normal(&device, &[count, 2]);
        let points = schedule.sample(start, taken, eta, &draw, |x, t| {
            if eta == 1.0 && [99, 40, 20].contains(&t) {
                panels.push((format!("before step {}", t + 1), x.clone()));
            }
            denoiser.at(x, t, MODES)
        })?;
        let values = points.to_vec::<f32>()?;
        lab.expect(
            format!("MMD^2 of {name}"),
            metrics::mmd_squared(&true_points, &values, 2, &[0.8]),
            ..0.01,
        );
        let found = metrics::mode_coverage(&values, 2, &centres, 3.0 * DEVIATION);
        lab.expect(format!("modes of {name}"), found.covered as f64, 5.0..=5.0);
        lab.expect(format!("within 3 deviations of {name}"), found.near, 0.85..);
        panels.push((name.into(), points));
    }

    let (mut shares, mut medians) = (Vec::new(), Vec::new());
    for weight in [0.0, 0.5, 1.0, 2.0] {
        let points = schedule.sample(draw.normal(&device, &[count, 2]), 20, 0.0, &draw, |x, t| {
            classifier_free_guidance(&denoiser.at(x, t, 1), &denoiser.at(x, t, MODES), weight)
        })?;
        let values = points.to_vec::<f32>()?;
        let found = metrics::mode_coverage(&values, 2, &centres, f64::INFINITY);
        shares.push(found.counts[1] as f64 / count as f64);
        let off = |x: &[f32]| f64::from((x[0] - centres[2]).hypot(x[1] - centres[3]));
        let mut distances: Vec<f64> = values.chunks(2).map(off).collect();
        distances.sort_by(f64::total_cmp);
        medians.push(distances[count / 2]);
        panels.push((format!("the second mode, guided by {weight}"), points));
    }
    lab.expect("in the mode, unguided", shares[0], 0.13..0.27);
    lab.expect("in the mode, guided by 0.5", shares[1], 0.45..0.9);
    lab.expect("in the mode, guided by 1", shares[2], 0.95..);
    lab.expect("in the mode, guided by 2", shares[3], 0.98..);

    // The median distance from the centre of a two-dimensional normal distribution is 1.177 deviations.
    lab.expect("median distance, guided by 1", medians[2] / (1.177 * DEVIATION), 0.7..1.3);
    lab.figure("median distance, guided by 2", medians[3] / (1.177 * DEVIATION));

    lab.picture("diffusion", |path| -> Result<()> {
        let mut figure = plot::Figure::new("Denoising diffusion of a ring").columns(3);
        for (name, points) in &panels {
            let points = plot::Points::new("", pairs(points)?).radius(1.5);
            let panel = plot::Panel::new(name, "", "").layer(points).equal();
            figure = figure.panel(panel.x_range(-6.0, 6.0).y_range(-6.0, 6.0));
        }
        Ok(figure.save(path)?)
    })
}
