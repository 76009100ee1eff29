//! Stochastic gradient descent.

use autograd::{Gradients, Result, SgdStep, Tensor};

use super::flat::{Flat, GroupOptions};
use crate::Params;

/// Stochastic gradient descent as `torch.optim.SGD`: `v = momentum v + (1 - dampening) (g + weight_decay p)`,
/// `p = p - lr v` (with Nesterov's momentum `p - lr (g + momentum v)`).
///
/// A step whose loss is not finite changes nothing.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Init, Params, Sgd};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Sgd::new(&params).momentum(0.9);
/// for _ in 0..3 {
///     let loss = theta.value().square();
///     opt.step(loss.backward(), 0.1)?;
/// }
/// assert!((theta.value().item()? - 0.062).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Sgd {
    params: Params,
    momentum: f32,
    dampening: f32,
    weight_decay: f32,
    nesterov: bool,
    maximize: bool,
    flat: Flat,
    steps: usize,
}

impl Sgd {
    /// Updates the trainable parameters under `params`: those that are trainable at the first step.
    pub fn new(params: &Params) -> Sgd {
        Sgd {
            params: params.clone(),
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            maximize: false,
            flat: Flat::default(),
            steps: 0,
        }
    }

    pub fn momentum(self, momentum: f32) -> Sgd {
        Sgd { momentum, ..self }
    }

    pub fn dampening(self, dampening: f32) -> Sgd {
        Sgd { dampening, ..self }
    }

    /// Adds `weight_decay * p` to the gradients.
    pub fn weight_decay(self, weight_decay: f32) -> Sgd {
        Sgd { weight_decay, ..self }
    }

    pub fn nesterov(self, nesterov: bool) -> Sgd {
        Sgd { nesterov, ..self }
    }

    /// Ascends instead.
    pub fn maximize(self, maximize: bool) -> Sgd {
        Sgd { maximize, ..self }
    }

    /// Other options for parameters whose names match a pattern (`*` stands for anything): their weight decay, and a
    /// factor on the learning rate. The first pattern that matches counts.
    pub fn group(mut self, pattern: &str, weight_decay: f32, lr_scale: f32) -> Sgd {
        self.flat.add_group(pattern, GroupOptions { weight_decay, lr_scale });
        self
    }

    /// Steps taken so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// One update with learning rate `lr`; evaluates everything that is pending, and frees the loss's graph.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When a trainable parameter has no gradient.
    #[track_caller]
    pub fn step(&mut self, gradients: Gradients, lr: f32) -> Result<()> {
        let op = SgdStep { momentum: self.momentum != 0.0, nesterov: self.nesterov, maximize: self.maximize };
        let first = if self.steps == 0 { 1.0 } else { 0.0 };
        let (momentum, dampening) = (self.momentum, self.dampening);
        let states = usize::from(op.momentum);
        let update = |group: GroupOptions, ok: &Tensor, grad: &Tensor, state: &[Tensor]| {
            let hyper = [lr * group.lr_scale, momentum, dampening, group.weight_decay, first];
            op.apply(&Tensor::scalars(ok.device(), &hyper), ok, grad, state)
        };
        self.flat.step(&self.params, self.weight_decay, states, gradients, update)?;
        self.steps += 1;
        Ok(())
    }
}
