//! `wgrad shaders`

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use autograd::{Device, Half, PlanView, autocast, plans};
use clap::Args;
use data::Source;
use gpu_core::kernels::{Halves, MatMul, Packed};
use gpu_core::{Cost, Kernel, Layout, Target};
use models::Optimize;
use serde_json::json;
use train::Task;

use crate::config::Precision;
use crate::job::Job;
use crate::networks::Training;
use crate::summary::job;

#[derive(Args)]
pub struct Arguments {
    /// A configuration, the directory of a run, one of mlp, resnet20, resnet18, resnet50, lstm, gpt-mini, gpt-2, or a product MxNxK, which is
    /// printed for all four pairs of row-major and transposed factors
    what: String,

    /// The vendor of the adapter
    #[arg(long, default_value = "amd", value_parser = ["nvidia", "amd", "intel", "apple", "software", "other"])]
    adapter: String,

    /// The precision of activations [default: that of the configuration, or f32]
    #[arg(long)]
    precision: Option<Precision>,

    /// Also print the other kernel variants that such an adapter would time against each other
    #[arg(long)]
    variants: bool,

    /// Print each shader once, with the number of its dispatches
    #[arg(long)]
    once: bool,
}

/// Prints a line of JSON for every dispatch of a training step.
pub fn run(arguments: &Arguments) -> Result<()> {
    let device = Device::named(&format!("dry:{}", arguments.adapter))?;
    let mut lines = match product(&arguments.what) {
        Some(size) => {
            products(size, arguments.precision.and_then(Precision::half), &device, arguments.variants)
        }
        None => dispatches(&step(arguments, &device)?, &device, arguments.variants),
    };
    if arguments.once {
        let mut counts: HashMap<String, usize> = HashMap::new();
        lines.iter().for_each(|line| *counts.entry(key(line)).or_default() += 1);
        // `remove` returns `None` for shaders that were seen before.
        lines.retain_mut(|line| {
            let count = counts.remove(&key(line));
            line["dispatches"] = count.into();
            count.is_some()
        });
    }
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// The key of a dispatch; equal keys mean the same work.
fn key(line: &serde_json::Value) -> String {
    format!("{} {} {}", line["source"], line["workgroups"], line["variant"])
}

/// The dispatches of a plan in order.
fn dispatches(plan: &PlanView, device: &Device, variants: bool) -> Vec<serde_json::Value> {
    let all = plan.launches().iter().enumerate();
    all.flat_map(|(i, launch)| of_launch(i, launch.kernel(), device, variants)).collect()
}

/// M, N and K of a product, if the text is one.
fn product(text: &str) -> Option<[usize; 3]> {
    let sizes: Option<Vec<usize>> = text.split('x').map(|size| size.parse().ok()).collect();
    sizes?.try_into().ok()
}

/// The dispatches of products by factors in all layouts.
fn products(
    [m, n, k]: [usize; 3],
    half: Option<Half>,
    device: &Device,
    variants: bool,
) -> Vec<serde_json::Value> {
    let matrix = |rows, cols, turned: bool| match turned {
        true => Layout::contiguous(&[cols, rows]).permute(&[1, 0]),
        false => Layout::contiguous(&[rows, cols]),
    };
    let stored = |count| half.map(|half| Halves { half, count, touched: count });
    let of_layouts = |i: usize| {
        let product = MatMul::new(matrix(m, k, i & 2 > 0), matrix(k, n, i & 1 > 0));
        let product =
            Packed::new(Arc::new(product), vec![stored(m * k), stored(k * n)]).expect("products pack");
        of_launch(i, &device.tuned(Arc::new(product), &[]), device, variants)
    };
    (0..4).flat_map(of_layouts).collect()
}

/// The dispatches of a launch; with `variants`, followed by those of the other variants of its kernel.
fn of_launch(i: usize, kernel: &Arc<dyn Kernel>, device: &Device, variants: bool) -> Vec<serde_json::Value> {
    let offered = device.gpu_profile().and_then(|profile| kernel.variants(&profile));
    let options = offered.map_or_else(Vec::new, |offered| offered.options);
    let name = options.first().map_or("", |(name, _)| name.as_str());
    let mut lines = of_kernel(i, &**kernel, (name, true));
    for (name, kernel) in options.iter().skip(1).filter(|_| variants) {
        lines.extend(of_kernel(i, &**kernel, (name, false)));
    }
    lines
}

fn of_kernel(number: usize, kernel: &dyn Kernel, (variant, default): (&str, bool)) -> Vec<serde_json::Value> {
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
            "arguments": kernel.access().len() + usize::from(kernel.scratch(Target::Gpu) > 0),
            "source": shader.module(),
        })
    };
    shaders.into_iter().enumerate().map(line).collect()
}

/// The plan of a training step once it no longer changes.
fn step(arguments: &Arguments, device: &Device) -> Result<PlanView> {
    let Arguments { what, adapter, precision, .. } = arguments;
    if Path::new(what).exists() {
        let (params, job, config) = job(Path::new(what), Some(&format!("dry:{adapter}")))?;
        let mut opt = config.optimizer(&params)?;
        let half = precision.unwrap_or(config.train.precision).half();
        match &job {
            Job::Images(images) => of_task(images, &images.train, half, &mut *opt)?,
            Job::Text(language) => of_task(language, &language.train, half, &mut *opt)?,
            Job::Table(table) => of_task(table, &table.train, half, &mut *opt)?,
        }
    } else {
        let half = precision.and_then(Precision::half);
        let mut training =
            Training::new(what, device).with_context(|| format!("{what} is no file, either"))?.mixed(half);
        settle(|| training.step().map(drop))?;
    }
    plans(device).pop().context("a step has a plan")
}

fn of_task<T: Task>(
    task: &T,
    source: &impl Source<Batch = T::Batch>,
    half: Option<Half>,
    opt: &mut dyn Optimize,
) -> Result<()> {
    let batch = source.batches(0, 0).next().context("the data has no batch")?;
    settle(|| {
        let loss = autocast(half, || task.train(&batch))?.loss;
        opt.step(loss.backward(), 0.001)?;
        loss.item()?;
        Ok(())
    })
}

/// Runs steps until the plan no longer changes: in the first step the parameters are not joined in one buffer yet.
fn settle(mut step: impl FnMut() -> Result<()>) -> Result<()> {
    (0..3).try_for_each(|_| step())
}
