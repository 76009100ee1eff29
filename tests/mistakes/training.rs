//! Runs of a trainer.

use std::path::Path;

use wgrad::prelude::*;
use wgrad::train::Goal;

use super::{Mistake, cpu, labels, ones, params};

/// A linear model of eight rows.
struct Rows {
    layer: Linear,
}

impl Task for Rows {
    type Batch = [Tensor; 2];

    fn train(&self, [x, y]: &[Tensor; 2]) -> wgrad::train::Result<StepOutput> {
        Ok(StepOutput::new(self.layer.forward(x).cross_entropy(y)))
    }
}

fn fit(
    directory: &Path,
    (x, lr): (f32, f32),
    options: impl for<'a> FnOnce(Trainer<'a>) -> wgrad::train::Result<Trainer<'a>>,
) -> wgrad::Result<()> {
    let params = params();
    let task = Rows { layer: Linear::new(&params, 4, 2) };
    let features = Tensor::from_slice(&cpu(), &[x; 32], &[8, 4])?;
    let rows = TensorDataset::new([features, labels(&[0, 1, 0, 1, 0, 1, 0, 1])])?;
    let batches = Batches::new(rows.into(), BatchOptions::train(4))?;
    let run = Run::create(directory.join("run"), &cpu(), &"settings")?;
    options(Trainer::new(&params, Sgd::new(&params), lr, run))?.fit(&task, &batches)?;
    Ok(())
}

pub const MISTAKES: &[Mistake] = &[
    ("A learning rate far too high", "high_rate", |out| fit(out, (1e4, 1e38), |t| Ok(t.epochs(20)))),
    ("NaN in the data", "nan", |out| fit(out, (f32::NAN, 0.1), |t| Ok(t))),
    ("Resuming where no run was", "resume", |out| fit(out, (1.0, 0.1), |t| Ok(t.resume(true)))),
    ("The best of a figure that the evaluation does not give", "figure", |out| {
        fit(out, (1.0, 0.1), |t| Ok(t.best("accuracy", Goal::Max)))
    }),
    ("No steps at all", "no_steps", |out| fit(out, (1.0, 0.1), |t| Ok(t.epochs(0)))),
    ("A training set for another number of classes", "other_classes", |out| {
        let params = params();
        let net = Mlp::new(&params, &[4, 2]);
        let rows = TensorDataset::new([ones(&[8, 4]), labels(&[0, 1, 2, 3, 4, 5, 6, 7])])?;
        let batches = Batches::new(rows.into(), BatchOptions::eval(8))?;
        let mut opt = Adam::new(&params);
        for [x, y] in batches.batches(0, 0) {
            opt.step(net.forward(&x).cross_entropy(&y).backward(), 1e-3)?;
        }
        params.save(out.join("weights.safetensors"))?;
        Ok(())
    }),
];
