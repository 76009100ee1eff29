//! Learns CIFAR-10 in few epochs, by the recipe of airbench94 with Muon (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"):
//! `cargo run --release --features linalg --example airbench -- --data PATH`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use serde::Serialize;
use wgrad::data::{Augment, Batch, Loader, LoaderOptions, synthetic};
use wgrad::linalg;
use wgrad::models::{Airbench, Constraint, LinearLr, Optimize, Several};
use wgrad::prelude::*;
use wgrad::train::{Console, Goal, Interrupt, Run, StepOutput, Task, Trainer, classify};

/// Images whose patches the first layer is to whiten.
const WHITENED: usize = 5000;

const TEST_ACCURACY: &str = "test accuracy";

/// Trains a small convolutional network on CIFAR-10 to a high accuracy in few epochs.
#[derive(Debug, Parser, Serialize)]
#[command(name = "airbench", version)]
struct Options {
    /// CIFAR-10 in binary form (directory or .tar.gz), or images as train/CLASS/*.jpg and test/CLASS/*.jpg (directory or archive); by default
    /// drawn images of ten classes
    #[arg(long)]
    data: Option<PathBuf>,

    /// Passes over the training set
    #[arg(long, default_value_t = 10)]
    epochs: usize,

    /// Images per step
    #[arg(long, default_value_t = 500)]
    batch: usize,

    /// Muon's learning rate for filters; it falls to 0 along a line
    #[arg(long, default_value_t = 0.06)]
    lr: f32,

    /// Muon's momentum
    #[arg(long, default_value_t = 0.88)]
    momentum: f32,

    /// Pixels by which images are moved at most; airbench96, for 31 epochs, has 4
    #[arg(long, default_value_t = 2)]
    pad: usize,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number (`wgrad devices` lists them)
    #[arg(long, default_value = "auto")]
    device: String,

    /// Seed of initial weights, order and augmentation
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Stop after this many steps, in the middle of the schedule
    #[arg(long)]
    steps: Option<usize>,

    /// Directory for weights and logs
    #[arg(long, default_value = "out/airbench")]
    out: PathBuf,

    /// Resume from the newest checkpoint in the output directory
    #[arg(long)]
    resume: bool,

    /// Print only the final JSON line on standard output
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let device = Device::named(&options.device)?;
    let dataset = match &options.data {
        Some(path) => wgrad::data::load(path)?,
        None => synthetic::shapes(10_000, 2_000, 42),
    };
    let params = Params::new(&device, options.seed);
    let net = Airbench::new(&params, dataset.train.classes().len());
    if !options.json {
        println!("device: {}\ndata:   {}", device.info(), dataset.source);
        println!("model:  {} parameters\noutput: {}", params.count(), options.out.display());
    }

    let run = Run::resume_or_create(&options.out, &device, &options, options.resume)?;
    let normal = dataset.train.mean_std();
    let like = LoaderOptions::train(options.batch, normal.clone());
    let augment = vec![Augment::pad_crop_flip(options.pad)];
    let loader = Loader::new(dataset.train.into(), LoaderOptions { seed: options.seed, augment, ..like })?;
    let test = Loader::new(dataset.test.into(), LoaderOptions::eval(options.batch, normal))?;
    whiten(&net, &loader, &device)?;

    let task = Cifar { device, net, test };
    let schedule = LinearLr::new(1.0, 1.0, 0.0, options.epochs * loader.steps());
    let mut trainer = Trainer::new(&params, optimizer(&params, &options), schedule, run)
        .epochs(options.epochs)
        .stop_after(options.steps)
        .best(TEST_ACCURACY, Goal::Max)
        .checkpoints(2)?
        .resume(options.resume)
        .interrupt(Interrupt::by_signal()?)
        .callback(Console::new(options.json).items(options.batch, "images").resume("--resume"));
    let ended = trainer.fit(&task, &loader)?;
    let views = classify(&task.test, &task.device, |images| views(&task.net, images))?;
    let figures = serde_json::json!({
        "test_accuracy": trainer.history().last(TEST_ACCURACY).unwrap_or(0.0),
        "test_accuracy_of_views": views.accuracy,
        "steps": ended.steps,
        "images_per_s": (ended.new_steps * options.batch) as f64 / ended.seconds,
        "device": task.device.info().to_string(),
        "seed": options.seed,
    });
    println!("{figures}");
    Ok(())
}

/// Makes the first layer whiten patches of the training images.
fn whiten(net: &Airbench, loader: &Loader, device: &Device) -> Result<()> {
    let options = LoaderOptions::train(WHITENED.min(loader.set().len()), loader.options().normalize.clone());
    let batch = Loader::new(loader.set().clone(), options)?.epoch(0).next();
    let images = batch.expect("a training set has a batch").to_device(device)?.images;
    let (values, vectors) = linalg::eigh(&Airbench::patches(&images))?;
    net.whiten(&values, &vectors);
    Ok(())
}

/// Muon for filters, whose norm is kept at that of an orthogonal matrix. SGD for biases and the last layer, whose rates are proportional to the
/// batch, as those of summed losses.
fn optimizer(params: &Params, options: &Options) -> impl Optimize {
    const DECAY: f32 = 2e-6;
    const BIASES: f32 = 0.053;
    const HEAD: f32 = 0.67;
    let is_filter = |p: &Param| p.value().rank() == 4;
    let filters = Muon::new(params).momentum(options.momentum).ns_steps(3).weight_decay(0.0).only(is_filter);
    let filters = params.trainable().iter().filter(|p| is_filter(p)).fold(filters, |filters, p| {
        filters.constrain(p.name(), Constraint::Sphere { radius: (p.value().size(0) as f32).sqrt() })
    });
    let others = Sgd::new(params).momentum(0.85).nesterov(true);
    let others = others.group("*.bias", DECAY / BIASES, BIASES).group("head.*", DECAY / HEAD, HEAD);
    Several::default()
        .with(filters, options.lr)
        .with(others.only(move |p| !is_filter(p)), options.batch as f32)
}

struct Cifar {
    device: Device,
    net: Airbench,
    test: Loader,
}

impl Task for Cifar {
    type Batch = Batch;

    fn inputs(&self, batch: &Batch) -> wgrad::train::Result<Option<Vec<Tensor>>> {
        let batch = batch.to_device(&self.device)?;
        Ok(Some(vec![batch.images, batch.labels]))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let (images, labels) = (&inputs[0], &inputs[1]);
        let logits = self.net.forward(images, Mode::Train);
        let smoothed = CrossEntropy { label_smoothing: 0.2, ..CrossEntropy::default() };
        StepOutput::new(logits.cross_entropy_with(labels, smoothed)).accuracy(&logits, labels)
    }

    fn evaluate(&self) -> wgrad::train::Result<Vec<(&'static str, f64)>> {
        let found = classify(&self.test, &self.device, |images| self.net.forward(images, Mode::Eval))?;
        Ok(vec![(TEST_ACCURACY, found.accuracy)])
    }
}

/// The mean logits of six views: the image, and moved by a pixel to two corners, which weigh half as much as the image; each also mirrored.
fn views(net: &Airbench, images: &Tensor) -> Tensor {
    let [height, width] = [images.size(2), images.size(3)];
    let both = |x: &Tensor| net.forward(x, Mode::Eval) + net.forward(&x.flip(&[3]), Mode::Eval);
    let padded = images.pad(&[(1, 1), (1, 1)], Padding::Reflect);
    let moved = |by| both(&padded.narrow(2, by, height).narrow(3, by, width));
    both(images) * 0.5 + (moved(0) + moved(2)) * 0.25
}
