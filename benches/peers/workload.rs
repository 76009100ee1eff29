//! The timed workloads.

use std::fmt;
use std::str::FromStr;

use wgrad::models::{Mlp, RnnOptions};
use wgrad::prelude::*;

use crate::start::{self, fan_in};

/// Time steps of the LSTM's sequences.
const STEPS: usize = 64;
/// Tokens of the GPT's sequences.
const CONTEXT: usize = 128;
/// Number of different characters in the texts of the LSTM and the GPT.
const VOCABULARY: usize = 65;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    Matmul,
    Mlp,
    Resnet20,
    Resnet18,
    Lstm,
    Gpt,
}

/// Runs one whole step and returns its loss.
pub type Step = Box<dyn FnMut() -> wgrad::autograd::Result<f32>>;

impl Workload {
    pub const ALL: [Workload; 6] =
        [Self::Matmul, Self::Mlp, Self::Resnet20, Self::Resnet18, Self::Lstm, Self::Gpt];

    pub fn name(self) -> &'static str {
        match self {
            Self::Matmul => "matmul-1024",
            Self::Mlp => "mlp",
            Self::Resnet20 => "resnet20",
            Self::Resnet18 => "resnet18-cifar",
            Self::Lstm => "lstm",
            Self::Gpt => "gpt-mini",
        }
    }

    pub fn batch(self) -> usize {
        match self {
            Self::Matmul => 1,
            Self::Mlp | Self::Resnet20 => 128,
            Self::Resnet18 | Self::Lstm => 32,
            Self::Gpt => 16,
        }
    }

    /// Images, tokens or products per step.
    pub fn items(self) -> usize {
        self.batch()
            * match self {
                Self::Lstm => STEPS,
                Self::Gpt => CONTEXT,
                _ => 1,
            }
    }

    /// The step, and its number of parameters.
    pub fn build(self, device: &Device) -> wgrad::autograd::Result<(Step, usize)> {
        let params = Params::new(device, 0);
        let batch = self.batch();
        let classes = |shape: &[usize], n| start::integers(device, start::TARGETS, shape, n);
        let step = match self {
            Self::Matmul => return Ok((product(device)?, 0)),
            Self::Mlp => {
                let net = Mlp::new(&params, &[784, 256, 128, 10]);
                start::parameters(&params, |shape| (6.0 / fan_in(shape)).sqrt())?;
                let x = start::inputs(device, &[batch, 784])?;
                let adam = Optimizer::Adam(Adam::new(&params));
                training(move |x| net.forward(x), x, classes(&[batch], 10)?, adam)
            }
            Self::Resnet20 | Self::Resnet18 => {
                let net = if self == Self::Resnet20 {
                    ResNet::cifar_projected(&params, 20, 10)
                } else {
                    ResNet::imagenet_on_cifar(&params, 18, 10)
                };
                let gain = |shape: &[usize]| if shape.len() == 2 { 1.0 } else { 6.0 };
                start::parameters(&params, |shape| (gain(shape) / fan_in(shape)).sqrt())?;
                let x = start::inputs(device, &[batch, 3, 32, 32])?;
                let sgd = Sgd::new(&params).momentum(0.9).weight_decay(1e-4);
                let logits = move |x: &Tensor| net.forward(x, Mode::Train);
                training(logits, x, classes(&[batch], 10)?, Optimizer::Sgd(sgd))
            }
            Self::Lstm => {
                let (inputs, hidden) = (64, 256);
                let options = RnnOptions { batch_first: true, ..RnnOptions::default() };
                let net = Lstm::new(&params.path("lstm"), inputs, hidden, options);
                let head = Linear::new(&params.path("head"), hidden, VOCABULARY);
                // Only the sum of the two biases has an effect; other frameworks train one of them.
                params.freeze("lstm.bias_hh_l0");
                start::parameters(&params, |_| 1.0 / (hidden as f64).sqrt())?;
                let x = start::inputs(device, &[batch, STEPS, inputs])?;
                let y = classes(&[batch * STEPS], VOCABULARY)?;
                let logits = move |x: &Tensor| head.forward(&net.forward(x, None).0).flatten(0, 1);
                training(logits, x, y, Optimizer::Adam(Adam::new(&params)))
            }
            Self::Gpt => {
                let (vocab, context) = (VOCABULARY, CONTEXT);
                let options = GptOptions { vocab, context, width: 128, heads: 4, depth: 4, dropout: 0.0 };
                let net = Gpt::new(&params, options).untied(&params).gelu_tanh();
                start::parameters(&params, |_| 0.02 * 3f64.sqrt())?;
                let x = start::integers(device, start::INPUTS, &[batch, CONTEXT], VOCABULARY)?;
                let y = classes(&[batch * CONTEXT], VOCABULARY)?;
                let logits = move |x: &Tensor| net.forward(x, Mode::Train).flatten(0, 1);
                training(logits, x, y, Optimizer::Adam(AdamW::new(&params)))
            }
        };
        let sizes = params.trainable().into_iter().map(|p| p.value().numel());
        Ok((step, sizes.sum()))
    }
}

fn product(device: &Device) -> wgrad::autograd::Result<Step> {
    let shape = [1024, 1024];
    let a = start::inputs(device, &shape)?;
    let b = start::centred(device, start::TARGETS, &shape, 3f64.sqrt())?;
    Ok(Box::new(move || {
        // `c` is alive while its first element is read, so that all of it is computed.
        let c = a.matmul(&b);
        c.narrow(0, 0, 1).narrow(1, 0, 1).item()
    }))
}

enum Optimizer {
    Sgd(Sgd),
    Adam(Adam),
}

/// Forward, mean cross-entropy, backward and update on one batch.
fn training(
    logits: impl Fn(&Tensor) -> Tensor + 'static,
    x: Tensor,
    y: Tensor,
    mut optimizer: Optimizer,
) -> Step {
    Box::new(move || {
        let loss = logits(&x).cross_entropy(&y);
        match &mut optimizer {
            Optimizer::Sgd(sgd) => sgd.step(loss.backward(), 0.05)?,
            Optimizer::Adam(adam) => adam.step(loss.backward(), 1e-3)?,
        }
        loss.item()
    })
}

impl FromStr for Workload {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Workload> {
        let all = Workload::ALL.map(Workload::name);
        let found = Workload::ALL.into_iter().find(|w| w.name() == name);
        found.ok_or_else(|| anyhow::anyhow!("no workload {name:?}; there are {}", all.join(", ")))
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}
