//! A classifier's loss, accuracy and predictions on a set of images.

use autograd::{DType, Device, Tensor, cat};
use data::{Images, Loader};

use crate::{Late, Result};

/// How many batches later answers are read back.
const LAG: usize = 2;

/// A classifier's results on a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// The class with the largest logit, for every image in the loader's order.
    pub answers: Vec<u32>,
}

/// Evaluates a classifier on every batch of a loader; `forward` maps images `[B, C, H, W]` to logits `[B, classes]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use data::{Loader, LoaderOptions, synthetic};
/// use train::classify;
/// let (device, set) = (Device::named("cpu")?, synthetic::digits(0, 20, 0).test);
/// let options = LoaderOptions::eval(8, set.mean_std());
/// let loader = Loader::new(set.into(), options)?;
/// // Equal logits predict the first class, which is right for a tenth of the digits, and the loss is ln 10.
/// let found = classify(&loader, &device, |x| Tensor::zeros(&device, &[x.shape()[0], 10]))?;
/// assert_eq!((found.accuracy, found.answers.len()), (0.1, 20));
/// assert!((found.loss - 10f64.ln()).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device; an image file that cannot be read.
pub fn classify<S: Images>(
    loader: &Loader<S>,
    device: &Device,
    forward: impl Fn(&Tensor) -> Tensor,
) -> Result<Classified> {
    let mut found = Classified { loss: 0.0, accuracy: 0.0, answers: vec![] };
    let mut right = 0;
    let mut take = |(labels, values): (Vec<u32>, Vec<f32>)| {
        found.loss += f64::from(values[0]) * labels.len() as f64;
        let answers = values[1..].iter().map(|&a| a as u32);
        right += labels.iter().zip(answers.clone()).filter(|(label, answer)| **label == *answer).count();
        found.answers.extend(answers);
    };
    let mut late = Late::new(LAG);
    for batch in loader.epoch(0) {
        let labels = batch.labels.clone();
        let batch = batch.to_device(device)?;
        let logits = forward(&batch.images);
        let answers = logits.argmax(1, false).to(DType::F32);
        let values = cat(&[&logits.cross_entropy(&batch.labels).reshape(&[1]), &answers], 0);
        late.push(labels, &values)?.map(&mut take);
    }
    while let Some(done) = late.pop()? {
        take(done);
    }
    let count = found.answers.len().max(1) as f64;
    (found.loss, found.accuracy) = (found.loss / count, right as f64 / count);
    Ok(found)
}
