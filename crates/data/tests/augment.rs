//! Augmentation of images: operations against Pillow, SciPy and colorsys; what random ones draw; and pipelines in a loader.

use std::sync::Arc;

use data::{
    Affine, AugMix, Augment, ColorJitter, Draws, Elastic, Error, GaussianBlur, Image, ImageSet, Loader,
    LoaderOptions, Op, PadCropFlip, RandAugment, RandomAffine, RandomResizedCrop,
};
use serde_json::Value;

const FILL: [u8; 3] = [10, 200, 90];

fn op(name: &str, args: &[f32]) -> Op {
    match (name, args) {
        ("affine", [angle, tx, ty, scale, sx, sy, center @ ..]) => Op::Affine(Affine {
            angle: *angle,
            translate: [*tx, *ty],
            scale: *scale,
            shear: [*sx, *sy],
            center: center.try_into().ok(),
        }),
        ("resized_crop", [..]) => {
            let [top, left, height, width] = [0, 1, 2, 3].map(|i: usize| args[i] as usize);
            Op::ResizedCrop { top, left, height, width }
        }
        ("blur", [sigma]) => Op::Blur(*sigma),
        ("brightness", [factor]) => Op::Brightness(*factor),
        ("contrast", [factor]) => Op::Contrast(*factor),
        ("saturation", [factor]) => Op::Saturation(*factor),
        ("sharpness", [factor]) => Op::Sharpness(*factor),
        ("hue", [turn]) => Op::Hue(*turn),
        ("grayscale", []) => Op::Grayscale,
        ("posterize", [bits]) => Op::Posterize(*bits as u8),
        ("solarize", [threshold]) => Op::Solarize(*threshold as u16),
        ("invert", []) => Op::Invert,
        ("auto_contrast", []) => Op::AutoContrast,
        ("equalize", []) => Op::Equalize,
        other => panic!("{other:?}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Equal to the byte, except for what is rounded from floats of another precision, and whole numbers that Pillow's rounding in
/// affine maps lowers: at most one off, in one of 50 pixels.
#[test]
fn operations_are_those_of_pillow() {
    let recorded: Value = serde_json::from_str(include_str!("fixtures/augment.json")).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 78);
    for case in cases {
        let bytes = |value: &Value| numbers(value).into_iter().map(|x| x as u8).collect::<Vec<u8>>();
        let given = &recorded["inputs"][case["image"].as_u64().unwrap() as usize];
        let [c, h, w] = [0, 1, 2].map(|i| given["shape"][i].as_u64().unwrap() as usize);
        let args: Vec<f32> = numbers(&case["args"]).into_iter().map(|x| x as f32).collect();
        let name = case["op"].as_str().unwrap();
        let (pixels, expected) = (bytes(&given["pixels"]), bytes(&case["result"]));
        let mut image = Image::new(&pixels, [c, h, w], &FILL[..c]);
        image.apply(&op(name, &args));
        let differ = |a: &u8, b: &u8| a.abs_diff(*b);
        let off: Vec<u8> = image.pixels().iter().zip(&expected).map(|(a, b)| differ(a, b)).collect();
        let (most, count) = (off.iter().max().unwrap(), off.iter().filter(|d| **d > 0).count());
        let rounded = matches!(name, "hue" | "blur" | "affine") && *most <= 1 && count * 50 <= off.len();
        assert!(count == 0 || rounded, "{name} {args:?} of {c}x{h}x{w}: {count} pixels are up to {most} off");
    }
}

fn picture() -> ImageSet {
    data::synthetic::shapes(1, 0, 5).train
}

fn everything() -> Vec<Augment> {
    let range = [0.8, 1.2];
    vec![
        Augment::pad_crop_flip(4),
        RandomAffine { degrees: 30.0, translate: [0.1; 2], scale: range, shear: [10.0; 2] }.into(),
        RandomResizedCrop::default().into(),
        Elastic::default().into(),
        GaussianBlur { sigma: [0.1, 2.0] }.into(),
        ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }.into(),
        RandAugment::default().into(),
        Augment::TrivialAugment,
        AugMix::default().into(),
        Augment::Random { p: 0.5, op: Op::Grayscale },
    ]
}

fn augmented(augment: Augment, set: &ImageSet, draws: &mut Draws) -> Vec<u8> {
    let mut image = Image::new(set.image(0), set.shape(), &FILL);
    augment.apply(&mut image, draws);
    image.pixels().to_vec()
}

#[test]
fn the_same_draws_give_the_same_image_and_others_another() {
    let set = picture();
    for augment in everything() {
        let at = |epoch, index| augmented(augment, &set, &mut Draws::new(7, epoch, index));
        assert_eq!(at(2, 3), at(2, 3), "{augment:?}");
        // Some draws change nothing, or not visibly.
        let different = (0..20).filter(|&epoch| at(epoch, 3) != at(epoch + 1, 3)).count();
        assert!(different >= 5, "{augment:?}: {different} of 20 epochs differ");
        let different = (0..20).filter(|&index| at(2, index) != at(2, index + 1)).count();
        assert!(different >= 5, "{augment:?}: {different} of 20 images differ");
    }
}

/// Every kind of change, and pipelines of them, on images of one pixel, one row and two channels.
#[test]
fn odd_shapes_and_pipelines() {
    for shape in [[1, 1, 1], [3, 1, 9], [2, 7, 1], [1, 5, 4], [4, 6, 6]] {
        let pixels: Vec<u8> = (0..shape.iter().product::<usize>()).map(|i| (i * 37 % 256) as u8).collect();
        for index in 0..30 {
            let mut image = Image::new(&pixels, shape, &[0, 1, 2, 3][..shape[0]]);
            for augment in everything() {
                augment.apply(&mut image, &mut Draws::new(1, 0, index));
            }
            assert_eq!(image.pixels().len(), pixels.len());
        }
    }
}

/// A pending crop is applied when normalising, or before the next change: both show the same pixels.
#[test]
fn what_follows_a_crop_sees_the_cropped_image() {
    let set = picture();
    let pad_crop_flip = Augment::pad_crop_flip(4);
    let normalize = data::Normalize { mean: FILL.map(|p| f32::from(p) / 255.0).into(), std: vec![1.0; 3] };
    for index in 0..20 {
        let mut image = Image::new(set.image(0), set.shape(), &FILL);
        pad_crop_flip.apply(&mut image, &mut Draws::new(3, 0, index));
        let mut lazy = vec![0.0; set.image(0).len()];
        image.normalize(&normalize, &mut lazy);
        let settled = image.pixels().to_vec();
        let area = 32 * 32;
        for (i, (&value, &byte)) in lazy.iter().zip(&settled).enumerate() {
            assert!((value - (f32::from(byte) / 255.0 - normalize.mean[i / area])).abs() < 1e-6);
        }
        image.apply(&Op::Invert);
        assert!(image.pixels().iter().zip(&settled).all(|(new, old)| *new == 255 - old));
    }
}

#[test]
fn a_move_by_whole_pixels_is_exact_and_fills() {
    let pixels: Vec<u8> = (1..=9).collect();
    let mut image = Image::new(&pixels, [1, 3, 3], &[0]);
    image.apply(&Op::Affine(Affine { translate: [1.0, -1.0], ..Affine::default() }));
    assert_eq!(image.pixels(), [0, 4, 5, 0, 7, 8, 0, 0, 0]);
    image.apply(&Op::Affine(Affine { angle: 180.0, ..Affine::default() }));
    assert_eq!(image.pixels(), [0, 0, 0, 8, 7, 0, 5, 4, 0]);
}

/// The displacements of a ramp can be read off it: their mean is 0 and their deviation `alpha / sqrt(3)` times the length
/// of the Gaussian's weights, which is `1 / (2 sigma sqrt(pi))` in two dimensions.
#[test]
fn elastic_moves_have_the_deviation_of_their_formula() {
    let (side, slope) = (64, 3.0);
    let ramp: Vec<u8> = (0..side * side).map(|i| (slope * (i % side) as f32) as u8).collect();
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for index in 0..40 {
        let mut image = Image::new(&ramp, [1, side, side], &[0]);
        Augment::from(Elastic { alpha: 34.0, sigma: 4.0 }).apply(&mut image, &mut Draws::new(0, 0, index));
        for y in 12..side - 12 {
            for x in 12..side - 12 {
                // Half of what cutting to a byte takes is given back.
                let moved = (f64::from(image.pixels()[y * side + x]) + 0.5) / f64::from(slope) - x as f64;
                (sum, squares, count) = (sum + moved, squares + moved * moved, count + 1.0);
            }
        }
    }
    let deviation = (squares / count - (sum / count).powi(2)).sqrt();
    let expected = 34.0 / 3f64.sqrt() / (2.0 * 4.0 * std::f64::consts::PI.sqrt());
    assert!((sum / count).abs() < 0.15, "{}", sum / count);
    assert!((deviation / expected - 1.0).abs() < 0.1, "{deviation} instead of {expected}");
}

/// The mean of many augmented images of one colour is that colour where no operation changes colours: AugMix's weights sum to 1.
#[test]
fn aug_mix_blends_to_the_same_sum() {
    let pixels = [100; 16];
    for (alpha, index) in (0..60).map(|i| ([0.05, 1.0, 8.0][i % 3], i as u32)) {
        let mut image = Image::new(&pixels, [1, 4, 4], &[100]);
        // Without Solarize and Posterize at severity 1, nothing changes an even image.
        let mix = AugMix { severity: 1, alpha, all_ops: false, ..AugMix::default() };
        Augment::from(mix).apply(&mut image, &mut Draws::new(0, 0, index));
        assert!(image.pixels().iter().all(|&p| (96..=100).contains(&p)), "{:?}", image.pixels());
    }
}

#[test]
fn random_operations_happen_with_their_probability() {
    let set = picture();
    let inverted = Augment::Random { p: 0.3, op: Op::Invert };
    let hits =
        (0..2000).filter(|&i| augmented(inverted, &set, &mut Draws::new(0, 0, i)) != set.image(0)).count();
    assert!((540..660).contains(&hits), "{hits} of 2000");
}

/// A pipeline's results depend on seed, epoch and image alone, and a change of one place leaves the others' numbers alone.
#[test]
fn a_loader_runs_a_pipeline() {
    let set = Arc::new(data::synthetic::shapes(30, 0, 1).train);
    let epoch = |augment: Vec<Augment>, batch, epoch| {
        let options = LoaderOptions { augment, seed: 5, ..LoaderOptions::eval(batch, set.mean_std()) };
        let loader = Loader::new(set.clone(), options).unwrap();
        loader.epoch(epoch).flat_map(|batch| batch.images.clone()).collect::<Vec<f32>>()
    };
    assert_eq!(epoch(everything(), 30, 1), epoch(everything(), 7, 1));
    assert_ne!(epoch(everything(), 30, 1), epoch(everything(), 30, 2));
    let crop = Augment::pad_crop_flip(4);
    let [none, never] = [Op::Identity, Op::Invert].map(|op| Augment::Random { p: 0.0, op });
    assert_eq!(epoch(vec![none, crop], 30, 1), epoch(vec![never, crop], 30, 1));
    assert_eq!(epoch(vec![crop], 30, 1), epoch(vec![crop, never], 30, 1));
}

#[test]
fn settings_without_meaning_are_refused() {
    let affine = RandomAffine::default();
    let crop = RandomResizedCrop::default();
    for augment in [
        Augment::from(PadCropFlip { pad: 32, flip: true }),
        RandomAffine { degrees: -1.0, ..affine }.into(),
        RandomAffine { scale: [0.0, 1.0], ..affine }.into(),
        RandomAffine { shear: [0.0, 90.0], ..affine }.into(),
        RandomAffine { translate: [f32::NAN, 0.0], ..affine }.into(),
        RandomResizedCrop { scale: [0.0, 1.0], ..crop }.into(),
        RandomResizedCrop { ratio: [2.0, 1.0], ..crop }.into(),
        Elastic { alpha: 1.0, sigma: 0.0 }.into(),
        GaussianBlur { sigma: [1.0, f32::INFINITY] }.into(),
        ColorJitter { hue: 0.6, ..ColorJitter::default() }.into(),
        RandAugment { ops: 1, magnitude: 31 }.into(),
        AugMix { severity: 11, ..AugMix::default() }.into(),
        AugMix { alpha: 0.0, ..AugMix::default() }.into(),
        Augment::Random { p: 1.5, op: Op::Invert },
        Augment::Random { p: 1.0, op: Op::ResizedCrop { top: 30, left: 0, height: 3, width: 3 } },
    ] {
        let set = Arc::new(picture());
        let options = LoaderOptions { augment: vec![augment], ..LoaderOptions::eval(1, set.mean_std()) };
        match Loader::new(set, options) {
            Err(Error::Options(reason)) => assert!(reason.len() > 20, "{reason}"),
            other => panic!("{augment:?}: {other:?}"),
        }
    }
}
