//! What a run leaves behind: the log, the curves, and a look at its answers.

use std::fs::File;
use std::io::{LineWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use wgrad::data::ImageSet;
use wgrad::train::plot::{self, GridImage, Panel, Series};

/// Losses and accuracies so far, also written to `steps.csv`.
pub struct History {
    log: LineWriter<File>,
    losses: Vec<f32>,
    accuracies: Vec<f32>,
    /// Steps done and test accuracy then.
    tests: Vec<(usize, f64)>,
}

impl History {
    pub fn create(out: &Path) -> Result<History> {
        let path = out.join("steps.csv");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut log = LineWriter::new(file);
        writeln!(log, "step,lr,loss,accuracy")?;
        Ok(History { log, losses: vec![], accuracies: vec![], tests: vec![] })
    }

    pub fn stepped(&mut self, step: usize, lr: f32, loss: f32, accuracy: f32) -> Result<()> {
        // Rust prints the shortest text that reads back as the same bits: logs of two runs can be compared exactly.
        writeln!(self.log, "{step},{lr},{loss},{accuracy}").context("cannot write steps.csv")?;
        self.losses.push(loss);
        self.accuracies.push(accuracy);
        Ok(())
    }

    pub fn evaluated(&mut self, steps: usize, accuracy: f64) {
        self.tests.push((steps, accuracy));
    }

    pub fn last_accuracy(&self) -> f64 {
        self.tests.last().map_or(0.0, |&(_, accuracy)| accuracy)
    }

    /// Mean loss of the last steps.
    pub fn recent_loss(&self, steps: usize) -> f64 {
        mean(&self.losses, steps)
    }

    /// Mean training accuracy of the last steps.
    pub fn recent_accuracy(&self, steps: usize) -> f64 {
        mean(&self.accuracies, steps)
    }

    pub fn draw(&self, path: &Path, title: &str) -> Result<()> {
        let steps = |values: &[f32], scale: f64| -> Vec<(f64, f64)> {
            values.iter().enumerate().map(|(i, &v)| (i as f64, scale * f64::from(v))).collect()
        };
        let tests = self.tests.iter().map(|&(step, accuracy)| (step as f64, 100.0 * accuracy));
        let loss =
            Panel::new("Loss", "step", "cross-entropy").with(Series::new("train", steps(&self.losses, 1.0)));
        let accuracy = Panel::new("Accuracy", "step", "%")
            .with(Series::new("train", steps(&self.accuracies, 100.0)))
            .with(Series::new("test", tests));
        Ok(plot::curves(path, title, &[loss, accuracy])?)
    }
}

fn mean(values: &[f32], last: usize) -> f64 {
    let recent = &values[values.len().saturating_sub(last)..];
    recent.iter().map(|&v| f64::from(v)).sum::<f64>() / recent.len().max(1) as f64
}

/// Images with their labels and the network's answers.
pub fn draw_answers(path: &Path, images: &ImageSet, answers: &[i32]) -> Result<()> {
    let [_, height, width] = images.shape();
    let cells: Vec<GridImage> = answers
        .iter()
        .enumerate()
        .map(|(i, &answer)| {
            let label = images.labels()[i];
            let (is, said) = (&images.classes()[label as usize], &images.classes()[answer as usize]);
            GridImage {
                pixels: images.image(i),
                height,
                width,
                label: format!("{is} -> {said}"),
                ok: Some(is == said),
            }
        })
        .collect();
    Ok(plot::image_grid(path, "label -> answer", &cells, 10)?)
}

/// The figures of a run.
pub struct Summary {
    pub test_accuracy: f64,
    pub best_test_accuracy: f64,
    pub train_loss: f64,
    pub epochs: usize,
    pub steps: usize,
    pub images_per_s: f64,
    pub device: String,
    pub seed: u64,
}

impl Summary {
    /// One line of JSON.
    pub fn json(&self) -> String {
        serde_json::json!({
            "test_accuracy": self.test_accuracy,
            "best_test_accuracy": self.best_test_accuracy,
            "train_loss": self.train_loss,
            "epochs": self.epochs,
            "steps": self.steps,
            "images_per_s": self.images_per_s,
            "device": self.device,
            "seed": self.seed,
        })
        .to_string()
    }
}
