//! Decoded data sets, kept with a checksum.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use data::{Cache, Dataset, load_with};
use tempfile::TempDir;

use crate::campaign::{File, Reader, Sample, Verdict};
use crate::common::{folder_entries, tar_bytes, write};

/// An archive, where its cache is, and both as they are when whole.
struct Whole {
    directory: TempDir,
    kept: PathBuf,
    bytes: Vec<u8>,
    dataset: Dataset,
}

/// Loads through the cache in `directory`, which is made where it is missing.
fn load(directory: &Path) -> data::Result<Dataset> {
    load_with(directory.join("images.tar"), &Cache::at(directory.join("cache")))
}

/// A cache's key has its archive's path and time, so that all cases share one archive and one cache.
fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("images.tar"), &tar_bytes(&folder_entries()));
        let dataset = load(directory.path()).unwrap();
        let kept = fs::read_dir(directory.path().join("cache")).unwrap().next().unwrap().unwrap().path();
        Whole { bytes: fs::read(&kept).unwrap(), directory, kept, dataset }
    })
}

/// Damage counts as no cache: the archive is read again, and the file replaced by a whole one.
pub fn cache() -> Reader {
    Reader {
        name: "cache",
        samples: || {
            vec![
                Sample::plain(whole().bytes.clone()),
                Sample { content: whole().bytes.clone(), wrap: with_sum },
            ]
        },
        check: |file| {
            let Whole { directory, kept, bytes, dataset } = whole();
            write(kept, &file.bytes);
            let verdict = file.judge(
                |_| load(directory.path()),
                |file, found| {
                    // A cache with a valid checksum is trusted.
                    let believed = file.sample == 1 && file.rewrapped;
                    File::must(believed || found == *dataset, "other images than the archive's")
                },
            )?;
            let replaced = file.bytes != *bytes && fs::read(kept).unwrap() == *bytes;
            Ok(if replaced { Verdict::Refused } else { verdict })
        },
        memory: (8 << 20, 8),
    }
}

/// The content with its checksum recomputed, so that damaged fields are read, too.
fn with_sum(content: &[u8]) -> Vec<u8> {
    let end = content.len().saturating_sub(4);
    [&content[..end], &crc32fast::hash(&content[..end]).to_le_bytes()].concat()
}
