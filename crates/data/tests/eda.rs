//! Augmentation of texts, and masked tokens.

use std::collections::BTreeSet;

use data::eda::{Eda, Synonyms, delete, insert, replace, swap};
use data::{Draws, MaskTokens};

const WORDS: [&str; 6] = ["the", "good", "dog", "saw", "the", "good"];

fn synonyms() -> Synonyms {
    let list = |words: &[&str]| words.iter().map(|w| w.to_string()).collect();
    [("good", list(&["fine", "nice"])), ("dog", list(&["hound"])), ("saw", list(&[]))]
        .map(|(word, list)| (word.to_string(), list))
        .into()
}

fn draws(epoch: usize) -> Draws {
    Draws::new(9, epoch, 4)
}

#[test]
fn synonyms_replace_a_word_everywhere() {
    let table = synonyms();
    let mut seen = BTreeSet::new();
    for epoch in 0..60 {
        let one = replace(&WORDS, 1, &table, &mut draws(epoch));
        assert_eq!(one[1], one[5], "{one:?}");
        assert_eq!((one[0], one[3]), ("the", "saw"), "no synonyms, and an empty list");
        let (good, dog) = (one[1] != "good", one[2] != "dog");
        assert!(good != dog, "one word: {one:?}");
        seen.insert((one[1], one[2]));
        let both = replace(&WORDS, 5, &table, &mut draws(epoch));
        assert!(both[1] != "good" && both[2] == "hound", "{both:?}");
    }
    assert_eq!(seen, [("fine", "dog"), ("good", "hound"), ("nice", "dog")].into());
}

#[test]
fn inserted_words_are_synonyms_anywhere() {
    let table = synonyms();
    let mut places = BTreeSet::new();
    for epoch in 0..200 {
        let words = insert(&WORDS, 1, &table, &mut draws(epoch));
        let at = words.iter().position(|w| ["fine", "nice", "hound"].contains(w)).unwrap();
        places.insert(at);
        let rest: Vec<&str> = [&words[..at], &words[at + 1..]].concat();
        assert_eq!(rest, WORDS);
        assert_eq!(insert(&WORDS, 3, &table, &mut draws(epoch)).len(), 9);
    }
    assert_eq!(places.len(), 7, "before, between and after");
    assert_eq!(insert(&["the"], 3, &table, &mut draws(0)), ["the"]);
}

#[test]
fn a_swap_moves_two_different_places() {
    let words = ["a", "b", "c", "d"];
    let mut seen = BTreeSet::new();
    for epoch in 0..200 {
        let swapped = swap(&words, 1, &mut draws(epoch));
        assert_eq!(swapped.iter().zip(&words).filter(|(a, b)| a != b).count(), 2);
        seen.insert(swapped);
    }
    assert_eq!(seen.len(), 6, "every pair");
    assert_eq!(swap(&["a"], 3, &mut draws(0)), ["a"]);
    assert!(swap(&[], 3, &mut draws(0)).is_empty());
}

#[test]
fn deletion_leaves_a_word() {
    let words: Vec<&str> = ["w"; 50].into();
    let left: usize = (0..100).map(|epoch| delete(&words, 0.3, &mut draws(epoch)).len()).sum();
    assert!((3350..3650).contains(&left), "{left} of 5000 at 0.7");
    let last: BTreeSet<_> = (0..50).map(|epoch| delete(&WORDS, 1.0, &mut draws(epoch))).collect();
    assert!(last.len() == 4 && last.iter().all(|words| words.len() == 1), "{last:?}");
    assert_eq!(delete(&WORDS, 0.0, &mut draws(0)), WORDS);
    assert!(delete(&[], 0.5, &mut draws(0)).is_empty());
}

#[test]
fn every_operation_takes_its_turn() {
    let table = synonyms();
    let at = |epoch| Eda { alpha: 0.5, p: 0.5 }.apply(&WORDS, &table, &mut draws(epoch));
    assert_eq!(at(3), at(3));
    let lengths: BTreeSet<usize> = (0..100).map(|epoch| at(epoch).len()).collect();
    assert!(lengths.contains(&9), "half of the words were inserted");
    assert!(lengths.contains(&6) && lengths.iter().any(|n| *n < 6), "{lengths:?}");
    assert!(Eda::default().apply(&[], &table, &mut draws(0)).is_empty());
}

#[test]
fn masks_follow_80_10_10() {
    let mask = MaskTokens { mask: 3, vocabulary: 1000, special: vec![0, 1], p: 0.15 };
    let tokens: Vec<i32> = (0..100_000).map(|i| if i % 10 == 0 { i / 10 % 2 } else { 2000 + i }).collect();
    let (inputs, labels) = mask.apply(&tokens, &mut draws(0));
    let mut counts = [0; 4];
    for ((&token, &input), &label) in tokens.iter().zip(&inputs).zip(&labels) {
        let kind = match label {
            -100 => {
                assert_eq!(input, token);
                continue;
            }
            _ if input == 3 => 0,
            _ if input == token => 2,
            _ => 1,
        };
        assert!(token >= 2000, "special tokens are never chosen");
        assert!(label == token && (kind != 1 || input < 1000));
        counts[kind] += 1;
        counts[3] += 1;
    }
    let [masked, random, kept, all] = counts.map(f64::from);
    assert!((all / 90_000.0 - 0.15).abs() < 0.005, "{all}");
    assert!((masked / all - 0.8).abs() < 0.02 && (random / all - 0.1).abs() < 0.01, "{counts:?}");
    assert!((kept / all - 0.1).abs() < 0.01, "{counts:?}");
}
