//! Options of a trainer.

use std::time::Duration;

use data::{Batch, Source};
use models::{ReduceLrOnPlateau, Sgd};
use tempfile::TempDir;
use train::{
    Callback, Clip, EarlyStopping, Error, Flow, Goal, Interrupt, Moment, Rate, Result, StepOutput, Task,
    Trainer,
};

use crate::digits::{Digits, PER_EPOCH, log};

#[test]
fn a_run_learns_logs_and_keeps_the_best() {
    let (task, out) = (Digits::new(), TempDir::new().unwrap());
    let mut trainer = task
        .trainer(out.path())
        .epochs(6)
        .best("test loss", Goal::Min)
        .watch_gradients()
        .clip(Clip::Norm(1.0));
    let ended = trainer.fit(&task, &task.train).unwrap();
    assert_eq!((ended.steps, ended.new_steps, ended.stopped), (60, 60, None));
    let history = trainer.history();
    assert_eq!(history.columns(), ["lr", "loss", "accuracy", "gradient norm"]);
    assert!(history.recent("loss", 10) < 0.7 * history.steps("loss", "", 1.0).points[0].1);
    let losses = history.evaluations("test loss", "", 1.0).points;
    let steps: Vec<f64> = losses.iter().map(|p| p.0).collect();
    assert_eq!(steps, [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
    let least = losses.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    assert_eq!(trainer.best_value(), Some(least));
    // One norm per parameter; together they give the norm before clipping.
    let norms = &history.details()[0];
    assert_eq!((norms.steps, norms.name.as_str(), norms.parts.len()), (10, "gradient norms", 4));
    let joint = norms.parts.iter().map(|(_, n)| n * n).sum::<f64>().sqrt();
    let clipped = history.steps("gradient norm", "", 1.0).points[9].1.min(1.0);
    assert!((joint - clipped).abs() < 1e-3 * clipped, "{joint} and {clipped}");
    // The log has the same numbers.
    let read = train::History::open(out.path()).unwrap();
    assert_eq!(read.columns(), history.columns());
    assert_eq!(read.steps("loss", "", 1.0), history.steps("loss", "", 1.0));
    assert_eq!((read.all_evaluations(), read.details()), (history.all_evaluations(), history.details()));
    let panels: Vec<(String, usize)> = read.panels().into_iter().map(|p| (p.title, p.series.len())).collect();
    assert_eq!(panels, [("loss".into(), 2), ("accuracy".into(), 2), ("gradient norm".into(), 1)]);
}

/// A callback that stops after some steps.
struct StopAt(usize);

impl Callback for StopAt {
    fn on_step(&mut self, moment: &Moment) -> Result<Flow> {
        let over = moment.history.len() >= self.0;
        Ok(if over { Flow::Stop("enough".into()) } else { Flow::Continue })
    }
}

#[test]
fn there_are_many_ways_to_stop() {
    let (task, out) = (Digits::new(), TempDir::new().unwrap());
    let ends = |name: &str, change: &dyn Fn(Trainer<'static>) -> Trainer<'static>| {
        let trainer = task.trainer(&out.path().join(name)).epochs(2);
        change(trainer).fit(&task, &task.train).unwrap()
    };
    let asked = Interrupt::default();
    asked.request();
    let by_hand = ends("interrupt", &|t| t.interrupt(asked.clone()));
    assert_eq!((by_hand.steps, by_hand.stopped.as_deref()), (1, Some("interrupted")));
    let in_time = ends("time", &|t| t.time_limit(Duration::ZERO));
    assert_eq!((in_time.steps, in_time.stopped.as_deref()), (1, Some("the time is up")));
    let early = ends("early", &|t| t.stop_after(Some(3)));
    assert_eq!((early.steps, early.stopped.as_deref()), (3, Some("asked to stop after 3 steps")));
    // A callback sees a step in the history two steps later.
    let called = ends("callback", &|t| t.callback(StopAt(2)));
    assert_eq!((called.steps, called.stopped.as_deref()), (4, Some("enough")));
    let hopeless = ends("patience", &|t| {
        t.epochs(9).callback(EarlyStopping::new("test loss", Goal::Min).patience(2).min_delta(100.0))
    });
    assert_eq!(hopeless.steps, 3 * PER_EPOCH);
    assert!(hopeless.stopped.unwrap().contains("test loss has not been better"));
}

#[test]
fn accumulated_batches_are_one_large_batch() {
    struct Mean(Digits);
    impl Task for Mean {
        type Batch = Batch;
        fn train(&self, batch: &Batch) -> Result<StepOutput> {
            // Without dropout, whose random numbers would differ.
            let batch = batch.to_device(&self.0.device)?;
            let w = self.0.params.get("fc1.weight").unwrap().value();
            let y = batch.images.flatten(1, 3).matmul(&w.transpose(0, 1));
            Ok(StepOutput::new(y.square().mean_all()).watch("mean", &y.mean_all()))
        }
    }
    let out = TempDir::new().unwrap();
    let weights = |name: &str, large: bool| {
        let mut task = Mean(Digits::new());
        if large {
            let options = data::LoaderOptions { batch: 40, ..task.0.train.options().clone() };
            task.0.train = data::Loader::new(task.0.train.set().clone(), options).unwrap();
        }
        task.0.params.freeze("*");
        task.0.params.unfreeze("fc1.weight");
        let sgd = Sgd::new(&task.0.params);
        let trainer = Trainer::new(&task.0.params, sgd, 0.1, task.0.run(&out.path().join(name)));
        let mut trainer = trainer.accumulate(if large { 1 } else { 2 });
        assert_eq!(trainer.fit(&task, &task.0.train).unwrap().steps, PER_EPOCH / 2);
        let history = trainer.history();
        (task.0.weights(), [history.recent("loss", 9), history.recent("mean", 9)])
    };
    let ((a, watched_a), (b, watched_b)) = (weights("parts", false), weights("whole", true));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "the weights differ");
    assert!(watched_a.iter().zip(watched_b).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn averages_are_evaluated_and_kept() {
    let (task, out) = (Digits::new(), TempDir::new().unwrap());
    let mut trainer = task.trainer(out.path()).epochs(1).ema(0.9).best("test loss", Goal::Min);
    trainer.fit(&task, &task.train).unwrap();
    let last = task.weights();
    task.params.load(out.path().join("best.safetensors")).unwrap();
    assert_ne!(task.weights(), last, "the file has the averages");
    let loss = task.evaluate().unwrap()[0].1;
    assert_eq!(Some(loss), trainer.history().last("test loss"));
}

#[test]
fn the_best_weights_can_be_the_last_ones() {
    let (task, out) = (Digits::new(), TempDir::new().unwrap());
    let mut trainer = task.trainer(out.path()).epochs(4).best("test accuracy", Goal::Min).restore_best();
    trainer.fit(&task, &task.train).unwrap();
    assert_eq!(Some(task.evaluate().unwrap()[1].1), trainer.best_value());
}

#[test]
fn rates_can_follow_a_figure() {
    let (task, out) = (Digits::new(), TempDir::new().unwrap());
    // No loss improves by 100.
    let plateau = ReduceLrOnPlateau::new(0.01).patience(0).absolute_threshold(100.0);
    let rate = Rate::Plateau("test loss".into(), plateau);
    let sgd = Sgd::new(&task.params);
    let mut trainer = Trainer::new(&task.params, sgd, rate, task.run(out.path())).epochs(3);
    trainer.fit(&task, &task.train).unwrap();
    let rates = trainer.history().steps("lr", "", 1.0).points;
    assert!((rates[0].1 - 0.01).abs() < 1e-6 && (rates[29].1 - 0.001).abs() < 1e-6, "{rates:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    let (task, out) = (Digits::new(), TempDir::new().unwrap());
    let fault = |name: &str, change: &dyn Fn(Trainer<'static>) -> Trainer<'static>| {
        change(task.trainer(&out.path().join(name))).fit(&task, &task.train).unwrap_err()
    };
    let unknown = fault("figure", &|t| t.best("bleu", Goal::Max));
    assert!(matches!(&unknown, Error::NoFigure { name, .. } if name == "bleu"), "{unknown}");
    let unknown = fault("patience", &|t| t.callback(EarlyStopping::new("bleu", Goal::Max)));
    assert!(matches!(unknown, Error::NoFigure { .. }), "{unknown}");
    let many = fault("accumulate", &|t| t.accumulate(11));
    assert!(many.to_string().contains("an epoch has 10 batches, a step takes 11"), "{many}");
    let nothing = fault("resume", &|t| t.checkpoints(2).unwrap().resume(true));
    assert!(matches!(nothing, Error::NoCheckpoint { .. }), "{nothing}");
    let diverged = Trainer::new(&task.params, Sgd::new(&task.params), 1e30, task.run(&out.path().join("d")))
        .fit(&task, &task.train)
        .unwrap_err();
    assert!(matches!(diverged, Error::Diverged { .. }), "{diverged}");
}

#[test]
fn a_source_that_ends_early_is_refused() {
    struct Short(data::Loader);
    impl Source for Short {
        type Batch = Batch;
        fn steps(&self) -> usize {
            self.0.steps()
        }
        fn batches(&self, epoch: usize, skip: usize) -> impl Iterator<Item = Batch> {
            self.0.batches(epoch, skip).take(4)
        }
    }
    let (task, out) = (Digits::new(), TempDir::new().unwrap());
    let fault = task.trainer(out.path()).fit(&task, &Short(task.train.clone())).unwrap_err();
    assert!(fault.to_string().contains("epoch 0 has too few batches"), "{fault}");
}

#[test]
fn a_run_in_the_same_place_moves_the_one_before() {
    let (task, parent) = (Digits::new(), TempDir::new().unwrap());
    let out = parent.path().join("run");
    task.trainer(&out).stop_after(Some(2)).fit(&task, &task.train).unwrap();
    let before = log(&out);
    let run = task.run(&out);
    assert_eq!(run.moved(), Some(parent.path().join("run.1").as_path()));
    assert_eq!(log(run.moved().unwrap()), before);
    assert!(!out.join("metrics.jsonl").exists());
}
