//! Archives of CIFAR's records and of image folders.

use data::{Cache, Dataset, load_with};

use super::holds;
use crate::campaign::{File, Reader, Sample};
use crate::common::{cifar10_entries, folder_entries, gzip, tar_bytes, write};

/// The archives' contents: records, and image folders.
fn contents() -> [Vec<u8>; 2] {
    [tar_bytes(&cifar10_entries(1)), tar_bytes(&folder_entries())]
}

/// Gives every block that looks like a header the checksum that it needs.
fn with_checksums(content: &[u8]) -> Vec<u8> {
    let mut tar = content.to_vec();
    for block in tar.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    tar
}

/// Archives without compression, and with, whose checksum tells of any damage.
pub fn tar() -> Reader {
    Reader {
        name: "tar",
        samples: || {
            let loose = contents().map(|content| Sample { content, wrap: with_checksums });
            let wrap = |content: &[u8]| gzip(&with_checksums(content));
            loose.into_iter().chain(contents().map(|content| Sample { content, wrap })).collect()
        },
        check: |file| {
            let path = file.directory.join("archive");
            write(&path, &file.bytes);
            file.judge(
                |_| load_with(&path, &Cache::none()),
                // Another sample's archive may have been put in this one's place.
                |file, found| {
                    from_archive(&found, &[&contents()[0][..], &file.content, &file.bytes].concat())
                },
            )
        },
        // gzip may expand to 64 MiB whatever its size; and see the images' bound.
        memory: (512 << 20, 4000),
    }
}

/// Every record is one of the archive's, or every image was decoded to one size.
fn from_archive(found: &Dataset, tar: &[u8]) -> Result<(), String> {
    for set in [&found.train, &found.test] {
        File::must(!set.is_empty(), "a set of nothing")?;
        let bytes = set.pixels().len();
        File::must(bytes == set.len() * set.shape().iter().product::<usize>(), "pixels are not all there")?;
        if !found.source.starts_with("CIFAR") {
            continue;
        }
        for (i, &label) in set.labels().iter().enumerate() {
            let record = [&[label as u8], set.image(i)].concat();
            File::must(holds(tar, &record), "a record that the archive has not")?;
        }
    }
    Ok(())
}
