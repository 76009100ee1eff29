//! Image files of any sizes by class, decoded when they are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::augment::{Fit, Image, Pixels};
use crate::decode::{self, Picture};
use crate::error::{Error, Result};
use crate::folder::{self, Splits, label};
use crate::pictures::{Images, Made, Read};
use crate::shard::Shard;

/// Labelled pictures of any sizes, on disk: torchvision's `ImageFolder`. Only the paths are in memory; a [`Loader`](crate::Loader) reads and
/// decodes the pictures of each batch, and brings them to one size by its [`Fit`](crate::Fit).
///
/// Files are JPEG, PNG and (with the feature `webp`) WebP. Pictures become RGB: grey ones are repeated over the channels, and transparency is
/// dropped. They are upright: the EXIF orientation is applied, which torchvision does not. Classes are the sorted directory names; pictures
/// come in the order of their paths. Hidden files and files of other types are skipped.
///
/// ```no_run
/// use std::sync::Arc;
/// use data::{Augment, Fit, ImageFolder, Loader, LoaderOptions, Normalize};
///
/// let (train, _test) = ImageFolder::splits("photos")?; // photos/train/CLASS/*.jpg, photos/val/CLASS/*.jpg
/// let options = LoaderOptions {
///     fit: Some(Fit::random(224)),
///     augment: vec![Augment::horizontal_flip()],
///     ..LoaderOptions::train(64, Normalize::imagenet())
/// };
/// for batch in Loader::new(Arc::new(train), options)?.epoch(0) {
///     assert_eq!(batch.shape, [64, 3, 224, 224]);
/// }
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ImageFolder {
    files: Files,
    labels: Vec<u32>,
    classes: Arc<[String]>,
}

#[derive(Debug, Clone)]
enum Files {
    Paths(Vec<PathBuf>),
    /// Places in a shard.
    Shard(Arc<Shard>, Vec<u32>),
}

impl ImageFolder {
    /// The pictures of a directory `root/CLASS/*.jpg|jpeg|png`.
    ///
    /// # Errors
    /// [`Error::EmptyFolder`] without pictures, [`Error::Layout`] for one that is not in the directory of a class, and errors of reading.
    pub fn new(root: impl AsRef<Path>) -> Result<ImageFolder> {
        let root = root.as_ref();
        let mut images = BTreeMap::new();
        folder::walk(root, "", 2, &mut images)?;
        let mut found = Vec::with_capacity(images.len());
        for (name, path) in images {
            match name.split('/').collect::<Vec<_>>()[..] {
                [class, _] => found.push((class.to_string(), path)),
                _ => {
                    return Err(Error::Layout {
                        file: path.display().to_string(),
                        expected: "CLASS/FILE; ImageFolder::splits reads SPLIT/CLASS/FILE",
                    });
                }
            }
        }
        if found.is_empty() {
            return Err(Error::EmptyFolder { path: root.into() });
        }
        let classes: BTreeSet<String> = found.iter().map(|(class, _)| class.clone()).collect();
        let classes: Arc<[String]> = classes.into_iter().collect();
        let (labels, paths) = found.into_iter().map(|(class, path)| (label(&classes, &class), path)).unzip();
        Ok(ImageFolder { files: Files::Paths(paths), labels, classes })
    }

    /// The pictures for training and for testing of a directory `root/SPLIT/CLASS/*.jpg|jpeg|png`: those of `train`, and of the first of
    /// `test`, `val` and `valid` that has any.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] if there are no pictures at all; [`Error::Layout`], [`Error::EmptySplit`] and [`Error::ClassMismatch`] if
    /// they do not form two splits of the same classes; and errors of reading.
    pub fn splits(root: impl AsRef<Path>) -> Result<(ImageFolder, ImageFolder)> {
        let root = root.as_ref();
        let images = folder::list(root)?;
        let splits = Splits::of(root, &images)?.ok_or_else(|| Error::UnknownFormat { path: root.into() })?;
        let folder = |images: &[(&str, &str, &PathBuf)]| ImageFolder {
            files: Files::Paths(images.iter().map(|image| image.2.clone()).collect()),
            labels: images.iter().map(|image| label(&splits.classes, image.0)).collect(),
            classes: splits.classes.clone(),
        };
        Ok((folder(&splits.train), folder(&splits.test)))
    }

    /// The pictures of a file that [`write_shard`](Self::write_shard) wrote. Only its index is read now.
    ///
    /// # Errors
    /// [`Error::Shard`] if the file is damaged, or no shard; and errors of reading.
    pub fn from_shard(path: impl AsRef<Path>) -> Result<ImageFolder> {
        let (shard, labels, classes) = Shard::open(path.as_ref())?;
        let places = (0..labels.len() as u32).collect();
        Ok(ImageFolder { files: Files::Shard(Arc::new(shard), places), labels, classes })
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// All labels, `[N]`, each an index into [`classes`](Self::classes).
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The class names, sorted.
    pub fn classes(&self) -> &Arc<[String]> {
        &self.classes
    }

    /// Where picture `i` is, as in messages: its path, or a shard's with the name in it.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    pub fn name(&self, i: usize) -> String {
        match &self.files {
            Files::Paths(paths) => paths[i].display().to_string(),
            Files::Shard(shard, places) => shard.name(places[i]),
        }
    }

    /// Class and file name of picture `i`, or its name in a shard.
    pub(crate) fn key(&self, i: usize) -> String {
        match &self.files {
            Files::Paths(paths) => {
                let file = paths[i].file_name().unwrap_or_default().to_string_lossy();
                format!("{}/{file}", self.classes[self.labels[i] as usize])
            }
            Files::Shard(shard, places) => shard.key(places[i]).into(),
        }
    }

    /// The pictures at `indices`, in that order: a range, or any list, also with repeats.
    ///
    /// # Errors
    /// [`Error::ImageSet`] if an index is not below [`len`](Self::len).
    pub fn subset(&self, indices: impl IntoIterator<Item = usize>) -> Result<ImageFolder> {
        let indices: Vec<usize> = indices.into_iter().collect();
        if let Some(i) = indices.iter().find(|&&i| i >= self.len()) {
            return Err(Error::ImageSet(format!("no image {i}: there are {}", self.len())));
        }
        let files = match &self.files {
            Files::Paths(paths) => Files::Paths(indices.iter().map(|&i| paths[i].clone()).collect()),
            Files::Shard(shard, places) => {
                Files::Shard(shard.clone(), indices.iter().map(|&i| places[i]).collect())
            }
        };
        let labels = indices.iter().map(|&i| self.labels[i]).collect();
        Ok(ImageFolder { files, labels, classes: self.classes.clone() })
    }

    /// The bytes of picture `i`'s file.
    pub(crate) fn bytes(&self, i: usize) -> Result<Vec<u8>> {
        match &self.files {
            Files::Paths(paths) => folder::read_file(&paths[i]),
            Files::Shard(shard, places) => shard.read(places[i]),
        }
    }

    /// Names of the files, without directories; none for a shard.
    pub(crate) fn file_names(&self) -> impl Iterator<Item = &OsStr> {
        let paths = match &self.files {
            Files::Paths(paths) => &paths[..],
            Files::Shard(..) => &[],
        };
        paths.iter().filter_map(|path| path.file_name())
    }

    pub(crate) fn decode(&self, i: usize) -> Result<Picture> {
        decode::picture(&self.name(i), &self.bytes(i)?)
    }
}

impl Images for ImageFolder {}

impl Read for ImageFolder {
    fn labels(&self) -> &[u32] {
        self.labels()
    }

    fn checksum(&self) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        sum.update(bytemuck::cast_slice(self.labels()));
        self.file_names().for_each(|name| sum.update(name.as_encoded_bytes()));
        sum.finalize()
    }

    fn shape(&self) -> Option<[usize; 3]> {
        None
    }

    fn image<'a>(&'a self, index: u32, made: &Made<'a>) -> Result<Image<'a>> {
        let picture = made.cache.get_or(index, || self.decode(index as usize))?;
        let pixels = Pixels::Rgb { pixels: &picture.rgb, size: picture.size };
        // A loader of a folder has this option.
        let fit = made.options.fit.unwrap_or(Fit::Resize { size: picture.size });
        Ok(made.fitted(fit, &pixels, index))
    }
}
