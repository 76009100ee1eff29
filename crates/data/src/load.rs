//! Detects the format of a path, and reads it.

use std::fs;
use std::path::Path;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::images::Dataset;
use crate::{archive, cifar, folder, idx};

/// Reads the data set at `path`: CIFAR-10 or CIFAR-100 in binary form ([`cifar`]) or image folders ([`folder`]), in a directory
/// or a `.tar`, `.tar.gz` or `.tgz` archive, or a directory of MNIST's files ([`idx`]). Data sets that take decoding are kept in
/// the default [`Cache`]. Images of mixed sizes, or too many for the memory, are for [`ImageFolder`](crate::ImageFolder).
///
/// # Errors
/// [`Error::UnknownFormat`], which says what was looked for, and the readers' errors.
///
/// ```
/// let error = data::load("no/such/path").unwrap_err();
/// assert!(error.to_string().starts_with("cannot read no/such/path"));
/// ```
#[doc(alias = "ImageFolder")]
pub fn load(path: impl AsRef<Path>) -> Result<Dataset> {
    load_with(path, &Cache::default())
}

/// [`load`] with a given cache.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: impl AsRef<Path>, cache: &Cache) -> Result<Dataset> {
    let path = path.as_ref();
    let unknown = || Error::UnknownFormat { path: path.into() };
    let metadata = fs::metadata(path).map_err(|source| Error::Read { path: path.into(), source })?;
    if metadata.is_dir() {
        // Raw records are as quick to read as a cache would be.
        if let Some(dataset) = cifar::from_files(path, cifar::read_directory(path)?)? {
            return Ok(dataset);
        }
        if idx::is_idx(path) {
            return idx::read(path);
        }
        let images = folder::list(path)?;
        let files: Vec<_> = images.iter().map(|(name, file)| (name.as_str(), file.as_path())).collect();
        return cache.get_or(path, &files, || folder::from_paths(path, images.clone())?.ok_or_else(unknown));
    }
    if !archive::is_archive(path)? {
        return Err(unknown());
    }
    cache.get_or(path, &[("", path)], || {
        let files = archive::read(path, |name| cifar::limit(name).or_else(|| folder::limit(name)))?;
        let (records, images) = files.into_iter().partition(|(name, _)| cifar::limit(name).is_some());
        match cifar::from_files(path, records)? {
            Some(dataset) => Ok(dataset),
            None => folder::from_files(path, images)?.ok_or_else(unknown),
        }
    })
}
