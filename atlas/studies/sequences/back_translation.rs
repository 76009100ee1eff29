//! Back-translation (Sennrich, Haddow and Birch 2016): from a few sentences with their translations, a network learns to translate backwards.
//! What it makes of many sentences of the target language alone are further examples for the network that translates forwards, and are worth
//! more than as many further steps on the few: `cargo run --release -p wgrad-atlas -- back_translation`.

use atlas::prelude::*;
use wgrad::models::{TransformerOptions, Translator, TranslatorOptions};

use super::made_language::{LONGEST, Language, batch, sentence};

pub const STUDY: Study = Study {
    name: "back_translation",
    about: "Sentences of the target language alone, translated backwards, improve translation from few examples.",
    on_gpu: false,
    data: None,
    run,
};

/// A sentence, and its translation.
type Pair = [String; 2];

/// A translator from the first to the second language.
struct Net<'a> {
    net: Translator,
    languages: [&'a Language; 2],
}

impl<'a> Net<'a> {
    /// Trains on random pairs of a list.
    fn learn(lab: &Lab, what: &str, languages: [&'a Language; 2], pairs: &[Pair]) -> Result<Net<'a>> {
        let width = lab.pick(64, 32);
        let layers = TransformerOptions { dim_feedforward: 2 * width, dropout: 0.1, ..TransformerOptions::default() };
        let [source_vocab, target_vocab] = languages.map(|language| language.vocabulary.words().len());
        let sizes =
            TranslatorOptions { source_vocab, target_vocab, longest: LONGEST, width, heads: 4, depth: 1, layers };
        let params = lab.params();
        let net = Net { net: Translator::new(&params, sizes), languages };
        let (steps, mut draws) = (lab.pick(1500, 300), lab.draws(3));
        let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.002, 0.006), 0.0, steps));
        lab.fit(what, steps, &mut Adam::new(&params), rate, |_| {
            let pairs: Vec<Pair> = (0..32).map(|_| draws.pick(pairs).clone()).collect();
            let (source, given, said) = batch(lab.device(), languages, &pairs)?;
            let logits = net.net.forward(&source.values, &given, Some(&source.padding), Mode::Train);
            let options = CrossEntropy { ignore_index: languages[1].pad, ..CrossEntropy::default() };
            Ok(logits.flatten(0, 1).cross_entropy_with(&targets(&said)?.flatten(0, 1), options))
        })?;
        Ok(net)
    }

    /// The translations of the first sentences of pairs.
    fn translate(&self, device: &Device, pairs: &[Pair]) -> Result<Vec<String>> {
        let mut texts = vec![];
        for part in pairs.chunks(200) {
            let source = batch(device, self.languages, part)?.0;
            let found = self.net.greedy(&source.values, Some(&source.padding), self.languages[1].begin, LONGEST);
            texts.extend(found.to_vec::<i32>()?.chunks(LONGEST).map(|tokens| self.languages[1].text(tokens)));
        }
        Ok(texts)
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let [source, target] = Language::both(&mut lab.draws(1))?;
    let (forward, backward) = ([&source, &target], [&target, &source]);
    let mut draws = lab.draws(2);
    let mut pairs = |count: usize| -> Vec<Pair> {
        (0..count).map(|_| sentence(&mut draws)).map(|[source, target, _]| [source, target]).collect()
    };
    let (few, many, test) = (pairs(lab.pick(80, 100)), pairs(lab.pick(4000, 600)), pairs(lab.pick(300, 100)));
    let bleu = |found: &[String]| {
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        let references: Vec<[&str; 1]> = test.iter().map(|pair| [pair[1].as_str()]).collect();
        let references: Vec<&[&str]> = references.iter().map(|r| &r[..]).collect();
        metrics::bleu(&found, &references, metrics::Smoothing::Exp)
    };
    let device = lab.device().clone();
    let alone = Net::learn(lab, "few sentences", forward, &few)?;
    let alone = bleu(&alone.translate(&device, &test)?);

    // Of the many sentences, only those of the target language are used.
    let turned = |pairs: &[Pair]| -> Vec<Pair> { pairs.iter().map(|[a, b]| [b.clone(), a.clone()]).collect() };
    let back = Net::learn(lab, "backwards", backward, &turned(&few))?;
    let sources = back.translate(&device, &turned(&many))?;
    let right = sources.iter().zip(&many).filter(|(found, pair)| **found == pair[0]).count();
    let made = sources.into_iter().zip(&many).map(|(source, pair)| [source, pair[1].clone()]);
    // Real pairs are half of the examples.
    let real = few.iter().cycle().take(many.len()).cloned();
    let both: Vec<Pair> = made.chain(real).collect();
    let with = Net::learn(lab, "with back-translations", forward, &both)?;
    let with = bleu(&with.translate(&device, &test)?);
    let whole = Net::learn(lab, "with true translations", forward, &many)?;
    let whole = bleu(&whole.translate(&device, &test)?);

    lab.figure("back-translations without a mistake", right as f64 / many.len() as f64);
    lab.expect("BLEU of few sentences", alone, 0.1..0.9);
    lab.expect("BLEU with true translations", whole, 0.85..);
    lab.expect("what back-translations add in BLEU", with - alone, lab.pick(0.05, 0.03)..);
    let bars = plot::Panel::new("Sentences that were not trained on", "", "BLEU")
        .layer(plot::Bars::new("", [alone, with, whole]))
        .x_names(["few pairs", "back-translated", "all pairs"])
        .y_range(0.0, 1.05);
    lab.picture("back_translation", |path| plot::Figure::new("Back-translation").panel(bars).save(path))
}
