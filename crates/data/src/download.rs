//! Downloads published data sets, checked against their published size and SHA-256.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gpu_core::AtomicFile;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A published file: its address, size and checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// `https://` or `http://`; its last part names the file on disk.
    pub url: String,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The file's SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

impl Published {
    /// CIFAR-10 in binary form, as its authors publish it.
    pub fn cifar10() -> Published {
        Published {
            url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz".into(),
            bytes: 170_052_171,
            sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd".into(),
        }
    }
}

/// Downloads `file` into `directory` unless a file of its name and size is there, and returns its path. Terminals show a progress bar.
///
/// The file appears under its name only when it is complete and checked; an error leaves nothing.
///
/// ```no_run
/// # fn main() -> data::Result<()> {
/// use data::download::{Published, fetch};
///
/// let dataset = data::load(fetch(&Published::cifar10(), "datasets")?)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Download`] if the server cannot be reached, refuses or breaks off; [`Error::NotPublished`] where
/// size or checksum differ; [`Error::Write`] if the directory cannot be written.
pub fn fetch(file: &Published, directory: impl AsRef<Path>) -> Result<PathBuf> {
    let directory = directory.as_ref();
    let failed = |reason: String| Error::Download { url: file.url.clone(), reason };
    let name = match file.url.rsplit('/').next() {
        Some(name) if !name.is_empty() && !name.starts_with('.') && !name.contains(['?', '#', '\\', ':']) => {
            name
        }
        _ => return Err(failed("the address does not end in a file name".into())),
    };
    let path = directory.join(name);
    if fs::metadata(&path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.bytes) {
        return Ok(path);
    }
    let write_error = |source| Error::Write { path: path.clone(), source };
    fs::create_dir_all(directory).map_err(write_error)?;
    let mut partial = AtomicFile::create(&path).map_err(write_error)?;

    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_recv_body(Some(Duration::from_secs(3600)))
        .build()
        .into();
    let response = agent.get(&file.url).call().map_err(|error| failed(error.to_string()))?;
    // Reads up to one byte more than expected, to notice a file that is too long.
    let mut body = response.into_body().into_reader().take(file.bytes.saturating_add(1));
    let (mut hash, mut received, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    let bar = progress(file.bytes, name);
    loop {
        let n = body.read(&mut buffer).map_err(|error| failed(error.to_string()))?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        partial.write_all(&buffer[..n]).map_err(write_error)?;
        received += n as u64;
        bar.set_position(received);
    }
    bar.finish_and_clear();
    let not_published =
        |what, found, expected| Err(Error::NotPublished { url: file.url.clone(), what, found, expected });
    if received != file.bytes {
        let more = if received > file.bytes { "at least " } else { "" };
        return not_published("its size in bytes", format!("{more}{received}"), file.bytes.to_string());
    }
    let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if sha256 != file.sha256 {
        return not_published("its SHA-256", sha256, file.sha256.clone());
    }
    partial.commit().map_err(write_error)?;
    Ok(path)
}

fn progress(bytes: u64, name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_message(name.to_string())
}
