//! Speaker recognition (Snyder et al. 2018, "X-vectors"): convolutions over time, the mean and deviation of their outputs over all frames, and
//! a linear layer give a vector for each voice. It is trained to tell some speakers apart, and has to verify others, who say other words:
//! `cargo run --release -p wgrad-atlas -- speakers`.

use atlas::prelude::*;
use wgrad::data::audio::{Spectrogram, Stft, Wave};
use wgrad::data::synthetic::{Voice, formants};

use super::spoken_words::{HOP, RATE, log_mel, padded, word};

pub const STUDY: Study = Study {
    name: "speakers",
    about: "Vectors of voices tell whether two words come from one speaker, of speakers that were not trained on.",
    on_gpu: false,
    data: None,
    run,
};

/// Frames of a word that are read.
const FRAMES: usize = 44;
const BANDS: usize = 40;
const WIDTH: usize = 32;

/// Words of several speakers: signals, their frames `[N, FRAMES, BANDS]`, and who says them.
struct Said {
    signals: Vec<Vec<f32>>,
    frames: Tensor,
    speakers: Vec<i32>,
    voices: Vec<Voice>,
}

/// With a window of 64 ms, harmonics of the voice can be told apart.
fn heard(signal: &[f32]) -> Result<Spectrogram> {
    log_mel(signal, Stft { n_fft: 512, hop: HOP, window: 512 }, BANDS)
}

fn said(lab: &Lab, [speakers, words]: [usize; 2], stream: u32) -> Result<Said> {
    let mut draws = lab.draws(stream);
    let voices: Vec<Voice> = (0..speakers).map(|_| Voice::drawn(&mut draws)).collect();
    let each = |k: usize| formants(&word(&mut draws, 3), voices[k / words], RATE, 0.003, &mut draws).signal;
    let signals: Vec<Vec<f32>> = (0..speakers * words).map(each).collect();
    let spectrograms: Vec<Spectrogram> = signals.iter().map(|signal| heard(signal)).collect::<Result<_>>()?;
    let frames = padded(lab.device(), spectrograms.iter(), FRAMES)?;
    Ok(Said {
        signals,
        frames,
        speakers: (0..speakers * words).map(|k| (k / words) as i32).collect(),
        voices,
    })
}

struct Net {
    layers: Vec<Conv1d>,
    vector: Linear,
    classes: Linear,
}

impl Net {
    fn new(params: &Params, speakers: usize) -> Net {
        let layer = |(i, inputs, dilation): (usize, usize, usize)| {
            Conv1d::new(&params.path(format!("layer{i}")), inputs, WIDTH, 3).dilation(dilation).build()
        };
        Net {
            layers: [(0, BANDS, 1), (1, WIDTH, 2), (2, WIDTH, 3)].map(layer).into(),
            vector: Linear::new(&params.path("vector"), 2 * WIDTH, WIDTH),
            classes: Linear::new(&params.path("classes"), WIDTH, speakers),
        }
    }

    /// Vectors `[N, WIDTH]` of frames `[N, T, BANDS]`.
    fn vectors(&self, frames: &Tensor) -> Tensor {
        let x = self.layers.iter().fold(frames.transpose(1, 2), |x, layer| layer.forward(&x).relu());
        let deviation = (x.var(&[2], 0.0, false) + 1e-5).sqrt();
        self.vector.forward(&cat(&[&x.mean(&[2], false), &deviation], 1))
    }
}

/// How well the cosines of vectors `[N, D]`, less their mean, tell pairs of one speaker from others: the area under the ROC curve and the equal
/// error rate.
fn verified(vectors: &Tensor, speakers: &[i32]) -> Result<[f64; 2]> {
    let unit = (vectors - vectors.mean(&[0], true)).normalize(2.0, 1, 1e-8);
    let cosines = unit.matmul(&unit.t()).to_vec::<f32>()?;
    let count = speakers.len();
    let pairs = (0..count).flat_map(|i| (0..i).map(move |j| (i, j)));
    let (scores, same): (Vec<f32>, Vec<bool>) =
        pairs.map(|(i, j)| (cosines[i * count + j], speakers[i] == speakers[j])).unzip();
    let curve = metrics::roc_curve(&same, &scores).points;
    let error = curve.iter().map(|&(accepted, found)| accepted.max(1.0 - found)).fold(1.0, f64::min);
    Ok([metrics::roc_auc(&same, &scores), error])
}

fn run(lab: &mut Lab) -> Result<()> {
    let train = said(lab, lab.pick([200, 15], [60, 10]), 1)?;
    let test = said(lab, lab.pick([40, 8], [24, 5]), 2)?;
    let params = lab.params();
    let net = Net::new(&params, train.voices.len());
    let labels = targets(&Tensor::from_slice(lab.device(), &train.speakers, &[train.speakers.len()])?)?;
    // The mean and deviation of each band over time, without a network.
    let bands = cat(&[&test.frames.mean(&[1], false), &test.frames.std(&[1], 0.0, false)], 1);
    let mut scores = vec![("bands", verified(&bands, &test.speakers)?)];
    scores.push(("untrained", verified(&net.vectors(&test.frames).detach(), &test.speakers)?));

    let (steps, mut draws) = (lab.pick(2500, 500), lab.draws(3));
    let losses =
        lab.fit("speakers", steps, &mut Adam::new(&params), Cosine::new(0.006, 0.0, steps), |_| {
            let [frames, labels] = minibatch(&mut draws, 64, [&train.frames, &labels])?;
            Ok(net.classes.forward(&net.vectors(&frames).relu()).cross_entropy(&labels))
        })?;
    let vectors = net.vectors(&test.frames).detach();
    lab.figure("cross-entropy at the end", losses[steps - 1]);
    scores.push(("x-vectors", verified(&vectors, &test.speakers)?));
    for (name, [area, error]) in &scores {
        lab.figure(format!("area under the ROC curve, {name}"), *area);
        lab.figure(format!("equal error rate, {name}"), *error);
    }
    lab.expect("equal error rate of x-vectors", scores[2].1[1], ..lab.pick(0.15, 0.28));
    lab.expect("errors of x-vectors against those of bands", scores[2].1[1] / scores[0].1[1], ..0.75);
    through_a_file(lab, &net, &test.signals[0])?;

    let (_, _, directions) = linalg::svd(&(&vectors - vectors.mean(&[0], true)))?;
    let centred = &vectors - vectors.mean(&[0], true);
    let places = atlas::pairs(&centred.matmul(&directions.narrow(0, 0, 2).t()))?;
    let pitches: Vec<f64> =
        test.speakers.iter().map(|&speaker| test.voices[speaker as usize].pitch).collect();
    let plane =
        plot::Panel::new("Words by new voices, coloured by pitch", "first direction", "second direction")
            .layer(plot::Points::new("", places).colored_by(&pitches));
    let bars = plot::Panel::new("Is it the same speaker?", "", "equal error rate")
        .layer(plot::Bars::new("", scores.iter().map(|score| score.1[1])))
        .x_names(scores.iter().map(|score| score.0));
    lab.picture("speakers", |path| plot::Figure::new("Vectors of voices").panel(plane).panel(bars).save(path))
}

/// A word written as a WAV file and read back has the same vector.
fn through_a_file(lab: &mut Lab, net: &Net, signal: &[f32]) -> Result<()> {
    let path = lab.out().join("word.wav");
    Wave { channels: vec![signal.to_vec()], rate: RATE }.write(&path)?;
    let read = Wave::read(&path)?.mono();
    let vector = |signal: &[f32]| -> Result<Tensor> {
        Ok(net.vectors(&padded(lab.device(), std::iter::once(&heard(signal)?), FRAMES)?))
    };
    let cosine = vector(signal)?.cosine_similarity(&vector(&read)?, 1, 1e-8).item()?;
    lab.expect("cosine of the vector of a word and of its WAV file", cosine, 0.999..);
    Ok(())
}
