//! Weights from files into a tree of parameters.

use std::collections::HashSet;
use std::path::Path;

use autograd::Tensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{OTHERS, WeightsFile, floats, is_float, short};
use crate::params::{Entry, wildcard};
use crate::{Error, Params, Result};

/// What [`Params::load_partial`] did with each tensor of the model and of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The tensors of the model that have the file's values now.
    pub loaded: Vec<String>,
    /// Those that were skipped because their names match a pattern.
    pub skipped: Vec<Skipped>,
    /// Those that the file lacks and no pattern matches; they keep their values. PyTorch's `missing_keys`.
    pub missing: Vec<String>,
    /// The tensors of the file that the model lacks. PyTorch's `unexpected_keys`.
    pub unexpected: Vec<String>,
}

/// A tensor of the model that keeps its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The shape of the file's tensor of that name, if there is one.
    pub in_file: Option<Vec<usize>>,
}

impl Params {
    /// Reads all parameters and buffers of this tree. Tensors of types f16, bf16 and f64 are converted to f32. On an error nothing is changed.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read; [`Error::Format`] when it is damaged; [`Error::Missing`],
    /// [`Error::Unexpected`] or [`Error::Mismatch`] when it belongs to another model; [`Error::Range`] when an f64 is too large for f32.
    #[doc(alias("load_state_dict", "load_file"))]
    pub fn load(&self, path: impl AsRef<Path>) -> Result<()> {
        self.load_from(&WeightsFile::open(path, self)?).map(drop)
    }

    /// [`load`](Params::load) of a file's contents.
    ///
    /// # Errors
    /// As [`load`](Params::load).
    pub fn load_safetensors(&self, bytes: &[u8]) -> Result<()> {
        let file = WeightsFile::parse("weights in memory".into(), bytes.to_vec(), self)?;
        self.load_from(&file).map(drop)
    }

    /// [`load`](Params::load) from an open file. Returns the further tensors of a [`Snapshot`](crate::Snapshot).
    ///
    /// # Errors
    /// As [`load`](Params::load).
    pub fn load_from(&self, file: &WeightsFile) -> Result<Vec<(String, Tensor)>> {
        let (path, entries, file) = (file.path.as_path(), self.entries(), file.tensors());
        let known: HashSet<&str> = entries.iter().map(Entry::name).collect();
        let mut others = vec![];
        // In order, so that the same file gives the same error.
        let mut names = file.names();
        names.sort_unstable();
        for name in names {
            if let Some(other) = name.strip_prefix(OTHERS) {
                others.push((other.to_owned(), self.other(path, name, &file)?));
            } else if !known.contains(name) {
                return Err(Error::Unexpected { path: path.into(), name: short(name) });
            }
        }
        // Everything is checked before anything is changed.
        let loaded = entries.iter().map(|entry| {
            let missing =
                || Error::Missing { path: path.into(), name: entry.name().into(), shape: entry.shape() };
            self.loaded(path, entry, &file.tensor(entry.name()).map_err(|_| missing())?)
        });
        let loaded = loaded.collect::<Result<Vec<_>>>()?;
        entries.iter().zip(loaded).for_each(|(entry, loaded)| entry.put(loaded));
        Ok(others)
    }

    /// Reads the tensors that this tree and a file have in common, except for those of the tree whose names match a pattern of `skip` (`*`
    /// matches anything). Everything else keeps its values, as with PyTorch's `load_state_dict(strict=False)`. On an error nothing is changed.
    ///
    /// ```
    /// use models::{Linear, Params};
    /// let device = autograd::Device::named("cpu")?;
    /// let network = |classes| {
    ///     let params = Params::new(&device, 0);
    ///     Linear::new(&params.path("fc1"), 4, 8);
    ///     Linear::new(&params.path("fc2"), 8, classes);
    ///     params
    /// };
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("ten.safetensors");
    /// network(10).save(&path)?;
    /// let report = network(3).load_partial(&path, &["fc2.*"])?;
    /// assert_eq!(report.loaded, ["fc1.weight", "fc1.bias"]);
    /// assert_eq!((report.skipped[0].shape.as_slice(), report.skipped[0].in_file.as_deref()), (&[3, 8][..], Some(&[10, 8][..])));
    /// assert!(report.missing.is_empty() && report.unexpected.is_empty());
    /// assert!(network(3).load_partial(&path, &[]).is_err()); // another shape
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read; [`Error::Format`] when it is damaged; [`Error::Mismatch`] when a tensor that is not skipped
    /// has another shape or type; [`Error::Range`] when an f64 is too large for f32.
    #[doc(alias("load_state_dict", "strict", "missing_keys", "unexpected_keys"))]
    pub fn load_partial(&self, path: impl AsRef<Path>, skip: &[&str]) -> Result<LoadReport> {
        let file = WeightsFile::open(path, self)?;
        let (path, entries, file) = (file.path.as_path(), self.entries(), file.tensors());
        let (mut report, mut found) = (LoadReport::default(), vec![]);
        for entry in &entries {
            let (name, view) = (entry.name().to_owned(), file.tensor(entry.name()).ok());
            if skip.iter().any(|pattern| wildcard::matches(pattern, &name)) {
                let in_file = view.map(|view| view.shape().to_vec());
                report.skipped.push(Skipped { name, shape: entry.shape(), in_file });
            } else if let Some(view) = view {
                found.push((entry, self.loaded(path, entry, &view)?));
                report.loaded.push(name);
            } else {
                report.missing.push(name);
            }
        }
        let known: HashSet<&str> = entries.iter().map(Entry::name).collect();
        let unexpected =
            file.names().into_iter().filter(|name| !name.starts_with(OTHERS) && !known.contains(name));
        report.unexpected = unexpected.map(String::from).collect();
        report.unexpected.sort_unstable();
        found.into_iter().for_each(|(entry, loaded)| entry.put(loaded));
        Ok(report)
    }

    /// A tensor that does not belong to the model.
    fn other(&self, path: &Path, name: &str, file: &SafeTensors) -> Result<Tensor> {
        let view = file.tensor(name).expect("a name of the file");
        Ok(Tensor::from_slice(self.device(), &floats(path, name, &view)?, view.shape())?)
    }

    /// The value of an entry, if type and shape fit.
    fn loaded(&self, path: &Path, entry: &Entry, view: &TensorView) -> Result<Loaded> {
        let (name, shape) = (entry.name(), entry.shape());
        let (dtype, fits) = match entry {
            Entry::Tensor(_) => (Dtype::F32, is_float(view.dtype())),
            Entry::Counter(..) => (Dtype::I64, view.dtype() == Dtype::I64),
        };
        if view.shape() != shape || !fits {
            let got = format!("{:?} {:?}", view.dtype(), view.shape());
            let want = format!("{dtype:?} {shape:?}");
            return Err(Error::Mismatch { path: path.into(), name: name.into(), got, want });
        }
        Ok(match entry {
            Entry::Tensor(_) => {
                Loaded::Tensor(Tensor::from_slice(self.device(), &floats(path, name, view)?, &shape)?)
            }
            Entry::Counter(..) => {
                let word = view.data().try_into().expect("an i64 has 8 bytes");
                let count = u64::try_from(i64::from_le_bytes(word)).map_err(|_| {
                    let reason = format!("\"{name}\" is a negative count");
                    Error::Format { path: path.into(), reason }
                })?;
                Loaded::Count(count)
            }
        })
    }
}

enum Loaded {
    Tensor(Tensor),
    Count(u64),
}

impl Entry {
    pub(crate) fn shape(&self) -> Vec<usize> {
        match self {
            Entry::Tensor(param) => param.value().shape().to_vec(),
            Entry::Counter(..) => vec![],
        }
    }

    fn put(&self, loaded: Loaded) {
        match (self, loaded) {
            (Entry::Tensor(param), Loaded::Tensor(value)) => param.set(&value),
            (Entry::Counter(_, counter), Loaded::Count(n)) => counter.set(n),
            _ => unreachable!("each entry is loaded as its kind"),
        }
    }
}
