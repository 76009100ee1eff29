//! The trained network and its images.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use wgrad::data::{Dataset, ImageSet, Normalize, on_device, synthetic};
use wgrad::models::Schedule;
use wgrad::prelude::*;
use wgrad::train::metrics::Accuracy;
use wgrad::train::{Progress, prepare_output};

use crate::Options;

/// A prime: steps of it through a set mix the classes, whether images are sorted by class or classes alternate.
const STRIDE: usize = 7919;

/// Test images of a batch.
const TEST_BATCH: usize = 100;

/// A ResNet on pixels from 0 to 1: it normalises them itself, so that attacks change pixels.
pub struct Net {
    pub params: Params,
    net: ResNet,
    normalize: Normalize,
}

impl Net {
    pub fn new(device: &Device, depth: usize, classes: usize, normalize: Normalize, seed: u64) -> Net {
        let params = Params::new(device, seed);
        Net { net: ResNet::cifar(&params, depth, classes), params, normalize }
    }

    /// Logits `[N, classes]` of pixels `[N, 3, H, W]`.
    pub fn forward(&self, pixels: &Tensor, mode: Mode) -> Tensor {
        self.net.forward(&on_device::normalize(pixels, &self.normalize), mode)
    }

    /// The share of right answers to batches of pixels and labels.
    pub fn accuracy(&self, batches: &[[Tensor; 2]]) -> Result<f64> {
        let mut accuracy = Accuracy::new(self.params.device())?;
        for [pixels, labels] in batches {
            accuracy.update(&self.forward(pixels, Mode::Eval), labels);
        }
        Ok(accuracy.compute()?)
    }
}

/// How a network is trained.
pub struct Fit<'a> {
    /// What the progress bar shows.
    pub what: &'a str,
    /// The number of training images; all if `None`.
    pub images: Option<usize>,
    pub steps: usize,
    /// The rate of the first step.
    pub lr: f32,
}

/// A trained network, and images to train and test it with.
pub struct Subject {
    pub device: Device,
    pub net: Net,
    /// Pixels from 0 to 1 `[N, 3, H, W]` and labels `[N]`.
    pub test: Vec<[Tensor; 2]>,
    pub test_set: ImageSet,
    pub seed: u64,
    pub out: PathBuf,
    train: ImageSet,
    normalize: Normalize,
    batch: usize,
    /// The weights that [`restore`](Subject::restore) brings back.
    weights: PathBuf,
}

impl Subject {
    pub fn new(options: &Options) -> Result<Subject> {
        ensure!(
            options.depth >= 8 && options.depth % 6 == 2,
            "--depth {} is not 8, 20, 32, 44, 56 or 110",
            options.depth
        );
        prepare_output(&options.out)?;
        let device = Device::named(&options.device)?;
        let Dataset { train, test, source } = match &options.data {
            Some(path) => wgrad::data::load(path)?,
            None => synthetic::shapes(2000, 2000, 42),
        };
        let normalize = train.mean_std();
        let (count, all) = (options.test, test.len());
        ensure!((1..=all).contains(&count), "--test {count} of {all} test images: ask for 1 to {all}");
        let test_set = test.subset((0..count).map(|i| i * STRIDE % all))?;
        let options_of_test = LoaderOptions::eval(TEST_BATCH, pixels(test_set.shape()[0]));
        let loader = Loader::new(test_set.clone().into(), options_of_test)?;
        let on_device = |batch: Batch| batch.to_device(&device).map(|batch| [batch.images, batch.labels]);
        let subject = Subject {
            net: Net::new(&device, options.depth, train.classes().len(), normalize.clone(), options.seed),
            test: loader.epoch(0).map(on_device).collect::<Result<_, _>>()?,
            test_set,
            seed: options.seed,
            out: options.out.clone(),
            train,
            normalize,
            batch: options.batch,
            weights: options.weights.clone().unwrap_or_else(|| options.out.join("trained.safetensors")),
            device,
        };
        if !options.json {
            println!("device: {}\ndata:   {source}", subject.device.info());
            println!("model:  ResNet-{}, {} parameters", options.depth, subject.net.params.count());
        }
        match &options.weights {
            Some(path) => subject.net.params.load(path)?,
            None => {
                let fit = Fit {
                    what: "training",
                    images: None,
                    steps: options.epochs * subject.steps(None),
                    lr: 0.05,
                };
                subject.fit(&subject.net, fit, |pixels, labels| {
                    Ok(subject.net.forward(pixels, Mode::Train).cross_entropy(labels))
                })?;
                subject.net.params.save(&subject.weights)?;
            }
        }
        Ok(subject)
    }

    /// Steps of an epoch of so many training images, or of all.
    pub fn steps(&self, images: Option<usize>) -> usize {
        images.unwrap_or(self.train.len()) / self.batch
    }

    /// A new network for the same images.
    pub fn student(&self, depth: usize) -> Net {
        Net::new(&self.device, depth, self.train.classes().len(), self.normalize.clone(), self.seed)
    }

    /// Undoes what was done to the network.
    pub fn restore(&self) -> Result<()> {
        Ok(self.net.params.load(&self.weights)?)
    }

    /// Takes steps of SGD on the loss of pixels and labels, at a rate that falls to 0 by a cosine; images are shifted and flipped.
    pub fn fit(
        &self,
        net: &Net,
        Fit { what, images, steps, lr }: Fit,
        mut loss: impl FnMut(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        let (count, all) = (images.unwrap_or(self.train.len()), self.train.len());
        ensure!(
            (self.batch..=all).contains(&count),
            "{count} of {all} training images: ask for {} (a batch) to {all}",
            self.batch
        );
        let set = self.train.subset((0..count).map(|i| i * STRIDE % all))?;
        let like = LoaderOptions::train(self.batch, pixels(set.shape()[0]));
        let augment = vec![Augment::pad_crop_flip(4)];
        let loader = Loader::new(set.into(), LoaderOptions { seed: self.seed, augment, ..like })?;
        let rate = Cosine::new(lr, 0.0, steps);
        let mut optimizer = Sgd::new(&net.params).momentum(0.9).nesterov(true).weight_decay(5e-4);
        let progress = Progress::new(steps, 0, false);
        progress.say(what.to_owned());
        for (step, batch) in (0..).flat_map(|epoch| loader.epoch(epoch)).take(steps).enumerate() {
            let batch = batch.to_device(&self.device)?;
            let loss = loss(&batch.images, &batch.labels)?;
            optimizer.step(loss.backward(), rate.lr(step)).with_context(|| format!("{what}, step {step}"))?;
            progress.step();
        }
        progress.finish();
        Ok(())
    }
}

/// Pixels from 0 to 1.
fn pixels(channels: usize) -> Normalize {
    Normalize { mean: vec![0.0; channels], std: vec![1.0; channels] }
}
