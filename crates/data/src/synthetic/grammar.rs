//! A text in a small made-up language, for trying language models without data.

use crate::draws::{Draws, Use};

const ARTICLES: [&str; 3] = ["the", "a", "every"];
const ADJECTIVES: [&str; 6] = ["small", "red", "old", "quiet", "brave", "sleepy"];
const NOUNS: [&str; 8] = ["cat", "dog", "bird", "king", "child", "fox", "sailor", "tree"];
const VERBS: [&str; 6] = ["sees", "follows", "likes", "hears", "greets", "forgets"];
const PLACES: [&str; 5] = ["in the garden", "near the river", "at night", "by the sea", "in town"];

/// Sentences of a small grammar, at least `chars` characters of them: who, does what, to whom, and perhaps where or why. Every
/// tenth line or so is a sum of two numbers below ten, with its result.
///
/// ```
/// let text = data::synthetic::grammar(1000, 42);
/// assert!(text.len() >= 1000 && text.ends_with(".\n"));
/// assert_eq!(text, data::synthetic::grammar(1000, 42));
/// ```
pub fn grammar(chars: usize, seed: u64) -> String {
    let mut draws = Draws::stream(seed, Use::Synthetic, 1, 0);
    let mut text = String::with_capacity(chars + 100);
    while text.len() < chars {
        if draws.below(10) == 0 {
            let (a, b) = (draws.below(10), draws.below(10));
            text.push_str(&format!("{a} and {b} is {}.\n", a + b));
            continue;
        }
        let mut sentence = clause(&mut draws);
        match draws.below(4) {
            0 => sentence = format!("{sentence} {}", draws.pick(&PLACES)),
            1 => sentence = format!("{sentence} because {}", clause(&mut draws)),
            _ => {}
        }
        text.push_str(&sentence);
        text.push_str(".\n");
    }
    text
}

/// The entropy of a line of [`grammar`] in nats. No model's mean negative log-likelihood of a line can be lower.
///
/// ```
/// // 14.8 nats a line of some 38 characters.
/// assert!((data::synthetic::grammar_entropy() - 14.83).abs() < 0.01);
/// ```
pub fn grammar_entropy() -> f64 {
    let of = |shares: &[f64]| shares.iter().map(|p| -p * p.ln()).sum::<f64>();
    let [articles, adjectives, nouns, verbs, places] =
        [ARTICLES.len(), ADJECTIVES.len(), NOUNS.len(), VERBS.len(), PLACES.len()].map(|n| (n as f64).ln());
    let noun_phrase = articles + nouns + of(&[0.5; 2]) + 0.5 * adjectives;
    let clause = 2.0 * noun_phrase + verbs;
    let sentence = of(&[0.25, 0.25, 0.5]) + clause + 0.25 * places + 0.25 * clause;
    of(&[0.1, 0.9]) + 0.1 * 100f64.ln() + 0.9 * sentence
}

fn clause(draws: &mut Draws) -> String {
    format!("{} {} {}", noun_phrase(draws), draws.pick(&VERBS), noun_phrase(draws))
}

fn noun_phrase(draws: &mut Draws) -> String {
    let (article, noun) = (draws.pick(&ARTICLES), draws.pick(&NOUNS));
    if draws.below(2) == 0 {
        format!("{article} {noun}")
    } else {
        format!("{article} {} {noun}", draws.pick(&ADJECTIVES))
    }
}
