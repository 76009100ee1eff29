//! Loading by path: formats are recognised, and a cache only ever saves time.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{cifar10_entries, cifar100_entries, folder_entries, gzip, png, tar_bytes, write, write_files};
use data::{Cache, Error, load_with};
use tempfile::TempDir;

/// A directory with an archive of image folders and one for the cache.
fn setup() -> (TempDir, PathBuf, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("images.tgz");
    write(&archive, &gzip(&tar_bytes(&folder_entries())));
    let cache = Cache::at(dir.path().join("cache"));
    (dir, archive, cache)
}

fn cached_files(cache: &Cache) -> Vec<PathBuf> {
    fs::read_dir(cache.directory().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_format_is_recognised() {
    for (entries, name) in [
        (cifar10_entries(1), "CIFAR-10 (binary)"),
        (cifar100_entries(), "CIFAR-100 (binary)"),
        (folder_entries(), "image folders"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write_files(&dir.path().join("loose"), &entries);
        write(&dir.path().join("packed.tar"), &tar_bytes(&entries));
        write(&dir.path().join("packed.tar.gz"), &gzip(&tar_bytes(&entries)));
        let loose = load_with(dir.path().join("loose"), &Cache::none()).unwrap();
        assert!(loose.source.starts_with(name), "{}", loose.source);
        for packed in ["packed.tar", "packed.tar.gz"] {
            let packed = load_with(dir.path().join(packed), &Cache::none()).unwrap();
            assert_eq!((&packed.train, &packed.test), (&loose.train, &loose.test));
        }
    }
}

#[test]
fn other_paths_say_what_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    for content in [&b""[..], b"x", &[b'a'; 2000]] {
        write(&file, content);
        let error = load_with(&file, &Cache::none()).unwrap_err();
        assert!(matches!(error, Error::UnknownFormat { .. }));
        assert!(error.to_string().contains("CIFAR-10") && error.to_string().contains("image folders"));
    }
    assert!(matches!(load_with(dir.path(), &Cache::none()), Err(Error::UnknownFormat { .. })));
    assert!(matches!(load_with(dir.path().join("none"), &Cache::none()), Err(Error::Read { .. })));
}

#[test]
fn the_second_load_comes_from_the_cache() {
    let (_dir, archive, cache) = setup();
    let decoded = load_with(&archive, &cache).unwrap();
    let files = cached_files(&cache);
    assert_eq!(files.len(), 1, "the file alone, no temporary one: {files:?}");
    // Same size and time, but no archive any more: only the cache can answer.
    let metadata = fs::metadata(&archive).unwrap();
    write(&archive, &[[0x1f, 0x8b].to_vec(), vec![0; metadata.len() as usize - 2]].concat());
    fs::File::options()
        .append(true)
        .open(&archive)
        .unwrap()
        .set_modified(metadata.modified().unwrap())
        .unwrap();
    assert_eq!(load_with(&archive, &cache).unwrap(), decoded);
    assert!(load_with(&archive, &Cache::none()).is_err());
}

#[test]
fn a_changed_source_is_decoded_anew_and_replaces_its_file() {
    let (_dir, archive, cache) = setup();
    load_with(&archive, &cache).unwrap();
    let mut entries = folder_entries();
    entries.push(("train/cat/new.png".into(), png(9)));
    write(&archive, &gzip(&tar_bytes(&entries)));
    assert_eq!(load_with(&archive, &cache).unwrap().train.len(), 5);
    assert_eq!(cached_files(&cache).len(), 1);
}

#[test]
fn a_directory_is_known_by_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path().join("cache"));
    let images = dir.path().join("images");
    write_files(&images, &folder_entries());
    assert_eq!(load_with(&images, &cache).unwrap(), load_with(&images, &cache).unwrap());
    write(&images.join("train/cat/new.png"), &png(9));
    assert_eq!(load_with(&images, &cache).unwrap().train.len(), 5);
    fs::remove_file(images.join("train/cat/new.png")).unwrap();
    assert_eq!(load_with(&images, &cache).unwrap().train.len(), 4);
}

#[test]
fn a_damaged_cache_is_rebuilt() {
    let (_dir, archive, cache) = setup();
    let decoded = load_with(&archive, &cache).unwrap();
    let file = cached_files(&cache).remove(0);
    let whole = fs::read(&file).unwrap();
    let mut damaged: Vec<Vec<u8>> = [0, 3, 4, 11, 12, 20, whole.len() / 2, whole.len() - 4, whole.len() - 1]
        .map(|keep| whole[..keep].to_vec())
        .into();
    damaged.push([&whole[..], b"more"].concat());
    for place in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        damaged.push(whole.clone());
        damaged.last_mut().unwrap()[place] ^= 0x80;
    }
    for bytes in damaged {
        write(&file, &bytes);
        assert_eq!(load_with(&archive, &cache).unwrap(), decoded);
        assert_eq!(fs::read(&file).unwrap(), whole);
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_no_error() {
    let (dir, archive, _) = setup();
    let occupied = dir.path().join("occupied");
    write(&occupied, b"a file, not a directory");
    assert_eq!(load_with(&archive, &Cache::at(&occupied)).unwrap().train.len(), 4);
    assert_eq!(fs::read(&occupied).unwrap(), b"a file, not a directory");
}
