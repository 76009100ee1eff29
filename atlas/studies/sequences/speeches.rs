//! A play's speeches by speaker: who speaks is a label that the text itself gives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use atlas::prelude::*;
use wgrad::data::{Text, Tokenizer};

/// The speakers to tell apart: those with the most words.
pub(super) const SPEAKERS: usize = 8;
/// Pieces of words.
const VOCAB: usize = 2000;

/// A play in tokens, without the names of speakers.
pub(super) struct Speeches {
    /// Number of different tokens.
    pub(super) vocab: usize,
    pub(super) speakers: Vec<String>,
    /// All speeches one after another, except for those that excerpts for testing are from.
    pub(super) unlabelled: Vec<i32>,
    /// Excerpts for training, by speaker.
    pub(super) train: Vec<Vec<Vec<i32>>>,
    /// Excerpts of the last third of speeches, by speaker.
    pub(super) test: Vec<Vec<Vec<i32>>>,
}

impl Speeches {
    /// Reads a text of speeches, each a line with the speaker's name and a colon, then lines of text, then an empty line. Excerpts have
    /// `length` tokens. Words that are part of any speaker's name are left out everywhere.
    ///
    /// # Errors
    /// A text that cannot be read, or without enough speeches.
    pub(super) fn read(path: &Path, length: usize) -> Result<Speeches> {
        let text = Text::read(path)?;
        let text = text.decode(text.tokens());
        let speeches: Vec<(&str, &str)> =
            text.split("\n\n").filter_map(|speech| speech.split_once(":\n")).collect();
        let names: BTreeSet<String> = speeches.iter().flat_map(|(name, _)| words(name)).collect();
        let said = |said: &str| -> String {
            let kept = said.split_whitespace().filter(|word| words(word).all(|word| !names.contains(&word)));
            kept.collect::<Vec<_>>().join(" ")
        };
        let speeches: Vec<(&str, String)> =
            speeches.into_iter().map(|(name, text)| (name, said(text))).collect();
        let speakers = most(&speeches);
        ensure!(
            speakers.len() == SPEAKERS,
            "{}: no speeches of {SPEAKERS} speakers; give a text of lines \"NAME:\", what is said, and an empty line",
            path.display()
        );

        let turns =
            speakers.iter().map(|speaker| speeches.iter().filter(|(name, _)| name == speaker).count());
        let turns: Vec<usize> = turns.collect();
        let (mut rest, mut turn) = (String::new(), [0; SPEAKERS]);
        let [mut first, mut last] = [(); 2].map(|()| vec![String::new(); SPEAKERS]);
        for (name, text) in speeches {
            let text = text + " ";
            let Some(speaker) = speakers.iter().position(|speaker| *speaker == name) else {
                rest += &text;
                continue;
            };
            turn[speaker] += 1;
            if turn[speaker] > turns[speaker] * 2 / 3 {
                last[speaker] += &text;
            } else {
                first[speaker] += &text;
                rest += &text;
            }
        }
        let tokenizer = Tokenizer::word_piece(&rest, VOCAB, &[])?;
        let excerpts = |of: &[String]| -> Result<Vec<Vec<Vec<i32>>>> {
            let cut = |text: &String| {
                let tokens = tokenizer.encode(text, false)?;
                Ok(tokens.chunks_exact(length).map(<[i32]>::to_vec).collect())
            };
            of.iter().map(cut).collect()
        };
        Ok(Speeches {
            vocab: tokenizer.vocab_size(),
            unlabelled: tokenizer.encode(&rest, false)?,
            train: excerpts(&first)?,
            test: excerpts(&last)?,
            speakers: speakers.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// The words of a text in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 1).map(str::to_lowercase)
}

/// The speakers who say most.
fn most<'a>(speeches: &[(&'a str, String)]) -> Vec<&'a str> {
    let mut lengths = BTreeMap::new();
    for (name, text) in speeches {
        *lengths.entry(*name).or_insert(0) += text.len();
    }
    let mut speakers: Vec<(&str, usize)> = lengths.into_iter().collect();
    speakers.sort_by_key(|&(name, length)| (std::cmp::Reverse(length), name));
    speakers.into_iter().take(SPEAKERS).map(|(name, _)| name).collect()
}
