//! One network from text to text (Raffel et al. 2020, "T5"): an encoder reads a sentence in which sentinels stand for spans of words, and a
//! decoder writes the spans. How well that can be done is known, because the language is made: a sum over all topics of the
//! sentence and all lengths of the spans. The same network then learns to write the topic of a sentence as a word, from few examples and for
//! words that never had one:
//! `cargo run --release -p wgrad-atlas -- span_corruption`.

use atlas::prelude::*;
use wgrad::data::Padded;
use wgrad::models::{TransformerOptions, Translator, TranslatorOptions};

use super::hidden_topics::{self as language, TOPICS, WORDS};

pub const STUDY: Study = Study {
    name: "span_corruption",
    about: "An encoder-decoder writes the spans that sentinels hide nearly as well as possible, and then learns a task from few examples.",
    on_gpu: false,
    data: None,
    run,
};

const LENGTH: usize = 10;
const SPANS: usize = 2;
/// The longest span.
const LONGEST: usize = 3;
/// Tokens after those of the words; a sentinel for each span.
const SENTINEL: i32 = WORDS as i32;
const END: i32 = SENTINEL + SPANS as i32;
const BEGIN: i32 = END + 1;
const PAD: i32 = END + 2;
/// The prefix that asks for the topic, whose names follow.
const TOPIC: i32 = END + 3;
const NAME: i32 = END + 4;
const VOCABULARY: usize = NAME as usize + TOPICS;
/// Tokens of the longest source or target.
const TOKENS: usize = LENGTH + 1;

/// A sentence of which spans are hidden.
struct Corrupted {
    /// Words before, between and after the spans.
    visible: [Vec<i32>; SPANS + 1],
    /// Words of each span.
    hidden: [Vec<i32>; SPANS],
}

impl Corrupted {
    /// Spans of uniform lengths, at uniform places with a word before, between and after them.
    fn drawn(draws: &mut Draws) -> Corrupted {
        let (_, words) = language::sentence(draws, LENGTH, |_| true);
        let [a, b] = [(); SPANS].map(|()| 1 + draws.below(LONGEST as u32) as usize);
        // Two different places among those between the other words.
        let gaps = LENGTH - a - b - 1;
        let first = draws.below(gaps as u32) as usize;
        let second = (first + 1 + draws.below(gaps as u32 - 1) as usize) % gaps;
        let (before, until) = (1 + first.min(second), 1 + first.max(second));
        let cut = |from: usize, to: usize| words[from..to].to_vec();
        Corrupted {
            visible: [cut(0, before), cut(before + a, until + a), cut(until + a + b, LENGTH)],
            hidden: [cut(before, before + a), cut(until + a, until + a + b)],
        }
    }

    /// Words, with sentinels in place of spans.
    fn source(&self) -> Vec<i32> {
        let [before, between, after] = &self.visible;
        [before, &[SENTINEL][..], between, &[SENTINEL + 1], after].concat()
    }

    /// Each sentinel and its span, and the end.
    fn target(&self) -> Vec<i32> {
        let [one, two] = &self.hidden;
        [&[SENTINEL][..], one, &[SENTINEL + 1], two, &[END]].concat()
    }

    /// The logarithm of the probability of the target given the source, whose length is that of the sentence without the spans, so that only the sum
    /// of their lengths is known.
    fn log_probability(&self) -> f64 {
        let sum = self.hidden[0].len() + self.hidden[1].len();
        let lengths = (1..=LONGEST).filter(|a| (a + 1..=a + LONGEST).contains(&sum)).count() as f64;
        let p = language::probability(&self.hidden.concat(), self.visible.iter().flatten().copied());
        (p / lengths).ln()
    }
}

/// Sources, with their padding, and targets.
struct Pairs {
    source: data::DevicePadded,
    given: Tensor,
    said: Tensor,
}

fn pairs(device: &Device, sources: &[Vec<i32>], targets: &[Vec<i32>]) -> Result<Pairs> {
    let padded = |rows: &[Vec<i32>]| Padded::new(rows, PAD, TOKENS).to_device(device);
    let given: Vec<Vec<i32>> =
        targets.iter().map(|target| [&[BEGIN], &target[..target.len() - 1]].concat()).collect();
    Ok(Pairs { source: padded(sources)?, given: padded(&given)?.values, said: padded(targets)?.values })
}

fn corrupted(lab: &Lab, draws: &mut Draws, count: usize) -> Result<(Vec<Corrupted>, Pairs)> {
    let texts: Vec<Corrupted> = (0..count).map(|_| Corrupted::drawn(draws)).collect();
    let [sources, targets] =
        [Corrupted::source, Corrupted::target].map(|of| texts.iter().map(of).collect::<Vec<_>>());
    let pairs = pairs(lab.device(), &sources, &targets)?;
    Ok((texts, pairs))
}

fn network(lab: &Lab, params: &Params) -> Translator {
    let width = lab.pick(48, 32);
    let layers = TransformerOptions {
        dim_feedforward: 2 * width,
        norm_first: true,
        dropout: 0.0,
        ..TransformerOptions::default()
    };
    let sizes = TranslatorOptions {
        source_vocab: VOCABULARY,
        target_vocab: VOCABULARY,
        longest: TOKENS,
        width,
        heads: 4,
        depth: lab.pick(2, 1),
        layers,
    };
    Translator::new(params, sizes)
}

/// The mean over the tokens of targets.
fn cross_entropy(logits: &Tensor, said: &Tensor) -> Tensor {
    let options = CrossEntropy { ignore_index: PAD, ..CrossEntropy::default() };
    logits.flatten(0, 1).cross_entropy_with(&said.flatten(0, 1), options)
}

/// Sentences of which `allowed` holds for every word, with the names of their topics as tokens.
fn named(lab: &Lab, stream: u32, count: usize, allowed: fn(i32) -> bool) -> Result<(Vec<i32>, Pairs)> {
    let mut draws = lab.draws(stream);
    let (names, sources): (Vec<i32>, Vec<Vec<i32>>) = (0..count)
        .map(|_| language::sentence(&mut draws, LENGTH, allowed))
        .map(|(topic, words)| (NAME + topic, [vec![TOPIC], words].concat()))
        .unzip();
    let targets: Vec<Vec<i32>> = names.iter().map(|&name| vec![name, END]).collect();
    Ok((names, pairs(lab.device(), &sources, &targets)?))
}

/// The shares of topics, of sentences of words with labels and of others, that a network writes which has learnt from few examples, starting with the
/// parameters of another one or from scratch.
fn tuned(lab: &Lab, what: &str, from: Option<&Params>) -> Result<[f64; 2]> {
    let params = lab.params();
    let net = network(lab, &params);
    if let Some(from) = from {
        params.copy_from(from, &[]);
    }
    let (_, train) = named(lab, 3, 48, language::labelled)?;
    let (steps, mut draws) = (200, lab.draws(6));
    let said = targets(&train.said)?;
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(0.002, 0.0, steps));
    lab.fit(what, steps, &mut Adam::new(&params), rate, |_| {
        let [source, given, said] = minibatch(&mut draws, 32, [&train.source.values, &train.given, &said])?;
        let logits = net.forward(&source, &given, None, Mode::Train);
        Ok(cross_entropy(&logits, &said))
    })?;
    let share = |(names, test): (Vec<i32>, Pairs)| -> Result<f64> {
        let found = net.greedy(&test.source.values, None, BEGIN, 2).to_vec::<i32>()?;
        let right = found.chunks(2).zip(&names).filter(|(found, name)| **found == [**name, END]).count();
        Ok(right as f64 / names.len() as f64)
    };
    let tests = lab.pick(1000, 300);
    Ok([
        share(named(lab, 4, tests, language::labelled)?)?,
        share(named(lab, 5, tests, |word| !language::labelled(word))?)?,
    ])
}

fn run(lab: &mut Lab) -> Result<()> {
    let params = lab.params();
    let net = network(lab, &params);
    let logits = |pairs: &Pairs, mode| {
        net.forward(&pairs.source.values, &pairs.given, Some(&pairs.source.padding), mode)
    };
    let (steps, size) = lab.pick((2000, 64), (700, 48));
    let mut draws = lab.draws(1);
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.002, 0.005), 0.0, steps));
    let losses = lab.fit("writing spans", steps, &mut Adam::new(&params), rate, |_| {
        let (_, pairs) = corrupted(lab, &mut draws, size)?;
        Ok(cross_entropy(&logits(&pairs, Mode::Train), &targets(&pairs.said)?))
    })?;
    let (texts, pairs) = corrupted(lab, &mut lab.draws(2), lab.pick(2000, 500))?;
    let count: usize = texts.iter().map(|text| text.target().len()).sum();
    let exact = -texts.iter().map(Corrupted::log_probability).sum::<f64>() / count as f64;
    let found = f64::from(cross_entropy(&logits(&pairs, Mode::Eval), &pairs.said).item()?);
    lab.figure("nats a token, exact", exact);
    lab.expect("nats a token that the network loses", found - exact, -0.02..0.1);
    let mut scores = Vec::new();
    for (name, from) in [("pretrained", Some(&params)), ("from scratch", None)] {
        scores.push(tuned(lab, name, from)?);
    }
    lab.expect("pretrained: words with labels", scores[0][0], 0.8..=1.0);
    lab.expect("pretrained: words without labels", scores[0][1], 0.8..=1.0);
    lab.figure("from scratch: words with labels", scores[1][0]);
    // A guess is right once in six times.
    lab.expect("from scratch: words without labels", scores[1][1], ..0.35);

    let means = losses.chunks(steps / 50).map(|losses| losses.iter().sum::<f64>() / losses.len() as f64);
    let curve =
        plot::Series::new("network", means.enumerate().map(|(i, loss)| ((i * steps / 50) as f64, loss)));
    let floor = plot::Series::new("exact", [(0.0, exact), (steps as f64, exact)]).exact();
    let learning = plot::Panel::new("Writing hidden spans", "step", "nats a token").with(curve).with(floor);
    let mut bars = plot::Panel::new("Topics written after 48 examples", "", "accuracy")
        .x_names(["labelled words", "others"])
        .y_range(0.0, 1.05);
    for (i, name) in ["pretrained", "from scratch"].into_iter().enumerate() {
        bars = bars.layer(plot::Bars::new(name, scores[i]).group(i, 2));
    }
    let title = "Text to text: spans in place of sentinels, then topics";
    lab.picture("span_corruption", |path| plot::Figure::new(title).panel(learning).panel(bars).save(path))
}
