//! `wgrad train`

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use data::{Part, Source};
use distributed::{Compression, World};
use models::{Optimize, Params};
use serde_json::{Value, json};
use train::dashboard::Screen;
use train::tensorboard::TensorBoard;
use train::{Clip, Console, EarlyStopping, Ended, Goal, Interrupt, LocalSteps, Run, Task, Trainer, plot};

use crate::config::Config;
use crate::job::Job;
use crate::report;
use crate::say::Say;
use crate::start;

#[derive(Args)]
pub struct Arguments {
    /// The configuration in TOML; see docs/config.md
    config: PathBuf,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number, instead of the file's
    #[arg(long)]
    device: Option<String>,

    /// Directory of the run, instead of the file's
    #[arg(long)]
    out: Option<PathBuf>,

    /// Resume from the newest checkpoint of the run
    #[arg(long)]
    resume: bool,

    /// Show a live dashboard instead of a progress bar; q stops
    #[arg(long, conflicts_with = "json")]
    tui: bool,

    /// Stop after this many steps, in the middle of the schedule
    #[arg(long)]
    stop_after: Option<usize>,
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    World::run(|world| run_as(world, arguments, &say.on_main(world.is_main())))
}

/// Trains as a rank of `world`.
fn run_as(world: &World, arguments: &Arguments, say: &Say) -> Result<()> {
    let mut config = Config::read(&arguments.config)?;
    arguments.device.iter().for_each(|device| config.device.clone_from(device));
    config.out = arguments.out.clone().or(config.out);
    let device = world.device(&config.device)?;
    let params = Params::new(&device, config.seed);
    let job = Job::new(&config, &params, Part { index: world.rank(), of: world.size() })?;
    ensure!(
        job.classifies() || config.train.label_smoothing == 0.0,
        "train.label_smoothing is for classes, which this data lacks; remove it"
    );
    ensure!(config.train.epochs > 0 || config.train.steps.is_some(), "0 epochs train nothing");
    say.text(format!("device: {}", device.info()));
    say.text(format!("data:   {}", job.describe()));
    say.text(format!("model:  {}, {} parameters", config.model.kind, params.count()));
    // The checkpoint of a run that is resumed has all weights.
    let start = config.start.as_ref().filter(|_| !arguments.resume);
    let started = start.map(|start| start::load(start, &config.model.kind, &params)).transpose()?;
    let optimizer = config.optimizer(&params)?;
    started.iter().for_each(|started| started.tell(&params, say));
    say.text(format!("output: {}", config.out().display()));
    let run = Run::distributed(world, config.out(), &device, &config, arguments.resume)?;
    if let Some(moved) = run.moved() {
        say.text(format!("        the run that was there is in {} now", moved.display()));
    }
    if let Some(started) = &started {
        started.write(&params, &run.join(start::REPORT))?;
    }
    let fit = Fit {
        world,
        arguments,
        config: &config,
        params: &params,
        optimizer,
        run,
        goal: job.goal(),
        loss: job.loss_name(),
        say,
    };
    let (trainer, ended) = match &job {
        Job::Images(images) => fit.fit(images, &images.train, "images")?,
        Job::Text(language) => fit.fit(language, &language.train, "windows")?,
        Job::Table(table) => fit.fit(table, &table.train, "rows")?,
    };
    if !world.is_main() {
        return Ok(());
    }
    report::write(&job, trainer.run(), trainer.history())?;
    let start = started.map(|started| started.report(&params));
    tell(&config, job.goal().0, &trainer, &ended, start, say)
}

/// A run about to begin.
struct Fit<'a> {
    world: &'a World,
    arguments: &'a Arguments,
    config: &'a Config,
    params: &'a Params,
    optimizer: Box<dyn Optimize>,
    run: Run,
    goal: (&'static str, Goal),
    /// The figure for early stopping.
    loss: &'static str,
    say: &'a Say,
}

impl Fit<'_> {
    fn fit<T: Task>(
        self,
        task: &T,
        source: &impl Source<Batch = T::Batch>,
        items: &'static str,
    ) -> Result<(Trainer<'static>, Ended)> {
        let (config, train) = (self.config, &self.config.train);
        let per_epoch = source.steps() / train.accumulate.max(1);
        let steps = train.steps.unwrap_or(train.epochs * per_epoch);
        let resume = format!("wgrad train {} --resume", self.arguments.config.display());
        let count = config.data.batch() * train.accumulate.max(1);
        let schedule = config.schedule.build(config.optimizer.lr, steps.max(1));
        let tensorboard = TensorBoard::new(&self.run)?;
        let mut trainer = Trainer::new(self.params, self.optimizer, schedule, self.run)
            .epochs(train.epochs)
            .stop_after(self.arguments.stop_after)
            .accumulate(train.accumulate)
            .watch_gradients()
            .best(self.goal.0, self.goal.1)
            .restore_best()
            .checkpoints(train.keep)?
            .resume(self.arguments.resume)
            .interrupt(Interrupt::by_signal()?)
            .distributed(self.world)
            .callback(tensorboard);
        trainer = if self.arguments.tui {
            let title = config.out().display().to_string();
            trainer.callback(Screen::open(title, self.params.device(), (count, items))?)
        } else {
            trainer.callback(Console::new(self.say.json()).items(count, items).resume(resume))
        };
        if let Some(steps) = train.steps {
            trainer = trainer.steps(steps);
        }
        let compression = train.compression.map(Compression::from);
        trainer = match (train.local_steps, compression) {
            (Some(every), compression) => {
                let (lr, momentum) = (train.outer_lr, train.outer_momentum);
                trainer.local_steps(LocalSteps { every, lr, momentum, compression })
            }
            (None, Some(compression)) => trainer.distributed(&self.world.compress(compression)),
            (None, None) => trainer,
        };
        if train.sync_batch_norm {
            trainer = trainer.sync_batch_norm();
        }
        if let Some(half) = train.precision.half() {
            trainer = trainer.mixed(half);
        }
        if let Some(norm) = train.clip_norm {
            trainer = trainer.clip(Clip::Norm(norm));
        }
        if let Some(decay) = train.ema {
            trainer = trainer.ema(decay);
        }
        if let Some(every) = train.evaluate_every {
            trainer = trainer.evaluate_every(every);
        }
        if let Some(minutes) = train.minutes {
            ensure!(minutes.is_finite() && minutes > 0.0, "train.minutes must be above 0");
            trainer = trainer.time_limit(Duration::from_secs_f64(60.0 * minutes));
        }
        if let Some(early) = train.early_stopping {
            let stopping = EarlyStopping::new(self.loss, Goal::Min).patience(early.patience);
            trainer = trainer.callback(stopping.min_delta(early.min_delta));
        }
        let ended = trainer.fit(task, source)?;
        Ok((trainer, ended))
    }
}

/// Draws the curves, and prints the results.
fn tell(
    config: &Config,
    figure: &str,
    trainer: &Trainer,
    ended: &Ended,
    start: Option<Value>,
    say: &Say,
) -> Result<()> {
    let (history, run) = (trainer.history(), trainer.run());
    let best = trainer.best_value();
    let title = format!("{}: best {figure} {:.4}", config.model.kind, best.unwrap_or(f64::NAN));
    plot::curves(run.join("curves.png"), &title, &history.panels())?;
    let rate = ended.new_steps as f64 / ended.seconds;
    say.text(format!(
        "{} steps, {rate:.2} a second; best {figure} {:.4}; weights, log and report.html in {}",
        ended.steps,
        best.unwrap_or(f64::NAN),
        run.path().display()
    ));
    let mut figures = serde_json::Map::new();
    for evaluation in history.all_evaluations() {
        figures.insert(evaluation.name.clone(), json!(evaluation.value));
    }
    say.result(&json!({
        "run": run.path(),
        "steps": ended.steps,
        "complete": ended.stopped.is_none(),
        "stopped": ended.stopped,
        "best": { "figure": figure, "value": best },
        "last": figures,
        "train_loss": history.recent("loss", 100),
        "steps_per_s": rate,
        "seed": config.seed,
        "start": start,
    }));
    Ok(())
}
