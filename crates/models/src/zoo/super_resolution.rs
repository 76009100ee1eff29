//! Super-resolution networks.

use autograd::{Interpolation, Resize, Tensor};

use crate::{Conv2d, Params};

/// Three convolutions that sharpen an image after upsampling (SRCNN, Dong et al. 2014): patch extraction, non-linear mapping and
/// reconstruction; from `[N, channels, H, W]` to the same shape. Parameters `conv1.*`, `conv2.*` and `conv3.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Params, Srcnn};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Srcnn::new(&params, 1, [64, 32]);
/// // 8,032 weights as in the paper, and the biases.
/// assert_eq!(params.count(), (81 * 64 + 64) + (64 * 32 + 32) + (25 * 32 + 1));
/// assert_eq!(net.forward(&Tensor::zeros(&device, &[1, 1, 12, 16])).shape(), [1, 1, 12, 16]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Srcnn {
    convs: [Conv2d; 3],
}

impl Srcnn {
    /// The widths of the features are 64 and 32 in the paper.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, [patches, features]: [usize; 2]) -> Srcnn {
        let conv = |name: &str, from, to, kernel| {
            Conv2d::new(&params.path(name), from, to, kernel).padding_same().build()
        };
        Srcnn {
            convs: [
                conv("conv1", channels, patches, 9),
                conv("conv2", patches, features, 1),
                conv("conv3", features, channels, 5),
            ],
        }
    }

    /// # Panics
    /// When the images have a different number of channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let [patches, features, image] = &self.convs;
        image.forward(&features.forward(&patches.forward(images).relu()).relu())
    }
}

/// Convolutions of the small image; the channels of the last result become pixels (ESPCN, Shi et al. 2016): from `[N, channels, H, W]` to
/// `[N, channels, scale * H, scale * W]`. The network learns the difference from bicubic interpolation (as in VDSR, Kim et al. 2016).
/// Parameters `conv1.*`, `conv2.*` and `conv3.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Espcn, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Espcn::new(&params, 1, [16, 8], 2);
/// assert_eq!(params.count(), (25 * 16 + 16) + (9 * 16 * 8 + 8) + (9 * 8 * 4 + 4));
/// assert_eq!(net.forward(&Tensor::zeros(&device, &[1, 1, 6, 8])).shape(), [1, 1, 12, 16]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Espcn {
    convs: [Conv2d; 3],
    scale: usize,
}

impl Espcn {
    /// The widths of the features are 64 and 32 in the paper.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, [wide, narrow]: [usize; 2], scale: usize) -> Espcn {
        let conv = |name: &str, from, to, kernel| {
            Conv2d::new(&params.path(name), from, to, kernel).padding_same().build()
        };
        Espcn {
            convs: [
                conv("conv1", channels, wide, 5),
                conv("conv2", wide, narrow, 3),
                conv("conv3", narrow, channels * scale * scale, 3),
            ],
            scale,
        }
    }

    /// # Panics
    /// When the images have a different number of channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let [first, second, third] = &self.convs;
        let detail = third.forward(&second.forward(&first.forward(images).tanh()).tanh());
        let cubic = Interpolation::Cubic { align_corners: false };
        detail.pixel_shuffle(self.scale) + images.interpolate(Resize::By(&[self.scale as f64]), cubic)
    }
}
