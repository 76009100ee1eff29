//! Trains a ResNet or another convolutional network on CIFAR-10: `cargo run --release --example cifar10 -- --help`.

mod options;
#[cfg(feature = "plots")]
mod pictures;

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use wgrad::data::on_device::{CutMix, Mixup};
use wgrad::data::{Augment, Batch, Dataset, Loader, LoaderOptions, Source, split, synthetic};
use wgrad::models::{CifarCnn, Optimize, Several};
use wgrad::prelude::*;
use wgrad::train::{Console, Ended, Goal, Interrupt, Run, StepOutput, Task, Trainer, classify};

use options::{Mix, Options, Switch};

/// Label smoothing: the probability that is spread evenly over all classes.
const SMOOTHING: f32 = 0.1;

/// The last epochs, whose images are not cropped at random, as in the test set.
const WHOLE: usize = 2;

/// Muon's rate for filters, relative to the others' rate: its updates have a fixed norm, whatever the norm of the gradients.
const FILTERS: f32 = 0.25;

const MOMENTUM: f32 = 0.9;

/// Between two evaluations, at least this many images are trained on for each test image: evaluations take little of the time.
const IMAGES_PER_TEST: usize = 4;

/// The name of the figure in the history.
const TEST_ACCURACY: &str = "test accuracy";

fn main() -> Result<()> {
    let options = Options::parse();
    World::run(|world| train(&options, world))
}

fn train(options: &Options, world: &World) -> Result<()> {
    let device = world.device(&options.device)?;
    let dataset = load(options)?;
    let params = Params::new(&device, options.seed);
    let net = build(&params, &options.model, dataset.train.classes().len())?;
    if !options.json && world.is_main() {
        println!("device: {}\ndata:   {}", device.info(), dataset.source);
        println!(
            "model:  {}, {} parameters\noutput: {}",
            options.model,
            params.count(),
            options.out.display()
        );
    }
    let images = Images::new(options, &dataset, world)?;
    let eval = LoaderOptions::eval(options.batch, dataset.train.mean_std());
    let run = Run::distributed(world, &options.out, &device, options, options.resume)?;
    let test = Loader::new(dataset.test.into(), eval)?;
    let every = (IMAGES_PER_TEST * test.images()).div_ceil(images.count());
    let generator = params.generator().clone();
    let task = Cifar { device, net, test, mix: options.mix, generator };

    let schedule =
        OneCycle::new(options.highest_lr(), images.epochs * images.steps()).warm(0.15).div(100.0, 1e4);
    let console = Console::new(options.json).items(options.batch, "images").resume("--resume");
    let mut trainer = Trainer::new(&params, optimizer(&params), schedule, run)
        .epochs(images.epochs)
        .evaluate_every(every * images.steps())
        .stop_after(options.steps)
        .best(TEST_ACCURACY, Goal::Max)
        .checkpoints(2)?
        .resume(options.resume)
        .interrupt(Interrupt::by_signal()?)
        .distributed(world)
        .callback(console);
    let ended = trainer.fit(&task, &images)?;
    if !world.is_main() {
        return Ok(());
    }
    report(options, &task, &trainer, &ended, images.steps())
}

/// The data set, with as many training images as asked for.
fn load(options: &Options) -> Result<Dataset> {
    let mut dataset = read(options)?;
    if let Some(images) = options.images.filter(|&images| images != dataset.train.len()) {
        let all = dataset.train.len();
        ensure!((1..all).contains(&images), "--images {images} of {all}: ask for 1 to {all}");
        let share = images as f64 / all as f64;
        let [kept, _] = split::stratified(dataset.train.labels(), [share, 1.0 - share], options.seed)?;
        dataset.train = dataset.train.subset(kept)?;
    }
    Ok(dataset)
}

fn read(options: &Options) -> Result<Dataset> {
    if let Some(path) = &options.data {
        return Ok(wgrad::data::load(path)?);
    }
    if options.download {
        return download();
    }
    Ok(synthetic::shapes(10_000, 2_000, 42))
}

#[cfg(feature = "download")]
fn download() -> Result<Dataset> {
    use anyhow::Context;
    use wgrad::data::{Cache, download};
    let cache = Cache::default();
    let directory = cache.directory().context("no cache directory; set WGRAD_CACHE to one")?;
    Ok(wgrad::data::load(download::fetch(&download::Published::cifar10(), directory)?)?)
}

#[cfg(not(feature = "download"))]
fn download() -> Result<Dataset> {
    bail!(
        "this build can't download; use cargo run --release --features download --example cifar10 -- --download"
    )
}

/// The training images: flipped at random, and cropped at random except in the last epochs.
struct Images {
    moved: Loader,
    whole: Loader,
    epochs: usize,
}

impl Images {
    fn new(options: &Options, dataset: &Dataset, world: &World) -> Result<Images> {
        let part = Part { index: world.rank(), of: world.size() };
        let images = Arc::new(dataset.train.clone());
        let loader = |pad| {
            let augment = match options.augment {
                Switch::On => vec![Augment::pad_crop_flip(pad)],
                Switch::Off => vec![],
            };
            let like = LoaderOptions::train(options.batch, images.mean_std());
            Loader::new(images.clone(), LoaderOptions { seed: options.seed, augment, part, ..like })
        };
        let builtin = options.data.is_none() && !options.download;
        let epochs = options.epochs.unwrap_or(if builtin { 3 } else { 10 });
        Ok(Images { moved: loader(4)?, whole: loader(0)?, epochs })
    }

    /// The number of training images, of all processes together.
    fn count(&self) -> usize {
        self.moved.set().len()
    }
}

impl Source for Images {
    type Batch = Batch;

    fn steps(&self) -> usize {
        self.moved.steps()
    }

    fn share(&self) -> f32 {
        self.moved.share()
    }

    fn fingerprint(&self) -> String {
        self.moved.fingerprint()
    }

    fn batches(&self, epoch: usize, skip: usize) -> impl Iterator<Item = Batch> {
        if epoch + WHOLE < self.epochs { &self.moved } else { &self.whole }.batches(epoch, skip)
    }
}

/// A network that classifies images.
struct Cifar {
    device: Device,
    net: Box<dyn Module>,
    test: Loader,
    mix: Mix,
    generator: Generator,
}

impl Cifar {
    /// Images `[N, C, H, W]` blended in pairs, and their class probabilities `[N, classes]`; `None` without a mix.
    fn mixed(&self, images: &Tensor, labels: &Tensor) -> Option<(Tensor, Tensor)> {
        let classes = self.test.set().classes().len();
        match self.mix {
            Mix::None => None,
            Mix::Mixup => {
                let mixup = Mixup::draw(&self.device, 1.0, &self.generator);
                Some((mixup.mix(images), mixup.targets(labels, classes)))
            }
            Mix::Cutmix => {
                let cutmix = CutMix::draw(images, 1.0, &self.generator);
                Some((cutmix.mix(images), cutmix.targets(labels, classes)))
            }
        }
    }
}

impl Task for Cifar {
    type Batch = Batch;

    fn inputs(&self, batch: &Batch) -> wgrad::train::Result<Option<Vec<Tensor>>> {
        let batch = batch.to_device(&self.device)?;
        Ok(Some(vec![batch.images, batch.labels]))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let (images, labels) = (&inputs[0], &inputs[1]);
        let options = CrossEntropy { label_smoothing: SMOOTHING, ..CrossEntropy::default() };
        if let Some((images, targets)) = self.mixed(images, labels) {
            // An image of two classes has no right answer, and so no accuracy.
            let logits = self.net.forward(&images, Mode::Train);
            return StepOutput::new(logits.cross_entropy_with(&targets, options));
        }
        let logits = self.net.forward(images, Mode::Train);
        StepOutput::new(logits.cross_entropy_with(labels, options)).accuracy(&logits, labels)
    }

    fn evaluate(&self) -> wgrad::train::Result<Vec<(&'static str, f64)>> {
        let found = classify(&self.test, &self.device, |images| self.net.forward(images, Mode::Eval))?;
        Ok(vec![(TEST_ACCURACY, found.accuracy)])
    }
}

/// Muon (Jordan et al. 2024) for the filters of convolutions: a ResNet-20 gets further with it in two epochs than with SGD in three.
/// SGD with Nesterov momentum for the scales and shifts of norms and the last layer.
fn optimizer(params: &Params) -> impl Optimize {
    let is_filter = |p: &Param| p.value().rank() == 4;
    let filters = Muon::new(params).momentum(MOMENTUM).weight_decay(0.0).only(is_filter);
    let others =
        Sgd::new(params).momentum(MOMENTUM).nesterov(true).weight_decay(5e-4).group("*bn*", 0.0, 1.0);
    Several::default().with(filters, FILTERS).with(others.only(move |p| !is_filter(p)), 1.0)
}

/// The network called `cnn`, `resnetDEPTH` or `plainDEPTH`.
fn build(params: &Params, name: &str, classes: usize) -> Result<Box<dyn Module>> {
    let depth = |kind: &str| name.strip_prefix(kind).and_then(|depth| depth.parse::<usize>().ok());
    Ok(match (depth("resnet"), depth("plain")) {
        (Some(depth @ (20 | 32 | 44 | 56 | 110)), _) => Box::new(ResNet::cifar(params, depth, classes)),
        (_, Some(depth @ (20 | 32 | 44 | 56 | 110))) => {
            Box::new(ResNet::cifar(params, depth, classes).plain())
        }
        (Some(depth @ (18 | 34 | 50 | 101 | 152)), _) => {
            Box::new(ResNet::imagenet_on_cifar(params, depth, classes))
        }
        _ if name == "cnn" => Box::new(CifarCnn::new(params, classes)),
        _ => bail!(
            "unknown model \"{name}\"; use cnn, resnet20, 32, 44, 56, 110, 18, 34, 50, 101 or 152, plain20, 32, 44, 56 or 110"
        ),
    })
}

/// Prints the figures.
fn report(options: &Options, task: &Cifar, trainer: &Trainer, ended: &Ended, per_epoch: usize) -> Result<()> {
    let history = trainer.history();
    let accuracy = history.last(TEST_ACCURACY).unwrap_or(0.0);
    #[cfg(feature = "plots")]
    pictures::draw(task, trainer, &format!("{}: {:.2} % test accuracy", options.model, 100.0 * accuracy))?;
    let figures = serde_json::json!({
        "test_accuracy": accuracy,
        "best_test_accuracy": trainer.best_value().unwrap_or(0.0),
        "train_loss": history.recent("loss", per_epoch),
        "epochs": ended.steps.div_ceil(per_epoch),
        "steps": ended.steps,
        "images_per_s": (ended.new_steps * options.batch) as f64 / ended.seconds,
        "device": task.device.info().to_string(),
        "seed": options.seed,
    });
    println!("{figures}");
    Ok(())
}
