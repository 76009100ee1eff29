//! Expectation propagation (Minka 2001) on Minka's clutter problem and on probit regression, compared with Laplace's approximation and
//! numerical integration: `cargo run --release -p wgrad-atlas -- expectation_propagation`.

use atlas::prelude::*;
use methods::inference::{ExpectationPropagation, Tilted, normal_cdf, probit_moments};

pub const STUDY: Study = Study {
    name: "expectation_propagation",
    about: "Expectation propagation against numerical integration, and against Laplace's approximation.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let clutter = clutter(lab)?;
    let probit = probit(lab)?;
    lab.picture("expectation_propagation", |path| {
        plot::Figure::new("Expectation propagation and Laplace's approximation")
            .panel(clutter)
            .panel(probit)
            .save(path)
    })
}

fn normal_density(x: f64, mean: f64, variance: f64) -> f64 {
    (-0.5 * (x - mean).powi(2) / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
}

/// The share of clutter among the measurements, and its variance.
const CLUTTER: f64 = 0.5;
const SPREAD: f64 = 10.0;
const PRIOR: f64 = 100.0;

fn likelihood(y: f64, x: f64) -> f64 {
    (1.0 - CLUTTER) * normal_density(y, x, 1.0) + CLUTTER * normal_density(y, 0.0, SPREAD)
}

/// The moments of a measurement's likelihood times the cavity: either clutter, which leaves the cavity unchanged, or a measurement with
/// variance 1.
fn clutter_moments(y: f64, mean: f64, variance: f64) -> Tilted {
    let seen = (1.0 - CLUTTER) * normal_density(y, mean, variance + 1.0);
    let mass = seen + CLUTTER * normal_density(y, 0.0, SPREAD);
    let (share, gain) = (seen / mass, variance / (variance + 1.0));
    let (moved, shrunk) = (mean + gain * (y - mean), variance * (1.0 - gain));
    let middle = share * moved + (1.0 - share) * mean;
    let square = share * (shrunk + moved * moved) + (1.0 - share) * (variance + mean * mean);
    Tilted { log_mass: mass.ln(), mean: middle, variance: square - middle * middle }
}

/// A position measured 20 times, half of the measurements clutter.
fn clutter(lab: &mut Lab) -> Result<plot::Panel> {
    const PLACE: f64 = 2.0;
    let mut draws = lab.draws(0);
    let ys: Vec<f64> = (0..20)
        .map(|_| if draws.happens(0.5) { SPREAD.sqrt() * draws.normal() } else { PLACE + draws.normal() })
        .collect();
    let mut ep = ExpectationPropagation::new(vec![vec![PRIOR]]);
    for &y in &ys {
        ep.term(vec![1.0], move |mean, variance| clutter_moments(y, mean, variance));
    }
    let sweeps = ep.run(200, 1e-8).context("expectation propagation does not settle")?;
    lab.figure("clutter: sweeps", sweeps as f64);

    let log_joint =
        |x: f64| normal_density(x, 0.0, PRIOR).ln() + ys.iter().map(|&y| likelihood(y, x).ln()).sum::<f64>();
    let step = 0.001;
    let grid: Vec<f64> = (-10_000..10_000).map(|i| step * f64::from(i)).collect();
    let masses: Vec<f64> = grid.iter().map(|&x| log_joint(x).exp() * step).collect();
    let evidence: f64 = masses.iter().sum();
    let moment =
        |f: &dyn Fn(f64) -> f64| grid.iter().zip(&masses).map(|(x, m)| f(*x) * m).sum::<f64>() / evidence;
    let mean = moment(&|x| x);
    let variance = moment(&|x| (x - mean).powi(2));

    // Laplace: the mode and the curvature there.
    let peak =
        grid.iter().zip(&masses).fold((0.0, 0.0), |best, (x, m)| if *m > best.1 { (*x, *m) } else { best }).0;
    let curvature =
        -(log_joint(peak + step) - 2.0 * log_joint(peak) + log_joint(peak - step)) / (step * step);
    let laplace_evidence = log_joint(peak) + 0.5 * (std::f64::consts::TAU / curvature).ln();

    let (ep_mean, ep_variance) = (ep.mean()[0], ep.covariance()[0][0]);
    lab.expect("clutter: EP's mean, error in deviations", (ep_mean - mean).abs() / variance.sqrt(), ..0.1);
    lab.expect("clutter: EP's variance against exact", ep_variance / variance, 0.85..1.1);
    lab.expect("clutter: EP's log evidence, error", (ep.log_evidence() - evidence.ln()).abs(), ..0.1);
    lab.figure("clutter: Laplace's mean, error in deviations", (peak - mean).abs() / variance.sqrt());
    lab.figure("clutter: Laplace's log evidence, error", (laplace_evidence - evidence.ln()).abs());

    let shown = |f: &dyn Fn(f64) -> f64| {
        let reach = 5.0 * variance.sqrt();
        (0..=200).map(|i| mean + reach * (0.01 * f64::from(i) - 1.0)).map(|x| (x, f(x))).collect::<Vec<_>>()
    };
    Ok(plot::Panel::new("The clutter problem", "place", "posterior density")
        .with(plot::Series::new("exact", shown(&|x| log_joint(x).exp() / evidence)).exact())
        .with(plot::Series::new("EP", shown(&|x| normal_density(x, ep_mean, ep_variance))).exact())
        .with(plot::Series::new("Laplace", shown(&|x| normal_density(x, peak, 1.0 / curvature))).exact()))
}

/// Probit regression on few points, with a skewed posterior.
fn probit(lab: &mut Lab) -> Result<plot::Panel> {
    const PRIOR: f64 = 1.0;
    let mut draws = lab.draws(1);
    let rows: Vec<([f64; 2], f64)> = (0..20)
        .map(|_| {
            let x = draws.normal();
            ([1.0, x], if 1.5 * x - 0.5 + draws.normal() > 0.0 { 1.0 } else { -1.0 })
        })
        .collect();
    let mut ep = ExpectationPropagation::new(vec![vec![PRIOR, 0.0], vec![0.0, PRIOR]]);
    for &(x, sign) in &rows {
        ep.term(x.to_vec(), move |mean, variance| probit_moments(sign, mean, variance));
    }
    ep.run(200, 1e-8).context("expectation propagation does not settle")?;
    let log_joint = |w: [f64; 2]| {
        let prior: f64 = w.iter().map(|&w| normal_density(w, 0.0, PRIOR).ln()).sum();
        let term = |(x, sign): &([f64; 2], f64)| normal_cdf(sign * (w[0] + w[1] * x[1])).max(1e-300).ln();
        prior + rows.iter().map(term).sum::<f64>()
    };
    let side = lab.pick(400, 120);
    let reach = 6.0;
    let at = |i: usize| reach * ((2 * i + 1) as f64 / side as f64 - 1.0);
    let cell = (2.0 * reach / side as f64).powi(2);
    let places = || (0..side * side).map(|i| [at(i % side), at(i / side)]);
    let masses: Vec<f64> = places().map(|w| log_joint(w).exp() * cell).collect();
    let evidence: f64 = masses.iter().sum();
    let moment =
        |f: &dyn Fn([f64; 2]) -> f64| places().zip(&masses).map(|(w, m)| f(w) * m).sum::<f64>() / evidence;
    let mean = [moment(&|w| w[0]), moment(&|w| w[1])];
    let variance = moment(&|w| (w[1] - mean[1]).powi(2));

    let (peak, covariance) = laplace(log_joint);
    let det = covariance[0] * covariance[2] - covariance[1] * covariance[1];
    let laplace_evidence = log_joint(peak) + std::f64::consts::TAU.ln() + 0.5 * det.ln();
    let deviation = variance.sqrt();
    let (ep_mean, ep_variance) = (ep.mean()[1], ep.covariance()[1][1]);
    let (of_ep, of_laplace) = ((ep_mean - mean[1]).abs() / deviation, (peak[1] - mean[1]).abs() / deviation);
    lab.expect("probit: EP's mean, error in deviations", of_ep, ..0.03);
    lab.expect("probit: EP's error of the mean against Laplace's", of_ep / of_laplace, ..0.1);
    lab.expect("probit: Laplace's mean, error in deviations", of_laplace, 0.15..0.6);
    lab.expect("probit: EP's variance against exact", ep_variance / variance, 0.85..1.05);
    lab.figure("probit: Laplace's variance against exact", covariance[2] / variance);
    let errors = [ep.log_evidence(), laplace_evidence].map(|e| (e - evidence.ln()).abs());
    lab.expect("probit: EP's log evidence, error", errors[0], ..0.05);
    lab.figure("probit: Laplace's log evidence, error", errors[1]);

    let exact = (0..side).map(|row| {
        (at(row), masses[row * side..][..side].iter().sum::<f64>() / evidence / (2.0 * reach / side as f64))
    });
    let shown = |mean: f64, variance: f64| {
        let step = 2.0 * reach / 400.0;
        (0..=400)
            .map(move |i| step * f64::from(i) - reach)
            .map(move |x| (x, normal_density(x, mean, variance)))
    };
    Ok(plot::Panel::new("Probit regression", "slope", "posterior density")
        .with(plot::Series::new("exact", exact).exact())
        .with(plot::Series::new("EP", shown(ep_mean, ep_variance)).exact())
        .with(plot::Series::new("Laplace", shown(peak[1], covariance[2])).exact())
        .x_range(mean[1] - 4.0 * deviation, mean[1] + 5.0 * deviation))
}

/// The maximum of a function of two variables by Newton's method, and the inverse `[a, b, c]` of the negative curvature `[[a, b], [b, c]]`
/// there, by finite differences.
fn laplace(f: impl Fn([f64; 2]) -> f64) -> ([f64; 2], [f64; 3]) {
    const STEP: f64 = 1e-4;
    let (mut w, mut covariance) = ([0.0, 0.0], [0.0; 3]);
    for _ in 0..50 {
        let at = |a: f64, b: f64| f([w[0] + STEP * a, w[1] + STEP * b]);
        let slope = [at(1.0, 0.0) - at(-1.0, 0.0), at(0.0, 1.0) - at(0.0, -1.0)].map(|d| d / (2.0 * STEP));
        let here = 2.0 * at(0.0, 0.0);
        let square = STEP * STEP;
        let a = (here - at(1.0, 0.0) - at(-1.0, 0.0)) / square;
        let c = (here - at(0.0, 1.0) - at(0.0, -1.0)) / square;
        let b = -(at(1.0, 1.0) - at(1.0, -1.0) - at(-1.0, 1.0) + at(-1.0, -1.0)) / (4.0 * square);
        let det = a * c - b * b;
        covariance = [c / det, -b / det, a / det];
        w[0] += covariance[0] * slope[0] + covariance[1] * slope[1];
        w[1] += covariance[1] * slope[0] + covariance[2] * slope[1];
    }
    (w, covariance)
}
