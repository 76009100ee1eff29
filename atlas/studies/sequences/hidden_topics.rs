//! A made-up language whose words belong to hidden topics, which only the words around them show: a sentence has a topic, most of its words are of
//! it, and the rest are any words. What a sentence says about its topic, or about a word that is not seen, is exact.

use atlas::prelude::*;

pub(super) const TOPICS: usize = 6;
/// Words of a topic.
const OWN: usize = 12;
pub(super) const WORDS: usize = TOPICS * OWN;
/// The probability that a word of a sentence is of its topic, and not any word.
const KEEPS: f64 = 0.8;

/// The probability of a word in sentences of each topic.
fn says(word: i32) -> [f64; TOPICS] {
    let any = (1.0 - KEEPS) / WORDS as f64;
    std::array::from_fn(|topic| if word as usize / OWN == topic { KEEPS / OWN as f64 + any } else { any })
}

/// Whether a word may be in a sentence with labels: a third of the words of each topic.
pub(super) fn labelled(word: i32) -> bool {
    word % 3 == 0
}

/// The topic and the words of a sentence of which `allowed` holds for every word.
pub(super) fn sentence(draws: &mut Draws, length: usize, allowed: fn(i32) -> bool) -> (i32, Vec<i32>) {
    let all: Vec<i32> = (0..WORDS as i32).filter(|&word| allowed(word)).collect();
    let own = all.len() / TOPICS;
    let topic = draws.below(TOPICS as u32) as usize;
    let word = |_| {
        let of = if draws.happens(KEEPS) { &all[topic * own..(topic + 1) * own] } else { &all };
        *draws.pick(of)
    };
    (topic as i32, (0..length).map(word).collect())
}

/// The probability of each topic given words of a sentence.
pub(super) fn topics(words: impl IntoIterator<Item = i32>) -> [f64; TOPICS] {
    let mut p = [1.0; TOPICS];
    for word in words {
        p.iter_mut().zip(says(word)).for_each(|(p, says)| *p *= says);
    }
    let sum: f64 = p.iter().sum();
    p.map(|p| p / sum)
}

/// The probability of words that were not seen, given those of the sentence that were.
pub(super) fn probability(hidden: &[i32], seen: impl IntoIterator<Item = i32>) -> f64 {
    let of = |topic: usize| hidden.iter().map(|&word| says(word)[topic]).product::<f64>();
    topics(seen).iter().enumerate().map(|(topic, p)| p * of(topic)).sum()
}
