//! Weights in safetensors files, under PyTorch's `state_dict` names.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use autograd::Tensor;
use safetensors::tensor::{Dtype, SafeTensors};

use crate::params::Entry;
use crate::{Error, Params, Result};

/// Bytes allowed for names and shapes in addition to the tensors; a longer file belongs to another model.
const HEADER_LIMIT: u64 = 64 << 20;

/// The prefix of the names of tensors that do not belong to the model.
pub(crate) const OTHERS: &str = "/";

/// The metadata key of the checksum and, on the following lines, a note.
pub(crate) const METADATA: &str = "wgrad";

/// A file's tensors may have this many times the model's bytes, as they include an optimizer's state.
const ROOM: u64 = 8;

impl Params {
    /// Writes all parameters and buffers. The write is atomic: if it fails, an earlier file stays.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be written, [`Error::Device`] when values can't be read.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.snapshot(&[])?.write(path, "")
    }

    /// Reads all parameters and buffers of this tree. On an error nothing is changed.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read; [`Error::Format`] when it is damaged; [`Error::Missing`],
    /// [`Error::Unexpected`] or [`Error::Mismatch`] when it belongs to another model.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<()> {
        self.load_from(&WeightsFile::open(path, self)?).map(drop)
    }

    /// [`load`](Params::load) from an open file. Returns the further tensors of a [`Snapshot`](crate::Snapshot).
    ///
    /// # Errors
    /// As [`load`](Params::load).
    pub fn load_from(&self, file: &WeightsFile) -> Result<Vec<(String, Tensor)>> {
        let (path, entries, file) = (file.path.as_path(), self.entries(), file.tensors());
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
                (Entry::Counter(_, counter), Loaded::Count(n)) => counter.set(n),
                _ => unreachable!("each entry is loaded as its kind"),
            }
        }
        Ok(others)
    }

    /// A tensor that does not belong to the model.
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

/// The start of a text from a file, for a message: the text may be as long as the file.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

enum Loaded {
    Tensor(Tensor),
    Count(u64),
}

/// A safetensors file in memory, checked for damage.
pub struct WeightsFile {
    pub(crate) path: PathBuf,
    bytes: Vec<u8>,
    note: String,
}

impl WeightsFile {
    /// Reads a file, which must not be much larger than the model's own values.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read, [`Error::Format`] when it is damaged or too large.
    pub fn open(path: impl AsRef<Path>, params: &Params) -> Result<WeightsFile> {
        let path = path.as_ref().to_path_buf();
        let bytes = read_limited(&path, &params.entries())?;
        let fault = |reason: String| Error::Format { path: path.clone(), reason };
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| fault(short(&e.to_string())))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| fault(short(&e.to_string())))?;
        // Files of other programs have no checksum.
        let note = match header.metadata().as_ref().and_then(|m| m.get(METADATA)) {
            None => String::new(),
            Some(metadata) => {
                let (sum, note) = metadata.split_once('\n').unwrap_or((metadata, ""));
                let views = tensors.tensors();
                let parts = views.iter().map(|(name, view)| (name.as_str(), view.shape(), view.data()));
                if sum != checksum(parts, note) {
                    return Err(fault("its checksum is wrong".into()));
                }
                note.to_owned()
            }
        };
        Ok(WeightsFile { path, bytes, note })
    }

    /// The note saved with the tensors; empty if there is none.
    pub fn note(&self) -> &str {
        &self.note
    }

    pub(crate) fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("read before")
    }
}

/// CRC-32, as text, of names, shapes and values in the order of the names, and of the note.
pub(crate) fn checksum<'a>(
    tensors: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [u8])>,
    note: &str,
) -> String {
    let mut tensors: Vec<_> = tensors.into_iter().collect();
    tensors.sort_by_key(|(name, ..)| *name);
    let mut sum = crc32fast::Hasher::new();
    for (name, shape, bytes) in tensors {
        sum.update(name.as_bytes());
        shape.iter().for_each(|&extent| sum.update(&(extent as u64).to_le_bytes()));
        sum.update(bytes);
    }
    sum.update(note.as_bytes());
    format!("crc32 {:08x}", sum.finalize())
}

/// Reads a file, which must not be much larger than the entries' own bytes.
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
        // Special files may be endless, whatever size the system reports.
        file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    }
    if size.max(bytes.len() as u64) > limit {
        let reason = format!("more than {limit} bytes, but the model has {own} bytes of weights");
        return Err(Error::Format { path: path.into(), reason });
    }
    Ok(bytes)
}
