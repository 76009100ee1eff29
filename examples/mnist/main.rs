//! Trains a small network on handwritten digits: `cargo run --release --example mnist -- --help`.

mod options;
#[cfg(feature = "plots")]
mod pictures;

use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::Parser;
use wgrad::data::{Batch, Dataset, Loader, LoaderOptions, synthetic};
use wgrad::models::{Mlp, MnistCnn};
use wgrad::prelude::*;
use wgrad::train::{Classified, Console, Ended, Goal, Interrupt, Run, StepOutput, Task, Trainer, classify};

use options::{Kind, Options};

fn main() -> Result<()> {
    let options = Options::parse();
    World::run(|world| train(&options, world))
}

fn train(options: &Options, world: &World) -> Result<()> {
    let device = world.device(&options.device)?;
    let dataset = match &options.data {
        Some(path) => wgrad::data::load(path)?,
        None => synthetic::digits(10_000, 2_000, 42),
    };
    if !options.json && world.is_main() {
        println!("device: {}\ndata:   {}\noutput: {}", device.info(), dataset.source, options.out.display());
    }
    let params = Params::new(&device, options.seed);
    let (train, test, digits) = divide(options, world, device, dataset, &params)?;
    if !options.json && world.is_main() {
        println!("\n{}", params.summary(&digits.logits(&Tensor::zeros(params.device(), &[1, 1, 28, 28]))));
    }
    let run = Run::distributed(world, &options.out, params.device(), options, options.resume)?;
    let epochs = options.epochs.unwrap_or(if options.data.is_some() { 10 } else { 3 });
    let mut trainer = Trainer::new(&params, Adam::new(&params), options.lr, run)
        .epochs(epochs)
        .best("val accuracy", Goal::Max)
        .checkpoints(2)?
        .resume(options.resume)
        .interrupt(Interrupt::by_signal()?)
        .distributed(world)
        .callback(Console::new(options.json).items(options.batch, "images").resume("--resume"));
    let ended = trainer.fit(&digits, &train)?;
    if !world.is_main() {
        return Ok(());
    }
    report(options, &params, &digits, &test, &trainer, &ended)
}

/// The loaders for training and testing, and the task: a network with a validation set.
fn divide(
    options: &Options,
    world: &World,
    device: Device,
    dataset: Dataset,
    params: &Params,
) -> Result<(Loader, Loader, Digits)> {
    let Dataset { train, test, .. } = dataset;
    ensure!((0.0..1.0).contains(&options.validation), "--validation must be at least 0 and below 1");
    ensure!(train.shape() == [1, 28, 28], "images of {:?}; MNIST's are [1, 28, 28]", train.shape());
    let kept = train.len() - (train.len() as f64 * options.validation).round() as usize;
    let (validation, train) = (train.subset(kept..train.len())?, train.subset(0..kept)?);
    let (classes, normalize) = (train.classes().len(), train.mean_std());
    let net = match options.model {
        Kind::Cnn => Network::Cnn(Box::new(MnistCnn::new(params, classes))),
        Kind::Mlp => Network::Mlp(Mlp::new(params, &[28 * 28, 256, 128, classes])),
    };
    let part = Part { index: world.rank(), of: world.size() };
    let like = LoaderOptions::train(options.batch, normalize.clone());
    let shuffled = Loader::new(Arc::new(train), LoaderOptions { seed: options.seed, part, ..like })?;
    // Larger batches for evaluation: they are faster.
    let in_order = |set| Loader::new(Arc::new(set), LoaderOptions::eval(256, normalize.clone()));
    Ok((shuffled, in_order(test)?, Digits { device, net, validation: in_order(validation)? }))
}

enum Network {
    Cnn(Box<MnistCnn>),
    Mlp(Mlp),
}

/// A network that classifies digits, and its validation set.
struct Digits {
    device: Device,
    net: Network,
    validation: Loader,
}

impl Digits {
    /// Logits of images `[N, 1, H, W]`.
    fn logits(&self, images: &Tensor) -> Tensor {
        match &self.net {
            Network::Cnn(net) => net.forward(images),
            Network::Mlp(net) => net.forward(&images.flatten(1, 3)),
        }
    }

    fn classify(&self, loader: &Loader) -> wgrad::train::Result<Classified> {
        classify(loader, &self.device, |images| self.logits(images))
    }
}

impl Task for Digits {
    type Batch = Batch;

    fn inputs(&self, batch: &Batch) -> wgrad::train::Result<Option<Vec<Tensor>>> {
        let batch = batch.to_device(&self.device)?;
        Ok(Some(vec![batch.images, batch.labels]))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let (logits, labels) = (self.logits(&inputs[0]), &inputs[1]);
        StepOutput::new(logits.cross_entropy(labels)).accuracy(&logits, labels)
    }

    fn evaluate(&self) -> wgrad::train::Result<Vec<(&'static str, f64)>> {
        let Classified { loss, accuracy, .. } = self.classify(&self.validation)?;
        Ok(vec![("val loss", loss), ("val accuracy", accuracy)])
    }
}

/// Measures on the test set, and prints the figures.
fn report(
    options: &Options,
    params: &Params,
    digits: &Digits,
    test: &Loader,
    trainer: &Trainer,
    ended: &Ended,
) -> Result<()> {
    let history = trainer.history();
    let found = digits.classify(test)?;
    #[cfg(feature = "plots")]
    {
        let title = format!("{:?}: {:.2} % test accuracy", options.model, 100.0 * found.accuracy);
        pictures::draw(test.set(), &found.answers, trainer, &title)?;
    }
    let figures = serde_json::json!({
        "test_loss": found.loss,
        "test_accuracy": found.accuracy,
        "val_loss": history.last("val loss"),
        "val_accuracy": history.last("val accuracy"),
        "parameters": params.count(),
        "steps": ended.steps,
        "device": digits.device.info().to_string(),
        "seed": options.seed,
    });
    println!("{figures}");
    Ok(())
}
