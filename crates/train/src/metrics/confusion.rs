//! Confusion matrices, and the scores derived from them.

use autograd::{DType, Device, Tensor};

use super::classes::{flat_labels, predictions};
use super::counts::Counts;
use crate::{Error, Result};

/// The most elements per update: a batch is counted in f32, which is exact up to 2^24.
const MOST: usize = 1 << 24;

/// A confusion matrix counted exactly on the device (`torchmetrics.ConfusionMatrix`), for classes as well as for the pixels of
/// segmentations. Updates record operations, as [`Accuracy`](super::Accuracy)'s do.
///
/// ```
/// use autograd::{Device, Tensor};
/// use train::metrics::ConfusionMatrix;
/// let device = Device::named("cpu")?;
/// let answers = Tensor::from_slice(&device, &[0i32, 1, 1], &[3])?;
/// let labels = Tensor::from_slice(&device, &[0i32, 0, 1], &[3])?;
/// let mut matrix = ConfusionMatrix::new(&device, 2)?;
/// matrix.update(&answers, &labels);
/// assert_eq!(matrix.compute()?.counts(), [1, 1, 0, 1]);
/// # Ok::<(), train::Error>(())
/// ```
pub struct ConfusionMatrix {
    classes: usize,
    ignored: Option<i32>,
    /// The number of elements outside of the matrix, then the matrix.
    counts: Counts,
}

impl ConfusionMatrix {
    /// A matrix without data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn new(device: &Device, classes: usize) -> Result<ConfusionMatrix> {
        let counts = Counts::new(device, classes * classes + 1)?;
        Ok(ConfusionMatrix { classes, ignored: None, counts })
    }

    /// Leaves out elements with this label, such as the border of objects.
    pub fn ignoring(self, label: i32) -> ConfusionMatrix {
        ConfusionMatrix { ignored: Some(label), ..self }
    }

    /// Counts a batch: f32 logits `[N, C, ..]` or integer predictions `[N, ..]`, and integer labels `[N, ..]`.
    ///
    /// # Panics
    /// When shapes or types do not fit, or there are more than 2^24 labels.
    #[track_caller]
    pub fn update(&mut self, answers: &Tensor, labels: &Tensor) {
        assert!(labels.numel() <= MOST, "ConfusionMatrix: {} labels in one update", labels.numel());
        let classes = self.classes as i32;
        let inside = |x: &Tensor| x.ge(0).logical_and(x.lt(classes));
        let answers = predictions("ConfusionMatrix", answers, labels);
        let labels = flat_labels("ConfusionMatrix", labels);
        let cell = &labels * classes + &answers + 1;
        let outside = inside(&labels).logical_and(inside(&answers)).logical_not();
        let mut cell = cell.masked_fill(&outside, 0.0);
        if let Some(label) = self.ignored {
            cell = cell.masked_fill(&labels.eq(label), -1.0);
        }
        let ones = Tensor::ones(cell.device(), cell.shape());
        let batch = ones.segment_sum(&cell, self.classes * self.classes + 1);
        self.counts.add(&batch.to(DType::I32));
    }

    /// The matrix since the start or the last reset.
    ///
    /// # Errors
    /// [`Error::NoClass`] when labels or predictions were outside of the classes, and whatever goes wrong on the device.
    pub fn compute(&self) -> Result<Confusion> {
        let (classes, mut counts) = (self.classes, self.counts.read()?);
        match counts.remove(0) {
            0 => Ok(Confusion { classes, counts }),
            outside => Err(Error::NoClass { outside, classes }),
        }
    }

    /// Discards all data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn reset(&mut self) -> Result<()> {
        self.counts.reset()
    }
}

/// How often each class was predicted as each (`sklearn.metrics.confusion_matrix`). A score that would divide by zero, such as the
/// precision of a class that was never predicted, is 0 (scikit-learn's `zero_division=0`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

/// How the scores of the classes are averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// The mean over the classes that occur among labels or predictions.
    Macro,
    /// The score of the counts summed over all classes; with one label per element it is the accuracy.
    Micro,
    /// The mean over the classes, weighted by how often they occur among the labels.
    Weighted,
}

/// The scores of one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScores {
    /// The share of the predictions of this class that are right.
    pub precision: f64,
    /// The share of this class's elements that were found.
    pub recall: f64,
    /// The harmonic mean of precision and recall, equal to Dice's coefficient.
    pub f1: f64,
    /// Intersection over union, Jaccard's index.
    pub iou: f64,
    /// How many elements have this label.
    pub support: u64,
}

impl Confusion {
    /// Counts labels and predictions, both in `0..classes`.
    ///
    /// # Panics
    /// When their numbers differ, or one is outside of the classes.
    #[track_caller]
    pub fn of(labels: &[u32], predictions: &[u32], classes: usize) -> Confusion {
        assert!(
            labels.len() == predictions.len(),
            "Confusion: {} labels and {} predictions",
            labels.len(),
            predictions.len()
        );
        let mut counts = vec![0; classes * classes];
        for (&label, &prediction) in labels.iter().zip(predictions) {
            let (label, prediction) = (label as usize, prediction as usize);
            let fits = label < classes && prediction < classes;
            assert!(fits, "Confusion: label {label} and prediction {prediction} of {classes} classes");
            counts[label * classes + prediction] += 1;
        }
        Confusion { classes, counts }
    }

    /// How many classes are counted.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The counts `[label, prediction]` in row-major order.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The share of right predictions; NaN without predictions.
    pub fn accuracy(&self) -> f64 {
        self.right().iter().sum::<u64>() as f64 / self.counts.iter().sum::<u64>() as f64
    }

    /// The scores of every class.
    pub fn class_scores(&self) -> Vec<ClassScores> {
        let tallies = self.tallies();
        tallies.iter().map(Tally::scores).collect()
    }

    /// `sklearn.metrics.precision_score`.
    pub fn precision(&self, average: Average) -> f64 {
        self.average(average, |s| s.precision)
    }

    /// `sklearn.metrics.recall_score`.
    pub fn recall(&self, average: Average) -> f64 {
        self.average(average, |s| s.recall)
    }

    /// `sklearn.metrics.f1_score`.
    pub fn f1(&self, average: Average) -> f64 {
        self.average(average, |s| s.f1)
    }

    /// Intersection over union, `sklearn.metrics.jaccard_score`; its [`Average::Macro`] is the mIoU of segmentations.
    pub fn iou(&self, average: Average) -> f64 {
        self.average(average, |s| s.iou)
    }

    /// Dice's coefficient: [`f1`](Confusion::f1) by its name in segmentation.
    pub fn dice(&self, average: Average) -> f64 {
        self.f1(average)
    }

    fn right(&self) -> Vec<u64> {
        (0..self.classes).map(|c| self.counts[c * self.classes + c]).collect()
    }

    fn tallies(&self) -> Vec<Tally> {
        let row = |c: usize| self.counts[c * self.classes..][..self.classes].iter().sum();
        let column = |c: usize| self.counts.iter().skip(c).step_by(self.classes).sum();
        let tally = |(c, right)| Tally { right, labels: row(c), predictions: column(c) };
        self.right().into_iter().enumerate().map(tally).collect()
    }

    fn average(&self, average: Average, score: impl Fn(&ClassScores) -> f64) -> f64 {
        let tallies = self.tallies();
        let weight = |t: &Tally| match average {
            Average::Weighted => t.labels as f64,
            _ => f64::from(u8::from(t.labels + t.predictions > 0)),
        };
        if average == Average::Micro {
            let total = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum();
            let (right, labels) = (total(|t| t.right), total(|t| t.labels));
            return score(&Tally { right, labels, predictions: labels }.scores());
        }
        let sum: f64 = tallies.iter().map(|t| weight(t) * score(&t.scores())).sum();
        ratio(sum, tallies.iter().map(weight).sum())
    }
}

struct Tally {
    right: u64,
    labels: u64,
    predictions: u64,
}

impl Tally {
    fn scores(&self) -> ClassScores {
        let (right, both) = (self.right as f64, (self.labels + self.predictions) as f64);
        ClassScores {
            precision: ratio(right, self.predictions as f64),
            recall: ratio(right, self.labels as f64),
            f1: ratio(2.0 * right, both),
            iou: ratio(right, both - right),
            support: self.labels,
        }
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}
