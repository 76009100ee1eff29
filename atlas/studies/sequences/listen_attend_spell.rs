//! Speech recognition with attention (Chan et al. 2016, "Listen, attend and spell"): a pyramid of bidirectional LSTMs halves the number of
//! frames at each level, and a decoder spells the word, attending to what was heard. The words come from a formant synthesiser, which knows
//! when each letter is spoken: `cargo run --release -p wgrad-atlas -- listen_attend_spell`.

use atlas::prelude::*;
use wgrad::data::synthetic::{SPOKEN_LETTERS, Voice};
use wgrad::models::AdditiveAttention;

use super::spoken_words::{BANDS, Spoken, padded, word};

pub const STUDY: Study = Study {
    name: "listen_attend_spell",
    about: "A pyramid of LSTMs and a decoder with attention spell words by voices that they have not heard.",
    on_gpu: false,
    data: None,
    run,
};

/// Token 0 begins and ends a word; letter `i` is token `i + 1`.
const TOKENS: usize = SPOKEN_LETTERS.len() + 1;
/// Frames of a step of the listener's output.
const REDUCTION: usize = 4;

/// A set of spoken words on the device.
struct Words {
    spoken: Vec<Spoken>,
    /// `[N, T, BANDS]`, with their numbers of frames `[N]`.
    frames: Tensor,
    lengths: Tensor,
    /// The tokens read and said by the decoder, `[N, letters + 1]`.
    given: Tensor,
    said: Tensor,
}

fn words(lab: &Lab, count: usize, stream: u32) -> Result<Words> {
    let (mut draws, syllables, device) = (lab.draws(stream), lab.pick(3, 2), lab.device());
    let spoken: Vec<Spoken> = (0..count)
        .map(|_| {
            let syllables = 1 + draws.below(syllables);
            Spoken::new(word(&mut draws, syllables), Voice::drawn(&mut draws), &mut draws)
        })
        .collect::<Result<_>>()?;
    let longest = lab.pick(84, 56);
    let letters = 2 * syllables as usize + 1;
    let tokens: Vec<Vec<i32>> = spoken.iter().map(|spoken| tokens(&spoken.word)).collect();
    let shifted = |before: bool| -> Result<Tensor> {
        let row = |row: &Vec<i32>| {
            let mut row = if before { [vec![0], row.clone()].concat() } else { row.clone() };
            row.resize(letters, if before { 0 } else { -100 });
            row
        };
        // The end is said once; what follows is ignored.
        let rows =
            tokens.iter().map(|word| if before { row(word) } else { row(&[word.clone(), vec![0]].concat()) });
        Ok(Tensor::from_slice(device, &rows.flatten().collect::<Vec<i32>>(), &[count, letters])?)
    };
    let lengths: Vec<i32> = spoken.iter().map(|spoken| spoken.frames() as i32).collect();
    Ok(Words {
        frames: padded(device, spoken.iter().map(|spoken| &spoken.log_mel), longest)?,
        lengths: Tensor::from_slice(device, &lengths, &[count])?,
        given: shifted(true)?,
        said: shifted(false)?,
        spoken,
    })
}

fn tokens(word: &str) -> Vec<i32> {
    word.chars().map(|c| SPOKEN_LETTERS.find(c).expect("a letter") as i32 + 1).collect()
}

struct Net {
    listeners: Vec<Lstm>,
    embedding: Embedding,
    speller: Gru,
    attention: AdditiveAttention,
    merge: Linear,
    out: Linear,
}

impl Net {
    fn new(params: &Params, hidden: usize) -> Net {
        let both = RnnOptions { batch_first: true, bidirectional: true, ..RnnOptions::default() };
        let listener =
            |(level, inputs)| Lstm::new(&params.path(format!("listener{level}")), inputs, hidden, both);
        let one = RnnOptions { bidirectional: false, ..both };
        Net {
            listeners: [(0, 2 * BANDS), (1, 4 * hidden)].map(listener).into(),
            embedding: Embedding::new(&params.path("embedding"), TOKENS, hidden / 2),
            speller: Gru::new(&params.path("speller"), hidden / 2, hidden, one),
            attention: AdditiveAttention::new(&params.path("attention"), hidden, 2 * hidden, hidden),
            merge: Linear::new(&params.path("merge"), 3 * hidden, hidden),
            out: Linear::new(&params.path("out"), hidden, TOKENS),
        }
    }

    /// What is heard, `[N, T / REDUCTION, 2 hidden]`, and where a word has ended. Each level reads pairs of the steps of the one below.
    fn listen(&self, frames: &Tensor, lengths: &Tensor) -> (Tensor, Tensor) {
        let (mut x, mut lengths) = (frames.clone(), lengths.clone());
        for listener in &self.listeners {
            let [n, t, d] = [0, 1, 2].map(|d| x.size(d));
            lengths = (lengths.to(DType::F32) * 0.5).ceil().to(DType::I32);
            x = listener.forward_lengths(&x.reshape(&[n, t / 2, 2 * d]), &lengths, None).0;
        }
        let ended = Tensor::arange(x.device(), x.size(1)).ge(lengths.unsqueeze(1));
        (x, ended)
    }

    /// Logits `[N, U, TOKENS]` after tokens `[N, U]`, and the attention `[N, U, T / REDUCTION]`.
    fn spell(&self, tokens: &Tensor, (heard, ended): &(Tensor, Tensor)) -> [Tensor; 2] {
        let state = self.speller.forward(&self.embedding.forward(tokens), None).0;
        let weights = self.attention.weights(&state, heard, Some(ended));
        let merged = self.merge.forward(&cat(&[&weights.matmul(heard), &state], 2)).tanh();
        [self.out.forward(&merged), weights]
    }

    /// The most probable letters of each word.
    fn greedy(&self, words: &Words) -> Result<Vec<Vec<i32>>> {
        let heard = self.listen(&words.frames, &words.lengths);
        let heard = (heard.0.detach(), heard.1.detach());
        let mut written = Tensor::zeros(words.frames.device(), &[words.spoken.len(), 1]).to(DType::I32);
        for _ in 0..words.given.size(1) {
            let logits = self.spell(&written, &heard).map(|t| t.detach()).into_iter().next().expect("logits");
            let next = logits.narrow(1, written.size(1) - 1, 1).argmax(-1, false);
            written = cat(&[&written, &next], 1).detach();
        }
        let width = written.size(1);
        let rows = written.to_vec::<i32>()?;
        Ok(rows
            .chunks(width)
            .map(|row| row[1..].iter().copied().take_while(|&token| token != 0).collect())
            .collect())
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let (train, test) = (words(lab, lab.pick(4000, 700), 1)?, words(lab, lab.pick(300, 100), 2)?);
    let params = lab.params();
    let net = Net::new(&params, lab.pick(48, 32));
    let (steps, mut draws) = (lab.pick(1500, 320), lab.draws(3));
    let rate = Warmup::new(0.1, steps / 10, Cosine::new(lab.pick(0.006, 0.012), 0.0, steps));
    let losses = lab.fit("spelling", steps, &mut Adam::new(&params), rate, |_| {
        let all = [&train.frames, &train.lengths, &train.given, &train.said];
        let [frames, lengths, given, said] = minibatch(&mut draws, 32, all)?;
        let [logits, _] = net.spell(&given, &net.listen(&frames, &lengths));
        Ok(logits.flatten(0, 1).cross_entropy(&said.flatten(0, 1)))
    })?;
    let found = net.greedy(&test)?;
    let known: Vec<Vec<i32>> = test.spoken.iter().map(|spoken| tokens(&spoken.word)).collect();
    lab.figure("cross-entropy at the end", losses[steps - 1]);
    lab.expect("letter error rate", metrics::error_rate(&found, &known), ..lab.pick(0.05, 0.15));
    attention(lab, &net, &test)
}

/// The attention to a letter should be where the synthesiser has spoken it.
fn attention(lab: &mut Lab, net: &Net, test: &Words) -> Result<()> {
    let [_, weights] = net.spell(&test.given, &net.listen(&test.frames, &test.lengths));
    let (letters, steps) = (weights.size(1), weights.size(2));
    let weights = weights.to_vec::<f32>()?;
    let row = |i: usize, u: usize| &weights[(i * letters + u) * steps..][..steps];
    let (mut inside, mut chance, mut count) = (0.0, 0.0, 0.0);
    for (i, spoken) in test.spoken.iter().enumerate() {
        for u in 0..spoken.word.len() {
            // A step before and after: the listener reads in both directions.
            let [start, end] = spoken.span(u).map(|frame| frame / REDUCTION as f64);
            let near = |s: usize| (start - 1.0..end + 1.0).contains(&(s as f64 + 0.5));
            let all = spoken.frames().div_ceil(REDUCTION);
            inside += (0..steps).filter(|&s| near(s)).map(|s| f64::from(row(i, u)[s])).sum::<f64>();
            chance += (0..all).filter(|&s| near(s)).count() as f64 / all as f64;
            count += 1.0;
        }
    }
    lab.expect("attention within a step of the letter", inside / count, 0.75..);
    lab.expect("as much time, of the whole word", chance / count, ..0.6);

    let i = (0..test.spoken.len()).max_by_key(|&i| test.spoken[i].word.len()).context("a word")?;
    let spoken = &test.spoken[i];
    let (all, rows) = (spoken.frames().div_ceil(REDUCTION), spoken.word.len());
    let values = (0..rows).flat_map(|u| row(i, u)[..all].iter().map(|&w| f64::from(w))).collect();
    let seconds = |frame: f64| frame / 100.0;
    let field = plot::Field::matrix(rows, all, values)
        .over((0.0, seconds((all * REDUCTION) as f64)), (-0.5, rows as f64 - 0.5))
        .bar("attention");
    let mut panel = plot::Panel::new("Attention, and where letters are spoken", "seconds", "letter")
        .layer(field)
        .y_names(spoken.word.chars().map(|c| c.to_string()));
    let spans = (0..rows).flat_map(|u| spoken.span(u).map(|frame| (seconds(frame), u as f64)));
    panel = panel.with(plot::Series::new("beginnings and ends of the letters", spans).exact());
    let title = format!("The word {:?} in a voice that was not heard before", spoken.word);
    lab.picture("listen_attend_spell", |path| plot::Figure::new(title).panel(panel).save(path))
}
