//! Texts and tokenizers.

use data::Text;

use crate::campaign::{File, Reader, Sample};
use crate::common::write;

/// Texts as characters.
pub fn text() -> Reader {
    Reader {
        name: "text",
        samples: || {
            vec![
                Sample::plain(
                    "Now is the winter of our discontent\nmade glorious summer by this sun of York",
                ),
                Sample::plain("Zürich, 東京 🙂\r\n\tund so weiter"),
            ]
        },
        check: |file| {
            let path = file.directory.join("text.txt");
            write(&path, &file.bytes);
            file.judge(
                |_| Text::read(&path),
                |file, text| {
                    let sound = text.decode(text.tokens()).as_bytes() == file.bytes;
                    File::must(sound && text.chars().is_sorted(), "another text than the file's")
                },
            )
        },
        memory: (1 << 20, 64),
    }
}

/// Files of tokenizers, and what they make of a text.
#[cfg(feature = "tokenizers")]
pub fn tokenizer() -> Reader {
    use data::Tokenizer;
    Reader {
        name: "tokenizer",
        samples: || {
            let text = "Now is the winter of our discontent made glorious summer. ".repeat(3);
            let directory = tempfile::tempdir().unwrap();
            let saved = |tokenizer: data::Result<Tokenizer>| {
                let path = directory.path().join("tokenizer.json");
                tokenizer.unwrap().save(&path).unwrap();
                Sample::plain(std::fs::read(&path).unwrap())
            };
            vec![
                saved(Tokenizer::bpe(&text, 270, &["<s>", "</s>"])),
                saved(Tokenizer::word_piece(&text, 60, &["[PAD]", "[UNK]", "[CLS]"])),
                Sample::plain(include_str!("../../fixtures/tokenizer/all.json")),
            ]
        },
        check: |file| {
            let text = "<s>The wínter of 3 discontents,\n  made</s> [CLS] ok";
            file.judge(
                |bytes| {
                    let tokenizer = Tokenizer::parse(bytes, "tokenizer.json")?;
                    let tokens = tokenizer.encode(text, true).ok();
                    let decoded = tokens.as_ref().map(|tokens| tokenizer.decode(tokens, true).is_ok());
                    Ok::<_, data::Error>((tokenizer.vocab_size(), tokens, decoded))
                },
                |_, (size, tokens, _)| {
                    let known =
                        tokens.iter().flatten().all(|&token| (0..size as i64).contains(&i64::from(token)));
                    File::must(known, "a token beyond the vocabulary")
                },
            )
        },
        memory: (64 << 20, 1000),
    }
}
