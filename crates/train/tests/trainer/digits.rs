//! A small network with dropout that classifies digits, and helpers around it.

use std::path::Path;

use autograd::{Device, Tensor};
use data::{Batch, Loader, LoaderOptions, synthetic};
use models::{Adam, Dropout, Mlp, Mode, Params};
use train::{Result, Run, StepOutput, Task, Trainer, classify};

/// Batches per epoch.
pub const PER_EPOCH: usize = 10;

pub struct Digits {
    pub device: Device,
    pub params: Params,
    net: Mlp,
    dropout: Dropout,
    pub train: Loader,
    test: Loader,
}

impl Digits {
    pub fn new() -> Digits {
        let device = Device::named("cpu").unwrap();
        let digits = synthetic::digits(20 * PER_EPOCH, 40, 3);
        let normalize = digits.train.mean_std();
        let params = Params::new(&device, 1);
        let net = Mlp::new(&params, &[784, 16, 10]);
        let dropout = Dropout::new(&params.path("dropout"), 0.2);
        let train = Loader::new(digits.train.into(), LoaderOptions::train(20, normalize.clone())).unwrap();
        let test = Loader::new(digits.test.into(), LoaderOptions::eval(40, normalize)).unwrap();
        Digits { device, params, net, dropout, train, test }
    }

    fn logits(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.net.forward(&self.dropout.forward(&images.flatten(1, 3), mode))
    }

    pub fn run(&self, directory: &Path) -> Run {
        Run::create(directory, &self.device, &"a test").unwrap()
    }

    /// Adam, with a log in `directory`.
    pub fn trainer(&self, directory: &Path) -> Trainer<'static> {
        Trainer::new(&self.params, Adam::new(&self.params), 0.003, self.run(directory))
    }

    pub fn weights(&self) -> Vec<f32> {
        let values = self.params.all().into_iter().map(|p| p.value().to_vec::<f32>().unwrap());
        values.collect::<Vec<_>>().concat()
    }
}

impl Task for Digits {
    type Batch = Batch;

    fn train(&self, batch: &Batch) -> Result<StepOutput> {
        let batch = batch.to_device(&self.device)?;
        let logits = self.logits(&batch.images, Mode::Train);
        Ok(StepOutput::new(logits.cross_entropy(&batch.labels)).accuracy(&logits, &batch.labels))
    }

    fn evaluate(&self) -> Result<Vec<(&'static str, f64)>> {
        let found = classify(&self.test, &self.device, |images| self.logits(images, Mode::Eval))?;
        Ok(vec![("test loss", found.loss), ("test accuracy", found.accuracy)])
    }
}

/// The log of a run.
pub fn log(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("metrics.jsonl")).unwrap()
}
