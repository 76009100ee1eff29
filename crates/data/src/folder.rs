//! Folders of JPEG or PNG files of one size by class, decoded into memory: `SPLIT/CLASS/FILE`, loose or in an archive. For other
//! files there is [`ImageFolder`](crate::ImageFolder).
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
pub(crate) const MAX_FILE: u64 = 64 << 20;

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
    let webp = cfg!(feature = "webp").then_some("webp");
    ["jpg", "jpeg", "png"]
        .iter()
        .chain(&webp)
        .any(|image| extension.eq_ignore_ascii_case(image))
        .then_some(MAX_FILE)
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

pub(crate) fn walk(
    directory: &Path,
    name: &str,
    depth: usize,
    images: &mut BTreeMap<String, PathBuf>,
) -> Result<()> {
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
        let separator = if name.is_empty() { "" } else { "/" };
        let (path, name) = (entry.path(), format!("{name}{separator}{file_name}"));
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
    build(path, images, |path| read_file(path).map(Into::into))
}

/// The bytes of an image file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let read_error = |source| Error::Read { path: path.into(), source };
    if fs::metadata(path).map_err(read_error)?.len() > MAX_FILE {
        return Err(Error::TooLarge { what: path.display().to_string(), limit: MAX_FILE });
    }
    fs::read(path).map_err(read_error)
}

/// Decodes the images of an archive at `path`: `None` if there are none.
pub(crate) fn from_files(path: &Path, images: BTreeMap<String, Vec<u8>>) -> Result<Option<Dataset>> {
    build(path, images, |bytes| Ok(bytes.as_slice().into()))
}

/// The images of two splits that have the same classes.
pub(crate) struct Splits<'a, T> {
    pub(crate) classes: Arc<[String]>,
    /// Class, name and image, sorted by name.
    pub(crate) train: Vec<(&'a str, &'a str, &'a T)>,
    pub(crate) test: Vec<(&'a str, &'a str, &'a T)>,
    test_name: &'static str,
}

impl<'a, T> Splits<'a, T> {
    /// Sorts the images of `path` by split and class: `None` if there are none.
    pub(crate) fn of(path: &Path, images: &'a BTreeMap<String, T>) -> Result<Option<Splits<'a, T>>> {
        if images.is_empty() {
            return Ok(None);
        }
        let mut root = None;
        let mut splits: BTreeMap<&str, Vec<(&str, &str, &T)>> = BTreeMap::new();
        for (name, image) in images {
            let misplaced = || Error::Layout {
                file: path.join(name).display().to_string(),
                expected: "SPLIT/CLASS/FILE with SPLIT one of train, test, val, valid",
            };
            let (above, split, class) = place(name).ok_or_else(misplaced)?;
            if *root.get_or_insert(above) != above {
                return Err(misplaced());
            }
            splits.entry(split).or_default().push((class, name, image));
        }
        let empty = |split| Error::EmptySplit { path: path.into(), split };
        let train = splits.remove("train").ok_or_else(|| empty("train"))?;
        let (test_name, test) = TEST_SPLITS
            .into_iter()
            .find_map(|name| Some((name, splits.remove(name)?)))
            .ok_or_else(|| empty(TEST_SPLITS[0]))?;

        let names =
            |images: &[(&str, &str, &T)]| images.iter().map(|i| i.0.to_string()).collect::<BTreeSet<_>>();
        let (classes, test_classes) = (names(&train), names(&test));
        if let Some(class) = classes.symmetric_difference(&test_classes).next() {
            let (present, absent) =
                if classes.contains(class) { ("train", test_name) } else { (test_name, "train") };
            return Err(Error::ClassMismatch { path: path.into(), class: class.clone(), present, absent });
        }
        Ok(Some(Splits { classes: classes.into_iter().collect(), train, test, test_name }))
    }
}

/// The place of a class among sorted ones.
pub(crate) fn label(classes: &[String], class: &str) -> u32 {
    classes.partition_point(|c| c.as_str() < class) as u32
}

/// Sorts the images by split and class and decodes them. `content` gives an image's bytes.
fn build<T: Sync>(
    path: &Path,
    images: BTreeMap<String, T>,
    content: impl Fn(&T) -> Result<std::borrow::Cow<'_, [u8]>> + Sync,
) -> Result<Option<Dataset>> {
    let Some(Splits { classes, train, test, test_name }) = Splits::of(path, &images)? else {
        return Ok(None);
    };
    let items: Vec<Item<'_, T>> = train
        .iter()
        .chain(&test)
        .map(|&(_, name, image)| Item { name: path.join(name).display().to_string(), image })
        .collect();
    let (mut pixels, shape) = decode::decode_all(&items, content)?;
    let test_pixels = pixels.split_off(train.len() * shape.iter().product::<usize>());
    let set = |images: &[(&str, &str, &T)], pixels| {
        let labels = images.iter().map(|image| label(&classes, image.0)).collect();
        ImageSet::new(pixels, labels, classes.clone(), shape)
    };
    let (train, test) = (set(&train, pixels)?, set(&test, test_pixels)?);
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
