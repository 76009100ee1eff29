//! Networks in int8 against f32: `cargo run --release --example int8 -- --data atlas/fixtures/digits`.
//!
//! Trains a convolutional network on digits of 8 x 8 pixels; with `--weights`, takes a trained ResNet-20 for CIFAR-10 or a GPT of `wgrad
//! train` instead. Prints one line of JSON: the figure (accuracy or perplexity) and the size in f32 and in int8, and by device and batch
//! the latency, the median of calls of both that alternate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use wgrad::data::{ImageSet, Loader, LoaderOptions, Normalize, Text};
use wgrad::models::compress::Int8Network;
use wgrad::prelude::*;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long, value_enum, default_value_t = Model::Digits)]
    model: Model,

    /// Images as `wgrad::data::load` reads them, or a text
    #[arg(long)]
    data: PathBuf,

    /// Weights of the network, of ResNet-20 or GPT
    #[arg(long)]
    weights: Option<PathBuf>,

    /// Examples that the figure is computed from: images, or windows of a text
    #[arg(long, default_value_t = 10_000)]
    examples: usize,

    /// Calls of each network whose median is the latency
    #[arg(long, default_value_t = 101)]
    calls: usize,

    /// Where latencies are measured
    #[arg(long, default_values_t = ["cpu".to_owned(), "software".to_owned()])]
    devices: Vec<String>,

    /// Width, depth and heads of the GPT
    #[arg(long, num_args = 3, default_values_t = [192, 4, 6])]
    sizes: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Model {
    /// Three convolutions and a linear layer, trained here
    Digits,
    /// He et al.'s ResNet-20
    Resnet20,
    /// A transformer on characters
    Gpt,
}

/// Tokens of a window of the text.
const CONTEXT: usize = 128;
/// Examples of a batch, and of the calibration batches.
const BATCH: usize = 64;
const CALIBRATION: usize = 4;

/// The network as a function of its input.
type Function = Arc<dyn Fn(&Tensor) -> Tensor + Send + Sync>;

/// A network and what it is evaluated on: batches of inputs and of what should be predicted.
struct Subject {
    params: Params,
    forward: Function,
    calibration: Vec<[Tensor; 2]>,
    test: Vec<[Tensor; 2]>,
}

impl Subject {
    fn new(options: &Options, device: &Device) -> Result<Subject> {
        let params = Params::new(device, 0);
        let forward: Function;
        let (calibration, test);
        if options.model == Model::Gpt {
            let text = Text::read(&options.data)?;
            let sizes = GptOptions {
                vocab: text.chars().len(),
                context: CONTEXT,
                width: options.sizes[0],
                depth: options.sizes[1],
                heads: options.sizes[2],
                dropout: 0.0,
            };
            let net = Gpt::new(&params, sizes);
            forward = Arc::new(move |x| net.forward(x, Mode::Eval).flatten(0, 1));
            let (train, validation) = text.split(0.1, CONTEXT)?;
            let batches = |windows: &wgrad::data::Windows, count: usize| -> Result<Vec<[Tensor; 2]>> {
                let all = windows.all(BATCH).take(count);
                all.map(|batch| Ok(batch.to_device(device)?.map(|t| t.detach()))).collect()
            };
            calibration = batches(&train, CALIBRATION)?;
            test = batches(&validation, options.examples.div_ceil(BATCH))?;
        } else {
            let data = wgrad::data::load(&options.data)?;
            let normalize = data.train.mean_std();
            let classes = data.train.classes().len();
            forward = match options.model {
                Model::Digits => digits(&params, classes),
                _ => {
                    let net = ResNet::cifar(&params, 20, classes);
                    Arc::new(move |x| net.forward(x, Mode::Eval))
                }
            };
            calibration = batches(device, data.train, normalize.clone(), CALIBRATION)?;
            test = batches(device, data.test, normalize, options.examples.div_ceil(BATCH))?;
        }
        Ok(Subject { params, forward, calibration, test })
    }

    /// The function with inputs and outputs as [`Frozen`](wgrad::autograd::Frozen) has them.
    fn function(&self) -> impl Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync + 'static {
        let forward = self.forward.clone();
        move |x| vec![forward(&x[0])]
    }

    /// Accuracy, or perplexity.
    fn figure(&self, model: Model, net: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<f64> {
        let (mut sum, mut count) = (0.0, 0);
        for [x, y] in &self.test {
            let (logits, target) = (net(x)?, y.flatten(0, -1));
            let value = match model {
                Model::Gpt => logits.cross_entropy(&target),
                _ => logits.argmax(1, false).eq(&target).to(wgrad::autograd::DType::F32).mean_all(),
            };
            sum += f64::from(value.item()?) * target.numel() as f64;
            count += target.numel();
        }
        let mean = sum / count as f64;
        Ok(if model == Model::Gpt { mean.exp() } else { mean })
    }
}

fn batches(
    device: &Device,
    images: ImageSet,
    normalize: Normalize,
    count: usize,
) -> Result<Vec<[Tensor; 2]>> {
    let loader = Loader::new(images.into(), LoaderOptions::eval(BATCH, normalize))?;
    let batches = loader.batches(0, 0).take(count).map(|batch| {
        let batch = batch.to_device(device)?;
        Ok([batch.images, batch.labels])
    });
    batches.collect()
}

/// A network for images `[N, 1, 8, 8]`.
fn digits(params: &Params, classes: usize) -> Function {
    let conv = |name: &str, from, to| Conv2d::new(&params.path(name), from, to, 3).padding(1).build();
    let convs = [conv("conv1", 1, 32), conv("conv2", 32, 64), conv("conv3", 64, 64)];
    let fc = Linear::new(&params.path("fc"), 256, classes);
    Arc::new(move |x| {
        let [first, second, third] = &convs;
        let x = second.forward(&first.forward(x).relu()).relu().max_pool2d(Pool2d::new(2)).0;
        let x = third.forward(&x).relu().max_pool2d(Pool2d::new(2)).0;
        fc.forward(&x.flatten(1, -1))
    })
}

fn main() -> Result<()> {
    let options = Options::parse();
    let cpu = Device::named("cpu")?;
    let subject = Subject::new(&options, &cpu)?;
    match &options.weights {
        Some(path) => subject.params.load(path)?,
        None => train(&subject, &options)?,
    }
    let calibration: Vec<Vec<Tensor>> = subject.calibration.iter().map(|[x, _]| vec![x.clone()]).collect();
    let int8 = Int8Network::new(&subject.params, subject.function(), &calibration)?;
    let exact = Frozen::new(subject.function());
    let one = |x: &Tensor| Ok(exact.call(std::slice::from_ref(x))?.remove(0));
    let other = |x: &Tensor| Ok(int8.call(std::slice::from_ref(x))?.remove(0));
    let figures = [subject.figure(options.model, &one)?, subject.figure(options.model, &other)?];

    let directory = tempfile::tempdir()?;
    let paths = ["f32", "int8"].map(|name| directory.path().join(name));
    subject.params.save(&paths[0])?;
    int8.save(&paths[1])?;
    let bytes = |path: &PathBuf| Ok::<_, std::io::Error>(std::fs::metadata(path)?.len());
    let bytes = [bytes(&paths[0])?, bytes(&paths[1])?];
    let mut latencies = vec![];
    for name in &options.devices {
        let device = Device::named(name)?;
        let there = Subject::new(&Options { examples: BATCH, ..Options::parse() }, &device)?;
        there.params.load(&paths[0])?;
        let exact = Frozen::new(there.function());
        let example = &there.test[0][0];
        let int8 =
            Int8Network::load(&paths[1], &there.params, there.function(), std::slice::from_ref(example))?;
        let reference = other(&subject.test[0][0])?.to_vec::<f32>()?;
        let found = int8.call(std::slice::from_ref(example))?[0].to_vec::<f32>()?;
        let off = reference.iter().zip(&found).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        for batch in [1, BATCH] {
            let x = [example.narrow(0, 0, batch).detach()];
            autograd::evaluate(&[&x[0]])?;
            latencies.push(latency(&options, name, &x, &exact, &int8, off)?);
        }
    }
    let figures = json!({
        "model": format!("{:?}", options.model),
        "layers": int8.layers().len(),
        "f32": figures[0],
        "int8": figures[1],
        "bytes": bytes,
        "size": bytes[1] as f64 / bytes[0] as f64,
        "latencies": latencies,
    });
    println!("{figures}");
    Ok(())
}

/// Trains the network of digits.
fn train(subject: &Subject, options: &Options) -> Result<()> {
    anyhow::ensure!(options.model == Model::Digits, "give the trained weights with --weights");
    let data = wgrad::data::load(&options.data)?;
    let normalize = data.train.mean_std();
    let loader = Loader::new(data.train.into(), LoaderOptions::train(BATCH, normalize))?;
    let mut optimizer = Adam::new(&subject.params);
    for epoch in 0..20 {
        for batch in loader.batches(epoch, 0) {
            let batch = batch.to_device(subject.params.device())?;
            let loss = (subject.forward)(&batch.images).cross_entropy(&batch.labels);
            optimizer.step(loss.backward(), if epoch < 15 { 2e-3 } else { 3e-4 }).context("a step")?;
        }
    }
    Ok(())
}

/// Milliseconds of a call with the input, in f32 and in int8.
fn latency(
    options: &Options,
    device: &str,
    x: &[Tensor],
    exact: &Frozen,
    int8: &Int8Network,
    off: f32,
) -> Result<Value> {
    let one = || Ok(exact.call(x)?[0].to_vec::<f32>()?);
    let other = || Ok(int8.call(x)?[0].to_vec::<f32>()?);
    let calls: [&dyn Fn() -> Result<Vec<f32>>; 2] = [&one, &other];
    let mut times = [vec![], vec![]];
    for i in 0..options.calls + 3 {
        for (call, times) in calls.iter().zip(&mut times) {
            let start = Instant::now();
            call()?;
            if i >= 3 {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let [exact, int8] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    Ok(json!({
        "device": device, "batch": x[0].shape()[0], "f32_ms": exact, "int8_ms": int8, "faster": exact / int8,
        "largest_difference_to_cpu": off,
    }))
}
