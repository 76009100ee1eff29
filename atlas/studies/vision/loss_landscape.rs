//! Loss landscapes (Li et al. 2018): the loss on a plane around a trained network, along filter-normalised directions. A deep network with
//! residual connections has a smooth landscape, one without has a rough one; and the picture is the same for networks that compute the same
//! function with weights of other scales: `cargo run --release -p wgrad-atlas -- loss_landscape`.

use atlas::prelude::*;
use methods::landscape::Landscape;
use wgrad::train::plot::{Field, Figure, Surface};

pub const STUDY: Study = Study {
    name: "loss_landscape",
    about: "The loss around deep networks, with and without residuals, in filter-normalised directions.",
    on_gpu: true,
    data: None,
    run,
};

const WIDTH: usize = 16;

/// Linear layers with ReLU, with or without residual connections around the hidden ones.
struct Net {
    layers: Vec<Linear>,
    residual: bool,
}

impl Net {
    fn new(depth: usize, residual: bool, params: &Params) -> Net {
        let size = |i: usize| [if i == 0 { 2 } else { WIDTH }, if i + 1 == depth { 2 } else { WIDTH }];
        let layer = |i: usize| Linear::new(&params.path(i), size(i)[0], size(i)[1]);
        let net = Net { layers: (0..depth).map(layer).collect(), residual };
        params.redraw("*.weight", Init::HE_FAN_OUT);
        params.redraw("*.bias", Init::ZEROS);
        net
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let (last, hidden) = self.layers.split_last().expect("there are layers");
        let mut x = hidden[0].forward(x).relu();
        for layer in &hidden[1..] {
            let next = layer.forward(&x).relu();
            x = if self.residual { x + next / hidden.len() as f32 } else { next };
        }
        last.forward(&x)
    }
}

/// The losses in a square around the trained network.
fn losses(plane: &Landscape, samples: usize, loss: impl FnMut() -> Tensor) -> Result<Field> {
    Ok(Field::sample_all((-1.0, 1.0), (-1.0, 1.0), samples, |places| plane.losses(places, loss))?)
}

/// The mean absolute second difference of a field's logarithm, relative to the range of the logarithm.
fn roughness(values: &[f64], samples: usize) -> f64 {
    let logs: Vec<f64> = values.iter().map(|v| (v + 1e-3).ln()).collect();
    let bend = |i: usize, step: usize| (logs[i - step] - 2.0 * logs[i] + logs[i + step]).abs();
    let inside =
        |&i: &usize| (1..samples - 1).contains(&(i % samples)) && (1..samples - 1).contains(&(i / samples));
    let bends: Vec<f64> = (0..logs.len()).filter(inside).map(|i| bend(i, 1) + bend(i, samples)).collect();
    let (low, high) = logs.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    bends.iter().sum::<f64>() / bends.len() as f64 / (high - low)
}

fn run(lab: &mut Lab) -> Result<()> {
    let [x, y] = synthetic::moons(200, 0.15, lab.seed()).to_device(lab.device())?;
    let (depth, steps, samples) = (lab.pick(24, 16), lab.pick(600, 200), lab.pick(41, 15));
    let mut figure = Figure::new("Loss around a trained network, in filter-normalised directions");
    let mut rough = Vec::new();
    for (name, residual) in [("without residuals", false), ("with residuals", true)] {
        let params = lab.params();
        let net = Net::new(depth, residual, &params);
        let loss = || net.forward(&x).cross_entropy(&y);
        lab.fit(name, steps, &mut Adam::new(&params), Cosine::new(0.003, 0.0, steps), |_| Ok(loss()))?;
        let trained = f64::from(loss().item()?);
        let plane = Landscape::new(&params, &Generator::new(lab.seed()));
        let field = losses(&plane, samples, loss)?;
        let centre = field.values[field.values.len() / 2];
        // Residual branches start small, and learn more slowly. Equal probabilities have a loss of 0.69.
        lab.expect(format!("loss {name}"), trained, ..if residual { 0.3 } else { 0.05 });
        lab.expect(format!("centre less the loss, {name}"), centre - trained, -1e-6..=1e-6);
        lab.expect(format!("loss put back, {name}"), f64::from(loss().item()?) - trained, -1e-6..=1e-6);
        rough.push(roughness(&field.values, samples));
        lab.figure(format!("roughness {name}"), rough[rough.len() - 1]);
        let values = field.values.iter().map(|v| (v + 1e-3).log10()).collect();
        let field = Field { values, ..field };
        figure = figure.surface(Surface::new(name, ["direction 1", "direction 2", "log10 loss"], field));
    }
    lab.expect("roughness with residuals against without", rough[1] / rough[0], ..0.8);
    lab.expect_same("what other scales change", scale_invariance(lab, &x, &y)?, ..1e-3, 1e-3);
    lab.picture("loss_landscape", |path| figure.save(path))
}

/// The largest relative difference between the landscapes of a network and of the same function with the first layer scaled by 10 and the
/// second by 1 / 10.
fn scale_invariance(lab: &Lab, x: &Tensor, y: &Tensor) -> Result<f64> {
    let mut landscapes = Vec::new();
    for scale in [1.0, 10.0] {
        let params = lab.params();
        let net = Net::new(3, false, &params);
        for (name, factor) in [("0.weight", scale), ("0.bias", scale), ("1.weight", 1.0 / scale)] {
            let param = params.get(name).context("a parameter of the first layers")?;
            param.set(&(param.value() * factor));
        }
        let plane = Landscape::new(&params, &Generator::new(lab.seed()));
        landscapes.push(losses(&plane, 5, || net.forward(x).cross_entropy(y))?.values);
    }
    let apart = landscapes[0].iter().zip(&landscapes[1]).map(|(a, b)| (a - b).abs() / a);
    Ok(apart.fold(0.0, f64::max))
}
