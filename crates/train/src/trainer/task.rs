//! The task that a trainer trains.

use autograd::Tensor;

use crate::Result;

/// What a trainer trains: how a batch becomes a loss ([`inputs`](Task::inputs) and [`forward`](Task::forward), or
/// [`train`](Task::train)), and how the model is evaluated.
#[doc(alias = "LightningModule")]
pub trait Task {
    /// A batch of the source.
    type Batch;

    /// The tensors of a batch, for a task whose training pass is a function of them: [`forward`](Task::forward). The trainer records this
    /// function once for each structure of the tensors and [replays](autograd::Captured) it afterwards. `None` for a task that
    /// implements [`train`](Task::train).
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    fn inputs(&self, batch: &Self::Batch) -> Result<Option<Vec<Tensor>>> {
        let _ = batch;
        Ok(None)
    }

    /// The forward pass of a training step on the tensors of a batch. The loss is the mean over the batch. Apart from these tensors it may
    /// read only parameters, buffers and generators, which may change from step to step.
    ///
    /// # Panics
    /// If the task implements `inputs` but not this.
    #[track_caller]
    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        panic!("the task has {} inputs, but no forward pass", inputs.len())
    }

    /// The forward pass of a training step on a batch, which is recorded at every step; by default, [`forward`](Task::forward).
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// If the task implements neither this nor `inputs`.
    #[track_caller]
    fn train(&self, batch: &Self::Batch) -> Result<StepOutput> {
        let inputs = self.inputs(batch)?.expect("a task gives `train`, or `inputs` and `forward`");
        Ok(self.forward(&inputs))
    }

    /// Named figures on held-out data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    fn evaluate(&self) -> Result<Vec<(&'static str, f64)>> {
        Ok(vec![])
    }

    /// With several processes: the number of examples that [`evaluate`](Task::evaluate) measures, if it measures only this rank's
    /// [part](data::Part). The figures of all ranks are then averaged with these weights. `None` if every rank measures all.
    fn evaluated(&self) -> Option<usize> {
        None
    }
}

/// The result of a forward pass: the loss, and other values to log.
pub struct StepOutput {
    /// The scalar to differentiate.
    pub loss: Tensor,
    /// Other scalars, by name.
    pub watched: Vec<(&'static str, Tensor)>,
}

impl StepOutput {
    /// A forward pass with this loss, and nothing else to log.
    pub fn new(loss: Tensor) -> StepOutput {
        StepOutput { loss, watched: vec![] }
    }

    /// Adds a scalar to log.
    pub fn watch(mut self, name: &'static str, scalar: &Tensor) -> StepOutput {
        self.watched.push((name, scalar.detach()));
        self
    }

    /// Adds `"accuracy"`: the share of rows of logits `[N, C]` whose argmax is the label, i32 `[N]`.
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use train::StepOutput;
    /// let device = Device::named("cpu")?;
    /// let logits = Tensor::from_slice(&device, &[1.0f32, 2.0, 4.0, 3.0], &[2, 2])?;
    /// let labels = Tensor::from_slice(&device, &[1, 1], &[2])?;
    /// let outcome = StepOutput::new(logits.cross_entropy(&labels)).accuracy(&logits, &labels);
    /// assert_eq!(outcome.watched[0].1.item()?, 0.5);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn accuracy(self, logits: &Tensor, labels: &Tensor) -> StepOutput {
        let right = logits.detach().argmax(1, false).eq(labels).to(autograd::DType::F32).mean_all();
        self.watch("accuracy", &right)
    }
}
