//! Bounds on a known likelihood: for `x = W z + noise` with normal `z`, everything has a closed form, so that the evidence lower bound, its
//! gap to the log-likelihood, and the importance-weighted bounds (Burda et al. 2016) can be checked against the exact value.
//! `cargo run --release -p wgrad-atlas -- elbo_bounds`.

use std::f64::consts::TAU;

use atlas::prelude::*;
use methods::unsupervised::{FactorAnalysis, FactorNoise, importance_weighted_bound};

pub const STUDY: Study = Study {
    name: "elbo_bounds",
    about: "ELBO and importance-weighted bounds against the exact log-likelihood of a linear model.",
    on_gpu: true,
    data: None,
    run,
};

const D: usize = 4;
const L: usize = 2;
const NOISE: f64 = 0.5;
/// `[D, L]`: similar columns, so that the hidden dimensions are dependent given the point, but not so strongly that importance weights
/// under an independent encoder have infinite variance.
const W: [f64; D * L] = [1.0, 0.8, -0.6, 0.6, 0.9, 0.8, 0.3, -0.5];

/// `log p(x, z)` for points `[N, D]` and codes `[.., N, L]`.
fn log_joint(x: &Tensor, z: &Tensor, w: &Tensor) -> Tensor {
    let constant = 0.5 * (D as f64 * (TAU * NOISE).ln() + L as f64 * TAU.ln());
    let rest = (x - z.matmul(&w.t())).square().sum(&[-1], false);
    (rest / NOISE as f32 + z.square().sum(&[-1], false)) * -0.5 - constant as f32
}

fn run(lab: &mut Lab) -> Result<()> {
    let count = lab.pick(2000, 500);
    let tensor = |values: &[f64], shape: &[usize]| {
        Tensor::from_slice(lab.device(), &values.iter().map(|&v| v as f32).collect::<Vec<_>>(), shape)
    };
    let w = tensor(&W, &[D, L])?;
    let generator = Generator::new(lab.seed());
    let hidden = generator.normal(lab.device(), &[count, L]);
    let x = hidden.matmul(&w.t()) + generator.normal(lab.device(), &[count, D]) * NOISE.sqrt() as f32;

    // The exact value depends only on the second moments of the data.
    let moments: Vec<f64> =
        x.t().matmul(&x).to_vec::<f32>()?.iter().map(|&v| f64::from(v) / count as f64).collect();
    let exact = FactorAnalysis::new(W.to_vec(), L, NOISE, FactorNoise::Isotropic).log_likelihood(&moments);
    // The posterior of every point has the precision I + W^T W / noise and a mean linear in the point.
    let dot = |i: usize, j: usize| (0..D).map(|d| W[d * L + i] * W[d * L + j]).sum::<f64>() / NOISE;
    let [a, b, c] = [1.0 + dot(0, 0), dot(0, 1), 1.0 + dot(1, 1)];
    let det = a * c - b * b;
    let precision = tensor(&[a, b, b, c], &[L, L])?;
    let covariance = tensor(&[c / det, -b / det, -b / det, a / det], &[L, L])?;
    let means = x.matmul(&w).matmul(&covariance) / NOISE as f32;

    // An encoder with independent dimensions: a mean linear in x, and one deviation for all x.
    let params = lab.params();
    let encoder = Linear::new(&params.path("mean"), D, L);
    let log_scale = params.param("log_scale", &[L], Init::Constant(0.0));
    let elbo = || {
        let (mean, log_scale) = (encoder.forward(&x), log_scale.value());
        let variance = (&log_scale * 2.0).exp();
        // Expectations over q: squares of the mean plus the variance.
        let spread = (w.square() * &variance).sum_all() / NOISE as f32 + variance.sum_all();
        let entropy = log_scale.sum_all() + (0.5 * L as f64 * (TAU.ln() + 1.0)) as f32;
        log_joint(&x, &mean, &w).mean_all() - spread * 0.5 + entropy
    };
    // KL(q || p(z | x)), averaged over the points.
    let divergence = || {
        let (off, log_scale) = (encoder.forward(&x) - &means, log_scale.value());
        let distance = (off.matmul(&precision) * &off).sum(&[1], false).mean_all();
        let trace = (precision.diagonal(0, 0, 1) * (&log_scale * 2.0).exp()).sum_all();
        (distance + trace - L as f32 - det.ln() as f32) * 0.5 - log_scale.sum_all()
    };
    let before = [elbo().item()?, divergence().item()?].map(f64::from);
    let steps = lab.pick(800, 400);
    let losses =
        lab.fit("encoder", steps, &mut Adam::new(&params), Cosine::new(0.05, 0.0, steps), |_| Ok(-elbo()))?;
    let [bound, gap] = [elbo().item()?, divergence().item()?].map(f64::from);
    // The best independent approximation has the diagonal of the posterior's precision.
    let least = 0.5 * (a.ln() + c.ln() - det.ln());
    lab.expect_same("untrained: ELBO + KL, less log p(x)", before[0] + before[1] - exact, -1e-4..1e-4, 1e-4);
    lab.expect_same("trained: ELBO + KL, less log p(x)", bound + gap - exact, -1e-4..1e-4, 1e-4);
    lab.expect("untrained: log p(x) less ELBO", exact - before[0], 1.0..);
    lab.expect_same(
        "trained: log p(x) less ELBO, over the least that can be",
        (exact - bound) / least,
        0.999..1.01,
        1e-3,
    );

    // Samples of q, [N, K, L], and their log-weights.
    const DRAWS: usize = 256;
    let scale = log_scale.value().exp();
    let eps = generator.normal(lab.device(), &[DRAWS, count, L]);
    let z = encoder.forward(&x) + &scale * &eps;
    let log_q = eps.square().sum(&[2], false) * -0.5
        - log_scale.value().sum_all()
        - (0.5 * L as f64 * TAU.ln()) as f32;
    let weights = (log_joint(&x, &z, &w) - log_q).t();
    let mut bounds = Vec::new();
    for k in [1, 4, 16, 64, 256] {
        // All samples in groups of k: the bound of a group is at least the mean of its parts' bounds.
        let groups = weights.reshape(&[count, DRAWS / k, k]);
        bounds.push((k as f64, f64::from(importance_weighted_bound(&groups).mean_all().item()?)));
    }
    let rise = bounds.windows(2).map(|pair| pair[1].1 - pair[0].1).fold(f64::INFINITY, f64::min);
    lab.expect("bound of 1 draw less the ELBO", bounds[0].1 - bound, -0.02..0.02);
    lab.expect("least rise of the bound with 4 times the draws", rise, 5e-4..);
    lab.expect("log p(x) less the bound of 256 draws", exact - bounds[4].1, -0.01..0.015);
    // The gap falls as 1 / samples.
    let shrinks = (bounds[3].1 - bounds[2].1) / (bounds[2].1 - bounds[1].1);
    lab.expect("rise from 16 to 64 draws over that from 4 to 16", shrinks, 0.15..0.45);

    // Samples of the exact posterior all have the weight p(x).
    let root = linalg::cholesky(&covariance)?;
    let eps = generator.normal(lab.device(), &[8, count, L]);
    let z = &means + eps.matmul(&root.t());
    let log_q = eps.square().sum(&[2], false) * -0.5 + 0.5 * (det.ln() - L as f64 * TAU.ln()) as f32;
    let weights = log_joint(&x, &z, &w) - log_q;
    lab.expect(
        "exact posterior: ELBO less log p(x)",
        f64::from(weights.mean_all().item()?) - exact,
        -1e-4..1e-4,
    );
    lab.expect(
        "exact posterior: deviation of log-weights",
        weights.std(&[0], 1.0, false).amax(&[0], false).item()?,
        ..1e-4,
    );

    let line = |y: f64, ends: [f64; 2]| ends.map(|x| (x, y));
    let climbed = losses.iter().enumerate().map(|(i, loss)| (i as f64, -loss));
    let training = plot::Panel::new("Encoder of independent dimensions", "step", "nats")
        .with(plot::Series::new("ELBO", climbed).exact())
        .with(plot::Series::new("best with independent dimensions", line(exact - least, [0.0, steps as f64])))
        .with(plot::Series::new("log p(x)", line(exact, [0.0, steps as f64])))
        .y_range(exact - 1.0, exact + 0.1);
    let tighter = plot::Panel::new("Importance-weighted bounds", "draws", "nats")
        .with(plot::Series::new("bound", bounds))
        .with(plot::Series::new("log p(x)", line(exact, [1.0, 256.0])))
        .log_x();
    let figure = plot::Figure::new("Bounds of a known likelihood").panel(training).panel(tighter);
    lab.picture("elbo_bounds", |path| figure.save(path))
}
