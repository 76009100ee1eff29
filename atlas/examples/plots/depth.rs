//! Gradients over depth, and a race of optimizers over several seeds.

use anyhow::Result;
use wgrad::models::{Optimizer, Rule};
use wgrad::prelude::*;
use wgrad::train::plot::{Band, Bars, Figure, Panel, Series};

use crate::moons::Moons;

const DEPTH: usize = 20;
const WIDTH: usize = 64;

/// The norm of each layer's gradient in a fresh network of 20 layers.
pub fn gradients(device: &Device) -> Result<Figure<'static>> {
    type Function = fn(&Tensor) -> Tensor;
    let cases: [(&str, Function, Init, bool); 5] = [
        ("sigmoid, Xavier", |x| x.sigmoid(), Init::XavierUniform { gain: 1.0 }, false),
        ("tanh, Xavier", |x| x.tanh(), Init::XavierUniform { gain: 1.0 }, false),
        ("ReLU, Xavier", |x| x.relu(), Init::XavierUniform { gain: 1.0 }, false),
        ("ReLU, He", |x| x.relu(), Init::HE_FAN_OUT, false),
        ("ReLU, He, residual", |x| x.relu(), Init::HE_FAN_OUT, true),
    ];
    let x = Generator::new(5).normal(device, &[32, WIDTH]);
    let mut panel =
        Panel::new("20 layers of 64 units, at the start", "layer", "norm of the gradient").log_y();
    for (name, f, init, residual) in cases {
        let params = Params::new(device, 9);
        let weights: Vec<Param> =
            (0..DEPTH).map(|i| params.param(&format!("{i}"), &[WIDTH, WIDTH], init)).collect();
        let mut h = x.clone();
        for weight in &weights {
            let next = f(&h.linear(&weight.value(), None));
            // Each branch is scaled by 1 / depth, so that the sum keeps its scale.
            h = if residual { h + next * (1.0 / DEPTH as f32) } else { next };
        }
        let gradients = h.square().mean_all().backward();
        let norm = |weight: &Param| -> Result<f64> {
            let gradient = gradients.get(&weight.value()).expect("the output depends on every layer");
            Ok(f64::from(gradient.square().sum_all().item()?).sqrt())
        };
        let norms: Vec<f64> = weights.iter().map(norm).collect::<Result<_>>()?;
        panel =
            panel.with(Series::new(name, norms.into_iter().enumerate().map(|(i, n)| (i as f64 + 1.0, n))));
    }
    Ok(Figure::new("Vanishing gradients, and their cures").panel(panel))
}

/// Losses over steps and at the end, over 5 seeds.
pub fn race(device: &Device) -> Result<Figure<'static>> {
    let set = Moons::new(device, 200, 0.1)?;
    let runs = [
        ("SGD", runs(device, &set, 0.5, Sgd::new)?),
        ("momentum", runs(device, &set, 0.1, |p| Sgd::new(p).momentum(0.9))?),
        ("RMSProp", runs(device, &set, 3e-3, RmsProp::new)?),
        ("Adam", runs(device, &set, 1e-2, Adam::new)?),
    ];
    let mut curves = Panel::new("Mean and standard deviation of 5 seeds", "step", "loss").log_y();
    for (name, runs) in &runs {
        let (means, deviations) = mean_std(runs);
        let points = means.iter().enumerate().map(|(step, &mean)| (step as f64, mean));
        let band = means.iter().zip(&deviations).enumerate();
        let band = band.map(|(step, (m, d))| (step as f64, (m - d).max(1e-6), m + d));
        curves = curves.layer(Band::new(*name, band)).with(Series::new(*name, points));
    }
    let last = |runs: &[Vec<f64>]| {
        let (means, deviations) = mean_std(runs);
        (means[means.len() - 1], deviations[deviations.len() - 1])
    };
    let ends: Vec<(f64, f64)> = runs.iter().map(|(_, runs)| last(runs)).collect();
    let bars = Bars::new("", ends.iter().map(|end| end.0)).errors(ends.iter().map(|end| end.1));
    let bars = Panel::new("At the end", "", "loss").layer(bars).x_names(runs.iter().map(|(name, _)| *name));
    Ok(Figure::new("A race on two moons").panel(curves).panel(bars))
}

/// The losses of each step for each of 5 seeds.
fn runs<R: Rule>(
    device: &Device,
    set: &Moons,
    lr: f32,
    optimizer: impl Fn(&Params) -> Optimizer<R>,
) -> Result<Vec<Vec<f64>>> {
    let run = |seed: u64| -> Result<Vec<f64>> {
        let params = Params::new(device, seed);
        let net = wgrad::models::Mlp::new(&params, &[2, 16, 16, 2]);
        let mut opt = optimizer(&params);
        let mut step = || -> Result<f64> {
            let loss = net.forward(&set.x).cross_entropy(&set.y);
            opt.step(loss.backward(), lr)?;
            Ok(loss.item()?.into())
        };
        (0..150).map(|_| step()).collect()
    };
    (0..5).map(run).collect()
}

fn mean_std(runs: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let count = runs.len() as f64;
    let at = |step: usize| {
        let mean = runs.iter().map(|run| run[step]).sum::<f64>() / count;
        let variance = runs.iter().map(|run| (run[step] - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance.sqrt())
    };
    (0..runs[0].len()).map(at).unzip()
}
