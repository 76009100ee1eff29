//! Newton's method and the natural gradient by conjugate gradients (Nocedal and Wright 2006; Martens 2010): logistic regression to its exact
//! minimum, and a small network on two spirals. `cargo run --release -p wgrad-atlas -- newton_cg`.

use atlas::prelude::*;
use methods::second_order::{NewtonCg, NewtonStep, Objective};
use wgrad::models::Init;

pub const STUDY: Study = Study {
    name: "newton_cg",
    about: "Newton and the natural gradient without a matrix: few steps to the exact minimum, whatever the units of the inputs.",
    on_gpu: false,
    data: None,
    run,
};

const FEATURES: usize = 6;
/// The exact minimum, to a thousandth of a nat.
const NEAR: f64 = 1e-3;
/// Cross-entropy of spirals that are told apart.
const ENOUGH: f64 = 0.01;
/// The units of the inputs, from which the Hessian gets a condition number of 10^6.
const UNITS: [f32; FEATURES] = [30.0, 10.0, 3.0, 1.0, 0.3, 0.03];

fn run(lab: &mut Lab) -> Result<()> {
    let logistic = logistic_regression(lab)?;
    let spirals = network(lab)?;
    lab.picture("newton_cg", |path| {
        let figure = plot::Figure::new("Newton and the natural gradient by conjugate gradients");
        figure.panel(logistic).panel(spirals).save(path)
    })
}

/// The smallest loss of logistic regression from `x [rows, FEATURES]` to answers 0 or 1, by Newton's method on the host in f64.
fn smallest_loss(device: &Device, x: &[f32], y: &[f32]) -> Result<f64> {
    let rows: Vec<Vec<f64>> = x.chunks(FEATURES).map(|r| r.iter().map(|&v| v.into()).collect()).collect();
    let logit = |w: &[f64], r: &[f64]| w.iter().zip(r).map(|(w, x)| w * x).sum::<f64>();
    let mut w = vec![0.0; FEATURES];
    for _ in 0..30 {
        let (mut g, mut h) = ([0f64; FEATURES], [0f64; FEATURES * FEATURES]);
        for (r, &y) in rows.iter().zip(y) {
            let p = 1.0 / (1.0 + (-logit(&w, r)).exp());
            for i in 0..FEATURES {
                g[i] += (p - f64::from(y)) * r[i];
                (0..FEATURES).for_each(|j| h[i * FEATURES + j] += p * (1.0 - p) * r[i] * r[j]);
            }
        }
        let h = Tensor::from_slice(device, &h.map(|v| v as f32), &[FEATURES, FEATURES])?;
        let g = Tensor::from_slice(device, &g.map(|v| v as f32), &[FEATURES])?;
        let step = linalg::solve(&h, &g)?.to_vec::<f32>()?;
        w.iter_mut().zip(step).for_each(|(w, d)| *w -= f64::from(d));
    }
    let loss = |(r, &y): (&Vec<f64>, &f32)| {
        let z = logit(&w, r);
        (-z.abs()).exp().ln_1p() + z.max(0.0) - f64::from(y) * z
    };
    Ok(rows.iter().zip(y).map(loss).sum::<f64>() / y.len() as f64)
}

/// Logistic regression on inputs in units of very different size.
fn logistic_regression(lab: &mut Lab) -> Result<plot::Panel> {
    let (device, draw) = (lab.device().clone(), Generator::new(lab.seed()));
    let x = draw.normal(&device, &[500, FEATURES]);
    let truth = Tensor::from_slice(&device, &[1.0f32, -1.0, 0.5, 2.0, -0.5, 1.5], &[FEATURES, 1])?;
    let y = draw.uniform(&device, &[500, 1]).lt(x.matmul(&truth).sigmoid()).to(DType::F32);
    let least = smallest_loss(&device, &x.to_vec::<f32>()?, &y.to_vec::<f32>()?)?;
    let x = x * Tensor::from_slice(&device, &UNITS, &[FEATURES])?;
    let answers = targets(&y)?;
    let objective = |w: &Param, natural: bool| {
        let logits = x.matmul(&w.value());
        let entropy = |of: &Tensor| logits.binary_cross_entropy_with_logits(of, None, None, Reduction::Mean);
        // The divergence from the present distribution, but for a constant.
        let metric = natural.then(|| entropy(&logits.sigmoid().detach()));
        Objective { loss: entropy(&answers), metric }
    };
    let weights = |params: &Params| params.param("w", &[FEATURES, 1], Init::ZEROS);

    let mut panel = plot::Panel::new("Logistic regression", "step", "loss above the least").log_x().log_y();
    let above = |losses: &[f64]| losses.iter().map(|l| (l - least).max(1e-8)).collect::<Vec<_>>();
    let mut paths = Vec::new();
    for (name, natural) in [("Newton", false), ("natural gradient", true)] {
        let params = lab.params();
        let w = weights(&params);
        let mut opt = NewtonCg::new(&params);
        let steps = (0..20).map(|_| Ok(opt.step(|| objective(&w, natural))?));
        let losses: Vec<f64> = steps.map(|s| s.map(|s: NewtonStep| s.loss)).collect::<Result<_>>()?;
        lab.expect(format!("{name}: steps to the exact minimum"), steps_to(&losses, least + NEAR), ..=20.0);
        panel = panel.with(series(name, &above(&losses)));
        paths.push(losses);
    }
    // The Fisher information of logistic regression is its Hessian.
    let apart = paths[0].iter().zip(&paths[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    lab.expect("largest difference of their losses", apart, ..1e-5);
    let steps = lab.pick(3000, 1000);
    let mut least_steps = f64::INFINITY;
    for rate in [1e-4f32, 1e-3, 1e-2, 1e-1, 1.0] {
        let params = lab.params();
        let w = weights(&params);
        let mut opt = Sgd::new(&params).momentum(0.9);
        let losses = lab.fit("momentum", steps, &mut opt, rate, |_| Ok(objective(&w, false).loss));
        let Ok(losses) = losses else { continue };
        panel = panel.with(series(&format!("momentum, {rate}"), &above(&losses)));
        least_steps = least_steps.min(steps_to(&losses, least + NEAR));
    }
    lab.expect("momentum at its best rate: steps", least_steps, 200.0..);
    Ok(panel)
}

/// The number of steps until a loss is below another; all of them if it never is.
fn steps_to(losses: &[f64], below: f64) -> f64 {
    losses.iter().position(|&l| l < below).unwrap_or(losses.len()) as f64
}

fn series(name: &str, losses: &[f64]) -> plot::Series {
    plot::Series::new(name, losses.iter().enumerate().map(|(i, &l)| ((i + 1) as f64, l))).exact()
}

/// A small network on two spirals: the natural gradient, Newton's method with damping, and Adam at the best of its rates.
fn network(lab: &mut Lab) -> Result<plot::Panel> {
    let set = synthetic::spirals(lab.pick(300, 150), 2, 0.0, lab.seed());
    let [x, y] = set.to_device(lab.device())?;
    let answers = y.to(DType::F32).unsqueeze(1);
    let build = |params: &Params| {
        let sizes = [2, 16, 16, 1];
        let layer = |i: usize| Linear::new(&params.path(i), sizes[i], sizes[i + 1]);
        [0, 1, 2].map(layer)
    };
    let logits = |layers: &[Linear; 3]| {
        let hidden = layers[..2].iter().fold(x.clone(), |x, layer| layer.forward(&x).tanh());
        layers[2].forward(&hidden)
    };
    let entropy = |logits: &Tensor, of: &Tensor| {
        logits.binary_cross_entropy_with_logits(of, None, None, Reduction::Mean)
    };
    let mut panel = plot::Panel::new("Two spirals", "step", "cross-entropy").log_y().log_x();
    let mut found = Vec::new();
    for (name, natural) in [("Newton", false), ("natural gradient", true)] {
        let params = lab.params();
        let layers = build(&params);
        let mut opt = NewtonCg::new(&params).damping(0.01).tolerance(0.03);
        let (mut losses, mut products) = (Vec::new(), 0);
        for _ in lab.steps(name, lab.pick(100, 90)) {
            let step = opt.step(|| {
                let logits = logits(&layers);
                let metric = natural.then(|| entropy(&logits, &logits.sigmoid().detach()));
                Objective { loss: entropy(&logits, &answers), metric }
            })?;
            losses.push(step.loss);
            products += step.products;
        }
        lab.figure(format!("{name}: products a step"), products as f64 / losses.len() as f64);
        found.push(steps_to(&losses, ENOUGH));
        panel = panel.with(series(name, &losses));
    }
    let mut best = Vec::new();
    for rate in [3e-3f32, 1e-2, 3e-2, 1e-1] {
        let params = lab.params();
        let layers = build(&params);
        let losses = lab.fit("Adam", lab.pick(600, 300), &mut Adam::new(&params), rate, |_| {
            Ok(entropy(&logits(&layers), &answers))
        })?;
        if best.is_empty() || steps_to(&losses, ENOUGH) < steps_to(&best, ENOUGH) {
            best = losses;
        }
    }
    let adam = steps_to(&best, ENOUGH);
    panel = panel.with(series("Adam", &best));
    lab.expect("Adam at its best rate: steps to two spirals", adam, 50.0..250.0);
    lab.figure("Newton with damping: steps to two spirals", found[0]);
    lab.expect("natural gradient: steps to two spirals", found[1], ..85.0);
    lab.expect("its steps against Adam's", found[1] / adam, ..0.9);
    Ok(panel)
}
