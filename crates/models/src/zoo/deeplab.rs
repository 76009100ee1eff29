//! DeepLab v3 (Chen et al. 2017, "Rethinking atrous convolution for semantic image segmentation").

use autograd::{Interpolation, Pool2d, Resize, Tensor, cat};

use super::conv_norm::ConvNorm;
use crate::{BatchNorm2d, Conv2d, Init, Mode, Params};

/// A small DeepLab from images `[N, channels, H, W]` to logits `[N, classes, H, W]` of every pixel: a convolution, halved once by
/// pooling; dilated convolutions, which have a large receptive field without losing resolution; atrous spatial pyramid pooling, which
/// applies convolutions of several dilations and global average pooling to the same features; and bilinear upsampling. Parameters
/// `stem.*`, `dilated1.*` and `dilated2.*`, `aspp.point.*`, `aspp.0.*` and so on for the rates, `aspp.image.*`, `aspp.project.*` and
/// `head.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{DeepLab, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = DeepLab::new(&params, 3, 8, &[1, 2], 4);
/// // Stem, two dilated convolutions, a 1x1 and two 3x3 branches, image branch and projection, each with batch norm; and the head.
/// let branches = (16 * 16 + 32) + 2 * (144 * 16 + 32) + (16 * 16 + 32) + (64 * 16 + 32);
/// assert_eq!(params.count(), (27 * 8 + 16) + (72 * 16 + 32) + (144 * 16 + 32) + branches + (16 * 4 + 4));
/// let logits = net.forward(&Tensor::zeros(&device, &[1, 3, 8, 12]), Mode::Eval);
/// assert_eq!(logits.shape(), [1, 4, 8, 12]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct DeepLab {
    stem: ConvNorm,
    dilated: [Dilated; 2],
    point: ConvNorm,
    branches: Vec<Dilated>,
    image: ConvNorm,
    project: ConvNorm,
    head: Conv2d,
}

impl DeepLab {
    /// `base` feature maps in the stem and twice as many after it; one branch of the pyramid for each of the dilation `rates`.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, base: usize, rates: &[usize], classes: usize) -> DeepLab {
        let wide = 2 * base;
        let aspp = params.path("aspp");
        let point = |name: &str, from| ConvNorm::new(&aspp.path(name), from, wide, 1, 1, 1);
        let branch = |(i, &rate): (usize, &usize)| Dilated::new(&aspp.path(i), wide, wide, rate);
        DeepLab {
            stem: ConvNorm::new(&params.path("stem"), channels, base, 3, 1, 1),
            dilated: [
                Dilated::new(&params.path("dilated1"), base, wide, 1),
                Dilated::new(&params.path("dilated2"), wide, wide, 2),
            ],
            point: point("point", wide),
            branches: rates.iter().enumerate().map(branch).collect(),
            image: point("image", wide),
            project: point("project", (rates.len() + 2) * wide),
            head: Conv2d::new(&params.path("head"), wide, classes, 1).build(),
        }
    }

    /// # Panics
    /// When the images have a different number of channels, or odd sides.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let fits = images.rank() == 4 && images.shape()[2..].iter().all(|n| n.is_multiple_of(2));
        assert!(fits, "DeepLab: images {:?} with odd sides", images.shape());
        let mut x = self.stem.forward(images, mode).relu().max_pool2d(Pool2d::new(2)).0;
        for dilated in &self.dilated {
            x = dilated.forward(&x, mode);
        }
        let mut parts = vec![self.point.forward(&x, mode).relu()];
        parts.extend(self.branches.iter().map(|branch| branch.forward(&x, mode)));
        let whole = self.image.forward(&x.mean(&[2, 3], true), mode).relu();
        parts.push(whole.expand(parts[0].shape()));
        let joined = cat(&parts.iter().collect::<Vec<_>>(), 1);
        let logits = self.head.forward(&self.project.forward(&joined, mode).relu());
        logits.interpolate(Resize::By(&[2.0]), Interpolation::Linear { align_corners: false })
    }
}

/// A dilated 3x3 convolution that keeps the size, batch norm and ReLU.
struct Dilated(ConvNorm);

impl Dilated {
    #[track_caller]
    fn new(params: &Params, inputs: usize, outputs: usize, rate: usize) -> Dilated {
        let conv = Conv2d::new(&params.path(0), inputs, outputs, 3).padding(rate).dilation(rate);
        let conv = conv.no_bias().init(Init::HE_FAN_OUT).build();
        Dilated(ConvNorm(conv, BatchNorm2d::new(&params.path(1), outputs)))
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.0.forward(x, mode).relu()
    }
}
