//! Snapshots of a model, to be written to a file.

use std::path::Path;

use autograd::{Half, Pending, Tensor};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};

use crate::params::Entry;
use crate::weights::{METADATA, OTHERS, checksum};
use crate::{Error, Params, Result};

/// All of a model's values at one moment, to be written while training continues.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Init, Params, WeightsFile};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let weight = params.param("weight", &[2], Init::ONES);
/// let snapshot = params.snapshot(&[("momentum".into(), Tensor::scalar(params.device(), 7.0))])?;
/// weight.set(&(weight.value() * 2.0)); // too late for the snapshot
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("checkpoint.safetensors");
/// std::thread::scope(|s| s.spawn(|| snapshot.write(&path, "step 3")).join()).unwrap()?;
/// let file = WeightsFile::open(&path, &params)?;
/// let others = params.load_from(&file)?;
/// assert_eq!((file.note(), others[0].0.as_str(), others[0].1.item()?), ("step 3", "momentum", 7.0));
/// assert_eq!(weight.value().to_vec::<f32>()?, [1.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Snapshot {
    tensors: Vec<(String, Vec<usize>, Values)>,
    /// The type that f32 values are written as.
    half: Option<Half>,
}

enum Values {
    /// f32 values in transfer from the device.
    Pending(Pending),
    Count(u64),
}

impl Params {
    /// Starts copying all parameters and buffers to the host, and further f32 tensors, such as an optimizer's state. Only writing the
    /// snapshot waits for the copies.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn snapshot(&self, others: &[(String, Tensor)]) -> Result<Snapshot> {
        let float = |name: String, value: &Tensor| -> Result<_> {
            Ok((name, value.shape().to_vec(), Values::Pending(value.fetch()?)))
        };
        let own = self.entries().into_iter().map(|entry| match entry {
            Entry::Tensor(param) => float(param.name().into(), &param.value()),
            Entry::Counter(name, counter) => Ok((name, vec![], Values::Count(counter.get()))),
        });
        let others = others.iter().map(|(name, value)| float(format!("{OTHERS}{name}"), value));
        Ok(Snapshot { tensors: own.chain(others).collect::<Result<_>>()?, half: None })
    }
}

impl Snapshot {
    /// Rounds values to the nearest f16 or bf16 in the file, which takes half of the space. Loading gives f32 again.
    ///
    /// ```
    /// use models::{Init, Params};
    /// let params = Params::new(&autograd::Device::named("cpu")?, 0);
    /// let weight = params.param("weight", &[2], Init::Constant(1.001));
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("small.safetensors");
    /// params.snapshot(&[])?.in_half(autograd::Half::BF16).write(&path, "")?;
    /// params.load(&path)?;
    /// assert_eq!(weight.value().to_vec::<f32>()?, [1.0, 1.0]); // 7 fraction bits
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_half(self, half: Half) -> Snapshot {
        Snapshot { half: Some(half), ..self }
    }

    /// Writes a safetensors file with a checksum and the caller's note. The write is atomic: if it fails, an earlier file stays.
    ///
    /// # Errors
    /// [`Error::Io`] when the file can't be written, [`Error::Device`] when values can't be read.
    pub fn write(self, path: impl AsRef<Path>, note: &str) -> Result<()> {
        write_tensors(path.as_ref(), &self.read()?, note)
    }

    /// As [`Params::to_safetensors`], in an asynchronous program.
    ///
    /// # Errors
    /// As [`Params::to_safetensors`].
    pub async fn to_safetensors(mut self) -> Result<Vec<u8>> {
        for (_, _, values) in &mut self.tensors {
            if let Values::Pending(pending) = values {
                let ready = (&mut *pending).await;
                *pending = ready;
            }
        }
        self.into_bytes()
    }

    fn into_bytes(self) -> Result<Vec<u8>> {
        let tensors = self.read()?;
        serialized(Path::new("weights in memory"), &tensors, metadata(&tensors, ""))
    }

    /// Waits for the values.
    fn read(self) -> Result<Vec<Stored>> {
        let mut tensors: Vec<Stored> = vec![];
        for (name, shape, values) in self.tensors {
            let (dtype, bytes) = match values {
                Values::Pending(pending) => {
                    let values = pending.to_vec::<f32>()?;
                    match self.half {
                        None => (Dtype::F32, bytemuck::cast_slice(&values).to_vec()),
                        Some(Half::F16) => (Dtype::F16, packed(&values, |x| f16::from_f32(x).to_bits())),
                        Some(Half::BF16) => (Dtype::BF16, packed(&values, |x| bf16::from_f32(x).to_bits())),
                    }
                }
                Values::Count(count) => (Dtype::I64, count.to_le_bytes().into()),
            };
            tensors.push((name, shape, dtype, bytes));
        }
        Ok(tensors)
    }
}

impl Params {
    /// What [`save`](Params::save) writes, in memory.
    ///
    /// ```
    /// use models::{Init, Params};
    /// let params = Params::new(&autograd::Device::named("cpu")?, 0);
    /// let weight = params.param("weight", &[2], Init::ONES);
    /// let bytes = params.to_safetensors()?;
    /// weight.set(&(weight.value() * 2.0));
    /// params.load_safetensors(&bytes)?;
    /// assert_eq!(weight.value().to_vec::<f32>()?, [1.0, 1.0]);
    /// # Ok::<(), models::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Device`] when values can't be read.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        self.snapshot(&[])?.into_bytes()
    }
}

fn packed(values: &[f32], half: impl Fn(f32) -> u16) -> Vec<u8> {
    values.iter().flat_map(|&x| half(x).to_le_bytes()).collect()
}

/// Name, shape, type and bytes of a tensor in a file.
pub(crate) type Stored = (String, Vec<usize>, Dtype, Vec<u8>);

/// Writes a safetensors file with a checksum, atomically.
pub(crate) fn write_tensors(path: &Path, tensors: &[Stored], note: &str) -> Result<()> {
    write_with(path, tensors, metadata(tensors, note))
}

/// A checksum and a note.
fn metadata(tensors: &[Stored], note: &str) -> [(String, String); 1] {
    let parts = tensors.iter().map(|(name, shape, _, bytes)| (name.as_str(), &shape[..], &bytes[..]));
    [(METADATA.to_owned(), format!("{}\n{note}", checksum(parts, note)))]
}

/// Writes a safetensors file, atomically.
pub(crate) fn write_with(
    path: &Path,
    tensors: &[Stored],
    metadata: impl IntoIterator<Item = (String, String)>,
) -> Result<()> {
    let file = serialized(path, tensors, metadata)?;
    gpu_core::write_atomically(path, &file).map_err(|source| Error::Io {
        doing: "write",
        path: path.into(),
        source,
    })
}

fn serialized(
    path: &Path,
    tensors: &[Stored],
    metadata: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<u8>> {
    let views = tensors.iter().map(|(name, shape, dtype, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).expect("bytes match the shape");
        (name.as_str(), view)
    });
    safetensors::serialize(views, Some(metadata.into_iter().collect()))
        .map_err(|e| Error::Format { path: path.into(), reason: e.to_string() })
}
