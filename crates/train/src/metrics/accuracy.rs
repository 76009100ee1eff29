//! Accuracy and top-k accuracy.

use autograd::{DType, Device, Tensor, stack};

use super::classes::{flat_labels, predictions, rows};
use super::counts::Counts;
use crate::Result;

/// The share of right answers among logits `[N, C, ..]` or integer predictions `[N, ..]`, as [`Accuracy`] counts them.
///
/// ```
/// use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let logits = Tensor::from_slice(&device, &[0.1f32, 0.7, 0.2, 0.5, 0.2, 0.3], &[2, 3])?;
/// let labels = Tensor::from_slice(&device, &[1i32, 2], &[2])?;
/// assert_eq!(train::metrics::accuracy(&logits, &labels)?, 0.5);
/// # Ok::<(), train::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When shapes or types do not fit.
#[track_caller]
pub fn accuracy(answers: &Tensor, labels: &Tensor) -> Result<f64> {
    let mut accuracy = Accuracy::new(labels.device())?;
    accuracy.update(answers, labels);
    accuracy.compute()
}

/// Accuracy and top-k accuracy (`torchmetrics.Accuracy(average="micro")`, `sklearn.metrics.top_k_accuracy_score`), counted
/// exactly on the device.
///
/// An update only records operations. In a training loop they become part of the step's plan; elsewhere the next update evaluates
/// them, so that the graph does not grow.
///
/// ```
/// use autograd::{Device, Tensor};
/// use train::metrics::Accuracy;
/// let device = Device::named("cpu")?;
/// let logits = Tensor::from_slice(&device, &[0.1f32, 0.7, 0.2, 0.5, 0.2, 0.3], &[2, 3])?;
/// let labels = Tensor::from_slice(&device, &[1i32, 2], &[2])?;
/// let (mut top_1, mut top_2) = (Accuracy::new(&device)?, Accuracy::top_k(&device, 2)?);
/// top_1.update(&logits, &labels);
/// top_2.update(&logits, &labels);
/// assert_eq!((top_1.compute()?, top_2.compute()?), (0.5, 1.0));
/// # Ok::<(), train::Error>(())
/// ```
pub struct Accuracy {
    k: usize,
    ignored: Option<i32>,
    /// The numbers of right answers and of all answers.
    counts: Counts,
}

impl Accuracy {
    /// A top-1 accuracy without data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn new(device: &Device) -> Result<Accuracy> {
        Accuracy::top_k(device, 1)
    }

    /// Top-k accuracy: an answer is right if fewer than `k` classes rank above the label. Among equal logits the lower class ranks
    /// higher, and NaN ranks above everything.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When `k` is 0.
    #[track_caller]
    pub fn top_k(device: &Device, k: usize) -> Result<Accuracy> {
        assert!(k > 0, "Accuracy: the top 0 classes");
        Ok(Accuracy { k, ignored: None, counts: Counts::new(device, 2)? })
    }

    /// Leaves out elements with this label, such as padding.
    pub fn ignoring(self, label: i32) -> Accuracy {
        Accuracy { ignored: Some(label), ..self }
    }

    /// Counts a batch: f32 logits `[N, C, ..]`, or integer predictions `[N, ..]` for top-1, and integer labels `[N, ..]`. A label
    /// outside of the classes, or whose logit is NaN, counts as wrong.
    ///
    /// # Panics
    /// When shapes or types do not fit.
    #[track_caller]
    pub fn update(&mut self, answers: &Tensor, labels: &Tensor) {
        let flat = flat_labels("Accuracy", labels);
        let right = if answers.dtype().is_float() {
            among_top(self.k, &rows("Accuracy", answers, labels), &flat)
        } else {
            assert!(self.k == 1, "Accuracy: the top {} of predicted classes", self.k);
            predictions("Accuracy", answers, labels).eq(&flat)
        };
        let counted = match self.ignored {
            Some(label) => flat.ne(label),
            None => flat.eq(&flat), // all
        };
        let count = |hits: &Tensor| hits.to(DType::I32).sum_all();
        self.counts.add(&stack(&[&count(&right.logical_and(&counted)), &count(&counted)], 0));
    }

    /// The share of right answers since the start or the last reset; NaN without answers.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn compute(&self) -> Result<f64> {
        let counts = self.counts.read()?;
        Ok(counts[0] as f64 / counts[1] as f64)
    }

    /// Discards all data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn reset(&mut self) -> Result<()> {
        self.counts.reset()
    }
}

/// For each row of logits `[n, C]`, whether fewer than `k` classes rank above the label.
fn among_top(k: usize, rows: &Tensor, labels: &Tensor) -> Tensor {
    let labels = labels.unsqueeze(1);
    let is_class = labels.ge(0).logical_and(labels.lt(rows.shape()[1] as i32));
    let own = rows.gather(1, &labels.where_(&is_class, &Tensor::constant(rows.device(), &[0i32], &[])));
    let first = Tensor::arange(rows.device(), rows.shape()[1]).lt(&labels);
    // Negated `le` instead of `gt`, which is false for NaN.
    let larger = rows.le(&own).logical_not();
    let before = larger.logical_or(rows.eq(&own).logical_and(first));
    let known = own.isnan().logical_not().logical_and(is_class).squeeze(&[1]);
    before.to(DType::I32).sum(&[1], false).lt(k as i32).logical_and(known)
}
