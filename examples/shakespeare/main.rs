//! Trains a character-level language model: `cargo run --release --example shakespeare -- --help`.

mod checkpoint;
mod network;
mod options;
mod report;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use wgrad::data::{Text, TextBatch, Windows, synthetic};
use wgrad::prelude::*;
use wgrad::train::{History, Late, Progress, check_finite, prepare_output};

use network::Network;
use options::Options;
use report::{Summary, VALIDATION};

/// Steps between computing a loss and reading it.
const LAG: usize = 2;

/// Steps that a training loss is averaged over.
const RECENT: usize = 100;

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
    let text = match &options.data {
        Some(path) => Text::read(path)?,
        None => Text::new(&synthetic::grammar(200_000, 42))?,
    };
    let prompt = prompt(&options, &text)?;
    say(format!("data:   {} characters, {} of them different", text.tokens().len(), text.chars().len()));
    let mut run = Run::new(&options, &device, &text)?;
    say(format!("model:  {:?}, {} parameters", options.model, run.params.count()));
    say(format!("output: {}", options.out.display()));
    let summary = run.train()?;
    let title = format!(
        "{:?}, {} parameters: {:.3} nats a character",
        options.model, summary.parameters, summary.best_validation_loss
    );
    report::draw_curves(&options.out.join("curves.png"), &title, &run.history)?;
    run.params.load(run.best_path())?;
    let samples = report::samples(&options, &text, &run.net, &prompt)?;
    let path = options.out.join("samples.txt");
    std::fs::write(&path, &samples).with_context(|| format!("cannot write {}", path.display()))?;
    say(format!("\n{samples}"));
    println!("{}", summary.json());
    Ok(())
}

/// What samples begin with.
fn prompt(options: &Options, text: &Text) -> Result<String> {
    let prompt = match &options.prompt {
        Some(prompt) => prompt.clone(),
        None if text.chars().contains(&'\n') => "\n".into(),
        None => text.decode(&text.tokens()[..1]),
    };
    ensure!(!prompt.is_empty(), "an empty prompt; give at least one character with --prompt");
    text.encode(&prompt)?;
    Ok(prompt)
}

/// Everything that a training run holds.
struct Run<'a> {
    options: &'a Options,
    device: Device,
    train: Windows,
    validation: Windows,
    params: Params,
    net: Network,
    opt: Adam,
    history: History,
    /// The lowest validation loss so far.
    best: f32,
}

/// Learning rates.
type Rates = Warmup<Cosine>;

impl<'a> Run<'a> {
    fn new(options: &'a Options, device: &Device, text: &Text) -> Result<Run<'a>> {
        for (name, value) in [
            ("--context", options.context),
            ("--batch", options.batch()),
            ("--steps", options.steps()),
            ("--validate-every", options.validate_every),
            ("--beams", options.beams),
        ] {
            ensure!(value > 0, "{name} 0 trains nothing; give at least 1");
        }
        let (train, validation) = text.split(0.1, options.context)?;
        let params = Params::new(device, options.seed);
        let net = Network::new(options, text.chars().len(), &params)?;
        // Biases and what scales a normalisation keep their size.
        let mut opt = AdamW::new(&params)
            .betas(0.9, 0.99)
            .weight_decay(options.weight_decay)
            .group("*bias*", 0.0, 1.0)
            .group("*ln*.weight", 0.0, 1.0);
        let columns = ["lr", "loss", "norm"];
        let mut best = f32::INFINITY;
        let history = if options.resume {
            best = checkpoint::load(&options.out.join(CHECKPOINT), &params, &mut opt)?;
            History::resume(&options.out, &columns, opt.steps())?
        } else {
            History::create(&options.out, &columns)?
        };
        let device = device.clone();
        Ok(Run { options, device, train, validation, params, net, opt, history, best })
    }

    fn best_path(&self) -> PathBuf {
        self.options.out.join("best.safetensors")
    }

    fn schedule(&self) -> Rates {
        let (steps, lr) = (self.options.steps(), self.options.lr());
        let warmup = self.options.warmup.clamp(1, steps.div_ceil(10));
        Warmup::new(1.0 / warmup as f32, warmup, Cosine::new(lr, 0.1 * lr, steps - warmup))
    }

    fn train(&mut self) -> Result<Summary> {
        let (start, first) = (Instant::now(), self.opt.steps());
        let total = self.options.steps().min(self.options.stop.unwrap_or(usize::MAX));
        ensure!(
            first < total,
            "the checkpoint has {first} of {total} steps already; ask for more with --steps"
        );
        let bar = Progress::new(total, first, self.options.json);
        let mut trained = Duration::ZERO;
        while self.opt.steps() < total {
            let every = self.options.validate_every;
            let until = total.min((self.opt.steps() / every + 1) * every);
            let begun = Instant::now();
            self.steps(until, &bar)?;
            trained += begun.elapsed();
            self.validate()?;
            bar.suspend(|| self.say(start.elapsed()));
        }
        bar.finish();
        let steps = self.opt.steps();
        let tokens = (steps - first) * self.options.batch() * self.options.context;
        Ok(Summary {
            validation_loss: self.history.last(VALIDATION).unwrap_or(f64::INFINITY),
            best_validation_loss: self.best,
            train_loss: self.history.recent("loss", RECENT),
            steps,
            parameters: self.params.count(),
            seconds: start.elapsed().as_secs_f64(),
            tokens_per_s: tokens as f64 / trained.as_secs_f64(),
            device: self.device.info().to_string(),
            seed: self.options.seed,
        })
    }

    /// Trains until `until` steps are done.
    fn steps(&mut self, until: usize, bar: &Progress) -> Result<()> {
        let schedule = self.schedule();
        let mut late = Late::new(LAG);
        while self.opt.steps() < until {
            let step = self.opt.steps();
            let batch = self.tensors(&self.train.draw(self.options.batch(), self.options.seed, step))?;
            let loss = self.net.loss(&batch[0], &batch[1], Mode::Train);
            let (gradients, norm) = loss.backward().clip_norm(self.options.clip, 2.0);
            let watched = stack(&[&loss.detach(), &norm.detach()], 0);
            drop((loss, norm));
            self.opt.step(gradients, schedule.lr(step))?;
            if let Some(done) = late.push((step, batch), &watched)? {
                self.record(done, &schedule, bar)?;
            }
            bar.step();
        }
        while let Some(done) = late.pop()? {
            self.record(done, &schedule, bar)?;
        }
        Ok(())
    }

    /// A batch on the device.
    fn tensors(&self, batch: &TextBatch) -> Result<[Tensor; 2]> {
        let shape = [batch.tokens.len() / self.options.context, self.options.context];
        let tensor = |tokens: &[i32]| Tensor::from_slice(&self.device, tokens, &shape);
        Ok([tensor(&batch.tokens)?, tensor(&batch.next)?])
    }

    /// Takes note of a step's loss, and stops if it is not finite.
    fn record(
        &mut self,
        done: ((usize, [Tensor; 2]), Vec<f32>),
        schedule: &Rates,
        bar: &Progress,
    ) -> Result<()> {
        let ((step, [tokens, next]), watched) = done;
        let [loss, norm] = watched[..] else { bail!("a step gives a loss and a norm, not {watched:?}") };
        self.history.stepped(step, &[schedule.lr(step), loss, norm])?;
        check_finite(step, loss, || self.net.loss(&tokens, &next, Mode::Train))?;
        let (recent, speed) = (self.history.recent("loss", RECENT), bar.steps_per_s());
        bar.say(format!("loss {recent:.3}  {:.0} ms a step", 1000.0 / speed));
        Ok(())
    }

    /// Mean loss over the validation part; saves the best weights, and a checkpoint.
    fn validate(&mut self) -> Result<()> {
        let (mut sum, mut count) = (0.0, 0);
        for batch in self.validation.all(self.options.batch()) {
            let size = batch.tokens.len();
            let [tokens, next] = self.tensors(&batch)?;
            sum += f64::from(self.net.loss(&tokens, &next, Mode::Eval).item()?) * size as f64;
            count += size;
        }
        let loss = sum / count as f64;
        let steps = self.opt.steps();
        self.history.evaluated(steps, VALIDATION, loss)?;
        if (loss as f32) < self.best || !self.best_path().exists() {
            self.best = loss as f32;
            self.params.save(self.best_path())?;
        }
        checkpoint::save(&self.options.out.join(CHECKPOINT), &self.params, &self.opt, self.best)
    }

    fn say(&self, elapsed: Duration) {
        if self.options.json {
            return;
        }
        println!(
            "step {}: train loss {:.4}, validation loss {:.4}, {:.0} s",
            self.opt.steps(),
            self.history.recent("loss", RECENT),
            self.history.last(VALIDATION).unwrap_or(f64::INFINITY),
            elapsed.as_secs_f64(),
        );
        let _ = std::io::stdout().flush();
    }
}

const CHECKPOINT: &str = "checkpoint.safetensors";
