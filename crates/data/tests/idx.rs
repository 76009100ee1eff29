//! MNIST's files: what is read, and what each kind of damage says.

mod common;

use std::path::Path;

use common::{gzip, write};
use data::{Error, idx};

/// An IDX file of bytes.
fn file(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// Three training images and one test image of 2 x 3 pixels, the training files gzipped, one name with a dot.
fn files(directory: &Path) {
    let images: Vec<u8> = (0..18).collect();
    write(&directory.join("train-images-idx3-ubyte.gz"), &gzip(&file(&[3, 2, 3], &images)));
    write(&directory.join("train-labels.idx1-ubyte.gz"), &gzip(&file(&[3], &[7, 0, 9])));
    write(&directory.join("t10k-images-idx3-ubyte"), &file(&[1, 2, 3], &images[..6]));
    write(&directory.join("t10k-labels-idx1-ubyte"), &file(&[1], &[3]));
}

#[test]
fn reads_gzipped_and_plain_files() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    for dataset in [idx::read(dir.path()).unwrap(), data::load(dir.path()).unwrap()] {
        assert_eq!((dataset.train.labels(), dataset.test.labels()), (&[7, 0, 9][..], &[3][..]));
        assert_eq!(dataset.train.shape(), [1, 2, 3]);
        assert_eq!(dataset.train.image(1), [6, 7, 8, 9, 10, 11]);
        assert_eq!(dataset.train.classes().len(), 10);
    }
}

#[test]
fn more_classes_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    write(&dir.path().join("t10k-labels-idx1-ubyte"), &file(&[1], &[25]));
    assert_eq!(idx::read(dir.path()).unwrap().train.classes().len(), 26);
}

#[test]
fn a_file_cut_anywhere_or_too_long_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t10k-images-idx3-ubyte");
    let whole = file(&[1, 2, 3], &[1; 6]);
    for keep in 0..whole.len() {
        files(dir.path());
        write(&path, &whole[..keep]);
        let error = idx::read(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Idx { .. }), "{keep}: {error}");
        assert!(error.to_string().contains("t10k-images"), "{error}");
    }
    write(&path, &[&whole[..], &[0]].concat());
    assert!(idx::read(dir.path()).unwrap_err().to_string().contains("it has more"));
    let gzipped = gzip(&file(&[3, 2, 3], &[1; 18]));
    files(dir.path());
    for keep in 0..gzipped.len() {
        write(&dir.path().join("train-images-idx3-ubyte.gz"), &gzipped[..keep]);
        assert!(matches!(idx::read(dir.path()), Err(Error::Idx { .. })), "{keep}");
    }
}

#[test]
fn headers_that_lie_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = |bytes: Vec<u8>| {
        files(dir.path());
        write(&dir.path().join("t10k-images-idx3-ubyte"), &bytes);
        idx::read(dir.path()).unwrap_err()
    };
    assert!(matches!(wrong(file(&[u32::MAX, 2, 3], &[])), Error::Idx { .. } | Error::TooLarge { .. }));
    assert!(matches!(wrong(file(&[u32::MAX; 3], &[])), Error::TooLarge { .. }));
    assert!(matches!(wrong(file(&[6], &[1; 6])), Error::Idx { .. }));
    assert!(wrong(vec![0, 0, 0x0d, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]).to_string().contains("0d"));
    assert!(matches!(wrong(file(&[2, 2, 3], &[1; 12])), Error::ImageSet(_)), "two images, one label");
    assert!(matches!(wrong(file(&[1, 0, 3], &[])), Error::ImageSet(_)));
}

#[test]
fn missing_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    std::fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let error = data::load(dir.path()).unwrap_err();
    assert!(
        matches!(&error, Error::MissingFile { file, .. } if file == "t10k-labels-idx1-ubyte[.gz]"),
        "{error}"
    );
}
