//! A stack of dilated causal convolutions on a quantised waveform (van den Oord et al. 2016, "WaveNet"). The waveform is a sum of two tones
//! of incommensurable periods, so that the last two samples say little about the next one and the last thirty-two much. A prediction
//! depends on no future sample, and on exactly the samples of the receptive field: `cargo run --release -p wgrad-atlas -- wavenet`.

use atlas::prelude::*;
use wgrad::data::audio::{mu_law_decode, mu_law_encode};
use wgrad::models::{Reader, Sampler, WaveNet, WaveNetOptions};

pub const STUDY: Study = Study {
    name: "wavenet",
    about: "Dilated causal convolutions predict a mu-law waveform; their reach is as computed.",
    on_gpu: true,
    data: None,
    run,
};

const CLASSES: usize = 32;

/// Two tones at random phases, and a little noise, as classes.
fn wave(length: usize, draws: &mut Draws) -> Vec<i32> {
    let [a, b] = [0, 1].map(|_| std::f64::consts::TAU * draws.unit());
    let sample = |t: usize| {
        let turns = std::f64::consts::TAU * t as f64;
        let tones = 0.5 * (turns / 23.0 + a).sin() + 0.35 * (turns / 7.3 + b).sin();
        (tones + 0.02 * draws.normal()) as f32
    };
    mu_law_encode(&(0..length).map(sample).collect::<Vec<_>>(), CLASSES)
}

fn waves(lab: &Lab, draws: &mut Draws, count: usize, length: usize) -> Result<[Tensor; 2]> {
    let all: Vec<i32> = (0..count).flat_map(|_| wave(length + 1, draws)).collect();
    let all = Tensor::from_slice(lab.device(), &all, &[count, length + 1])?;
    Ok([0, 1].map(|start| all.narrow(1, start, length)))
}

fn run(lab: &mut Lab) -> Result<()> {
    let (steps, size, length, channels) = lab.pick((600, 16, 128, 24), (100, 8, 96, 12));
    let test = waves(lab, &mut lab.draws(2), lab.pick(50, 20), length)?;
    let deep =
        WaveNetOptions { classes: CLASSES, channels, skip: 2 * channels, kernel: 2, layers: 5, stacks: 1 };
    let mut nets = vec![];
    let mut scores = vec![];
    for (name, options) in [("32 samples", deep), ("2 samples", WaveNetOptions { layers: 1, ..deep })] {
        let params = lab.params();
        let net = WaveNet::new(&params, options);
        let mut draws = lab.draws(1);
        let rate = Cosine::new(lab.pick(0.005, 0.02), 0.0, steps);
        lab.fit(name, steps, &mut Adam::new(&params), rate, |_| {
            let [seen, next] = waves(lab, &mut draws, size, length)?;
            Ok(net.forward(&seen).flatten(0, 1).cross_entropy(&targets(&next)?.flatten(0, 1)))
        })?;
        let logits = net.forward(&test[0]);
        let score = logits.flatten(0, 1).cross_entropy(&test[1].flatten(0, 1)).item()?;
        scores.push(f64::from(score));
        nets.push(net);
    }
    lab.figure("nats a sample, 2 samples", scores[1]);
    lab.expect("nats a sample, 32 samples", scores[0], ..1.6);
    lab.expect("nats that 32 samples save", scores[1] - scores[0], 0.4..);
    reach(lab, &nets[0])?;
    continued(lab, &nets)
}

/// Which predictions change when samples change.
fn reach(lab: &mut Lab, net: &WaveNet) -> Result<()> {
    let length = 48;
    let signal = wave(length, &mut lab.draws(3));
    let changed = |of: std::ops::Range<usize>| {
        let mut signal = signal.clone();
        signal[of].iter_mut().for_each(|class| *class = (*class + 7) % CLASSES as i32);
        signal
    };
    let logits = |signals: &[Vec<i32>]| -> Result<Vec<f32>> {
        let signals = Tensor::from_slice(lab.device(), &signals.concat(), &[signals.len(), length])?;
        Ok(net.forward(&signals).to_vec()?)
    };
    let half = length / 2;
    let both = logits(&[signal.clone(), changed(half..length)])?;
    let (own, other) = both.split_at(length * CLASSES);
    let moved = own.iter().zip(other).map(|(a, b)| f64::from((a - b).abs()));
    let moved = moved.take(half * CLASSES).fold(0.0, f64::max);
    // The samples that affect the last prediction, changed one at a time.
    let all: Vec<Vec<i32>> = (0..length).map(|t| changed(t..t + 1)).collect();
    let last = &own[(length - 1) * CLASSES..];
    let found = logits(&all)?;
    let seen =
        found.chunks(length * CLASSES).filter(|logits| logits[(length - 1) * CLASSES..] != *last).count();
    lab.expect("what the future changes", moved, 0.0..=0.0);
    let computed = net.options().receptive_field();
    lab.expect_same(
        "samples that a prediction depends on",
        seen as f64,
        computed as f64..=computed as f64,
        0.0,
    );
    Ok(())
}

/// Continuations of a wave by both networks.
fn continued(lab: &mut Lab, nets: &[WaveNet]) -> Result<()> {
    let (given, length) = (48, lab.pick(160, 96));
    let truth = wave(length, &mut lab.draws(4));
    let along = |signal: &[i32]| {
        let samples = mu_law_decode(signal, CLASSES);
        samples.into_iter().enumerate().map(|(t, x)| (t as f64, f64::from(x))).collect::<Vec<_>>()
    };
    let mut figure = plot::Figure::new("A wave that goes on after 48 samples").columns(1);
    for (net, name) in nets.iter().zip(["seeing 32 samples", "seeing 2 samples"]) {
        let mut sampler = Sampler::new(lab.seed()).temperature(0.5);
        let (mut reader, mut signal) = (Reader::new(net), truth[..given].to_vec());
        let mut logits = reader.prompt(&signal)?;
        while signal.len() < length {
            let next = sampler.draw(&logits);
            logits = reader.read(next)?;
            signal.push(next);
        }
        let panel = plot::Panel::new("", "sample", "")
            .with(plot::Series::new(name, along(&signal)).exact())
            .with(plot::Series::new("truth", along(&truth)).exact());
        figure = figure.panel(panel.y_range(-1.0, 1.0));
    }
    lab.picture("wavenet", |path| figure.save(path))
}
