//! Texts and their windows.

use data::{Error, Text, synthetic};

#[test]
fn windows_are_of_their_part() {
    let text = Text::new(&"abcdefghij".repeat(10)).unwrap();
    let (train, validation) = text.split(0.2, 6).unwrap();
    // 80 and 20 characters, of which the last only follows.
    assert_eq!((train.len(), validation.len()), (13, 3));
    for step in 0..50 {
        let batch = validation.draw(4, 1, step);
        for (window, next) in batch.tokens.chunks(6).zip(batch.next.chunks(6)) {
            assert_eq!(window[1..], next[..5]);
        }
    }
    let all: Vec<i32> = validation.all(2).flat_map(|batch| batch.tokens).collect();
    assert_eq!(all, text.tokens()[80..98]);
    let sizes: Vec<usize> = validation.all(2).map(|batch| batch.tokens.len() / 6).collect();
    assert_eq!(sizes, [2, 1]);
}

#[test]
fn windows_reach_both_ends() {
    let text = Text::new("0123456789").unwrap();
    assert!(text.split(0.0, 3).is_err(), "a part of nothing has no window");
    let (train, _) = text.split(0.5, 3).unwrap();
    let starts: Vec<i32> = (0..200).map(|step| train.draw(1, 5, step).tokens[0]).collect();
    // Five characters: windows of three begin at 0 and 1, with one to follow.
    assert_eq!((starts.iter().min(), starts.iter().max()), (Some(&0), Some(&1)));
}

#[test]
fn characters_may_be_long() {
    let text = Text::new("Zürich, 東京 🙂").unwrap();
    assert_eq!(text.decode(text.tokens()), "Zürich, 東京 🙂");
    assert_eq!(text.decode(&[0, -1, 1000]), " ");
}

#[test]
fn bad_texts_are_explained() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    let fault = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Text::read(&path).unwrap_err().to_string()
    };
    assert!(fault(b"").contains("the file is empty"));
    assert!(fault(b"ab\xff").contains("not UTF-8 from byte 2 on"));
    assert!(matches!(Text::read(directory.path().join("none")), Err(Error::Read { .. })));
    assert!(matches!(Text::new("abc").unwrap().split(0.5, 8), Err(Error::Text(_))));
}

#[test]
fn the_grammar_has_few_characters() {
    let text = Text::new(&synthetic::grammar(20_000, 1)).unwrap();
    assert!((30..50).contains(&text.chars().len()), "{:?}", text.chars());
    assert_ne!(synthetic::grammar(100, 1), synthetic::grammar(100, 2));
}
