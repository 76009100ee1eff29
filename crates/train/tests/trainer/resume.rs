//! A run that is killed at a random moment and resumed gives the same bits as an uninterrupted one, for a ResNet, an LSTM and a
//! transformer with dropout, augmentation and shuffling. The test runs itself as the process that is killed.
//!
//! `WGRAD_RESUME_STEPS=200` makes the runs longer.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

use autograd::{Device, Tensor};
use data::{Augment, Batch, Loader, LoaderOptions, RandomWindows, Source, Text, TextBatch, synthetic};
use models::{
    Adam, CharRnn, CharRnnOptions, Cosine, Dropout, Gpt, GptOptions, Mode, Muon, Optimize, Param, Params,
    ResNet, Several, Sgd,
};
use train::{Callback, Checkpoints, Clip, Flow, Moment, Result, Run, StepOutput, Task, Trainer};

use crate::digits::log;

/// `DEVICE NETWORK STEPS DIRECTORY` in a process that trains.
const CHILD: &str = "WGRAD_TEST_RESUME";

struct Images {
    device: Device,
    net: ResNet,
}

impl Task for Images {
    type Batch = Batch;

    fn inputs(&self, batch: &Batch) -> Result<Option<Vec<Tensor>>> {
        let batch = batch.to_device(&self.device)?;
        Ok(Some(vec![batch.images, batch.labels]))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let logits = self.net.forward(&inputs[0], Mode::Train);
        StepOutput::new(logits.cross_entropy(&inputs[1])).accuracy(&logits, &inputs[1])
    }
}

struct Language<F> {
    device: Device,
    logits: F,
}

impl<F: Fn(&Tensor) -> Tensor> Task for Language<F> {
    type Batch = TextBatch;

    fn inputs(&self, batch: &TextBatch) -> Result<Option<Vec<Tensor>>> {
        Ok(Some(batch.to_device(&self.device)?.into()))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        StepOutput::new((self.logits)(&inputs[0]).flatten(0, 1).cross_entropy(&inputs[1].flatten(0, 1)))
    }
}

/// Prints the steps done, for the parent process.
struct Tell;

impl Callback for Tell {
    fn on_step(&mut self, moment: &Moment) -> Result<Flow> {
        println!("step {}", moment.history.len());
        Ok(Flow::Continue)
    }
}

/// Trains a network, resuming if possible, and saves its weights.
fn train(device: &str, network: &str, steps: usize, out: &Path) {
    let device = Device::named(device).unwrap();
    let params = Params::new(&device, 5);
    match network {
        "resnet20" => {
            let net = ResNet::cifar(&params, 20, 10);
            let is_filter = |p: &Param| p.value().rank() == 4;
            let opt = Several::default()
                .with(Muon::new(&params).only(is_filter), 0.25)
                .with(Sgd::new(&params).momentum(0.9).only(move |p| !is_filter(p)), 1.0);
            let set = synthetic::shapes(24, 0, 1).train;
            let mut options = LoaderOptions::train(4, set.mean_std());
            options.augment = vec![Augment::pad_crop_flip(4)];
            let loader = Loader::new(set.into(), options).unwrap();
            finish(&params, opt, steps, out, &Images { device, net }, &loader);
        }
        "gpt" => {
            let sizes = GptOptions { vocab: 27, context: 16, width: 32, heads: 2, depth: 2, dropout: 0.1 };
            let net = Gpt::new(&params, sizes);
            let logits = |tokens: &Tensor| net.forward(tokens, Mode::Train);
            finish(&params, Adam::new(&params), steps, out, &Language { device, logits }, &windows());
        }
        _ => {
            let net = CharRnn::lstm(&params, CharRnnOptions { vocab: 27, embed: 8, hidden: 32, layers: 2 });
            let dropout = Dropout::new(&params.path("dropout"), 0.1);
            let logits = |tokens: &Tensor| dropout.forward(&net.forward(tokens, None).0, Mode::Train);
            finish(&params, Adam::new(&params), steps, out, &Language { device, logits }, &windows());
        }
    }
    params.save(out.join("weights.safetensors")).unwrap();
}

fn windows() -> RandomWindows {
    let letters: String = (0..600u32).map(|i| char::from(b'a' + (i * i % 27) as u8)).collect();
    let alphabet: String = (0..27).map(|i| char::from(b'a' + i)).collect();
    Text::new(&(alphabet + &letters)).unwrap().split(0.1, 16).unwrap().0.random(4, 2, 6)
}

fn finish<T: Task>(
    params: &Params,
    optimizer: impl Optimize,
    steps: usize,
    out: &Path,
    task: &T,
    source: &impl Source<Batch = T::Batch>,
) {
    let resume = out.join("checkpoints").exists();
    let run = Run::resume_or_create(out, params.device(), &"a test", resume).unwrap();
    let trainer = Trainer::new(params, optimizer, Cosine::new(0.01, 0.001, steps), run).steps(steps);
    let trainer = trainer.clip(Clip::Norm(1.0)).ema(0.9).checkpoints(2).unwrap().save_every(3);
    // A run that was killed before its first checkpoint starts again.
    let saved = !Checkpoints::new(out.join("checkpoints")).unwrap().list().is_empty();
    trainer.resume(saved).callback(Tell).fit(task, source).unwrap();
}

#[test]
fn trains() {
    let Some(told) = std::env::var_os(CHILD) else { return };
    let told = told.to_str().unwrap().to_owned();
    let [device, network, steps, out] = told.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    train(device, network, steps.parse().unwrap(), Path::new(out));
}

/// Trains in another process, which is killed shortly after `kill_after` steps.
fn in_process(device: &str, network: &str, steps: usize, out: &Path, kill_after: Option<usize>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "resume::trains", "--nocapture", "--test-threads", "1"])
        .env(CHILD, format!("{device} {network} {steps} {}", out.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    if let Some(after) = kill_after {
        let mut at =
            |step: usize| lines.find(|line| line.ends_with(&format!("step {step}"))).expect("a step");
        at(after - 1);
        let start = Instant::now();
        at(after);
        // Kills at a random time within about two steps.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
        std::thread::sleep(start.elapsed() * (now % 1000) / 500);
        child.kill().unwrap();
        child.wait().unwrap();
    } else {
        lines.for_each(drop);
        assert!(child.wait().unwrap().success());
    }
}

fn killed_runs_go_on(device: &str) {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let steps = std::env::var("WGRAD_RESUME_STEPS").map_or(12, |steps| steps.parse().unwrap());
    for network in ["resnet20", "lstm", "gpt"] {
        let folders = tempfile::tempdir().unwrap();
        let [straight, parts]: [PathBuf; 2] = ["straight", "parts"].map(|name| folders.path().join(name));
        std::thread::scope(|scope| {
            scope.spawn(|| in_process(device, network, steps, &straight, None));
            scope.spawn(|| in_process(device, network, steps, &parts, Some(steps / 2)));
        });
        assert!(log(&parts).lines().count() < steps, "{network}: killed too late");
        in_process(device, network, steps, &parts, None);
        assert_eq!(log(&parts).lines().count(), steps);
        assert!(log(&parts) == log(&straight), "{network} on {device}: the losses differ");
        let weights = |out: &Path| std::fs::read(out.join("weights.safetensors")).unwrap();
        assert!(weights(&parts) == weights(&straight), "{network} on {device}: the weights differ");
        println!("{network} on {device}: {steps} steps, killed after {}", steps / 2);
    }
}

#[test]
fn killed_runs_go_on_bit_for_bit_on_the_cpu() {
    killed_runs_go_on("cpu");
}

#[test]
fn killed_runs_go_on_bit_for_bit_on_a_gpu() {
    if let Some(gpu) = gpu_core::testing::gpu() {
        let software = gpu.info().kind == autograd::DeviceKind::Software;
        killed_runs_go_on(if software { "software" } else { gpu.info().backend });
    }
}
