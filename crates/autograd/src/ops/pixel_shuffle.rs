//! Rearranging channels as pixels (Shi et al. 2016, "sub-pixel convolution").

use crate::Tensor;

impl Tensor {
    /// `[.., C r^2, H, W]` to `[.., C, H r, W r]`: each position's `r^2` channels become a square of pixels.
    ///
    /// # Panics
    /// When there are fewer than 3 dimensions, or `r^2` does not divide the channels.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0, 4.0], &[4, 1, 1])?;
    /// let y = x.pixel_shuffle(2);
    /// assert_eq!(y.shape(), [1, 2, 2]);
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn pixel_shuffle(&self, r: usize) -> Tensor {
        let x = self.shape();
        let fits = x.len() >= 3 && r > 0 && x[x.len() - 3].is_multiple_of(r * r);
        assert!(fits, "pixel_shuffle: input {x:?}, factor {r}");
        let (batch, [c, h, w]) = image(self);
        let apart = self.reshape(&[batch.iter().product(), c / (r * r), r, r, h, w]);
        let pixels = apart.permute(&[0, 1, 4, 2, 5, 3]);
        pixels.reshape(&[batch, &[c / (r * r), h * r, w * r]].concat())
    }

    /// The inverse of [`pixel_shuffle`](Tensor::pixel_shuffle): `[.., C, H r, W r]` to `[.., C r^2, H, W]`.
    ///
    /// # Panics
    /// When there are fewer than 3 dimensions, or `r` does not divide height and width.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0, 4.0], &[1, 2, 2])?;
    /// assert_eq!(x.pixel_unshuffle(2).shape(), [4, 1, 1]);
    /// assert_eq!(x.pixel_unshuffle(2).to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn pixel_unshuffle(&self, r: usize) -> Tensor {
        let x = self.shape();
        let fits = x.len() >= 3 && r > 0 && x[x.len() - 2..].iter().all(|n| n.is_multiple_of(r));
        assert!(fits, "pixel_unshuffle: input {x:?}, factor {r}");
        let (batch, [c, h, w]) = image(self);
        let apart = self.reshape(&[batch.iter().product(), c, h / r, r, w / r, r]);
        let channels = apart.permute(&[0, 1, 3, 5, 2, 4]);
        channels.reshape(&[batch, &[c * r * r, h / r, w / r]].concat())
    }
}

/// The leading dimensions, and the last three.
fn image(x: &Tensor) -> (&[usize], [usize; 3]) {
    let (batch, image) = x.shape().split_at(x.rank() - 3);
    (batch, [image[0], image[1], image[2]])
}
