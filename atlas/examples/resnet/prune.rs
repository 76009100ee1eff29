//! Pruning.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use wgrad::models::compress::{Masks, save_sparse};
use wgrad::prelude::*;
use wgrad::train::plot::{Figure, Panel, Series};

use crate::subject::{Fit, Subject};

#[derive(Debug, Args)]
pub struct Prune {
    /// Shares of the weights that stay
    #[arg(long, num_args = 1.., default_values_t = [0.2, 0.1, 0.05])]
    densities: Vec<f64>,

    /// Steps of fine-tuning
    #[arg(long, default_value_t = 400)]
    steps: usize,

    /// First learning rate of fine-tuning
    #[arg(long, default_value_t = 0.05)]
    lr: f32,
}

/// Accuracies with a share of the weights, before and after fine-tuning.
struct Found {
    density: f64,
    cut: f64,
    tuned: f64,
}

impl Prune {
    pub fn run(&self, subject: &Subject) -> Result<Value> {
        let dense = subject.net.accuracy(&subject.test)?;
        // Weights of convolutions and of the last layer; not the scales of norms.
        let weights: Vec<Param> = subject.net.params.trainable();
        let weights: Vec<Param> = weights.into_iter().filter(|weight| weight.value().rank() > 1).collect();
        let generator = Generator::new(subject.seed);
        let smallest = self.measure(subject, "smallest", |sparsity| Masks::magnitude(&weights, sparsity))?;
        let random =
            self.measure(subject, "random", |sparsity| Masks::random(&weights, sparsity, &generator))?;
        self.draw(subject, dense, [("smallest", &smallest), ("random", &random)])?;
        let figures = |found: &[Found]| -> Vec<Value> {
            let one = |f: &Found| json!({ "density": f.density, "pruned": f.cut, "fine_tuned": f.tuned });
            found.iter().map(one).collect()
        };
        Ok(json!({
            "dense": dense, "images": subject.test_set.len(), "steps": self.steps,
            "magnitude": figures(&smallest), "random": figures(&random),
        }))
    }

    fn measure(
        &self,
        subject: &Subject,
        what: &str,
        masks: impl Fn(f64) -> wgrad::autograd::Result<Masks>,
    ) -> Result<Vec<Found>> {
        let net = &subject.net;
        let one = |&density: &f64| {
            subject.restore()?;
            let masks = masks(1.0 - density)?;
            masks.apply();
            let cut = net.accuracy(&subject.test)?;
            let what_for = format!("{density} of the weights, {what}");
            let fit = Fit { what: &what_for, images: None, steps: self.steps, lr: self.lr };
            subject.fit(net, fit, |pixels, labels| {
                masks.apply();
                Ok(net.forward(pixels, Mode::Train).cross_entropy(labels))
            })?;
            masks.apply();
            save_sparse(&net.params, subject.out.join(format!("{what}-{density}.safetensors")))?;
            Ok(Found { density, cut, tuned: net.accuracy(&subject.test)? })
        };
        self.densities.iter().map(one).collect()
    }

    fn draw(&self, subject: &Subject, dense: f64, found: [(&str, &[Found]); 2]) -> Result<()> {
        let panel = Panel::new("", "share of weights that stay", "test accuracy").log_x().y_range(0.0, 1.0);
        let panel = found.into_iter().fold(panel, |panel, (name, found)| {
            let line = |value: fn(&Found) -> f64| {
                [(1.0, dense)].into_iter().chain(found.iter().map(move |f| (f.density, value(f))))
            };
            let tuned = Series::new(format!("{name} removed, fine-tuned"), line(|f| f.tuned));
            panel.with(tuned).with(Series::new(format!("{name} removed"), line(|f| f.cut)))
        });
        Ok(Figure::new("Pruning").panel(panel).save(subject.out.join("pruning.png"))?)
    }
}
