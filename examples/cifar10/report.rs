//! What a run leaves behind: the curves, a look at its answers, and its figures.

use std::path::Path;

use anyhow::Result;
use wgrad::data::ImageSet;
use wgrad::train::History;
use wgrad::train::plot::{self, GridImage, Panel};

use crate::TEST_ACCURACY;

/// Draws loss and accuracy over the steps.
pub fn draw_curves(path: &Path, title: &str, history: &History) -> Result<()> {
    let loss = Panel::new("Loss", "step", "cross-entropy").with(history.steps("loss", "train", 1.0));
    let accuracy = Panel::new("Accuracy", "step", "%")
        .with(history.steps("accuracy", "train", 100.0))
        .with(history.evaluations(TEST_ACCURACY, "test", 100.0));
    Ok(plot::curves(path, title, &[loss, accuracy])?)
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
