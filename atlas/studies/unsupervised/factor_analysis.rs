//! Gaussian models with few factors by expectation maximisation: probabilistic PCA against its closed form (Tipping and Bishop 1999), and
//! factor analysis, which is robust to a noisy feature. `cargo run --release -p wgrad-atlas -- factor_analysis`.

use std::f64::consts::TAU;

use atlas::prelude::*;
use methods::unsupervised::{FactorAnalysis, FactorNoise, sample_covariance};

pub const STUDY: Study = Study {
    name: "factor_analysis",
    about: "Probabilistic PCA and factor analysis by EM recover a known covariance.",
    on_gpu: false,
    data: None,
    run,
};

const D: usize = 6;
const K: usize = 2;
/// `[D, K]`
const LOADINGS: [f64; D * K] = [2.0, 0.0, 1.5, 0.5, 1.0, -1.0, 0.0, 1.5, 0.5, 1.0, 0.3, -0.2];
/// The last feature is nearly pure noise, and has the largest variance.
const NOISE: [f64; D] = [0.5, 0.3, 0.4, 0.6, 0.2, 6.0];

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(0);
    let point = |_| {
        let z: [f64; K] = std::array::from_fn(|_| draws.normal());
        let signal = |i: usize| (0..K).map(|k| LOADINGS[i * K + k] * z[k]).sum::<f64>();
        std::array::from_fn::<f64, D, _>(|i| signal(i) + NOISE[i].sqrt() * draws.normal())
    };
    let points: Vec<f64> = (0..lab.pick(20_000, 5000)).flat_map(point).collect();
    let (_, sample) = sample_covariance(&points, D);

    let start: Vec<f64> = (0..D * K).map(|_| draws.normal()).collect();
    let iterations = lab.pick(2000, 500);
    let learn = |kind| {
        let mut model = FactorAnalysis::new(start.clone(), K, 1.0, kind);
        let mut likelihoods = vec![model.log_likelihood(&sample)];
        for _ in 0..iterations {
            model.step(&sample);
            likelihoods.push(model.log_likelihood(&sample));
        }
        (model, likelihoods)
    };
    let (ppca, ppca_path) = learn(FactorNoise::Isotropic);
    let (analysis, path) = learn(FactorNoise::Diagonal);
    let rises = |path: &[f64]| path.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    lab.expect("least rise of the log-likelihood", rises(&path).min(rises(&ppca_path)), -1e-12..);

    // Equation 8: the noise is the mean of the small eigenvalues.
    let as_tensor = |values: &[f64], columns: usize| {
        let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        Tensor::from_slice(lab.device(), &values, &[values.len() / columns, columns])
    };
    let (values, vectors) = linalg::eigh(&as_tensor(&sample, D)?)?;
    let values: Vec<f64> = values.to_vec::<f32>()?.into_iter().map(f64::from).collect();
    let noise = values[..D - K].iter().sum::<f64>() / (D - K) as f64;
    let log_det = values[D - K..].iter().map(|v| v.ln()).sum::<f64>() + (D - K) as f64 * noise.ln();
    let best = -0.5 * (D as f64 * (TAU.ln() + 1.0) + log_det);
    let truth = FactorAnalysis::new(LOADINGS.to_vec(), K, 1.0, FactorNoise::Diagonal).covariance();
    let truth: Vec<f64> =
        (0..D * D).map(|i| truth[i] + if i % (D + 1) == 0 { NOISE[i / D] - 1.0 } else { 0.0 }).collect();
    let off = |model: &FactorAnalysis| {
        let squares = model.covariance().iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        (squares / truth.iter().map(|t| t * t).sum::<f64>()).sqrt()
    };
    let space = as_tensor(&LOADINGS, K)?;
    let angle = |of: &Tensor| Ok::<f64, anyhow::Error>(linalg::principal_angles(of, &space)?[0]);
    let worst = analysis.noise().iter().zip(NOISE).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
    let principal = vectors.narrow(1, D - K, K);
    let learned = as_tensor(ppca.loadings(), K)?;
    let apart = linalg::principal_angles(&learned, &principal)?[0];
    let [angle_ppca, angle_analysis] = [angle(&learned)?, angle(&as_tensor(analysis.loadings(), K)?)?];

    lab.expect("PPCA: log-likelihood below the closed form", best - ppca_path[iterations], -1e-5..1e-5);
    lab.expect("PPCA: noise over the closed form", ppca.noise()[0] / noise, 0.9999..1.0001);
    lab.expect("PPCA: angle to the principal components", apart, ..1e-3);
    lab.expect("PPCA: angle to the true loadings", angle_ppca, 0.8..);
    lab.expect("factor analysis: angle to the true loadings", angle_analysis, ..0.1);
    lab.expect("factor analysis: largest relative error of the noise", worst, ..0.2);
    lab.expect("factor analysis: relative error of the covariance", off(&analysis), ..0.06);
    lab.expect("PPCA: relative error of the covariance", off(&ppca), 0.1..);
    lab.expect("log-likelihood of factor analysis above PPCA", path[iterations] - best, 0.3..);

    let along = |path: &[f64]| path.iter().enumerate().map(|(i, &l)| (i as f64 + 1.0, l)).collect::<Vec<_>>();
    let curves = plot::Panel::new("EM", "iteration", "log-likelihood of a point, nats")
        .with(plot::Series::new("factor analysis", along(&path)).exact())
        .with(plot::Series::new("probabilistic PCA", along(&ppca_path)).exact())
        .with(plot::Series::new("PPCA in closed form", [(1.0, best), (iterations as f64, best)]))
        .log_x();
    let matrix = |title: &str, values: Vec<f64>| {
        let field = plot::Field::matrix(D, D, values).range(-2.0, 6.5).cell_text(1);
        plot::Panel::new(title, "feature", "feature").layer(field).y_down().equal()
    };
    let figure = plot::Figure::new("Two factors in six features, the last of them noisy")
        .columns(2)
        .panel(curves)
        .panel(matrix("True covariance", truth))
        .panel(matrix("Factor analysis", analysis.covariance()))
        .panel(matrix("Probabilistic PCA", ppca.covariance()));
    lab.picture("factor_analysis", |path| figure.save(path))
}
