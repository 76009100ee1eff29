//! Trains a ResNet on CIFAR-10: `cargo run --release --example cifar10 -- --help`.

mod options;
mod report;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use wgrad::data::{Augment, Dataset, DeviceBatch, Loader, LoaderOptions, synthetic};
use wgrad::prelude::*;
use wgrad::train::{History, Late, Progress, check_finite, prepare_output};

use options::{Options, Switch};
use report::Summary;

/// Steps between computing a loss and reading it.
const LAG: usize = 2;

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
    test: Loader,
    params: Params,
    net: ResNet,
    history: History,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options, device: &Device, dataset: Dataset) -> Result<Run<'a>> {
        let normalize = dataset.train.mean_std();
        let augment = (options.augment == Switch::On).then_some(Augment { pad: 4, flip: true });
        let train = LoaderOptions {
            seed: options.seed,
            augment,
            ..LoaderOptions::train(options.batch, normalize.clone())
        };
        let train = Loader::new(Arc::new(dataset.train.clone()), train)?;
        let test =
            Loader::new(Arc::new(dataset.test.clone()), LoaderOptions::eval(options.batch, normalize))?;
        let params = Params::new(device, options.seed);
        let net = build(&options.model, dataset.train.classes().len(), &params)?;
        let history = History::create(&options.out, &["lr", "loss", "accuracy"])?;
        Ok(Run { options, device: device.clone(), dataset, train, test, params, net, history })
    }

    fn train(&mut self) -> Result<Summary> {
        let epochs = self
            .options
            .epochs
            .unwrap_or(if self.options.data.is_none() && !self.options.download { 3 } else { 10 });
        let schedule = OneCycle::new(self.options.lr, epochs * self.train.steps()).warm(0.15);
        let total = (epochs * self.train.steps()).min(self.options.steps.unwrap_or(usize::MAX));
        let mut opt = Sgd::new(&self.params).momentum(0.9).nesterov(true).weight_decay(5e-4);
        let bar = Progress::new(total, 0, self.options.json);
        let (mut trained, mut best) = (Duration::ZERO, None);
        for epoch in 0..epochs {
            let start = Instant::now();
            self.epoch(epoch, total, &mut opt, &schedule, &bar)?;
            trained += start.elapsed();
            let accuracy = self.evaluate()?;
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
        epoch: usize,
        total: usize,
        opt: &mut Sgd,
        schedule: &OneCycle,
        bar: &Progress,
    ) -> Result<()> {
        let mut late: Late<(usize, DeviceBatch)> = Late::new(LAG);
        let loader = self.train.clone();
        for batch in loader.epoch(epoch).take(total - opt.steps()) {
            let batch = batch.to_device(&self.device)?;
            let logits = self.net.forward(&batch.images, Mode::Train);
            let loss = logits.cross_entropy(&batch.labels);
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
            self.net.forward(&batch.images, Mode::Train).cross_entropy(&batch.labels)
        })?;
        let speed = bar.steps_per_s() * self.options.batch as f64;
        let recent = 50.min(step + 1);
        let (loss, accuracy) = (self.history.recent("loss", recent), self.history.recent("accuracy", recent));
        bar.say(format!("loss {loss:.3}  accuracy {:.1} %  {speed:.0} images/s", 100.0 * accuracy));
        Ok(())
    }

    /// Share of the test images that are classified rightly.
    fn evaluate(&self) -> Result<f64> {
        let mut late = Late::new(LAG);
        let mut correct = 0.0;
        for batch in self.test.epoch(0) {
            let batch = batch.to_device(&self.device)?;
            let predicted = self.net.forward(&batch.images, Mode::Eval).argmax(1, false);
            let right = predicted.eq(&batch.labels).to(DType::F32).sum_all();
            correct += late.push((), &right)?.map_or(0.0, |(_, n)| f64::from(n[0]));
        }
        while let Some((_, n)) = late.pop()? {
            correct += f64::from(n[0]);
        }
        Ok(correct / self.test.set().len() as f64)
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
        let loader = Loader::new(
            Arc::new(shown.clone()),
            LoaderOptions::eval(shown.len(), self.train.options().normalize.clone()),
        )?;
        let mut answers = vec![];
        for batch in loader.epoch(0) {
            let batch = batch.to_device(&self.device)?;
            answers.extend(self.net.forward(&batch.images, Mode::Eval).argmax(1, false).to_vec::<i32>()?);
        }
        report::draw_answers(&self.options.out.join("predictions.png"), &shown, &answers)
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
