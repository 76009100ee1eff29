//! Images so small that generative models learn them in seconds, and a classifier that rates generated ones.

use std::sync::Arc;

use anyhow::Result;
use linalg::frechet_distance;
use wgrad::data::{self, Dataset};
use wgrad::models::Optimize;
use wgrad::prelude::*;

use crate::digits::{first_digits, quartered};
use crate::photographs::are_photographs;
use crate::{Lab, minibatch};

/// The help text of `--data` in studies of tiny images.
pub const TINY_IMAGES: &str = "digits in MNIST's format, of 28x28 or 8x8, as atlas/fixtures/digits; or colour images of 32x32 in CIFAR-10's \
    format, or as train/CLASS/*.jpg and test/CLASS/*.jpg";

impl Lab {
    /// [`small_digits`](Lab::small_digits), `[1, 7, 7]`; with `--data` of colour images of 32x32, 25 times as many
    /// [`photographs`](Lab::photographs) (or all there are) at a quarter of their side, `[3, 8, 8]`.
    ///
    /// # Errors
    /// Data that cannot be read, or of another size.
    pub fn tiny_images(&self, train: usize, test: usize) -> Result<Dataset> {
        let Some(path) = self.data() else { return self.small_digits(train, test) };
        let set = data::load(path)?;
        quartered(match are_photographs(&set) {
            true => self.sample(set, 25 * train, test)?,
            false => first_digits(set, train, test)?,
        })
    }
}

/// [`tiny_images`](Lab::tiny_images) with a margin around digits, and a classifier trained on them.
pub struct TinyImages {
    /// `[N, C, 8, 8]`, from -1 to 1: digits of one channel, or photographs of three.
    pub images: Tensor,
    /// Class indices `[N]`, i32.
    pub labels: Tensor,
    /// The names of the classes.
    pub classes: Arc<[String]>,
    /// Other images of the same kind, not used in training, `[M, C, 8, 8]`.
    pub others: Tensor,
    /// Their class indices `[M]`, i32.
    pub other_labels: Tensor,
    hidden: Linear,
    out: Linear,
    /// Features of the other images.
    reference: Vec<f32>,
}

/// The result of [`TinyImages::judge`].
pub struct Judged {
    /// The predicted class of each image.
    pub classes: Vec<usize>,
    /// The classifier's probabilities, `[M, 10]`.
    pub probabilities: Vec<f32>,
    /// The Fréchet distance from real images in the classifier's features, an FID.
    pub fid: f64,
}

const FEATURES: usize = 32;

impl TinyImages {
    /// `count` digits or as many photographs as [`tiny_images`](Lab::tiny_images) has for them, and a classifier trained on them.
    ///
    /// # Errors
    /// Those of the device.
    pub fn new(lab: &Lab, count: usize) -> Result<TinyImages> {
        let set = lab.tiny_images(count, 1000)?;
        let of = |set: &data::ImageSet| -> Result<[Tensor; 2]> {
            let batch = set.to_device(lab.device())?;
            let images = match set.shape() {
                // Strokes are thinner than a pixel: brightening makes them easier to see.
                [1, 7, 7] => {
                    (batch.images.pad(&[(1, 0), (1, 0)], Padding::Constant(0.0)) * 1.6).clamp_max(1.0)
                }
                _ => batch.images,
            };
            Ok([images * 2.0 - 1.0, batch.labels])
        };
        let ([images, labels], [others, other_labels]) = (of(&set.train)?, of(&set.test)?);
        let params = lab.params();
        let channels = images.size(1);
        let hidden = Linear::new(&params.path("hidden"), 64 * channels, FEATURES);
        let out = Linear::new(&params.path("out"), FEATURES, 10);
        let classes = set.train.classes().clone();
        let mut tiny =
            TinyImages { images, labels, classes, others, other_labels, hidden, out, reference: Vec::new() };
        let (mut opt, mut draws) = (Adam::new(&params), lab.draws(1000));
        let (steps, rate) = if channels == 1 { (400, 0.01) } else { (4000, 0.002) };
        for _ in 0..steps {
            let [x, y] = minibatch(&mut draws, 100, [&tiny.images, &tiny.labels])?;
            let loss = tiny.out.forward(&tiny.features(&x)).cross_entropy(&y);
            Optimize::step(&mut opt, loss.backward(), rate)?;
        }
        tiny.reference = tiny.features(&tiny.others).to_vec()?;
        Ok(tiny)
    }

    /// 1 for digits, 3 for photographs.
    pub fn channels(&self) -> usize {
        self.images.size(1)
    }

    fn features(&self, images: &Tensor) -> Tensor {
        self.hidden.forward(&images.flatten(1, -1)).relu()
    }

    /// Classifies images `[M, C, 8, 8]` and compares them with real ones.
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

    /// The share of the other images whose class the classifier finds.
    ///
    /// # Errors
    /// Those of the device.
    pub fn accuracy(&self) -> Result<f64> {
        let logits = self.out.forward(&self.features(&self.others));
        let right = logits.argmax(1, false).eq(&self.other_labels).to(DType::F32);
        Ok(right.mean_all().item()?.into())
    }

    /// The side of the pictures of [`bytes`](TinyImages::bytes).
    pub const SIDE: usize = 64;

    /// Images `[M, C, H, W]` as bytes of smoothly enlarged pictures, one vector `[C, SIDE, SIDE]` per image: as blocks, images of so few
    /// pixels are hard to read.
    ///
    /// # Errors
    /// Those of the device.
    pub fn bytes(images: &Tensor) -> Result<Vec<Vec<u8>>> {
        let side = [TinyImages::SIDE; 2];
        let large = images.interpolate(Resize::To(&side), Interpolation::Cubic { align_corners: false });
        let pixels = ((large + 1.0) * 127.5).round().to_vec::<f32>()?;
        let image = |image: &[f32]| image.iter().map(|&p| p as u8).collect();
        Ok(pixels.chunks(images.size(1) * TinyImages::SIDE * TinyImages::SIDE).map(image).collect())
    }
}
