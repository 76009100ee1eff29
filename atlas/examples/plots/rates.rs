//! Functions of one variable: activations and their derivatives, learning rates over time, losses over learning rates.

use anyhow::Result;
use wgrad::autograd::grad;
use wgrad::models::{CosineAnnealingWarmRestarts, CyclicLr, ExponentialLr, Optimizer, Rule};
use wgrad::prelude::*;
use wgrad::train::plot::{Band, Figure, Panel, Series};

use crate::moons;

/// Values and derivatives from -4 to 4.
pub fn activations(device: &Device) -> Result<Figure<'static>> {
    type Function = fn(&Tensor) -> Tensor;
    let saturating: [(&str, Function); 3] =
        [("sigmoid", |x| x.sigmoid()), ("tanh", |x| x.tanh()), ("softsign", |x| x.softsign())];
    let rectifying: [(&str, Function); 6] = [
        ("ReLU", |x| x.relu()),
        ("leaky ReLU", |x| x.leaky_relu(0.1)),
        ("ELU", |x| x.elu(1.0)),
        ("GELU", |x| x.gelu()),
        ("SiLU", |x| x.silu()),
        ("Mish", |x| x.mish()),
    ];
    let points: Vec<f32> = (-400..=400).map(|i| i as f32 / 100.0).collect();
    let x = Tensor::from_slice(device, &points, &[points.len()])?.variable();
    let of = |name: &str, values: Tensor| -> Result<Series> {
        let values = values.to_vec::<f32>()?;
        Ok(Series::new(name, points.iter().zip(values).map(|(&x, y)| (x.into(), y.into()))))
    };
    let panels = |title: &str, functions: &[(&str, Function)]| -> Result<[Panel; 2]> {
        let mut values = Panel::new(title, "x", "f(x)");
        let mut slopes = Panel::new(format!("{title}: slopes"), "x", "f'(x)");
        for (name, f) in functions {
            let y = f(&x);
            let slope = grad(&y.sum_all(), &[&x]).remove(0).expect("f depends on x");
            values = values.with(of(name, y)?);
            slopes = slopes.with(of(name, slope)?);
        }
        Ok([values, slopes])
    };
    let all = panels("Saturating", &saturating)?.into_iter().chain(panels("Rectifying", &rectifying)?);
    Ok(all.fold(Figure::new("Activations").columns(2), Figure::panel))
}

/// 1000 steps of every kind of schedule.
pub fn schedules() -> Figure<'static> {
    const STEPS: usize = 1000;
    let line = |name: &str, schedule: &dyn Schedule| {
        Series::new(name, (0..STEPS).map(|step| (step as f64, f64::from(schedule.lr(step)))))
    };
    let falling = Panel::new("Falling", "step", "learning rate")
        .with(line("constant", &0.1))
        .with(line("steps at 500 and 750", &Step::new(0.1, 0.1, [500, 750])))
        .with(line("exponential", &ExponentialLr::new(0.1, 0.995)))
        .with(line("cosine", &Cosine::new(0.1, 0.0, STEPS)));
    let rising = Panel::new("Rising and falling", "step", "learning rate")
        .with(line("one cycle", &OneCycle::new(0.1, STEPS)))
        .with(line("warm-up, then cosine", &Warmup::new(0.0, 100, Cosine::new(0.1, 0.0, STEPS - 100))))
        .with(line("warm restarts", &CosineAnnealingWarmRestarts::new(0.1, 0.0, 143, 2)))
        .with(line("cyclic", &CyclicLr::new(0.01, 0.06, 125)));
    Figure::new("Learning-rate schedules").panel(falling).panel(rising)
}

/// Losses on two moons after 60 steps, by learning rate: mean and spread of 3 seeds.
pub fn sweep(device: &Device) -> Result<Figure<'static>> {
    let rates: Vec<f32> = (0..13).map(|i| 10f32.powf(-3.5 + i as f32 / 3.0)).collect();
    let mut panel = Panel::new("Two moons, 60 steps", "learning rate", "loss").log_x().log_y();
    let mut measured = |name: &str, train: &dyn Fn(u64, f32) -> Result<f32>| -> Result<()> {
        let mut line = Vec::new();
        let mut band = Vec::new();
        for &lr in &rates {
            let losses: Vec<f64> = (0..3).map(|seed| Ok(train(seed, lr)?.into())).collect::<Result<_>>()?;
            let ends = losses.iter().fold((f64::MAX, f64::MIN), |(l, h), &x| (x.min(l), x.max(h)));
            line.push((lr.into(), losses.iter().sum::<f64>() / 3.0));
            band.push((lr.into(), ends.0, ends.1));
        }
        let taken = std::mem::take(&mut panel);
        panel = taken.layer(Band::new(name, band)).with(Series::new(name, line));
        Ok(())
    };
    measured("SGD", &|seed, lr| trained(device, seed, lr, Sgd::new))?;
    measured("SGD, momentum 0.9", &|seed, lr| trained(device, seed, lr, |p| Sgd::new(p).momentum(0.9)))?;
    measured("Adam", &|seed, lr| trained(device, seed, lr, Adam::new))?;
    Ok(Figure::new("Which learning rate?").panel(panel))
}

fn trained<R: Rule>(
    device: &Device,
    seed: u64,
    lr: f32,
    optimizer: impl Fn(&Params) -> Optimizer<R>,
) -> Result<f32> {
    let set = moons::Moons::new(device, 200, 0.1)?;
    let params = Params::new(device, seed);
    let net = wgrad::models::Mlp::new(&params, &[2, 16, 16, 2]);
    let mut opt = optimizer(&params);
    for _ in 0..60 {
        opt.step(net.forward(&set.x).cross_entropy(&set.y).backward(), lr)?;
    }
    Ok(net.forward(&set.x).cross_entropy(&set.y).item()?)
}
