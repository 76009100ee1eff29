//! Speech from letters (Tacotron, Wang et al. 2017; Tacotron 2, Shen et al. 2018): a recurrent decoder writes the frames of a word, attending
//! to its letters. With location-sensitive attention it goes through the letters in their order, each while it is spoken, which the formant
//! synthesiser that it learns from knows exactly: `cargo run --release -p wgrad-atlas -- speech_synthesis`.

use atlas::prelude::*;
use methods::speech::LocationSensitiveAttention;
use wgrad::data::synthetic::{SPOKEN_LETTERS, Voice};

use super::spoken_words::{BANDS, Spoken, padded, word};

pub const STUDY: Study = Study {
    name: "speech_synthesis",
    about: "A decoder speaks words that it has not learnt; its attention goes through the letters in order.",
    on_gpu: false,
    data: None,
    run,
};

/// Letters of a word.
const LETTERS: usize = 4;
/// Frames of a decoder's step (the paper's reduction factor), and steps of a word.
const TOGETHER: usize = 4;
const STEPS: usize = 11;
const VOICE: Voice = Voice { pitch: 120.0, tract: 1.0, breath: 0.02 };

struct Net {
    letters: Embedding,
    encoder: Gru,
    prenet: Linear,
    decoder: Gru,
    attention: LocationSensitiveAttention,
    out: Linear,
    hidden: usize,
}

/// What a decoder has written: frames `[N, STEPS * TOGETHER, BANDS]` and attention `[N, STEPS, LETTERS]`.
struct Written {
    frames: Tensor,
    attention: Tensor,
}

impl Net {
    fn new(params: &Params, hidden: usize) -> Net {
        let one = RnnOptions { batch_first: true, ..RnnOptions::default() };
        let both = RnnOptions { bidirectional: true, ..one };
        let seen = 2 * hidden;
        Net {
            letters: Embedding::new(&params.path("letters"), SPOKEN_LETTERS.len(), hidden),
            encoder: Gru::new(&params.path("encoder"), hidden, hidden, both),
            prenet: Linear::new(&params.path("prenet"), BANDS, hidden / 2),
            decoder: Gru::new(&params.path("decoder"), hidden / 2 + seen, hidden, one),
            attention: LocationSensitiveAttention::new(&params.path("attention"), hidden, seen, hidden),
            out: Linear::new(&params.path("out"), hidden + seen, TOGETHER * BANDS),
            hidden,
        }
    }

    /// Writes words `[N, LETTERS]`: each step reads the last frame before it, of `known` words or its own.
    fn write(&self, words: &Tensor, known: Option<&Tensor>) -> Written {
        let (device, count) = (words.device(), words.size(0));
        let letters = self.encoder.forward(&self.letters.forward(words), None).0;
        let zeros = |width: usize| Tensor::zeros(device, &[count, width]);
        let (mut last, mut context, mut been) = (zeros(BANDS), zeros(2 * self.hidden), zeros(LETTERS));
        let mut state = Tensor::zeros(device, &[1, count, self.hidden]);
        let (mut frames, mut attention) = (vec![], vec![]);
        for step in 0..STEPS {
            let input = cat(&[&self.prenet.forward(&last).relu(), &context], 1).unsqueeze(1);
            state = self.decoder.forward(&input, Some(&state)).1;
            let query = state.squeeze(&[0]);
            let weights = self.attention.weights(&query, &letters, &been);
            been = been + &weights;
            context = weights.unsqueeze(1).matmul(&letters).squeeze(&[1]);
            let written = self.out.forward(&cat(&[&query, &context], 1)).reshape(&[count, TOGETHER, BANDS]);
            let end = (step + 1) * TOGETHER - 1;
            last = match known {
                Some(known) => known.select(1, end),
                None => written.select(1, TOGETHER - 1),
            };
            frames.push(written);
            attention.push(weights);
        }
        Written {
            frames: cat(&frames.iter().collect::<Vec<_>>(), 1),
            attention: stack(&attention.iter().collect::<Vec<_>>(), 1),
        }
    }
}

/// Spoken words with their letters `[N, LETTERS]` and frames.
fn words(lab: &Lab, count: usize, stream: u32) -> Result<(Vec<Spoken>, Tensor, Tensor)> {
    let mut draws = lab.draws(stream);
    // Words whose token sum is a multiple of 4 are for testing.
    let sum = |word: &str| word.bytes().map(usize::from).sum::<usize>();
    let mut spoken = vec![];
    while spoken.len() < count {
        let word = word(&mut draws, LETTERS as u32 / 2);
        if (sum(&word) % 4 == 0) == (stream == TEST) {
            spoken.push(Spoken::new(word, VOICE, &mut draws)?);
        }
    }
    let letters = spoken
        .iter()
        .flat_map(|spoken| spoken.word.chars().map(|c| SPOKEN_LETTERS.find(c).expect("a letter") as i32));
    let letters: Vec<i32> = letters.collect();
    let frames = padded(lab.device(), spoken.iter().map(|spoken| &spoken.log_mel), STEPS * TOGETHER)?;
    Ok((spoken, Tensor::from_slice(lab.device(), &letters, &[count, LETTERS])?, frames))
}

const TEST: u32 = 2;

fn run(lab: &mut Lab) -> Result<()> {
    let (_, letters, frames) = words(lab, lab.pick(1500, 400), 1)?;
    let (spoken, test, truth) = words(lab, lab.pick(200, 80), TEST)?;
    let params = lab.params();
    let net = Net::new(&params, lab.pick(64, 40));
    let (steps, mut draws) = (lab.pick(1500, 240), lab.draws(3));
    let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.004, 0.008), 0.0, steps));
    lab.fit("speaking", steps, &mut Adam::new(&params), rate, |_| {
        let [letters, frames] = minibatch(&mut draws, 24, [&letters, &frames])?;
        Ok(net.write(&letters, Some(&frames)).frames.l1_loss(&frames, Reduction::Mean))
    })?;

    let guided = net.write(&test, Some(&truth));
    let mean = frames.mean(&[0, 1], true).expand(truth.shape());
    let error = |of: &Tensor| of.l1_loss(&truth, Reduction::Mean).item();
    let (found, constant) = (error(&guided.frames)?, error(&mean)?);
    lab.expect("error of frames against that of the mean frame", found / constant, ..lab.pick(0.3, 0.45));
    // The attention on the letter that is spoken during a step.
    let weights = guided.attention.to_vec::<f32>()?;
    let (mut there, mut count) = (0.0, 0.0);
    for (i, spoken) in spoken.iter().enumerate() {
        for step in 0..STEPS {
            let middle = (step as f64 + 0.5) * TOGETHER as f64;
            let Some(letter) = (0..LETTERS).find(|&letter| middle < spoken.span(letter)[1]) else { continue };
            there += f64::from(weights[(i * STEPS + step) * LETTERS + letter]);
            count += 1.0;
        }
    }
    lab.expect("attention on the letter that is spoken", there / count, lab.pick(0.6, 0.45)..);
    // Without knowing the frames before: the letters that are attended to most, in order.
    let free = net.write(&test, None);
    let visited = free.attention.argmax(2, false).to_vec::<i32>()?;
    let in_order = |row: &[i32]| {
        row.windows(2).all(|w| w[1] == w[0] || w[1] == w[0] + 1)
            && row[0] == 0
            && row[STEPS - 1] == LETTERS as i32 - 1
    };
    let monotone = visited.chunks(STEPS).filter(|row| in_order(row)).count() as f64 / spoken.len() as f64;
    lab.expect("words spoken letter by letter, each letter once", monotone, lab.pick(0.9, 0.7)..=1.0);
    picture(lab, &spoken[0], &free, &truth)
}

fn picture(lab: &mut Lab, spoken: &Spoken, free: &Written, truth: &Tensor) -> Result<()> {
    let columns = STEPS * TOGETHER;
    let mels = |title: &str, frames: &Tensor| -> Result<plot::Panel> {
        let values = frames.select(0, 0).t().to_vec::<f32>()?.into_iter().map(f64::from).collect();
        let field = plot::Field::matrix(BANDS, columns, values).range(-1.5, 1.2);
        Ok(plot::Panel::new(title, "frame", "mel band").layer(field))
    };
    let weights = free.attention.select(0, 0).t().to_vec::<f32>()?.into_iter().map(f64::from).collect();
    let field = plot::Field::matrix(LETTERS, STEPS, weights)
        .over((-0.5, columns as f64 - 0.5), (-0.5, LETTERS as f64 - 0.5))
        .range(0.0, 1.0);
    let attention = plot::Panel::new("Attention while speaking", "frame", "letter")
        .layer(field)
        .y_names(spoken.word.chars().map(|c| c.to_string()));
    let title = format!("The word {:?}, which was not trained on", spoken.word);
    let figure =
        plot::Figure::new(title).panel(mels("Synthesiser", truth)?).panel(mels("Network", &free.frames)?);
    lab.picture("speech_synthesis", |path| figure.panel(attention).columns(3).save(path))
}
