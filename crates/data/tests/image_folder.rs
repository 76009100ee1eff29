//! Pictures of mixed sizes: from files and shards, through a loader.

mod common;

use std::path::Path;
use std::sync::Arc;

use autograd::Device;
use common::{encode, picture, write};
use data::{
    Augment, ColorJitter, Error, Fit, ImageFolder, ImageSet, Loader, LoaderOptions, Normalize, Source,
};
use image::{DynamicImage, ImageFormat, RgbImage, imageops};

/// Pictures of many sizes and kinds: `a/0` to `a/8` and `b/0` to `b/8`.
fn entries() -> Vec<common::Entry> {
    let mut entries = vec![];
    for (class, red) in [("a", 10), ("b", 200)] {
        for i in 0..9u32 {
            let image = DynamicImage::from(picture(20 + 3 * i, 34 - 2 * i, red));
            let (image, format) = match i {
                0 => (image.to_luma8().into(), ImageFormat::Jpeg),
                1 => (image.to_rgba8().into(), ImageFormat::Png),
                2 => (image.to_luma_alpha8().into(), ImageFormat::Png),
                3 => (DynamicImage::from(image.to_rgb16()), ImageFormat::Png),
                4 | 5 => (image, ImageFormat::Png),
                _ => (image, ImageFormat::Jpeg),
            };
            let name = if format == ImageFormat::Png { "png" } else { "JPG" };
            entries.push((format!("{class}/{i}.{name}"), encode(&image, format)));
        }
    }
    entries
}

fn folder(root: &Path) -> ImageFolder {
    common::write_files(root, &entries());
    ImageFolder::new(root).unwrap()
}

/// Bytes as numbers.
fn plain() -> Normalize {
    Normalize { mean: vec![0.0; 3], std: vec![1.0 / 255.0; 3] }
}

fn options(batch: usize) -> LoaderOptions {
    LoaderOptions {
        fit: Some(Fit::random(12)),
        augment: vec![
            ColorJitter { brightness: 0.4, hue: 0.1, ..ColorJitter::default() }.into(),
            Augment::horizontal_flip(),
        ],
        seed: 3,
        ..LoaderOptions::eval(batch, plain())
    }
}

/// The one picture of a folder as it is: `[3, H, W]`.
fn only(root: &Path, name: &str, bytes: &[u8], [height, width]: [usize; 2]) -> data::Result<Vec<u8>> {
    let root = root.join(name.replace('.', "-"));
    common::write_files(&root, &[(format!("a/{name}"), bytes.to_vec())]);
    let options =
        LoaderOptions { fit: Some(Fit::Resize { size: [height, width] }), ..LoaderOptions::eval(1, plain()) };
    let mut batch = Loader::new(Arc::new(ImageFolder::new(root)?), options)?.epoch(0).next().unwrap();
    assert_eq!(batch.shape, [1, 3, height, width]);
    let pixels = std::mem::take(&mut batch.images);
    assert!(batch.error().is_none(), "{:?}", batch.error());
    Ok(pixels.iter().map(|value| value.round() as u8).collect())
}

fn planes(image: &RgbImage) -> Vec<u8> {
    (0..3).flat_map(|c| image.pixels().map(move |pixel| pixel.0[c])).collect()
}

#[test]
fn pictures_come_by_sorted_path_with_sorted_classes() {
    let directory = tempfile::tempdir().unwrap();
    let folder = folder(directory.path());
    assert_eq!((folder.len(), folder.is_empty()), (18, false));
    assert_eq!(**folder.classes(), ["a".to_string(), "b".to_string()]);
    assert_eq!(folder.labels(), [[0; 9], [1; 9]].concat());
    assert!(folder.name(3).replace('\\', "/").ends_with("a/3.png"), "{}", folder.name(3));
    let some = folder.subset([9, 3]).unwrap();
    assert_eq!((some.labels(), some.name(1)), (&[1, 0][..], folder.name(3)));
    assert!(matches!(folder.subset([18]), Err(Error::ImageSet(_))));
}

#[test]
fn grey_and_transparent_pictures_become_rgb() {
    let directory = tempfile::tempdir().unwrap();
    let image = DynamicImage::from(picture(8, 6, 90));
    let kinds = [
        image.to_luma8().into(),
        image.to_luma_alpha8().into(),
        image.to_rgba8().into(),
        DynamicImage::from(image.to_rgb16()),
        DynamicImage::from(image.to_luma16()),
    ];
    for (i, kind) in kinds.into_iter().enumerate() {
        let bytes = encode(&kind, ImageFormat::Png);
        let found = only(directory.path(), &format!("{i}.png"), &bytes, [6, 8]).unwrap();
        assert_eq!(found, planes(&kind.to_rgb8()), "kind {i}");
    }
}

/// A JPEG with an EXIF segment that holds an orientation alone.
fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff =
        [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0], &[0; 4]].concat();
    let exif = [&b"Exif\0\0"[..], &tiff].concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn the_exif_orientation_is_applied() {
    let directory = tempfile::tempdir().unwrap();
    let jpeg = encode(&picture(16, 24, 90).into(), ImageFormat::Jpeg);
    let image = image::load_from_memory(&jpeg).unwrap().to_rgb8();
    let flip = |image: &RgbImage| imageops::flip_horizontal(image);
    let expected = [
        image.clone(),
        flip(&image),
        imageops::rotate180(&image),
        imageops::flip_vertical(&image),
        flip(&imageops::rotate90(&image)),
        imageops::rotate90(&image),
        flip(&imageops::rotate270(&image)),
        imageops::rotate270(&image),
    ];
    for (orientation, expected) in (1..).zip(expected) {
        let bytes = turned(&jpeg, orientation);
        let size = [expected.height() as usize, expected.width() as usize];
        let found = only(directory.path(), &format!("{orientation}.jpg"), &bytes, size).unwrap();
        assert_eq!(found, planes(&expected), "orientation {orientation}");
    }
}

#[cfg(feature = "webp")]
#[test]
fn web_p_pictures_are_read_and_cut_ones_refused() {
    let directory = tempfile::tempdir().unwrap();
    let image = picture(8, 6, 90);
    let bytes = encode(&image.clone().into(), ImageFormat::WebP);
    assert_eq!(only(directory.path(), "0.webp", &bytes, [6, 8]).unwrap(), planes(&image));
    write(&directory.path().join("0-webp/a/1.webp"), &bytes[..bytes.len() - 3]);
    let folder = ImageFolder::new(directory.path().join("0-webp")).unwrap();
    let batch = Loader::new(folder.into(), options(2)).unwrap().epoch(0).next().unwrap();
    assert!(batch.error().unwrap().to_string().contains("cut short"), "{:?}", batch.error());
}

type Made = (Vec<u32>, Vec<u32>, Vec<f32>);

fn made<S: data::Images>(set: &Arc<S>, options: LoaderOptions, epoch: usize, skip: usize) -> Vec<Made> {
    let loader = Loader::new(set.clone(), options).unwrap();
    let batches = loader.batches(epoch, skip);
    batches.map(|batch| (batch.indices.clone(), batch.labels.clone(), batch.images.clone())).collect()
}

#[test]
fn batches_are_the_same_for_any_threads_queue_and_cache() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Arc::new(folder(directory.path()));
    let set = Arc::new(data::synthetic::shapes(700, 0, 1).train);
    let shuffled = |batch| LoaderOptions { shuffle: true, ..options(batch) };
    let expected = made(&folder, LoaderOptions { workers: 1, cache: 0, ..shuffled(4) }, 1, 0);
    let small = LoaderOptions { fit: None, ..shuffled(300) };
    let expected_small = made(&set, LoaderOptions { workers: 1, ..small.clone() }, 1, 0);
    assert_eq!((expected.len(), expected_small.len()), (5, 3));
    for (workers, prefetch, cache) in [(2, 2, 0), (5, 3, 20_000), (5, 1, 1 << 30), (0, 0, 0), (2, 9, 1)] {
        let with = |options| LoaderOptions { workers, prefetch, cache, ..options };
        assert_eq!(made(&folder, with(shuffled(4)), 1, 0), expected, "{workers} {prefetch} {cache}");
        assert_eq!(made(&set, with(small.clone()), 1, 0), expected_small, "{workers} {prefetch}");
        assert_eq!(made(&folder, with(shuffled(4)), 1, 3), expected[3..]);
    }
    assert_ne!(made(&folder, shuffled(4), 2, 0), expected);
}

/// The parts of a picture differ by epoch and picture; later epochs take it from the cache.
#[test]
fn every_epoch_has_its_own_parts_of_a_picture() {
    let directory = tempfile::tempdir().unwrap();
    let folder = folder(directory.path()).subset([6, 6]).unwrap();
    let options = LoaderOptions { augment: vec![], ..options(2) };
    let loader = Loader::new(Arc::new(folder), options).unwrap();
    let images: Vec<_> = (0..2).map(|epoch| loader.epoch(epoch).next().unwrap().images.clone()).collect();
    let (first, second) = images[0].split_at(3 * 12 * 12);
    assert_ne!(first, second);
    assert_ne!(images[0], images[1]);
    assert_eq!(images[0], loader.epoch(0).next().unwrap().images);
}

#[test]
fn a_broken_file_is_reported_and_the_epoch_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let folder = folder(directory.path());
    let whole = made(&Arc::new(folder.clone()), options(4), 0, 0);
    std::fs::remove_file(directory.path().join("a/6.JPG")).unwrap();
    let bytes = std::fs::read(directory.path().join("a/5.png")).unwrap();
    write(&directory.path().join("a/5.png"), &bytes[..bytes.len() - 20]);
    let device = Device::named("cpu").unwrap();
    for workers in [1, 3] {
        let loader = Loader::new(folder.clone().into(), LoaderOptions { workers, ..options(4) }).unwrap();
        let batches: Vec<_> = loader.epoch(0).collect();
        assert_eq!(batches.len(), 5);
        for (i, (batch, whole)) in batches.iter().zip(&whole).enumerate() {
            if i != 1 {
                assert!(batch.error().is_none());
                assert_eq!(batch.images, whole.2);
                assert_eq!(batch.to_device(&device).unwrap().images.shape(), batch.shape);
                continue;
            }
            assert!(
                matches!(batch.error(), Some(Error::Image { .. })),
                "the first of two: {:?}",
                batch.error()
            );
            let error = batch.to_device(&device).unwrap_err();
            assert!(matches!(error, Error::Batch(_)));
            let text = error.to_string().replace('\\', "/");
            assert!(text.contains("a/5.png: cannot decode") && text.contains("replace or remove"), "{text}");
            let image = 3 * 12 * 12;
            assert_eq!(batch.images[image..3 * image], vec![0.0; 2 * image]);
            assert_eq!(batch.images[3 * image..], whole.2[3 * image..]);
        }
    }
}

#[test]
fn a_shard_is_as_good_as_its_files() {
    let directory = tempfile::tempdir().unwrap();
    let folder = folder(&directory.path().join("loose"));
    let path = directory.path().join("pictures.shard");
    folder.write_shard(&path, None).unwrap();
    let shard = ImageFolder::from_shard(&path).unwrap();
    assert_eq!((shard.labels(), shard.classes()), (folder.labels(), folder.classes()));
    assert!(shard.name(3).ends_with("pictures.shard: a/3.png"), "{}", shard.name(3));
    let expected = made(&Arc::new(folder.clone()), options(4), 0, 0);
    let shard = Arc::new(shard);
    assert_eq!(made(&shard, options(4), 0, 0), expected);
    let some = [7, 1, 12];
    let again = directory.path().join("again.shard");
    shard.subset(some).unwrap().write_shard(&again, Some(1000)).unwrap();
    let again = Arc::new(ImageFolder::from_shard(&again).unwrap());
    assert_eq!(
        made(&again, options(4), 0, 0),
        made(&Arc::new(folder.subset(some).unwrap()), options(4), 0, 0)
    );
    assert!(again.name(1).ends_with("a/1.png"), "{}", again.name(1));
}

#[test]
fn a_shard_may_hold_smaller_pictures() {
    let directory = tempfile::tempdir().unwrap();
    let folder = folder(&directory.path().join("loose"));
    let path = directory.path().join("small.shard");
    folder.write_shard(&path, Some(16)).unwrap();
    let shard = Arc::new(ImageFolder::from_shard(&path).unwrap());
    let fit = LoaderOptions { fit: Some(Fit::center(16, 16)), ..LoaderOptions::eval(18, plain()) };
    let (large, small) = (made(&Arc::new(folder), fit.clone(), 0, 0), made(&shard, fit, 0, 0));
    let off: f32 = large[0].2.iter().zip(&small[0].2).map(|(a, b)| (a - b).abs()).sum();
    let mean = off / large[0].2.len() as f32;
    assert!(mean < 6.0, "JPEG changes bytes by {mean} in the mean");
    assert!(matches!(shard.write_shard(&path, Some(0)), Err(Error::Options(_))));
}

#[test]
fn a_damaged_shard_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let folder = folder(&directory.path().join("loose"));
    let path = directory.path().join("pictures.shard");
    folder.write_shard(&path, None).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let refuse = |bytes: &[u8], problem: &str| {
        write(&path, bytes);
        let error = ImageFolder::from_shard(&path).unwrap_err();
        assert!(matches!(error, Error::Shard { .. }) && error.to_string().contains(problem), "{error}");
    };
    refuse(&whole[..10], "too short");
    refuse(&whole[..whole.len() - 1], "");
    refuse(&[b"x", &whole[1..]].concat(), "no shard");
    let mut damaged = whole.clone();
    damaged[whole.len() - 20] ^= 1;
    refuse(&damaged, "index is damaged");
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    write(&path, &damaged);
    let loader = Loader::new(ImageFolder::from_shard(&path).unwrap().into(), options(2)).unwrap();
    let errors: Vec<bool> = loader.epoch(0).map(|batch| batch.error().is_some()).collect();
    assert_eq!(errors, [vec![true], vec![false; 8]].concat());
    let batch = loader.epoch(0).next().unwrap();
    assert!(
        batch.error().unwrap().to_string().contains("a/0.JPG: the image is damaged"),
        "{:?}",
        batch.error()
    );
    assert!(matches!(ImageFolder::from_shard("no/such"), Err(Error::Read { .. })));
}

#[test]
fn splits_and_layout_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    common::write_files(directory.path(), &common::folder_entries());
    let (train, test) = ImageFolder::splits(directory.path()).unwrap();
    assert_eq!((train.labels(), test.labels()), (&[0, 0, 1, 1][..], &[0, 1][..]));
    assert!(train.name(0).ends_with("0.png"));
    let error = ImageFolder::new(directory.path()).unwrap_err();
    assert!(error.to_string().contains("ImageFolder::splits"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(ImageFolder::new(empty.path()), Err(Error::EmptyFolder { .. })));
    assert!(matches!(ImageFolder::splits(empty.path()), Err(Error::UnknownFormat { .. })));
    assert!(matches!(ImageFolder::new("no/such"), Err(Error::Read { .. })));
    std::fs::remove_dir_all(directory.path().join("train")).unwrap();
    assert!(matches!(ImageFolder::splits(directory.path()), Err(Error::EmptySplit { split: "train", .. })));
}

#[test]
fn options_that_cannot_work_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Arc::new(folder(directory.path()));
    let refuse = |fit, problem: &str| {
        let options = LoaderOptions { fit, ..options(4) };
        let error = Loader::new(folder.clone(), options).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    };
    refuse(None, "need a `fit`");
    refuse(Some(Fit::center(20, 24)), "at most `resize`");
    refuse(Some(Fit::random(0)), "sides from 1");
    refuse(Some(Fit::Resize { size: [4, 9000] }), "sides from 1");
    let padded = LoaderOptions { augment: vec![Augment::pad_crop_flip(12)], ..options(4) };
    assert!(Loader::new(folder, padded).unwrap_err().to_string().contains("padding"));
}

#[test]
fn images_in_memory_can_be_fitted() {
    let set = ImageSet::new(vec![10, 20, 30, 40], vec![0], ["a".to_string()].into(), [1, 2, 2]).unwrap();
    let normalize = Normalize { mean: vec![0.0], std: vec![1.0 / 255.0] };
    let fit = Some(Fit::Resize { size: [1, 4] });
    let loader = Loader::new(set.into(), LoaderOptions { fit, ..LoaderOptions::eval(1, normalize) }).unwrap();
    let batch = loader.epoch(0).next().unwrap();
    assert_eq!(batch.shape, [1, 1, 1, 4]);
    // Rows: 10, 12.5 and so on, rounded up at a half; then the mean of both rows.
    let rounded: Vec<f32> = batch.images.iter().map(|value| value.round()).collect();
    assert_eq!(rounded, [20.0, 23.0, 28.0, 30.0]);
}
