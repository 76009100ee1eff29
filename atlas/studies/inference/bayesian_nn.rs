//! A Bayesian neural network: the posterior of the weights by Hamiltonian Monte Carlo (Neal 1996), by independent normal distributions
//! (Blundell et al. 2015) and by dropout at test time (Gal and Ghahramani 2016). Away from the data, the predictions spread:
//! `cargo run --release -p wgrad-atlas -- bayesian_nn`.

use atlas::prelude::*;
use methods::inference::{Hmc, MeanField, sample};

pub const STUDY: Study = Study {
    name: "bayesian_nn",
    about: "A Bayesian neural network by Hamiltonian Monte Carlo, by variational inference and by dropout.",
    on_gpu: false,
    data: None,
    run,
};

const UNITS: usize = 16;
const WEIGHTS: usize = 3 * UNITS + 1;
/// The known deviation of the observation noise.
const NOISE: f32 = 0.1;
/// Prior deviation of first-layer weights and biases; that of the second layer shrinks with its number of weights.
const PRIOR: f32 = 3.0;

fn curve(x: f64) -> f64 {
    0.6 * (4.0 * x).sin() + 0.3 * x
}

/// The outputs `[S, N]` at `x [N]` of networks with standard normal weights `[S, 49]`, scaled by the prior.
fn network(weights: &Tensor, x: &Tensor) -> Tensor {
    let part = |i: usize| weights.narrow(1, i * UNITS, UNITS).unsqueeze(1);
    let hidden = (x.reshape(&[1, x.numel(), 1]) * part(0) * PRIOR + part(1) * PRIOR).tanh();
    let sum = (hidden * part(2)).sum(&[2], false) * (2.0 / (UNITS as f32).sqrt());
    sum + weights.narrow(1, 3 * UNITS, 1)
}

/// A random input: two intervals with a gap between them.
fn place(draws: &mut Draws) -> f64 {
    let offset = 0.6 * draws.unit();
    if draws.happens(0.5) { -1.0 + offset } else { 0.4 + offset }
}

/// Means and deviations of a method's predictions at many inputs.
struct Answers {
    name: &'static str,
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Answers {
    /// From the predictions `[S, N]` of `S` networks.
    fn new(name: &'static str, answers: &Tensor) -> Result<Answers> {
        let read = |values: Tensor| -> Result<Vec<f64>> {
            Ok(values.to_vec::<f32>()?.into_iter().map(f64::from).collect())
        };
        let deviation = answers.std(&[0], 1.0, false);
        Ok(Answers { name, mean: read(answers.mean(&[0], false))?, deviation: read(deviation)? })
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let mut draws = lab.draws(0);
    let mut points = |count: usize| -> (Vec<f32>, Vec<f32>) {
        (0..count)
            .map(|_| {
                let x = place(&mut draws);
                (x as f32, (curve(x) + f64::from(NOISE) * draws.normal()) as f32)
            })
            .unzip()
    };
    let (xs, ys) = points(40);
    let (test_x, test_y) = points(400);
    let x = Tensor::from_slice(&device, &xs, &[xs.len()])?;
    let y = Tensor::from_slice(&device, &ys, &[ys.len()])?;
    // Inputs to draw, then those of the test.
    let grid: Vec<f32> = (0..=160).map(|i| i as f32 / 40.0 - 2.0).collect();
    let asked = Tensor::from_slice(&device, &[&grid[..], &test_x].concat(), &[grid.len() + test_x.len()])?;

    let log_joint = |w: &Tensor| {
        let error = (network(w, &x) - &y).square().sum(&[1], false);
        error * (-0.5 / (NOISE * NOISE)) - w.square().sum(&[1], false) * 0.5
    };
    let generator = Generator::new(lab.seed());
    let chains = lab.pick(16, 8);
    let start = generator.normal(&device, &[chains, WEIGHTS]);
    let mut hmc = Hmc::new(log_joint, 20).initial_step(0.01);
    let (warm_up, length) = (lab.pick(1000, 120), lab.pick(1000, 100));
    let drawn = sample(&mut hmc, &start, warm_up, length, &generator)?;
    // Keeps every few steps of all chains.
    let thinned: Vec<f32> = drawn
        .states()
        .enumerate()
        .filter(|(i, _)| (i / chains).is_multiple_of(length / 50))
        .flat_map(|(_, w)| w.to_vec())
        .collect();
    let weights = Tensor::from_slice(&device, &thinned, &[thinned.len() / WEIGHTS, WEIGHTS])?;
    let hmc_answers = Answers::new("Hamiltonian Monte Carlo", &network(&weights, &asked))?;

    let params = lab.params();
    let q = MeanField::new(&params, WEIGHTS, 0.1);
    // Random means: at 0, all hidden units would be equal.
    let loc = params.get("loc").context("means")?;
    loc.set(&generator.normal(&device, &[WEIGHTS]));
    let steps = lab.pick(6000, 800);
    lab.fit("variational", steps, &mut Adam::new(&params), Cosine::new(0.02, 0.0, steps), |_| {
        Ok(-q.elbo(log_joint, 8, &generator))
    })?;
    let variational = Answers::new("variational", &network(&q.rsample(400, &generator), &asked))?;
    let dropout = dropout(lab, &x, &y, &asked)?;

    let answers = [hmc_answers, variational, dropout];
    let mean_at = |values: &[f64], inside: &dyn Fn(f32) -> bool| {
        let found: Vec<f64> = grid.iter().zip(values).filter(|(x, _)| inside(**x)).map(|(_, v)| *v).collect();
        found.iter().sum::<f64>() / found.len() as f64
    };
    let mut aways = Vec::new();
    // With independent weights, the network can even be surer away from the data: it depends on which units are saturated.
    let expected = [(Some(6.0), 3.0, 0.99), (None, 1.15, 0.999), (Some(1.4), 1.15, 0.999)];
    for (answers, (least, gap, most)) in answers.iter().zip(expected) {
        let name = answers.name;
        let at_data =
            mean_at(&answers.deviation, &|x| (-1.0..=-0.4).contains(&x) || (0.4..=1.0).contains(&x));
        let away = mean_at(&answers.deviation, &|x| x.abs() > 1.7);
        let between = mean_at(&answers.deviation, &|x| x.abs() < 0.15);
        let what = format!("{name}: spread away from the data against there");
        match least {
            Some(least) => lab.expect(what, away / at_data, least..),
            None => lab.figure(what, away / at_data),
        }
        lab.expect(format!("{name}: spread in the gap against at the data"), between / at_data, gap..);
        let at_test = answers.mean.iter().zip(&answers.deviation).skip(grid.len()).zip(&test_y);
        let covered = at_test.filter(|((m, s), y)| {
            let deviation = (*s * *s + f64::from(NOISE * NOISE)).sqrt();
            (f64::from(**y) - **m).abs() < 1.96 * deviation
        });
        aways.push(away);
        let share = covered.count() as f64 / test_y.len() as f64;
        lab.expect(format!("{name}: test points in 95% intervals"), share, 0.9..most);
    }
    // Independent weights underestimate the posterior's spread.
    lab.expect("spread away from the data, variational against HMC", aways[1] / aways[0], ..0.6);
    picture(lab, &grid, &answers, xs.iter().zip(&ys).map(|(x, y)| (f64::from(*x), f64::from(*y))).collect())
}

/// One network with dropout, applied at test time too.
fn dropout(lab: &Lab, x: &Tensor, y: &Tensor, asked: &Tensor) -> Result<Answers> {
    const WIDTH: usize = 64;
    let params = lab.params();
    let layers = [(1, WIDTH), (WIDTH, WIDTH), (WIDTH, 1)];
    let layers: Vec<Linear> = layers
        .iter()
        .enumerate()
        .map(|(i, (a, b))| Linear::new(&params.path(format!("fc{i}")), *a, *b))
        .collect();
    let generator = params.generator();
    let forward = |x: &Tensor| {
        let hidden = layers[0].forward(&(x.unsqueeze(1) * 4.0)).relu().dropout(0.1, generator);
        let hidden = layers[1].forward(&hidden).relu().dropout(0.1, generator);
        layers[2].forward(&hidden).squeeze(&[1])
    };
    let steps = lab.pick(4000, 600);
    let mut opt = AdamW::new(&params);
    let y = targets(y)?;
    lab.fit("dropout", steps, &mut opt, Cosine::new(0.005, 0.0, steps), |_| {
        Ok(forward(x).mse_loss(&y, Reduction::Mean))
    })?;
    // Each pass drops different units.
    let passes = 200;
    let answers = forward(&asked.repeat(&[passes])).reshape(&[passes, asked.numel()]);
    Answers::new("dropout", &answers)
}

fn picture(lab: &mut Lab, grid: &[f32], answers: &[Answers], seen: Vec<(f64, f64)>) -> Result<()> {
    let mut figure = plot::Figure::new("What three kinds of Bayesian neural networks say, with 95% bands");
    for Answers { name, mean, deviation } in answers {
        let at = || grid.iter().map(|&x| f64::from(x)).zip(mean.iter().zip(deviation));
        let band = plot::Band::new("mean", at().map(|(x, (m, s))| (x, m - 1.96 * s, m + 1.96 * s)));
        let truth = grid.iter().map(|&x| (f64::from(x), curve(x.into())));
        figure = figure.panel(
            plot::Panel::new(*name, "x", "y")
                .layer(band)
                .layer(plot::Points::new("data", seen.iter().copied()))
                .with(plot::Series::new("mean", at().map(|(x, (m, _))| (x, *m))).exact())
                .with(plot::Series::new("truth", truth).exact())
                .y_range(-3.0, 3.0),
        );
    }
    lab.picture("bayesian_nn", |path| figure.save(path))
}
