//! What a trial printed, read from its end: a program may print much.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::{Map, Value};

/// Bytes of the end of standard output that are searched for the objective.
const OBJECTIVE_WITHIN: u64 = 1 << 20;

/// Bytes of the end of standard error that are kept with a failure.
const TAIL: u64 = 2000;

/// The number called `key` in the last JSON object on a line of its own in a file; dots in the key lead into objects.
///
/// # Errors
/// Why there is none.
pub(super) fn objective(stdout: &Path, key: &str) -> Result<f64, String> {
    let text = end(stdout, OBJECTIVE_WITHIN)?;
    let object = |line: &str| serde_json::from_str::<Map<String, Value>>(line.trim()).ok();
    let Some(last) = text.lines().rev().find_map(object) else {
        return Err("it printed no JSON object on a line of its own".into());
    };
    let value = last.get(key).or_else(|| {
        let (first, rest) = key.split_once('.')?;
        rest.split('.').try_fold(last.get(first)?, |value, part| value.get(part))
    });
    match value {
        Some(Value::Number(number)) => number.as_f64().ok_or_else(|| format!("{key} is {number}")),
        Some(other) => Err(format!("{key} is {other}, not a number")),
        None => {
            let keys: Vec<&str> = last.keys().map(String::as_str).collect();
            Err(format!("its last JSON object has no {key}, only {}", keys.join(", ")))
        }
    }
}

/// The last lines of standard error.
pub(super) fn tail(stderr: &Path) -> String {
    end(stderr, TAIL).map(|text| text.trim().to_owned()).unwrap_or_else(|fault| fault)
}

/// At most the last `bytes` of a file.
fn end(path: &Path, bytes: u64) -> Result<String, String> {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut text = Vec::new();
        file.take(bytes).read_to_end(&mut text)?;
        std::io::Result::Ok(String::from_utf8_lossy(&text).into_owned())
    };
    read().map_err(|e| format!("cannot read {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, key: &str) -> Result<f64, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        objective(file.path(), key)
    }

    #[test]
    fn the_last_object_counts() {
        let text = "epoch 1\n{\"loss\": 3}\n{\"loss\": 0.25, \"test\": {\"top1\": 0.5}}\n[1]\n{cut\n";
        assert_eq!(of(text, "loss"), Ok(0.25));
        assert_eq!(of(text, "test.top1"), Ok(0.5));
        assert_eq!(of(text, "top1").unwrap_err(), "its last JSON object has no top1, only loss, test");
        assert_eq!(of("{\"loss\": null}", "loss").unwrap_err(), "loss is null, not a number");
        assert!(of("loss: 1", "loss").unwrap_err().contains("no JSON object"));
        assert!(of("", "loss").is_err());
    }

    #[test]
    fn only_the_end_is_read() {
        let long = format!("{{\"loss\": 1}}\n{}\n{{\"loss\": 2}}\n", "x".repeat(3 << 20));
        assert_eq!(of(&long, "loss"), Ok(2.0));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "ä".repeat(5000) + "the end\n").unwrap();
        let tail = tail(file.path());
        assert!(tail.ends_with("the end") && tail.len() < 2010);
    }
}
