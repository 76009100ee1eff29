//! Losses for segmentation: how little two regions overlap.

use super::{Reduction, expect_same};
use crate::Tensor;

impl Tensor {
    /// One minus the Dice coefficient `2 |P T| / (|P| + |T|)` of probabilities `P` with masks `T`, both `[N, C, ..]`, for every class
    /// of every image: `[N, C]` before the reduction (Milletari et al. 2016). `smooth` is added to numerator and denominator, so that
    /// an empty mask that is predicted empty costs nothing.
    ///
    /// ```
    /// # use autograd::{Device, Reduction, Tensor};
    /// let device = Device::named("cpu")?;
    /// let [p, mask] = [[1.0f32, 1.0, 0.0], [1.0, 0.0, 0.0]].map(|v| Tensor::constant(&device, &v, &[1, 1, 3]));
    /// assert!((p.dice_loss(&mask, 0.0, Reduction::Mean).item()? - 1.0 / 3.0).abs() < 1e-6);
    /// assert!((p.iou_loss(&mask, 0.0, Reduction::Mean).item()? - 0.5).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes differ, or there are no pixels.
    #[track_caller]
    pub fn dice_loss(&self, target: &Tensor, smooth: f32, reduction: Reduction) -> Tensor {
        let (both, sizes) = self.overlap("dice_loss", target);
        reduction.apply(&(1.0 - (both * 2.0 + smooth) / (sizes + smooth)))
    }

    /// One minus the soft Jaccard index (intersection over union) `|P T| / (|P| + |T| - |P T|)`; otherwise as
    /// [`dice_loss`](Tensor::dice_loss).
    ///
    /// # Panics
    /// When the shapes differ, or there are no pixels.
    #[track_caller]
    pub fn iou_loss(&self, target: &Tensor, smooth: f32, reduction: Reduction) -> Tensor {
        let (both, sizes) = self.overlap("iou_loss", target);
        reduction.apply(&(1.0 - (&both + smooth) / (sizes - &both + smooth)))
    }

    /// `|P T|` and `|P| + |T|`, `[N, C]`.
    #[track_caller]
    fn overlap(&self, op: &str, target: &Tensor) -> (Tensor, Tensor) {
        expect_same(op, self, target);
        assert!(self.rank() > 2, "{op}: input {:?} is not [N, C, ..]", self.shape());
        let pixels: Vec<isize> = (2..self.rank() as isize).collect();
        ((self * target).sum(&pixels, false), (self + target).sum(&pixels, false))
    }
}
