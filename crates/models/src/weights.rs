//! Weights in safetensors files, under PyTorch's `state_dict` names, and in files of `torch.save`.

mod floats;
mod load;
#[cfg(feature = "torch")]
mod torch;

use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::tensor::SafeTensors;

use crate::params::Entry;
use crate::{Error, Params, Result};

pub(crate) use floats::{floats, is_float};
pub use load::{LoadReport, Skipped};

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
    #[doc(alias("state_dict", "save_file"))]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.snapshot(&[])?.write(path, "")
    }
}

/// The start of a text from a file, for a message: the text may be as long as the file.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// A safetensors file in memory, checked for damage.
#[doc(alias = "safe_open")]
pub struct WeightsFile {
    pub(crate) path: PathBuf,
    bytes: Vec<u8>,
    note: String,
}

impl WeightsFile {
    /// Reads a file, which must not be much larger than the model's own values. With the feature `torch` it may also be one of
    /// `torch.save`: nothing in it is executed, and of a checkpoint the part with the model's names is read, wherever it is.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be read, [`Error::Format`] when it is damaged or too large.
    pub fn open(path: impl AsRef<Path>, params: &Params) -> Result<WeightsFile> {
        let path = path.as_ref().to_path_buf();
        let bytes = read_limited(&path, &params.entries())?;
        WeightsFile::parse(path, bytes, params)
    }

    /// The contents of a file, which messages call `path`.
    pub(crate) fn parse(
        path: PathBuf,
        bytes: Vec<u8>,
        #[cfg_attr(not(feature = "torch"), expect(unused_variables))] params: &Params,
    ) -> Result<WeightsFile> {
        let fault = |reason: String| Error::Format { path: path.clone(), reason };
        #[cfg(feature = "torch")]
        let bytes = if torch::is_torch(&bytes) {
            let entries = params.entries();
            let names = entries.iter().map(Entry::name);
            torch::part_to_safetensors(&bytes, names).map_err(|reason| fault(short(&reason)))?
        } else {
            bytes
        };
        #[cfg(not(feature = "torch"))]
        if bytes.starts_with(b"PK") {
            return Err(fault("files of torch.save need the feature `torch`".into()));
        }
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

/// A file of `torch.save` as a safetensors file: all tensors of a state dictionary, of a checkpoint with dictionaries inside, or of a whole
/// module. Names are the keys on the way to a tensor, joined by dots. Nothing in the file is executed. Memory is bounded by about six times
/// the file. Gives `None` for a file of another kind.
///
/// # Errors
/// [`Error::Format`], which names `path`, when the file is damaged or of a kind that is not supported.
#[cfg(feature = "torch")]
pub fn torch_to_safetensors(path: &Path, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    if !torch::is_torch(bytes) {
        return Ok(None);
    }
    let fault = |reason: String| Error::Format { path: path.into(), reason: short(&reason) };
    torch::to_safetensors(bytes).map(Some).map_err(fault)
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
pub(crate) fn read_limited(path: &Path, entries: &[Entry]) -> Result<Vec<u8>> {
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
