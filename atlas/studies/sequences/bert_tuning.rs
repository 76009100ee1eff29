//! Fine-tuning (Devlin et al. 2019, "BERT"): a network that fills in masked words of text without labels then learns a task from few labels. The
//! task is to name the topic of a sentence. Only a third of the words ever has labels, and only the words around them show what the
//! others are about, so that a network without pretraining can but guess: `cargo run --release -p wgrad-atlas -- bert_tuning`. With
//! a play for `--data`, the task is to name who says an excerpt.

use std::path::Path;

use atlas::prelude::*;
use wgrad::models::Bert;

use super::hidden_topics::{self as language, TOPICS, WORDS};
use super::pretraining::{Labelled, Language};
use super::speeches::{SPEAKERS, Speeches};

pub const STUDY: Study = Study {
    name: "bert_tuning",
    about: "A BERT that has filled in words learns a task from few labels, also for words that never had one.",
    on_gpu: false,
    data: Some("a play: lines \"NAME:\", what is said, and an empty line"),
    run,
};

const LENGTH: usize = 9;

fn run(lab: &mut Lab) -> Result<()> {
    match lab.data() {
        Some(path) => speakers(lab, &path.to_owned()),
        None => topics(lab),
    }
}

/// Cross-entropies of masked words: of the network, and of exact inference.
fn filled_in(lab: &Lab, language: &Language, net: &Bert) -> Result<[f64; 2]> {
    let mut draws = lab.draws(2);
    let (inputs, asked): (Vec<_>, Vec<_>) = (0..lab.pick(2000, 600))
        .map(|_| {
            let sentence = (language.sentence)(&mut draws);
            language.hide(sentence, &mut draws)
        })
        .unzip();
    let found = language.filled_in(lab.device(), net, &inputs)?;
    let (mut sums, mut count) = ([0.0; 2], 0.0);
    for (i, (inputs, asked)) in inputs.iter().zip(&asked).enumerate() {
        let seen = || inputs.iter().copied().filter(|&input| input != language.mask());
        for (t, &word) in asked.iter().enumerate().filter(|(_, word)| **word >= 0) {
            sums[0] -= f64::from(found[(i * LENGTH + t) * WORDS + word as usize]);
            sums[1] -= language::probability(&[word], seen()).ln();
            count += 1.0;
        }
    }
    Ok(sums.map(|sum| sum / count))
}

/// Sentences of words with labels, or of the others.
fn labelled(
    lab: &Lab,
    language: &Language,
    stream: u32,
    count: usize,
    allowed: fn(i32) -> bool,
) -> Result<Labelled> {
    let mut draws = lab.draws(stream);
    language.labelled(lab.device(), (0..count).map(|_| language::sentence(&mut draws, LENGTH, allowed)))
}

fn topics(lab: &mut Lab) -> Result<()> {
    let language = Language {
        words: WORDS,
        length: LENGTH,
        sentence: &|draws| language::sentence(draws, LENGTH, |_| true).1,
        width: lab.pick(48, 32),
        depth: lab.pick(2, 1),
        dropout: 0.0,
        filling_in: lab.pick((1000, 96, 0.003), (300, 64, 0.005)),
        tuning: lab.pick(150, 60),
    };
    let (params, net) = language.pretrained(lab)?;
    let [found, least] = filled_in(lab, &language, &net)?;
    lab.figure("cross-entropy of masked words, exact", least);
    lab.expect("nats that the network loses", found - least, -0.02..0.15);

    let tests = lab.pick(1000, 300);
    let train = labelled(lab, &language, 4, 48, language::labelled)?;
    let known = labelled(lab, &language, 5, tests, language::labelled)?;
    let new = labelled(lab, &language, 6, tests, |word| !language::labelled(word))?;
    let mut scores = Vec::new();
    for (name, from) in [("pretrained", Some(&params)), ("from scratch", None)] {
        let net = language.tuned(lab, name, from, TOPICS, &train)?;
        scores.push([known.accuracy(&net)?, new.accuracy(&net)?]);
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

/// Fills in words of a play, and names who of its eight main speakers says an excerpt, from few excerpts with the name.
fn speakers(lab: &mut Lab, play: &Path) -> Result<()> {
    let length = 32;
    let speeches = Speeches::read(play, length)?;
    let text = &speeches.unlabelled;
    let language = Language {
        words: speeches.vocab,
        length,
        sentence: &|draws| text[draws.below((text.len() - length) as u32) as usize..][..length].to_vec(),
        width: 96,
        depth: 2,
        dropout: 0.1,
        filling_in: lab.pick((800, 32, 0.002), (60, 32, 0.002)),
        tuning: lab.pick(120, 60),
    };
    let (params, net) = language.pretrained(lab)?;
    let excerpts =
        || (0i32..).zip(&speeches.test).flat_map(|(speaker, all)| all.iter().map(move |one| (speaker, one)));
    let mut draws = lab.draws(2);
    let (inputs, asked): (Vec<_>, Vec<_>) =
        excerpts().map(|(_, words)| language.hide(words.clone(), &mut draws)).unzip();
    let found = language.filled_in(lab.device(), &net, &inputs)?;
    let mut frequencies = vec![1.0; language.words];
    text.iter().for_each(|&word| frequencies[word as usize] += 1.0);
    let (mut sums, mut count) = ([0.0; 2], 0.0);
    for (i, &word) in asked.concat().iter().enumerate().filter(|(_, word)| **word >= 0) {
        sums[0] -= f64::from(found[i * language.words + word as usize]);
        sums[1] -= (frequencies[word as usize] / (text.len() + language.words) as f64).ln();
        count += 1.0;
    }
    lab.figure("excerpts for testing", inputs.len() as f64);
    lab.figure("cross-entropy of masked words", sums[0] / count);
    lab.figure("cross-entropy of masked words, by frequencies", sums[1] / count);

    let test =
        language.labelled(lab.device(), excerpts().map(|(speaker, words)| (speaker, words.clone())))?;
    let mut panel =
        plot::Panel::new(format!("Who of {SPEAKERS} speakers says it"), "excerpts of each", "accuracy")
            .log_x();
    let mut curves = [("pretrained", Some(&params), vec![]), ("from scratch", None, vec![])];
    let repeats = lab.pick(3, 1);
    for few in [8, 32] {
        for repeat in 0..repeats {
            let mut draws = lab.draws(10 + repeat);
            let mut train = Vec::new();
            for (speaker, all) in (0i32..).zip(&speeches.train) {
                let mut all: Vec<&Vec<i32>> = all.iter().collect();
                draws.shuffle(&mut all);
                train.extend(all.into_iter().take(few).map(|words| (speaker, words.clone())));
            }
            let train = language.labelled(lab.device(), train)?;
            for (name, from, points) in &mut curves {
                let net = language.tuned(lab, name, *from, SPEAKERS, &train)?;
                points.push((few as f64, test.accuracy(&net)?));
            }
        }
    }
    for (name, _, points) in curves {
        let mut mean = Vec::new();
        for of in points.chunks(repeats as usize) {
            mean.push((of[0].0, of.iter().map(|point| point.1).sum::<f64>() / of.len() as f64));
            lab.figure(format!("{name}: accuracy from {} excerpts of each", of[0].0), mean[mean.len() - 1].1);
        }
        panel = panel.with(plot::Series::new(name, mean)).layer(plot::Points::new("", points));
    }
    lab.figure("accuracy by chance", 1.0 / SPEAKERS as f64);
    lab.say(format!("speakers: {}", speeches.speakers.join(", ")));
    lab.picture("bert_speakers", |path| {
        plot::Figure::new("Fine-tuning of BERT on a play").panel(panel).save(path)
    })
}
