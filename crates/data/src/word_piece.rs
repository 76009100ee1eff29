//! Learns WordPiece deterministically, which the trainer of the `tokenizers` crate does not promise.

use std::collections::BTreeSet;

use ahash::AHashMap;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Trainer,
};

use crate::tokenizer::{Outcome, UNKNOWN, added};

/// The first of the [`PRIVATE_COUNT`] code points for private use.
const PRIVATE: u32 = 0xf_0000;
const PRIVATE_COUNT: usize = 0xfffe;

/// Byte-pair encoding of words whose inner characters are mapped to private code points, so that they differ from the first ones:
/// all single characters are known in advance, and their order does not depend on the order of the words.
pub(crate) fn learn(text: &str, vocab_size: usize, special: &[&str]) -> Outcome<WordPiece> {
    let mut chars = BTreeSet::new();
    for line in text.split_inclusive('\n') {
        chars.extend(words(line)?.iter().flat_map(|word| word.chars()));
    }
    let chars: Vec<char> = chars.into_iter().collect();
    if chars.len() > PRIVATE_COUNT {
        return Err(
            format!("{} different characters; {PRIVATE_COUNT} can be learned from", chars.len()).into()
        );
    }
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocab_size)
        .show_progress(false)
        .special_tokens(added(special))
        .build();
    let marked = |word: &String| -> String {
        let inside =
            |c: char| char::from_u32(PRIVATE + chars.binary_search(&c).unwrap_or(0) as u32).unwrap_or(c);
        word.char_indices().map(|(place, c)| if place == 0 { c } else { inside(c) }).collect()
    };
    trainer.feed(text.split_inclusive('\n'), |line| Ok(words(line)?.iter().map(marked).collect()))?;
    let mut parts = BPE::default();
    trainer.train(&mut parts)?;
    let unmarked = |c: char| chars.get((c as u32).wrapping_sub(PRIVATE) as usize).copied();
    let written = |part: String| match part.chars().next().and_then(unmarked) {
        Some(_) => format!("##{}", part.chars().map(|c| unmarked(c).unwrap_or(c)).collect::<String>()),
        None => part.chars().map(|c| unmarked(c).unwrap_or(c)).collect(),
    };
    let vocabulary: AHashMap<String, u32> =
        parts.get_vocab().into_iter().map(|(part, token)| (written(part), token)).collect();
    WordPiece::builder().vocab(vocabulary).unk_token(UNKNOWN.into()).build()
}

/// A line's words as BERT cuts them.
fn words(line: &str) -> Outcome<Vec<String>> {
    let mut normalized = NormalizedString::from(line);
    BertNormalizer::default().normalize(&mut normalized)?;
    let mut cut = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut cut)?;
    let splits = cut.get_splits(OffsetReferential::Original, OffsetType::None);
    Ok(splits.into_iter().map(|(word, ..)| word.to_owned()).collect())
}
