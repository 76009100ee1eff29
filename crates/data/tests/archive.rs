//! Archives: damage, hostile entries, limits.

mod common;

use std::io::Write;

use common::{folder_entries, gzip, header, png, tar_bytes, write};
use data::{Dataset, Error, Result, folder};
use tar::EntryType;

fn read(bytes: &[u8]) -> Result<Dataset> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("images.tar.gz");
    write(&path, bytes);
    folder::read(&path)
}

fn with_entry(path: &str, kind: EntryType) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let content = if kind == EntryType::Regular { png(0) } else { Vec::new() };
    tar.append(&header(path, content.len() as u64, kind), content.as_slice()).unwrap();
    [
        tar.into_inner().unwrap()[..512 * (1 + content.len().div_ceil(512))].to_vec(),
        tar_bytes(&folder_entries()),
    ]
    .concat()
}

#[test]
fn compressed_and_plain_archives_hold_the_same() {
    let tar = tar_bytes(&folder_entries());
    assert_eq!(read(&tar).unwrap().train, read(&gzip(&tar)).unwrap().train);
    // Several concatenated gzip members are one stream.
    let members = [gzip(&tar[..700]), gzip(&tar[700..])].concat();
    assert_eq!(read(&tar).unwrap().train, read(&members).unwrap().train);
}

#[test]
fn an_archive_cut_anywhere_is_an_error() {
    let tar = tar_bytes(&folder_entries());
    let end = tar.len() - 1024;
    for keep in [300, 511, 512, 600, 1024, end / 512 / 2 * 512, end - 512, end - 1, end, end + 100] {
        assert!(
            matches!(read(&tar[..keep]), Err(Error::Archive { .. })),
            "tar cut to {keep} of {}",
            tar.len()
        );
    }
    let gz = gzip(&tar);
    for keep in [2, 5, 9, 12, gz.len() / 2, gz.len() - 8, gz.len() - 1] {
        let error = read(&gz[..keep]).unwrap_err();
        assert!(matches!(error, Error::Archive { .. }), "gzip cut to {keep} of {}: {error}", gz.len());
    }
}

#[test]
fn damage_that_only_the_checksum_shows_is_found() {
    let mut gz = gzip(&tar_bytes(&folder_entries()));
    let checksum = gz.len() - 8;
    gz[checksum] ^= 1;
    assert!(matches!(read(&gz), Err(Error::Archive { .. })));
}

#[test]
fn paths_that_lead_elsewhere_and_links_are_refused() {
    for path in
        ["../train/cat/x.png", "train/../../x.png", "/train/cat/x.png", "train\\cat\\x.png", "C:/cat/x.png"]
    {
        let error = read(&with_entry(path, EntryType::Regular)).unwrap_err();
        assert!(matches!(&error, Error::UnsafeEntry { entry, .. } if entry == path), "{path}: {error}");
    }
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
        let error = read(&with_entry("train/cat/x.png", kind)).unwrap_err();
        assert!(matches!(error, Error::UnsafeEntry { .. }), "{kind:?}: {error}");
    }
    assert!(read(&with_entry("train/cat/", EntryType::Directory)).is_ok());
    assert!(read(&with_entry("./train/cat/x.png", EntryType::Regular)).is_ok());
}

#[test]
fn a_size_that_only_the_header_claims_allocates_nothing() {
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header("train/cat/x.png", 1 << 32, EntryType::Regular), &b"short"[..]).unwrap();
    assert!(matches!(read(&tar.into_inner().unwrap()), Err(Error::Archive { .. })));
}

#[test]
fn what_expands_too_far_is_refused() {
    let big = (65 << 20) as u64;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(header("train/cat/x.png", big, EntryType::Regular).as_bytes()).unwrap();
    (0..65).for_each(|_| gz.write_all(&vec![0; 1 << 20]).unwrap());
    let error = read(&gz.finish().unwrap()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit, .. } if limit == 64 << 20), "{error}");
}

#[test]
fn an_archive_of_something_else_is_an_unknown_format() {
    let tar = tar_bytes(&[("notes/today.txt".into(), b"nothing to see".to_vec())]);
    assert!(matches!(read(&gzip(&tar)), Err(Error::UnknownFormat { .. })));
}
