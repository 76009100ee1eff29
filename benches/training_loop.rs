//! The overhead of the training loop over the bare step, and whether its memory grows:
//! `cargo bench -p wgrad-tests --bench training_loop -- [cpu|software|..]`.
//!
//! Prints two lines of JSON. The first compares steps of ResNet-20 on fresh batches, which are loaded, augmented and copied in the
//! background, with steps on a batch that stays on the device; both alternate. The second has the resident memory of the process after
//! 100 and after 5,000 steps of a small network with dropout, evaluations, logs and checkpoints.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use wgrad::data::{Augment, Batch, DeviceBatch, Loader, LoaderOptions, synthetic};
use wgrad::models::Mlp;
use wgrad::prelude::*;
use wgrad::train::{Callback, Flow, Late, Moment, Run, StepOutput, Task, Trainer};

const BATCH: usize = 128;
/// Steps of each kind per turn, and the number of turns.
const STEPS: usize = 5;
const TURNS: usize = 9;
/// How many steps later a loss is read back.
const LAG: usize = 2;

fn main() -> anyhow::Result<()> {
    let device = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_else(|| "cpu".into());
    let device = Device::named(&device)?;
    loading(&device)?;
    memory(&device)
}

/// Compares steps on fresh batches with steps on a batch that stays on the device.
fn loading(device: &Device) -> anyhow::Result<()> {
    let set = Arc::new(synthetic::shapes(10_000, 0, 42).train);
    let mut options = LoaderOptions::train(BATCH, set.mean_std());
    options.augment = vec![Augment::pad_crop_flip(4)];
    let loader = Loader::new(set, options)?;
    let params = Params::new(device, 1);
    let net = ResNet::cifar(&params, 20, 10);
    let mut opt = Sgd::new(&params).momentum(0.9);
    let mut step = |batch: &DeviceBatch, late: &mut Late<()>| -> anyhow::Result<()> {
        let loss = net.forward(&batch.images, Mode::Train).cross_entropy(&batch.labels);
        let watched = loss.detach();
        opt.step(loss.backward(), 0.01)?;
        late.push((), &watched)?;
        Ok(())
    };
    let mut batches = (0..).flat_map(|epoch| loader.epoch(epoch));
    let mut fresh = || batches.next().expect("epochs go on").to_device(device);
    let resident = fresh()?;
    for _ in 0..3 {
        step(&resident, &mut Late::new(0))?;
    }
    let (mut loaded, mut kept) = (vec![], vec![]);
    for _ in 0..TURNS {
        for fresh_one in [true, false] {
            let (start, mut late) = (Instant::now(), Late::new(LAG));
            for _ in 0..STEPS {
                let batch = if fresh_one { fresh()? } else { resident.clone() };
                step(&batch, &mut late)?;
            }
            while late.pop()?.is_some() {}
            let ms = start.elapsed().as_secs_f64() * 1000.0 / STEPS as f64;
            if fresh_one { loaded.push(ms) } else { kept.push(ms) }
        }
    }
    let (loaded, kept) = (median(loaded), median(kept));
    println!(
        "{}",
        json!({
            "device": device.info().to_string(),
            "workload": "resnet20, batch 128, crops and flips",
            "resident_step_ms": kept,
            "loaded_step_ms": loaded,
            "ratio": loaded / kept,
        })
    );
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A small network with data and evaluation.
struct Digits {
    device: Device,
    net: Mlp,
    dropout: Dropout,
}

impl Task for Digits {
    type Batch = Batch;

    fn train(&self, batch: &Batch) -> wgrad::train::Result<StepOutput> {
        let batch = batch.to_device(&self.device)?;
        let hidden = self.dropout.forward(&batch.images.flatten(1, 3), Mode::Train);
        let logits = self.net.forward(&hidden);
        Ok(StepOutput::new(logits.cross_entropy(&batch.labels)).accuracy(&logits, &batch.labels))
    }

    fn evaluate(&self) -> wgrad::train::Result<Vec<(&'static str, f64)>> {
        let digits = Tensor::zeros(&self.device, &[10, 784]);
        Ok(vec![("logit", f64::from(self.net.forward(&digits).mean_all().item()?))])
    }
}

/// Records the resident memory in bytes after some steps.
struct Memory<'a>(&'a std::cell::RefCell<Vec<(usize, u64)>>);

impl Callback for Memory<'_> {
    fn on_step(&mut self, moment: &Moment) -> wgrad::train::Result<Flow> {
        if [100, 500, 1000, 2500, 5000].contains(&moment.history.len()) {
            self.0.borrow_mut().push((moment.history.len(), resident_bytes()));
        }
        Ok(Flow::Continue)
    }
}

fn memory(device: &Device) -> anyhow::Result<()> {
    let set = Arc::new(synthetic::digits(2_000, 0, 42).train);
    let mut options = LoaderOptions::train(32, set.mean_std());
    options.augment = vec![Augment::pad_crop_flip(2)];
    let loader = Loader::new(set, options)?;
    let params = Params::new(device, 1);
    let net = Mlp::new(&params, &[784, 128, 10]);
    let dropout = Dropout::new(&params.path("dropout"), 0.1);
    let out = tempfile::tempdir()?;
    let run = Run::create(out.path().join("run"), device, &"the training loop")?;
    let seen = std::cell::RefCell::new(vec![]);
    Trainer::new(&params, Adam::new(&params), 1e-3, run)
        .steps(5_000)
        .ema(0.999)
        .evaluate_every(250)
        .checkpoints(2)?
        .callback(Memory(&seen))
        .fit(&Digits { device: device.clone(), net, dropout }, &loader)?;
    let seen: Vec<_> = seen
        .borrow()
        .iter()
        .map(|(steps, bytes)| json!({ "steps": steps, "rss_mb": *bytes as f64 * 1e-6 }))
        .collect();
    println!(
        "{}",
        json!({ "device": device.info().to_string(), "workload": "mlp with dropout, batch 32", "memory": seen })
    );
    Ok(())
}

/// Resident memory of this process on Linux; 0 elsewhere.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |pages| pages * 4096)
}
