//! What is trained.

use autograd::Tensor;

use crate::Result;

/// What a trainer trains: how a batch becomes a loss ([`inputs`](Task::inputs) and [`forward`](Task::forward), or
/// [`train`](Task::train)), and how good it is on other data.
pub trait Task {
    /// What a step trains on, as its source gives it.
    type Batch;

    /// The tensors of a batch, for a task whose training pass is a function of them, [`forward`](Task::forward). The trainer records that
    /// once for each structure of the tensors and [replays](autograd::Captured) it after that. `None` for a task that gives
    /// [`train`](Task::train).
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    fn inputs(&self, batch: &Self::Batch) -> Result<Option<Vec<Tensor>>> {
        let _ = batch;
        Ok(None)
    }

    /// The forward pass of a training step on the tensors of a batch. The loss is the mean over the batch. What is read beside them
    /// are parameters, buffers and generators, which may change from step to step.
    ///
    /// # Panics
    /// In a task that gives `inputs` without this.
    #[track_caller]
    fn forward(&self, inputs: &[Tensor]) -> Outcome {
        panic!("the task has {} inputs, but no forward pass", inputs.len())
    }

    /// The forward pass of a training step on a batch: [`forward`](Task::forward), or any other, which is recorded at every step.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// In a task that gives neither this nor `inputs`.
    #[track_caller]
    fn train(&self, batch: &Self::Batch) -> Result<Outcome> {
        let inputs = self.inputs(batch)?.expect("a task gives `train`, or `inputs` and `forward`");
        Ok(self.forward(&inputs))
    }

    /// Figures on data that is not trained on, by their names.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    fn evaluate(&self) -> Result<Vec<(&'static str, f64)>> {
        Ok(vec![])
    }
}

/// What a forward pass gives: the loss, and what else the log should say of the step.
pub struct Outcome {
    /// A scalar to differentiate.
    pub loss: Tensor,
    /// Other scalars, by name.
    pub watched: Vec<(&'static str, Tensor)>,
}

impl Outcome {
    pub fn new(loss: Tensor) -> Outcome {
        Outcome { loss, watched: vec![] }
    }

    /// With one more scalar for the log.
    pub fn watch(mut self, name: &'static str, scalar: &Tensor) -> Outcome {
        self.watched.push((name, scalar.detach()));
        self
    }

    /// With the share of logits `[N, C]` whose largest is the label's, i32 `[N]`, as `"accuracy"`.
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use train::Outcome;
    /// let device = Device::named("cpu")?;
    /// let logits = Tensor::from_slice(&device, &[1.0f32, 2.0, 4.0, 3.0], &[2, 2])?;
    /// let labels = Tensor::from_slice(&device, &[1, 1], &[2])?;
    /// let outcome = Outcome::new(logits.cross_entropy(&labels)).accuracy(&logits, &labels);
    /// assert_eq!(outcome.watched[0].1.item()?, 0.5);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn accuracy(self, logits: &Tensor, labels: &Tensor) -> Outcome {
        let right = logits.detach().argmax(1, false).eq(labels).to(autograd::DType::F32).mean_all();
        self.watch("accuracy", &right)
    }
}
