//! Pretraining and fine-tuning (Devlin et al. 2019, "BERT"): a network that has filled in masked words of texts without labels is tuned to a task
//! from a few sentences. Words that these do not contain it knows from its pretraining: which of them are good, and which bad, follows from
//! the words that they are joined to by "and" and by "but": `cargo run --release -p wgrad-atlas -- bert_tuning`.

use atlas::prelude::*;
use methods::rl::update_target;
use wgrad::data::MaskTokens;
use wgrad::models::{Bert, BertOptions};

pub const STUDY: Study = Study {
    name: "bert_tuning",
    about: "A pretrained BERT judges sentences by words that no labelled sentence contains.",
    on_gpu: false,
    data: None,
    run,
};

/// Good words, and as many bad ones.
const WORDS: usize = 12;
/// Good and bad words in labelled sentences.
const LABELLED: usize = 3;
const SUBJECTS: usize = 6;
/// Tokens: first of all a sentence's first token, the mask, "and", "but", the good words, the bad ones, and subjects.
const START: i32 = 0;
const MASK: i32 = 1;
const AND: i32 = 2;
const BUT: i32 = 3;
const GOOD: usize = 4;
const BAD: usize = GOOD + WORDS;
const FIRST_SUBJECT: usize = BAD + WORDS;
const VOCABULARY: usize = FIRST_SUBJECT + SUBJECTS;
/// Tokens of a sentence.
const LENGTH: usize = 5;

/// "START subject word and word" or ".. but ..", with words of a range; and whether the first word is good.
fn sentence(words: std::ops::Range<usize>, draws: &mut Draws) -> ([i32; LENGTH], bool) {
    let (good, same) = (draws.happens(0.5), draws.happens(0.5));
    let mut word = |good: bool| {
        let from = if good { GOOD } else { BAD };
        (from + words.start + draws.below(words.len() as u32) as usize) as i32
    };
    let both = [word(good), word(good == same)];
    let subject = (FIRST_SUBJECT + draws.below(SUBJECTS as u32) as usize) as i32;
    ([START, subject, both[0], if same { AND } else { BUT }, both[1]], good)
}

fn options(lab: &Lab) -> BertOptions {
    let width = lab.pick(48, 32);
    BertOptions { vocab: VOCABULARY, context: LENGTH, width, heads: 4, depth: lab.pick(2, 1), dropout: 0.0 }
}

/// Scaled to the width: the paper's 0.02 is for 768.
fn redraw(params: &Params, width: usize) {
    let wide = Init::Normal { mean: 0.0, std: 0.02 * (768.0 / width as f32).sqrt() };
    for matrices in ["*_emb.weight", "*proj*weight", "*linear*.weight"] {
        params.redraw(matrices, wide);
    }
}

fn pretrained(lab: &Lab) -> Result<Params> {
    let params = lab.params();
    let net = Bert::new(&params, options(lab));
    redraw(&params, options(lab).width);
    let mask = MaskTokens { mask: MASK, vocabulary: VOCABULARY as u32, special: vec![START], p: 0.2 };
    let (steps, size, mut draws) = (lab.pick(2000, 700), 64, lab.draws(1));
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.003, 0.006), 0.0, steps));
    lab.fit("filling in", steps, &mut AdamW::new(&params), rate, |_| {
        let tokens: Vec<i32> = (0..size).flat_map(|_| sentence(0..WORDS, &mut draws).0).collect();
        let (inputs, asked) = mask.apply(&tokens, &mut draws);
        let inputs = Tensor::from_slice(lab.device(), &inputs, &[size, LENGTH])?;
        let asked = Tensor::from_slice(lab.device(), &asked, &[size * LENGTH])?;
        Ok(net.forward(&inputs, None, None, Mode::Train).flatten(0, 1).cross_entropy(&asked))
    })?;
    Ok(params)
}

/// A classifier, tuned to labelled sentences `[N, LENGTH]`; its encoder begins as that of another network, if there is one.
fn tuned(lab: &Lab, what: &str, start: Option<&Params>, [tokens, labels]: [&Tensor; 2]) -> Result<Bert> {
    let params = lab.params();
    let net = Bert::classifier(&params, options(lab), 2);
    redraw(&params, options(lab).width);
    if let Some(start) = start {
        for part in ["tok_emb", "pos_emb", "seg_emb", "norm", "encoder"] {
            update_target(&params.path(part), &start.path(part), 1.0)?;
        }
    }
    let steps = 80;
    lab.fit(what, steps, &mut AdamW::new(&params), Cosine::new(0.002, 0.0, steps), |_| {
        Ok(net.forward(tokens, None, None, Mode::Train).cross_entropy(labels))
    })?;
    Ok(net)
}

/// Tokens `[N, LENGTH]` and labels `[N]`.
fn examples(lab: &Lab, count: usize, words: std::ops::Range<usize>, draws: &mut Draws) -> Result<[Tensor; 2]> {
    let sentences: Vec<_> = (0..count).map(|_| sentence(words.clone(), draws)).collect();
    let tokens: Vec<i32> = sentences.iter().flat_map(|sentence| sentence.0).collect();
    let labels: Vec<i32> = sentences.iter().map(|sentence| i32::from(sentence.1)).collect();
    Ok([
        Tensor::from_slice(lab.device(), &tokens, &[count, LENGTH])?,
        Tensor::from_slice(lab.device(), &labels, &[count])?,
    ])
}

fn run(lab: &mut Lab) -> Result<()> {
    let start = pretrained(lab)?;
    let mut draws = lab.draws(2);
    let [tokens, labels] = examples(lab, 40, 0..LABELLED, &mut draws)?;
    let labels = targets(&labels)?;
    // Sentences of words that are labelled, and of words that are not.
    let tests = [examples(lab, 300, 0..LABELLED, &mut draws)?, examples(lab, 300, LABELLED..WORDS, &mut draws)?];
    let mut scores = vec![];
    for (name, start) in [("pretrained", Some(&start)), ("from scratch", None)] {
        let net = tuned(lab, name, start, [&tokens, &labels])?;
        let share = |[tokens, labels]: &[Tensor; 2]| -> Result<f64> {
            let found = net.forward(tokens, None, None, Mode::Eval).argmax(1, false);
            Ok(found.eq(labels).to(DType::F32).mean_all().item()?.into())
        };
        scores.push([share(&tests[0])?, share(&tests[1])?]);
    }
    lab.figure("labelled words, pretrained", scores[0][0]);
    lab.expect("labelled words, from scratch", scores[1][0], 0.8..=1.0);
    lab.expect("words without labels, pretrained", scores[0][1], 0.85..=1.0);
    lab.expect("words without labels, from scratch", scores[1][1], 0.25..0.75);

    // The words in the plane of the two directions in which their embeddings vary most.
    let table = start.get("tok_emb.weight").context("the words' embeddings")?.value().narrow(0, GOOD, 2 * WORDS);
    let centred = &table - table.mean(&[0], true);
    let (_, _, directions) = linalg::svd(&centred)?;
    let places = atlas::pairs(&centred.matmul(&directions.narrow(0, 0, 2).t()))?;
    let mut plane = plot::Panel::new("Embeddings after pretraining", "first direction", "second direction");
    for (name, from) in [("good", 0), ("bad", WORDS)] {
        let (known, other) = places[from..from + WORDS].split_at(LABELLED);
        plane = plane.layer(plot::Points::new(format!("{name}, labelled"), known.iter().copied()).radius(6.0));
        plane = plane.layer(plot::Points::new(name, other.iter().copied()));
    }
    let bars = |name: &str, i: usize| plot::Bars::new(name, scores[i]).group(i, 2);
    let panel = plot::Panel::new("Judgements after 40 labelled sentences", "", "share right")
        .layer(bars("pretrained", 0))
        .layer(bars("from scratch", 1))
        .x_names(["labelled words", "other words"])
        .y_range(0.0, 1.05);
    lab.picture("bert_tuning", |path| {
        plot::Figure::new("What masked words teach").panel(plane).panel(panel).save(path)
    })
}
