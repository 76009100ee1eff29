//! Variance reduction in Monte Carlo integration: control variates, antithetic pairs and importance sampling, each against its theoretical
//! factor (Owen 2013, chapters 8 and 9): `cargo run --release -p wgrad-atlas -- monte_carlo`.

use atlas::prelude::*;
use methods::inference::{Importance, normal_cdf};

pub const STUDY: Study = Study {
    name: "monte_carlo",
    about: "Control variates, antithetic pairs and importance sampling save as much variance as theory says.",
    on_gpu: false,
    data: None,
    run,
};

const E: f64 = std::f64::consts::E;

/// Mean and variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0))
}

fn run(lab: &mut Lab) -> Result<()> {
    let count = lab.pick(4_000_000, 100_000);
    let mut draws = lab.draws(0);
    let uniform: Vec<f64> = (0..count).map(|_| draws.unit()).collect();
    exponential(lab, &uniform);
    rare(lab, count);
    other_normal(lab, count);

    let mut panel = plot::Panel::new("", "evaluations of exp(x)", "root mean square error").log_x().log_y();
    for (name, estimate) in ESTIMATORS {
        let curve = (2..12).map(|power| {
            let size = 1 << power;
            let errors = uniform.chunks_exact(size).take(400).map(|us| (estimate(us) - (E - 1.0)).powi(2));
            (size as f64, (errors.sum::<f64>() / 400f64.min((count / size) as f64)).sqrt())
        });
        panel = panel.with(plot::Series::new(name, curve));
    }
    let title = "The integral of exp(x) from 0 to 1";
    lab.picture("monte_carlo", |path| plot::Figure::new(title).panel(panel).save(path))
}

/// From uniform numbers to an estimate.
type Estimator = fn(&[f64]) -> f64;

/// Estimates of the integral of `exp` from uniform numbers, with one evaluation per number.
const ESTIMATORS: [(&str, Estimator); 3] = [
    ("plain", |us| us.iter().map(|u| u.exp()).sum::<f64>() / us.len() as f64),
    ("antithetic pairs", |us| {
        // Half as many numbers, each used twice.
        let half = &us[..us.len() / 2];
        half.iter().map(|u| u.exp() + (1.0 - u).exp()).sum::<f64>() / us.len() as f64
    }),
    ("control variate x", |us| us.iter().map(|u| controlled(*u)).sum::<f64>() / us.len() as f64),
];

/// `exp(u)` minus the best multiple, `cov / var`, of the control variate `u - 1/2`, whose mean is 0.
fn controlled(u: f64) -> f64 {
    let slope = 12.0 * (1.0 - (E - 1.0) / 2.0);
    u.exp() - slope * (u - 0.5)
}

fn exponential(lab: &mut Lab, uniform: &[f64]) {
    let exact = E - 1.0;
    // Var exp(U), Cov(exp(U), exp(1 - U)) and Cov(exp(U), U).
    let variance = (E * E - 1.0) / 2.0 - exact * exact;
    let mirrored = E - exact * exact;
    let with_u = 1.0 - exact / 2.0;

    let plain = moments(&uniform.iter().map(|u| u.exp()).collect::<Vec<_>>());
    let pairs = moments(&uniform.iter().map(|u| (u.exp() + (1.0 - u).exp()) / 2.0).collect::<Vec<_>>());
    let control = moments(&uniform.iter().map(|&u| controlled(u)).collect::<Vec<_>>());
    for (name, (mean, variance)) in [("plain", plain), ("pairs", pairs), ("control", control)] {
        let standard_error = (variance / uniform.len() as f64).sqrt();
        lab.expect(format!("{name}: error in standard errors"), (mean - exact).abs() / standard_error, ..4.5);
    }
    lab.expect("plain: variance against theory", plain.1 / variance, 0.98..1.02);
    // A pair takes two evaluations.
    let factor = plain.1 / (2.0 * pairs.1);
    lab.expect("antithetic pairs: less variance by", factor, 30.0..32.0);
    lab.expect("antithetic pairs: against theory", factor / (variance / (variance + mirrored)), 0.97..1.03);
    let factor = plain.1 / control.1;
    lab.expect("control variate: less variance by", factor, 60.0..63.0);
    let correlation = with_u * with_u * 12.0 / variance;
    lab.expect("control variate: against 1 / (1 - correlation^2)", factor * (1.0 - correlation), 0.97..1.03);
}

/// The probability that a standard normal variable exceeds 4, from draws around 4.
fn rare(lab: &mut Lab, count: usize) {
    const LIMIT: f64 = 4.0;
    let mut draws = lab.draws(1);
    let weight = |x: f64| if x > LIMIT { (LIMIT * LIMIT / 2.0 - LIMIT * x).exp() } else { 0.0 };
    let (mean, variance) = moments(&(0..count).map(|_| weight(LIMIT + draws.normal())).collect::<Vec<_>>());
    let exact = normal_cdf(-LIMIT);
    // E w^2 = exp(limit^2) P(Z > 2 limit).
    let theory = (LIMIT * LIMIT).exp() * normal_cdf(-2.0 * LIMIT) - exact * exact;
    lab.expect("rare event: estimate against exact", mean / exact, 0.97..1.03);
    lab.expect("rare event: variance against theory", variance / theory, 0.95..1.05);
    lab.expect("rare event: less variance than plain by", exact * (1.0 - exact) / variance, 5000.0..8000.0);
}

/// A normal distribution, known up to its normalising constant, from draws of a wider one.
fn other_normal(lab: &mut Lab, count: usize) {
    const WIDTH: f64 = 2.0;
    let mut draws = lab.draws(2);
    let xs: Vec<f64> = (0..count).map(|_| WIDTH * draws.normal()).collect();
    let weights = Importance::new(xs.iter().map(|x| 0.5 * (x / WIDTH).powi(2) - 0.5 * x * x).collect());
    lab.expect("self-normalised: second moment", weights.mean(xs.iter().map(|x| x * x)), 0.98..1.02);
    // The ratio of the constants: sqrt(2 pi) to width sqrt(2 pi).
    lab.expect("self-normalised: ratio of constants", weights.log_mean().exp() * WIDTH, 0.99..1.01);
    // n / E w^2 with normalised weights.
    let theory = count as f64 * (2.0 * WIDTH * WIDTH - 1.0).sqrt() / (WIDTH * WIDTH);
    lab.expect("effective sample size against theory", weights.effective_size() / theory, 0.98..1.02);
}
