//! Weights in safetensors files, under PyTorch's `state_dict` names.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use autograd::Tensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::params::Entry;
use crate::{Error, Params, Result};

/// Room for names and shapes beyond the tensors' own bytes; a longer file is of another model.
const HEADER_LIMIT: u64 = 64 << 20;

/// How names of tensors begin that are not the model's.
const OTHERS: &str = "/";

/// A file has room for this many times the model's own bytes: an optimizer's state is beside it.
const ROOM: u64 = 5;

impl Params {
    /// Writes all parameters and buffers. The file appears whole or not at all: an earlier one stays if anything fails.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be written, [`Error::Device`] when values can't be read.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_with(path, &[])
    }

    /// [`save`](Params::save) with other f32 tensors beside the model's, such as an optimizer's state, for a run to go on from.
    ///
    /// # Errors
    /// As [`save`](Params::save).
    pub fn save_with(&self, path: impl AsRef<Path>, others: &[(String, Tensor)]) -> Result<()> {
        let path = path.as_ref();
        let mut tensors: Vec<(String, Vec<usize>, Dtype, Vec<u8>)> = vec![];
        let float = |name: String, value: &Tensor| -> Result<_> {
            let bytes = bytemuck::cast_slice(&value.to_vec::<f32>()?).to_vec();
            Ok((name, value.shape().to_vec(), Dtype::F32, bytes))
        };
        for entry in self.entries() {
            tensors.push(match entry {
                Entry::Tensor(param) => float(param.name().into(), &param.value())?,
                Entry::Counter(name, counter) => {
                    (name, vec![], Dtype::I64, counter.0.load(Relaxed).to_le_bytes().into())
                }
            });
        }
        for (name, value) in others {
            tensors.push(float(format!("{OTHERS}{name}"), value)?);
        }
        let views = tensors.iter().map(|(name, shape, dtype, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).expect("bytes match the shape");
            (name.as_str(), view)
        });
        let file = safetensors::serialize(views, None)
            .map_err(|e| Error::Format { path: path.into(), reason: e.to_string() })?;
        write_atomically(path, &file)
    }

    /// Reads all parameters and buffers of this tree. Nothing is changed when anything is wrong.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read; [`Error::Format`] when it is damaged; [`Error::Missing`],
    /// [`Error::Unexpected`] or [`Error::Mismatch`] when it belongs to another model.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<()> {
        self.load_with(path).map(drop)
    }

    /// [`load`](Params::load), and gives the other tensors that [`save_with`](Params::save_with) wrote.
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::{Init, Params};
    /// let params = Params::new(&Device::named("cpu")?, 0);
    /// params.param("weight", &[2], Init::ONES);
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("checkpoint.safetensors");
    /// params.save_with(&path, &[("step".into(), Tensor::scalar(params.device(), 7.0))])?;
    /// let others = params.load_with(&path)?;
    /// assert_eq!((others[0].0.as_str(), others[0].1.item()?), ("step", 7.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`load`](Params::load).
    pub fn load_with(&self, path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
        let path = path.as_ref();
        let entries = self.entries();
        let bytes = read_limited(path, &entries)?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|e| Error::Format { path: path.into(), reason: short(&e.to_string()) })?;
        let known: HashSet<&str> = entries.iter().map(Entry::name).collect();
        let mut others = vec![];
        for name in file.names() {
            if let Some(other) = name.strip_prefix(OTHERS) {
                others.push((other.to_owned(), self.other(path, name, &file)?));
            } else if !known.contains(name) {
                return Err(Error::Unexpected { path: path.into(), name: short(name) });
            }
        }
        // Everything is checked before anything is changed.
        let loaded = entries.iter().map(|e| self.loaded(path, e, &file)).collect::<Result<Vec<_>>>()?;
        for (entry, loaded) in entries.iter().zip(loaded) {
            match (entry, loaded) {
                (Entry::Tensor(param), Loaded::Tensor(value)) => param.set(&value),
                (Entry::Counter(_, counter), Loaded::Count(n)) => counter.0.store(n, Relaxed),
                _ => unreachable!("each entry is loaded as its kind"),
            }
        }
        Ok(others)
    }

    /// A tensor that is not the model's.
    fn other(&self, path: &Path, name: &str, file: &SafeTensors) -> Result<Tensor> {
        let view = file.tensor(name).expect("a name of the file");
        if view.dtype() != Dtype::F32 {
            let (got, want) = (format!("{:?}", view.dtype()), format!("{:?}", Dtype::F32));
            return Err(Error::Mismatch { path: path.into(), name: short(name), got, want });
        }
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(view.data());
        Ok(Tensor::from_slice(self.device(), &values, view.shape())?)
    }

    fn loaded(&self, path: &Path, entry: &Entry, file: &SafeTensors) -> Result<Loaded> {
        let (shape, dtype) = match entry {
            Entry::Tensor(param) => (param.value().shape().to_vec(), Dtype::F32),
            Entry::Counter(..) => (vec![], Dtype::I64),
        };
        let name = entry.name();
        let view = file.tensor(name).map_err(|_| {
            let (name, shape) = (name.into(), shape.clone());
            Error::Missing { path: path.into(), name, shape }
        })?;
        if view.shape() != shape || view.dtype() != dtype {
            let got = format!("{:?} {:?}", view.dtype(), view.shape());
            let want = format!("{dtype:?} {shape:?}");
            return Err(Error::Mismatch { path: path.into(), name: name.into(), got, want });
        }
        Ok(match entry {
            Entry::Tensor(_) => {
                let values: Vec<f32> = bytemuck::pod_collect_to_vec(view.data());
                Loaded::Tensor(Tensor::from_slice(self.device(), &values, &shape)?)
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

/// The start of a text from a file, which may be as long as the file, for a message.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

enum Loaded {
    Tensor(Tensor),
    Count(u64),
}

/// Reads a file that can't be much larger than the entries' own bytes.
fn read_limited(path: &Path, entries: &[Entry]) -> Result<Vec<u8>> {
    let io = |source| Error::Io { doing: "read", path: path.into(), source };
    let own: u64 = entries
        .iter()
        .map(|e| match e {
            Entry::Tensor(param) => 4 * param.value().numel() as u64,
            Entry::Counter(..) => 8,
        })
        .sum();
    let (limit, mut bytes) = (ROOM * own + HEADER_LIMIT, vec![]);
    let file = std::fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    if size <= limit {
        // What the system calls a file may go on for ever, whatever its size is said to be.
        file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    }
    if size.max(bytes.len() as u64) > limit {
        let reason = format!("more than {limit} bytes, but the model has {own} bytes of weights");
        return Err(Error::Format { path: path.into(), reason });
    }
    Ok(bytes)
}

/// Writes to a temporary file beside `path`, flushes it to the disk, and renames it.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |source| Error::Io { doing: "write", path: path.into(), source };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // As any new file: tempfile's default would hide the weights from other users.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(directory).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    // The rename itself survives a power cut only once the directory is on the disk.
    #[cfg(unix)]
    std::fs::File::open(directory).and_then(|d| d.sync_all()).map_err(io)?;
    Ok(())
}
