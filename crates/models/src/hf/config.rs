//! `config.json`.

use std::path::{Path, PathBuf};

use autograd::Tensor;
use serde_json::Value;

use crate::{Error, Result};

/// The largest size of a network, beyond which products of sizes would overflow.
const MOST: usize = 1 << 24;

/// The most layers.
const MOST_LAYERS: usize = 1 << 12;

/// The most bytes of a file of JSON.
const MOST_BYTES: u64 = 64 << 20;

pub struct Config {
    pub path: PathBuf,
    pub value: Value,
}

/// Reads a file of JSON of bounded size.
pub fn read_json(path: &Path) -> Result<Value> {
    let io = |source| Error::Io { doing: "read", path: path.into(), source };
    let fault = |reason: String| Error::Config { path: path.into(), reason };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MOST_BYTES {
        return Err(fault(format!("{size} bytes are too many")));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    serde_json::from_slice(&bytes).map_err(|e| fault(e.to_string()))
}

impl Config {
    pub fn read(path: &Path) -> Result<Config> {
        Ok(Config { path: path.into(), value: read_json(path)? })
    }

    pub fn fault(&self, reason: String) -> Error {
        Error::Config { path: self.path.clone(), reason: reason.chars().take(600).collect() }
    }

    pub fn architecture(&self) -> Result<&str> {
        let name = self.value["architectures"][0].as_str();
        name.ok_or_else(|| self.fault("\"architectures\" does not name a network".into()))
    }

    /// The value of a key, if it is there and not null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.value.get(key).filter(|value| !value.is_null())
    }

    fn of_type<T>(&self, key: &str, found: Option<T>) -> Result<T> {
        found.ok_or_else(|| match self.get(key) {
            Some(other) => self.fault(format!("\"{key}\" is {other}")),
            None => self.fault(format!("\"{key}\" is missing")),
        })
    }

    /// A positive number.
    pub fn count(&self, key: &str) -> Result<usize> {
        self.of_type(key, self.get(key).and_then(|value| count(value, MOST)))
    }

    /// A number of layers.
    pub fn layers(&self, key: &str) -> Result<usize> {
        self.of_type(key, self.get(key).and_then(|value| count(value, MOST_LAYERS)))
    }

    pub fn count_or(&self, key: &str, default: usize) -> Result<usize> {
        if self.get(key).is_some() { self.count(key) } else { Ok(default) }
    }

    pub fn number_or(&self, key: &str, default: f64) -> Result<f64> {
        if self.get(key).is_none() {
            return Ok(default);
        }
        self.of_type(key, self.value[key].as_f64())
    }

    pub fn flag_or(&self, key: &str, default: bool) -> Result<bool> {
        if self.get(key).is_none() {
            return Ok(default);
        }
        self.of_type(key, self.value[key].as_bool())
    }

    /// Positive numbers of at most `most` each.
    fn counts(&self, key: &str, most: usize) -> Result<Vec<usize>> {
        let list = self.get(key).and_then(Value::as_array);
        self.of_type(key, list.and_then(|list| list.iter().map(|value| count(value, most)).collect()))
    }

    /// Channels and layers of stages.
    pub fn stages(&self, channels: &str, layers: &str) -> Result<(Vec<usize>, Vec<usize>)> {
        Ok((self.counts(channels, MOST)?, self.counts(layers, MOST_LAYERS)?))
    }

    /// Refuses other values of a key than the only one that is supported, which is the default.
    pub fn only(&self, key: &str, supported: impl Into<Value>) -> Result<()> {
        let supported = supported.into();
        match self.get(key) {
            Some(other) if *other != supported => {
                Err(self.fault(format!("\"{key}\" is {other}, only {supported} is supported")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses sizes that networks panic at.
    pub fn divides(&self, what: &str, part: usize, whole: usize) -> Result<()> {
        if whole.is_multiple_of(part) {
            return Ok(());
        }
        Err(self.fault(format!("{whole} is not a multiple of {part} {what}")))
    }

    /// The number of classes.
    pub fn classes(&self) -> Result<usize> {
        match self.get("id2label").and_then(Value::as_object) {
            Some(labels) if !labels.is_empty() => Ok(labels.len()),
            _ => self.count_or("num_labels", 2),
        }
    }

    /// The activation that a key names.
    pub fn activation(&self, key: &str, default: &str) -> Result<fn(&Tensor) -> Tensor> {
        match self.get(key).map_or(Some(default), Value::as_str) {
            Some("gelu") => Ok(Tensor::gelu),
            Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Tensor::gelu_tanh),
            Some("relu") => Ok(Tensor::relu),
            Some("silu" | "swish") => Ok(Tensor::silu),
            _ => {
                Err(self
                    .fault(format!("\"{key}\" is {}, an activation that is not supported", self.value[key])))
            }
        }
    }
}

fn count(value: &Value, most: usize) -> Option<usize> {
    let count = usize::try_from(value.as_u64()?).ok()?;
    (1..=most).contains(&count).then_some(count)
}
