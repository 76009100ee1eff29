//! Clustering: k-means (Lloyd 1982, k-means++) finds round clusters, a mixture of normal distributions by EM also elongated ones; both are
//! compared with the crate linfa-clustering. `cargo run --release -p wgrad-atlas -- clustering`.

use atlas::prelude::*;
use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_clustering::GaussianMixtureModel;
use methods::unsupervised::{GaussianMixture, KMeans};
use ndarray::Array2;

pub const STUDY: Study = Study {
    name: "clustering",
    about: "k-means and a Gaussian mixture on round and on stretched clusters, beside linfa's.",
    on_gpu: false,
    data: None,
    run,
};

const K: usize = 4;
const CENTRES: [[f64; 2]; K] = [[-4.0, -3.0], [4.0, -3.0], [-4.0, 3.0], [4.0, 3.0]];

fn run(lab: &mut Lab) -> Result<()> {
    let count = lab.pick(2000, 400);
    let round = synthetic::blobs(count, &CENTRES, 1.0, lab.seed());
    // Elongated clusters, separated along one axis only.
    let flat = synthetic::blobs(count, &[[0.0, -4.5], [0.0, -1.5], [0.0, 1.5], [0.0, 4.5]], 0.5, lab.seed());
    let stretched = flat.x.values().chunks(2).flat_map(|p| [7.0 * p[0] + 0.5 * p[1], p[1]]).collect();
    let sets = [("round", round.x.values().to_vec(), round.labels), ("stretched", stretched, flat.labels)];
    let mut figure = plot::Figure::new("Clusters without labels").columns(3);
    for (name, values, labels) in sets {
        let found = cluster(lab, name, &values, &labels)?;
        let panel = |title: String, clusters: &[u32]| {
            let of = |k: u32| {
                let pairs = values.chunks(2).zip(clusters).filter(move |(_, c)| **c == k);
                plot::Points::new("", pairs.map(|(p, _)| (p[0].into(), p[1].into())).collect::<Vec<_>>())
            };
            let named = |k: u32| plot::Points { name: format!("cluster {k}"), ..of(k).radius(2.0) };
            (0..K as u32).fold(plot::Panel::new(title, "x", "y"), |panel, k| panel.layer(named(k)))
        };
        figure = figure
            .panel(panel(format!("{name}: k-means"), &found.means))
            .panel(panel(format!("{name}: mixture"), &found.mixture))
            .panel(
                plot::Panel::new(format!("{name}: progress"), "iteration", "share of the way to the best")
                    .with(plot::Series::new("inertia of k-means", progress(&found.inertias)))
                    .with(plot::Series::new("log-likelihood of the mixture", progress(&found.likelihoods))),
            );
    }
    lab.picture("clustering", |path| figure.save(path))
}

struct Found {
    means: Vec<u32>,
    mixture: Vec<u32>,
    inertias: Vec<f64>,
    likelihoods: Vec<f64>,
}

fn cluster(lab: &mut Lab, name: &str, values: &[f32], labels: &[u32]) -> Result<Found> {
    let x = Tensor::from_slice(lab.device(), values, &[labels.len(), 2])?;
    let (means, inertias) = best_means(lab, &x)?;
    let by_means: Vec<u32> = means.assign(&x).to_vec::<i32>()?.into_iter().map(|c| c as u32).collect();
    let points: Vec<f64> = values.iter().map(|&v| v.into()).collect();
    let (mixture, likelihoods) = best_mixture(lab, &x, &points)?;
    let by_mixture = mixture.predict(&points);

    let dataset = DatasetBase::from(Array2::from_shape_vec((labels.len(), 2), points.clone())?);
    let theirs = linfa_clustering::KMeans::params(K).n_runs(5).tolerance(1e-6).fit(&dataset)?;
    let their_mixture =
        GaussianMixtureModel::params(K).n_runs(5).max_n_iterations(300).tolerance(1e-7).fit(&dataset)?;
    let linfas = GaussianMixture {
        weights: their_mixture.weights().to_vec(),
        means: their_mixture.means().iter().copied().collect(),
        covariances: their_mixture.covariances().iter().copied().collect(),
    };
    let their_labels: Vec<u32> = their_mixture.predict(&dataset).iter().map(|&c| c as u32).collect();

    let rise = inertias.windows(2).map(|w| w[1] / w[0] - 1.0).fold(f64::NEG_INFINITY, f64::max);
    let fall = likelihoods.windows(2).map(|w| w[0] - w[1]).fold(f64::NEG_INFINITY, f64::max);
    lab.expect(format!("{name}: largest relative rise of the inertia"), rise, ..1e-6);
    lab.expect(format!("{name}: largest fall of the log-likelihood"), fall, ..1e-12);
    let inertia = inertias[inertias.len() - 1];
    let ratio = inertia / (theirs.inertia() * labels.len() as f64);
    lab.expect(format!("{name}: inertia over linfa's"), ratio, 0.98..1.001);
    let likelihood = mixture.responsibilities(&points).1;
    let more = likelihood - linfas.responsibilities(&points).1;
    lab.expect(format!("{name}: log-likelihood above linfa's"), more, -1e-3..);
    let index = |clusters: &[u32]| metrics::adjusted_rand_index(clusters, labels);
    let by_means_bar = if name == "round" { 0.97..=1.0 } else { -0.1..=0.7 };
    lab.expect(format!("{name}: adjusted Rand index of k-means"), index(&by_means), by_means_bar);
    lab.expect(format!("{name}: adjusted Rand index of the mixture"), index(&by_mixture), 0.95..=1.0);
    lab.figure(format!("{name}: adjusted Rand index of linfa's mixture"), index(&their_labels));
    let silhouette = |clusters: &[u32]| metrics::silhouette(values, 2, clusters);
    if name == "round" {
        lab.expect("round: silhouette of k-means", silhouette(&by_means), 0.6..0.75);
    } else {
        // The silhouette prefers round clusters: it rates the wrong ones higher than the true ones.
        lab.expect(
            "stretched: silhouette of k-means above the mixture's",
            silhouette(&by_means) - silhouette(&by_mixture),
            0.1..,
        );
    }
    Ok(Found { means: by_means, mixture: by_mixture, inertias, likelihoods })
}

/// The k-means of least inertia over several starts, with the inertia after each step.
fn best_means(lab: &Lab, x: &Tensor) -> Result<(KMeans, Vec<f64>)> {
    let generator = Generator::new(lab.seed());
    let mut best: Option<(KMeans, Vec<f64>)> = None;
    for _ in 0..lab.pick(10, 5) {
        let mut means = KMeans::plus_plus(x, K, &generator);
        let mut inertias = Vec::new();
        while inertias.len() < 2 || inertias[inertias.len() - 2] > inertias[inertias.len() - 1] {
            inertias.push(f64::from(means.step(x).item()?));
        }
        let last = inertias[inertias.len() - 1];
        if best.as_ref().is_none_or(|(_, path)| last < path[path.len() - 1]) {
            best = Some((means, inertias));
        }
    }
    best.context("at least one start")
}

/// The most likely mixture over several starts, with the log-likelihood before each step.
fn best_mixture(lab: &Lab, x: &Tensor, points: &[f64]) -> Result<(GaussianMixture, Vec<f64>)> {
    let generator = Generator::new(lab.seed() + 1);
    let mut best: Option<(GaussianMixture, Vec<f64>)> = None;
    for _ in 0..lab.pick(10, 5) {
        let nearest = KMeans::plus_plus(x, K, &generator).assign(x).to_vec::<i32>()?;
        let labels: Vec<u32> = nearest.into_iter().map(|c| c as u32).collect();
        let mut mixture = GaussianMixture::from_labels(points, 2, &labels, K);
        let path: Vec<f64> = (0..lab.pick(400, 200)).map(|_| mixture.step(points)).collect();
        if best.as_ref().is_none_or(|(_, other)| path[path.len() - 1] > other[other.len() - 1]) {
            best = Some((mixture, path));
        }
    }
    best.context("at least one start")
}

/// The path rescaled from 0 at the start to 1 at the end.
fn progress(path: &[f64]) -> Vec<(f64, f64)> {
    let (first, last) = (path[0], path[path.len() - 1]);
    path.iter().take(80).enumerate().map(|(i, v)| (i as f64, (v - first) / (last - first))).collect()
}
