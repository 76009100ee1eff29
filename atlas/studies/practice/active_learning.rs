//! Active learning (Lewis and Gale 1994; Scheffer et al. 2001): the learner chooses which digits are labelled, and a threshold found by bisection
//! against its exact errors: `cargo run --release -p wgrad-atlas -- active_learning`.

use atlas::{RealDigits, prelude::*};

pub const STUDY: Study = Study {
    name: "active_learning",
    about: "Digits labelled where the classifier is least certain are worth twice as many labelled at random.",
    on_gpu: false,
    data: None,
    run,
};

const FIRST: usize = 20;
const QUERIED: usize = 20;
const ROUNDS: usize = 9;
const STRATEGIES: [&str; 4] = ["random", "least confident", "margin", "entropy"];

/// How little a classifier with these probabilities is worth asking about.
fn certainty(strategy: &str, probabilities: &[f32], draws: &mut Draws) -> f64 {
    let mut sorted: Vec<f64> = probabilities.iter().map(|&p| p.into()).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    match strategy {
        "random" => draws.unit(),
        "least confident" => sorted[0],
        "margin" => sorted[0] - sorted[1],
        _ => sorted.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum(),
    }
}

/// Accuracies with 20, 40, .. labels.
fn learn(lab: &Lab, digits: &RealDigits, strategy: &str, trial: u32) -> Result<Vec<f64>> {
    let mut draws = lab.draws(trial);
    let mut order: Vec<i32> = (0..RealDigits::TRAIN as i32).collect();
    draws.shuffle(&mut order);
    let mut pool = order.split_off(FIRST);
    let (mut labelled, mut accuracies) = (order, Vec::new());
    loop {
        let rows = Tensor::from_slice(lab.device(), &labelled, &[labelled.len()])?;
        let (x, y) = (digits.train.0.index_select(0, &rows), digits.train.1.index_select(0, &rows));
        let params = lab.params();
        let layer = Linear::new(&params, 64, 10);
        lab.fit(strategy, 100, &mut Adam::new(&params), 0.05, |_| Ok(layer.forward(&x).cross_entropy(&y)))?;
        accuracies.push(metrics::accuracy(&layer.forward(&digits.test.0), &digits.test.1)?);
        if accuracies.len() > ROUNDS {
            return Ok(accuracies);
        }
        let answers = layer.forward(&digits.train.0).softmax(1).to_vec::<f32>()?;
        let mut scored: Vec<(f64, i32)> = pool
            .iter()
            .map(|&i| (certainty(strategy, &answers[10 * i as usize..][..10], &mut draws), i))
            .collect();
        scored.sort_by(|a, b| a.0.total_cmp(&b.0));
        labelled.extend(scored[..QUERIED].iter().map(|(_, i)| i));
        pool = scored[QUERIED..].iter().map(|(_, i)| *i).collect();
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let bisection = threshold(lab);
    let (digits, trials) = (lab.real_digits()?, lab.pick(20, 5));
    let mut panel = plot::Panel::new("Real digits, softmax regression", "labels", "accuracy");
    let mut curves = Vec::new();
    for strategy in STRATEGIES {
        let mut mean = vec![0.0; ROUNDS + 1];
        for trial in 0..trials {
            let found = learn(lab, &digits, strategy, trial)?;
            mean.iter_mut().zip(found).for_each(|(sum, accuracy)| *sum += accuracy / f64::from(trials));
        }
        let at = |round: usize| (FIRST + round * QUERIED) as f64;
        panel = panel.with(plot::Series::new(strategy, mean.iter().enumerate().map(|(i, &a)| (at(i), a))));
        curves.push(mean);
    }
    lab.expect("random: accuracy with 200 labels", curves[0][ROUNDS], 0.8..0.88);
    for (i, strategy) in STRATEGIES.into_iter().enumerate().skip(1) {
        let gain = curves[i][ROUNDS] - curves[0][ROUNDS];
        lab.expect(format!("{strategy}: accuracy over random with 200 labels"), gain, 0.01..0.1);
    }
    // The labels for which the margin's accuracy is that of random choice with 200.
    let enough = curves[2].iter().position(|&accuracy| accuracy >= curves[0][ROUNDS]).unwrap_or(ROUNDS);
    lab.expect(
        "margin: labels for the accuracy of 200 random ones",
        (FIRST + enough * QUERIED) as f64,
        ..=140.0,
    );
    let figure = plot::Figure::new("Active learning").panel(bisection).panel(panel);
    lab.picture("active_learning", |path| figure.save(path))
}

/// A threshold between 0 and 1: `n` random labels leave an error of `1 / (2 n + 4)` in the mean, `n` chosen ones `1 / 2^(n + 2)`.
fn threshold(lab: &mut Lab) -> plot::Panel {
    const LABELS: usize = 20;
    let (mut draws, trials) = (lab.draws(100), lab.pick(100_000, 20_000));
    let mut errors = [[0.0; LABELS + 1]; 2];
    for (active, errors) in errors.iter_mut().enumerate() {
        for _ in 0..trials {
            let truth = draws.unit();
            let (mut low, mut high) = (0.0f64, 1.0f64);
            for error in errors.iter_mut() {
                *error += (truth - (low + high) / 2.0).abs() / f64::from(trials);
                let asked = if active == 1 { (low + high) / 2.0 } else { draws.unit() };
                if asked < truth { low = low.max(asked) } else { high = high.min(asked) }
            }
        }
    }
    let exact = [|n: usize| 0.5 / (n + 2) as f64, |n: usize| 0.25 * 0.5f64.powi(n as i32)];
    let mut panel = plot::Panel::new("A threshold", "labels", "mean error").log_y();
    for ((name, errors), exact) in ["random", "bisection"].into_iter().zip(errors).zip(exact) {
        let apart = (0..=LABELS).map(|n| (errors[n] / exact(n) - 1.0).abs()).fold(0.0, f64::max);
        lab.expect(format!("threshold, {name}: mean errors over the exact ones, less 1"), apart, ..0.05);
        panel = panel
            .with(
                plot::Series::new(format!("{name}, exact"), (0..=LABELS).map(|n| (n as f64, exact(n))))
                    .exact(),
            )
            .layer(plot::Points::new(name, (0..=LABELS).map(|n| (n as f64, errors[n]))));
    }
    panel
}
