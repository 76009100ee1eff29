//! Image folders: layouts, colours, and what is wrong with images.

mod common;

use std::path::Path;

use common::{encode, folder_entries, jpeg, picture, png, tar_bytes, write, write_files};
use data::{Dataset, Error, Result, folder};
use image::{DynamicImage, ImageFormat};

fn read_with(change: impl FnOnce(&mut Vec<common::Entry>)) -> Result<Dataset> {
    let dir = tempfile::tempdir().unwrap();
    let mut entries = folder_entries();
    change(&mut entries);
    write_files(dir.path(), &entries);
    let loose = folder::read(dir.path());
    let archive = dir.path().join("images.tar");
    write(&archive, &tar_bytes(&entries));
    let packed = folder::read(&archive);
    match (&loose, &packed) {
        (Ok(loose), Ok(packed)) => assert_eq!(
            (loose.train.pixels(), loose.test.pixels()),
            (packed.train.pixels(), packed.test.pixels())
        ),
        (loose, packed) => assert_eq!(
            loose.as_ref().map_err(std::mem::discriminant).err(),
            packed.as_ref().map_err(std::mem::discriminant).err()
        ),
    }
    loose
}

#[test]
fn images_come_by_sorted_path_with_sorted_classes() {
    let dataset = read_with(|_| ()).unwrap();
    assert_eq!(**dataset.train.classes(), ["cat".to_string(), "dog".to_string()]);
    assert_eq!(dataset.train.labels(), [0, 0, 1, 1]);
    assert_eq!(dataset.test.labels(), [0, 1]);
    assert_eq!(dataset.train.shape(), [3, 6, 8]);
    let cat = dataset.train.image(0);
    assert_eq!(cat[..48], [20; 48]);
    assert_eq!(cat[48..56], [0, 7, 14, 21, 28, 35, 42, 49]);
    assert_eq!(cat[96..112], [[0; 8], [5; 8]].concat());
    assert!(dataset.train.image(3)[..48].iter().all(|&red| red > 235), "a JPEG is close to its original");
    assert!(dataset.source.contains("4 train, 2 test, 2 classes"), "{}", dataset.source);
}

#[test]
fn the_test_split_may_be_called_val_or_valid() {
    for name in ["val", "valid"] {
        let dataset = read_with(|entries| {
            for (path, _) in entries {
                *path = path.replace("test/", &format!("{name}/"));
            }
        });
        assert!(dataset.unwrap().source.contains(&format!("2 {name},")));
    }
}

#[test]
fn an_archive_may_have_one_directory_around_all() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("images.tar");
    let mut entries = folder_entries();
    entries.iter_mut().for_each(|(path, _)| *path = format!("./set/{path}"));
    write(&archive, &tar_bytes(&entries));
    assert_eq!(folder::read(&archive).unwrap().train.len(), 4);
    entries[0].0 = "other/train/dog/0.png".into();
    write(&archive, &tar_bytes(&entries));
    assert!(matches!(folder::read(&archive), Err(Error::Layout { .. })));
}

#[test]
fn grey_palette_deep_and_transparent_images_become_rgb() {
    let image = DynamicImage::from(picture(8, 6, 90));
    for converted in [
        image.to_luma8().into(),
        image.to_rgba8().into(),
        DynamicImage::from(image.to_rgb16()),
        image.to_luma_alpha8().into(),
    ] {
        let expected = converted.to_rgb8();
        let bytes = encode(&converted, ImageFormat::Png);
        let dataset = read_with(|entries| entries[2].1 = bytes).unwrap();
        for (i, pixel) in expected.pixels().enumerate() {
            assert_eq!([0, 1, 2].map(|c| dataset.train.image(0)[c * 48 + i]), pixel.0);
        }
    }
    let grey = encode(&image.to_luma8().into(), ImageFormat::Jpeg);
    let dataset = read_with(|entries| entries[2].1 = grey).unwrap();
    let [red, green, blue] = [0, 1, 2].map(|c| &dataset.train.image(0)[c * 48..][..48]);
    assert!(red == green && green == blue);
}

#[test]
fn the_image_of_another_size_is_named() {
    let odd = encode(&picture(9, 6, 0).into(), ImageFormat::Png);
    let error = read_with(|entries| entries[1].1 = odd).unwrap_err();
    assert!(matches!(error, Error::MixedSizes { width: 9, height: 6, reference_width: 8, .. }));
    let text = error.to_string().replace('\\', "/");
    assert!(text.contains("train/dog/1.jpg is 9x6") && text.contains("train/cat/0.png is 8x6"), "{text}");
}

#[test]
fn an_image_cut_anywhere_is_an_error_that_names_it() {
    for (index, whole) in [(0, png(0)), (1, jpeg(0))] {
        for keep in [0, 1, 2, 10, 30, whole.len() / 2, whole.len() - 20, whole.len() - 1] {
            let error = read_with(|entries| entries[index].1 = whole[..keep].to_vec()).unwrap_err();
            assert!(matches!(error, Error::Image { .. }), "{keep} of {}: {error}", whole.len());
            assert!(error.to_string().contains(if index == 0 { "0.png" } else { "1.jpg" }), "{error}");
        }
    }
}

/// Damage inside a JPEG's data cannot always be told, but must never bring the program down.
#[test]
fn damaged_images_never_panic() {
    let whole = [png(3), jpeg(3)];
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path(), &folder_entries());
    let mut state = 1u32;
    for round in 0..600 {
        let mut bytes = whole[round % 2].clone();
        for _ in 0..1 + round % 4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = (state >> 8) as usize % bytes.len();
            bytes[place] ^= 1 << (state >> 5 & 7);
        }
        write(&dir.path().join("train/dog/1.jpg"), &bytes);
        match folder::read(dir.path()) {
            Ok(_) | Err(Error::Image { .. } | Error::MixedSizes { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_header_that_claims_a_huge_image_is_refused_before_it_is_decoded() {
    let mut bytes = png(0);
    bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]); // 65536x65536
    let crc = crc32fast::hash(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&crc);
    let error = read_with(|entries| entries[2].1 = bytes).unwrap_err();
    assert!(matches!(error, Error::Image { .. }), "{error}");
}

#[test]
fn layout_mistakes_say_what_to_change() {
    let stray = |path: &str| read_with(|entries| entries.push((path.into(), png(0)))).unwrap_err();
    assert!(matches!(stray("train/loose.png"), Error::Layout { .. }));
    assert!(matches!(stray("train/cat/deep/er.png"), Error::Layout { .. }));
    let error = stray("train/zebra/0.png");
    assert!(
        matches!(&error, Error::ClassMismatch { class, present: "train", absent: "test", .. } if class == "zebra"),
        "{error}"
    );
    let error = stray("test/yak/0.png");
    assert!(matches!(error, Error::ClassMismatch { present: "test", absent: "train", .. }), "{error}");
    for split in ["train", "test"] {
        let error = read_with(|entries| entries.retain(|(path, _)| !path.starts_with(split))).unwrap_err();
        assert!(matches!(error, Error::EmptySplit { split: s, .. } if s == split), "{error}");
    }
}

#[test]
fn no_images_at_all_are_an_unknown_format() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(folder::read(dir.path()), Err(Error::UnknownFormat { .. })));
    assert!(matches!(folder::read(Path::new("no/such")), Err(Error::Read { .. })));
}
