//! Translation by a transformer (Vaswani et al. 2017). In the source language the verb stands between subject and object, and adjectives
//! before nouns; in the target language the verb comes first, adjectives follow nouns, and articles and adjectives agree with the noun's
//! gender. A word-by-word translation gets none of that right. Compares pre-norm with post-norm layers (Xiong et al. 2020):
//! `cargo run --release -p wgrad-atlas -- translation`.

use atlas::prelude::*;
use wgrad::data::{Padded, Vocabulary};
use wgrad::models::{TransformerOptions, Translator, TranslatorOptions};

pub const STUDY: Study = Study {
    name: "translation",
    about: "An encoder-decoder transformer translates a made-up language with another word order and genders.",
    on_gpu: false,
    data: None,
    run,
};

/// Nouns, their translations, and whether those are feminine.
const NOUNS: [(&str, &str, bool); 8] = [
    ("cat", "gato", false),
    ("bird", "ave", true),
    ("king", "rey", false),
    ("fox", "zora", true),
    ("child", "nino", false),
    ("house", "casa", true),
    ("tree", "pino", false),
    ("moon", "luna", true),
];
const ADJECTIVES: [(&str, &str); 5] =
    [("red", "roj"), ("small", "pequen"), ("old", "viej"), ("quiet", "quiet"), ("new", "nuev")];
const VERBS: [(&str, &str); 5] =
    [("sees", "mira"), ("likes", "ama"), ("hears", "oye"), ("follows", "sigue"), ("paints", "pinta")];
const ARTICLES: [(&str, &str); 2] = [("the", "l"), ("a", "un")];

/// A noun with its article and perhaps an adjective: source, translation, and word-by-word translation.
fn phrase(draws: &mut Draws) -> [String; 3] {
    let ((article, its), (noun, other, feminine)) = (*draws.pick(&ARTICLES), *draws.pick(&NOUNS));
    let ending = if feminine { "a" } else { "o" };
    let (article, its, literal) = (article.to_string(), format!("{its}{ending}"), format!("{its}o"));
    if draws.happens(0.4) {
        return [format!("{article} {noun}"), format!("{its} {other}"), format!("{literal} {other}")];
    }
    let (adjective, stem) = *draws.pick(&ADJECTIVES);
    [
        format!("{article} {adjective} {noun}"),
        format!("{its} {other} {stem}{ending}"),
        format!("{literal} {stem}o {other}"),
    ]
}

/// A sentence, its translation, and its word-by-word translation.
fn sentence(draws: &mut Draws) -> [String; 3] {
    let (subject, object) = (phrase(draws), phrase(draws));
    let (verb, its) = *draws.pick(&VERBS);
    let [[subject, first, one], [object, second, two]] = [subject, object];
    [format!("{subject} {verb} {object}"), format!("{its} {first} {second}"), format!("{one} {its} {two}")]
}

/// The vocabularies of both languages.
struct Languages {
    source: Vocabulary,
    target: Vocabulary,
    begin: i32,
    end: i32,
    pad: i32,
}

impl Languages {
    fn new(draws: &mut Draws) -> Result<Languages> {
        let texts: Vec<[String; 3]> = (0..2000).map(|_| sentence(draws)).collect();
        let learn = |language: usize| {
            let text: Vec<&str> = texts.iter().map(|text| text[language].as_str()).collect();
            Vocabulary::learn(&text.join(" "), 1, &["<pad>", "<begin>", "<end>"])
        };
        let target = learn(1)?;
        let token = |word| target.token(word).context("a special token");
        Ok(Languages {
            source: learn(0)?,
            begin: token("<begin>")?,
            end: token("<end>")?,
            pad: token("<pad>")?,
            target,
        })
    }

    /// Source tokens, decoder inputs and targets.
    fn batch(&self, device: &Device, texts: &[[String; 3]]) -> Result<(data::DevicePadded, Tensor, Tensor)> {
        let padded = |rows: Vec<Vec<i32>>| Padded::new(&rows, self.pad, LONGEST).to_device(device);
        let target = |text: &[String; 3]| self.target.encode(&text[1]);
        let source = padded(texts.iter().map(|text| self.source.encode(&text[0])).collect())?;
        let given = padded(texts.iter().map(|text| [vec![self.begin], target(text)].concat()).collect())?;
        let said = padded(texts.iter().map(|text| [target(text), vec![self.end]].concat()).collect())?;
        Ok((source, given.values, said.values))
    }

    fn text(&self, tokens: &[i32]) -> String {
        self.target.decode(tokens.split(|&token| token == self.end).next().unwrap_or_default())
    }
}

/// The length of the longest sentence, including the end token.
const LONGEST: usize = 8;

fn run(lab: &mut Lab) -> Result<()> {
    let languages = Languages::new(&mut lab.draws(1))?;
    let mut draws = lab.draws(2);
    let tests: Vec<[String; 3]> = (0..lab.pick(300, 100)).map(|_| sentence(&mut draws)).collect();
    let (source, _, _) = languages.batch(lab.device(), &tests)?;
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
            source_vocab: languages.source.words().len(),
            target_vocab: languages.target.words().len(),
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
                languages.batch(lab.device(), &fresh.take(size).collect::<Vec<_>>())?;
            let logits = net.forward(&source.values, &given, Some(&source.padding), Mode::Train);
            let said = targets(&said)?.flatten(0, 1);
            Ok(logits.flatten(0, 1).cross_entropy_with(
                &said,
                CrossEntropy { ignore_index: languages.pad, ..CrossEntropy::default() },
            ))
        })?;
        let found = net.greedy(&source.values, Some(&source.padding), languages.begin, LONGEST);
        let found = found.to_vec::<i32>()?;
        let texts: Vec<String> = found.chunks(LONGEST).map(|tokens| languages.text(tokens)).collect();
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
