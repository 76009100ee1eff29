//! Trains a ResNet on CIFAR-10: `cargo run --release --example cifar10 -- --help`.

mod optimizers;
mod options;
mod report;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use wgrad::data::{Augment, Batch, Dataset, DeviceBatch, Loader, LoaderOptions, synthetic};
use wgrad::prelude::*;
use wgrad::train::{Classified, History, Late, Progress, check_finite, classify, plot, prepare_output};

use optimizers::Optimizers;
use options::{Options, Switch};
use report::Summary;

/// Steps between computing a loss and reading it.
const LAG: usize = 2;

/// Probability taken from the label and shared among all classes (label smoothing).
const SMOOTHING: f32 = 0.1;

/// Epochs at the end whose images are not moved any more, as they are not in the test set.
const WHOLE: usize = 2;

/// What the history calls it.
const TEST_ACCURACY: &str = "test accuracy";

fn main() -> Result<()> {
    let options = Options::parse();
    let device = Device::named(&options.device)?;
    let say = |text: String| {
        if !options.json {
            println!("{text}")
        }
    };
    say(format!("device: {}", device.info()));
    prepare_output(&options.out)?;
    let dataset = load(&options)?;
    say(format!("data:   {}", dataset.source));
    let mut run = Run::new(&options, &device, dataset)?;
    say(format!("model:  {}, {} parameters", options.model, run.params.count()));
    say(format!("output: {}", options.out.display()));
    let summary = run.train()?;
    run.draw(&summary)?;
    println!("{}", summary.json());
    Ok(())
}

fn load(options: &Options) -> Result<Dataset> {
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

/// Everything that a training run holds.
struct Run<'a> {
    options: &'a Options,
    device: Device,
    dataset: Dataset,
    train: Loader,
    /// The training images in the last epochs.
    whole: Loader,
    test: Loader,
    params: Params,
    net: ResNet,
    history: History,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options, device: &Device, dataset: Dataset) -> Result<Run<'a>> {
        let normalize = dataset.train.mean_std();
        let images = Arc::new(dataset.train.clone());
        let train = |pad| {
            let augment = match options.augment {
                Switch::On => vec![Augment::pad_crop_flip(pad)],
                Switch::Off => vec![],
            };
            let like = LoaderOptions::train(options.batch, normalize.clone());
            Loader::new(images.clone(), LoaderOptions { seed: options.seed, augment, ..like })
        };
        let (train, whole) = (train(4)?, train(0)?);
        let test =
            Loader::new(Arc::new(dataset.test.clone()), LoaderOptions::eval(options.batch, normalize))?;
        let params = Params::new(device, options.seed);
        let net = build(&options.model, dataset.train.classes().len(), &params)?;
        let history = History::create(&options.out, &["lr", "loss", "accuracy"])?;
        Ok(Run { options, device: device.clone(), dataset, train, whole, test, params, net, history })
    }

    fn train(&mut self) -> Result<Summary> {
        let epochs = self
            .options
            .epochs
            .unwrap_or(if self.options.data.is_none() && !self.options.download { 3 } else { 10 });
        let schedule = OneCycle::new(self.options.lr, epochs * self.train.steps()).warm(0.15).div(100.0, 1e4);
        let total = (epochs * self.train.steps()).min(self.options.steps.unwrap_or(usize::MAX));
        let mut opt = Optimizers::new(&self.params);
        let bar = Progress::new(total, 0, self.options.json);
        let (mut trained, mut best) = (Duration::ZERO, None);
        for epoch in 0..epochs {
            let start = Instant::now();
            let loader = if epoch + WHOLE < epochs { &self.train } else { &self.whole };
            self.epoch(loader.clone().epoch(epoch), total, &mut opt, &schedule, &bar)?;
            trained += start.elapsed();
            let accuracy = self.classify(&self.test)?.accuracy;
            self.history.evaluated(opt.steps(), TEST_ACCURACY, accuracy)?;
            bar.suspend(|| self.say_epoch(epoch + 1, epochs, start.elapsed()));
            if best.is_none_or(|best| accuracy > best) {
                best = Some(accuracy);
                self.params.save(self.options.out.join("best.safetensors"))?;
            }
            if opt.steps() >= total {
                break;
            }
        }
        bar.finish();
        let images = (opt.steps() * self.options.batch) as f64;
        Ok(Summary {
            test_accuracy: self.history.last(TEST_ACCURACY).unwrap_or(0.0),
            best_test_accuracy: best.unwrap_or(0.0),
            train_loss: self.history.recent("loss", self.train.steps()),
            epochs: opt.steps().div_ceil(self.train.steps()),
            steps: opt.steps(),
            images_per_s: images / trained.as_secs_f64(),
            device: self.device.info().to_string(),
            seed: self.options.seed,
        })
    }

    fn epoch(
        &mut self,
        batches: impl Iterator<Item = Batch>,
        total: usize,
        opt: &mut Optimizers,
        schedule: &OneCycle,
        bar: &Progress,
    ) -> Result<()> {
        let mut late: Late<(usize, DeviceBatch)> = Late::new(LAG);
        for batch in batches.take(total - opt.steps()) {
            let batch = batch.to_device(&self.device)?;
            let logits = self.net.forward(&batch.images, Mode::Train);
            let loss = logits.cross_entropy_smoothed(&batch.labels, SMOOTHING);
            let correct = logits.argmax(1, false).eq(&batch.labels).to(DType::F32).mean_all();
            let watched = stack(&[&loss.detach(), &correct], 0);
            let step = opt.steps();
            opt.step(loss.backward(), schedule.lr(step))?;
            if let Some(done) = late.push((step, batch), &watched)? {
                self.record(done, schedule, bar)?;
            }
            bar.step();
        }
        while let Some(done) = late.pop()? {
            self.record(done, schedule, bar)?;
        }
        Ok(())
    }

    /// Takes note of a step's loss and accuracy, and stops if the loss is not finite.
    fn record(
        &mut self,
        done: ((usize, DeviceBatch), Vec<f32>),
        schedule: &OneCycle,
        bar: &Progress,
    ) -> Result<()> {
        let ((step, batch), watched) = done;
        let [loss, accuracy] = watched[..] else {
            bail!("a step gives a loss and an accuracy, not {watched:?}")
        };
        self.history.stepped(step, &[schedule.lr(step), loss, accuracy])?;
        check_finite(step, loss, || {
            self.net.forward(&batch.images, Mode::Train).cross_entropy_smoothed(&batch.labels, SMOOTHING)
        })?;
        let speed = bar.steps_per_s() * self.options.batch as f64;
        let recent = 50.min(step + 1);
        let (loss, accuracy) = (self.history.recent("loss", recent), self.history.recent("accuracy", recent));
        bar.say(format!("loss {loss:.3}  accuracy {:.1} %  {speed:.0} images/s", 100.0 * accuracy));
        Ok(())
    }

    fn say_epoch(&self, epoch: usize, epochs: usize, took: Duration) {
        if self.options.json {
            return;
        }
        let steps = self.train.steps();
        println!(
            "epoch {epoch}/{epochs}: train loss {:.4}, train accuracy {:.2} %, test accuracy {:.2} %, {:.0} s, {:.0} images/s",
            self.history.recent("loss", steps),
            100.0 * self.history.recent("accuracy", steps),
            100.0 * self.history.last(TEST_ACCURACY).unwrap_or(0.0),
            took.as_secs_f64(),
            (steps * self.options.batch) as f64 / took.as_secs_f64(),
        );
        let _ = std::io::stdout().flush();
    }

    /// Draws the curves and the first test images with the network's answers.
    fn draw(&self, summary: &Summary) -> Result<()> {
        let (images, classes) = (self.dataset.train.len(), self.dataset.train.classes().len());
        let accuracy = 100.0 * summary.test_accuracy;
        let title = format!(
            "{} on {images} images of {classes} classes: {accuracy:.2} % test accuracy",
            self.options.model
        );
        report::draw_curves(&self.options.out.join("curves.png"), &title, &self.history)?;
        // A prime stride mixes the classes, whether images are sorted by class or take turns.
        let count = self.dataset.test.len();
        let shown = self.dataset.test.subset((0..count.min(40)).map(|i| i * 7919 % count))?;
        let loader = Loader::new(Arc::new(shown.clone()), self.test.options().clone())?;
        Ok(plot::answers(self.options.out.join("predictions.png"), &shown, &self.classify(&loader)?.answers)?)
    }

    fn classify(&self, loader: &Loader) -> Result<Classified> {
        Ok(classify(loader, &self.device, |images| self.net.forward(images, Mode::Eval))?)
    }
}

/// The network called `resnetDEPTH`.
fn build(name: &str, classes: usize, params: &Params) -> Result<ResNet> {
    type Builder = fn(usize, usize, &Params) -> ResNet;
    let cifar: Builder = ResNet::cifar;
    let large: Builder = ResNet::imagenet_on_cifar;
    let known: HashMap<String, (usize, Builder)> = [20, 32, 44, 56, 110]
        .map(|depth| (depth, cifar))
        .into_iter()
        .chain([18, 34, 50, 101, 152].map(|depth| (depth, large)))
        .map(|(depth, build)| (format!("resnet{depth}"), (depth, build)))
        .collect();
    match known.get(name) {
        Some(&(depth, build)) => Ok(build(depth, classes, params)),
        None => bail!("unknown model \"{name}\"; use resnet20, 32, 44, 56, 110, 18, 34, 50, 101 or 152"),
    }
}
