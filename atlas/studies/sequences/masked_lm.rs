//! Masked language modelling (Devlin et al. 2019, "BERT"). The language is a Markov chain, so the exact probabilities of a masked token
//! given its context on both sides can be computed: by forward-backward, as marginals of a linear-chain field. A small BERT comes close to
//! them: `cargo run --release -p wgrad-atlas -- masked_lm`.

use atlas::{bert_scaled, prelude::*};
use wgrad::data::MaskTokens;
use wgrad::models::{Bert, BertOptions};

pub const STUDY: Study = Study {
    name: "masked_lm",
    about: "A small BERT fills in hidden tokens nearly as well as exact inference.",
    on_gpu: false,
    data: None,
    run,
};

const WORDS: usize = 6;
/// The mask token.
const MASK: i32 = WORDS as i32;
const LENGTH: usize = 12;
/// The share of tokens to predict.
const ASKED: f64 = 0.25;

/// Transition probabilities between words, `[WORDS, WORDS]`; the first word is uniform.
struct Chain {
    next: Vec<f64>,
}

impl Chain {
    fn new(draws: &mut Draws) -> Chain {
        let row = |_| {
            let weights: Vec<f64> = (0..WORDS).map(|_| (2.0 * draws.normal()).exp()).collect();
            let sum: f64 = weights.iter().sum();
            weights.into_iter().map(move |weight| weight / sum).collect::<Vec<_>>()
        };
        Chain { next: (0..WORDS).flat_map(row).collect() }
    }

    fn sentence(&self, draws: &mut Draws) -> Vec<i32> {
        let mut words = vec![draws.below(WORDS as u32) as i32];
        while words.len() < LENGTH {
            let row = &self.next[words[words.len() - 1] as usize * WORDS..][..WORDS];
            words.push(draws.weighted(row) as i32);
        }
        words
    }

    /// The posterior `[N, LENGTH, WORDS]` of the words given `inputs [N, LENGTH]`, some of them masked and some replaced by random words.
    fn posterior(&self, device: &Device, inputs: &[i32]) -> Result<Vec<f32>> {
        let count = inputs.len() / LENGTH;
        // The probability of an input token, a word or the mask, given the true word.
        let seen = |input: i32, word: usize| {
            let (same, words) = (f64::from(u8::from(input == word as i32)), WORDS as f64);
            let p = if input == MASK { 0.8 } else { 0.1 * same + 0.1 / words };
            ASKED * p + (1.0 - ASKED) * same
        };
        let emissions: Vec<f32> = (0..LENGTH)
            .flat_map(|t| (0..count).map(move |i| inputs[i * LENGTH + t]))
            .flat_map(|input| (0..WORDS).map(move |word| seen(input, word).ln() as f32))
            .collect();
        let params = Params::new(device, 0);
        let chain = Crf::new(&params, WORDS);
        let transitions: Vec<f32> = self.next.iter().map(|p| p.ln() as f32).collect();
        params.redraw("*", Init::ZEROS);
        let param = params.get("transitions").context("transitions")?;
        param.set(&Tensor::from_slice(device, &transitions, &[WORDS, WORDS])?);
        let emissions = Tensor::from_slice(device, &emissions, &[LENGTH, count, WORDS])?;
        let lengths = Tensor::from_slice(device, &vec![LENGTH as i32; count], &[count])?;
        Ok(chain.marginals(&emissions, &lengths).transpose(0, 1).to_vec()?)
    }
}

/// Inputs with masked words, and the targets.
fn batch(chain: &Chain, draws: &mut Draws, size: usize) -> (Vec<i32>, Vec<i32>) {
    let mask = MaskTokens { mask: MASK, vocabulary: WORDS as u32, special: vec![], p: ASKED as f32 };
    let sentences: Vec<i32> = (0..size).flat_map(|_| chain.sentence(draws)).collect();
    mask.apply(&sentences, draws)
}

fn run(lab: &mut Lab) -> Result<()> {
    let chain = Chain::new(&mut lab.draws(1));
    let (steps, size, width) = lab.pick((1500, 64, 48), (500, 32, 32));
    let options = BertOptions {
        vocab: WORDS + 1,
        context: LENGTH,
        width,
        heads: 4,
        depth: lab.pick(2, 1),
        dropout: 0.0,
    };
    let params = lab.params();
    let net = Bert::new(&params, options);
    bert_scaled(&params, width);
    let mut draws = lab.draws(2);
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.003, 0.01), 0.0, steps));
    lab.fit("filling in", steps, &mut AdamW::new(&params), rate, |_| {
        let (inputs, asked) = batch(&chain, &mut draws, size);
        let inputs = Tensor::from_slice(lab.device(), &inputs, &[size, LENGTH])?;
        let asked = targets(&Tensor::from_slice(lab.device(), &asked, &[size * LENGTH])?)?;
        Ok(net.forward(&inputs, None, None, Mode::Train).flatten(0, 1).cross_entropy(&asked))
    })?;

    let count = lab.pick(1000, 300);
    let (inputs, truth) = batch(&chain, &mut lab.draws(3), count);
    let exact = chain.posterior(lab.device(), &inputs)?;
    let tokens = Tensor::from_slice(lab.device(), &inputs, &[count, LENGTH])?;
    let found =
        net.forward(&tokens, None, None, Mode::Eval).narrow(2, 0, WORDS).softmax(-1).to_vec::<f32>()?;
    let hidden: Vec<usize> = (0..inputs.len()).filter(|&i| inputs[i] == MASK).collect();
    let mut shares = [0.0; WORDS];
    hidden.iter().for_each(|&i| shares[truth[i] as usize] += 1.0 / hidden.len() as f64);
    // Cross-entropy and accuracy of predictions for the selected words.
    let scores = |said: &dyn Fn(usize, usize) -> f64| {
        let (mut nats, mut right) = (0.0, 0.0);
        for &i in &hidden {
            nats -= said(i, truth[i] as usize).ln();
            let best = (0..WORDS).max_by(|&a, &b| said(i, a).total_cmp(&said(i, b)));
            right += f64::from(u8::from(best == Some(truth[i] as usize)));
        }
        [nats, right].map(|sum| sum / hidden.len() as f64)
    };
    let unigram = scores(&|_, word| shares[word]);
    let bert = scores(&|i, word| f64::from(found[i * WORDS + word]));
    let bayes = scores(&|i, word| f64::from(exact[i * WORDS + word]));
    for (name, score) in [("frequencies", unigram), ("BERT", bert), ("exact", bayes)] {
        lab.figure(format!("cross-entropy, {name}"), score[0]);
        lab.figure(format!("accuracy, {name}"), score[1]);
    }
    lab.expect("nats that BERT loses", bert[0] - bayes[0], -0.02..0.1);
    lab.expect(
        "share of the possible gain in nats",
        (unigram[0] - bert[0]) / (unigram[0] - bayes[0]),
        0.85..1.03,
    );
    lab.expect("accuracy that BERT loses", bayes[1] - bert[1], -0.03..0.06);

    let point = |&i: &usize| {
        let at = i * WORDS + truth[i] as usize;
        (f64::from(exact[at]), f64::from(found[at]))
    };
    let points = plot::Points::new("a hidden word", hidden.iter().take(400).map(point));
    let scatter = plot::Panel::new("Probabilities of the hidden words", "exact", "BERT")
        .layer(points)
        .with(plot::Series::new("equal", [(0.0, 0.0), (1.0, 1.0)]).exact());
    let bars = plot::Panel::new("Words filled in", "", "accuracy")
        .layer(plot::Bars::new("", [unigram[1], bert[1], bayes[1]]))
        .x_names(["frequencies", "BERT", "exact inference"])
        .y_range(0.0, 1.0);
    lab.picture("masked_lm", |path| plot::Figure::new("Masked words").panel(scatter).panel(bars).save(path))
}
