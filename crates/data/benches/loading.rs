//! How many images a second a loader makes: `cargo bench -p wgrad-data --bench loading -- DIRECTORY [THREADS]`, for a directory
//! `CLASS/*.jpg`; `loading.py` makes one, and compares with torchvision.
//!
//! Prints one line of JSON with the best of three rounds each: photographs through `RandomResizedCrop` of 224 pixels, flip and
//! normalisation on some threads, with the decoder's part and the rest on one thread; and small images in memory, padded, cropped and
//! flipped.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use data::{Augment, Fit, ImageFolder, Loader, LoaderOptions, Normalize, synthetic};
use serde_json::json;

const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let directory = arguments.next().ok_or("give a directory with CLASS/*.jpg")?;
    let threads = arguments.next().map_or(Ok(2), |threads| threads.parse())?;
    let small = small_images(threads)?;
    let folder = Arc::new(ImageFolder::new(&directory)?);
    let options = LoaderOptions {
        fit: Some(Fit::random(224)),
        augment: vec![Augment::horizontal_flip()],
        cache: 0,
        ..LoaderOptions::train(64, Normalize::imagenet())
    };
    let loader =
        |workers, cache| Loader::new(folder.clone(), LoaderOptions { workers, cache, ..options.clone() });
    let rate =
        |loader: &Loader<ImageFolder>| best(|epoch| loader.epoch(epoch).map(|b| b.indices.len()).sum());
    let whole = rate(&loader(threads, 0)?);
    // From the second epoch on, no picture is decoded.
    let kept = loader(1, usize::MAX)?;
    let rest = best(|epoch| kept.epoch(epoch).map(|b| b.indices.len()).sum());
    let line = json!({
        "images": folder.len(),
        "threads": threads,
        "images_per_second": whole.round(),
        "decoding_ms_an_image": 1e3 / decoding(Path::new(&directory))?,
        "rest_ms_an_image": 1e3 / rest,
        "small_images_per_second": small.round(),
    });
    println!("{line}");
    Ok(())
}

/// The most images a second; `run` returns how many it made.
fn best(mut run: impl FnMut(usize) -> usize) -> f64 {
    let round = |round| {
        let start = Instant::now();
        run(round) as f64 / start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(0.0, f64::max)
}

/// Reads and decodes the files of a directory on one thread.
fn decoding(directory: &Path) -> Result<f64, Box<dyn std::error::Error>> {
    let mut paths = vec![];
    for class in directory.read_dir()? {
        for file in class?.path().read_dir()? {
            paths.push(file?.path());
        }
    }
    Ok(best(|_| {
        for path in &paths {
            black_box(image::load_from_memory(&std::fs::read(path).unwrap()).unwrap());
        }
        paths.len()
    }))
}

fn small_images(workers: usize) -> data::Result<f64> {
    let set = Arc::new(synthetic::shapes(20_000, 0, 42).train);
    let mut options = LoaderOptions::train(128, set.mean_std());
    options.augment = vec![Augment::pad_crop_flip(4)];
    options.workers = workers;
    let loader = Loader::new(set, options)?;
    Ok(best(|epoch| loader.epoch(epoch).map(|batch| batch.indices.len()).sum()))
}
