//! Small data sets on disk, whole and broken. Each test program uses some of it.
#![allow(dead_code)]

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// A file in an archive: its path and content.
pub type Entry = (String, Vec<u8>);

/// An image of one colour with a ramp, so that every pixel of it is known for PNG.
pub fn picture(width: u32, height: u32, red: u8) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([red, (x * 7) as u8, (y * 5) as u8]))
}

pub fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub fn png(red: u8) -> Vec<u8> {
    encode(&picture(8, 6, red).into(), ImageFormat::Png)
}

pub fn jpeg(red: u8) -> Vec<u8> {
    encode(&picture(8, 6, red).into(), ImageFormat::Jpeg)
}

/// Two classes, of which each has two training images and one test image, 8x6 pixels.
pub fn folder_entries() -> Vec<Entry> {
    [
        ("train/dog/0.png", png(0)),
        ("train/dog/1.jpg", jpeg(250)),
        ("train/cat/0.png", png(20)),
        ("train/cat/1.JPEG", jpeg(200)),
        ("train/README.txt", b"not an image".to_vec()),
        ("train/cat/.hidden.png", b"junk".to_vec()),
        ("test/cat/5.png", png(40)),
        ("test/dog/5.png", png(50)),
    ]
    .map(|(path, bytes)| (path.to_string(), bytes))
    .into()
}

/// CIFAR-10 with `records` records a file; record `r` of file `f` has label `(f + r) % 10` and pixels of that value.
pub fn cifar10_entries(records: usize) -> Vec<Entry> {
    let names = (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".to_string()]);
    names
        .enumerate()
        .map(|(file, name)| {
            let record = |r: usize| vec![((file + r) % 10) as u8; 3073];
            (format!("cifar-10-batches-bin/{name}"), (0..records).flat_map(record).collect())
        })
        .collect()
}

/// CIFAR-100 with one training record of fine label 99 and one test record of fine label 7.
pub fn cifar100_entries() -> Vec<Entry> {
    let record = |coarse, fine| [vec![coarse, fine], vec![fine; 3072]].concat();
    let names: String = (0..100).map(|i| format!("name{i}\n")).collect();
    [("train.bin", record(19, 99)), ("test.bin", record(0, 7)), ("fine_label_names.txt", names.into_bytes())]
        .map(|(name, bytes)| (format!("cifar-100-binary/{name}"), bytes))
        .into()
}

pub fn write_files(directory: &Path, entries: &[Entry]) {
    for (name, bytes) in entries {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A header whose path is written as it is, without the checks of the `tar` crate.
pub fn header(path: &str, size: u64, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(size);
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.set_cksum();
    header
}

pub fn tar_bytes(entries: &[Entry]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let header = header(path, bytes.len() as u64, tar::EntryType::Regular);
        tar.append(&header, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

pub fn write(path: &Path, bytes: &[u8]) {
    File::create(path).unwrap().write_all(bytes).unwrap();
}
