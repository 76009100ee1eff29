//! The report of a run.

use std::path::Path;

use anyhow::Result;
use wgrad::prelude::*;
use wgrad::train::metrics::Confusion;
use wgrad::train::plot::{GridImage, Series};
use wgrad::train::report::{HeatMap, Histogram, ProfileRow, RunReport};

use crate::digits::{BATCH, Digits, SIDE, STEPS, answers};

impl Digits {
    /// Writes a page with all results of the run.
    pub fn report(&self, path: &Path) -> Result<()> {
        let answers = answers(&self.probabilities()?);
        let names: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        let trainable = self.params.trainable();
        let mut histograms = Vec::new();
        for param in &trainable {
            histograms.push(Histogram::of(param.name(), &param.value().to_vec::<f32>()?, 40));
        }
        let norms = HeatMap {
            rows: trainable.iter().map(|param| param.name().to_owned()).collect(),
            columns_label: "step".into(),
            columns: (0..STEPS).map(|step| step as f64).collect(),
            values: (0..trainable.len()).flat_map(|i| self.norms.iter().map(move |row| row[i])).collect(),
            log: true,
        };
        let sample = |i: usize| {
            let (label, answer) = (self.test.labels()[i], answers[i]);
            let (pixels, text) = (self.test.image(i), format!("{label} \u{2192} {answer}"));
            GridImage { pixels, height: SIDE, width: SIDE, label: text, ok: Some(label == answer) }
        };
        let mut order: Vec<usize> = (0..self.test.len()).collect();
        order.sort_by_key(|&i| self.test.labels()[i] == answers[i]);
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let report = RunReport {
            title: "A small network on handwritten digits".into(),
            config: vec![
                pair("model", "MnistCnn".into()),
                pair("parameters", self.params.count().to_string()),
                pair("optimizer", "Adam".into()),
                pair("schedule", "one cycle, at most 2e-3".into()),
                pair("batch", BATCH.to_string()),
                pair("steps", STEPS.to_string()),
                pair("data", "3000 drawn digits, 500 for the test".into()),
            ],
            environment: vec![
                pair("device", self.device.info().to_string()),
                pair("version", env!("CARGO_PKG_VERSION").into()),
                pair("seed", "2".into()),
            ],
            steps: vec![
                Series::new("train/loss", self.losses.clone()),
                Series::new("learning rate", self.rates.clone()),
            ],
            evaluations: vec![
                Series::new("test/loss", self.tests.clone()),
                Series::new("test/accuracy", self.accuracies.clone()),
            ],
            confusion: Some((names, Confusion::of(self.test.labels(), &answers, 10))),
            samples: order.into_iter().take(24).map(sample).collect(),
            histograms,
            gradient_norms: Some(norms),
            profile: self.profile()?,
            checkpoints: vec![],
        };
        Ok(report.write(path)?)
    }

    /// A profile of five steps.
    fn profile(&self) -> Result<Vec<ProfileRow>> {
        let indices: Vec<usize> = (0..BATCH).collect();
        let images = self.images(&self.train, &indices)?;
        let classes = Tensor::zeros(&self.device, &[BATCH]).to(DType::I32);
        let step = || self.net.forward(&images).cross_entropy(&classes).backward();
        self.device.set_profiling(true);
        for _ in 0..5 {
            let gradients = step();
            for param in self.params.trainable() {
                let gradient = gradients.get(&param.value()).expect("the loss depends on every parameter");
                gradient.square().sum_all().item()?;
            }
        }
        self.device.set_profiling(false);
        let row = |row: &wgrad::gpu_core::ProfileRow| ProfileRow {
            kernel: row.kernel.into(),
            shape: row.shape.clone(),
            runs: row.runs,
            seconds: row.time.as_secs_f64(),
            gflops: row.gflops(),
            gbytes: row.gbytes(),
        };
        Ok(self.device.profile().launches.iter().take(15).map(row).collect())
    }
}
