//! `wgrad shaders`

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use autograd::{Device, PlanView, Tensor, plans};
use clap::Args;
use data::Source;
use gpu_core::{Cost, Kernel, Launch};
use models::{
    Adam, AdamW, CharRnn, CharRnnOptions, Gpt, GptOptions, Mlp, Mode, Optimize, Params, ResNet, Sgd,
};
use serde_json::json;
use train::Task;

use crate::job::Job;
use crate::summary::job;

#[derive(Args)]
pub struct Arguments {
    /// A configuration, the directory of a run, or one of mlp, resnet20, resnet18, resnet50, lstm, gpt-mini, gpt-2
    what: String,

    /// The maker of the adapter
    #[arg(long, default_value = "amd", value_parser = ["nvidia", "amd", "intel", "apple", "software", "other"])]
    adapter: String,

    /// Also the other variants that such an adapter would race
    #[arg(long)]
    variants: bool,

    /// Each shader once, with the number of its dispatches
    #[arg(long)]
    once: bool,
}

/// The networks that need no configuration, at the batch sizes of the benchmarks.
const NETWORKS: &str = "mlp, resnet20, resnet18, resnet50, lstm, gpt-mini, gpt-2";

/// Prints a line of JSON for every dispatch of a training step.
pub fn run(arguments: &Arguments) -> Result<()> {
    let device = Device::named(&format!("dry:{}", arguments.adapter))?;
    let plan = step(&arguments.what, &arguments.adapter, &device)?;
    let mut lines = dispatches(&plan, &device, arguments.variants);
    if arguments.once {
        let mut counts: HashMap<String, usize> = HashMap::new();
        lines.iter().for_each(|line| *counts.entry(key(line)).or_default() += 1);
        // What is taken out was met before.
        lines.retain_mut(|line| {
            let count = counts.remove(&key(line));
            line["dispatches"] = count.into();
            count.is_some()
        });
    }
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// What makes two dispatches the same work.
fn key(line: &serde_json::Value) -> String {
    format!("{} {} {}", line["source"], line["workgroups"], line["variant"])
}

/// The dispatches of a plan in order; with `variants`, after each those of the other variants of its kernel.
fn dispatches(plan: &PlanView, device: &Device, variants: bool) -> Vec<serde_json::Value> {
    let mut lines = vec![];
    for (i, launch) in plan.launches().iter().enumerate() {
        let offered = device.gpu_profile().and_then(|profile| launch.kernel().variants(&profile));
        let options = offered.map_or_else(Vec::new, |offered| offered.options);
        let name = options.first().map_or("", |(name, _)| name.as_str());
        lines.extend(of_kernel(i, launch, &**launch.kernel(), (name, true)));
        for (name, kernel) in options.iter().skip(1).filter(|_| variants) {
            lines.extend(of_kernel(i, launch, &**kernel, (name, false)));
        }
    }
    lines
}

fn of_kernel(
    number: usize,
    launch: &Launch,
    kernel: &dyn Kernel,
    (variant, default): (&str, bool),
) -> Vec<serde_json::Value> {
    let Cost { flops, bytes } = kernel.cost();
    let shaders = kernel.shaders();
    let stages = shaders.len();
    let line = |(stage, shader): (usize, gpu_core::Shader)| {
        json!({
            "launch": number,
            "kernel": kernel.name(),
            "shape": kernel.shape(),
            "label": format!("{} {}", kernel.name(), kernel.shape()),
            "variant": variant,
            "default": default,
            "stage": stage,
            "stages": stages,
            "workgroups": shader.workgroups(),
            "flops": flops,
            "bytes": bytes,
            "arguments": launch.args().len(),
            "source": shader.source(),
        })
    };
    shaders.into_iter().enumerate().map(line).collect()
}

/// The plan of a settled training step.
fn step(what: &str, adapter: &str, device: &Device) -> Result<PlanView> {
    let params = Params::new(device, 0);
    if Path::new(what).exists() {
        let (params, job, config) = job(Path::new(what), Some(&format!("dry:{adapter}")))?;
        let mut opt = config.optimizer.build(&params);
        match &job {
            Job::Images(images) => of_task(images, &images.train, &mut *opt)?,
            Job::Text(language) => of_task(language, &language.train, &mut *opt)?,
        }
    } else if let Some(depth) = what.strip_prefix("resnet").and_then(|depth| depth.parse().ok()) {
        of_images(depth, &params)?;
    } else {
        match what {
            "mlp" => {
                let net = Mlp::new(&[784, 256, 128, 10], &params);
                let (x, classes) = (Tensor::zeros(device, &[128, 784]), classes(device, &[128]));
                settle(&mut Adam::new(&params), || Ok(net.forward(&x).cross_entropy(&classes)))?;
            }
            "lstm" => {
                let net =
                    CharRnn::lstm(CharRnnOptions { vocab: 65, embed: 64, hidden: 256, layers: 2 }, &params);
                of_text(&params, [16, 128], |tokens| net.forward(tokens, None).0)?;
            }
            "gpt-mini" | "gpt-2" => {
                let small = what == "gpt-mini";
                let [batch, context, vocab, width, heads, depth] =
                    if small { [16, 128, 65, 128, 4, 4] } else { [8, 1024, 50257, 768, 12, 12] };
                let net = Gpt::new(GptOptions { vocab, context, width, heads, depth, dropout: 0.0 }, &params);
                of_text(&params, [batch, context], |tokens| net.forward(tokens, Mode::Train))?;
            }
            _ => bail!("{what} is neither a file nor one of {NETWORKS}"),
        }
    }
    plans(device).pop().context("a step has a plan")
}

/// A residual network over small images for depths of 6 n + 2, and one over 224 x 224 pixels for 18, 34, 50, 101 and 152.
fn of_images(depth: usize, params: &Params) -> Result<()> {
    let large = [18, 34, 50, 101, 152].contains(&depth);
    let known = large || depth > 2 && depth % 6 == 2;
    ensure!(
        known,
        "there is no residual network of depth {depth}, but resnet20, resnet32, .., and resnet18 to resnet152"
    );
    let [batch, side, count] = if large { [32, 224, 1000] } else { [128, 32, 10] };
    let net =
        if large { ResNet::imagenet(depth, count, params) } else { ResNet::cifar(depth, count, params) };
    let device = params.device();
    let (images, classes) = (Tensor::zeros(device, &[batch, 3, side, side]), classes(device, &[batch]));
    autograd::evaluate(&[&images])?;
    let mut opt = Sgd::new(params).momentum(0.9).weight_decay(1e-4);
    settle(&mut opt, || Ok(net.forward(&images, Mode::Train).cross_entropy(&classes)))
}

fn of_text(params: &Params, shape: [usize; 2], net: impl Fn(&Tensor) -> Tensor) -> Result<()> {
    let tokens = classes(params.device(), &shape);
    settle(&mut AdamW::new(params), || Ok(net(&tokens).flatten(0, 1).cross_entropy(&tokens.flatten(0, 1))))
}

fn of_task<T: Task>(task: &T, source: &impl Source<Batch = T::Batch>, opt: &mut dyn Optimize) -> Result<()> {
    let batch = source.batches(0, 0).next().context("the data has no batch")?;
    settle(opt, || Ok(task.train(&batch)?.loss))
}

/// Steps until their plan is that of all later ones: the first starts from parameters that are not in one piece yet.
fn settle(opt: &mut dyn Optimize, mut loss: impl FnMut() -> Result<Tensor>) -> Result<()> {
    for _ in 0..3 {
        let loss = loss()?;
        opt.step(loss.backward(), 0.001)?;
        loss.item()?;
    }
    Ok(())
}

fn classes(device: &Device, shape: &[usize]) -> Tensor {
    Tensor::constant(device, &vec![0i32; shape.iter().product()], shape)
}
