//! The discriminator of patches (Isola et al. 2017).

use autograd::{Tensor, cat};
use models::{BatchNorm2d, Conv2d, Init, Mode, Params};

const WEIGHT: Init = Init::Normal { mean: 0.0, std: 0.02 };

/// Scores every patch of a picture beside its condition, from a condition `[N, C, H, W]` and a picture `[N, D, H, W]` to scores
/// `[N, 1, h, w]`, logits of being real: convolutions 4 x 4 of stride 2 that double the channels, then two of stride 1, leaky ReLU (0.2),
/// batch norm on all but the first and the last (PatchGAN of Isola et al. 2017, "Image-to-image translation", which has three of stride 2 and
/// sees patches of 70 x 70). As a patch is all that a score depends on, it judges texture, and an L1 loss the rest. Parameters `conv0.*`,
/// `conv1.*`, `norm1.*` and so on.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::PatchDiscriminator;
/// use models::{Mode, Params};
/// let device = Device::named("cpu")?;
/// let net = PatchDiscriminator::new(&Params::new(&device, 1), 2 + 3, 8, 1);
/// assert_eq!(net.patch(), 16);
/// let [condition, picture] = [2, 3].map(|channels| Tensor::zeros(&device, &[5, channels, 16, 16]));
/// assert_eq!(net.forward(&condition, &picture, Mode::Train).shape(), [5, 1, 6, 6]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct PatchDiscriminator {
    layers: Vec<(Conv2d, Option<BatchNorm2d>)>,
    last: Conv2d,
}

impl PatchDiscriminator {
    /// For conditions and pictures of `channels` together; `width` is the number of channels after the first layer, and `halvings` that of
    /// convolutions of stride 2.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, width: usize, halvings: usize) -> PatchDiscriminator {
        let conv = |stage: usize, from: usize, to: usize| {
            let builder = Conv2d::new(&params.path(format!("conv{stage}")), from, to, 4).padding(1);
            builder.stride(if stage < halvings { 2 } else { 1 }).init(WEIGHT).build()
        };
        let layer = |stage: usize| {
            let (from, to) = (if stage == 0 { channels } else { width << (stage - 1) }, width << stage);
            let norm = || BatchNorm2d::new(&params.path(format!("norm{stage}")), to);
            (conv(stage, from, to), (stage > 0).then(norm))
        };
        let layers = (0..=halvings).map(layer).collect();
        PatchDiscriminator { layers, last: conv(halvings + 1, width << halvings, 1) }
    }

    /// The side of the patches that scores depend on.
    pub fn patch(&self) -> usize {
        // Through two layers of stride 1, then those of stride 2.
        (0..self.layers.len() - 1).fold(7, |side, _| 2 * side + 2)
    }

    /// # Panics
    /// When the channels do not fit, or the pictures are smaller than the kernels.
    #[track_caller]
    pub fn forward(&self, condition: &Tensor, picture: &Tensor, mode: Mode) -> Tensor {
        let step = |x: Tensor, (conv, norm): &(Conv2d, Option<BatchNorm2d>)| {
            let x = conv.forward(&x);
            norm.as_ref().map_or(x.clone(), |norm| norm.forward(&x, mode)).leaky_relu(0.2)
        };
        self.last.forward(&self.layers.iter().fold(cat(&[condition, picture], 1), step))
    }
}
