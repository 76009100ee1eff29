//! Versions of a model, and which one is in use.

use std::path::{Path, PathBuf};

use models::Params;
use serde::Serialize;
use serde_json::Value;

use crate::{Error, Result, atomic, prepare_output};

const WEIGHTS: &str = "weights.safetensors";
const ABOUT: &str = "about.json";
/// The file that lists the promoted versions, the current one last.
const PROMOTED: &str = "promoted.json";

/// A directory of versions of a model: each has immutable weights and a description (`0001/weights.safetensors`, `0001/about.json`), and
/// `promoted.json` lists the versions that were put in use, the current one last. That file is replaced atomically: a reader sees the
/// old list or the new one, and a rollback is as quick and as safe as a promotion.
///
/// ```
/// use models::{Linear, Params};
/// use train::Registry;
/// # let directory = tempfile::tempdir()?;
/// let registry = Registry::open(directory.path().join("digits"))?;
/// let params = Params::new(&autograd::Device::named("cpu")?, 1);
/// Linear::new(&params, 2, 1);
/// let first = registry.publish(&params, &serde_json::json!({ "accuracy": 0.97 }))?;
/// assert_eq!(registry.current()?, None);
/// registry.promote(first)?;
/// let second = registry.publish(&params, &serde_json::json!({ "accuracy": 0.98 }))?;
/// registry.promote(second)?;
/// assert_eq!((registry.versions(), registry.current()?), (vec![1, 2], Some(2)));
/// assert_eq!(registry.rollback()?, first);
/// assert_eq!(registry.about(registry.current()?.unwrap())?["accuracy"], 0.97);
/// registry.load(first, &params)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    directory: PathBuf,
}

impl Registry {
    /// The registry in a directory, which is created if missing.
    ///
    /// # Errors
    /// [`Error::Output`] when the directory can't be made or written.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Registry> {
        let directory = directory.into();
        prepare_output(&directory)?;
        Ok(Registry { directory })
    }

    /// Stores a model as the next version, counted from 1, and returns its number. It is not in use yet.
    ///
    /// # Errors
    /// [`Error::Output`] or [`Error::Write`] when it can't be written, [`Error::Models`] when weights can't be read.
    pub fn publish(&self, params: &Params, about: &impl Serialize) -> Result<u32> {
        let about = serde_json::to_value(about).map_err(|e| Error::Task(Box::new(e)))?;
        let mut version = self.versions().last().map_or(1, |last| last + 1);
        // Another process may publish at the same time: `create_dir` succeeds for only one of them.
        while let Err(source) = std::fs::create_dir(self.path(version)) {
            match source.kind() {
                std::io::ErrorKind::AlreadyExists => version += 1,
                _ => return Err(Error::Output { path: self.path(version), source }),
            }
        }
        atomic::write(&self.path(version).join(ABOUT), format!("{about:#}\n").as_bytes())?;
        // The weights are written last: a version exists once they do.
        params.save(self.path(version).join(WEIGHTS))?;
        Ok(version)
    }

    /// The existing versions, in increasing order.
    pub fn versions(&self) -> Vec<u32> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let whole = entries.filter(|entry| entry.path().join(WEIGHTS).exists());
        let mut found: Vec<u32> =
            whole.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        found.sort_unstable();
        found
    }

    /// The version in use; `None` before the first [`promote`](Registry::promote).
    ///
    /// # Errors
    /// [`Error::Registry`] when the list is damaged.
    pub fn current(&self) -> Result<Option<u32>> {
        Ok(self.promoted()?.last().copied())
    }

    /// Puts a version in use.
    ///
    /// # Errors
    /// [`Error::Registry`] when there is no such version, [`Error::Write`] when the list can't be written.
    pub fn promote(&self, version: u32) -> Result<()> {
        self.expect(version)?;
        let mut promoted = self.promoted()?;
        promoted.push(version);
        self.write(&promoted)
    }

    /// Puts the previously used version back in use, and returns its number.
    ///
    /// # Errors
    /// [`Error::Registry`] when there is none, [`Error::Write`] when the list can't be written.
    pub fn rollback(&self) -> Result<u32> {
        let mut promoted = self.promoted()?;
        promoted.pop();
        let before = promoted.last().copied();
        let before = before.ok_or_else(|| self.fault("there is no version to go back to".into()))?;
        self.write(&promoted)?;
        Ok(before)
    }

    /// Sets a model's parameters to those of a version.
    ///
    /// # Errors
    /// [`Error::Registry`] when there is no such version, [`Error::Models`] when its weights are damaged or of another model.
    pub fn load(&self, version: u32, params: &Params) -> Result<()> {
        self.expect(version)?;
        Ok(params.load(self.path(version).join(WEIGHTS))?)
    }

    /// The description with which a version was published.
    ///
    /// # Errors
    /// [`Error::Registry`] when there is no such version.
    pub fn about(&self, version: u32) -> Result<Value> {
        self.expect(version)?;
        let path = self.path(version).join(ABOUT);
        let fault = |reason: String| self.fault(format!("{ABOUT} of version {version}: {reason}"));
        let text = std::fs::read_to_string(&path).map_err(|e| fault(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| fault(e.to_string()))
    }

    /// The directory of a version.
    pub fn path(&self, version: u32) -> PathBuf {
        self.directory.join(format!("{version:04}"))
    }

    fn promoted(&self) -> Result<Vec<u32>> {
        let path: &Path = &self.directory.join(PROMOTED);
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| self.fault(format!("{PROMOTED}: {e}"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(vec![]),
            Err(error) => Err(self.fault(format!("{PROMOTED}: {error}"))),
        }
    }

    fn write(&self, promoted: &[u32]) -> Result<()> {
        atomic::write(&self.directory.join(PROMOTED), format!("{promoted:?}\n").as_bytes())
    }

    fn expect(&self, version: u32) -> Result<()> {
        let there = self.path(version).join(WEIGHTS).exists();
        if there { Ok(()) } else { Err(self.fault(format!("there is no version {version}"))) }
    }

    fn fault(&self, reason: String) -> Error {
        Error::Registry { path: self.directory.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (tempfile::TempDir, Registry, Params) {
        let directory = tempfile::tempdir().unwrap();
        let registry = Registry::open(directory.path()).unwrap();
        let params = Params::new(&autograd::Device::named("cpu").unwrap(), 1);
        params.param("w", &[3], models::Init::ONES);
        (directory, registry, params)
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let (_directory, registry, params) = registry();
        assert!(matches!(registry.promote(1), Err(Error::Registry { .. })));
        assert!(matches!(registry.rollback(), Err(Error::Registry { .. })));
        let version = registry.publish(&params, &"first").unwrap();
        registry.promote(version).unwrap();
        // The first version has no predecessor, and stays in use.
        assert!(matches!(registry.rollback(), Err(Error::Registry { .. })));
        assert_eq!(registry.current().unwrap(), Some(version));
    }

    #[test]
    fn a_version_without_weights_is_none() {
        let (_directory, registry, params) = registry();
        // The state left by a process that was killed while publishing.
        std::fs::create_dir(registry.path(1)).unwrap();
        std::fs::write(registry.path(1).join(ABOUT), "{}").unwrap();
        assert!(registry.versions().is_empty() && registry.load(1, &params).is_err());
        assert_eq!(registry.publish(&params, &"").unwrap(), 2);
        std::fs::write(registry.directory.join(PROMOTED), "[2").unwrap();
        assert!(matches!(registry.current(), Err(Error::Registry { .. })));
    }

    #[test]
    fn each_version_keeps_its_weights() {
        let (_directory, registry, params) = registry();
        let weight = params.get("w").unwrap();
        for value in [1.0, 2.0] {
            weight.set(&weight.value().zeros_like().clamp_min(value));
            registry.publish(&params, &value).unwrap();
        }
        registry.load(1, &params).unwrap();
        assert_eq!(weight.value().to_vec::<f32>().unwrap(), [1.0; 3]);
        assert_eq!(registry.about(2).unwrap(), 2.0);
    }
}
