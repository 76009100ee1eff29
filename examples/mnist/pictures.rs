//! What a run looked like.

use anyhow::Result;
use wgrad::data::ImageSet;
use wgrad::prelude::*;
use wgrad::train::report::RunReport;
use wgrad::train::{plot, plot_answers};

/// Draws the curves, the report page, and some test images with the network's answers.
pub fn draw(test: &ImageSet, answers: &[u32], trainer: &Trainer, title: &str) -> Result<()> {
    let (history, run) = (trainer.history(), trainer.run());
    RunReport::of(run, history).write(run.join("report.html"))?;
    plot::curves(run.join("curves.png"), title, &history.panels())?;
    let (shown, answers) = interesting(test, answers)?;
    Ok(plot_answers(run.join("predictions.png"), &shown, &answers)?)
}

/// Forty images with their answers, wrong ones first.
fn interesting(set: &ImageSet, answers: &[u32]) -> Result<(ImageSet, Vec<u32>)> {
    let mut order: Vec<usize> = (0..set.len()).collect();
    order.sort_by_key(|&i| set.labels()[i] == answers[i]);
    order.truncate(40);
    let chosen = order.iter().map(|&i| answers[i]).collect();
    Ok((set.subset(order)?, chosen))
}
