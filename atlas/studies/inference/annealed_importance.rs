//! Annealed importance sampling (Neal 2001) of a known normalising constant: two narrow peaks in eight dimensions, starting from a wide
//! normal distribution. More annealing steps give a smaller error: `cargo run --release -p wgrad-atlas -- annealed_importance`.

use atlas::prelude::*;
use methods::inference::{Metropolis, Transition, annealed_importance};

pub const STUDY: Study = Study {
    name: "annealed_importance",
    about: "Annealed importance sampling finds a normalising constant, the better the more temperatures.",
    on_gpu: false,
    data: None,
    run,
};

const DIMS: usize = 8;
/// Deviations of the start and of each peak, and the offset of the peaks from the origin in every dimension.
const WIDE: f32 = 2.0;
const NARROW: f32 = 0.5;
const APART: f32 = 1.0;

/// The normalised log-density of the start.
fn first(x: &Tensor) -> Tensor {
    let normaliser = DIMS as f32 * (WIDE.ln() + 0.5 * std::f32::consts::TAU.ln());
    x.square().sum(&[1], false) * (-0.5 / (WIDE * WIDE)) - normaliser
}

/// The log-density of two peaks of height 1, the second mirrored at the origin.
fn last(x: &Tensor) -> Tensor {
    let peak = |at: f32| (x - at).square().sum(&[1], false) * (-0.5 / (NARROW * NARROW));
    stack(&[&peak(APART), &peak(-APART)], 1).logsumexp(&[1], false)
}

fn run(lab: &mut Lab) -> Result<()> {
    // Two integrals of exp(-x^2 / (2 narrow^2)).
    let exact = 2f64.ln() + DIMS as f64 * (f64::from(NARROW).ln() + 0.5 * std::f64::consts::TAU.ln());
    let (groups, each) = (20, 50);
    let generator = Generator::new(lab.seed());
    let path = |x: &Tensor, at: f32| first(x) * (1.0 - at) + last(x) * at;
    let step = |x: &Tensor, at: f32, generator: &Generator| {
        // The step size follows the width of the intermediate distribution.
        let precision = (1.0 - at) / (WIDE * WIDE) + at / (NARROW * NARROW);
        let size = 2.4 / (DIMS as f32).sqrt() / precision.sqrt();
        Metropolis::new(|x: &Tensor| path(x, at), size).step(x, generator).0
    };
    let mut curve = Vec::new();
    let lengths = lab.pick(&[1, 3, 10, 30, 100, 300, 1000, 3000][..], &[1, 10, 100, 400]);
    for &length in lengths {
        let schedule: Vec<f32> = (0..=length).map(|i| (i as f32 / length as f32).powi(2)).collect();
        let start = generator.normal(lab.device(), &[groups * each, DIMS]) * WIDE;
        let (all, ends) = annealed_importance(&start, &schedule, path, step, &generator)?;
        // One estimate per group of samples: the mean of its weights.
        let total = all.log_mean().exp() * (groups * each) as f64;
        let estimate = |w: &[f64]| (w.iter().sum::<f64>() * total / each as f64).ln();
        let errors: Vec<f64> = all.weights().chunks(each).map(|w| estimate(w) - exact).collect();
        let rmse = (errors.iter().map(|e| e * e).sum::<f64>() / groups as f64).sqrt();
        curve.push((length as f64, rmse));
        lab.figure(format!("{length} temperatures: rmse of log Z, {each} samples"), rmse);
        if length == lengths[lengths.len() - 1] {
            lab.expect("rmse of log Z at the end", rmse, ..0.45);
            lab.expect("log Z of all samples, error", (all.log_mean() - exact).abs(), ..0.1);
            lab.expect("effective samples of 1000", all.effective_size(), 100.0..);
            let right: Vec<f64> = ends
                .mean(&[1], false)
                .to_vec::<f32>()?
                .iter()
                .map(|x| f64::from(u8::from(*x > 0.0)))
                .collect();
            lab.expect("share in the first peak", all.mean(right), 0.4..0.6);
        }
    }
    lab.expect(
        "error at the end against plain importance sampling",
        curve[curve.len() - 1].1 / curve[0].1,
        ..0.25,
    );
    let falls = curve.windows(2).filter(|pair| pair[1].1 > 1.3 * pair[0].1).count();
    lab.expect("longer ways with a larger error", falls as f64, ..=0.0);
    let panel = plot::Panel::new("", "temperatures", "root mean square error of log Z").log_x().log_y();
    let panel = panel.with(plot::Series::new("50 samples", curve));
    let title = "Two peaks in eight dimensions by annealing";
    lab.picture("annealed_importance", |path| plot::Figure::new(title).panel(panel).save(path))
}
