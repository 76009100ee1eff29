//! CIFAR-10 and CIFAR-100: what is read, and what each kind of damage says.

mod common;

use common::{cifar10_entries, cifar100_entries, gzip, tar_bytes, write, write_files};
use data::{Error, cifar};

#[test]
fn reads_cifar10_from_a_directory_the_one_around_it_and_the_archive() {
    let dir = tempfile::tempdir().unwrap();
    let entries = cifar10_entries(3);
    write_files(dir.path(), &entries);
    let archive = dir.path().join("cifar-10-binary.tar.gz");
    write(&archive, &gzip(&tar_bytes(&entries)));
    for path in [dir.path().to_path_buf(), dir.path().join("cifar-10-batches-bin"), archive] {
        let dataset = cifar::read(&path).unwrap();
        assert_eq!(dataset.train.labels(), [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6]);
        assert_eq!(dataset.test.labels(), [5, 6, 7]);
        assert_eq!(dataset.train.shape(), [3, 32, 32]);
        assert_eq!(dataset.train.image(4), [2; 3072]);
        assert_eq!(dataset.train.classes()[3], "cat");
        assert_eq!(dataset.source, format!("CIFAR-10 (binary) from {}: 15 train, 3 test", path.display()));
    }
}

#[test]
fn reads_the_fine_labels_and_names_of_cifar100() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path(), &cifar100_entries());
    let dataset = cifar::read(dir.path()).unwrap();
    assert_eq!((dataset.train.labels(), dataset.test.labels()), (&[99][..], &[7][..]));
    assert_eq!(dataset.train.classes().len(), 100);
    assert_eq!(dataset.train.classes()[99], "name99");
}

#[test]
fn a_file_cut_anywhere_but_between_records_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut entries = cifar10_entries(2);
    let whole = entries[2].1.clone();
    for keep in [0, 1, 1000, 3072, 3074, 2 * 3073 - 1] {
        entries[2].1 = whole[..keep].to_vec();
        write_files(dir.path(), &entries);
        let error = cifar::read(dir.path()).unwrap_err();
        assert!(matches!(error, Error::PartialRecord { bytes, record: 3073, .. } if bytes == keep));
        assert!(error.to_string().contains("data_batch_3.bin"), "{error}");
    }
    entries[2].1 = whole[..3073].to_vec();
    write_files(dir.path(), &entries);
    assert_eq!(cifar::read(dir.path()).unwrap().train.len(), 9);
}

#[test]
fn a_label_out_of_range_names_file_record_and_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut entries = cifar10_entries(2);
    entries[5].1[3073] = 10;
    write_files(dir.path(), &entries);
    let error = cifar::read(dir.path()).unwrap_err();
    assert!(matches!(error, Error::LabelRange { record: 1, offset: 3073, label: 10, classes: 10, .. }));
    assert!(error.to_string().contains("test_batch.bin, record 1 (byte 3073): label 10"), "{error}");

    for (byte, kind) in [(0, "coarse label 100"), (1, "fine label 100")] {
        let dir = tempfile::tempdir().unwrap();
        let mut entries = cifar100_entries();
        entries[0].1[byte] = 100;
        write_files(dir.path(), &entries);
        let error = cifar::read(dir.path()).unwrap_err();
        assert!(error.to_string().contains(kind), "{error}");
    }
}

#[test]
fn every_missing_file_is_named() {
    for entries in [cifar10_entries(1), cifar100_entries()] {
        for missing in 0..entries.len() {
            let dir = tempfile::tempdir().unwrap();
            let mut entries = entries.clone();
            let (name, _) = entries.remove(missing);
            write_files(dir.path(), &entries);
            let error = cifar::read(dir.path()).unwrap_err();
            assert!(matches!(&error, Error::MissingFile { file, .. } if name.ends_with(file)), "{error}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(cifar::read(dir.path()), Err(Error::UnknownFormat { .. })));
    assert!(matches!(cifar::read(dir.path().join("nothing")), Err(Error::Read { .. })));
}

#[test]
fn class_names_must_be_as_many_as_the_classes() {
    let dir = tempfile::tempdir().unwrap();
    let mut entries = cifar10_entries(1);
    entries.push(("cifar-10-batches-bin/batches.meta.txt".into(), b"a\nb\n\n".to_vec()));
    write_files(dir.path(), &entries);
    let error = cifar::read(dir.path()).unwrap_err();
    assert!(matches!(error, Error::ClassNames { found: 2, expected: 10, .. }), "{error}");
    entries[6].1 = b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n".to_vec();
    write_files(dir.path(), &entries);
    assert_eq!(cifar::read(dir.path()).unwrap().test.classes()[9], "j");
}
