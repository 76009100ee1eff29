//! Words as tokens.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::error::{Error, Result};

/// Stands for words that are not in the vocabulary.
const UNKNOWN: &str = "<unk>";

/// The words of a text as numbers: 0 for unknown ones, then special tokens, then words by falling frequency, and alphabetically
/// among equal frequencies.
///
/// A word is a run of letters and digits, with apostrophes inside; any other character that is no space is a word by itself.
/// Upper and lower case differ: use one case if they should not.
///
/// ```
/// use data::Vocabulary;
/// let vocabulary = Vocabulary::learn("a rose is a rose, isn't it?", 1, &["<pad>"])?;
/// assert_eq!(vocabulary.words()[..5], ["<unk>", "<pad>", "a", "rose", ","]);
/// assert_eq!(vocabulary.encode("a daisy isn't"), [2, 0, 7]);
/// assert_eq!(vocabulary.decode(&[2, 3, 4, 7]), "a rose , isn't");
/// assert_eq!(vocabulary.token("<pad>"), Some(1));
/// let frequent = Vocabulary::learn("a rose is a rose, isn't it?", 2, &[])?;
/// assert_eq!(frequent.words(), ["<unk>", "a", "rose"]);
/// # Ok::<(), data::Error>(())
/// ```
#[doc(alias = "build_vocab_from_iterator")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<String>,
    tokens: HashMap<String, i32>,
}

impl Vocabulary {
    /// Learns the words that occur at least `min_frequency` times in a text; the `special` tokens come before them.
    ///
    /// # Errors
    /// [`Error::Text`] if a special token comes twice or there are 2^31 words.
    pub fn learn(text: &str, min_frequency: usize, special: &[&str]) -> Result<Vocabulary> {
        let mut counts = HashMap::<&str, usize>::new();
        words(text).for_each(|word| *counts.entry(word).or_default() += 1);
        counts.retain(|word, _| !special.contains(word));
        let mut counts: Vec<(&str, usize)> =
            counts.into_iter().filter(|&(_, n)| n >= min_frequency).collect();
        counts.sort_unstable_by_key(|&(word, count)| (Reverse(count), word));
        let words = special.iter().copied().chain(counts.into_iter().map(|(word, _)| word));
        Vocabulary::new([UNKNOWN].into_iter().chain(words).map(String::from).collect())
    }

    /// A vocabulary of the [`words`](Self::words) of another one.
    ///
    /// # Errors
    /// [`Error::Text`] if the first is not `<unk>`, a word comes twice, or there are 2^31 words.
    pub fn new(words: Vec<String>) -> Result<Vocabulary> {
        if words.first().is_none_or(|first| first != UNKNOWN) {
            return Err(Error::Text(format!("the first word of a vocabulary is {UNKNOWN}")));
        }
        if i32::try_from(words.len()).is_err() {
            return Err(Error::Text(format!("{} words are more than 31 bits can count", words.len())));
        }
        let tokens: HashMap<String, i32> = words.iter().cloned().zip(0..).collect();
        if tokens.len() < words.len() {
            return Err(Error::Text("a word is in the vocabulary twice".into()));
        }
        Ok(Vocabulary { words, tokens })
    }

    /// All words, by token.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The token of a word or special token, if there is one.
    pub fn token(&self, word: &str) -> Option<i32> {
        self.tokens.get(word).copied()
    }

    /// The tokens of a text's words, 0 for those that are unknown.
    pub fn encode(&self, text: &str) -> Vec<i32> {
        words(text).map(|word| self.token(word).unwrap_or(0)).collect()
    }

    /// The words of tokens with a space between. Tokens that stand for no word are left out.
    pub fn decode(&self, tokens: &[i32]) -> String {
        let word = |&token: &i32| self.words.get(usize::try_from(token).ok()?).map(String::as_str);
        tokens.iter().filter_map(word).collect::<Vec<&str>>().join(" ")
    }
}

/// Runs of letters and digits, with apostrophes inside, and other characters one by one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let inside = |(place, c): (usize, char)| {
            let apostrophe = c == '\'' || c == '’';
            let next = rest[place + c.len_utf8()..].chars().next();
            c.is_alphanumeric() || apostrophe && place > 0 && next.is_some_and(char::is_alphanumeric)
        };
        let end = rest.char_indices().find(|&at| !inside(at)).map_or(rest.len(), |(place, _)| place);
        let (word, after) = rest.split_at(if end == 0 { first.len_utf8() } else { end });
        rest = after;
        Some(word)
    })
}
