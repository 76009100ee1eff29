//! Adam, AdamW and AMSGrad.

use autograd::{AdamStep, Gradients, Result, Tensor};

use super::flat::{Flat, GroupOptions};
use crate::Params;

/// Adam (Kingma and Ba 2015) as `torch.optim.Adam`, with AMSGrad (Reddi et al. 2018) as an option. Weight decay is added to
/// the gradients; [`AdamW`] decays the weights themselves.
///
/// A step whose loss is not finite changes nothing but the step count.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Adam, Init, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Adam::new(&params);
/// for _ in 0..3 {
///     let loss = theta.value().square();
///     opt.step(loss.backward(), 0.1)?;
/// }
/// assert!((theta.value().item()? - 0.701_586_3).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Adam {
    params: Params,
    betas: [f32; 2],
    eps: f32,
    weight_decay: f32,
    amsgrad: bool,
    maximize: bool,
    decoupled: bool,
    flat: Flat,
    steps: usize,
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.
pub struct AdamW;

impl AdamW {
    /// AdamW with torch's defaults: betas .9 and .999, eps 1e-8, weight decay .01.
    #[allow(clippy::new_ret_no_self)] // Adam with another decay
    pub fn new(params: &Params) -> Adam {
        Adam { decoupled: true, weight_decay: 0.01, ..Adam::new(params) }
    }
}

impl Adam {
    /// Updates the trainable parameters under `params` with torch's defaults: betas .9 and .999, eps 1e-8, no weight decay.
    pub fn new(params: &Params) -> Adam {
        Adam {
            params: params.clone(),
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            amsgrad: false,
            maximize: false,
            decoupled: false,
            flat: Flat::default(),
            steps: 0,
        }
    }

    pub fn betas(self, beta1: f32, beta2: f32) -> Adam {
        Adam { betas: [beta1, beta2], ..self }
    }

    pub fn eps(self, eps: f32) -> Adam {
        Adam { eps, ..self }
    }

    pub fn weight_decay(self, weight_decay: f32) -> Adam {
        Adam { weight_decay, ..self }
    }

    /// Divides by the largest second moment so far.
    pub fn amsgrad(self, amsgrad: bool) -> Adam {
        Adam { amsgrad, ..self }
    }

    /// Ascends instead.
    pub fn maximize(self, maximize: bool) -> Adam {
        Adam { maximize, ..self }
    }

    /// Other options for parameters whose names match a pattern (`*` stands for anything): their weight decay, and a
    /// factor on the learning rate. The first pattern that matches counts.
    pub fn group(mut self, pattern: &str, weight_decay: f32, lr_scale: f32) -> Adam {
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
        let step = self.steps + 1;
        let op = AdamStep { amsgrad: self.amsgrad, decoupled: self.decoupled, maximize: self.maximize };
        // From the rounded betas, so that the rounding of 1 - beta2 cancels.
        let [c1, c2] = self.betas.map(|beta| 1.0 - f64::from(beta).powi(step as i32));
        let ([beta1, beta2], eps) = (self.betas, self.eps);
        let states = self.states();
        let update = |group: GroupOptions, ok: &Tensor, grad: &Tensor, state: &[Tensor]| {
            let lr = lr * group.lr_scale;
            let hyper = [lr, beta1, beta2, eps, group.weight_decay, c1 as f32, c2.sqrt() as f32];
            op.apply(&Tensor::scalars(ok.device(), &hyper), ok, grad, state)
        };
        self.flat.step(&self.params, self.weight_decay, states, gradients, update)?;
        self.steps = step;
        Ok(())
    }

    /// Number of state tensors beside each parameter.
    fn states(&self) -> usize {
        2 + usize::from(self.amsgrad)
    }

    /// The state tensors by the names of their parameters and their number, as in `"fc.weight.0"`; with
    /// [`steps`](Adam::steps) what it takes to go on where a run stopped.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.flat.state()
    }

    /// Goes on after `steps` steps with the [`state`](Adam::state) that was saved then.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When a state tensor is missing or has another shape.
    #[track_caller]
    pub fn resume(&mut self, steps: usize, saved: &[(String, Tensor)]) -> Result<()> {
        self.flat.resume(&self.params, self.weight_decay, self.states(), saved)?;
        self.steps = steps;
        Ok(())
    }
}
