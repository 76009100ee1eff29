//! Keeps decoded data sets on disk, so that the next run starts at once.
//!
//! A file holds the key of what was decoded (the source's path, size and time), the data set, and a checksum. A file with
//! anything wrong counts as not cached: a cache never makes loading fail.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crc32fast::Hasher;
use gpu_core::AtomicFile;

use crate::error::Result;
use crate::images::{Dataset, ImageSet};

/// Changes whenever the layout below or the decoded pixels do.
const MAGIC: &[u8; 8] = b"wgradds1";

/// Where decoded data sets are kept, if anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    directory: Option<PathBuf>,
}

impl Default for Cache {
    /// In [`gpu_core::cache_directory`]; without one, nothing is cached.
    fn default() -> Cache {
        Cache { directory: gpu_core::cache_directory() }
    }
}

impl Cache {
    /// Keeps data sets in `directory`, which is made when it is needed.
    pub fn at(directory: impl Into<PathBuf>) -> Cache {
        Cache { directory: Some(directory.into()) }
    }

    /// Keeps nothing.
    pub fn none() -> Cache {
        Cache { directory: None }
    }

    /// The directory, if there is one.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The cached data set of `source` and its `files`, else the result of `decode`, which is then cached.
    pub(crate) fn get_or(
        &self,
        source: &Path,
        files: &[(&str, &Path)],
        decode: impl FnOnce() -> Result<Dataset>,
    ) -> Result<Dataset> {
        let Some((path, key)) = self.directory.as_ref().and_then(|dir| address(dir, source, files).ok())
        else {
            return decode();
        };
        if let Ok(dataset) = read(&path, &key) {
            return Ok(dataset);
        }
        let dataset = decode()?;
        let _ = write(&path, &key, &dataset); // a full or read-only disk costs time on the next run, no more
        Ok(dataset)
    }
}

/// The cache file for `source`, and the key that it must hold: a changed source replaces its old file.
fn address(directory: &Path, source: &Path, files: &[(&str, &Path)]) -> io::Result<(PathBuf, String)> {
    let source = fs::canonicalize(source)?;
    let mut key = format!("{}\n", source.display());
    let name = format!("images-{:08x}.bin", crc32fast::hash(key.as_bytes()));
    for (name, file) in files {
        let metadata = fs::metadata(file)?;
        let time = metadata.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        let _ = writeln!(key, "{name}\t{}\t{}", metadata.len(), time.as_nanos());
    }
    Ok((directory.join(name), key))
}

fn write(path: &Path, key: &str, dataset: &Dataset) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(directory)?;
    let file = AtomicFile::create(path)?;
    let mut out = Checked { inner: BufWriter::new(file), hash: Hasher::new(), left: u64::MAX };
    out.put(MAGIC)?;
    out.put_bytes(key.as_bytes())?;
    out.put_bytes(dataset.source.as_bytes())?;
    out.put_number(dataset.train.classes().len())?;
    for class in dataset.train.classes().iter() {
        out.put_bytes(class.as_bytes())?;
    }
    for extent in dataset.train.shape() {
        out.put_number(extent)?;
    }
    for set in [&dataset.train, &dataset.test] {
        let labels: Vec<u8> = set.labels().iter().flat_map(|label| label.to_le_bytes()).collect();
        out.put_bytes(&labels)?;
        out.put_bytes(set.pixels())?;
    }
    let sum = out.hash.finalize();
    out.inner.write_all(&sum.to_le_bytes())?;
    out.inner.into_inner()?.commit()
}

fn read(path: &Path, key: &str) -> io::Result<Dataset> {
    let file = File::open(path)?;
    let left = file.metadata()?.len().checked_sub(4).ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut input = Checked { inner: BufReader::new(file), hash: Hasher::new(), left };
    let mut magic = [0; 8];
    input.read_exact(&mut magic)?;
    if magic != *MAGIC || input.bytes()? != key.as_bytes() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let source = input.text()?;
    let count = input.number()?;
    let classes = (0..count).map(|_| input.text()).collect::<io::Result<Arc<[String]>>>()?;
    let shape = [input.number()?, input.number()?, input.number()?];
    let mut set = || {
        let labels = input.bytes()?;
        let label = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let labels = labels.chunks_exact(4).map(label).collect();
        ImageSet::new(input.bytes()?, labels, classes.clone(), shape).map_err(io::Error::other)
    };
    let (train, test) = (set()?, set()?);
    let mut sum = [0; 4];
    input.inner.read_exact(&mut sum)?;
    if input.left != 0 || input.hash.finalize() != u32::from_le_bytes(sum) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Dataset { train, test, source })
}

/// Hashes the bytes that pass through, and counts those left.
struct Checked<S> {
    inner: S,
    hash: Hasher,
    left: u64,
}

impl<S: Write> Checked<S> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.inner.write_all(bytes)
    }

    fn put_number(&mut self, number: usize) -> io::Result<()> {
        self.put(&(number as u64).to_le_bytes())
    }

    fn put_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put_number(bytes.len())?;
        self.put(bytes)
    }
}

impl<S: Read> Checked<S> {
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.inner.read_exact(bytes)?;
        self.hash.update(bytes);
        Ok(())
    }

    fn number(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 8];
        self.read_exact(&mut bytes)?;
        usize::try_from(u64::from_le_bytes(bytes)).map_err(io::Error::other)
    }

    fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let len = self.number()?;
        if len as u64 > self.left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; len];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn text(&mut self) -> io::Result<String> {
        String::from_utf8(self.bytes()?).map_err(io::Error::other)
    }
}
