//! Fine-tuning (Devlin et al. 2019, "BERT"): a network that fills in masked words of text without labels then learns a task from few labels. The
//! task is to name the topic of a sentence. Only a third of the words ever has labels, and only the words around them show what the
//! others are about, so that a network without pretraining can but guess: `cargo run --release -p wgrad-atlas -- bert_tuning`.

use atlas::{bert_scaled, prelude::*};
use wgrad::models::{Bert, BertOptions};

use super::hidden_topics::{self as language, TOPICS, WORDS};

pub const STUDY: Study = Study {
    name: "bert_tuning",
    about: "A BERT that has filled in words learns a task from few labels, also for words that never had one.",
    on_gpu: false,
    data: None,
    run,
};

const MASK: i32 = WORDS as i32;
/// The first token, from whose output the classifier decides.
const CLS: i32 = MASK + 1;
const LENGTH: usize = 9;

fn options(lab: &Lab) -> BertOptions {
    BertOptions {
        vocab: WORDS + 2,
        context: LENGTH + 1,
        width: lab.pick(48, 32),
        heads: 4,
        depth: lab.pick(2, 1),
        dropout: 0.0,
    }
}

/// The first token and then the words of sentences, `[N, LENGTH + 1]`.
fn tokens(device: &Device, sentences: &[Vec<i32>]) -> Result<Tensor> {
    let rows: Vec<i32> =
        sentences.iter().flat_map(|words| [CLS].into_iter().chain(words.iter().copied())).collect();
    Ok(Tensor::from_slice(device, &rows, &[sentences.len(), LENGTH + 1])?)
}

/// Sentences with masked words, and those words; -100 for the others.
fn masked(draws: &mut Draws, size: usize) -> [Vec<Vec<i32>>; 2] {
    let one = |_| {
        let (_, words) = language::sentence(draws, LENGTH, |_| true);
        let hidden = |word| if draws.happens(0.25) { (MASK, word) } else { (word, -100) };
        words.into_iter().map(hidden).unzip()
    };
    <[_; 2]>::from((0..size).map(one).unzip())
}

/// A network that has filled in words, and its parameters.
fn pretrained(lab: &Lab) -> Result<(Params, Bert)> {
    let (steps, size) = lab.pick((1000, 96), (300, 64));
    let params = lab.params();
    let net = Bert::new(&params, options(lab));
    bert_scaled(&params, options(lab).width);
    let mut draws = lab.draws(1);
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.003, 0.005), 0.0, steps));
    lab.fit("filling in", steps, &mut AdamW::new(&params), rate, |_| {
        let [inputs, asked] = masked(&mut draws, size);
        let asked = targets(&Tensor::from_slice(lab.device(), &asked.concat(), &[size * LENGTH])?)?;
        let logits = net.forward(&tokens(lab.device(), &inputs)?, None, None, Mode::Train);
        Ok(logits.narrow(1, 1, LENGTH).flatten(0, 1).cross_entropy(&asked))
    })?;
    Ok((params, net))
}

/// Cross-entropies of masked words: of the network, and of exact inference.
fn filled_in(lab: &Lab, net: &Bert) -> Result<[f64; 2]> {
    let [inputs, asked] = masked(&mut lab.draws(2), lab.pick(2000, 600));
    let logits = net.forward(&tokens(lab.device(), &inputs)?, None, None, Mode::Eval);
    let found = logits.narrow(2, 0, WORDS).log_softmax(-1).to_vec::<f32>()?;
    let (mut sums, mut count) = ([0.0; 2], 0.0);
    for (i, (inputs, asked)) in inputs.iter().zip(&asked).enumerate() {
        let seen = || inputs.iter().copied().filter(|&input| input != MASK);
        for (t, &word) in asked.iter().enumerate().filter(|(_, word)| **word >= 0) {
            sums[0] -= f64::from(found[(i * (LENGTH + 1) + t + 1) * WORDS + word as usize]);
            sums[1] -= language::probability(&[word], seen()).ln();
            count += 1.0;
        }
    }
    Ok(sums.map(|sum| sum / count))
}

/// Sentences of words with labels, or of the others.
struct Labelled {
    tokens: Tensor,
    /// `[N]`
    topics: Tensor,
}

fn labelled(lab: &Lab, stream: u32, count: usize, allowed: fn(i32) -> bool) -> Result<Labelled> {
    let mut draws = lab.draws(stream);
    let (topics, words): (Vec<i32>, Vec<_>) =
        (0..count).map(|_| language::sentence(&mut draws, LENGTH, allowed)).unzip();
    Ok(Labelled {
        tokens: tokens(lab.device(), &words)?,
        topics: Tensor::from_slice(lab.device(), &topics, &[count])?,
    })
}

/// A classifier trained on the labels, from the encoder of another network or from scratch.
fn tuned(lab: &Lab, what: &str, from: Option<&Params>, set: &Labelled) -> Result<Bert> {
    let params = lab.params();
    let net = Bert::classifier(&params, options(lab), TOPICS);
    bert_scaled(&params, options(lab).width);
    if let Some(from) = from {
        params.copy_from(from, &["head.*"]);
    }
    let (steps, mut draws) = (lab.pick(150, 60), lab.draws(3));
    let labels = targets(&set.topics)?;
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(0.003, 0.0, steps));
    lab.fit(what, steps, &mut AdamW::new(&params), rate, |_| {
        let [tokens, labels] = minibatch(&mut draws, 32, [&set.tokens, &labels])?;
        Ok(net.forward(&tokens, None, None, Mode::Train).cross_entropy(&labels))
    })?;
    Ok(net)
}

fn run(lab: &mut Lab) -> Result<()> {
    let (params, net) = pretrained(lab)?;
    let [found, least] = filled_in(lab, &net)?;
    lab.figure("cross-entropy of masked words, exact", least);
    lab.expect("nats that the network loses", found - least, -0.02..0.15);

    let tests = lab.pick(1000, 300);
    let train = labelled(lab, 4, 48, language::labelled)?;
    let known = labelled(lab, 5, tests, language::labelled)?;
    let new = labelled(lab, 6, tests, |word| !language::labelled(word))?;
    let mut scores = Vec::new();
    for (name, from) in [("pretrained", Some(&params)), ("from scratch", None)] {
        let net = tuned(lab, name, from, &train)?;
        let accuracy = |set: &Labelled| {
            metrics::accuracy(&net.forward(&set.tokens, None, None, Mode::Eval), &set.topics)
        };
        scores.push([accuracy(&known)?, accuracy(&new)?]);
    }
    lab.expect("pretrained: words with labels", scores[0][0], 0.9..=1.0);
    lab.expect("pretrained: words without labels", scores[0][1], 0.9..=1.0);
    lab.figure("from scratch: words with labels", scores[1][0]);
    // A guess is right once in six times.
    lab.expect("from scratch: words without labels", scores[1][1], 0.05..0.3);
    picture(lab, &params, &scores)
}

/// The words' vectors in the plane of their two first principal components, and the accuracies.
fn picture(lab: &mut Lab, params: &Params, scores: &[[f64; 2]]) -> Result<()> {
    let vectors = params.get("tok_emb.weight").context("the words' vectors")?.value().narrow(0, 0, WORDS);
    let at = linalg::Pca::fit(&vectors, 2)?.transform(&vectors).to_vec::<f32>()?;
    let mut plane = plot::Panel::new("Vectors of words, after filling in", "", "");
    for topic in 0..TOPICS {
        let words = (topic * WORDS / TOPICS..(topic + 1) * WORDS / TOPICS)
            .map(|i| (at[2 * i].into(), at[2 * i + 1].into()));
        plane = plane.layer(plot::Points::new(format!("topic {topic}"), words));
    }
    let mut bars = plot::Panel::new("Topics named from 48 labels", "", "accuracy")
        .x_names(["labelled words", "others"])
        .y_range(0.0, 1.05);
    for (i, name) in ["pretrained", "from scratch"].into_iter().enumerate() {
        bars = bars.layer(plot::Bars::new(name, scores[i]).group(i, 2));
    }
    lab.picture("bert_tuning", |path| {
        plot::Figure::new("Fine-tuning of BERT").panel(plane).panel(bars).save(path)
    })
}
