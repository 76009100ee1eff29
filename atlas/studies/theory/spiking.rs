//! Leaky integrate-and-fire neurons against their rate in closed form, and a spiking network of digits trained by surrogate gradients (Neftci, Mostafa
//! and Zenke 2019): `cargo run --release -p wgrad-atlas -- spiking`.

use atlas::prelude::*;
use methods::biological::{lif_rate, lif_spikes};

pub const STUDY: Study = Study {
    name: "spiking",
    about: "Neurons that only spike have the rates that theory gives, and learn digits when spikes get a slope.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let rates = rates(lab);
    let network = network(lab)?;
    let figure = plot::Figure::new("Spiking neurons").panel(rates).panel(network);
    lab.picture("spiking", |path| figure.save(path))
}

/// Rates by currents, in steps of 0.02 ms with a time constant of 10 ms and 2 ms without spikes after each.
fn rates(lab: &mut Lab) -> plot::Panel {
    const TAU: f64 = 10.0;
    const REFRACTORY: f64 = 2.0;
    const STEP: f64 = 0.02;
    let length = lab.pick(20_000.0, 4000.0);
    let simulated = |current: f64| {
        let (mut potential, mut quiet, mut spikes) = (0.0, 0.0, 0);
        let decay = (-STEP / TAU).exp();
        for _ in 0..(length / STEP) as usize {
            if quiet > STEP / 2.0 {
                quiet -= STEP;
                continue;
            }
            potential = current + (potential - current) * decay;
            if potential >= 1.0 {
                (potential, quiet, spikes) = (0.0, REFRACTORY, spikes + 1);
            }
        }
        f64::from(spikes) / length
    };
    let currents: Vec<f64> = (1..=30).map(|i| 0.2 * f64::from(i)).collect();
    let found: Vec<(f64, f64)> =
        currents.iter().map(|&current| (current, 1000.0 * simulated(current))).collect();
    let exact = |current: f64| 1000.0 * lif_rate(current, TAU, REFRACTORY);
    let off = found.iter().filter(|p| p.0 > 1.1).map(|p| (p.1 / exact(p.0) - 1.0).abs()).fold(0.0, f64::max);
    lab.expect("rates over those in closed form, less 1", off, ..0.02);
    let below = found.iter().filter(|p| p.0 < 0.99).map(|p| p.1).sum::<f64>();
    lab.expect("spikes below the threshold current", below, 0.0..=0.0);
    let line = (0..=300).map(|i| 0.02 * f64::from(i)).map(|current| (current, exact(current)));
    plot::Panel::new("One neuron", "current", "spikes a second")
        .with(plot::Series::new("closed form", line).exact())
        .layer(plot::Points::new("simulated", found))
}

fn network(lab: &mut Lab) -> Result<plot::Panel> {
    const HIDDEN: usize = 64;
    const TIME: usize = 16;
    let digits = lab.real_digits()?;
    let mut panel = plot::Panel::new("Real digits", "step", "loss");
    let mut accuracies = Vec::new();
    for (name, learns) in [("surrogate gradients", true), ("hidden layer as drawn", false)] {
        let params = lab.params();
        let hidden = Linear::new(&params.path("hidden"), 64, HIDDEN);
        let out = Linear::new(&params.path("out"), HIDDEN, 10);
        params.redraw("hidden.weight", Init::Normal { mean: 0.0, std: 0.4 });
        // The answer is what the spikes of all steps add up to.
        let counts = |x: &Tensor| {
            let spikes = lif_spikes(&hidden.forward(x), 0.8, TIME, 5.0);
            let sum = spikes.into_iter().reduce(|a, b| a + b).expect("a step");
            (if learns { sum } else { sum.detach() }) / TIME as f32
        };
        let mut opt = Adam::new(&params).only(move |p| learns || p.name().starts_with("out"));
        let (mut draws, steps) = (lab.draws(1), lab.pick(1000, 250));
        let losses = lab.fit(name, steps, &mut opt, Cosine::new(0.01, 0.0, steps), |_| {
            let [x, y] = minibatch(&mut draws, 100, [&digits.train.0, &digits.train.1])?;
            Ok((out.forward(&counts(&x)) * 3.0).cross_entropy(&y))
        })?;
        let rate = counts(&digits.test.0);
        accuracies.push(metrics::accuracy(&out.forward(&rate), &digits.test.1)?);
        if learns {
            // Spikes are all that is passed on: counts are whole numbers.
            let whole = &rate * TIME as f32;
            let off = (&whole - (&whole + 0.5).floor()).abs().mean_all().item()?;
            lab.expect("hidden layer: spikes that are not whole", off, ..1e-5);
            lab.expect("hidden layer: spikes a step", rate.mean_all().item()?, 0.02..0.4);
        }
        panel =
            panel.with(plot::Series::new(name, losses.into_iter().enumerate().map(|(i, l)| (i as f64, l))));
    }
    lab.expect("surrogate gradients: accuracy", accuracies[0], 0.88..);
    lab.expect(
        "surrogate gradients: accuracy over the hidden layer as drawn",
        accuracies[0] - accuracies[1],
        0.01..,
    );
    Ok(panel.log_y())
}
