//! Trains a character-level language model: `cargo run --release --example shakespeare -- --help`.

mod network;
mod options;
mod samples;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use wgrad::data::{Text, TextBatch, Windows, synthetic};
use wgrad::prelude::*;
use wgrad::train::{Clip, Console, Ended, Goal, Interrupt, Run, StepOutput, Task, Trainer};
#[cfg(feature = "plots")]
use wgrad::train::{plot, report::RunReport};

use network::Network;
use options::Options;

/// The name of the validation loss in the history.
const VALIDATION: &str = "validation loss";

/// Number of steps over which the training loss is averaged.
const RECENT: usize = 100;

fn main() -> Result<()> {
    let options = Options::parse();
    World::run(|world| train(&options, world))
}

fn train(options: &Options, world: &World) -> Result<()> {
    let device = world.device(&options.device)?;
    let text = match &options.data {
        Some(path) => Text::read(path)?,
        None => Text::new(&synthetic::grammar(200_000, 42))?,
    };
    let prompt = prompt(options, &text)?;
    let params = Params::new(&device, options.seed);
    let (train, language) = divide(options, &text, &params)?;
    if !options.json && world.is_main() {
        println!("device: {}", device.info());
        println!("data:   {} characters, {} of them different", text.tokens().len(), text.chars().len());
        println!("model:  {:?}, {} parameters", options.model, params.count());
        println!("output: {}", options.out.display());
    }
    let run = Run::distributed(world, &options.out, &device, options, options.resume)?;
    let warmup = options.warmup.clamp(1, options.steps().div_ceil(10));
    let cosine = Cosine::new(options.lr(), 0.1 * options.lr(), options.steps() - warmup);
    let tokens = options.batch() * options.context;
    let mut trainer = Trainer::new(
        &params,
        optimizer(options, &params),
        Warmup::new(1.0 / warmup as f32, warmup, cosine),
        run,
    )
    .steps(options.steps())
    .stop_after(options.stop)
    .clip(Clip::Norm(options.clip))
    .evaluate_every(options.validate_every)
    .best(VALIDATION, Goal::Min)
    .restore_best()
    .checkpoints(2)?
    .resume(options.resume)
    .interrupt(Interrupt::by_signal()?)
    .distributed(world)
    .callback(Console::new(options.json).items(tokens, "tokens").resume("--resume"));
    let part = Part { index: world.rank(), of: world.size() };
    let source = train.random(options.batch(), options.seed, options.steps()).part(part)?;
    let ended = trainer.fit(&language, &source)?;
    if !world.is_main() {
        return Ok(());
    }

    let written = samples::write(options, &text, &language.net, &prompt)?;
    let path = options.out.join("samples.txt");
    std::fs::write(&path, &written).with_context(|| format!("cannot write {}", path.display()))?;
    if !options.json {
        println!("\n{written}");
    }
    report(options, &params, &trainer, &ended, tokens)
}

/// The beginning of the samples.
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

/// The training part of the text, and the task: a network with the validation part.
fn divide(options: &Options, text: &Text, params: &Params) -> Result<(Windows, Language)> {
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
    let net = Network::new(options, text.chars().len(), params)?;
    Ok((train, Language { device: params.device().clone(), net, validation, batch: options.batch() }))
}

fn optimizer(options: &Options, params: &Params) -> Adam {
    // Biases and scales of normalisations are not decayed.
    AdamW::new(params).betas(0.9, 0.99).weight_decay(options.weight_decay).group("*bias*", 0.0, 1.0).group(
        "*ln*.weight",
        0.0,
        1.0,
    )
}

/// A network that predicts the next character, and its validation text.
struct Language {
    device: Device,
    net: Network,
    validation: Windows,
    batch: usize,
}

impl Task for Language {
    type Batch = TextBatch;

    fn inputs(&self, batch: &TextBatch) -> wgrad::train::Result<Option<Vec<Tensor>>> {
        Ok(Some(batch.to_device(&self.device)?.into()))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        StepOutput::new(self.net.loss(&inputs[0], &inputs[1], Mode::Train))
    }

    fn evaluate(&self) -> wgrad::train::Result<Vec<(&'static str, f64)>> {
        let (mut sum, mut count) = (0.0, 0);
        for batch in self.validation.all(self.batch) {
            let [tokens, next] = batch.to_device(&self.device)?;
            sum += f64::from(self.net.loss(&tokens, &next, Mode::Eval).item()?) * tokens.numel() as f64;
            count += tokens.numel();
        }
        Ok(vec![(VALIDATION, sum / count as f64)])
    }
}

/// Prints the figures.
fn report(options: &Options, params: &Params, trainer: &Trainer, ended: &Ended, tokens: usize) -> Result<()> {
    let (history, best) = (trainer.history(), trainer.best_value());
    #[cfg(feature = "plots")]
    draw(options, params, trainer)?;
    let figures = serde_json::json!({
        "validation_loss": history.last(VALIDATION),
        "best_validation_loss": best,
        "train_loss": history.recent("loss", RECENT),
        "steps": ended.steps,
        "parameters": params.count(),
        "seconds": ended.seconds,
        "tokens_per_s": (ended.new_steps * tokens) as f64 / ended.seconds,
        "device": params.device().info().to_string(),
        "seed": options.seed,
    });
    println!("{figures}");
    Ok(())
}

/// Draws the curves and the report page.
#[cfg(feature = "plots")]
fn draw(options: &Options, params: &Params, trainer: &Trainer) -> Result<()> {
    let (history, best) = (trainer.history(), trainer.best_value().unwrap_or(f64::INFINITY));
    let title = format!("{:?}, {} parameters: {best:.3} nats a character", options.model, params.count());
    RunReport::of(trainer.run(), history).write(options.out.join("report.html"))?;
    Ok(plot::curves(options.out.join("curves.png"), &title, &history.panels())?)
}
