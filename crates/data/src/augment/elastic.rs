//! Elastic deformation.

use super::{Image, blur, warp};
use crate::draws::Draws;

/// Moves every pixel by a smooth random field (Simard et al. 2003, "Best practices for convolutional neural networks applied
/// to visual document analysis"): uniform numbers in -1..1 for each direction, smoothed by a Gaussian, times `alpha`.
#[doc(alias = "ElasticTransform")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elastic {
    /// Strength in pixels. Smoothing leaves displacements of about `alpha / (6 sigma)` pixels (standard deviation).
    pub alpha: f32,
    /// Standard deviation of the Gaussian in pixels.
    pub sigma: f32,
}

impl Default for Elastic {
    /// The paper's settings for digits of 29x29 pixels.
    fn default() -> Elastic {
        Elastic { alpha: 34.0, sigma: 4.0 }
    }
}

impl Elastic {
    pub(super) fn apply(&self, image: &mut Image, draws: &mut Draws) {
        let [_, height, width] = image.shape();
        let [dx, dy] = [(); 2].map(|()| {
            let mut field: Vec<f32> = (0..height * width).map(|_| draws.between(-1.0, 1.0)).collect();
            blur::smooth(&mut field, [height, width], self.sigma);
            field
        });
        let field: Vec<[f32; 2]> =
            dx.iter().zip(&dy).map(|(dx, dy)| [dx * self.alpha, dy * self.alpha]).collect();
        warp::displace(image, &field);
    }
}
