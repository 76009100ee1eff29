//! What a run leaves behind: the curves, samples, and its figures.

use std::path::Path;

use anyhow::Result;
use wgrad::data::Text;
use wgrad::models::Sampler;
use wgrad::train::History;
use wgrad::train::plot::{self, Panel};

use crate::network::Network;
use crate::options::Options;

/// What the history calls the validation loss.
pub const VALIDATION: &str = "validation loss";

/// Draws losses, and the norm of the gradients, over the steps.
pub fn draw_curves(path: &Path, title: &str, history: &History) -> Result<()> {
    let loss = Panel::new("Loss", "step", "nats a character")
        .with(history.evaluations(VALIDATION, "validation", 1.0))
        .with(history.steps("loss", "train", 1.0));
    let norm = Panel::new("Norm of the gradients", "step", "before clipping")
        .with(history.steps("norm", "train", 1.0))
        .log_y();
    Ok(plot::curves(path, title, &[loss, norm])?)
}

/// Texts by several ways of choosing characters, each under a line that names the way.
pub fn samples(options: &Options, text: &Text, net: &Network, prompt: &str) -> Result<String> {
    let tokens = text.encode(prompt)?;
    let sampler = || Sampler::new(options.seed);
    let ways = [
        ("temperature 0.8", sampler().temperature(0.8)),
        ("the 5 most probable characters", sampler().top_k(5)),
        ("the most probable characters that make up 90 %", sampler().top_p(0.9)),
    ];
    let mut all = String::new();
    for (name, mut sampler) in ways {
        let written = net.generate(&tokens, options.length, &mut sampler)?;
        all += &format!("--- {name} ---\n{prompt}{}\n\n", text.decode(&written));
    }
    // Beam search soon goes round in circles: a shorter text shows it.
    let found = net.search(&tokens, options.length.div_ceil(4), options.beams)?;
    all += &format!("--- beam search, {} beams ---\n{prompt}{}\n", options.beams, text.decode(&found));
    Ok(all)
}

/// The figures of a run.
pub struct Summary {
    pub validation_loss: f64,
    pub best_validation_loss: f32,
    pub train_loss: f64,
    pub steps: usize,
    pub parameters: usize,
    pub seconds: f64,
    pub tokens_per_s: f64,
    pub device: String,
    pub seed: u64,
}

impl Summary {
    /// One line of JSON.
    pub fn json(&self) -> String {
        serde_json::json!({
            "validation_loss": self.validation_loss,
            "best_validation_loss": self.best_validation_loss,
            "train_loss": self.train_loss,
            "steps": self.steps,
            "parameters": self.parameters,
            "seconds": self.seconds,
            "tokens_per_s": self.tokens_per_s,
            "device": self.device,
            "seed": self.seed,
        })
        .to_string()
    }
}
