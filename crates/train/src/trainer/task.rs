//! What is trained.

use autograd::Tensor;

use crate::Result;

/// What a trainer trains: how a batch becomes a loss, and how good it is on other data.
pub trait Task {
    /// What a step trains on, as its source gives it.
    type Batch;

    /// The forward pass of a training step. The loss is the mean over the batch.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    fn train(&self, batch: &Self::Batch) -> Result<Outcome>;

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
