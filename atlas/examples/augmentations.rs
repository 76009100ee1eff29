//! Draws every image augmentation, on the host and on the device:
//! `cargo run --release -p wgrad-atlas --example augmentations [PATH]`

use anyhow::Result;
use wgrad::data::on_device::{self, CutMix, Mixup, RandomErasing};
use wgrad::data::{
    Affine, AugMix, Augment, ColorJitter, Draws, Elastic, GaussianBlur, Image, ImageSet, Op, RandAugment,
    RandomAffine, RandomResizedCrop, synthetic,
};
use wgrad::prelude::*;
use wgrad::train::plot::{GridImage, image_grid};

const COLUMNS: usize = 10;
/// The index of the image shown.
const SHOWN: usize = 2;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or("docs/results/augmentations.png".into());
    let set = synthetic::shapes(40, 0, 7).train;
    let fill: Vec<u8> = set.mean_std().mean.iter().map(|mean| (255.0 * mean).round() as u8).collect();
    let mut shown = vec![("original".to_string(), set.image(SHOWN).to_vec())];
    for (label, op) in operations() {
        let mut image = Image::new(set.image(SHOWN), set.shape(), &fill);
        image.apply(&op);
        shown.push((label.to_string(), image.pixels().to_vec()));
    }
    for (label, augment) in augments() {
        for epoch in 0..2 {
            let mut image = Image::new(set.image(SHOWN), set.shape(), &fill);
            augment.apply(&mut image, &mut Draws::new(1, epoch, 0));
            shown.push((format!("{label} {}", epoch + 1), image.pixels().to_vec()));
        }
    }
    shown.extend(batches(&set)?);
    let [_, height, width] = set.shape();
    let images: Vec<GridImage> = shown
        .iter()
        .map(|(label, pixels)| GridImage { pixels, height, width, label: label.clone(), ok: None })
        .collect();
    image_grid(&path, "Augmentations of one image", &images, COLUMNS)?;
    println!("{path}: {} images", images.len());
    Ok(())
}

fn operations() -> Vec<(&'static str, Op)> {
    let still = Affine::default();
    vec![
        ("rotate 30°", Op::Affine(Affine { angle: 30.0, ..still })),
        ("translate 6, -4", Op::Affine(Affine { translate: [6.0, -4.0], ..still })),
        ("scale 0.6", Op::Affine(Affine { scale: 0.6, ..still })),
        ("shear 25°", Op::Affine(Affine { shear: [25.0, 0.0], ..still })),
        ("resized crop", Op::ResizedCrop { top: 8, left: 6, height: 14, width: 18 }),
        ("blur 1.5", Op::Blur(1.5)),
        ("brightness 1.6", Op::Brightness(1.6)),
        ("contrast 0.4", Op::Contrast(0.4)),
        ("saturation 2.5", Op::Saturation(2.5)),
        ("sharpness 4", Op::Sharpness(4.0)),
        ("hue 0.3", Op::Hue(0.3)),
        ("grayscale", Op::Grayscale),
        ("posterize 2", Op::Posterize(2)),
        ("solarize 128", Op::Solarize(128)),
        ("invert", Op::Invert),
        ("auto-contrast", Op::AutoContrast),
        ("equalize", Op::Equalize),
    ]
}

fn augments() -> Vec<(&'static str, Augment)> {
    let affine = RandomAffine { degrees: 30.0, translate: [0.15; 2], scale: [0.7, 1.3], shear: [15.0; 2] };
    vec![
        ("pad-crop-flip", Augment::pad_crop_flip(4)),
        ("affine", affine.into()),
        ("random crop", RandomResizedCrop::default().into()),
        ("elastic", Elastic::default().into()),
        ("random blur", GaussianBlur { sigma: [0.1, 2.0] }.into()),
        ("jitter", ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }.into()),
        ("RandAugment", RandAugment::default().into()),
        ("TrivialAugment", Augment::TrivialAugment),
        ("AugMix", AugMix { severity: 10, ..AugMix::default() }.into()),
    ]
}

/// The result of each batch augmentation for one image; those that mix images use the next image as partner.
fn batches(set: &ImageSet) -> Result<Vec<(String, Vec<u8>)>> {
    let (device, generator) = (Device::named("cpu")?, Generator::new(4));
    let [channels, height, width] = set.shape();
    let pixels: Vec<f32> =
        [SHOWN, SHOWN + 1].iter().flat_map(|&i| set.image(i)).map(|&p| f32::from(p) / 255.0).collect();
    let x = Tensor::from_slice(&device, &pixels, &[2, channels, height, width])?;
    let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
    let erasing = RandomErasing { p: 1.0, value: 0.5, ..RandomErasing::default() };
    let results = [
        ("device: flip", on_device::random_flip(&x, 1.0, &generator)),
        ("device: crop", on_device::random_crop(&x, 8, &generator)),
        ("device: part", on_device::random_resized_crop(&x, &RandomResizedCrop::default(), &generator)),
        ("device: erasing", erasing.apply(&x, &generator)),
        ("device: cutout", on_device::cutout(&x, 12, &generator)),
        ("device: mixup", Mixup::draw(&device, 4.0, &generator).mix(&x)),
        ("device: CutMix", CutMix::draw(&x, 4.0, &generator).mix(&x)),
        ("device: noise", on_device::gaussian_noise(&x, 0.1, &generator)),
        ("device: salt and pepper", on_device::salt_and_pepper(&x, 0.1, [0.0, 1.0], &generator)),
        ("device: jitter", on_device::color_jitter(&x, &jitter, &generator)),
        ("device: grayscale", on_device::grayscale(&x)),
    ];
    let bytes = |x: Tensor| -> Result<Vec<u8>> {
        Ok(x.select(0, 0).to_vec::<f32>()?.iter().map(|p| (p * 255.0).round() as u8).collect())
    };
    results.into_iter().map(|(label, x)| Ok((label.to_string(), bytes(x)?))).collect()
}
