//! t-distributed stochastic neighbour embedding (van der Maaten and Hinton 2008).

use autograd::{Device, Tensor};

/// The symmetric probabilities of pairs of `rows`, `[N, N]` with a sum of 1: each row's normal distribution over the others is as wide as
/// makes its perplexity, the exponential of its entropy, the given one. Also returns the perplexities.
///
/// # Errors
/// Out of memory.
///
/// # Panics
/// When the perplexity is not between 1 and the number of other rows.
#[track_caller]
pub fn tsne_affinities(
    device: &Device,
    rows: &[Vec<f64>],
    perplexity: f64,
) -> autograd::Result<(Tensor, Vec<f64>)> {
    let n = rows.len();
    assert!(
        1.0 < perplexity && perplexity < (n - 1) as f64,
        "tsne_affinities: perplexity {perplexity} of {n} rows"
    );
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let mut joint = vec![0.0f32; n * n];
    let mut reached = Vec::with_capacity(n);
    for i in 0..n {
        let distances: Vec<f64> = rows.iter().map(|row| distance(&rows[i], row)).collect();
        let nearest = (0..n).filter(|&j| j != i).map(|j| distances[j]).fold(f64::MAX, f64::min);
        let at = |precision: f64| {
            let weight = |j: usize| if j == i { 0.0 } else { (precision * (nearest - distances[j])).exp() };
            let weights: Vec<f64> = (0..n).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            let shares: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
            let entropy = -shares.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
            (shares, entropy.exp())
        };
        // The perplexity falls with the precision, whose logarithm is bisected.
        let (mut low, mut high) = (-60.0f64, 60.0f64);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if at(middle.exp()).1 > perplexity { low = middle } else { high = middle }
        }
        let (shares, found) = at(low.exp());
        reached.push(found);
        for (j, share) in shares.into_iter().enumerate() {
            joint[i * n + j] += (share / (2 * n) as f64) as f32;
            joint[j * n + i] += (share / (2 * n) as f64) as f32;
        }
    }
    Ok((Tensor::from_slice(device, &joint, &[n, n])?, reached))
}

/// The divergence of the pairs' probabilities from those of points `[N, K]`, which fall with distance as Student's distribution of one
/// degree of freedom.
pub fn tsne_loss(affinities: &Tensor, points: &Tensor) -> Tensor {
    let n = points.shape()[0];
    let norms = points.square().sum(&[1], true);
    let squares = (&norms + norms.t() - points.matmul(&points.t()) * 2.0).clamp_min(0.0);
    let apart = 1.0 - Tensor::ones(points.device(), &[n]).diag_embed(0);
    let kernel = (squares + 1.0).reciprocal() * apart;
    let log_q = (&kernel + 1e-30).log() - kernel.sum_all().log();
    (affinities * ((affinities + 1e-30).log() - log_q)).sum_all()
}
