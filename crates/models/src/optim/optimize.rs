//! What a training loop asks of any optimizer, and several optimizers as one.

use autograd::{Gradients, Tensor, Transaction};

use crate::Result;

/// An optimizer, whatever its rule: what a training loop and a checkpoint need of it.
pub trait Optimize {
    /// Records an update with learning rate `lr` as a part of `step`, of the gradients' [transaction](Gradients::transaction). Only if
    /// that succeeds the update [counts](Optimize::succeeded).
    ///
    /// # Errors
    /// Out of memory for the first step's state.
    ///
    /// # Panics
    /// When a trainable parameter has no gradient.
    #[track_caller]
    fn record(&mut self, gradients: &Gradients, lr: f32, step: &mut Transaction) -> autograd::Result<()>;

    /// The update that was recorded last has been computed.
    fn succeeded(&mut self);

    /// One update with learning rate `lr`: computes the loss and what else the [gradients](Gradients::with_output) name, and frees
    /// the loss's graph.
    ///
    /// # Errors
    /// Whatever goes wrong on the device. Parameters and state are as they were then.
    ///
    /// # Panics
    /// When a trainable parameter has no gradient.
    #[track_caller]
    fn step(&mut self, gradients: Gradients, lr: f32) -> autograd::Result<()> {
        let mut step = gradients.transaction();
        self.record(&gradients, lr, &mut step)?;
        // Handles on the old values keep their memory.
        drop(gradients);
        step.run()?;
        self.succeeded();
        Ok(())
    }

    /// Steps taken so far.
    fn steps(&self) -> usize;

    /// Named tensors that, with [`steps`](Optimize::steps), are all it takes to go on; none before the first step.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Goes on after `steps` steps with the [`state`](Optimize::state) of that time.
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

/// Optimizers of different parts of a model that step together, each with a factor on the learning rate. The parts are told
/// apart by [`Optimizer::only`].
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
    /// One more optimizer, whose rate is `lr_scale` times the others'.
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
