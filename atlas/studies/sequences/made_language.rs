//! A made-up pair of languages for the studies of translation. In the source language the verb stands between subject and object, and
//! adjectives before nouns; in the target language the verb comes first, adjectives follow nouns, and articles and adjectives agree with the
//! noun's gender.

use atlas::prelude::*;
use wgrad::data::{Padded, Vocabulary};

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
pub(super) fn sentence(draws: &mut Draws) -> [String; 3] {
    let (subject, object) = (phrase(draws), phrase(draws));
    let (verb, its) = *draws.pick(&VERBS);
    let [[subject, first, one], [object, second, two]] = [subject, object];
    [format!("{subject} {verb} {object}"), format!("{its} {first} {second}"), format!("{one} {its} {two}")]
}

/// A language's words.
pub(super) struct Language {
    pub(super) vocabulary: Vocabulary,
    pub(super) begin: i32,
    pub(super) end: i32,
    pub(super) pad: i32,
}

/// The length of the longest sentence, including the end token.
pub(super) const LONGEST: usize = 8;

impl Language {
    /// The words of texts, and some special ones.
    pub(super) fn new(texts: &[&str], special: &[&str]) -> Result<Language> {
        let special = [&["<pad>", "<begin>", "<end>"], special].concat();
        let vocabulary = Vocabulary::learn(&texts.join(" "), 1, &special)?;
        let token = |word| vocabulary.token(word).context("a special token");
        Ok(Language { begin: token("<begin>")?, end: token("<end>")?, pad: token("<pad>")?, vocabulary })
    }

    /// The source and the target language.
    pub(super) fn both(draws: &mut Draws) -> Result<[Language; 2]> {
        let texts: Vec<[String; 3]> = (0..2000).map(|_| sentence(draws)).collect();
        let learn =
            |i: usize| Language::new(&texts.iter().map(|text| text[i].as_str()).collect::<Vec<_>>(), &[]);
        Ok([learn(0)?, learn(1)?])
    }

    /// The words up to the end token.
    pub(super) fn text(&self, tokens: &[i32]) -> String {
        self.vocabulary.decode(tokens.split(|&token| token == self.end).next().unwrap_or_default())
    }
}

/// Source tokens, decoder inputs and targets of sentences with their translations.
pub(super) fn batch<T: AsRef<str>>(
    device: &Device,
    [source, target]: [&Language; 2],
    pairs: &[[T; 2]],
) -> Result<(data::DevicePadded, Tensor, Tensor)> {
    let padded = |rows: Vec<Vec<i32>>| Padded::new(&rows, target.pad, LONGEST).to_device(device);
    let said = |pair: &[T; 2]| target.vocabulary.encode(pair[1].as_ref());
    let read = padded(pairs.iter().map(|pair| source.vocabulary.encode(pair[0].as_ref())).collect())?;
    let given = padded(pairs.iter().map(|pair| [vec![target.begin], said(pair)].concat()).collect())?;
    let said = padded(pairs.iter().map(|pair| [said(pair), vec![target.end]].concat()).collect())?;
    Ok((read, given.values, said.values))
}
