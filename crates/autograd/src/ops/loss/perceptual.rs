//! Losses on the features that a network finds in images.

use super::Reduction;
use crate::Tensor;

impl Tensor {
    /// How much the channels of features `[N, C, ..]` go together: their products, averaged over positions and channels,
    /// `[N, C, C]` (Gatys et al. 2016, scaled as Johnson et al. 2016).
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

/// The mean squared differences of features, added up over layers (Johnson et al. 2016): how unlike two images look to the
/// network that the features come from.
///
/// # Panics
/// When the layers do not fit, or there are none.
#[track_caller]
pub fn perceptual_loss(features: &[Tensor], targets: &[Tensor]) -> Tensor {
    let (f, t) = (features.len(), targets.len());
    assert!(f == t && f > 0, "perceptual_loss: features of {f} layers, targets of {t}");
    let losses: Vec<Tensor> =
        features.iter().zip(targets).map(|(f, t)| f.mse_loss(t, Reduction::Mean)).collect();
    losses.into_iter().reduce(|a, b| a + b).expect("there is one")
}

/// [`perceptual_loss`] of the features' Gram matrices: style without content (Gatys et al. 2016).
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
    let grams = |layers: &[Tensor]| layers.iter().map(Tensor::gram_matrix).collect::<Vec<_>>();
    perceptual_loss(&grams(features), &grams(targets))
}
