//! The choices made for one adapter and driver, and the file that keeps them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cache::CacheFile;

/// Must change whenever the meaning of classes or names of variants changes.
const FORMAT: u64 = 2;

/// Names of variants by class. A file that is missing, damaged, of another format or of another driver counts as empty.
pub(super) struct Choices {
    /// Adapter and driver.
    owner: String,
    known: BTreeMap<String, String>,
    file: CacheFile,
}

impl Choices {
    pub fn load(owner: &str) -> Choices {
        let file = CacheFile::new("tune", owner, "json");
        let known = parse(&file.read().unwrap_or_default(), owner).unwrap_or_default();
        Choices { owner: owner.to_owned(), known, file }
    }

    pub fn get(&self, class: &str) -> Option<&str> {
        self.known.get(class).map(String::as_str)
    }

    /// Adds a choice, and those that other processes have stored meanwhile.
    pub fn keep(&mut self, class: &str, variant: &str) {
        for (class, variant) in parse(&self.file.read().unwrap_or_default(), &self.owner).unwrap_or_default()
        {
            self.known.entry(class).or_insert(variant);
        }
        self.known.insert(class.to_owned(), variant.to_owned());
        self.write();
    }

    pub fn forget(&mut self) {
        self.known.clear();
        self.write();
    }

    fn write(&self) {
        let text = json!({"format": FORMAT, "device": self.owner, "choices": self.known});
        self.file.write(format!("{text:#}\n").as_bytes());
    }
}

fn parse(bytes: &[u8], owner: &str) -> Option<BTreeMap<String, String>> {
    let text: Value = serde_json::from_slice(bytes).ok()?;
    if text["format"] != FORMAT || text["device"] != owner {
        return None;
    }
    let entry = |(class, variant): (&String, &Value)| Some((class.clone(), variant.as_str()?.to_owned()));
    text["choices"].as_object()?.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_and_damaged_ones_count_as_empty() {
        let good = json!({"format": FORMAT, "device": "x", "choices": {"a": "b"}}).to_string();
        assert_eq!(parse(good.as_bytes(), "x").unwrap()["a"], "b");
        assert_eq!(parse(good.as_bytes(), "y"), None);
        for n in 0..good.len() {
            assert_eq!(parse(&good.as_bytes()[..n], "x"), None);
        }
        for text in [
            "null",
            "[]",
            "{}",
            "\"x\"",
            r#"{"format": 0, "device": "x", "choices": {}}"#,
            r#"{"format": 2, "device": "x", "choices": []}"#,
            r#"{"format": 2, "device": "x", "choices": {"a": 1}}"#,
            &"[".repeat(100_000),
        ] {
            assert_eq!(parse(text.as_bytes(), "x"), None, "{text}");
        }
    }
}
