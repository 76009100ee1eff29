//! Pretraining of an encoder and decoder by span corruption (Raffel et al. 2020, "T5"): spans of a sentence are replaced by marks, and the
//! decoder writes what was there. Every task is then text to text, its name before the sentence. Fine-tuned on a few sentences, the
//! pretrained network does what one trained on these alone cannot: `cargo run --release -p wgrad-atlas -- span_corruption`.

use atlas::prelude::*;
use methods::rl::update_target;
use wgrad::models::{TransformerOptions, Translator, TranslatorOptions};

use super::made_language::{LONGEST, Language, batch, sentence};

pub const STUDY: Study = Study {
    name: "span_corruption",
    about: "A network that has filled in hidden spans (T5) learns tasks on text from a few examples.",
    on_gpu: false,
    data: None,
    run,
};

/// What takes the place of a span, and stands before what was there.
const MARKS: [&str; 2] = ["<x>", "<y>"];
const TASK: &str = "exchange:";

/// The sentence with two spans of one or two words replaced by marks, and the spans, each after its mark.
fn corrupted(text: &str, draws: &mut Draws) -> [String; 2] {
    let words: Vec<&str> = text.split(' ').collect();
    // The first span is in the first half.
    let half = words.len() / 2;
    let first = draws.below(half as u32 - 1) as usize;
    let second = half + draws.below((words.len() - half) as u32 - 1) as usize;
    let lengths = [0; 2].map(|_| 1 + draws.below(2) as usize);
    let (mut left, mut hidden) = (vec![], vec![]);
    let mut at = 0;
    for (span, (start, length)) in [first, second].into_iter().zip(lengths).enumerate() {
        let end = (start + length).min(words.len());
        left.extend_from_slice(&words[at..start]);
        left.push(MARKS[span]);
        hidden.push(MARKS[span]);
        hidden.extend_from_slice(&words[start..end]);
        at = end;
    }
    left.extend_from_slice(&words[at..]);
    [left.join(" "), hidden.join(" ")]
}

/// Subject and object exchanged: "a sees b" becomes "b sees a".
fn exchanged(text: &str, verb: usize) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    [&words[verb + 1..], &words[verb..=verb], &words[..verb]].concat().join(" ")
}

/// A task's name with a sentence, and the answer.
fn task(draws: &mut Draws) -> [String; 2] {
    let [text, ..] = sentence(draws);
    let words: Vec<&str> = text.split(' ').collect();
    // Articles begin the subject and the object; the verb is before the second.
    let verb = words.iter().rposition(|word| matches!(*word, "the" | "a")).expect("an article") - 1;
    [format!("{TASK} {text}"), exchanged(&text, verb)]
}

fn translator(lab: &Lab, params: &Params, language: &Language) -> Translator {
    let width = lab.pick(64, 40);
    let layers = TransformerOptions { dim_feedforward: 2 * width, dropout: 0.0, ..TransformerOptions::default() };
    let vocab = language.vocabulary.words().len();
    let sizes = TranslatorOptions {
        source_vocab: vocab,
        target_vocab: vocab,
        longest: LONGEST,
        width,
        heads: 4,
        depth: 1,
        layers,
    };
    Translator::new(params, sizes)
}

fn learn(
    lab: &Lab,
    what: &str,
    (params, net, language): (&Params, &Translator, &Language),
    (steps, rate): (usize, f32),
    mut example: impl FnMut() -> [String; 2],
) -> Result<f64> {
    let schedule = Warmup::new(0.05, steps / 10, Cosine::new(rate, 0.0, steps));
    let losses = lab.fit(what, steps, &mut Adam::new(params), schedule, |_| {
        let pairs: Vec<[String; 2]> = (0..32).map(|_| example()).collect();
        let (source, given, said) = batch(lab.device(), [language; 2], &pairs)?;
        let logits = net.forward(&source.values, &given, Some(&source.padding), Mode::Train);
        let options = CrossEntropy { ignore_index: language.pad, ..CrossEntropy::default() };
        Ok(logits.flatten(0, 1).cross_entropy_with(&targets(&said)?.flatten(0, 1), options))
    })?;
    let last = &losses[steps - steps / 10..];
    Ok(last.iter().sum::<f64>() / last.len() as f64)
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(1);
    let texts: Vec<String> = (0..2000).map(|_| sentence(&mut draws)[0].clone()).collect();
    let special = [&MARKS[..], &[TASK]].concat();
    let language = Language::new(&texts.iter().map(String::as_str).collect::<Vec<_>>(), &special)?;

    let pretrained = lab.params();
    let net = translator(lab, &pretrained, &language);
    let steps = lab.pick(2500, 450);
    let nats = learn(lab, "span corruption", (&pretrained, &net, &language), (steps, lab.pick(0.002, 0.005)), || {
        corrupted(&sentence(&mut draws)[0], &mut draws)
    })?;
    lab.figure("nats a token of hidden spans", nats);

    let mut draws = lab.draws(2);
    let test: Vec<[String; 2]> = (0..lab.pick(300, 100)).map(|_| task(&mut draws)).collect();
    let tuning = lab.pick(300, 100);
    let mut curves: Vec<(&str, Vec<(f64, f64)>)> = vec![("pretrained", vec![]), ("from scratch", vec![])];
    let counts = [20, 60, 200];
    for count in counts {
        let few: Vec<[String; 2]> = std::iter::repeat_with(|| task(&mut draws)).take(count).collect();
        for (name, curve) in &mut curves {
            let params = lab.params();
            let net = translator(lab, &params, &language);
            if *name == "pretrained" {
                update_target(&params, &pretrained, 1.0)?;
            }
            let mut draws = lab.draws(3);
            learn(lab, name, (&params, &net, &language), (tuning, 0.003), || draws.pick(&few).clone())?;
            curve.push((count as f64, right(&net, &language, lab.device(), &test)?));
        }
    }
    for (name, curve) in &curves {
        curve.iter().for_each(|(count, share)| lab.figure(format!("{count} sentences, {name}"), *share));
    }
    let [with, without] = [0, 1].map(|i| curves[i].1[1].1);
    lab.expect("60 sentences: right answers of the pretrained network", with, lab.pick(0.8, 0.5)..=1.0);
    lab.expect("60 sentences: what pretraining adds", with - without, lab.pick(0.3, 0.3)..);
    let panel = plot::Panel::new("Subject and object exchanged", "sentences to learn from", "right answers")
        .log_x()
        .y_range(0.0, 1.05);
    let panel = curves.into_iter().fold(panel, |panel, (name, curve)| panel.with(plot::Series::new(name, curve).exact()));
    lab.picture("span_corruption", |path| plot::Figure::new("Pretraining by span corruption").panel(panel).save(path))
}

/// The share of answers without a mistake.
fn right(net: &Translator, language: &Language, device: &Device, test: &[[String; 2]]) -> Result<f64> {
    let source = batch(device, [language; 2], test)?.0;
    let found = net.greedy(&source.values, Some(&source.padding), language.begin, LONGEST).to_vec::<i32>()?;
    let right = found.chunks(LONGEST).zip(test).filter(|(tokens, [_, answer])| language.text(tokens) == *answer).count();
    Ok(right as f64 / test.len() as f64)
}
