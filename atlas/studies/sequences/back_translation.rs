//! Back-translation (Sennrich et al. 2016): few sentences have translations, but many are known in the target language alone. A network trained
//! on the few translates those many back into the source language, and these pairs train the translator along with the true ones. What can
//! be learnt so are collocations: which of two words an adjective becomes depends on its noun, in a way that only text shows, while the way
//! back is the same for both: `cargo run --release -p wgrad-atlas -- back_translation`.

use atlas::prelude::*;
use wgrad::models::{TransformerOptions, Translator, TranslatorOptions};

use super::made_language::{LONGEST, Language, batch};

pub const STUDY: Study = Study {
    name: "back_translation",
    about: "A translator learns more from text of the target language alone, translated back, than from its few true pairs.",
    on_gpu: false,
    data: None,
    run,
};

const NOUNS: [[&str; 2]; 12] = [
    ["cat", "gato"],
    ["bird", "ave"],
    ["king", "rey"],
    ["fox", "zora"],
    ["child", "nino"],
    ["house", "casa"],
    ["tree", "pino"],
    ["moon", "luna"],
    ["river", "rio"],
    ["bread", "pan"],
    ["night", "noche"],
    ["stone", "roca"],
];
const ADJECTIVES: [[&str; 3]; 8] = [
    ["big", "grande", "vasto"],
    ["small", "chico", "breve"],
    ["old", "viejo", "rancio"],
    ["quiet", "mudo", "calmo"],
    ["red", "rojo", "bermejo"],
    ["strong", "fuerte", "recio"],
    ["clear", "claro", "nitido"],
    ["poor", "pobre", "magro"],
];
const VERBS: [[&str; 2]; 4] = [["sees", "mira"], ["likes", "ama"], ["hears", "oye"], ["paints", "pinta"]];

/// Sentences with translations.
const FEW: usize = 50;

type Pair = [String; 2];

/// Sentences and their translations, in which the verb comes first and adjectives follow nouns. `collocations` says for each noun and
/// adjective whether it becomes the second word.
fn pairs(collocations: &[bool], draws: &mut Draws, count: usize) -> Vec<Pair> {
    let phrase = |draws: &mut Draws| -> Pair {
        let [noun, adjective] =
            [NOUNS.len(), ADJECTIVES.len()].map(|count| draws.below(count as u32) as usize);
        let second = collocations[noun * ADJECTIVES.len() + adjective];
        let ([noun, its], of) = (NOUNS[noun], ADJECTIVES[adjective]);
        [format!("{} {noun}", of[0]), format!("{its} {}", of[1 + usize::from(second)])]
    };
    let mut one = |_| {
        let ([one, first], [two, second]) = (phrase(draws), phrase(draws));
        let [verb, its] = draws.pick(&VERBS);
        [format!("{one} {verb} {two}"), format!("{its} {first} {second}")]
    };
    (0..count).map(&mut one).collect()
}

/// A translator trained on pairs of the languages.
fn trained(lab: &Lab, what: &str, languages: [&Language; 2], pairs: &[Pair]) -> Result<Translator> {
    let (steps, size, width) = lab.pick((600, 64, 64), (300, 32, 32));
    let layers = TransformerOptions {
        dim_feedforward: 2 * width,
        norm_first: true,
        dropout: 0.1,
        ..TransformerOptions::default()
    };
    let sizes = TranslatorOptions {
        source_vocab: languages[0].vocabulary.words().len(),
        target_vocab: languages[1].vocabulary.words().len(),
        longest: LONGEST,
        width,
        heads: 4,
        depth: 1,
        layers,
    };
    let params = lab.params();
    let net = Translator::new(&params, sizes);
    let (source, given, said) = batch(lab.device(), languages, pairs)?;
    let padding = source.padding.to(DType::F32);
    let said = targets(&said)?;
    let mut draws = lab.draws(3);
    let rate = Warmup::new(0.05, steps / 10, Cosine::new(lab.pick(0.003, 0.006), 0.0, steps));
    lab.fit(what, steps, &mut Adam::new(&params), rate, |_| {
        let [source, padding, given, said] =
            minibatch(&mut draws, size, [&source.values, &padding, &given, &said])?;
        let logits = net.forward(&source, &given, Some(&padding.gt(0.5)), Mode::Train);
        let options = CrossEntropy { ignore_index: languages[1].pad, ..CrossEntropy::default() };
        Ok(logits.flatten(0, 1).cross_entropy_with(&said.flatten(0, 1), options))
    })?;
    Ok(net)
}

/// The translations of texts.
fn translated<'a>(
    net: &Translator,
    device: &Device,
    languages: [&Language; 2],
    texts: impl Iterator<Item = &'a String>,
) -> Result<Vec<String>> {
    let pairs: Vec<[&str; 2]> = texts.map(|text| [text.as_str(), ""]).collect();
    let (source, _, _) = batch(device, languages, &pairs)?;
    let found =
        net.greedy(&source.values, Some(&source.padding), languages[1].begin, LONGEST).to_vec::<i32>()?;
    // A poor translator may also write tokens that are no words, or too many.
    let words = |text: String| {
        let words = text.split(' ').filter(|word| !word.starts_with('<')).take(LONGEST - 1);
        words.collect::<Vec<_>>().join(" ")
    };
    Ok(found.chunks(LONGEST).map(|tokens| words(languages[1].text(tokens))).collect())
}

fn bleu(texts: &[String], test: &[Pair]) -> f64 {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let references: Vec<[&str; 1]> = test.iter().map(|[_, target]| [target.as_str()]).collect();
    let references: Vec<&[&str]> = references.iter().map(|r| &r[..]).collect();
    metrics::bleu(&texts, &references, metrics::Smoothing::Exp)
}

/// Of the adjectives that are translated by one of their two words, the share with the word that goes with the noun.
fn collocated(texts: &[String], test: &[Pair]) -> f64 {
    let (mut right, mut count) = (0.0, 0.0);
    for (text, [_, truth]) in texts.iter().zip(test) {
        for (found, truth) in text.split(' ').zip(truth.split(' ')) {
            let words = ADJECTIVES.iter().find(|words| words[1..].contains(&truth));
            if words.is_some_and(|words| words[1..].contains(&found)) {
                (right, count) = (right + f64::from(u8::from(found == truth)), count + 1.0);
            }
        }
    }
    right / count
}

fn run(lab: &mut Lab) -> Result<()> {
    let words = |side: usize| -> Vec<&str> {
        let adjectives =
            ADJECTIVES.iter().flat_map(|words| if side == 0 { &words[..1] } else { &words[1..] });
        NOUNS.iter().chain(&VERBS).map(|words| words[side]).chain(adjectives.copied()).collect()
    };
    let (source, target) = (Language::new(&words(0), &[])?, Language::new(&words(1), &[])?);
    let (there, back) = ([&source, &target], [&target, &source]);
    let mut draws = lab.draws(2);
    let collocations: Vec<bool> = (0..NOUNS.len() * ADJECTIVES.len()).map(|_| draws.happens(0.5)).collect();
    let mut pairs = |count| pairs(&collocations, &mut draws, count);
    let (few, many, test) = (pairs(FEW), pairs(lab.pick(4000, 1500)), pairs(lab.pick(500, 200)));

    let reversed: Vec<Pair> = few.iter().map(|[source, target]| [target.clone(), source.clone()]).collect();
    let reverse = trained(lab, "the way back", back, &reversed)?;
    let sources = translated(&reverse, lab.device(), back, many.iter().map(|[_, target]| target))?;
    let made: Vec<Pair> =
        sources.into_iter().zip(&many).map(|(source, [_, target])| [source, target.clone()]).collect();
    // A fifth of what is trained on are the true pairs.
    let repeated: Vec<Pair> = few.iter().cycle().take(many.len() / 4).cloned().collect();
    let sets = [
        ("few pairs", few),
        ("translated back", [&repeated[..], &made].concat()),
        ("true pairs", [&repeated[..], &many].concat()),
    ];
    let (mut scores, mut choices) = (Vec::new(), Vec::new());
    for (name, pairs) in &sets {
        let net = trained(lab, name, there, pairs)?;
        let texts = translated(&net, lab.device(), there, test.iter().map(|[source, _]| source))?;
        lab.say(format!("{name}: {} -> {} ({})", test[0][0], texts[0], test[0][1]));
        scores.push(bleu(&texts, &test));
        choices.push(collocated(&texts, &test));
    }
    lab.expect("BLEU, few pairs", scores[0], 0.1..0.7);
    lab.expect("BLEU, translated back", scores[1], 0.75..=1.0);
    lab.expect("BLEU, true pairs", scores[2], 0.95..=1.0);
    lab.expect("BLEU, translated back over few pairs", scores[1] - scores[0], 0.2..);
    lab.expect("BLEU, true pairs over translated back", scores[2] - scores[1], 0.0..0.25);
    lab.expect("adjectives that fit the noun, few pairs", choices[0], 0.4..0.9);
    lab.expect("adjectives that fit the noun, translated back", choices[1], 0.9..=1.0);

    let panel = |title: &str, label: &str, values: &[f64]| {
        plot::Panel::new(title, "", label)
            .layer(plot::Bars::new("", values.iter().copied()))
            .x_names(sets.iter().map(|(name, _)| *name))
            .y_range(0.0, 1.05)
    };
    let translations = panel("Sentences that were not trained on", "BLEU", &scores);
    let adjectives = panel("Adjectives of two words, by the noun", "share that is right", &choices);
    lab.picture("back_translation", |path| {
        plot::Figure::new("Back-translation").panel(translations).panel(adjectives).save(path)
    })
}
