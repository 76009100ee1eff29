//! An energy-based model: a network's energy `E(x)` with density `exp(-E(x)) / Z`, learned from data and from Langevin samples of the model
//! (Du and Mordatch 2019), with `Z` by quadrature: `cargo run --release -p wgrad-atlas -- energy_model`.

use atlas::prelude::*;
use atlas::{Plane, pairs, ring_of_normals};
use methods::generative::{SmoothMlp, contrastive_divergence_loss, langevin};
use wgrad::models::distributions::Distribution;

pub const STUDY: Study = Study {
    name: "energy_model",
    about: "Energies fall where data are and rise where the model's own samples are, until the two are alike.",
    on_gpu: false,
    data: None,
    run,
};

const CHAINS: usize = 256;

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let draw = Generator::new(lab.seed());
    let truth = ring_of_normals(&device, 4, 1.5, 0.45);
    let params = lab.params();
    let net = SmoothMlp::new(&params, &[2, 48, 48, 1]);
    // The quadratic term keeps regions without data improbable.
    let energy = |x: &Tensor| net.forward(x).squeeze(&[1]) + x.square().sum(&[1], false) * 0.1;
    let score = |x: &Tensor| {
        let x = x.detach().variable();
        -grad(&energy(&x).sum_all(), &[&x]).remove(0).expect("the energy depends on the place")
    };
    let start = || (draw.uniform(&device, &[CHAINS, 2]) * 2.0 - 1.0) * 3.5;
    let mut chains = start();
    let steps = lab.pick(600, 240);
    let mut opt = Adam::new(&params).betas(0.5, 0.99);
    let rate = Cosine::new(7e-3, 0.0, steps);
    for step in lab.steps("energy", steps) {
        // Persistent chains (Tieleman 2008), of which some restart at each step.
        let anew = draw.bernoulli(&device, 0.05, &[CHAINS, 1]).to(DType::Bool);
        chains = langevin(score, start().where_(&anew, &chains).detach(), 0.05, lab.pick(15, 10), &draw)?;
        let real = truth.sample(&draw, &[CHAINS]);
        let loss = contrastive_divergence_loss(&energy(&real), &energy(&chains), 1e-3);
        opt.step(loss.backward(), rate.lr(step))?;
    }

    let plane = Plane::new(4.5, lab.pick(181, 91));
    let known = plane.values(&device, |x| Ok(truth.log_prob(x)))?;
    let energies = plane.values(&device, |x| Ok(energy(x)))?;
    let log_z = plane.integral(&energies.iter().map(|e| (-e).exp()).collect::<Vec<_>>()).ln();
    let learned: Vec<f64> = energies.iter().map(|e| -e - log_z).collect();
    lab.figure("log Z", log_z);
    lab.expect("divergence from the truth", plane.kl(&known, &learned), ..0.2);
    // A single normal distribution with the same mean and covariance.
    let normal = ring_of_normals(&device, 1, 0.0, (1.5f32 * 1.5 / 2.0 + 0.45 * 0.45).sqrt());
    let normal = plane.values(&device, |x| Ok(normal.log_prob(x)))?;
    lab.expect("divergence of the best normal distribution", plane.kl(&known, &normal), 0.3..);
    let long = langevin(score, start(), 0.02, lab.pick(500, 150), &draw)?;
    let samples = (long.to_vec::<f32>()?, truth.sample(&draw, &[1000]).to_vec::<f32>()?);
    lab.expect("MMD^2 of Langevin samples", metrics::mmd_squared(&samples.0, &samples.1, 2, &[0.5]), ..0.02);

    let points = pairs(&long)?;
    lab.picture("energy_model", |path| {
        let panel =
            |title: &str| plot::Panel::new(title, "", "").equal().x_range(-4.0, 4.0).y_range(-4.0, 4.0);
        let density = |log: &[f64]| plane.field(log.iter().map(|log| log.exp()).collect());
        plot::Figure::new("An energy-based model")
            .columns(2)
            .panel(panel("True density").layer(density(&known)))
            .panel(panel("exp(-energy) / Z").layer(density(&learned)))
            .panel(panel("Energy").layer(plane.field(energies).contours(12).bar("energy")))
            .panel(panel("Langevin samples").layer(plot::Points::new("", points).radius(2.0)))
            .save(path)
    })
}
