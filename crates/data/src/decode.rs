//! Decodes image files: many of one size on all cores, or one of any size.

use std::borrow::Cow;
use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::images::MAX_PIXEL_BYTES;

/// The most pixels on a side.
const MAX_SIDE: u32 = 8192;

/// An image may have this many times the bytes of its file, or [`EXPANSION_FLOOR`] if that is more. Deflate's highest ratio is
/// 1032; only a blank JPEG could exceed it.
const EXPANSION: u64 = 1100;
const EXPANSION_FLOOR: u64 = 64 << 20;

/// The most bytes that a decoder may take for an image.
const MAX_DECODER: u64 = 256 << 20;

/// Images are decoded in parallel in pieces of about this many bytes, so that little is allocated before a false header is found.
const PIECE: usize = 256 << 20;

/// An image file: its name in errors, and the source of its bytes.
pub(crate) struct Item<'a, T> {
    pub(crate) name: String,
    pub(crate) image: &'a T,
}

/// Decodes `items`, at least one, to pixels `[N, 3, H, W]`; also returns the shape `[3, H, W]`.
///
/// The first image sets the size. Of several errors, the first item's is reported.
pub(crate) fn decode_all<T: Sync>(
    items: &[Item<'_, T>],
    content: impl Fn(&T) -> Result<Cow<'_, [u8]>> + Sync,
) -> Result<(Vec<u8>, [usize; 3])> {
    let first = &items[0];
    let (width, height) = open(&first.name, &content(first.image)?)?.dimensions();
    let (width, height) = (width as usize, height as usize);
    let size = 3 * width * height;
    let total = items.len() as u64 * size as u64;
    if total > MAX_PIXEL_BYTES {
        let what = format!("{} decoded images of {width}x{height} pixels", items.len());
        return Err(Error::TooLarge { what, limit: MAX_PIXEL_BYTES });
    }
    let decode = |(out, item): (&mut [u8], &Item<'_, T>)| {
        let mut decode = || {
            let bytes = content(item.image)?;
            let decoder = open(&item.name, &bytes)?;
            let found = (decoder.dimensions().0 as usize, decoder.dimensions().1 as usize);
            if found != (width, height) {
                return Err(Error::MixedSizes {
                    file: item.name.clone(),
                    width: found.0,
                    height: found.1,
                    reference: first.name.clone(),
                    reference_width: width,
                    reference_height: height,
                });
            }
            let rgb = DynamicImage::from_decoder(decoder)
                .map_err(|error| Error::Image { file: item.name.clone(), reason: error.to_string() })?
                .into_rgb8();
            for (i, rgb) in rgb.pixels().enumerate() {
                for (c, &value) in rgb.0.iter().enumerate() {
                    out[c * width * height + i] = value;
                }
            }
            Ok(())
        };
        decode().err()
    };
    let mut pixels = vec![];
    for piece in items.chunks((PIECE / size).max(1)) {
        let start = pixels.len();
        pixels.reserve_exact(piece.len() * size);
        pixels.resize(start + piece.len() * size, 0);
        let failure = pixels[start..].par_chunks_exact_mut(size).zip(piece).find_map_first(decode);
        if let Some(error) = failure {
            return Err(error);
        }
    }
    Ok((pixels, [3, height, width]))
}

/// A decoded picture of three colours.
#[derive(Debug, PartialEq)]
pub(crate) struct Picture {
    /// `[H, W, 3]`, and one byte more, so that every pixel can be read as four bytes.
    pub(crate) rgb: Vec<u8>,
    /// `[H, W]`
    pub(crate) size: [usize; 2],
}

/// Decodes a picture, upright according to its EXIF orientation. Grey is repeated over the channels, and transparency is dropped.
pub(crate) fn picture(name: &str, bytes: &[u8]) -> Result<Picture> {
    let failed = |error: image::ImageError| Error::Image { file: name.into(), reason: error.to_string() };
    let mut decoder = open(name, bytes)?;
    let orientation = decoder.orientation().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let (pixels, color) = (width as usize * height as usize, decoder.color_type());
    let channels = usize::from(color.channel_count());
    let rgb = if channels == usize::from(color.bytes_per_pixel()) {
        let mut decoded = vec![0; pixels * channels + 1];
        decoder.read_image(&mut decoded[..pixels * channels]).map_err(failed)?;
        match channels {
            1 | 2 => decoded.chunks_exact(channels).flat_map(|p| [p[0]; 3]).collect(),
            4 => decoded.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect(),
            _ => decoded,
        }
    } else {
        DynamicImage::from_decoder(decoder).map_err(failed)?.into_rgb8().into_raw()
    };
    let Some(image) = RgbImage::from_raw(width, height, rgb) else {
        return Err(Error::Image { file: name.into(), reason: "pixels are missing".into() });
    };
    let mut image = DynamicImage::from(image);
    image.apply_orientation(orientation);
    let size = [image.height() as usize, image.width() as usize];
    let mut rgb = image.into_rgb8().into_raw();
    rgb.resize(3 * pixels + 1, 0);
    Ok(Picture { rgb, size })
}

/// A decoder that has read the header and found it within limits.
fn open<'a>(name: &str, bytes: &'a [u8]) -> Result<impl ImageDecoder + 'a> {
    let failed = |reason: String| Error::Image { file: name.into(), reason };
    // The decoders fill in what is missing; an image cut short must not pass as grey.
    let ends = |start: &[u8], end: &[u8]| {
        !bytes.starts_with(start) || bytes.windows(end.len()).rev().any(|window| window == end)
    };
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let missing =
        webp && bytes.len() < 8 + u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    if missing || !ends(b"\xff\xd8", b"\xff\xd9") || !ends(b"\x89PNG", b"IEND\xae\x42\x60\x82") {
        return Err(failed("the file has no end: it was cut short".into()));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| failed(error.to_string()))?;
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| failed(error.to_string()))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(failed("it has no pixels".into()));
    }
    let most = EXPANSION_FLOOR.max(bytes.len() as u64 * EXPANSION).min(MAX_DECODER);
    if decoder.total_bytes() > most {
        let size = bytes.len();
        return Err(failed(format!(
            "{width}x{height} pixels are too much for an image, or for a file of {size} bytes"
        )));
    }
    Ok(decoder)
}
