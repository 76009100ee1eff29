//! Trains in f32, f16 and bf16 from the same start on the same batches, and compares:
//! `cargo run --release --example mixed -- --model resnet20 --steps 500`.
//!
//! The learning rate falls to 0 along a cosine. Prints one JSON line per precision: the mean loss of the last 50 steps, the means of every
//! 50 steps, the peak temporary memory, the median time of a step, the number of steps that the loss scaler skipped, and its last scale.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use serde_json::json;
use wgrad::autograd::{PlanView, plans};
use wgrad::data::{Batch, Loader, LoaderOptions, Text, Windows, synthetic};
use wgrad::models::{CharRnn, CharRnnOptions, Optimize};
use wgrad::prelude::*;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long, value_enum, default_value_t = Model::Resnet20)]
    model: Model,

    #[arg(long, default_value_t = 500)]
    steps: usize,

    /// Images or windows per step: 128 and 16 if not given
    #[arg(long)]
    batch: Option<usize>,

    /// Images as `wgrad::data::load` reads them, or a text; synthetic data if not given
    #[arg(long)]
    data: Option<PathBuf>,

    #[arg(long, default_value = "cpu")]
    device: String,

    #[arg(long, default_value_t = 42)]
    seed: u64,

    /// Only one of f32, f16 and bf16
    #[arg(long)]
    only: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Model {
    /// ResNet-20 on images, with SGD
    Resnet20,
    /// A transformer of 4 layers on characters, with AdamW
    GptMini,
    /// Two recurrent layers of 256 on characters, with Adam
    Lstm,
}

const PRECISIONS: [(&str, Option<Half>); 3] =
    [("f32", None), ("f16", Some(Half::F16)), ("bf16", Some(Half::BF16))];

/// Steps over which losses are averaged.
const MEAN: usize = 50;
/// Characters per window.
const CONTEXT: usize = 128;

fn main() -> Result<()> {
    let options = Options::parse();
    ensure!(options.steps >= MEAN, "--steps {}: at least {MEAN}", options.steps);
    let device = Device::named(&options.device)?;
    eprintln!("device: {}", device.info());
    for (name, half) in PRECISIONS {
        if options.only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let known = plans(&device);
        let run = match options.model {
            Model::Resnet20 => Run::new(&device, half, images(&options, &device)?),
            Model::GptMini | Model::Lstm => Run::new(&device, half, text(&options, &device)?),
        };
        let result = run.train(options.steps)?;
        let peak = peak_bytes(&known, &device);
        println!(
            "{}",
            json!({
                "model": format!("{:?}", options.model), "precision": name, "steps": options.steps,
                "seed": options.seed, "loss": result.curve.last(), "curve": result.curve, "plan_bytes": peak, "step_ms": result.step_ms,
                "skipped": result.skipped, "scale": result.scale,
            })
        );
    }
    Ok(())
}

/// The loss of the next batch.
type Loss = Box<dyn FnMut(Option<Half>) -> Result<Tensor>>;
/// From tokens `[N, T]` to logits `[N, T, vocab]`.
type Logits = Box<dyn Fn(&Tensor) -> Tensor>;
/// An update with given gradients.
type Update = Box<dyn FnMut(Gradients) -> wgrad::autograd::Result<()>>;

/// ResNet-20 as He et al. (2015) train it, without augmentation.
fn images(options: &Options, device: &Device) -> Result<(Loss, Update)> {
    let dataset = match &options.data {
        Some(path) => wgrad::data::load(path)?,
        None => synthetic::shapes(10_000, 10, options.seed),
    };
    let like = LoaderOptions::train(options.batch.unwrap_or(128), dataset.train.mean_std());
    let loader = Loader::new(Arc::new(dataset.train), LoaderOptions { seed: options.seed, ..like })?;
    let params = Params::new(device, options.seed);
    let net = ResNet::cifar(&params, 20, 10);
    let mut opt = Sgd::new(&params).momentum(0.9).weight_decay(1e-4);
    let schedule = Cosine::new(0.1, 0.0, options.steps);
    let (device, mut epoch) = (device.clone(), 0);
    let mut batches: Box<dyn Iterator<Item = Batch>> = Box::new(loader.epoch(0));
    let loss = move |half| {
        let batch = loop {
            match batches.next() {
                Some(batch) => break batch.to_device(&device)?,
                None => {
                    epoch += 1;
                    batches = Box::new(loader.epoch(epoch));
                }
            }
        };
        let logits = autocast(half, || net.forward(&batch.images, Mode::Train));
        Ok(logits.cross_entropy(&batch.labels))
    };
    Ok((Box::new(loss), Box::new(move |gradients| opt.step(gradients, schedule.lr(opt.steps())))))
}

fn text(options: &Options, device: &Device) -> Result<(Loss, Update)> {
    let text = match &options.data {
        Some(path) => Text::read(path)?,
        None => Text::new(&synthetic::grammar(200_000, options.seed))?,
    };
    let (train, _): (Windows, Windows) = text.split(0.1, CONTEXT)?;
    let params = Params::new(device, options.seed);
    let (logits, mut opt, peak): (Logits, Box<dyn Optimize>, f64) = match options.model {
        Model::Lstm => {
            let sizes = CharRnnOptions { vocab: text.chars().len(), embed: 64, hidden: 256, layers: 2 };
            let net = CharRnn::lstm(&params, sizes);
            (Box::new(move |tokens| net.forward(tokens, None).0), Box::new(Adam::new(&params)), 2e-3)
        }
        _ => {
            let sizes = GptOptions {
                vocab: text.chars().len(),
                context: CONTEXT,
                width: 128,
                heads: 4,
                depth: 4,
                dropout: 0.0,
            };
            let net = Gpt::new(&params, sizes);
            (Box::new(move |tokens| net.forward(tokens, Mode::Train)), Box::new(AdamW::new(&params)), 1e-3)
        }
    };
    let schedule = Cosine::new(peak, 0.0, options.steps);
    let (device, count, seed, mut step) = (device.clone(), options.batch.unwrap_or(16), options.seed, 0);
    let loss = move |half| {
        let batch = train.draw(count, seed, step);
        step += 1;
        let tokens = Tensor::from_slice(&device, &batch.tokens, &[count, CONTEXT])?;
        let next = Tensor::from_slice(&device, &batch.next, &[count * CONTEXT])?;
        Ok(autocast(half, || logits(&tokens)).flatten(0, 1).cross_entropy(&next))
    };
    Ok((Box::new(loss), Box::new(move |gradients| opt.step(gradients, schedule.lr(opt.steps())))))
}

struct Run {
    half: Option<Half>,
    loss: Loss,
    update: Update,
    /// Only for f16: bf16 has the range of f32.
    scaler: Option<LossScaler>,
}

struct Outcome {
    /// The mean loss of every [`MEAN`] steps.
    curve: Vec<f64>,
    step_ms: f64,
    skipped: f32,
    scale: f32,
}

impl Run {
    fn new(device: &Device, half: Option<Half>, (loss, update): (Loss, Update)) -> Run {
        let scaler = (half == Some(Half::F16)).then(|| LossScaler::new(device));
        Run { half, loss, update, scaler }
    }

    fn step(&mut self) -> Result<f32> {
        let loss = (self.loss)(self.half)?;
        let gradients = match &mut self.scaler {
            Some(scaler) => scaler.unscale(scaler.scale(&loss).backward()),
            None => loss.backward(),
        };
        let (gradients, _) = gradients.clip_norm(1.0, 2.0);
        (self.update)(gradients)?;
        Ok(loss.item()?)
    }

    fn train(mut self, steps: usize) -> Result<Outcome> {
        let (mut losses, mut times) = (vec![], vec![]);
        for step in 0..steps {
            let start = Instant::now();
            losses.push(f64::from(self.step()?));
            times.push(start.elapsed().as_secs_f64() * 1e3);
            if step % 50 == 0 {
                eprintln!("step {step}: loss {:.4}", losses[step]);
            }
        }
        times.sort_by(f64::total_cmp);
        let (skipped, scale) = match &self.scaler {
            Some(scaler) => (scaler.skipped().item()?, scaler.get_scale().item()?),
            None => (0.0, 1.0),
        };
        let curve =
            losses.rchunks_exact(MEAN).rev().map(|part| part.iter().sum::<f64>() / MEAN as f64).collect();
        Ok(Outcome { curve, step_ms: times[steps / 2], skipped, scale })
    }
}

/// The peak temporary memory of the steps' plan. Among the large plans that are not in `known`, that is the one with the fewest
/// launches, because the plan of the first step also joins the parameters.
fn peak_bytes(known: &[PlanView], device: &Device) -> Option<usize> {
    let mut new = plans(device);
    new.retain(|p| !known.iter().any(|q| std::ptr::eq(p.launches(), q.launches())));
    let largest = new.iter().map(|p| p.launches().len()).max()?;
    let steps = new.iter().filter(|p| 2 * p.launches().len() > largest);
    let plan = steps.min_by_key(|p| p.launches().len())?;
    plan.passes().live_bytes.iter().copied().max()
}
