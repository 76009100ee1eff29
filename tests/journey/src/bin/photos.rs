//! Photographs of mixed sizes: a network learns four classes; another starts from its weights, first layers frozen, and learns three more.

use std::fs;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use wgrad::data::{Fit, ImageFolder, Normalize};
use wgrad::prelude::*;
use wgrad::train::classify;

/// Writes `count` pictures for each class, waves of a direction and a length: `photos/SPLIT/CLASS/N.jpg`.
fn draw(split: &str, classes: &[(&str, f32, f32)], count: u32) -> wgrad::Result<()> {
    for (name, angle, length) in classes {
        let directory = format!("{split}/{name}");
        fs::create_dir_all(&directory)?;
        for i in 0..count {
            let shift = i as f32;
            let picture = RgbImage::from_fn(90 + i * 37 % 120, 80 + i * 53 % 100, |x, y| {
                let wave = (x as f32 * angle.cos() + y as f32 * angle.sin()) / length + shift;
                let value = (127.0 + 100.0 * wave.sin()) as u8;
                Rgb([value, value / 2 + (i * 11 % 100) as u8, 200 - value / 3])
            });
            picture.save(format!("{directory}/{i}.jpg")).map_err(std::io::Error::other)?;
        }
    }
    Ok(())
}

/// Trains on the pictures of a directory; gives the accuracy on its test pictures.
fn train(net: &ResNet, params: &Params, directory: &str, steps: usize) -> wgrad::Result<f64> {
    let (pictures, test) = ImageFolder::splits(directory)?;
    let options = LoaderOptions {
        fit: Some(Fit::random(32)),
        augment: vec![Augment::horizontal_flip()],
        ..LoaderOptions::train(12, Normalize::imagenet())
    };
    let loader = Loader::new(Arc::new(pictures), options)?;
    let mut opt = AdamW::new(params).group("layer*", 0.01, 0.3);
    let schedule = OneCycle::new(0.004, steps);
    for batch in (0..).flat_map(|epoch| loader.epoch(epoch)).take(steps) {
        let batch = batch.to_device(params.device())?;
        let loss = net.forward(&batch.images, Mode::Train).cross_entropy(&batch.labels);
        opt.step(loss.backward(), schedule.lr(opt.steps()))?;
    }
    let fit = Some(Fit::center(36, 32));
    let options = LoaderOptions { fit, ..LoaderOptions::eval(16, Normalize::imagenet()) };
    let test = Loader::new(Arc::new(test), options)?;
    Ok(classify(&test, params.device(), |images| net.forward(images, Mode::Eval))?.accuracy)
}

fn main() -> wgrad::Result<()> {
    let device = Device::best()?;
    let four = [("down", 1.6, 6.0), ("right", 0.0, 6.0), ("wide", 0.8, 20.0), ("fine", 0.8, 4.0)];
    let three = [("left", 2.4, 6.0), ("slow", 1.6, 20.0), ("dense", 0.0, 3.0)];
    for (split, scale) in [("train", 2), ("test", 1)] {
        draw(&format!("four/{split}"), &four, 12 * scale)?;
        draw(&format!("three/{split}"), &three, 6 * scale)?;
    }

    let params = Params::new(&device, 0);
    let first = train(&ResNet::cifar(&params, 8, 4), &params, "four", 150)?;
    params.save("four.safetensors")?;

    let params = Params::new(&device, 1);
    let net = ResNet::cifar(&params, 8, 3);
    let report = params.load_partial("four.safetensors", &["linear.*"])?;
    let frozen = params.freeze("conv1.*") + params.freeze("layer1.*");
    let second = train(&net, &params, "three", 80)?;
    println!(
        "{} tensors loaded, {frozen} frozen; accuracy {first:.2}, then {second:.2}",
        report.loaded.len()
    );
    assert!(first > 0.8 && second > 0.8);
    Ok(())
}
