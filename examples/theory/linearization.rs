//! Linearisation (Jacot et al. 2018; Lee et al. 2019): the wider a network, the nearer it stays to its first-order expansion, whose training
//! is kernel regression with the neural tangent kernel: `cargo run --release --example linearization`.

use studies::prelude::*;
use wgrad::models::curvature::jacobian;

pub const STUDY: Study = Study {
    name: "linearization",
    about: "Weights move by one over the root of the width, and the tangent kernel at the start predicts what a wide network will answer.",
    on_gpu: false,
    data: None,
    run,
};

fn main() -> ExitCode {
    studies::main(&STUDY)
}

const EXAMPLES: usize = 16;
const UNSEEN: usize = 24;

/// `f(x) = sum of a tanh(w x + b) / sqrt(width)`, all of variance 1.
fn answer(params: &Params, x: &Tensor) -> Result<Tensor> {
    let value = |name: &str| Ok::<_, anyhow::Error>(params.get(name).context("a parameter")?.value());
    let hidden = x.linear(&value("w")?, Some(&value("b")?)).tanh();
    let width = hidden.shape()[1] as f32;
    Ok(hidden.matmul(&value("a")?) * (1.0 / width.sqrt()))
}

/// What gradient flow in steps makes of a linear model with this kernel `[rows, rows]`, of which the first rows are examples.
fn linear_training(kernel: &[f32], start: &[f32], target: &[f32], rate: f64, steps: usize) -> Vec<f64> {
    let rows = start.len();
    let mut now: Vec<f64> = start.iter().map(|&v| v.into()).collect();
    for _ in 0..steps {
        let error: Vec<f64> = target.iter().zip(&now).map(|(&y, f)| f - f64::from(y)).collect();
        for (i, f) in now.iter_mut().enumerate() {
            let push = error.iter().enumerate().map(|(j, e)| f64::from(kernel[i * rows + j]) * e);
            *f -= rate * push.sum::<f64>();
        }
    }
    now
}

fn run(lab: &mut Lab) -> Result<()> {
    let steps = lab.pick(1000, 200);
    let at: Vec<f32> = (0..UNSEEN).map(|i| 4.0 * i as f32 / (UNSEEN - 1) as f32 - 2.0).collect();
    let mut draws = lab.draws(0);
    let inputs: Vec<f32> =
        (0..EXAMPLES).map(|_| draws.between(-2.0, 2.0)).chain(at.iter().copied()).collect();
    let target: Vec<f32> = inputs[..EXAMPLES].iter().map(|x| (2.0 * x).sin()).collect();
    let x = Tensor::from_slice(lab.device(), &inputs, &[EXAMPLES + UNSEEN, 1])?;
    let y = Tensor::from_slice(lab.device(), &target, &[EXAMPLES])?;
    let seen = x.narrow(0, 0, EXAMPLES);
    let (mut changes, mut ways, mut misses, mut panels) = (vec![], vec![], vec![], vec![]);
    for width in [16, 64, 256, 1024] {
        // The mean over some networks.
        let nets = 3;
        let (mut change, mut miss, mut way) = (0.0, 0.0, 0.0);
        for net in 0..nets {
            let params = Params::new(lab.device(), 100 * lab.seed() + net);
            let normal = Init::Normal { mean: 0.0, std: 1.0 };
            let made = [("w", vec![width, 1]), ("b", vec![width]), ("a", vec![width])]
                .map(|(name, shape)| params.param(name, &shape, normal));
            let kernel = || -> Result<Tensor> {
                let values = made.each_ref().map(Param::value);
                let slopes = jacobian(&answer(&params, &x)?, &values.each_ref());
                Ok(slopes.matmul(&slopes.t()))
            };
            let weights = made.each_ref().map(|p| p.value().detach());
            let (start, before) = (answer(&params, &x)?.to_vec::<f32>()?, kernel()?.detach());
            let rate = 1.0 / linalg::spectral_norm(&before.narrow(0, 0, EXAMPLES).narrow(1, 0, EXAMPLES))?;
            let before_values = before.to_vec::<f32>()?;
            lab.fit(&format!("width {width}"), steps, &mut Sgd::new(&params), Constant(rate as f32), |_| {
                Ok((answer(&params, &seen)? - &y).square().sum_all() * 0.5)
            })?;
            let norm = |t: Tensor| Ok::<_, anyhow::Error>(f64::from(t.square().sum_all().item()?).sqrt());
            change += norm(kernel()? - &before)? / norm(before)? / nets as f64;
            let squares = |values: [Tensor; 3]| {
                values.iter().map(Tensor::square).map(|s| s.sum_all()).reduce(|a, b| a + b).expect("three")
            };
            let moved = [0, 1, 2].map(|i| made[i].value() - &weights[i]);
            way += f64::from((squares(moved) / squares(weights)).sqrt().item()?) / nets as f64;
            let predicted = linear_training(&before_values, &start, &target, rate, steps);
            let found = answer(&params, &x)?.to_vec::<f32>()?;
            let rows = EXAMPLES..EXAMPLES + UNSEEN;
            let distance = |to: &dyn Fn(usize) -> f64| {
                rows.clone().map(|i| (f64::from(found[i]) - to(i)).powi(2)).sum::<f64>().sqrt()
            };
            // Over how far training has moved the answers.
            miss += distance(&|i| predicted[i]) / distance(&|i| start[i].into()) / nets as f64;
            if net == 0 && (width == 16 || width == 1024) {
                let line = |values: &dyn Fn(usize) -> f64| {
                    rows.clone().map(|i| (inputs[i].into(), values(i))).collect::<Vec<(f64, f64)>>()
                };
                let points = inputs.iter().zip(&target).map(|(&x, &y)| (x.into(), y.into()));
                let panel = plot::Panel::new(format!("Width {width}"), "x", "y")
                    .layer(plot::Points::new("examples", points));
                let panel = panel.with(plot::Series::new("network", line(&|i| found[i].into())).exact());
                panels.push(panel.with(plot::Series::new("tangent kernel", line(&|i| predicted[i])).exact()));
            }
        }
        lab.figure(format!("change of the kernel, width {width}"), change);
        lab.figure(format!("miss of the prediction, width {width}"), miss);
        changes.push((width as f64, change));
        ways.push((width as f64, way));
        misses.push((width as f64, miss));
    }
    let power = |points: &[(f64, f64)]| (points[3].1 / points[0].1).ln() / (points[3].0 / points[0].0).ln();
    lab.expect("power of the width in the weights' change", power(&ways), -0.6..-0.42);
    // At most the root in the bounds (Lee et al. 2019), one over the width to leading order (Dyer and Gur-Ari 2020).
    lab.expect("power of the width in the kernel's change", power(&changes), -1.2..-0.5);
    lab.expect("miss of the prediction, widest", misses[3].1, ..0.05);
    lab.expect("miss, narrowest over widest", misses[0].1 / misses[3].1, 5.0..);
    let sizes = plot::Panel::new("Distance to the linearisation", "width", "relative").log_x().log_y();
    let sizes = sizes
        .with(plot::Series::new("change of the weights", ways))
        .with(plot::Series::new("change of the kernel", changes))
        .with(plot::Series::new("miss of the prediction", misses));
    let figure = panels
        .into_iter()
        .fold(plot::Figure::new("Wide networks are linear").columns(3), plot::Figure::panel);
    lab.picture("linearization", |path| figure.panel(sizes).save(path))
}
