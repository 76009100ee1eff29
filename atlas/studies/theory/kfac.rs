//! K-FAC on a deep autoencoder of curves, the kind of network that first-order methods train slowly (Martens and Grosse 2015), against
//! momentum and Adam, each at the best of its learning rates: `cargo run --release -p wgrad-atlas -- kfac`.

use std::time::Instant;

use atlas::prelude::*;
use methods::second_order::{Kfac, KfacLayers, KfacLosses, KfacOptions};
use wgrad::models::Optimize;

pub const STUDY: Study = Study {
    name: "kfac",
    about: "K-FAC trains a deep autoencoder of curves in a fraction of the steps of momentum and Adam.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 12;
/// Six numbers determine a curve; the middle layer has six units.
const SIZES: [usize; 9] = [SIDE * SIDE, 100, 50, 25, 6, 25, 50, 100, SIDE * SIDE];
const BATCH: usize = 250;

/// Images `[count, SIDE * SIDE]` of curves (Bézier's, of degree 2) with random control points, as in Hinton and Salakhutdinov's CURVES.
fn curves(draw: &Generator, device: &Device, count: usize) -> Tensor {
    let along = (0..24).map(|i| i as f32 / 23.0);
    let weights: Vec<f32> = along.flat_map(|t| [(1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t]).collect();
    let weights = Tensor::constant(device, &weights, &[1, 24, 3]);
    let at = weights.matmul(&(draw.uniform(device, &[count, 3, 2]) * (SIDE as f32 - 3.0) + 1.0));
    let pixels = Tensor::arange(device, SIDE).to(DType::F32);
    let near = |axis| ((at.narrow(2, axis, 1) - &pixels).square() * -1.5).exp();
    (near(0).unsqueeze(3) * near(1).unsqueeze(2)).amax(&[1], false).flatten(1, 2).detach()
}

/// The logits of the pixels; `linear` is layer `i`.
fn autoencode(x: &Tensor, mut linear: impl FnMut(usize, &Tensor) -> Tensor) -> Tensor {
    let (last, code) = (SIZES.len() - 2, SIZES.len() / 2 - 1);
    (0..=last).fold(x.clone(), |x, i| {
        let y = linear(i, &x);
        if i == code || i == last { y } else { y.tanh() }
    })
}

/// The cross-entropy of an image in nats, less the entropy of its grey pixels: zero at best.
fn divergence(logits: &Tensor, x: &Tensor) -> Tensor {
    let entropy = -(x * (x + 1e-6).log() + (-x + 1.0) * (-x + 1.000_001).log()).sum_all();
    (logits.binary_cross_entropy_with_logits(x, None, None, Reduction::Sum) - entropy) / x.shape()[0] as f32
}

/// An optimizer at one of its rates.
struct Run {
    name: &'static str,
    rate: f32,
    /// Means of ten steps.
    losses: Vec<f64>,
    seconds: f64,
    /// Images of the first curves.
    images: Vec<f32>,
}

impl Run {
    fn end(&self) -> f64 {
        *self.losses.last().expect("steps")
    }

    /// Steps until the loss is below `loss`.
    fn steps_to(&self, loss: f64) -> usize {
        self.losses.iter().position(|&l| l <= loss).unwrap_or(self.losses.len()) + 10
    }
}

/// Trains one network; a loss that is not finite ends it.
fn train(lab: &Lab, name: &'static str, rate: f32, data: &Tensor) -> Result<Run> {
    let params = lab.params();
    let draw = Generator::new(lab.seed() + 1);
    let layer = |i: usize| Linear::new(&params.path(format!("fc{i}")), SIZES[i], SIZES[i + 1]);
    let layers: Vec<Linear> = (0..SIZES.len() - 1).map(layer).collect();
    params.redraw("*.weight", Init::XavierUniform { gain: 1.0 });
    let mut kfac = Kfac::new(&params, KfacOptions::default());
    let mut first: Box<dyn Optimize> = match name {
        "momentum" => Box::new(Sgd::new(&params).momentum(0.9).nesterov(true)),
        _ => Box::new(Adam::new(&params)),
    };
    let steps = lab.pick(600, 120);
    let (mut draws, mut losses, start) = (lab.draws(1), Vec::new(), Instant::now());
    for _ in lab.steps(name, steps) {
        let [x] = minibatch(&mut draws, BATCH, [data])?;
        let loss = if name == "K-FAC" {
            kfac.step(rate, |layers: &mut KfacLayers| {
                let logits = autoencode(&x, |i, x| layers.linear(&format!("fc{i}"), x));
                let drawn = draw.uniform(x.device(), x.shape()).lt(logits.sigmoid().detach()).to(DType::F32);
                KfacLosses { loss: divergence(&logits, &x), drawn: divergence(&logits, &drawn) }
            })?
        } else {
            let loss = divergence(&autoencode(&x, |i, x| layers[i].forward(x)), &x);
            first.step(loss.backward(), rate)?;
            loss.item()?
        };
        losses.push(if loss.is_finite() { f64::from(loss) } else { f64::INFINITY });
    }
    let losses = losses.windows(10).map(|w| w.iter().sum::<f64>() / 10.0).collect();
    let images = autoencode(&data.narrow(0, 0, 8), |i, x| layers[i].forward(x)).sigmoid().to_vec()?;
    Ok(Run { name, rate, losses, seconds: start.elapsed().as_secs_f64(), images })
}

fn run(lab: &mut Lab) -> Result<()> {
    let data = curves(&Generator::new(lab.seed()), lab.device(), 2000);
    let grids: [(&'static str, &[f32]); 3] = [
        ("momentum", &[1e-2, 3e-2, 1e-1]),
        ("Adam", &[3e-3, 1e-2, 3e-2]),
        ("K-FAC", lab.pick(&[0.3, 1.0], &[1.0])),
    ];
    let mut best: Vec<Run> = Vec::new();
    for (name, rates) in grids {
        let runs = rates.iter().map(|&rate| train(lab, name, rate, &data)).collect::<Result<Vec<Run>>>()?;
        for run in &runs {
            lab.figure(format!("{name} at rate {}: loss in the end", run.rate), run.end());
        }
        best.extend(runs.into_iter().min_by(|a, b| a.end().total_cmp(&b.end())));
    }
    for run in &best {
        lab.figure(format!("{}: milliseconds a step", run.name), run.seconds * 1e3 / run.losses.len() as f64);
    }
    let rival = best[0].end().min(best[1].end());
    let steps = |run: &Run| run.steps_to(rival) as f64;
    lab.expect("nats an image, the better of momentum and Adam", rival, ..18.0);
    lab.expect("nats an image, K-FAC against it", best[2].end() / rival, ..0.7);
    let share = steps(&best[2]) / steps(&best[0]).min(steps(&best[1]));
    lab.expect("steps of K-FAC to its loss, against its own", share, ..0.6);

    let mut panel = plot::Panel::new("Each at its best rate", "step", "nats an image").log_y();
    let mut tiles =
        plot::Tiles::new(SIDE, SIDE).grey(&data.narrow(0, 0, 8).to_vec::<f32>()?, |_| "curve".into());
    for run in &best {
        let points = run.losses.iter().enumerate().map(|(i, &l)| ((i + 10) as f64, l));
        panel = panel.with(plot::Series::new(format!("{}, {}", run.name, run.rate), points).exact());
        tiles = tiles.grey(&run.images, |_| run.name.into());
    }
    let images = tiles.images();
    lab.picture("kfac", |path| {
        plot::Figure::new("A deep autoencoder of curves").panel(panel).images(&images, 8).save(path)
    })
}
