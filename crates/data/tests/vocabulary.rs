//! Words as tokens.

use data::{Error, Vocabulary, Windows};
use proptest::prelude::*;

#[test]
fn words_are_cut_at_spaces_and_punctuation() {
    let text = "Don't stop—'quoted' x2, naïve 東京! 's it's'";
    let vocabulary = Vocabulary::learn(text, 1, &[]).unwrap();
    let words: Vec<&str> =
        vocabulary.encode(text).iter().map(|&token| &vocabulary.words()[token as usize][..]).collect();
    let expected =
        ["Don't", "stop", "—", "'", "quoted", "'", "x2", ",", "naïve", "東京", "!", "'", "s", "it's", "'"];
    assert_eq!(words, expected);
}

#[test]
fn order_is_by_frequency_and_then_by_letter() {
    let vocabulary = Vocabulary::learn("b a c b <pad> c d", 1, &["<pad>", "d"]).unwrap();
    assert_eq!(vocabulary.words(), ["<unk>", "<pad>", "d", "b", "c", "<", ">", "a", "pad"]);
    let frequent = Vocabulary::learn("b a c b c d", 2, &["<pad>"]).unwrap();
    assert_eq!(frequent.words(), ["<unk>", "<pad>", "b", "c"]);
    assert_eq!(frequent.encode("a b e c"), [0, 2, 0, 3]);
    assert_eq!(frequent.decode(&[2, -1, 0, 99, 3]), "b <unk> c");
}

#[test]
fn a_vocabulary_is_made_of_its_words_again() {
    let learned = Vocabulary::learn("to be or not to be", 1, &["<pad>"]).unwrap();
    assert_eq!(Vocabulary::new(learned.words().to_vec()).unwrap(), learned);
    for words in [vec![], vec!["a"], vec!["<unk>", "a", "a"]] {
        let words = words.into_iter().map(String::from).collect();
        assert!(matches!(Vocabulary::new(words), Err(Error::Text(_))));
    }
    assert!(matches!(Vocabulary::learn("a", 1, &["<unk>"]), Err(Error::Text(_))));
    assert!(matches!(Windows::split(learned.encode("to be"), 0.5, 1), Err(Error::Text(_))));
    assert!(matches!(Windows::split(vec![1; 10], 0.5, 0), Err(Error::Text(_))));
}

proptest! {
    #[test]
    fn no_letter_is_lost(text in "\\PC{0,60}") {
        let vocabulary = Vocabulary::learn(&text, 1, &[]).unwrap();
        let tokens = vocabulary.encode(&text);
        prop_assert!(tokens.iter().all(|&token| token > 0));
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        prop_assert_eq!(squeezed(&vocabulary.decode(&tokens)), squeezed(&text));
    }
}
