//! Pictures in folders.

use std::fs;
use std::sync::OnceLock;

use data::folder;

use crate::campaign::{File, Reader, Sample, Verdict};
use crate::common::{encode, picture, write};
use image::{DynamicImage, ImageFormat};

/// A picture may have 64 MiB whatever the size of its file: as a decoder's result and its work, and in the data set.
const PICTURES: usize = 512 << 20;

/// Reads a folder whose first picture, which sets the size, is the damaged one.
fn check(file: &mut File) -> Result<Verdict, String> {
    let whole = &whole_files()[file.sample];
    let (root, name) = if file.sample < PNGS { ("png", "0.png") } else { ("jpeg", "0.jpg") };
    let root = file.directory.join(root);
    for (split, bytes) in [("train/a", &file.bytes), ("test/a", whole)] {
        fs::create_dir_all(root.join(split)).unwrap();
        write(&root.join(split).join(name), bytes);
    }
    file.judge(
        |_| folder::read(&root),
        |file, found| {
            let [channels, height, width] = found.train.shape();
            File::must((channels, found.train.len()) == (3, 1), "not one coloured picture")?;
            File::must(found.train.pixels().len() == 3 * height * width, "pixels are not all there")?;
            // PNG's checksums reveal damage, unless the whole file is another sample's.
            let told = file.sample < PNGS && !file.rewrapped && file.bytes.starts_with(b"\x89PNG");
            let sound = !told || whole_pictures().contains(&found.train.image(0).to_vec());
            File::must(sound, "other pixels than before the damage")
        },
    )
}

fn whole_files() -> &'static [Vec<u8>] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| samples().into_iter().map(|sample| (sample.wrap)(&sample.content)).collect())
}

/// The pixels of the whole samples, channel by channel.
fn whole_pictures() -> &'static [Vec<u8>] {
    static PICTURES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    PICTURES.get_or_init(|| {
        let pixels = |sample: Sample| {
            let image = image::load_from_memory(&sample.content).unwrap().into_rgb8();
            (0..3).flat_map(|channel| image.pixels().map(move |pixel| pixel.0[channel])).collect()
        };
        samples().into_iter().take(PNGS).map(pixels).collect()
    })
}

/// How many of the samples are PNGs, the first ones.
const PNGS: usize = 3;

fn samples() -> Vec<Sample> {
    let forms = |width, height| {
        let colours: DynamicImage = picture(width, height, 99).into();
        let grey = DynamicImage::from(colours.to_luma8());
        [grey, DynamicImage::from(colours.to_rgba16()), colours]
    };
    let png = forms(8, 6).map(|image| encode(&image, ImageFormat::Png));
    let png = png.map(|content| Sample { content, wrap: with_checksums });
    let [grey, _, colours] = forms(24, 17);
    let jpeg = [grey, colours].map(|image| Sample::plain(encode(&image, ImageFormat::Jpeg)));
    png.into_iter().chain(jpeg).collect()
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

/// PNGs, with checksums in every chunk, and JPEGs, whose pixels may be any, but there are as many as the header says.
pub fn pictures() -> Reader {
    Reader { name: "images", samples, check, memory: (PICTURES, 4000) }
}
