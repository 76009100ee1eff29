//! Losses on the features that a network computes from images.

use super::Reduction;
use crate::Tensor;

impl Tensor {
    /// The Gram matrix of features `[N, C, ..]`: the products of all pairs of channels, averaged over positions and channels,
    /// `[N, C, C]` (Gatys et al. 2016, scaled as in Johnson et al. 2016).
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 0.0, 4.0], &[1, 2, 1, 2])?;
    /// assert_eq!(x.gram_matrix().to_vec::<f32>()?, [1.25, 2.0, 2.0, 4.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When `self` has no positions.
    #[track_caller]
    pub fn gram_matrix(&self) -> Tensor {
        assert!(self.rank() > 2, "gram_matrix: features {:?} are not [N, C, ..]", self.shape());
        let rows = self.flatten(2, -1);
        let count = rows.shape()[1] * rows.shape()[2];
        rows.matmul(&rows.transpose(1, 2)) / count as f32
    }
}

/// The mean squared differences of features, added up over layers (Johnson et al. 2016): how different two images look to the network
/// that computes the features.
///
/// # Panics
/// When the layers do not fit, or there are none.
#[track_caller]
pub fn perceptual_loss(features: &[Tensor], targets: &[Tensor]) -> Tensor {
    let (f, t) = (features.len(), targets.len());
    assert!(f == t && f > 0, "perceptual_loss: features of {f} layers, targets of {t}");
    let mut sum: Option<Tensor> = None;
    for (f, t) in features.iter().zip(targets) {
        assert!(f.shape() == t.shape(), "perceptual_loss: features {:?}, targets {:?}", f.shape(), t.shape());
        let loss = f.mse_loss(t, Reduction::Mean);
        sum = Some(sum.map_or(loss.clone(), |sum| sum + loss));
    }
    sum.expect("there is one")
}

/// [`perceptual_loss`] of the features' Gram matrices: compares style, not content (Gatys et al. 2016).
///
/// ```
/// # use autograd::{Device, Tensor, perceptual_loss, style_loss};
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[1, 1, 2])?;
/// let [a, b] = [[x.clone()], [x.flip(&[2])]];
/// assert_eq!((perceptual_loss(&a, &b).item()?, style_loss(&a, &b).item()?), (1.0, 0.0));
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the layers do not fit, or there are none.
#[track_caller]
pub fn style_loss(features: &[Tensor], targets: &[Tensor]) -> Tensor {
    // A loop: a closure would hide the caller's line.
    let mut grams = [vec![], vec![]];
    for (grams, layers) in grams.iter_mut().zip([features, targets]) {
        for layer in layers {
            grams.push(layer.gram_matrix());
        }
    }
    perceptual_loss(&grams[0], &grams[1])
}
