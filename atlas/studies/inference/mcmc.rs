//! Markov chain Monte Carlo: random-walk Metropolis, Gibbs sampling and Hamiltonian Monte Carlo on a correlated normal distribution and on
//! a banana-shaped one, with known moments: `cargo run --release -p wgrad-atlas -- mcmc`.

use atlas::prelude::*;
use methods::inference::{Chains, Gibbs, Hmc, Metropolis, Thinned, Transition, sample};

pub const STUDY: Study = Study {
    name: "mcmc",
    about: "Metropolis, Gibbs and Hamiltonian Monte Carlo draw from distributions of known moments.",
    on_gpu: true,
    data: None,
    run,
};

const CORRELATION: f32 = 0.9;
/// Gradients per draw of HMC, and proposals per draw of Metropolis: equal work.
const LEAPFROGS: usize = 8;

/// Pairs of correlated standard normal variables in consecutive dimensions.
fn correlated(x: &Tensor) -> Tensor {
    let pairs = x.reshape(&[x.shape()[0], x.shape()[1] / 2, 2]);
    let (a, b) = (pairs.select(2, 0), pairs.select(2, 1));
    let square = a.square() - &a * &b * (2.0 * CORRELATION) + b.square();
    square.sum(&[1], false) * (-0.5 / (1.0 - CORRELATION * CORRELATION))
}

/// `a ~ N(0, 1)` and `b ~ N(a^2 / 2, 1)`: a banana.
fn banana(x: &Tensor) -> Tensor {
    let (a, b) = (x.select(1, 0), x.select(1, 1));
    ((b - a.square() * 0.5).square() + a.square()) * -0.5
}

/// A function of the state and its exact mean.
type Moment = (fn(&[f32]) -> f32, f64);

const NORMAL: [Moment; 5] = [
    (|x| x[0], 0.0),
    (|x| x[1], 0.0),
    (|x| x[0] * x[0], 1.0),
    (|x| x[1] * x[1], 1.0),
    (|x| x[0] * x[1], 0.9),
];
const BANANA: [Moment; 4] =
    [(|x| x[0], 0.0), (|x| x[1], 0.5), (|x| x[0] * x[0], 1.0), (|x| x[0] * x[1], 0.0)];

struct Verdict {
    /// The largest error of a mean, absolute and in standard errors.
    error: f64,
    standard_errors: f64,
    r_hat: f64,
    /// Effective independent draws per draw, for the moment with the fewest.
    worth: f64,
}

fn judge(chains: &Chains, moments: &[Moment]) -> Verdict {
    let mut verdict = Verdict { error: 0.0, standard_errors: 0.0, r_hat: 1.0, worth: f64::INFINITY };
    for &(f, exact) in moments {
        let values = chains.per_chain(|x| f(x).into());
        let chains: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
        let size = metrics::effective_sample_size(&chains);
        let all = values.concat();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64;
        verdict.error = verdict.error.max((mean - exact).abs());
        verdict.standard_errors =
            verdict.standard_errors.max((mean - exact).abs() / (variance / size).sqrt());
        verdict.r_hat = verdict.r_hat.max(metrics::r_hat(&chains));
        verdict.worth = verdict.worth.min(size / all.len() as f64);
    }
    verdict
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut gibbs = Gibbs::new(|i, state: &Tensor, generator: &Generator| {
        let other = state.select(1, 1 - i);
        let noise = generator.normal(state.device(), other.shape());
        noise * (1.0 - CORRELATION * CORRELATION).sqrt() + other * CORRELATION
    });
    const PAIR: usize = 2;
    const MANY: usize = 20;
    let normal = [
        ("Metropolis", chains(lab, &mut Thinned::new(Metropolis::new(correlated, 0.5), LEAPFROGS), PAIR)?),
        ("Gibbs", chains(lab, &mut gibbs, PAIR)?),
        ("HMC", chains(lab, &mut Hmc::new(correlated, LEAPFROGS), PAIR)?),
    ];
    let bent = [
        ("Metropolis", chains(lab, &mut Thinned::new(Metropolis::new(banana, 0.5), LEAPFROGS), PAIR)?),
        ("HMC", chains(lab, &mut Hmc::new(banana, LEAPFROGS), PAIR)?),
    ];
    let many = [
        ("Metropolis", chains(lab, &mut Thinned::new(Metropolis::new(correlated, 0.2), LEAPFROGS), MANY)?),
        ("HMC", chains(lab, &mut Hmc::new(correlated, LEAPFROGS), MANY)?),
    ];
    let mut worth = Vec::new();
    let targets = [
        ("normal", &NORMAL[..], &normal[..]),
        ("banana", &BANANA, &bent),
        ("ten normal pairs", &NORMAL, &many),
    ];
    for (on, moments, runs) in targets {
        for (name, chains) in runs {
            let verdict = judge(chains, moments);
            lab.expect(format!("{name}, {on}: error of moments"), verdict.error, ..0.25);
            lab.expect(format!("{name}, {on}: in standard errors"), verdict.standard_errors, ..4.5);
            // In twenty dimensions the random walk has not mixed yet.
            let mixed = if on != "ten normal pairs" || *name == "HMC" { 1.05 } else { 2.0 };
            lab.expect(format!("{name}, {on}: R-hat"), verdict.r_hat, ..mixed);
            lab.figure(format!("{name}, {on}: worth of a draw"), verdict.worth);
            worth.push(verdict.worth);
        }
    }
    // A Gibbs sweep multiplies the autocorrelation by the square of the correlation.
    let square = f64::from(CORRELATION).powi(2);
    lab.expect("Gibbs: worth against theory", worth[1] / ((1.0 - square) / (1.0 + square)), 0.8..1.25);
    // At equal work; the step size of Metropolis shrinks with the dimension.
    lab.expect("ten pairs: HMC's draws against Metropolis's", worth[6] / worth[5], 3.0..);
    dynamics(lab)?;
    picture(lab, &bent, &worth)
}

fn chains(lab: &Lab, kernel: &mut impl Transition, dims: usize) -> Result<Chains> {
    let generator = Generator::new(lab.seed());
    let start = generator.normal(lab.device(), &[64, dims]) * 1.5;
    Ok(sample(kernel, &start, lab.pick(500, 100), lab.pick(3000, 300), &generator)?)
}

/// Leapfrog steps are reversible, and halving the step quarters the error.
fn dynamics(lab: &mut Lab) -> Result<()> {
    let generator = Generator::new(lab.seed());
    let [x, momentum] = [(); 2].map(|()| generator.normal(lab.device(), &[256, 2]));
    let mut errors = Vec::new();
    for leapfrogs in [8, 16] {
        let hmc = Hmc::new(banana, leapfrogs);
        let size = Tensor::scalar(lab.device(), 0.8 / leapfrogs as f32);
        let (end, last) = hmc.leapfrog(&x, &momentum, &size);
        let change = hmc.energy(&end, &last) - hmc.energy(&x, &momentum);
        errors.push(f64::from(change.abs().topk(192, 0, false).0.square().mean_all().sqrt().item()?));
        if leapfrogs == 16 {
            let back = hmc.leapfrog(&end, &-last, &size).0;
            lab.expect("HMC: way back", (back - &x).abs().amax(&[0, 1], false).item()?, ..1e-3);
        }
    }
    lab.expect_same("HMC: energy error, step 0.1 against 0.05", errors[0] / errors[1], 3.5..4.8, 0.2);
    Ok(())
}

fn picture(lab: &mut Lab, bent: &[(&str, Chains)], worth: &[f64]) -> Result<()> {
    let mut figure = plot::Figure::new("60 draws of one chain each from a banana");
    for (name, chains) in bent {
        let density = |a: f64, b: f64| (-0.5 * ((b - 0.5 * a * a).powi(2) + a * a)).exp();
        let field = plot::Field::sample((-3.0, 3.0), (-3.0, 6.0), 90, density).contours(6);
        let path: Vec<_> = chains.states().step_by(64).take(60).map(|x| (x[0].into(), x[1].into())).collect();
        figure = figure.panel(
            plot::Panel::new(*name, "a", "b")
                .layer(field)
                .layer(plot::Points::new("draws", path.clone()))
                .with(plot::Series::new("in their order", path).exact()),
        );
    }
    let names = ["pair", "banana", "ten pairs"];
    let of = |name: &str, group: usize, worth: [f64; 3]| plot::Bars::new(name, worth).group(group, 3);
    let panel = plot::Panel::new("What a draw is worth", "", "independent draws")
        .layer(of("Metropolis, 8 proposals", 0, [worth[0], worth[3], worth[5]]))
        .layer(of("HMC, 8 leapfrog steps", 1, [worth[2], worth[4], worth[6]]))
        .layer(of("Gibbs, a sweep", 2, [worth[1], f64::NAN, f64::NAN]))
        .x_names(names);
    lab.picture("mcmc", |path| figure.panel(panel).save(path))
}
