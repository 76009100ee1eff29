//! Subword tokenizers, as Hugging Face's libraries learn and store them.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tokenizers::AddedToken;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::error::{Error, Result};
use crate::word_piece;

/// Files may have this many bytes; the largest vocabularies in use need a tenth.
const LIMIT: u64 = 256 << 20;

/// WordPiece's token for a word that it has no parts for.
pub(crate) const UNKNOWN: &str = "[UNK]";

/// Converts texts to tokens, and tokens to texts.
///
/// ```
/// use data::{Tokenizer, Windows};
/// let text = "low lower lowest, new newer newest; ".repeat(20);
/// let tokenizer = Tokenizer::bpe(&text, 270, &["<|endoftext|>"])?;
/// let tokens = tokenizer.encode(&text, false)?;
/// assert!(tokenizer.vocab_size() <= 270 && tokens.len() < text.len() / 2);
/// assert_eq!(tokenizer.decode(&tokens, false)?, text);
/// assert_eq!(tokenizer.encode("<|endoftext|>", false)?, [0]);
/// let (train, validation) = Windows::split(tokens, 0.2, 16)?;
/// assert!(train.len() > validation.len());
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    vocab_size: usize,
}

impl Tokenizer {
    /// Reads a `tokenizer.json` of at most 256 MiB. Its truncation, padding and dropout are ignored: encoding is the same every
    /// time, and [`Padded`](crate::Padded) pads.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::TooLarge`], and [`Error::Tokenizer`] if the file is no tokenizer or a token is 2^31 or more.
    pub fn read(path: impl AsRef<Path>) -> Result<Tokenizer> {
        let path = path.as_ref();
        let fault = |source| Error::Read { path: path.into(), source };
        let (file, mut bytes) = (File::open(path).map_err(fault)?, vec![]);
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fault)?;
        Tokenizer::parse(&bytes, &path.display().to_string())
    }

    /// [`read`](Self::read) from a file's bytes; errors name it `file`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(bytes: &[u8], file: &str) -> Result<Tokenizer> {
        if bytes.len() as u64 > LIMIT {
            return Err(Error::TooLarge { what: file.into(), limit: LIMIT });
        }
        guarded(file, || {
            let mut inner = tokenizers::Tokenizer::from_bytes(bytes)?;
            inner.with_truncation(None)?.with_padding(None);
            if let ModelWrapper::BPE(bpe) = inner.get_model()
                && bpe.dropout.is_some()
            {
                let mut bpe = bpe.clone();
                bpe.dropout = None;
                inner.with_model(bpe);
            }
            Tokenizer::new(inner)
        })
    }

    /// Learns byte-pair encoding of a text's bytes as GPT-2 does, so that every text can be encoded and is decoded exactly. Its
    /// tokens are the special ones, the 256 bytes, and the most frequent pairs until there are `vocab_size` tokens or no pairs
    /// are left.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if `vocab_size` is less than 256 plus the special tokens.
    pub fn bpe(text: &str, vocab_size: usize, special: &[&str]) -> Result<Tokenizer> {
        let mut inner = tokenizers::Tokenizer::new(BPE::default());
        inner.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
        inner.with_decoder(Some(ByteLevel::default()));
        let trainer = BpeTrainer::builder()
            .vocab_size(vocab_size)
            .show_progress(false)
            .special_tokens(added(special))
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        let tokenizer = guarded("learning", || {
            inner.train(&mut TrainerWrapper::from(trainer), text.split_inclusive('\n'))?;
            Tokenizer::new(inner)
        })?;
        tokenizer.within(vocab_size)
    }

    /// Learns WordPiece as BERT does: words in lower case without accents, cut into the most frequent parts; those inside of a
    /// word begin with `##`. The special tokens come first; `[UNK]` is one of them whether it is listed or not.
    ///
    /// ```
    /// use data::Tokenizer;
    /// let text = "Playing, played and plays; walking, walked and walks. ".repeat(5);
    /// let tokenizer = Tokenizer::word_piece(&text, 60, &["[PAD]", "[UNK]"])?;
    /// let tokens = tokenizer.encode("WALKED playing €", false)?;
    /// assert_eq!(tokenizer.decode(&tokens, true)?, "walked playing");
    /// assert_eq!((tokens.last(), tokenizer.token("[UNK]")), (Some(&1), Some(1)));
    /// # Ok::<(), data::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if `vocab_size` is less than the special tokens and the text's different characters, inside and at
    /// the beginning of words.
    pub fn word_piece(text: &str, vocab_size: usize, special: &[&str]) -> Result<Tokenizer> {
        let unlisted = (!special.contains(&UNKNOWN)).then_some(UNKNOWN);
        let special: Vec<&str> = unlisted.into_iter().chain(special.iter().copied()).collect();
        let tokenizer = guarded("learning", || {
            let mut inner = tokenizers::Tokenizer::new(word_piece::learn(text, vocab_size, &special)?);
            inner.with_normalizer(Some(BertNormalizer::default()))?;
            inner.with_pre_tokenizer(Some(BertPreTokenizer));
            inner.with_decoder(Some(WordPieceDecoder::default()));
            inner.add_special_tokens(added(&special))?;
            Tokenizer::new(inner)
        })?;
        tokenizer.within(vocab_size)
    }

    fn new(inner: tokenizers::Tokenizer) -> Outcome<Tokenizer> {
        let last = inner.get_vocab(true).into_values().max();
        let vocab_size = last.map_or(0, |last| last as usize + 1);
        if vocab_size > 1 << 31 {
            return Err(format!("token {} is more than 31 bits can count", vocab_size - 1).into());
        }
        Ok(Tokenizer { inner, vocab_size })
    }

    /// An error if single characters and special tokens alone are more than `vocab_size`.
    fn within(self, vocab_size: usize) -> Result<Tokenizer> {
        match self.vocab_size {
            size if size > vocab_size => {
                let problem = format!(
                    "{vocab_size} tokens are too few; single characters and special tokens are {size}"
                );
                Err(fault("learning", &problem))
            }
            _ => Ok(self),
        }
    }

    /// One more than the largest token: the rows of an embedding.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The number of a token, given as written in the vocabulary, if it is there.
    pub fn token(&self, token: &str) -> Option<i32> {
        self.inner.token_to_id(token).map(|token| token as i32)
    }

    /// The tokens of a text; with `special`, also those that the tokenizer puts around it (BERT's `[CLS]` and `[SEP]`). Encoding
    /// takes some hundred bytes of memory a token: give a large text in parts.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer has no token for a part of the text.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<i32>> {
        guarded("encoding", || {
            let encoding = self.inner.encode_fast(text, special)?;
            match encoding.get_ids().iter().find(|&&token| token as usize >= self.vocab_size) {
                Some(token) => {
                    Err(format!("token {token}, which it puts around texts, is not in its vocabulary").into())
                }
                None => Ok(encoding.get_ids().iter().map(|&token| token as i32).collect()),
            }
        })
    }

    /// The text of tokens, without special ones if `skip_special`. Tokens that are not in the vocabulary are left out.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the tokenizer's decoder fails.
    pub fn decode(&self, tokens: &[i32], skip_special: bool) -> Result<String> {
        let tokens: Vec<u32> = tokens.iter().filter_map(|&token| u32::try_from(token).ok()).collect();
        guarded("decoding", || self.inner.decode(&tokens, skip_special))
    }

    /// Writes a `tokenizer.json`, which other libraries read, too. It appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Write`], and [`Error::Tokenizer`] if the tokenizer can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = guarded("saving", || self.inner.to_string(true))?;
        let path = path.as_ref();
        gpu_core::write_atomically(path, text.as_bytes())
            .map_err(|source| Error::Write { path: path.into(), source })
    }
}

/// The result type of the `tokenizers` crate.
pub(crate) type Outcome<T> = tokenizers::Result<T>;

fn fault(what: &str, problem: &dyn std::fmt::Display) -> Error {
    let problem = problem.to_string().chars().take(300).collect();
    Error::Tokenizer { what: what.into(), problem }
}

/// Runs `body` and makes an error of a panic: the `tokenizers` crate panics if a file's parts do not fit together, such as merges
/// of missing tokens.
fn guarded<T>(what: &str, body: impl FnOnce() -> Outcome<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(outcome) => outcome.map_err(|error| fault(what, &error)),
        Err(_) => Err(fault(what, &"the tokenizer's parts do not fit together; use another file")),
    }
}

pub(crate) fn added(special: &[&str]) -> Vec<AddedToken> {
    special.iter().map(|&token| AddedToken::from(token, true)).collect()
}
