//! Easy data augmentation of texts (Wei and Zou 2019, "EDA"): words replaced by synonyms, inserted, swapped and deleted.
//!
//! ```
//! use data::Draws;
//! use data::eda::{Eda, Synonyms};
//! let synonyms = Synonyms::from([("quick".to_string(), vec!["fast".to_string(), "rapid".to_string()])]);
//! let sentence = ["the", "quick", "brown", "fox"];
//! let changed = Eda::default().apply(&sentence, &synonyms, &mut Draws::new(42, 0, 7));
//! assert!((2..=5).contains(&changed.len()));
//! ```

use std::collections::BTreeMap;

use crate::draws::Draws;

/// What words may be replaced by.
pub type Synonyms = BTreeMap<String, Vec<String>>;

/// How much of a sentence changes. All four operations are equally likely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eda {
    /// The share of words that are replaced, inserted (as synonyms) or swapped; at least one word.
    pub alpha: f32,
    /// The probability for each word to be deleted.
    pub p: f32,
}

impl Default for Eda {
    /// A tenth of the words, as the paper recommends for most data.
    fn default() -> Eda {
        Eda { alpha: 0.1, p: 0.1 }
    }
}

impl Eda {
    /// Applies one random operation to the words of a sentence.
    pub fn apply<'a>(&self, words: &[&'a str], synonyms: &'a Synonyms, draws: &mut Draws) -> Vec<&'a str> {
        let count = ((self.alpha * words.len() as f32) as usize).max(1);
        match draws.below(4) {
            0 => replace(words, count, synonyms, draws),
            1 => insert(words, count, synonyms, draws),
            2 => swap(words, count, draws),
            _ => delete(words, self.p, draws),
        }
    }
}

/// Replaces up to `count` different words that have synonyms, all occurrences of a word by the same random synonym.
pub fn replace<'a>(
    words: &[&'a str],
    count: usize,
    synonyms: &'a Synonyms,
    draws: &mut Draws,
) -> Vec<&'a str> {
    let mut candidates = known(words, synonyms);
    candidates.sort_unstable();
    candidates.dedup();
    draws.shuffle(&mut candidates);
    let mut words = words.to_vec();
    for word in candidates.into_iter().take(count) {
        if let Some(synonym) = synonym(word, synonyms, draws) {
            words.iter_mut().filter(|other| **other == word).for_each(|other| *other = synonym);
        }
    }
    words
}

/// Inserts at a random place a random synonym of a random word that has any, `count` times.
pub fn insert<'a>(
    words: &[&'a str],
    count: usize,
    synonyms: &'a Synonyms,
    draws: &mut Draws,
) -> Vec<&'a str> {
    let candidates = known(words, synonyms);
    let mut words = words.to_vec();
    for _ in 0..count {
        if let Some(word) = pick(&candidates, draws)
            && let Some(synonym) = synonym(word, synonyms, draws)
        {
            words.insert(draws.below(words.len() as u32 + 1) as usize, synonym);
        }
    }
    words
}

/// Swaps two random words, `count` times.
pub fn swap<'a>(words: &[&'a str], count: usize, draws: &mut Draws) -> Vec<&'a str> {
    let mut words = words.to_vec();
    let length = words.len() as u32;
    for _ in 0..if length > 1 { count } else { 0 } {
        let first = draws.below(length);
        // Any other word.
        let second = (first + 1 + draws.below(length - 1)) % length;
        words.swap(first as usize, second as usize);
    }
    words
}

/// Deletes each word with probability `p`, but keeps at least one.
pub fn delete<'a>(words: &[&'a str], p: f32, draws: &mut Draws) -> Vec<&'a str> {
    let left: Vec<&str> = words.iter().copied().filter(|_| !draws.happens(p)).collect();
    if left.is_empty() { pick(words, draws).into_iter().collect() } else { left }
}

/// The words that have synonyms.
fn known<'a>(words: &[&'a str], synonyms: &Synonyms) -> Vec<&'a str> {
    words.iter().copied().filter(|word| synonyms.get(*word).is_some_and(|list| !list.is_empty())).collect()
}

fn synonym<'a>(word: &str, synonyms: &'a Synonyms, draws: &mut Draws) -> Option<&'a str> {
    let list = synonyms.get(word)?;
    list.get(draws.below(list.len() as u32) as usize).map(String::as_str)
}

fn pick<'a>(words: &[&'a str], draws: &mut Draws) -> Option<&'a str> {
    words.get(draws.below(words.len() as u32) as usize).copied()
}
