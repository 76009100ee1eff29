//! Digits so small that adversarial networks learn them in seconds, and a classifier that rates generated ones.

use anyhow::Result;
use linalg::frechet_distance;
use wgrad::data;
use wgrad::models::Optimize;
use wgrad::prelude::*;

use crate::{Lab, minibatch};

/// [`small_digits`](data::synthetic::small_digits) with a margin, and a classifier trained on them.
pub struct TinyDigits {
    /// `[N, 1, 8, 8]`, from -1 to 1.
    pub images: Tensor,
    /// Class indices `[N]`, i32.
    pub labels: Tensor,
    /// Other images of the same kind, not used in training, `[M, 1, 8, 8]`.
    pub others: Tensor,
    hidden: Linear,
    out: Linear,
    /// Features of the other images.
    reference: Vec<f32>,
}

/// The result of [`TinyDigits::judge`].
pub struct Judged {
    /// The predicted class of each image.
    pub classes: Vec<usize>,
    /// The classifier's probabilities, `[M, 10]`.
    pub probabilities: Vec<f32>,
    /// The Fréchet distance from real images in the classifier's features, an FID.
    pub fid: f64,
}

const FEATURES: usize = 32;

impl TinyDigits {
    /// `count` images, and a classifier trained on them.
    ///
    /// # Errors
    /// Those of the device.
    pub fn new(lab: &Lab, count: usize) -> Result<TinyDigits> {
        let set = lab.small_digits(count, 1000)?;
        let of = |set: &data::ImageSet| -> Result<[Tensor; 2]> {
            let batch = set.to_device(lab.device())?;
            // Strokes are thinner than a pixel: brightening makes them easier to see.
            let images = (batch.images.pad(&[(1, 0), (1, 0)], Padding::Constant(0.0)) * 1.6).clamp_max(1.0);
            Ok([images * 2.0 - 1.0, batch.labels])
        };
        let ([images, labels], [others, _]) = (of(&set.train)?, of(&set.test)?);
        let params = lab.params();
        let hidden = Linear::new(&params.path("hidden"), 64, FEATURES);
        let out = Linear::new(&params.path("out"), FEATURES, 10);
        let mut digits = TinyDigits { images, labels, others, hidden, out, reference: Vec::new() };
        let (mut opt, mut draws) = (Adam::new(&params), lab.draws(1000));
        for _ in 0..400 {
            let [x, y] = minibatch(&mut draws, 100, [&digits.images, &digits.labels])?;
            let loss = digits.out.forward(&digits.features(&x)).cross_entropy(&y);
            Optimize::step(&mut opt, loss.backward(), 0.01)?;
        }
        digits.reference = digits.features(&digits.others).to_vec()?;
        Ok(digits)
    }

    fn features(&self, images: &Tensor) -> Tensor {
        self.hidden.forward(&images.flatten(1, -1)).relu()
    }

    /// Classifies images `[M, 1, 8, 8]` and compares them with real ones.
    ///
    /// # Errors
    /// Those of the device.
    pub fn judge(&self, images: &Tensor) -> Result<Judged> {
        let features = self.features(images);
        let logits = self.out.forward(&features);
        let classes = logits.argmax(1, false).to_vec::<i32>()?;
        Ok(Judged {
            classes: classes.into_iter().map(|class| class as usize).collect(),
            probabilities: logits.softmax(-1).to_vec()?,
            fid: frechet_distance(&features.to_vec::<f32>()?, &self.reference, FEATURES),
        })
    }

    /// The side of the pictures of [`bytes`](TinyDigits::bytes).
    pub const SIDE: usize = 64;

    /// The images `[M, 1, 8, 8]` as bytes of smoothly enlarged pictures, one vector `[SIDE, SIDE]` per image: as blocks, digits of so few
    /// pixels are hard to read.
    ///
    /// # Errors
    /// Those of the device.
    pub fn bytes(images: &Tensor) -> Result<Vec<Vec<u8>>> {
        let side = [TinyDigits::SIDE; 2];
        let large = images.interpolate(Resize::To(&side), Interpolation::Cubic { align_corners: false });
        let pixels = ((large + 1.0) * 127.5).round().to_vec::<f32>()?;
        let image = |image: &[f32]| image.iter().map(|&p| p as u8).collect();
        Ok(pixels.chunks(TinyDigits::SIDE * TinyDigits::SIDE).map(image).collect())
    }
}
