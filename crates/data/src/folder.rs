//! Folders of JPEG or PNG files by class: `SPLIT/CLASS/FILE`, loose or in an archive.
//!
//! The training split is `train`; the test split is the first of `test`, `val` and `valid` that has images.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive;
use crate::decode::{self, Item};
use crate::error::{Error, Result};
use crate::images::{Dataset, ImageSet};

const TEST_SPLITS: [&str; 3] = ["test", "val", "valid"];

/// The most bytes of one image file.
const MAX_FILE: u64 = 64 << 20;

/// Reads image folders from a directory or a `.tar`, `.tar.gz` or `.tgz` archive, in which they may lie below one
/// common directory.
///
/// Images become `[3, H, W]`: grey ones are repeated over the channels, and transparency is dropped. Classes are the sorted
/// directory names; images come in the order of their paths. Hidden files and files of other types are skipped.
///
/// # Errors
/// [`Error::UnknownFormat`] if there are no image files at all; [`Error::Layout`], [`Error::EmptySplit`],
/// [`Error::ClassMismatch`], [`Error::MixedSizes`] and [`Error::Image`] if they do not form a data set; [`Error::Archive`],
/// [`Error::UnsafeEntry`] and [`Error::TooLarge`] for archives; and errors of reading.
pub fn read(path: impl AsRef<Path>) -> Result<Dataset> {
    let path = path.as_ref();
    let dataset = if path.is_dir() {
        from_paths(path, list(path)?)?
    } else {
        from_files(path, archive::read(path, limit)?)?
    };
    dataset.ok_or_else(|| Error::UnknownFormat { path: path.into() })
}

/// The most bytes of a file, if it is an image.
pub(crate) fn limit(path: &str) -> Option<u64> {
    let extension = path.rsplit_once('.')?.1;
    ["jpg", "jpeg", "png"].iter().any(|image| extension.eq_ignore_ascii_case(image)).then_some(MAX_FILE)
}

/// The images in a directory's splits, by their paths relative to it.
pub(crate) fn list(root: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut images = BTreeMap::new();
    for split in TEST_SPLITS.into_iter().chain(["train"]) {
        let directory = root.join(split);
        if directory.is_dir() {
            walk(&directory, split, 2, &mut images)?;
        }
    }
    Ok(images)
}

fn walk(directory: &Path, name: &str, depth: usize, images: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let read_error = |source: io::Error| Error::Read { path: directory.into(), source };
    for entry in fs::read_dir(directory).map_err(read_error)? {
        let entry = entry.map_err(read_error)?;
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else {
            return Err(read_error(io::Error::other(format!("the name {file_name:?} is not UTF-8"))));
        };
        if file_name.starts_with('.') {
            continue;
        }
        let (path, name) = (entry.path(), format!("{name}/{file_name}"));
        let kind = entry.file_type().map_err(read_error)?;
        if kind.is_dir() || (kind.is_symlink() && path.is_dir()) {
            if depth > 0 {
                walk(&path, &name, depth - 1, images)?;
            }
        } else if limit(file_name).is_some() {
            images.insert(name, path);
        }
    }
    Ok(())
}

/// Decodes the images of a directory at `path`: `None` if there are none.
pub(crate) fn from_paths(path: &Path, images: BTreeMap<String, PathBuf>) -> Result<Option<Dataset>> {
    build(path, images, |path| {
        let read_error = |source| Error::Read { path: path.clone(), source };
        if fs::metadata(path).map_err(read_error)?.len() > MAX_FILE {
            return Err(Error::TooLarge { what: path.display().to_string(), limit: MAX_FILE });
        }
        fs::read(path).map_err(read_error).map(Into::into)
    })
}

/// Decodes the images of an archive at `path`: `None` if there are none.
pub(crate) fn from_files(path: &Path, images: BTreeMap<String, Vec<u8>>) -> Result<Option<Dataset>> {
    build(path, images, |bytes| Ok(bytes.as_slice().into()))
}

/// Sorts the images by split and class and decodes them. `content` gives an image's bytes.
fn build<T: Sync>(
    path: &Path,
    images: BTreeMap<String, T>,
    content: impl Fn(&T) -> Result<std::borrow::Cow<'_, [u8]>> + Sync,
) -> Result<Option<Dataset>> {
    if images.is_empty() {
        return Ok(None);
    }
    let mut root = None;
    let mut splits: BTreeMap<&str, Vec<(&str, &str, &T)>> = BTreeMap::new();
    for (name, image) in &images {
        let file = || path.join(name).display().to_string();
        let (above, split, class) = place(name).ok_or_else(|| Error::Layout { file: file() })?;
        if *root.get_or_insert(above) != above {
            return Err(Error::Layout { file: file() });
        }
        splits.entry(split).or_default().push((class, name, image));
    }
    let empty = |split| Error::EmptySplit { path: path.into(), split };
    let train = splits.get("train").ok_or_else(|| empty("train"))?;
    let (test_name, test) = TEST_SPLITS
        .into_iter()
        .find_map(|name| Some((name, splits.get(name)?)))
        .ok_or_else(|| empty(TEST_SPLITS[0]))?;

    let names = |images: &[(&str, &str, &T)]| images.iter().map(|i| i.0.to_string()).collect::<BTreeSet<_>>();
    let (classes, test_classes) = (names(train), names(test));
    if let Some(class) = classes.symmetric_difference(&test_classes).next() {
        let (present, absent) =
            if classes.contains(class) { ("train", test_name) } else { (test_name, "train") };
        return Err(Error::ClassMismatch { path: path.into(), class: class.clone(), present, absent });
    }
    let classes: Arc<[String]> = classes.into_iter().collect();
    let items: Vec<Item<'_, T>> = train
        .iter()
        .chain(test)
        .map(|&(_, name, image)| Item { name: path.join(name).display().to_string(), image })
        .collect();
    let (mut pixels, shape) = decode::decode_all(&items, content)?;
    let test_pixels = pixels.split_off(train.len() * shape.iter().product::<usize>());
    let set = |images: &[(&str, &str, &T)], pixels| {
        let label = |class: &str| classes.partition_point(|c| c.as_str() < class) as u32;
        let labels = images.iter().map(|image| label(image.0)).collect();
        ImageSet::new(pixels, labels, classes.clone(), shape)
    };
    let (train, test) = (set(train, pixels)?, set(test, test_pixels)?);
    let source = format!(
        "image folders from {}: {} train, {} {test_name}, {} classes",
        path.display(),
        train.len(),
        test.len(),
        classes.len()
    );
    Ok(Some(Dataset { train, test, source }))
}

/// Splits `ABOVE/SPLIT/CLASS/FILE` into what is above the split, the split and the class.
fn place(path: &str) -> Option<(&str, &str, &str)> {
    let (directory, _) = path.rsplit_once('/')?;
    let (splits, class) = directory.rsplit_once('/')?;
    let (above, split) = splits.rsplit_once('/').unwrap_or(("", splits));
    (split == "train" || TEST_SPLITS.contains(&split)).then_some((above, split, class))
}
