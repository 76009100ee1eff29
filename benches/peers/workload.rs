//! What is timed.

use std::fmt;
use std::str::FromStr;

use wgrad::prelude::*;

use crate::networks::{Gpt, Lstm, Mlp, Network, Residual};
use crate::start::{self, fan_in};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    Matmul,
    Mlp,
    Resnet20,
    Resnet18,
    Lstm,
    Gpt,
}

/// Does one whole step and gives its loss.
pub type Step = Box<dyn FnMut() -> wgrad::Result<f32>>;

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

    /// Images, tokens or products a step.
    pub fn items(self) -> usize {
        self.batch()
            * match self {
                Self::Lstm => Lstm::STEPS,
                Self::Gpt => Gpt::CONTEXT,
                _ => 1,
            }
    }

    /// The step, and its number of parameters.
    pub fn build(self, device: &Device) -> wgrad::Result<(Step, usize)> {
        let params = Params::new(device, 0);
        let batch = self.batch();
        let classes = |shape: &[usize], n| start::integers(device, start::TARGETS, shape, n);
        let step = match self {
            Self::Matmul => return Ok((product(device)?, 0)),
            Self::Mlp => {
                let net = Mlp::new(&params);
                start::parameters(&params, |_, shape| (6.0 / fan_in(shape)).sqrt())?;
                let x = start::inputs(device, &[batch, Mlp::INPUTS])?;
                training(net, x, classes(&[batch], 10)?, Optimizer::Adam(Adam::new(&params)))
            }
            Self::Resnet20 | Self::Resnet18 => {
                let (stages, blocks): (&[usize], usize) =
                    if self == Self::Resnet20 { (&[16, 32, 64], 3) } else { (&[64, 128, 256, 512], 2) };
                let net = Residual::new(stages, blocks, &params);
                start::parameters(&params, |name, shape| {
                    (if name.starts_with("head") { 1.0 } else { 6.0 } / fan_in(shape)).sqrt()
                })?;
                let x = start::inputs(device, &[batch, 3, 32, 32])?;
                let sgd = Sgd::new(&params).momentum(0.9).weight_decay(1e-4);
                training(net, x, classes(&[batch], 10)?, Optimizer::Sgd(sgd))
            }
            Self::Lstm => {
                let net = Lstm::new(&params);
                start::parameters(&params, |_, _| 1.0 / (Lstm::HIDDEN as f64).sqrt())?;
                let x = start::inputs(device, &[batch, Lstm::STEPS, Lstm::INPUTS])?;
                let y = classes(&[batch * Lstm::STEPS], Lstm::CLASSES)?;
                training(net, x, y, Optimizer::Adam(Adam::new(&params)))
            }
            Self::Gpt => {
                let net = Gpt::new(&params);
                start::parameters(&params, |_, _| 0.02 * 3f64.sqrt())?;
                let x = start::integers(device, start::INPUTS, &[batch, Gpt::CONTEXT], Gpt::VOCABULARY)?;
                let y = classes(&[batch * Gpt::CONTEXT], Gpt::VOCABULARY)?;
                training(net, x, y, Optimizer::Adam(AdamW::new(&params)))
            }
        };
        Ok((step, params.count()))
    }
}

fn product(device: &Device) -> wgrad::Result<Step> {
    let shape = [1024, 1024];
    let a = start::inputs(device, &shape)?;
    let b = start::centred(device, start::TARGETS, &shape, 3f64.sqrt())?;
    Ok(Box::new(move || {
        // Held while its first element is read, so that all of it is computed.
        let c = a.matmul(&b);
        c.narrow(0, 0, 1).narrow(1, 0, 1).item()
    }))
}

enum Optimizer {
    Sgd(Sgd),
    Adam(Adam),
}

/// Forward, mean cross-entropy, backward and update on one batch.
fn training(net: impl Network + 'static, x: Tensor, y: Tensor, mut optimizer: Optimizer) -> Step {
    Box::new(move || {
        let loss = net.logits(&x).cross_entropy(&y);
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
