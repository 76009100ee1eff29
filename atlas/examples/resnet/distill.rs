//! Knowledge distillation.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use wgrad::models::compress::distillation_loss;
use wgrad::prelude::*;

use crate::subject::{Fit, Subject};

const TEMPERATURE: f32 = 4.0;

/// The share of the labels' loss beside the teacher's.
const LABELS: f32 = 0.1;

#[derive(Debug, Args)]
pub struct Distill {
    /// Training images of the student
    #[arg(long, default_value_t = 10_000)]
    images: usize,

    /// Passes over them
    #[arg(long, default_value_t = 6)]
    epochs: usize,

    /// First learning rate
    #[arg(long, default_value_t = 0.1)]
    lr: f32,
}

impl Distill {
    pub fn run(&self, subject: &Subject) -> Result<Value> {
        let teacher = &subject.net;
        let [alone, taught] = [false, true].map(|taught| -> Result<f64> {
            let student = subject.student(8);
            let what = if taught { "student of labels and teacher" } else { "student of labels" };
            let images = Some(self.images);
            let fit = Fit { what, images, steps: self.epochs * subject.steps(images), lr: self.lr };
            subject.fit(&student, fit, |pixels, labels| {
                let logits = student.forward(pixels, Mode::Train);
                let loss = logits.cross_entropy(labels);
                if !taught {
                    return Ok(loss);
                }
                let answers = teacher.forward(pixels, Mode::Eval);
                Ok(loss * LABELS + distillation_loss(&logits, &answers, TEMPERATURE) * (1.0 - LABELS))
            })?;
            student.accuracy(&subject.test)
        });
        Ok(json!({
            "teacher": teacher.accuracy(&subject.test)?, "alone": alone?, "taught": taught?,
            "teacher_parameters": teacher.params.count(), "student_parameters": subject.student(8).params.count(),
            "images": self.images, "epochs": self.epochs, "test_images": subject.test_set.len(),
        }))
    }
}
