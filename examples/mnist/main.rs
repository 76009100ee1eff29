//! Trains a small network on handwritten digits: `cargo run --release --example mnist -- --help`.

mod options;

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use wgrad::data::{Dataset, DeviceBatch, ImageSet, Loader, LoaderOptions, synthetic};
use wgrad::models::{Mlp, MnistCnn};
use wgrad::prelude::*;
use wgrad::train::plot::{self, Panel};
use wgrad::train::{Classified, History, Late, Progress, check_finite, classify, prepare_output};

use options::{Kind, Options};

/// Steps between computing a loss and reading it.
const LAG: usize = 2;

fn main() -> Result<()> {
    let options = Options::parse();
    let device = Device::named(&options.device)?;
    prepare_output(&options.out)?;
    let dataset = match &options.data {
        Some(path) => wgrad::data::load(path)?,
        None => synthetic::digits(10_000, 2_000, 42),
    };
    if !options.json {
        println!("device: {}\ndata:   {}", device.info(), dataset.source);
    }
    let mut run = Run::new(&options, &device, dataset)?;
    if !options.json {
        println!("output: {}\n\n{}", options.out.display(), run.net_summary());
    }
    run.train()?;
    run.report()
}

/// Everything that a training run holds.
struct Run<'a> {
    options: &'a Options,
    device: Device,
    train: Loader,
    validation: Loader,
    test: Loader,
    params: Params,
    net: Network,
    opt: Adam,
    history: History,
}

enum Network {
    Cnn(Box<MnistCnn>),
    Mlp(Mlp),
}

impl Network {
    /// Logits of images `[N, 1, H, W]`.
    fn forward(&self, images: &Tensor) -> Tensor {
        match self {
            Network::Cnn(net) => net.forward(images),
            Network::Mlp(net) => net.forward(&images.flatten(1, 3)),
        }
    }
}

impl<'a> Run<'a> {
    fn new(options: &'a Options, device: &Device, dataset: Dataset) -> Result<Run<'a>> {
        let Dataset { train, test, .. } = dataset;
        ensure!((0.0..1.0).contains(&options.validation), "--validation must be at least 0 and below 1");
        ensure!(train.shape() == [1, 28, 28], "images of {:?}; MNIST's are [1, 28, 28]", train.shape());
        let kept = train.len() - (train.len() as f64 * options.validation).round() as usize;
        let (validation, train) = (train.subset(kept..train.len())?, train.subset(0..kept)?);
        let (classes, normalize) = (train.classes().len(), train.mean_std());
        let params = Params::new(device, options.seed);
        let net = match options.model {
            Kind::Cnn => Network::Cnn(Box::new(MnistCnn::new(classes, &params))),
            Kind::Mlp => Network::Mlp(Mlp::new(&[28 * 28, 256, 128, classes], &params)),
        };
        let shuffled =
            LoaderOptions { seed: options.seed, ..LoaderOptions::train(options.batch, normalize.clone()) };
        // Larger batches where nothing is learned: they are faster.
        let in_order = |set| Loader::new(Arc::new(set), LoaderOptions::eval(256, normalize.clone()));
        Ok(Run {
            options,
            device: device.clone(),
            train: Loader::new(Arc::new(train), shuffled)?,
            validation: in_order(validation)?,
            test: in_order(test)?,
            opt: Adam::new(&params),
            history: History::create(&options.out, &["loss", "accuracy"])?,
            params,
            net,
        })
    }

    fn net_summary(&self) -> String {
        self.params.summary(&self.net.forward(&Tensor::zeros(&self.device, &[1, 1, 28, 28]))).to_string()
    }

    fn train(&mut self) -> Result<()> {
        let epochs = self.options.epochs.unwrap_or(if self.options.data.is_some() { 10 } else { 3 });
        let steps = self.train.steps();
        let mut best = 0.0;
        for epoch in 0..epochs {
            let (start, bar) = (Instant::now(), Progress::new(steps, 0, self.options.json));
            self.epoch(epoch, &bar)?;
            let Classified { loss, accuracy, .. } = self.classify(&self.validation)?;
            bar.finish();
            for (name, value) in [("val_loss", loss), ("val_accuracy", accuracy)] {
                self.history.evaluated(self.opt.steps(), name, value)?;
            }
            if !self.options.json {
                println!(
                    "Epoch {}/{epochs}\n{steps}/{steps} - {:.0}s - loss: {:.4} - accuracy: {:.4} - \
                     val_loss: {loss:.4} - val_accuracy: {accuracy:.4}",
                    epoch + 1,
                    start.elapsed().as_secs_f64(),
                    self.history.recent("loss", steps),
                    self.history.recent("accuracy", steps),
                );
                std::io::stdout().flush()?;
            }
            if epoch == 0 || accuracy > best {
                best = accuracy;
                self.params.save(self.options.out.join("best.safetensors"))?;
            }
        }
        Ok(())
    }

    fn epoch(&mut self, epoch: usize, bar: &Progress) -> Result<()> {
        let mut late = Late::new(LAG);
        for batch in self.train.clone().epoch(epoch) {
            let batch = batch.to_device(&self.device)?;
            let logits = self.net.forward(&batch.images);
            let loss = logits.cross_entropy(&batch.labels);
            let correct = logits.argmax(1, false).eq(&batch.labels).to(DType::F32).mean_all();
            let watched = stack(&[&loss.detach(), &correct], 0);
            let step = self.opt.steps();
            self.opt.step(loss.backward(), self.options.lr)?;
            if let Some(done) = late.push((step, batch), &watched)? {
                self.record(done, bar)?;
            }
            bar.step();
        }
        while let Some(done) = late.pop()? {
            self.record(done, bar)?;
        }
        Ok(())
    }

    /// Takes note of a step's loss and accuracy, and stops if the loss is not finite.
    fn record(&mut self, done: ((usize, DeviceBatch), Vec<f32>), bar: &Progress) -> Result<()> {
        let ((step, batch), watched) = done;
        self.history.stepped(step, &watched)?;
        let [loss, _] = watched[..] else { bail!("a step gives a loss and an accuracy, not {watched:?}") };
        check_finite(step, loss, || self.net.forward(&batch.images).cross_entropy(&batch.labels))?;
        bar.say(format!("loss {:.4}", self.history.recent("loss", 50)));
        Ok(())
    }

    fn classify(&self, loader: &Loader) -> Result<Classified> {
        Ok(classify(loader, &self.device, |images| self.net.forward(images))?)
    }

    /// Measures on the test set, draws the curves and some answers, and prints the figures.
    fn report(&self) -> Result<()> {
        let found = self.classify(&self.test)?;
        let title = format!("{:?}: {:.2} % test accuracy", self.options.model, 100.0 * found.accuracy);
        let loss = Panel::new("Loss", "step", "cross-entropy")
            .with(self.history.steps("loss", "train", 1.0))
            .with(self.history.evaluations("val_loss", "validation", 1.0));
        let accuracy = Panel::new("Accuracy", "step", "%")
            .with(self.history.steps("accuracy", "train", 100.0))
            .with(self.history.evaluations("val_accuracy", "validation", 100.0));
        plot::curves(self.options.out.join("curves.png"), &title, &[loss, accuracy])?;
        let (shown, answers) = interesting(self.test.set(), &found.answers)?;
        plot::answers(self.options.out.join("predictions.png"), &shown, &answers)?;
        let figures = serde_json::json!({
            "test_loss": found.loss,
            "test_accuracy": found.accuracy,
            "val_loss": self.history.last("val_loss"),
            "val_accuracy": self.history.last("val_accuracy"),
            "parameters": self.params.count(),
            "steps": self.opt.steps(),
            "device": self.device.info().to_string(),
            "seed": self.options.seed,
        });
        println!("{figures}");
        Ok(())
    }
}

/// Forty images with their answers: wrong ones first.
fn interesting(set: &ImageSet, answers: &[u32]) -> Result<(ImageSet, Vec<u32>)> {
    let mut order: Vec<usize> = (0..set.len()).collect();
    order.sort_by_key(|&i| set.labels()[i] == answers[i]);
    order.truncate(40);
    let chosen = order.iter().map(|&i| answers[i]).collect();
    Ok((set.subset(order)?, chosen))
}
