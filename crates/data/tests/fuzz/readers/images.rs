//! Pictures in folders.

use std::fs;

use data::folder;

use crate::campaign::{File, Reader, Sample, Verdict};
use crate::common::{encode, picture, write};
use image::{DynamicImage, ImageFormat};

/// A decoder may take this much for any picture that it does not refuse.
const DECODER: usize = 256 << 20;

/// Reads a folder whose first picture, which sets the size, is the damaged one.
fn check(file: &mut File, name: &str) -> Result<Verdict, String> {
    let root = file.directory.to_path_buf();
    let whole = (if name.ends_with("png") { png_samples } else { jpeg_samples })().swap_remove(file.sample);
    let whole = (whole.wrap)(&whole.content);
    for (path, bytes) in [("train/a/0", &file.bytes), ("test/a/0", &whole)] {
        let path = root.join(path).with_extension(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, bytes);
    }
    file.judge(
        |_| folder::read(&root),
        |file, found| {
            let [channels, height, width] = found.train.shape();
            File::must((channels, found.train.len()) == (3, 1), "not one coloured picture")?;
            File::must(found.train.pixels().len() == 3 * height * width, "pixels are not all there")?;
            // Both pictures have one size, or there had been an error; PNG's checksums tell of damage to its bytes.
            let sound =
                !name.ends_with("png") || file.rewrapped || found.train.image(0) == found.test.image(0);
            File::must(sound, "other pixels than before the damage")
        },
    )
}

fn png_samples() -> Vec<Sample> {
    let colours: DynamicImage = picture(8, 6, 99).into();
    let grey = DynamicImage::from(colours.to_luma8());
    let transparent = DynamicImage::from(colours.to_rgba16());
    [colours, grey, transparent]
        .map(|image| Sample { content: encode(&image, ImageFormat::Png), wrap: with_checksums })
        .into()
}

fn jpeg_samples() -> Vec<Sample> {
    let colours: DynamicImage = picture(24, 17, 99).into();
    let grey = DynamicImage::from(colours.to_luma8());
    [colours, grey].map(|image| Sample::plain(encode(&image, ImageFormat::Jpeg))).into()
}

/// Gives every chunk, as far as lengths lead, the checksum that it needs.
fn with_checksums(content: &[u8]) -> Vec<u8> {
    let mut png = content.to_vec();
    let mut place = 8;
    while let Some(length) = png.get(place..place + 4) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let end = place.saturating_add(8).saturating_add(length);
        let Some(sum) = png.get(place + 4..end).map(crc32fast::hash) else { break };
        let Some(field) = png.get_mut(end..end + 4) else { break };
        field.copy_from_slice(&sum.to_be_bytes());
        place = end + 4;
    }
    png
}

/// Checksums in every chunk.
pub fn png() -> Reader {
    Reader { name: "png", samples: png_samples, check: |file| check(file, "png"), memory: (DECODER, 64) }
}

/// No checksums: pixels may be any, but there are as many as the header says.
pub fn jpeg() -> Reader {
    Reader { name: "jpeg", samples: jpeg_samples, check: |file| check(file, "jpg"), memory: (DECODER, 64) }
}
