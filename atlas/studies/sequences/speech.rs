//! Speech recognition without alignments: connectionist temporal classification (Graves et al. 2006). A bidirectional LSTM reads the
//! cepstral coefficients of synthetic sounds like spoken digits, and outputs a digit or a blank for every frame; decoders turn the frames
//! into digits: `cargo run --release -p wgrad-atlas -- speech`.

use atlas::prelude::*;
use wgrad::data::audio::{Mel, Spectrogram, Stft, mfcc, power_to_db};
use wgrad::models::{ctc_beam_search, ctc_collapse, ctc_greedy};

pub const STUDY: Study = Study {
    name: "speech",
    about: "CTC on mel-frequency cepstral coefficients recognises digits spoken in noise.",
    on_gpu: false,
    data: None,
    run,
};

const RATE: u32 = 8000;
/// Samples between frames.
const HOP: usize = 200;
const BANDS: usize = 20;
const COEFFICIENTS: usize = 13;
/// The blank's class; digit `d` has class `d + 1`.
const BLANK: i32 = 0;
const CLASSES: usize = 11;

/// A batch of sounds, padded to the longest.
struct Sounds {
    labels: Vec<Vec<i32>>,
    log_mels: Vec<Spectrogram>,
    /// `[N, T, COEFFICIENTS]`
    features: Tensor,
    frames: Tensor,
    targets: Tensor,
    counts: Tensor,
}

fn sounds(lab: &Lab, count: usize, stream: u32) -> Result<Sounds> {
    let mut draws = lab.draws(stream);
    let stft = Stft { n_fft: 256, hop: HOP, window: 256 };
    let mel = Mel { bands: BANDS, ..Mel::new(RATE) };
    let (mut labels, mut log_mels, mut coefficients) = (vec![], vec![], vec![]);
    for _ in 0..count {
        let length = 1 + draws.below(lab.pick(5, 3));
        let digits: Vec<u8> = (0..length).map(|_| draws.below(10) as u8).collect();
        let signal = data::synthetic::spoken(&digits, RATE, 0.05, &mut draws);
        let log_mel = power_to_db(&mel.apply(&stft.power(&signal)?)?);
        coefficients.push(mfcc(&log_mel, COEFFICIENTS)?);
        log_mels.push(log_mel);
        labels.push(digits.iter().map(|&digit| i32::from(digit) + 1).collect::<Vec<_>>());
    }
    let longest = coefficients.iter().map(|c| c.shape()[1]).max().context("sounds")?;
    let mut features = vec![0.0; count * longest * COEFFICIENTS];
    for (i, sound) in coefficients.iter().enumerate() {
        let frames = sound.shape()[1];
        for (j, &value) in sound.values().iter().enumerate() {
            // Standardised approximately; the first coefficient is loudness.
            let (k, t) = (j / frames, j % frames);
            features[(i * longest + t) * COEFFICIENTS + k] =
                if k == 0 { value / 50.0 + 2.0 } else { value / 20.0 };
        }
    }
    let frames: Vec<i32> = coefficients.iter().map(|c| c.shape()[1] as i32).collect();
    let padded = data::Padded::new(&labels, 0, 1).to_device(lab.device())?;
    Ok(Sounds {
        features: Tensor::from_slice(lab.device(), &features, &[count, longest, COEFFICIENTS])?,
        frames: Tensor::from_slice(lab.device(), &frames, &[count])?,
        targets: padded.values,
        counts: padded.lengths,
        labels,
        log_mels,
    })
}

/// From features to log-probabilities of the classes, `[T, N, CLASSES]`.
struct Network {
    lstm: Lstm,
    out: Linear,
}

impl Network {
    fn forward(&self, features: &Tensor, frames: &Tensor) -> Tensor {
        let heard = self.lstm.forward_lengths(&features.transpose(0, 1), frames, None).0;
        self.out.forward(&heard).log_softmax(-1)
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    enumerated(lab)?;
    let train = sounds(lab, lab.pick(1000, 500), 1)?;
    let test = sounds(lab, lab.pick(200, 60), 2)?;
    let hidden = lab.pick(48, 32);
    let params = lab.params();
    let both = RnnOptions { bidirectional: true, ..RnnOptions::default() };
    let net = Network {
        lstm: Lstm::new(&params.path("lstm"), COEFFICIENTS, hidden, both),
        out: Linear::new(&params.path("out"), 2 * hidden, CLASSES),
    };
    let (steps, size) = lab.pick((900, 32), (450, 32));
    let mut draws = lab.draws(3);
    let rate = Warmup::new(0.1, steps / 10, Cosine::new(0.01, 0.0, steps));
    lab.fit("recognising", steps, &mut Adam::new(&params), rate, |_| {
        let all = [&train.features, &train.frames, &train.targets, &train.counts];
        let [features, frames, targets, counts] = minibatch(&mut draws, size, all)?;
        let logs = net.forward(&features, &frames);
        Ok(logs.ctc_loss(&targets, &frames, &counts, BLANK as usize, true, Reduction::Mean))
    })?;

    let logs = net.forward(&test.features, &test.frames).transpose(0, 1).to_vec::<f32>()?;
    let (count, width) = (test.labels.len(), test.features.shape()[1] * CLASSES);
    let said = |i: usize| &logs[i * width..][..test.log_mels[i].shape()[1] * CLASSES];
    let greedy: Vec<Vec<i32>> = (0..count).map(|i| ctc_greedy(said(i), CLASSES, BLANK)).collect();
    let beam: Vec<Vec<i32>> =
        (0..count).map(|i| ctc_beam_search(said(i), CLASSES, BLANK, 8).swap_remove(0).tokens).collect();
    let [greedy, beam] = [greedy, beam].map(|found| metrics::error_rate(&found, &test.labels));
    lab.expect("label error rate, best path", greedy, ..0.1);
    lab.expect("label error rate, prefix beam search", beam, ..0.1);
    lab.expect("what prefix beam search adds in errors", beam - greedy, ..0.02);

    let longest = (0..count).max_by_key(|&i| test.labels[i].len()).context("a sound")?;
    picture(lab, &test.log_mels[longest], said(longest), &test.labels[longest])
}

/// The loss is minus the log of the summed probability of all alignments.
fn enumerated(lab: &mut Lab) -> Result<()> {
    let (steps, classes, mut draws) = (6usize, 3usize, lab.draws(4));
    let logits: Vec<f32> = (0..steps * classes).map(|_| draws.normal() as f32).collect();
    let logs = Tensor::from_slice(lab.device(), &logits, &[steps, classes])?.log_softmax(-1);
    let values = logs.to_vec::<f32>()?;
    let int = |values: &[i32], shape: &[usize]| Tensor::from_slice(lab.device(), values, shape);
    let mut worst = 0f64;
    for labels in [vec![1], vec![2, 1], vec![1, 1], vec![1, 2, 2]] {
        let lengths = [int(&[steps as i32], &[])?, int(&[labels.len() as i32], &[])?];
        let target = int(&labels, &[labels.len()])?;
        let loss = logs.ctc_loss(&target, &lengths[0], &lengths[1], 0, false, Reduction::Sum).item()?;
        let mut sum = 0.0;
        for code in 0..classes.pow(steps as u32) {
            let path: Vec<i32> =
                (0..steps).map(|t| (code / classes.pow(t as u32) % classes) as i32).collect();
            if ctc_collapse(&path, 0) == labels {
                let log = |(t, &class): (usize, &i32)| f64::from(values[t * classes + class as usize]);
                sum += path.iter().enumerate().map(log).sum::<f64>().exp();
            }
        }
        worst = worst.max((f64::from(loss) + sum.ln()).abs());
    }
    lab.expect("CTC loss against all alignments", worst, ..1e-4);
    Ok(())
}

fn picture(lab: &mut Lab, log_mel: &Spectrogram, logs: &[f32], labels: &[i32]) -> Result<()> {
    let [bands, frames] = log_mel.shape();
    let seconds = |t: usize| (t * HOP) as f64 / f64::from(RATE);
    let values = log_mel.values().iter().map(|&v| f64::from(v)).collect();
    let field = plot::Field::matrix(bands, frames, values)
        .over((0.0, seconds(frames)), (-0.5, bands as f64 - 0.5))
        .bar("decibels");
    let heard = plot::Panel::new("What is heard", "seconds", "mel band").layer(field);
    let mut said = plot::Panel::new("What is said", "seconds", "probability").y_range(0.0, 1.05);
    let classes: std::collections::BTreeSet<i32> = labels.iter().copied().chain([BLANK]).collect();
    for class in classes {
        let p = |t: usize| f64::from(logs[t * CLASSES + class as usize]).exp();
        let name = if class == BLANK { "blank".into() } else { format!("digit {}", class - 1) };
        said = said.with(plot::Series::new(name, (0..frames).map(|t| (seconds(t), p(t)))).exact());
    }
    let digits: Vec<String> = labels.iter().map(|label| (label - 1).to_string()).collect();
    let title = format!("Digits {} through CTC", digits.join(" "));
    lab.picture("speech", |path| plot::Figure::new(title).panel(heard).panel(said).save(path))
}
