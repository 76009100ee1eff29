//! Tokenizers: those that Hugging Face's library wrote, and those learned here.
#![cfg(feature = "tokenizers")]

use std::path::{Path, PathBuf};

use data::{Error, Text, Tokenizer, Windows};

const TEXT: &str = "Now is the winter of our discontent\nmade glorious summer by this sun of York;\n";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizer").join(name)
}

#[test]
fn encodes_as_the_python_library() {
    let bpe = Tokenizer::read(fixture("bpe.json")).unwrap();
    let tokens = [263, 257, 287, 260, 12, 289, 221, 83, 79, 78, 83, 0];
    assert_eq!(bpe.encode("this winter, our sons<s>", false).unwrap(), tokens);
    assert_eq!(bpe.decode(&tokens, true).unwrap(), "this winter, our sons");
    assert_eq!(bpe.decode(&tokens, false).unwrap(), "this winter, our sons<s>");
    // Its padding to 50, cutting to 2 and dropout of a half are passed over.
    let all = Tokenizer::read(fixture("all.json")).unwrap();
    for _ in 0..20 {
        let with = [7, 6, 5, 6, 4, 0, 6, 2, 6, 0, 6, 3, 4, 8];
        assert_eq!(all.encode("ABC abd 12, cab", true).unwrap(), with);
        assert_eq!(all.encode("ABC abd 12, cab", false).unwrap(), with[1..13]);
    }
    assert_eq!((all.vocab_size(), all.token("</s>"), all.token("xyz")), (9, Some(8), None));
}

#[test]
fn learns_what_the_python_library_learns() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bpe.json");
    let learned = Tokenizer::bpe(&TEXT.repeat(4), 290, &["<s>"]).unwrap();
    let theirs = Tokenizer::read(fixture("bpe.json")).unwrap();
    for text in [TEXT, "this winter, our sons<s>", "Zürich 東京 🙂\0\r\n  \u{a0}", ""] {
        let tokens = learned.encode(text, false).unwrap();
        assert_eq!(tokens, theirs.encode(text, false).unwrap());
        assert_eq!(learned.decode(&tokens, false).unwrap(), text);
    }
    learned.save(&path).unwrap();
    let again = Tokenizer::read(&path).unwrap();
    assert_eq!(again.encode(TEXT, false).unwrap(), learned.encode(TEXT, false).unwrap());
    assert_eq!(learned.vocab_size(), 290);
}

#[test]
fn learning_is_the_same_every_time() {
    let directory = tempfile::tempdir().unwrap();
    let text = data::synthetic::grammar(20_000, 1);
    let saved = |tokenizer: Tokenizer| {
        tokenizer.save(directory.path().join("a")).unwrap();
        std::fs::read(directory.path().join("a")).unwrap()
    };
    assert_eq!(
        saved(Tokenizer::bpe(&text, 400, &[]).unwrap()),
        saved(Tokenizer::bpe(&text, 400, &[]).unwrap())
    );
    let word_piece = || Tokenizer::word_piece(&text, 200, &["[PAD]"]).unwrap();
    assert_eq!(saved(word_piece()), saved(word_piece()));
    assert_eq!((word_piece().token("[UNK]"), word_piece().token("[PAD]")), (Some(0), Some(1)));
}

#[test]
fn windows_are_cut_alike_of_characters_and_of_parts_of_words() {
    let text = data::synthetic::grammar(20_000, 1);
    let characters = Windows::split(Text::new(&text).unwrap().tokens(), 0.1, 32).unwrap();
    let tokenizer = Tokenizer::bpe(&text, 400, &[]).unwrap();
    let parts = Windows::split(tokenizer.encode(&text, false).unwrap(), 0.1, 32).unwrap();
    assert!(parts.0.len() * 2 < characters.0.len() && parts.1.len() > 2);
    let batch = parts.0.draw(2, 0, 0);
    assert!(text.contains(&tokenizer.decode(&batch.tokens[..32], false).unwrap()));
    assert_eq!(batch.tokens[1..32], batch.next[..31]);
}

#[test]
fn what_cannot_be_says_why() {
    let problem = |outcome: data::Result<Tokenizer>| match outcome {
        Err(Error::Tokenizer { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert!(problem(Tokenizer::bpe(TEXT, 200, &["<s>"])).contains("200 tokens are too few"));
    assert!(problem(Tokenizer::word_piece(TEXT, 5, &[])).contains("5 tokens are too few"));
    assert!(problem(Tokenizer::parse(b"{}", "x")).len() < 310);
    // Merges of what is not in the vocabulary.
    let text = std::fs::read_to_string(fixture("all.json")).unwrap().replace("\"abc\": 5", "\"abx\": 5");
    problem(Tokenizer::parse(text.as_bytes(), "x"));
    let text = std::fs::read_to_string(fixture("all.json")).unwrap().replace("\"a\": 1", "\"a\": 4294967295");
    assert!(problem(Tokenizer::parse(text.as_bytes(), "x")).contains("31 bits"));
    assert!(matches!(Tokenizer::read("no.json"), Err(Error::Read { .. })));
    let bpe = Tokenizer::read(fixture("bpe.json")).unwrap();
    assert!(matches!(bpe.save("no/such/directory/x.json"), Err(Error::Write { .. })));
    assert_eq!(bpe.decode(&[-1, 999_999], false).unwrap(), "");
}
