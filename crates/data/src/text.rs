//! Texts as sequences of characters, for language models.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::draws::{Draws, Use};
use crate::{Error, Part, Result};

/// Files may have this many bytes.
const LIMIT: u64 = 1 << 30;

/// A text as tokens: its different characters, numbered in the order of their code points.
///
/// ```
/// use data::Text;
/// let text = Text::new("abacab")?;
/// assert_eq!(text.chars(), ['a', 'b', 'c']);
/// assert_eq!(text.tokens(), [0, 1, 0, 2, 0, 1]);
/// assert_eq!(text.decode(&text.encode("cab")?), "cab");
/// assert!(text.encode("d").is_err());
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Text {
    chars: Vec<char>,
    tokens: Arc<[i32]>,
}

impl Text {
    /// Learns the characters of `text`.
    ///
    /// # Errors
    /// [`Error::Text`] if `text` is empty.
    pub fn new(text: &str) -> Result<Text> {
        let chars: Vec<char> = text.chars().collect::<BTreeSet<char>>().into_iter().collect();
        if chars.is_empty() {
            return Err(Error::Text("the text is empty".into()));
        }
        let unread = Text { chars, tokens: Arc::default() };
        let tokens = unread.encode(text)?.into();
        Ok(Text { tokens, ..unread })
    }

    /// Reads a UTF-8 file of at most 1 GiB.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::TooLarge`] if the file can't be read, [`Error::Text`] if it is empty or not UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<Text> {
        use std::io::Read;
        let path = path.as_ref();
        let fault = |source| Error::Read { path: path.into(), source };
        let (file, mut bytes) = (std::fs::File::open(path).map_err(fault)?, vec![]);
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fault)?;
        if bytes.len() as u64 > LIMIT {
            return Err(Error::TooLarge { what: path.display().to_string(), limit: LIMIT });
        }
        let unread = |reason: String| Error::Text(format!("{}: {reason}", path.display()));
        let text = String::from_utf8(bytes)
            .map_err(|e| unread(format!("not UTF-8 from byte {} on", e.utf8_error().valid_up_to())))?;
        Text::new(&text).map_err(|_| unread("the file is empty".into()))
    }

    /// The different characters, by token.
    pub fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The text as tokens, `[characters]`.
    pub fn tokens(&self) -> &[i32] {
        &self.tokens
    }

    /// The tokens of `text`.
    ///
    /// # Errors
    /// [`Error::Text`] if a character does not occur in this text.
    pub fn encode(&self, text: &str) -> Result<Vec<i32>> {
        let token = |c: char| {
            let found = self.chars.binary_search(&c).map(|i| i as i32);
            found.map_err(|_| Error::Text(format!("the character {c:?} does not occur in the text")))
        };
        text.chars().map(token).collect()
    }

    /// The text of `tokens`. Tokens that stand for no character are left out.
    pub fn decode(&self, tokens: &[i32]) -> String {
        tokens.iter().filter_map(|&t| self.chars.get(usize::try_from(t).ok()?)).collect()
    }

    /// The text without its last `share`, and this last part, both as windows of `length` characters, each with the character
    /// that follows it.
    ///
    /// # Errors
    /// As [`Windows::split`].
    pub fn split(&self, share: f64, length: usize) -> Result<(Windows, Windows)> {
        Windows::split(self.tokens.clone(), share, length)
    }
}

/// Windows of a part of a sequence of tokens.
#[derive(Clone, Debug)]
pub struct Windows {
    tokens: Arc<[i32]>,
    start: usize,
    end: usize,
    length: usize,
}

/// A batch of windows: tokens, and the token that follows each, both `[windows, length]` in row-major order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextBatch {
    /// The windows, `[windows, length]` in row-major order.
    pub tokens: Vec<i32>,
    /// The token after each of `tokens`, in the same order.
    pub next: Vec<i32>,
    /// `[windows, length]`
    pub shape: [usize; 2],
}

impl TextBatch {
    /// The windows that are the given part of the batch.
    pub(crate) fn part(self, part: Part) -> TextBatch {
        let [windows, length] = self.shape;
        let own = |all: &[i32]| {
            let windows = all.chunks_exact(length).skip(part.index).step_by(part.of);
            windows.flatten().copied().collect::<Vec<i32>>()
        };
        let (tokens, next) = (own(&self.tokens), own(&self.next));
        TextBatch { tokens, next, shape: [part.size(windows), length] }
    }
}

impl Windows {
    /// Any tokens without their last `share`, and this last part, both as windows of `length` tokens, each with the token that
    /// follows it: a [`Text`]'s characters, a [`Vocabulary`](crate::Vocabulary)'s words, or a tokenizer's tokens.
    ///
    /// ```
    /// use data::{Vocabulary, Windows};
    /// let text = "the cat and the dog and the bird";
    /// let vocabulary = Vocabulary::learn(text, 1, &[])?;
    /// let (train, validation) = Windows::split(vocabulary.encode(text), 0.25, 1)?;
    /// assert_eq!((train.len(), validation.len()), (5, 1));
    /// # Ok::<(), data::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Text`] if a part has no more than `length` tokens, or `length` is 0.
    pub fn split(tokens: impl Into<Arc<[i32]>>, share: f64, length: usize) -> Result<(Windows, Windows)> {
        let tokens = tokens.into();
        let count = tokens.len();
        let first = count - (count as f64 * share).round().clamp(0.0, count as f64) as usize;
        let part = |start, end| {
            if length == 0 || end - start <= length {
                return Err(Error::Text(format!(
                    "{} tokens are too few for windows of {length} and the next; use a longer text or shorter windows",
                    end - start
                )));
            }
            Ok(Windows { tokens: tokens.clone(), start, end, length })
        };
        Ok((part(0, first)?, part(first, count)?))
    }

    /// CRC-32 of the tokens.
    pub(crate) fn checksum(&self) -> u32 {
        crc32fast::hash(bytemuck::cast_slice(&self.tokens[self.start..self.end]))
    }

    /// Number of windows that do not overlap.
    pub fn len(&self) -> usize {
        (self.end - self.start - 1) / self.length
    }

    /// Whether the part is too short for one window.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `count` windows at random places, which depend on the seed and the step alone.
    ///
    /// ```
    /// use data::Text;
    /// let (train, _) = Text::new("abcdefghijklmnopqrstuvwxyz")?.split(0.2, 4)?;
    /// let batch = train.draw(2, 7, 0);
    /// assert_eq!(batch.tokens.len(), 8);
    /// assert!(batch.tokens.iter().zip(&batch.next).all(|(token, next)| token + 1 == *next));
    /// assert_eq!(batch, train.draw(2, 7, 0));
    /// # Ok::<(), data::Error>(())
    /// ```
    pub fn draw(&self, count: usize, seed: u64, step: usize) -> TextBatch {
        let places = (self.end - self.start - self.length) as u32;
        let mut draws = Draws::stream(seed, Use::Windows, step as u64, 0);
        self.batch((0..count).map(|_| self.start + draws.below(places) as usize))
    }

    /// All windows that do not overlap, `count` at a time; the last batch may be smaller.
    pub fn all(&self, count: usize) -> impl Iterator<Item = TextBatch> + '_ {
        let starts =
            move |from: usize| (from..self.len().min(from + count)).map(|i| self.start + i * self.length);
        (0..self.len()).step_by(count.max(1)).map(move |from| self.batch(starts(from)))
    }

    fn batch(&self, starts: impl Iterator<Item = usize>) -> TextBatch {
        let mut batch = TextBatch { shape: [0, self.length], ..TextBatch::default() };
        for start in starts {
            batch.tokens.extend(&self.tokens[start..start + self.length]);
            batch.next.extend(&self.tokens[start + 1..=start + self.length]);
            batch.shape[0] += 1;
        }
        batch
    }
}
