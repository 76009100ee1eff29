//! What a run leaves behind: its curves and figures.

use std::path::Path;

use anyhow::Result;
use wgrad::train::History;
use wgrad::train::plot::{self, Panel};

use crate::TEST_ACCURACY;

/// Draws loss and accuracy over the steps.
pub fn draw_curves(path: &Path, title: &str, history: &History) -> Result<()> {
    let loss = Panel::new("Loss", "step", "cross-entropy").with(history.steps("loss", "train", 1.0));
    let accuracy = Panel::new("Accuracy", "step", "%")
        .with(history.steps("accuracy", "train", 100.0))
        .with(history.evaluations(TEST_ACCURACY, "test", 100.0));
    Ok(plot::curves(path, title, &[loss, accuracy])?)
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
