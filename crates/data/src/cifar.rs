//! CIFAR-10 and CIFAR-100 in their published binary form.
//!
//! A record is the label bytes (one for CIFAR-10; coarse, then fine for CIFAR-100, of which the fine one is used) and 3072 bytes
//! of pixels `[3, 32, 32]`. A file may hold any positive number of whole records.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::archive;
use crate::error::{Error, Result};
use crate::images::{Dataset, ImageSet};

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// The most bytes of one file; the largest published one has 154 million.
const MAX_FILE: u64 = 1 << 30;

/// One of the two published formats.
struct Format {
    name: &'static str,
    /// The directory inside the published archive.
    directory: &'static str,
    train: &'static [&'static str],
    test: &'static str,
    /// The file of class names.
    names: &'static str,
    /// What a record's label bytes are and how many values each has; the last is the class.
    labels: &'static [(&'static str, usize)],
    /// The class names if their file is missing; `None` if that file is required.
    classes: Option<[&'static str; 10]>,
}

const FORMATS: [Format; 2] = [
    Format {
        name: "CIFAR-10",
        directory: "cifar-10-batches-bin",
        train: &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        test: "test_batch.bin",
        names: "batches.meta.txt",
        labels: &[("label", 10)],
        classes: Some([
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ]),
    },
    Format {
        name: "CIFAR-100",
        directory: "cifar-100-binary",
        train: &["train.bin"],
        test: "test.bin",
        names: "fine_label_names.txt",
        labels: &[("coarse label", 20), ("fine label", 100)],
        classes: None,
    },
];

impl Format {
    fn records(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.train.iter().copied().chain([self.test])
    }
}

/// Reads CIFAR-10 or CIFAR-100 from a directory with the `.bin` files, the directory around it, or the published
/// `.tar.gz`. Images are `[3, 32, 32]`.
///
/// # Errors
/// [`Error::UnknownFormat`] if the path has none of the files; [`Error::MissingFile`], [`Error::PartialRecord`],
/// [`Error::LabelRange`] and [`Error::ClassNames`] if they are not as published; and errors of reading.
pub fn read(path: impl AsRef<Path>) -> Result<Dataset> {
    let path = path.as_ref();
    let files = if path.is_dir() { read_directory(path)? } else { archive::read(path, limit)? };
    from_files(path, files)?.ok_or_else(|| Error::UnknownFormat { path: path.into() })
}

/// The files of a directory that is, or holds, one of the published ones.
pub(crate) fn read_directory(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for format in &FORMATS {
        let nested = path.join(format.directory);
        let directory: PathBuf = if nested.is_dir() { nested } else { path.into() };
        for name in format.records().chain([format.names]) {
            let file = directory.join(name);
            let Ok(metadata) = fs::metadata(&file) else { continue };
            if metadata.len() > MAX_FILE {
                return Err(Error::TooLarge { what: file.display().to_string(), limit: MAX_FILE });
            }
            let bytes = fs::read(&file).map_err(|source| Error::Read { path: file, source })?;
            files.insert(name.to_string(), bytes);
        }
    }
    Ok(files)
}

/// The most bytes of a file in an archive, if the file is one of CIFAR's.
pub(crate) fn limit(path: &str) -> Option<u64> {
    let name = base_name(path);
    FORMATS.iter().any(|f| f.names == name || f.records().any(|file| file == name)).then_some(MAX_FILE)
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Decodes the `files` found at `path`: `None` if none of them has records.
pub(crate) fn from_files(path: &Path, files: BTreeMap<String, Vec<u8>>) -> Result<Option<Dataset>> {
    let mut files: BTreeMap<&str, &Vec<u8>> =
        files.iter().map(|(path, bytes)| (base_name(path), bytes)).collect();
    let Some(format) = FORMATS.iter().find(|f| f.records().any(|file| files.contains_key(file))) else {
        return Ok(None);
    };
    let missing = |file: &str| Error::MissingFile { path: path.into(), file: file.into() };
    let location = |file: &str| path.join(file).display().to_string();
    if let Some(file) = format.records().find(|file| !files.contains_key(file)) {
        return Err(missing(file));
    }
    let classes: Vec<String> = match (files.remove(format.names), format.classes) {
        (Some(text), _) => class_names(text),
        (None, Some(classes)) => classes.map(String::from).into(),
        (None, None) => return Err(missing(format.names)),
    };
    let expected = format.labels[format.labels.len() - 1].1;
    if classes.len() != expected {
        return Err(Error::ClassNames { file: location(format.names), found: classes.len(), expected });
    }
    let classes: std::sync::Arc<[String]> = classes.into();
    let set = |names: &[&str]| -> Result<ImageSet> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for name in names {
            decode(&location(name), files[name], format.labels, &mut pixels, &mut labels)?;
        }
        ImageSet::new(pixels, labels, classes.clone(), SHAPE)
    };
    let (train, test) = (set(format.train)?, set(&[format.test])?);
    let source = format!(
        "{} (binary) from {}: {} train, {} test",
        format.name,
        path.display(),
        train.len(),
        test.len()
    );
    Ok(Some(Dataset { train, test, source }))
}

fn class_names(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).lines().map(|l| l.trim().to_string()).filter(|l| !l.is_empty()).collect()
}

/// Appends one file's images and classes.
fn decode(
    file: &str,
    bytes: &[u8],
    label_bytes: &[(&'static str, usize)],
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u32>,
) -> Result<()> {
    let size = label_bytes.len() + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(size) {
        return Err(Error::PartialRecord { file: file.into(), bytes: bytes.len(), record: size });
    }
    pixels.reserve(bytes.len() / size * PIXELS);
    for (record, content) in bytes.chunks_exact(size).enumerate() {
        let (values, image) = content.split_at(label_bytes.len());
        for (i, (&label, &(kind, classes))) in values.iter().zip(label_bytes).enumerate() {
            if usize::from(label) >= classes {
                let offset = record * size + i;
                let (file, label) = (file.into(), label.into());
                return Err(Error::LabelRange { file, record, offset, kind, label, classes });
            }
        }
        labels.push(values[values.len() - 1].into());
        pixels.extend_from_slice(image);
    }
    Ok(())
}
