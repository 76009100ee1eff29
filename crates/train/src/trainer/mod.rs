//! The training loop.

mod options;
mod pass;
mod ranks;
mod schedule;
mod step;
mod task;

use autograd::{Tensor, autocast};
use data::Source;
use distributed::{DiLoCo, World};
use models::{Average, LossScaler, Optimize, Params};
use web_time::Instant;

pub use options::{Clip, LocalSteps};
pub use schedule::Rate;
pub use task::{StepOutput, Task};

use crate::best::Best;
use crate::callback::{Callback, Flow, Moment, figure};
use crate::{Checkpoints, Error, History, Interrupt, Late, Parts, Result, Run, check_finite};
use options::Options;
use pass::Pass;
use ranks::Stops;

/// How many steps later a loss is read back.
const LAG: usize = 2;

/// The file with the weights of the best figure.
const BEST: &str = "best.safetensors";

/// The subdirectory of a run for checkpoints.
pub(crate) const CHECKPOINTS: &str = "checkpoints";

/// Trains: takes batches from a [`Source`], steps an optimizer along a schedule, evaluates, logs to a [`Run`]'s directory, keeps
/// the best weights, and writes checkpoints from which a run resumes bit for bit. The parts are also available for custom
/// loops: [`History`], [`Late`], [`check_finite`], [`Checkpoints`], [`Interrupt`], [`EarlyStopping`](crate::EarlyStopping).
///
/// ```
/// use autograd::{Device, Tensor};
/// use data::{Batch, Loader, LoaderOptions, synthetic};
/// use models::{Adam, Mlp, Params};
/// use train::{StepOutput, Result, Run, Task, Trainer, classify};
///
/// struct Digits { device: Device, net: Mlp, test: Loader }
///
/// impl Digits {
///     fn logits(&self, images: &Tensor) -> Tensor {
///         self.net.forward(&images.flatten(1, 3))
///     }
/// }
///
/// impl Task for Digits {
///     type Batch = Batch;
///
///     fn inputs(&self, batch: &Batch) -> Result<Option<Vec<Tensor>>> {
///         let batch = batch.to_device(&self.device)?;
///         Ok(Some(vec![batch.images, batch.labels]))
///     }
///
///     fn forward(&self, inputs: &[Tensor]) -> StepOutput {
///         let logits = self.logits(&inputs[0]);
///         StepOutput::new(logits.cross_entropy(&inputs[1])).accuracy(&logits, &inputs[1])
///     }
///
///     fn evaluate(&self) -> Result<Vec<(&'static str, f64)>> {
///         Ok(vec![("test accuracy", classify(&self.test, &self.device, |images| self.logits(images))?.accuracy)])
///     }
/// }
///
/// # let directory = tempfile::tempdir()?;
/// # let runs = directory.path();
/// let (device, digits) = (Device::named("cpu")?, synthetic::digits(600, 100, 0));
/// let normalize = digits.train.mean_std();
/// let test = Loader::new(digits.test.into(), LoaderOptions::eval(100, normalize.clone()))?;
/// let train = Loader::new(digits.train.into(), LoaderOptions::train(20, normalize))?;
/// let params = Params::new(&device, 0);
/// let task = Digits { net: Mlp::new(&params, &[784, 32, 10]), device: device.clone(), test };
/// let run = Run::create(runs.join("digits"), &device, &"an example")?;
/// let mut trainer = Trainer::new(&params, Adam::new(&params), 0.003, run).epochs(2);
/// trainer.fit(&task, &train)?;
/// assert_eq!(trainer.history().len(), 60);
/// assert!(trainer.history().last("test accuracy").unwrap() > 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer<'a> {
    params: Params,
    optimizer: Box<dyn Optimize + 'a>,
    rate: Rate<'a>,
    run: Run,
    world: World,
    /// The exchange of ranks that take local steps.
    outer: Option<DiLoCo>,
    history: History,
    options: Options,
    average: Option<Average>,
    /// Scales the losses of f16.
    scaler: Option<LossScaler>,
    best: Option<(String, Best)>,
    checkpoints: Option<Checkpoints>,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    interrupt: Interrupt,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Optimizer steps of the whole run so far.
    pub steps: usize,
    /// Steps of this process.
    pub new_steps: usize,
    /// Seconds that this process spent on steps, without evaluations and checkpoints.
    pub seconds: f64,
    /// Why training stopped early; `None` if the run is complete.
    pub stopped: Option<String>,
}

/// A step whose values are not read back yet: its number, rate, and batches.
type Context<B> = (usize, f32, Vec<B>);

/// State of one call of [`Trainer::fit`].
struct Fit {
    start: Instant,
    /// Seconds not spent on steps.
    aside: f64,
    first: usize,
    total: usize,
    per_epoch: usize,
    /// Batches per epoch.
    batches: usize,
    /// Names of the values that are read back from a step, once known.
    columns: Vec<String>,
}

impl<'a> Trainer<'a> {
    /// Trains until the given number of epochs or steps is done, or a stop is requested. Another call continues the run.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss is not finite; [`Error::Training`] for a source with too few batches; whatever goes wrong with
    /// files and on the device, or in the task. The last checkpoint stays.
    ///
    /// # Panics
    /// When the loss doesn't depend on a trainable parameter.
    #[track_caller]
    pub fn fit<T: Task>(&mut self, task: &T, source: &impl Source<Batch = T::Batch>) -> Result<Ended> {
        self.divide(source)?;
        let mut fit = self.begin(source.steps())?;
        let mut pass = Pass::new(task, &self.options, self.scaler.as_ref(), &self.mean_over());
        let (mut late, mut stops) = (Late::new(LAG), Stops::default());
        let mut stop = None;
        while self.optimizer.steps() < fit.total && stop.is_none() {
            let (epoch, done) =
                (self.optimizer.steps() / fit.per_epoch, self.optimizer.steps() % fit.per_epoch);
            let mut batches = source.batches(epoch, done * self.options.accumulate);
            for _ in done..fit.per_epoch.min(done + fit.total - self.optimizer.steps()) {
                let taken: Vec<T::Batch> = batches.by_ref().take(self.options.accumulate).collect();
                if taken.len() < self.options.accumulate {
                    return Err(Error::Training(format!("the source's epoch {epoch} has too few batches")));
                }
                let (step, lr) = (self.optimizer.steps(), self.rate.lr(self.optimizer.steps()));
                let values = self.step(&mut pass, &taken, lr, &mut fit)?;
                if let Some(known) = late.push((step, lr, taken), &values)? {
                    stop = self.record(task, known, &fit)?;
                }
                let asked = self.asked_to_stop(&fit);
                stop = stop.or(match &self.outer {
                    None => stops.agree(&self.world, asked)?,
                    Some(outer) if outer.is_common() => stops.agree_now(&self.world, asked)?,
                    Some(_) => None,
                });
                stop = stop.or(self.has_steps_enough(&fit));
                if stop.is_some() || self.pauses(&fit) {
                    let aside = Instant::now();
                    while let Some(known) = late.pop()? {
                        stop = self.record(task, known, &fit)?.or(stop);
                    }
                    stop = self.pause(task, &fit, stop.is_some())?.or(stop);
                    fit.aside += aside.elapsed().as_secs_f64();
                }
                if stop.is_some() {
                    break;
                }
            }
        }
        self.end(&fit, stop)
    }

    /// Checks the options, restores a resumed run, and starts the callbacks.
    fn begin(&mut self, batches: usize) -> Result<Fit> {
        let per_epoch = batches / self.options.accumulate;
        if per_epoch == 0 {
            let wanted = self.options.accumulate;
            return Err(Error::Training(format!("an epoch has {batches} batches, a step takes {wanted}")));
        }
        let total = self.options.steps.unwrap_or(self.options.epochs * per_epoch);
        self.open_outer()?;
        if self.optimizer.steps() == 0 {
            if self.options.resume {
                self.load_checkpoint(batches)?
            } else {
                self.history = History::create(self.run.path())?
            }
        }
        let first = self.optimizer.steps();
        if first >= total {
            let advice = "ask for more epochs or steps";
            return Err(Error::Training(format!("the run has {first} of {total} steps already; {advice}")));
        }
        let fit =
            Fit { start: Instant::now(), aside: 0.0, first, total, per_epoch, batches, columns: vec![] };
        self.begin_together(&fit)?;
        let moment = moment(&self.history, first, &fit);
        self.callbacks.iter_mut().try_for_each(|callback| callback.on_start(&moment))?;
        Ok(fit)
    }

    /// Resumes from the newest checkpoint, and replays the evaluations to the rate, the best figure and the callbacks.
    fn load_checkpoint(&mut self, batches: usize) -> Result<()> {
        if !self.world.is_main() {
            self.share_files(0)?;
        }
        let Some(checkpoints) = &mut self.checkpoints else {
            return Err(Error::Training("without checkpoints there is nothing to go on from".into()));
        };
        let (average, scaler, outer) = (self.average.as_mut(), self.scaler.as_mut(), self.outer.as_mut());
        let mut parts =
            Parts { params: &self.params, optimizer: self.optimizer.as_mut(), average, scaler, outer };
        let Some(steps) = checkpoints.resume(&mut parts, batches)? else {
            return Err(Error::NoCheckpoint { path: self.run.path().into() });
        };
        if self.world.is_main() && self.world.size() > 1 {
            self.share_files(steps)?;
        }
        self.history = History::resume(self.run.path(), steps)?;
        for same in self.history.all_evaluations().chunk_by(|a, b| a.steps == b.steps) {
            let figures: Vec<(&str, f64)> = same.iter().map(|e| (e.name.as_str(), e.value)).collect();
            self.rate.evaluated(&figures)?;
            if let Some((name, best)) = &mut self.best
                && let Ok(value) = figure(&figures, name)
            {
                best.improve(value);
            }
            self.callbacks.iter_mut().for_each(|callback| callback.replay(same[0].steps, &figures));
        }
        Ok(())
    }

    /// Records a step's values; an error if the loss is not finite. Returns why a callback stops the run.
    fn record<T: Task>(
        &mut self,
        task: &T,
        known: (Context<T::Batch>, Vec<f32>),
        fit: &Fit,
    ) -> Result<Option<String>> {
        let ((step, lr, batches), values) = known;
        let names = fit.columns.iter().map(String::as_str);
        let row: Vec<(&str, f32)> =
            [("lr", lr)].into_iter().chain(names.zip(values.iter().copied())).collect();
        self.history.stepped(step, &row)?;
        let mut fault = None;
        let finite = check_finite(step, values[0], || {
            // Ranks may look at different parts of the network now.
            self.params.clear_batch_mean();
            let again = |batch| autocast(self.options.half, || task.train(batch)).map(|outcome| outcome.loss);
            let losses: Result<Vec<Tensor>> = batches.iter().map(again).collect();
            let found = losses.map_err(|e| fault = Some(e)).ok();
            let sum = found.and_then(|losses| losses.into_iter().reduce(|a, b| a + b));
            sum.unwrap_or_else(|| Tensor::zeros(self.params.device(), &[]))
        });
        finite.map_err(|error| self.name_rank(error))?;
        fault.map_or(Ok(()), Err)?;
        let moment = moment(&self.history, self.optimizer.steps(), fit);
        let flows = self.callbacks.iter_mut().map(|callback| callback.on_step(&moment));
        first_stop(flows.collect::<Result<_>>()?)
    }

    /// Whether the run should stop after this step, and why.
    fn asked_to_stop(&self, fit: &Fit) -> Option<String> {
        let over = |limit: &std::time::Duration| fit.start.elapsed() >= *limit;
        if self.interrupt.requested() {
            Some("interrupted".into())
        } else if self.options.time_limit.as_ref().is_some_and(over) {
            Some("the time is up".into())
        } else {
            None
        }
    }

    /// Why the run stops after this step, if the number of steps decides.
    fn has_steps_enough(&self, fit: &Fit) -> Option<String> {
        let steps = self.optimizer.steps();
        let enough = self.options.stop_after.is_some_and(|stop| steps >= stop && steps < fit.total);
        enough.then(|| format!("asked to stop after {steps} steps"))
    }

    /// Whether to evaluate or to write a checkpoint after this step.
    fn pauses(&self, fit: &Fit) -> bool {
        self.evaluates(fit) || self.saves(fit)
    }

    fn evaluates(&self, fit: &Fit) -> bool {
        let steps = self.optimizer.steps();
        steps.is_multiple_of(self.options.evaluate_every.unwrap_or(fit.per_epoch)) || steps == fit.total
    }

    fn saves(&self, fit: &Fit) -> bool {
        let steps = self.optimizer.steps();
        let every = self.options.save_every.unwrap_or(usize::MAX);
        self.checkpoints.is_some()
            && (steps.is_multiple_of(every)
                || steps == fit.total
                || (self.options.save_every.is_none() && self.evaluates(fit)))
    }

    /// Evaluates and saves if either is due; returns why the run should stop.
    fn pause<T: Task>(&mut self, task: &T, fit: &Fit, ending: bool) -> Result<Option<String>> {
        let mut stop = None;
        self.outer.iter_mut().try_for_each(DiLoCo::exchange)?;
        if self.evaluates(fit) {
            stop = self.evaluate(task, fit)?;
        }
        let saves = self.saves(fit) || ending || stop.is_some();
        if saves {
            self.check_parameters()?;
        }
        let main = self.world.is_main();
        if let Some(checkpoints) = self.checkpoints.as_mut().filter(|_| saves && main) {
            let (average, scaler, outer) = (self.average.as_mut(), self.scaler.as_mut(), self.outer.as_mut());
            let parts =
                Parts { params: &self.params, optimizer: self.optimizer.as_mut(), average, scaler, outer };
            checkpoints.save(&parts, fit.batches)?;
        }
        Ok(stop)
    }

    /// Evaluates with the averaged parameters, if there are any.
    fn evaluate<T: Task>(&mut self, task: &T, fit: &Fit) -> Result<Option<String>> {
        let swap = |average: &mut Option<Average>| average.iter_mut().for_each(Average::swap);
        swap(&mut self.average);
        let measured = self.measure(task);
        swap(&mut self.average);
        let figures = measured?;
        if figures.is_empty() {
            return Ok(None); // the task has nothing to measure
        }
        self.rate.evaluated(&figures)?;
        let moment = moment(&self.history, self.optimizer.steps(), fit);
        let flows = self.callbacks.iter_mut().map(|callback| callback.on_evaluation(&moment, &figures));
        first_stop(flows.collect::<Result<_>>()?)
    }

    fn measure<T: Task>(&mut self, task: &T) -> Result<Vec<(&'static str, f64)>> {
        let mut figures = task.evaluate()?;
        self.join_figures(&mut figures, task.evaluated())?;
        if figures.is_empty() && self.best.is_none() {
            return Ok(figures);
        }
        self.history.evaluated(self.optimizer.steps(), &figures)?;
        if let Some((name, best)) = &mut self.best
            && (best.improve(figure(&figures, name)?) || !self.run.join(BEST).exists())
        {
            self.params.save(self.run.join(BEST))?;
        }
        Ok(figures)
    }

    fn end(&mut self, fit: &Fit, stopped: Option<String>) -> Result<Ended> {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.finish()?;
        }
        let seconds = fit.start.elapsed().as_secs_f64() - fit.aside;
        let steps = self.optimizer.steps();
        let moment = moment(&self.history, steps, fit);
        let reason = stopped.as_deref().unwrap_or("complete");
        self.callbacks.iter_mut().try_for_each(|callback| callback.on_end(&moment, reason))?;
        if self.options.restore_best && self.run.join(BEST).exists() {
            self.params.load(self.run.join(BEST))?;
        }
        Ok(Ended { steps, new_steps: steps - fit.first, seconds, stopped })
    }
}

fn moment<'a>(history: &'a History, steps: usize, fit: &Fit) -> Moment<'a> {
    let seconds = fit.start.elapsed().as_secs_f64();
    Moment { history, steps, total: fit.total, per_epoch: fit.per_epoch, first: fit.first, seconds }
}

fn first_stop(flows: Vec<Flow>) -> Result<Option<String>> {
    let reason = |flow| match flow {
        Flow::Stop(reason) => Some(reason),
        Flow::Continue => None,
    };
    Ok(flows.into_iter().find_map(reason))
}
