//! Shards of pictures.

use std::path::Path;
use std::sync::Arc;

use data::{Error, Fit, ImageFolder, Loader, LoaderOptions, Normalize};

use crate::campaign::{File, Reader, Sample};
use crate::common::{encode, picture, write, write_files};
use image::ImageFormat;

/// The bytes of a footer: the index's length and checksum.
const FOOTER: usize = 12;

/// Two pictures of `width` x 6 pixels.
fn shard(width: u32) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let bytes = |red, format| encode(&picture(width, 6, red).into(), format);
    let entries = [
        ("cat/0.png".to_string(), bytes(10, ImageFormat::Png)),
        ("dog/1.jpg".to_string(), bytes(200, ImageFormat::Jpeg)),
    ];
    write_files(&directory.path().join("loose"), &entries);
    let path = directory.path().join("shard");
    ImageFolder::new(directory.path().join("loose")).unwrap().write_shard(&path, None).unwrap();
    std::fs::read(path).unwrap()
}

/// The content with the checksum that its index needs, as far as its length leads.
fn with_sum(content: &[u8]) -> Vec<u8> {
    let mut shard = content.to_vec();
    let Some(footer) = shard.len().checked_sub(FOOTER) else { return shard };
    let length = u64::from_le_bytes(shard[footer..footer + 8].try_into().unwrap());
    if let Some(index) = usize::try_from(length).ok().and_then(|length| footer.checked_sub(length)) {
        let sum = crc32fast::hash(&shard[index..footer]);
        shard[footer + 8..].copy_from_slice(&sum.to_le_bytes());
    }
    shard
}

/// Every picture, at 6x8 pixels: the first error, if one has any.
fn pictures(path: &Path) -> data::Result<Vec<Vec<f32>>> {
    let folder = Arc::new(ImageFolder::from_shard(path)?);
    let normalize = Normalize { mean: vec![0.0; 3], std: vec![1.0; 3] };
    let options = LoaderOptions {
        fit: Some(Fit::Resize { size: [6, 8] }),
        workers: 1,
        cache: 0,
        ..LoaderOptions::eval(1, normalize)
    };
    let loader = Loader::new(folder, options)?;
    let mut found = vec![];
    for mut batch in loader.epoch(0) {
        if let Some(error) = batch.error() {
            return Err(Error::Options(error.to_string()));
        }
        found.push(std::mem::take(&mut batch.images));
    }
    Ok(found)
}

/// Shards as they are, and with indices that have the right checksum. The pictures' own checksums are in the index.
pub fn shards() -> Reader {
    Reader {
        name: "shards",
        samples: || {
            let loose = [8, 11].map(|width| Sample::plain(shard(width)));
            loose.into_iter().chain([Sample { content: shard(8), wrap: with_sum }]).collect()
        },
        check: |file| {
            let path = file.directory.join("shard");
            write(&path, &file.bytes);
            let whole = file.directory.join("whole");
            file.judge(
                |_| pictures(&path),
                |file, found| {
                    let mut known = vec![];
                    for width in [8, 11] {
                        write(&whole, &shard(width));
                        known.extend(pictures(&whole).unwrap());
                    }
                    // An index with a valid checksum is believed.
                    let sound = file.rewrapped || found.iter().all(|picture| known.contains(picture));
                    File::must(sound, "another picture than those that were written")
                },
            )
        },
        // A picture may have 64 MiB whatever the size of its file, as in a folder.
        memory: (512 << 20, 4000),
    }
}
