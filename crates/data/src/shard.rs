//! Many image files in one, with an index: reading one of them takes one read at its place.
//!
//! The layout, in little-endian numbers: [`MAGIC`]; the images, one after another; the index; the index's length as u64 and its CRC-32.
//! The index has the number of classes and their names, the number of images, and of each the label, the length, the CRC-32 and the name,
//! all as u32; texts are their length and UTF-8.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::AtomicFile;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;

use crate::augment::fit::shorter_to;
use crate::augment::{Fit, Pixels};
use crate::decode::{self, Picture};
use crate::draws::Draws;
use crate::error::{Error, Result};
use crate::folder::MAX_FILE;
use crate::image_folder::ImageFolder;

const MAGIC: &[u8; 8] = b"wgradsh1";
const FOOTER: u64 = 12;

/// The quality of pictures that were shrunk.
const QUALITY: u8 = 92;

/// The most bytes of a name: those of a class and a file, with room to spare.
const MAX_NAME: usize = 1024;

/// How many pictures are read, and shrunk in parallel, at a time.
const PIECE: usize = 64;

/// An open shard.
#[derive(Debug)]
pub(crate) struct Shard {
    path: PathBuf,
    file: File,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    start: u64,
    length: u32,
    sum: u32,
    name: Box<str>,
}

impl ImageFolder {
    /// Writes the pictures into one file, which [`from_shard`](Self::from_shard) opens: many small files are slow to open one by one, and
    /// to copy. Files are kept as they are, except that pictures whose shorter side is longer than `shorter` pixels, if given, are shrunk to
    /// it, as JPEGs of quality 92. The file replaces an old one only when it is whole.
    ///
    /// # Errors
    /// [`Error::Image`] and [`Error::Read`] for a file that cannot be used, [`Error::Options`] if `shorter` is 0, and [`Error::Write`].
    pub fn write_shard(&self, path: impl AsRef<Path>, shorter: Option<usize>) -> Result<()> {
        let path = path.as_ref();
        if shorter == Some(0) {
            return Err(Error::Options(
                "a shard of pictures without pixels; give a shorter side above 0".into(),
            ));
        }
        let write_error = |source| Error::Write { path: path.into(), source };
        let mut out = BufWriter::new(AtomicFile::create(path).map_err(write_error)?);
        out.write_all(MAGIC).map_err(write_error)?;
        let mut index = vec![];
        put_number(&mut index, self.classes().len());
        self.classes().iter().for_each(|class| put_text(&mut index, class));
        put_number(&mut index, self.len());
        let places: Vec<usize> = (0..self.len()).collect();
        for places in places.chunks(PIECE) {
            let files: Result<Vec<_>> = places.par_iter().map(|&i| self.shrunk(i, shorter)).collect();
            for (&i, file) in places.iter().zip(files?) {
                put_number(&mut index, self.labels()[i] as usize);
                put_number(&mut index, file.len());
                put_number(&mut index, crc32fast::hash(&file) as usize);
                put_text(&mut index, &self.key(i));
                out.write_all(&file).map_err(write_error)?;
            }
        }
        out.write_all(&index).map_err(write_error)?;
        out.write_all(&(index.len() as u64).to_le_bytes()).map_err(write_error)?;
        out.write_all(&crc32fast::hash(&index).to_le_bytes()).map_err(write_error)?;
        out.into_inner().map_err(|error| write_error(error.into_error()))?.commit().map_err(write_error)
    }

    /// A file's bytes, of a smaller picture if its shorter side is longer than `shorter`.
    fn shrunk(&self, i: usize, shorter: Option<usize>) -> Result<Vec<u8>> {
        let bytes = self.bytes(i)?;
        let Some(shorter) = shorter else { return Ok(bytes) };
        let Picture { rgb, size } = decode::picture(&self.name(i), &bytes)?;
        if size[0].min(size[1]) <= shorter {
            return Ok(bytes);
        }
        let [height, width] = shorter_to(size, shorter);
        let source = Pixels::Rgb { pixels: &rgb, size };
        let planes = Fit::Resize { size: [height, width] }.apply(&source, &mut Draws::new(0, 0, 0));
        let rgb: Vec<u8> =
            (0..height * width).flat_map(|i| [0, 1, 2].map(|c| planes[c * height * width + i])).collect();
        let mut jpeg = vec![];
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
            .write_image(&rgb, width as u32, height as u32, ExtendedColorType::Rgb8)
            .map_err(|error| Error::Image { file: self.name(i), reason: error.to_string() })?;
        Ok(jpeg)
    }
}

impl Shard {
    /// Opens a shard; also returns labels and class names.
    pub(crate) fn open(path: &Path) -> Result<(Shard, Vec<u32>, Arc<[String]>)> {
        let read_error = |source| Error::Read { path: path.into(), source };
        let wrong =
            |problem: &str| Error::Shard { file: path.display().to_string(), problem: problem.into() };
        let file = File::open(path).map_err(read_error)?;
        let size = file.metadata().map_err(read_error)?.len();
        let Some(footer) = size.checked_sub(FOOTER).filter(|&footer| footer >= MAGIC.len() as u64) else {
            return Err(wrong("it is too short to be a shard"));
        };
        let (mut magic, mut lengths) = ([0; MAGIC.len()], [0; FOOTER as usize]);
        read_at(&file, &mut magic, 0).map_err(read_error)?;
        read_at(&file, &mut lengths, footer).map_err(read_error)?;
        if magic != *MAGIC {
            return Err(wrong("it is no shard"));
        }
        let [a, b, c, d, e, f, g, h, sum @ ..] = lengths;
        let length = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let Some(end) = footer.checked_sub(length).filter(|&end| end >= MAGIC.len() as u64) else {
            return Err(wrong("it was cut short, or its end is damaged"));
        };
        let mut index = vec![0; length as usize];
        read_at(&file, &mut index, end).map_err(read_error)?;
        if crc32fast::hash(&index) != u32::from_le_bytes(sum) {
            return Err(wrong("its index is damaged"));
        }
        let (entries, labels, classes) =
            entries(&index, end).ok_or_else(|| wrong("its index does not describe its images"))?;
        Ok((Shard { path: path.into(), file, entries }, labels, classes))
    }

    /// The bytes of image `i`.
    pub(crate) fn read(&self, i: u32) -> Result<Vec<u8>> {
        let Entry { start, length, sum, .. } = self.entries[i as usize];
        let mut bytes = vec![0; length as usize];
        let read_error = |source| Error::Read { path: self.path.clone(), source };
        read_at(&self.file, &mut bytes, start).map_err(read_error)?;
        if crc32fast::hash(&bytes) == sum {
            Ok(bytes)
        } else {
            Err(Error::Shard { file: self.name(i), problem: "the image is damaged".into() })
        }
    }

    /// The shard's path and the image's name.
    pub(crate) fn name(&self, i: u32) -> String {
        format!("{}: {}", self.path.display(), self.key(i))
    }

    /// The image's name: class and file.
    pub(crate) fn key(&self, i: u32) -> &str {
        &self.entries[i as usize].name
    }
}

type Index = (Vec<Entry>, Vec<u32>, Arc<[String]>);

/// Reads an index of images that fill the file from the magic number to `end`: `None` if it is none.
fn entries(mut index: &[u8], end: u64) -> Option<Index> {
    let input = &mut index;
    let classes: Arc<[String]> = (0..number(input)?).map(|_| text(input)).collect::<Option<_>>()?;
    let (mut entries, mut labels, mut start) = (vec![], vec![], MAGIC.len() as u64);
    for _ in 0..number(input)? {
        let (label, length, sum) = (number(input)?, number(input)?, number(input)?);
        let name = text(input)?.into_boxed_str();
        let valid =
            name.len() <= MAX_NAME && u64::from(length) <= MAX_FILE && start + u64::from(length) <= end;
        if !valid || label as usize >= classes.len() {
            return None;
        }
        entries.push(Entry { start, length, sum, name });
        labels.push(label);
        start += u64::from(length);
    }
    (start == end && input.is_empty()).then_some((entries, labels, classes))
}

fn number(input: &mut &[u8]) -> Option<u32> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(u32::from_le_bytes(*bytes))
}

fn text(input: &mut &[u8]) -> Option<String> {
    let length = number(input)? as usize;
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    String::from_utf8(bytes.into()).ok()
}

/// Writes a number below 2^32: images, lengths of images and names, and checksums all are.
fn put_number(out: &mut Vec<u8>, number: usize) {
    out.extend((number as u32).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len());
    out.extend(text.as_bytes());
}

/// Reads without moving the file's position, so that several threads may read at once.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

/// A browser has no files.
#[cfg(target_arch = "wasm32")]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => (bytes, start) = (&mut bytes[count..], start + count as u64),
        }
    }
    Ok(())
}
