//! A network in training, in steps that the page asks for.

use autograd::{Device, Tensor, plans};
use models::{AdamW, Optimize, Params};
use serde_json::{Value, json};

use crate::pictures::Pictures;
use crate::text::{CONTEXT, Verses};

/// What went wrong, in words for the visitor.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Device(#[from] autograd::Error),
    #[error(transparent)]
    Weights(#[from] models::Error),
    #[error(transparent)]
    Data(#[from] data::Error),
    #[error("{0}")]
    Request(String),
}

pub type Result<T> = std::result::Result<T, Error>;

/// What is trained.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// A small convolutional network on drawn digits.
    Digits,
    /// ResNet-20 on ten drawn shapes.
    Shapes,
    /// ResNet-20 on pictures of CIFAR-10's binary files.
    Cifar(Vec<u8>),
    /// A GPT of two blocks on the characters of a text.
    Text(String),
}

/// How it is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    pub seed: u64,
    /// Images or windows of a step.
    pub batch: usize,
}

/// One step's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub step: u64,
    pub loss: f32,
    /// Of the step's own batch.
    pub accuracy: f32,
}

/// The value of a tensor with one element.
pub(crate) async fn read(x: &Tensor) -> Result<f32> {
    Ok(x.fetch()?.await.item()?)
}

enum Net {
    Pictures(Pictures),
    Verses(Verses),
}

/// A network in training.
pub struct Session {
    device: Device,
    params: Params,
    net: Net,
    optimizer: Box<dyn Optimize>,
    settings: Settings,
    step: u64,
}

impl Session {
    pub fn new(device: &Device, task: Task, settings: Settings) -> Result<Session> {
        let params = Params::new(device, settings.seed);
        let net = match task {
            Task::Digits => Net::Pictures(Pictures::digits(&params, settings.seed)?),
            Task::Shapes => Net::Pictures(Pictures::shapes(&params, settings.seed)?),
            Task::Cifar(bytes) => Net::Pictures(Pictures::cifar(&params, &bytes)?),
            Task::Text(text) => Net::Verses(Verses::new(&params, &text)?),
        };
        let optimizer = Box::new(AdamW::new(&params));
        Ok(Session { device: device.clone(), params, net, optimizer, settings, step: 0 })
    }

    /// Does `count` steps with the learning rate `lr`; reads their numbers only at the end.
    pub async fn train(&mut self, count: usize, lr: f32) -> Result<Vec<Progress>> {
        let mut numbers = vec![];
        for _ in 0..count {
            let Settings { seed, batch } = self.settings;
            let (logits, classes) = match &self.net {
                Net::Pictures(net) => net.step(seed, self.step, batch)?,
                Net::Verses(net) => net.step(&self.device, seed, self.step, batch)?,
            };
            let loss = logits.cross_entropy(&classes);
            let right = logits.argmax(-1, false).eq(&classes).to(autograd::DType::F32).mean_all();
            let gradients = loss.backward().with_output(&right);
            self.optimizer.step(gradients, lr)?;
            self.step += 1;
            numbers.push((self.step, loss, right));
        }
        let mut done = vec![];
        for (step, loss, right) in numbers {
            done.push(Progress { step, loss: read(&loss).await?, accuracy: read(&right).await? });
        }
        Ok(done)
    }

    /// The accuracy on pictures that are not trained on, or the loss on the last part of the text.
    pub async fn evaluate(&self) -> Result<Value> {
        match &self.net {
            Net::Pictures(net) => Ok(json!({ "accuracy": net.evaluate().await? })),
            Net::Verses(net) => Ok(json!({ "loss": net.evaluate(&self.device).await? })),
        }
    }

    /// The probabilities of the classes for a picture, `[C, H, W]` with values from 0 to 1.
    pub async fn classify(&self, pixels: &[f32]) -> Result<Vec<(String, f32)>> {
        match &self.net {
            Net::Pictures(net) => net.classify(&self.device, pixels).await,
            Net::Verses(_) => Err(Error::Request("a text is trained on, not pictures".into())),
        }
    }

    /// Continues a text by `count` characters. Each waits for the one before it, within the program.
    pub fn sample(&self, prompt: &str, count: usize, temperature: f32) -> Result<String> {
        match &self.net {
            Net::Verses(net) => net.sample(prompt, count, temperature, self.settings.seed ^ self.step),
            Net::Pictures(_) => Err(Error::Request("pictures are trained on, not a text".into())),
        }
    }

    /// The weights as a safetensors file, which `Params::load` and `wgrad` read.
    pub async fn weights(&self) -> Result<Vec<u8>> {
        Ok(self.params.snapshot(&[])?.to_safetensors().await?)
    }

    /// Takes the weights of a safetensors file.
    pub fn set_weights(&self, bytes: &[u8]) -> Result<()> {
        Ok(self.params.load_safetensors(bytes)?)
    }

    /// The device, what a step does there, and what of a batch is counted: `each` units an image or a window.
    pub fn about(&self) -> Value {
        let launches = plans(&self.device).iter().map(|plan| plan.launches().len()).max();
        let (unit, each) = match &self.net {
            Net::Pictures(_) => ("images", 1),
            Net::Verses(_) => ("tokens", CONTEXT),
        };
        json!({
            "device": self.device.info().to_string(),
            "parameters": self.params.count(),
            "launches": launches,
            "memory": self.device.memory().in_use,
            "steps": self.step,
            "unit": unit,
            "each": each,
        })
    }
}
