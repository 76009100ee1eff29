//! Translation by a transformer (Vaswani et al. 2017). In the source language the verb stands between subject and object, and adjectives
//! before nouns; in the target language the verb comes first, adjectives follow nouns, and articles and adjectives agree with the noun's
//! gender. A word-by-word translation gets none of that right. Compares pre-norm with post-norm layers (Xiong et al. 2020):
//! `cargo run --release -p wgrad-atlas -- translation`.

use atlas::prelude::*;
use wgrad::models::{TransformerOptions, Translator, TranslatorOptions};

use super::made_language::{LONGEST, Language, batch, sentence};

pub const STUDY: Study = Study {
    name: "translation",
    about: "An encoder-decoder transformer translates a made-up language with another word order and genders.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let [source_language, target_language] = Language::both(&mut lab.draws(1))?;
    let languages = [&source_language, &target_language];
    let mut draws = lab.draws(2);
    let tests: Vec<[String; 3]> = (0..lab.pick(300, 100)).map(|_| sentence(&mut draws)).collect();
    let pairs = |texts: &[[String; 3]]| -> Vec<[String; 2]> {
        texts.iter().map(|[source, target, _]| [source.clone(), target.clone()]).collect()
    };
    let (source, _, _) = batch(lab.device(), languages, &pairs(&tests))?;
    let bleu = |texts: &[String]| {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let references: Vec<[&str; 1]> = tests.iter().map(|test| [test[1].as_str()]).collect();
        let references: Vec<&[&str]> = references.iter().map(|r| &r[..]).collect();
        metrics::bleu(&texts, &references, metrics::Smoothing::Exp)
    };
    let literal: Vec<String> = tests.iter().map(|test| test[2].clone()).collect();
    let mut scores = vec![("word by word".to_string(), bleu(&literal))];

    let (steps, size, width) = lab.pick((700, 64, 64), (380, 32, 32));
    let mut curves = plot::Panel::new("Training", "step", "cross-entropy").log_y();
    for (name, norm_first) in [("norm first", true), ("norm last", false)] {
        let layers = TransformerOptions {
            dim_feedforward: 2 * width,
            norm_first,
            dropout: 0.0,
            ..TransformerOptions::default()
        };
        let sizes = TranslatorOptions {
            source_vocab: languages[0].vocabulary.words().len(),
            target_vocab: languages[1].vocabulary.words().len(),
            longest: LONGEST,
            width,
            heads: 4,
            depth: lab.pick(2, 1),
            layers,
        };
        let params = lab.params();
        let net = Translator::new(&params, sizes);
        let mut draws = lab.draws(3);
        let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.002, 0.006), 0.0, steps));
        let losses = lab.fit(name, steps, &mut Adam::new(&params), rate, |_| {
            // Training sentences exclude those of the test.
            let fresh = std::iter::repeat_with(|| sentence(&mut draws)).filter(|text| !tests.contains(text));
            let (source, given, said) =
                batch(lab.device(), languages, &pairs(&fresh.take(size).collect::<Vec<_>>()))?;
            let logits = net.forward(&source.values, &given, Some(&source.padding), Mode::Train);
            let said = targets(&said)?.flatten(0, 1);
            Ok(logits.flatten(0, 1).cross_entropy_with(
                &said,
                CrossEntropy { ignore_index: target_language.pad, ..CrossEntropy::default() },
            ))
        })?;
        let found = net.greedy(&source.values, Some(&source.padding), target_language.begin, LONGEST);
        let found = found.to_vec::<i32>()?;
        let texts: Vec<String> = found.chunks(LONGEST).map(|tokens| target_language.text(tokens)).collect();
        lab.say(format!("{} -> {} ({})", tests[0][0], texts[0], tests[0][1]));
        scores.push((name.into(), bleu(&texts)));
        let points = losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss));
        curves = curves.with(plot::Series::new(name, points));
    }
    lab.expect("BLEU, word by word", scores[0].1, 0.0..0.3);
    lab.expect("BLEU, norm first", scores[1].1, 0.9..);
    lab.expect("BLEU, norm last", scores[2].1, 0.9..);
    let bars = plot::Panel::new("Sentences that were not trained on", "", "BLEU")
        .layer(plot::Bars::new("", scores.iter().map(|score| score.1)))
        .x_names(scores.iter().map(|score| score.0.as_str()))
        .y_range(0.0, 1.05);
    lab.picture("translation", |path| {
        plot::Figure::new("A transformer that translates").panel(curves).panel(bars).save(path)
    })
}
