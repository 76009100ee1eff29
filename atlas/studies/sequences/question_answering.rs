//! Extractive question answering (Devlin et al. 2019, section 4.2): the answer is a span of the text, and two vectors score every token as its
//! beginning and as its end. The text is made of facts about people, so that the answer is known; no fact of the test is one of the training:
//! `cargo run --release -p wgrad-atlas -- question_answering`.

use atlas::prelude::*;
use wgrad::models::{Bert, BertOptions};

pub const STUDY: Study = Study {
    name: "question_answering",
    about: "A transformer marks the span of a text that answers a question.",
    on_gpu: false,
    data: None,
    run,
};

const NAMES: [&str; 8] = ["anna", "bob", "clara", "david", "emma", "felix", "greta", "hugo"];
const ADJECTIVES: [&str; 6] = ["red", "blue", "small", "old", "new", "wooden"];
const THINGS: [&str; 8] = ["ball", "hat", "book", "chair", "lamp", "cup", "boat", "key"];
const OTHERS: [&str; 8] = ["<start>", "<pad>", "<then>", "has", "the", ".", "who", "what"];
/// Tokens of a question with its text, padded.
const LENGTH: usize = 28;
const FACTS: usize = 3;

fn token(word: &str) -> i32 {
    let all = OTHERS.iter().chain(&NAMES).chain(&ADJECTIVES).chain(&THINGS);
    all.clone().position(|&known| known == word).expect("a known word") as i32
}

/// A question with a text, and the first and last token of the answer.
struct Asked {
    words: Vec<&'static str>,
    /// The first token of the text, after the question.
    text: usize,
    answer: [usize; 2],
}

/// "anna has the red ball . bob has the lamp .": who has a thing, or what a person has. A person owns a thing in
/// the test if the sum of their numbers is a multiple of 3, in training otherwise, so that no pair of the test is one of the training.
fn asked(test: bool, draws: &mut Draws) -> Asked {
    let (mut names, mut things): (Vec<usize>, Vec<usize>) = ((0..NAMES.len()).collect(), (0..THINGS.len()).collect());
    loop {
        draws.shuffle(&mut names);
        draws.shuffle(&mut things);
        if (0..FACTS).all(|fact| ((names[fact] + things[fact]) % 3 == 0) == test) {
            break;
        }
    }
    let (mut text, mut owners, mut owned) = (vec![], vec![], vec![]);
    for fact in 0..FACTS {
        owners.push([text.len(), text.len()]);
        text.extend([NAMES[names[fact]], "has"]);
        let start = text.len();
        text.push("the");
        if draws.happens(0.6) {
            text.push(*draws.pick(&ADJECTIVES));
        }
        text.push(THINGS[things[fact]]);
        owned.push([start, text.len() - 1]);
        text.push(".");
    }
    let fact = draws.below(FACTS as u32) as usize;
    let (question, [first, last]) = if draws.happens(0.5) {
        (vec!["<start>", "who", "has", "the", THINGS[things[fact]], "<then>"], owners[fact])
    } else {
        (vec!["<start>", "what", "has", NAMES[names[fact]], "<then>"], owned[fact])
    };
    let before = question.len();
    Asked { words: [question, text].concat(), text: before, answer: [before + first, before + last] }
}

/// Tokens, segments and padding `[N, LENGTH]`, and the answers' first and last tokens `[N]`.
fn batch(device: &Device, asked: &[Asked]) -> Result<[Tensor; 5]> {
    let shape = [asked.len(), LENGTH];
    let each = |of: &dyn Fn(&Asked, usize) -> i32| -> Result<Tensor> {
        let values: Vec<i32> = asked.iter().flat_map(|asked| (0..LENGTH).map(move |t| of(asked, t))).collect();
        Ok(Tensor::from_slice(device, &values, &shape)?)
    };
    let ends = |i: usize| -> Result<Tensor> {
        let ends: Vec<i32> = asked.iter().map(|asked| asked.answer[i] as i32).collect();
        targets(&Tensor::from_slice(device, &ends, &[asked.len()])?)
    };
    Ok([
        each(&|asked, t| token(asked.words.get(t).unwrap_or(&"<pad>")))?,
        each(&|asked, t| i32::from(t >= asked.text))?,
        each(&|asked, t| i32::from(t >= asked.words.len()))?.gt(0.0),
        ends(0)?,
        ends(1)?,
    ])
}

struct Net {
    bert: Bert,
    ends: Linear,
}

impl Net {
    /// Scores of all tokens as the first and as the last one of the answer, two of `[N, LENGTH]`.
    fn scores(&self, tokens: &Tensor, segments: &Tensor, padding: &Tensor, mode: Mode) -> [Tensor; 2] {
        let scores = self.ends.forward(&self.bert.encode(tokens, Some(segments), Some(padding), mode));
        [0, 1].map(|end| scores.select(2, end).masked_fill(padding, -1e9))
    }
}

/// The best span of at most four tokens within the text.
fn best_span(first: &[f32], last: &[f32], text: usize) -> [usize; 2] {
    let spans = (text..LENGTH).flat_map(|a| (a..LENGTH.min(a + 4)).map(move |b| [a, b]));
    spans.max_by(|[a, b], [c, d]| (first[*a] + last[*b]).total_cmp(&(first[*c] + last[*d]))).expect("a text")
}

fn run(lab: &mut Lab) -> Result<()> {
    let params = lab.params();
    let vocab = OTHERS.len() + NAMES.len() + ADJECTIVES.len() + THINGS.len();
    let width = lab.pick(64, 48);
    let options = BertOptions { vocab, context: LENGTH, width, heads: 4, depth: 2, dropout: 0.0 };
    let net = Net { bert: Bert::new(&params, options), ends: Linear::new(&params.path("ends"), width, 2) };
    // Without the head of the language model; scaled to the width, as the paper's 0.02 is for 768.
    params.freeze("head.*");
    let wide = Init::Normal { mean: 0.0, std: 0.02 * (768.0 / width as f32).sqrt() };
    for matrices in ["*_emb.weight", "encoder*proj*weight", "encoder*linear*.weight"] {
        params.redraw(matrices, wide);
    }
    let (steps, size, mut draws) = (lab.pick(2000, 400), lab.pick(32, 24), lab.draws(1));
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.002, 0.004), 0.0, steps));
    let losses = lab.fit("answering", steps, &mut AdamW::new(&params), rate, |_| {
        let asked: Vec<Asked> = (0..size).map(|_| asked(false, &mut draws)).collect();
        let [tokens, segments, padding, first, last] = batch(lab.device(), &asked)?;
        let [a, b] = net.scores(&tokens, &segments, &padding, Mode::Train);
        Ok((a.cross_entropy(&first) + b.cross_entropy(&last)) * 0.5)
    })?;
    lab.figure("cross-entropy at the end", losses[steps - 1]);

    let mut draws = lab.draws(2);
    let tests: Vec<Asked> = (0..lab.pick(500, 200)).map(|_| asked(true, &mut draws)).collect();
    let [tokens, segments, padding, ..] = batch(lab.device(), &tests)?;
    let [first, last] = net.scores(&tokens, &segments, &padding, Mode::Eval);
    let (first, last) = (first.to_vec::<f32>()?, last.to_vec::<f32>()?);
    let row = |of: &'_ [f32], i: usize| of[i * LENGTH..][..LENGTH].to_vec();
    let found: Vec<[usize; 2]> =
        tests.iter().enumerate().map(|(i, asked)| best_span(&row(&first, i), &row(&last, i), asked.text)).collect();
    let share = |right: &dyn Fn(usize) -> bool| (0..tests.len()).filter(|&i| right(i)).count() as f64 / tests.len() as f64;
    let exact = share(&|i| found[i] == tests[i].answer);
    lab.expect("exact answers", exact, lab.pick(0.95, 0.8)..=1.0);
    let asked = &tests[0];
    let (a, b) = (softmax(&row(&first, 0)), softmax(&row(&last, 0)));
    let count = asked.words.len();
    let along = |of: &[f64], shift: f64| of[..count].iter().enumerate().map(move |(t, &p)| (t as f64 + shift, p)).collect::<Vec<_>>();
    let panel = plot::Panel::new(asked.words[..asked.text].join(" "), "", "probability")
        .layer(plot::Points::new("first token of the answer", along(&a, -0.1)).radius(5.0))
        .layer(plot::Points::new("last token of the answer", along(&b, 0.1)).radius(5.0))
        .x_names(asked.words[..count].iter().copied())
        .y_range(0.0, 1.05);
    lab.picture("question_answering", |path| plot::Figure::new("A question about a text").panel(panel).save(path))
}

fn softmax(scores: &[f32]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = scores.iter().map(|&score| f64::from(score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
