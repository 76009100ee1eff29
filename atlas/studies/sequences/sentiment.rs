//! Sentiment with negation. "the plot was good and the cast was not bad" and "the plot was not good and the cast was bad" have the same
//! words, so a bag of words cannot tell which is praise; an LSTM reads them in order. Sentences have different lengths and are padded,
//! which must not change the predictions: `cargo run --release -p wgrad-atlas -- sentiment`.

use std::sync::Arc;

use atlas::prelude::*;
use wgrad::data::{BatchOptions, Batches, Padded, Sequences, Source, Targets, Vocabulary};

pub const STUDY: Study = Study {
    name: "sentiment",
    about: "An LSTM on padded sentences understands negation, which a bag of words cannot.",
    on_gpu: true,
    data: None,
    run,
};

const THINGS: [&str; 6] = ["plot", "cast", "music", "ending", "script", "camera"];
const GOOD: [&str; 4] = ["good", "lovely", "clever", "moving"];
const BAD: [&str; 4] = ["bad", "dull", "silly", "weak"];
const FILL: [&str; 4] = ["really", "on the whole", "to be honest", "for me"];

/// One thing is called good and another bad, and one of the two adjectives is negated: praise (1) if it is the bad one.
fn sentence(draws: &mut Draws) -> (String, u32) {
    let good_first = draws.happens(0.5);
    let praise = draws.below(2);
    let clause = |good: bool, draws: &mut Draws| {
        let thing = *draws.pick(&THINGS);
        let quality = if good { *draws.pick(&GOOD) } else { *draws.pick(&BAD) };
        let denied = if good == (praise == 0) { "not " } else { "" };
        format!("the {thing} was {denied}{quality}")
    };
    let (first, second) = (clause(good_first, draws), clause(!good_first, draws));
    let mut fill = || if draws.happens(0.5) { *draws.pick(&FILL) } else { "" };
    (format!("{} {first} and {} {second} {}", fill(), fill(), fill()), praise)
}

/// Sentences as tokens, and their labels.
fn corpus(vocabulary: &Vocabulary, draws: &mut Draws, count: usize) -> (Vec<Vec<i32>>, Vec<u32>) {
    (0..count).map(|_| sentence(draws)).map(|(text, praise)| (vocabulary.encode(&text), praise)).unzip()
}

/// Logits `[N, 2]` of sentences `[N, T]`.
enum Network {
    Lstm(Embedding, Lstm, Linear),
    Bag(Embedding, Linear),
}

impl Network {
    fn forward(&self, sentences: &data::DevicePadded) -> Tensor {
        match self {
            Network::Lstm(words, lstm, out) => {
                let words = words.forward(&sentences.values);
                let (_, (state, _)) = lstm.forward_lengths(&words, &sentences.lengths, None);
                out.forward(&state.select(0, 0))
            }
            Network::Bag(words, out) => {
                let inside = sentences.mask.unsqueeze(2);
                let mean =
                    (words.forward(&sentences.values) * &inside).sum(&[1], false) / inside.sum(&[1], false);
                out.forward(&mean)
            }
        }
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(1);
    let text: Vec<String> = (0..500).map(|_| sentence(&mut draws).0).collect();
    let vocabulary = Vocabulary::learn(&text.join(" "), 1, &["<pad>"])?;
    let pad = vocabulary.token("<pad>").context("padding")?;
    let words = vocabulary.words().len();

    let (sentences, labels) = corpus(&vocabulary, &mut draws, lab.pick(4000, 1000));
    let train = Sequences::new(sentences, Targets::Classes(labels), pad)?.multiple_of(8)?;
    let batches = Batches::new(Arc::new(train), BatchOptions { bucket: 50, ..BatchOptions::train(32) })?;
    let (tested, labels) = corpus(&vocabulary, &mut lab.draws(2), lab.pick(1000, 300));
    let test = Padded::new(&tested, pad, 1).to_device(lab.device())?;
    let truth = Targets::Classes(labels).to_device(lab.device())?;

    let (epochs, hidden) = lab.pick((4, 32), (4, 24));
    let params = lab.params();
    let table = Embedding::new(&params.path("words"), words, 16);
    let rnn = RnnOptions { batch_first: true, ..RnnOptions::default() };
    let lstm = Lstm::new(&params.path("lstm"), 16, hidden, rnn);
    let reader = Network::Lstm(table, lstm, Linear::new(&params.path("out"), hidden, 2));
    let bagged = lab.params();
    let bag = Network::Bag(
        Embedding::new(&bagged.path("words"), words, 16),
        Linear::new(&bagged.path("out"), 16, 2),
    );
    let mut accuracies = vec![];
    for (name, net, params) in [("LSTM", &reader, &params), ("bag of words", &bag, &bagged)] {
        let steps = epochs * batches.steps();
        let mut next = (0..epochs).flat_map(|epoch| batches.batches(epoch, 0));
        lab.fit(name, steps, &mut Adam::new(params), Cosine::new(0.01, 0.0, steps), |_| {
            let batch = next.next().context("a batch")?;
            let sentences = batch.sequences.to_device(lab.device())?;
            Ok(net.forward(&sentences).cross_entropy(&targets(&batch.targets.to_device(lab.device())?)?))
        })?;
        let right = net.forward(&test).argmax(-1, false).eq(&truth).to(DType::F32).mean_all().item()?;
        accuracies.push(f64::from(right));
    }
    lab.expect("accuracy of the LSTM", accuracies[0], 0.97..);
    lab.expect("accuracy of the bag of words", accuracies[1], 0.35..0.65);

    // More padding, with another token.
    let longer = Padded::new(&tested, pad + 3, test.values.shape()[1] + 9).to_device(lab.device())?;
    let moved = (reader.forward(&longer) - reader.forward(&test)).abs().amax(&[0, 1], false).item()?;
    lab.expect_same("logits moved by padding", moved, ..1e-5, 1e-5);
    picture(lab, &vocabulary, &reader)
}

/// The prediction after every word.
fn picture(lab: &mut Lab, vocabulary: &Vocabulary, net: &Network) -> Result<()> {
    let mut figure = plot::Figure::new("The same words in another order");
    for text in ["the plot was good and the cast was not bad", "the plot was not good and the cast was bad"] {
        let tokens = vocabulary.encode(text);
        let parts: Vec<&[i32]> = (1..=tokens.len()).map(|words| &tokens[..words]).collect();
        let logits = net.forward(&Padded::new(&parts, 0, 1).to_device(lab.device())?);
        let praise = logits.softmax(-1).select(1, 1).to_vec::<f32>()?;
        let points = praise.iter().enumerate().map(|(i, &p)| (i as f64, f64::from(p)));
        let panel =
            plot::Panel::new("", "", "probability of praise").with(plot::Series::new("so far", points));
        figure = figure.panel(panel.x_names(text.split(' ')).y_range(0.0, 1.0));
    }
    lab.picture("sentiment", |path| figure.columns(1).save(path))
}
