//! The interface of all optimizers to a training loop, and several optimizers combined into one.

use autograd::{Gradients, Tensor, Transaction};

use crate::Result;

/// An optimizer with any rule: the interface for training loops and checkpoints.
pub trait Optimize {
    /// Records an update with learning rate `lr` as part of `step`, the gradients' [transaction](Gradients::transaction). It
    /// [counts](Optimize::succeeded) only if the transaction succeeds.
    ///
    /// # Errors
    /// Out of memory for the first step's state.
    ///
    /// # Panics
    /// When no trainable parameter has a gradient.
    #[track_caller]
    fn record(&mut self, gradients: &Gradients, lr: f32, step: &mut Transaction) -> autograd::Result<()>;

    /// Counts the update recorded last, after its transaction has succeeded.
    fn succeeded(&mut self);

    /// One update with learning rate `lr`: computes the loss and the further outputs of the [gradients](Gradients::with_output), and
    /// frees the loss's graph.
    ///
    /// # Errors
    /// Whatever goes wrong on the device. Parameters and state are unchanged then.
    ///
    /// # Panics
    /// When no trainable parameter has a gradient.
    #[track_caller]
    fn step(&mut self, gradients: Gradients, lr: f32) -> autograd::Result<()> {
        let mut step = gradients.transaction();
        self.record(&gradients, lr, &mut step)?;
        // Handles to the old values would keep their memory alive.
        drop(gradients);
        step.run()?;
        self.succeeded();
        Ok(())
    }

    /// Steps taken so far.
    fn steps(&self) -> usize;

    /// Named tensors that, with [`steps`](Optimize::steps), are all that is needed to resume; none before the first step.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Continues after `steps` steps from the [`state`](Optimize::state) saved at that point.
    ///
    /// # Errors
    /// [`Error::OptimizerState`](crate::Error::OptimizerState) when a tensor is missing or has another shape, and whatever goes
    /// wrong on the device.
    fn resume(&mut self, steps: usize, state: &[(String, Tensor)]) -> Result<()>;
}

impl<O: Optimize + ?Sized> Optimize for Box<O> {
    fn record(&mut self, gradients: &Gradients, lr: f32, step: &mut Transaction) -> autograd::Result<()> {
        (**self).record(gradients, lr, step)
    }

    fn succeeded(&mut self) {
        (**self).succeeded();
    }

    fn steps(&self) -> usize {
        (**self).steps()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        (**self).state()
    }

    fn resume(&mut self, steps: usize, state: &[(String, Tensor)]) -> Result<()> {
        (**self).resume(steps, state)
    }
}

/// Optimizers of different parts of a model that step together, each with its own factor on the learning rate. Each part is selected by
/// [`Optimizer::only`](super::Optimizer::only).
///
/// ```
/// use autograd::Device;
/// use models::{Init, Optimize, Param, Params, Several, Sgd};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let [a, b] = ["a", "b"].map(|name| params.param(name, &[], Init::ONES));
/// let is_a = |p: &Param| p.name() == "a";
/// let mut opt = Several::default()
///     .with(Sgd::new(&params).only(is_a), 1.0)
///     .with(Sgd::new(&params).only(move |p| !is_a(p)), 0.5);
/// opt.step((a.value() + b.value()).backward(), 0.1)?;
/// assert_eq!((a.value().item()?, b.value().item()?, opt.steps()), (0.9, 0.95, 1));
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Default)]
pub struct Several {
    parts: Vec<(Box<dyn Optimize>, f32)>,
}

impl Several {
    /// Adds an optimizer, whose learning rate is multiplied by `lr_scale`.
    pub fn with(mut self, optimizer: impl Optimize + 'static, lr_scale: f32) -> Several {
        self.parts.push((Box::new(optimizer), lr_scale));
        self
    }
}

impl Optimize for Several {
    fn record(&mut self, gradients: &Gradients, lr: f32, step: &mut Transaction) -> autograd::Result<()> {
        self.parts.iter_mut().try_for_each(|(part, scale)| part.record(gradients, lr * *scale, step))
    }

    fn succeeded(&mut self) {
        self.parts.iter_mut().for_each(|(part, _)| part.succeeded());
    }

    fn steps(&self) -> usize {
        self.parts.first().map_or(0, |(part, _)| part.steps())
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let named = |(i, (part, _)): (usize, &(Box<dyn Optimize>, f32))| {
            part.state().into_iter().map(move |(name, t)| (format!("{i}.{name}"), t)).collect::<Vec<_>>()
        };
        self.parts.iter().enumerate().flat_map(named).collect()
    }

    fn resume(&mut self, steps: usize, state: &[(String, Tensor)]) -> Result<()> {
        for (i, (part, _)) in self.parts.iter_mut().enumerate() {
            let own = |(name, t): &(String, Tensor)| {
                Some((name.strip_prefix(&format!("{i}."))?.to_owned(), t.clone()))
            };
            part.resume(steps, &state.iter().filter_map(own).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}
