//! What a run looked like.

use std::sync::Arc;

use anyhow::Result;
use wgrad::data::Loader;
use wgrad::prelude::*;
use wgrad::train::report::RunReport;
use wgrad::train::{classify, plot, plot_answers};

use crate::Cifar;

/// Draws the curves, the report page, and some test images with the network's answers.
pub fn draw(task: &Cifar, trainer: &Trainer, title: &str) -> Result<()> {
    let (history, run) = (trainer.history(), trainer.run());
    RunReport::of(run, history).write(run.join("report.html"))?;
    plot::curves(run.join("curves.png"), title, &history.panels())?;
    // A prime stride mixes the classes, whether images are sorted by class or classes alternate.
    let (set, count) = (task.test.set(), task.test.set().len());
    let shown = set.subset((0..count.min(40)).map(|i| i * 7919 % count))?;
    let loader = Loader::new(Arc::new(shown.clone()), task.test.options().clone())?;
    let found = classify(&loader, &task.device, |images| task.net.forward(images, Mode::Eval))?;
    Ok(plot_answers(run.join("predictions.png"), &shown, &found.answers)?)
}
