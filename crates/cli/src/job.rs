//! The network and data of a configuration, ready to train or to inspect.

use std::sync::Arc;

use anyhow::{Result, ensure};
use autograd::{CrossEntropy, Device, Tensor};
use data::{Batch, Dataset, Loader, LoaderOptions, Part, RandomWindows, Text, TextBatch, Windows, synthetic};
use models::{Mode, Params};
use train::{Classified, Goal, StepOutput, Task, classify};

use crate::config::{AugmentConfig, Config, DataConfig, Network, TextModel};
use crate::table::Tabular;

/// A network with its data.
pub enum Job {
    Images(Images),
    Text(Language),
    Table(Tabular),
}

/// A network that classifies images.
pub struct Images {
    pub device: Device,
    pub net: Network,
    pub train: Loader,
    pub test: Loader,
    /// This rank's part of the test images, if they can be divided.
    own: Option<Loader>,
    pub source: String,
    label_smoothing: f32,
}

/// A language model with its text.
pub struct Language {
    pub device: Device,
    pub net: TextModel,
    pub text: Text,
    pub train: RandomWindows,
    pub validation: Windows,
    batch: usize,
}

impl Job {
    pub fn new(config: &Config, params: &Params, part: Part) -> Result<Job> {
        ensure!(config.data.batch() > 0, "a batch of 0 trains nothing; give data.batch at least 1");
        Ok(match &config.data {
            DataConfig::Images { path, augment, .. } => {
                Job::Images(Images::new(config, params, part, data::load(path)?, *augment)?)
            }
            DataConfig::Shapes { train, test, augment, .. } => Job::Images(Images::new(
                config,
                params,
                part,
                synthetic::shapes(*train, *test, 42),
                *augment,
            )?),
            DataConfig::Digits { train, test, augment, .. } => Job::Images(Images::new(
                config,
                params,
                part,
                synthetic::digits(*train, *test, 42),
                *augment,
            )?),
            DataConfig::Text { .. } => Job::Text(Language::new(config, params, part)?),
            DataConfig::Table(table) => Job::Table(Tabular::new(config, table, params, part)?),
        })
    }

    /// Whether the network predicts classes of examples.
    pub fn classifies(&self) -> bool {
        match self {
            Job::Images(_) => true,
            Job::Text(_) => false,
            Job::Table(table) => table.target.classes().is_some(),
        }
    }

    /// The figure that selects the best weights.
    pub fn goal(&self) -> (&'static str, Goal) {
        match self {
            Job::Text(_) => ("validation loss", Goal::Min),
            _ if self.classifies() => ("test accuracy", Goal::Max),
            _ => ("test loss", Goal::Min),
        }
    }

    /// The figure for early stopping.
    pub fn loss_name(&self) -> &'static str {
        match self {
            Job::Images(_) | Job::Table(_) => "test loss",
            Job::Text(_) => "validation loss",
        }
    }

    /// A description of the data.
    pub fn describe(&self) -> String {
        match self {
            Job::Images(images) => images.source.clone(),
            Job::Text(language) => {
                let (all, kinds) = (language.text.tokens().len(), language.text.chars().len());
                format!("{all} characters, {kinds} of them different")
            }
            Job::Table(table) => table.source.clone(),
        }
    }

    /// An input with `batch` examples: images and rows of zeros, or windows of the text.
    pub fn example(&self, batch: usize) -> Result<Tensor> {
        Ok(match self {
            Job::Images(images) => {
                let [channels, height, width] = images.train.set().shape();
                Tensor::zeros(&images.device, &[batch, channels, height, width])
            }
            Job::Text(language) => {
                let windows = language.validation.all(batch).next().expect("a split has a window");
                let [tokens, _] = windows.to_device(&language.device)?;
                tokens
            }
            Job::Table(table) => Tensor::zeros(&table.device, &[batch, table.features().len()]),
        })
    }

    /// The network's output in evaluation.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        match self {
            Job::Images(images) => images.net.forward(input, Mode::Eval),
            Job::Text(language) => language.net.logits(input, Mode::Eval),
            Job::Table(table) => table.net.forward(input, Mode::Eval),
        }
    }
}

impl Images {
    fn new(
        config: &Config,
        params: &Params,
        part: Part,
        dataset: Dataset,
        augment: Option<AugmentConfig>,
    ) -> Result<Images> {
        let normalize = dataset.train.mean_std();
        let net = config.model.image(dataset.train.shape(), dataset.train.classes().len(), params)?;
        let options = LoaderOptions {
            seed: config.seed,
            part,
            augment: augment.map(AugmentConfig::list).unwrap_or_default(),
            ..LoaderOptions::train(config.data.batch(), normalize.clone())
        };
        let (test, eval) = (Arc::new(dataset.test), LoaderOptions::eval(config.data.batch(), normalize));
        let own = (part.of > 1).then(|| Loader::new(test.clone(), LoaderOptions { part, ..eval.clone() }));
        Ok(Images {
            device: params.device().clone(),
            net,
            train: Loader::new(Arc::new(dataset.train), options)?,
            test: Loader::new(test, eval)?,
            own: own.and_then(Result::ok),
            source: dataset.source,
            label_smoothing: config.train.label_smoothing,
        })
    }

    /// Evaluates the network on a loader's images.
    pub fn classify(&self, loader: &Loader) -> train::Result<Classified> {
        classify(loader, &self.device, |images| self.net.forward(images, Mode::Eval))
    }
}

impl Task for Images {
    type Batch = Batch;

    fn inputs(&self, batch: &Batch) -> train::Result<Option<Vec<Tensor>>> {
        let batch = batch.to_device(&self.device)?;
        Ok(Some(vec![batch.images, batch.labels]))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let (images, labels) = (&inputs[0], &inputs[1]);
        let logits = self.net.forward(images, Mode::Train);
        StepOutput::new(logits.cross_entropy_with(
            labels,
            CrossEntropy { label_smoothing: self.label_smoothing, ..CrossEntropy::default() },
        ))
        .accuracy(&logits, labels)
    }

    fn evaluate(&self) -> train::Result<Vec<(&'static str, f64)>> {
        let Classified { loss, accuracy, .. } = self.classify(self.own.as_ref().unwrap_or(&self.test))?;
        Ok(vec![("test loss", loss), ("test accuracy", accuracy)])
    }

    fn evaluated(&self) -> Option<usize> {
        self.own.as_ref().map(Loader::images)
    }
}

impl Language {
    fn new(config: &Config, params: &Params, part: Part) -> Result<Language> {
        let DataConfig::Text { path, batch, context, validation, steps } = &config.data else {
            unreachable!("a language is learned from a text")
        };
        let text = match path {
            Some(path) => Text::read(path)?,
            None => Text::new(&synthetic::grammar(200_000, 42))?,
        };
        let (train, validation) = text.split(*validation, *context)?;
        let steps = steps.unwrap_or(train.len().div_ceil(*batch)).max(1);
        let net = config.model.text(text.chars().len(), *context, params)?;
        let train = train.random(*batch, config.seed, steps).part(part)?;
        Ok(Language { device: params.device().clone(), net, text, train, validation, batch: *batch })
    }

    fn loss(&self, tokens: &Tensor, next: &Tensor, mode: Mode) -> Tensor {
        self.net.logits(tokens, mode).flatten(0, 1).cross_entropy(&next.flatten(0, 1))
    }
}

impl Task for Language {
    type Batch = TextBatch;

    fn inputs(&self, batch: &TextBatch) -> train::Result<Option<Vec<Tensor>>> {
        Ok(Some(batch.to_device(&self.device)?.into()))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        StepOutput::new(self.loss(&inputs[0], &inputs[1], Mode::Train))
    }

    fn evaluate(&self) -> train::Result<Vec<(&'static str, f64)>> {
        let (mut sum, mut count) = (0.0, 0);
        for batch in self.validation.all(self.batch) {
            let [tokens, next] = batch.to_device(&self.device)?;
            sum += f64::from(self.loss(&tokens, &next, Mode::Eval).item()?) * batch.tokens.len() as f64;
            count += batch.tokens.len();
        }
        let loss = sum / count as f64;
        Ok(vec![("validation loss", loss), ("perplexity", loss.exp())])
    }
}
