//! Differential privacy (Abadi et al. 2016): gradients clipped per example, with noise, and an accountant of Renyi divergences against
//! opacus's and the exact curve: `cargo run --release -p wgrad-atlas -- private_training`.

use atlas::{RealDigits, prelude::*};
use methods::curvature::{linear_each, per_example_gradients};
use methods::privacy::{RdpAccountant, clipped_sums, gaussian_delta, privatized};

pub const STUDY: Study = Study {
    name: "private_training",
    about: "A network of real digits trained so that no one can tell whether a digit was among them, and what that costs.",
    on_gpu: false,
    data: None,
    run,
};

/// Sampling rate, noise, steps, delta, and the epsilon by opacus 1.5.2: `compute_rdp` and `get_privacy_spent` of orders 2 to 256.
const OPACUS: [(f64, f64, usize, f64, f64); 4] = [
    (256.0 / 60_000.0, 1.1, 14_063, 1e-5, 2.59707951965708),
    (0.01, 1.0, 1000, 1e-5, 2.107753075451561),
    (0.1, 2.0, 300, 1e-3, 3.3537897895158766),
    (1.0, 5.0, 10, 1e-5, 2.814109167845533),
];
const DELTA: f64 = 1e-4;
const HIDDEN: usize = 32;

fn run(lab: &mut Lab) -> Result<()> {
    accountant(lab);
    let digits = lab.real_digits()?;
    gradients_of_one(lab, &digits)?;
    let trade = accuracy(lab, &digits)?;
    let attack = canaries(lab, &digits)?;
    let figure = plot::Figure::new("Private training on real digits").panel(trade).panel(attack);
    lab.picture("private_training", |path| figure.save(path))
}

/// The smallest epsilon of noise without sampling.
fn exact_epsilon(noise: f64, delta: f64) -> f64 {
    let (mut low, mut high) = (0.0, 50.0);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if gaussian_delta(middle, noise) > delta { low = middle } else { high = middle }
    }
    high
}

fn accountant(lab: &mut Lab) {
    let mut apart = 0.0f64;
    for (rate, noise, steps, delta, epsilon) in OPACUS {
        let mut spent = RdpAccountant::default();
        spent.add(rate, noise, steps);
        apart = apart.max((spent.epsilon(delta) / epsilon - 1.0).abs());
    }
    lab.expect("epsilon apart from opacus's", apart, ..1e-9);
    // Divergences prove somewhat less than is true.
    let ratios: Vec<f64> = [1.0, 5.0, 20.0]
        .into_iter()
        .map(|noise: f64| {
            let mut spent = RdpAccountant::default();
            spent.add(1.0, noise, 10);
            spent.epsilon(DELTA) / exact_epsilon(noise / 10f64.sqrt(), DELTA)
        })
        .collect();
    lab.expect("least epsilon over the exact one", ratios.iter().copied().fold(f64::MAX, f64::min), 1.0..);
    lab.expect("largest epsilon over the exact one", ratios.iter().copied().fold(0.0, f64::max), ..1.2);
}

/// A network of two layers whose weights may differ from example to example.
struct Net {
    params: Params,
}

impl Net {
    fn new(lab: &Lab) -> Net {
        let params = lab.params();
        wgrad::models::Mlp::new(&params, &[64, HIDDEN, 10]);
        Net { params }
    }

    /// Weights and biases of both layers.
    fn values(&self) -> Vec<Tensor> {
        self.params.all().iter().map(Param::value).collect()
    }

    /// Logits `[N, 10]` of rows `[N, 64]`, with one copy of weights and biases for each row or for all.
    fn forward(values: &[Tensor], x: &Tensor) -> Tensor {
        let hidden = linear_each(x, &values[0], &values[1]).tanh();
        linear_each(&hidden, &values[2], &values[3])
    }

    /// The cross entropy of each row, `[N]`.
    fn losses(values: &[Tensor], x: &Tensor, y: &Tensor) -> Tensor {
        let options = CrossEntropy { reduction: Reduction::None, ..Default::default() };
        Net::forward(values, x).cross_entropy_with(y, options)
    }

    /// `steps` steps at a sampling rate: with clipping to 1 and this noise, or without both.
    fn train(
        &self,
        lab: &Lab,
        (x, y): &(Tensor, Tensor),
        (rate, noise, steps, lr): (f64, Option<f32>, usize, f32),
    ) -> Result<()> {
        let (count, mut draws, generator) = (x.shape()[0], lab.draws(9), self.params.generator().clone());
        let expected = rate * count as f64;
        // Samples of any size are padded to one that is almost never exceeded.
        let room = ((expected + 6.0 * expected.sqrt()).ceil() as usize).min(count);
        let mut opt = Sgd::new(&self.params).momentum(0.9);
        for _ in lab.steps("private steps", steps) {
            let mut rows: Vec<i32> = (0..count as i32).filter(|_| draws.happens(rate)).collect();
            ensure!(rows.len() <= room, "a sample of {} where {expected} are expected", rows.len());
            let counted: Vec<f32> = (0..room).map(|i| f32::from(u8::from(i < rows.len()))).collect();
            rows.resize(room, 0);
            let rows = Tensor::from_slice(x.device(), &rows, &[room])?;
            let counted = Tensor::from_slice(x.device(), &counted, &[room])?;
            let (x, y) = (x.index_select(0, &rows), y.index_select(0, &rows));
            let values = self.values();
            let gradients = match noise {
                Some(noise) => {
                    let (_, found) =
                        per_example_gradients(&values, room, |copies| Net::losses(copies, &x, &y));
                    let (sums, _) = clipped_sums(&found, 1.0, &counted);
                    privatized(&values, &sums, (1.0, noise, expected as f32), &generator)
                }
                None => ((Net::losses(&values, &x, &y) * &counted).sum_all() / expected as f32).backward(),
            };
            opt.step(gradients, lr)?;
        }
        Ok(())
    }
}

/// Gradients of single examples against those by one backward pass each.
fn gradients_of_one(lab: &mut Lab, digits: &RealDigits) -> Result<()> {
    const COUNT: usize = 8;
    let net = Net::new(lab);
    let (x, y) = (digits.train.0.narrow(0, 0, COUNT) * 16.0, digits.train.1.narrow(0, 0, COUNT));
    let values = net.values();
    let (_, found) = per_example_gradients(&values, COUNT, |copies| Net::losses(copies, &x, &y));
    let mut apart = 0.0f64;
    for i in 0..COUNT {
        let loss = Net::losses(&values, &x.narrow(0, i, 1), &y.narrow(0, i, 1)).sum_all();
        for (own, all) in grad(&loss, &values.iter().collect::<Vec<_>>()).into_iter().zip(&found) {
            let off = (own.context("a gradient")? - all.select(0, i)).abs();
            apart = apart.max(off.flatten(0, -1).amax(&[0], false).item()?.into());
        }
    }
    lab.expect("per-example gradients apart from those of single examples", apart, ..1e-5);
    let counted = Tensor::ones(lab.device(), &[COUNT]);
    let one = Tensor::from_slice(lab.device(), &[1.0f32, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0], &[COUNT])?;
    let (with, norms) = clipped_sums(&found, 1.0, &counted);
    let (without, _) = clipped_sums(&found, 1.0, &one);
    let squares = with.iter().zip(&without).map(|(a, b)| (a - b).square().sum_all());
    let moved = squares.reduce(|a, b| a + b).context("parameters")?.sqrt().item()?;
    lab.expect("norm of an example's gradient before clipping", norms.select(0, 3).item()?, 1.5..);
    lab.expect("what that example changes in the sum", moved, 0.9999..1.0001);
    Ok(())
}

/// Accuracy against epsilon.
fn accuracy(lab: &mut Lab, digits: &RealDigits) -> Result<plot::Panel> {
    const RATE: f64 = 0.1;
    let steps = lab.pick(400, 120);
    let tried = |lab: &Lab, noise: Option<f32>| -> Result<f64> {
        let net = Net::new(lab);
        net.train(lab, &digits.train, (RATE, noise, steps, 0.3))?;
        Ok(metrics::accuracy(&Net::forward(&net.values(), &digits.test.0), &digits.test.1)?)
    };
    let plain = tried(lab, None)?;
    lab.expect("accuracy without privacy", plain, 0.88..);
    let mut points = Vec::new();
    for (noise, floor, roof) in [(1.0f32, 0.8, 1.0), (4.0, 0.7, 1.0), (64.0, 0.0, 0.6)] {
        let mut spent = RdpAccountant::default();
        spent.add(RATE, noise.into(), steps);
        let found = tried(lab, Some(noise))?;
        lab.expect(format!("accuracy with noise {noise}"), found, floor..roof);
        lab.figure(format!("epsilon with noise {noise}"), spent.epsilon(DELTA));
        points.push((spent.epsilon(DELTA), found));
    }
    let ends = [points[2].0, points[0].0].map(|epsilon| (epsilon, plain));
    Ok(plot::Panel::new("Accuracy", "epsilon, at delta 1e-4", "share of new digits")
        .log_x()
        .with(plot::Series::new("private", points))
        .with(plot::Series::new("without privacy", ends).exact()))
}

/// Random labels can only be learnt by heart. Half of these digits are trained on; an attacker tells them from the others by their losses.
fn canaries(lab: &mut Lab, digits: &RealDigits) -> Result<plot::Panel> {
    const COUNT: usize = 100;
    const STEPS: usize = 100;
    let mut draws = lab.draws(1);
    let x = digits.train.0.narrow(0, 0, 2 * COUNT).detach();
    let labels: Vec<i32> = (0..2 * COUNT).map(|_| draws.below(10) as i32).collect();
    let y = Tensor::from_slice(lab.device(), &labels, &[2 * COUNT])?;
    let seen = (x.narrow(0, 0, COUNT).detach(), y.narrow(0, 0, COUNT).detach());
    let noise = 10.0;
    let mut spent = RdpAccountant::default();
    spent.add(1.0, noise, STEPS);
    let epsilon = spent.epsilon(1e-2);
    // No attack on a private network succeeds more often (Kairouz, Oh and Viswanath 2015).
    let bound = (epsilon.exp() - 1.0 + 2e-2) / (epsilon.exp() + 1.0);
    let mut panel = plot::Panel::new(
        "Telling trained digits from others",
        "others taken for trained ones",
        "trained ones found",
    );
    let mut advantages = Vec::new();
    for (name, noise, steps, lr) in
        [("plain", None, lab.pick(1500, 600), 0.5), ("private", Some(noise as f32), STEPS, 0.3)]
    {
        let net = Net::new(lab);
        net.train(lab, &seen, (1.0, noise, steps, lr))?;
        let losses = Net::losses(&net.values(), &x, &y).to_vec::<f32>()?;
        let below =
            |part: &[f32], limit: f32| part.iter().filter(|&&l| l <= limit).count() as f64 / COUNT as f64;
        let mut limits = losses.clone();
        limits.sort_by(f32::total_cmp);
        let curve: Vec<(f64, f64)> = limits
            .iter()
            .map(|&limit| (below(&losses[COUNT..], limit), below(&losses[..COUNT], limit)))
            .collect();
        advantages.push(curve.iter().map(|(others, own)| own - others).fold(0.0, f64::max));
        panel = panel.with(plot::Series::new(name, curve).exact());
    }
    lab.expect("attack on the plain network: most it finds over false alarms", advantages[0], 0.7..);
    lab.expect("attack on the private network over its bound", advantages[1] / bound, ..1.0);
    lab.expect("attack on the private network", advantages[1], ..0.35);
    Ok(panel.with(plot::Series::new("the private bound", [(0.0, bound), (1.0 - bound, 1.0)]).exact()))
}
