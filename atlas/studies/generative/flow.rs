//! A normalising flow of affine couplings, RealNVP (Dinh et al. 2017): its density is exact, and fits a known density:
//! `cargo run --release -p wgrad-atlas -- flow`.

use atlas::prelude::*;
use atlas::{Plane, pairs, ring_of_normals};
use methods::generative::{Bijection, NormalizingFlow};
use wgrad::models::distributions::Distribution;

pub const STUDY: Study = Study {
    name: "flow",
    about: "Affine couplings bend the normal distribution into a ring of eight, with densities that integrate to 1.",
    on_gpu: true,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let truth = ring_of_normals(&device, 8, 2.0, 0.4);
    let params = lab.params();
    let flow = NormalizingFlow::real_nvp(&params, 2, 8, 64);
    let steps = lab.pick(3000, 300);
    let mut opt = Adam::new(&params);
    lab.fit("log-likelihood", steps, &mut opt, Cosine::new(4e-3, 0.0, steps), |_| {
        Ok(-flow.log_prob(&truth.sample(&draw, &[256])).mean_all())
    })?;

    // The flow's determinant against that of the Jacobian, row by row.
    let x = truth.sample(&draw, &[500]).detach().variable();
    let (z, log_det) = flow.forward(&x);
    let row = |i: usize| vjp(&[(&z.select(1, i), &Tensor::ones(&device, &[500]))], &[&x]).remove(0);
    let (a, b) = (row(0).context("depends on x")?, row(1).context("depends on x")?);
    let full = (a.select(1, 0) * b.select(1, 1) - a.select(1, 1) * b.select(1, 0)).abs().log();
    let most = |x: Tensor| x.abs().flatten(0, -1).amax(&[0], false).item();
    lab.expect("log-determinant against the Jacobian's", most(log_det - full)?, ..2e-3);
    lab.expect("inverse, error", most(flow.inverse(&z) - &x)?, ..2e-3);

    let plane = Plane::new(5.0, lab.pick(201, 101));
    let learned = plane.values(&device, |x| Ok(flow.log_prob(x)))?;
    let known = plane.values(&device, |x| Ok(truth.log_prob(x)))?;
    let density: Vec<f64> = learned.iter().map(|log| log.exp()).collect();
    lab.expect("integral of the density", plane.integral(&density), 0.99..1.01);
    lab.expect_same("divergence from the truth", plane.kl(&known, &learned), ..0.16, 0.02);
    // A single normal distribution with the same mean and covariance.
    let normal = ring_of_normals(&device, 1, 0.0, (2.0f32 * 2.0 / 2.0 + 0.4 * 0.4).sqrt());
    let normal = plane.values(&device, |x| Ok(normal.log_prob(x)))?;
    lab.expect("divergence of the best normal distribution", plane.kl(&known, &normal), 0.5..);
    let held_out = truth.sample(&draw, &[4000]);
    let gap = (truth.log_prob(&held_out) - flow.log_prob(&held_out)).mean_all().item()?;
    lab.expect("log-likelihood of new points, below the truth's", gap, -0.02..0.18);

    let samples = pairs(&flow.sample(&draw, 1500))?;
    lab.picture("flow", |path| {
        let panel =
            |title: &str| plot::Panel::new(title, "", "").equal().x_range(-4.0, 4.0).y_range(-4.0, 4.0);
        let density = |log: &[f64]| plane.field(log.iter().map(|log| log.exp()).collect());
        plot::Figure::new("Eight affine couplings")
            .panel(panel("True density").layer(density(&known)))
            .panel(panel("The flow's density").layer(density(&learned)))
            .panel(panel("The flow's samples").layer(plot::Points::new("", samples).radius(1.5)))
            .save(path)
    })
}
