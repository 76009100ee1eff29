//! The network of denoising diffusion models.

use autograd::{DType, Interpolation, Resize, Tensor, cat};
use models::{Conv2d, ConvBuilder, Embedding, GroupNorm, Init, Linear, Params};

use super::timestep_embedding;

/// Channels of a group of a norm.
const GROUP: usize = 8;

/// A residual block with a shift by time and class.
struct Block {
    norms: [GroupNorm; 2],
    convs: [Conv2d; 2],
    shift: Linear,
    skip: Option<Conv2d>,
}

impl Block {
    fn new(params: &Params, from: usize, to: usize, condition: usize) -> Block {
        let norm =
            |name: &str, channels: usize| GroupNorm::new(&params.path(name), channels / GROUP, channels);
        let conv = |name: &str, from: usize| conv3(params, name, from, to).build();
        Block {
            norms: [norm("norm1", from), norm("norm2", to)],
            convs: [conv("conv1", from), conv("conv2", to)],
            shift: Linear::new(&params.path("shift"), condition, to),
            skip: (from != to).then(|| Conv2d::new(&params.path("skip"), from, to, 1).build()),
        }
    }

    fn forward(&self, x: &Tensor, condition: &Tensor) -> Tensor {
        let layer = |i: usize, x: &Tensor| self.convs[i].forward(&self.norms[i].forward(x).silu());
        let shift = self.shift.forward(condition).unsqueeze(2).unsqueeze(3);
        let deep = layer(1, &(layer(0, x) + shift));
        match &self.skip {
            Some(skip) => skip.forward(x) + deep,
            None => x + deep,
        }
    }
}

fn conv3(params: &Params, name: &str, from: usize, to: usize) -> ConvBuilder<2> {
    Conv2d::new(&params.path(name), from, to, 3).padding(1)
}

/// Predicts the noise in images `[N, channels, H, W]` after steps `t [N]` of a diffusion, given their classes `[N]` (i32): a U-Net of residual
/// blocks, each of which is shifted by an embedding of time and class (Ho et al. 2020, "Denoising diffusion probabilistic models", appendix
/// B, without attention). A class that the images need not have may stand for no class. Parameters `time1.*`, `time2.*`, `class.*`,
/// `first.*`, `down0.*`, `half0.*` and so on, `middle.*`, `double0.*`, `up0.*` and so on, `norm.*` and `last.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::DenoisingUNet;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let net = DenoisingUNet::new(&Params::new(&device, 1), 3, &[8, 16], 10);
/// let (t, classes) = (Tensor::zeros(&device, &[5]), Tensor::arange(&device, 5));
/// let noise = net.forward(&Tensor::zeros(&device, &[5, 3, 8, 12]), &t, &classes);
/// assert_eq!(noise.shape(), [5, 3, 8, 12]);
/// // The weights of the last layer start at 0, so that only its bias is left.
/// let [most, least] = [noise.amax(&[0, 2, 3], false), noise.amin(&[0, 2, 3], false)];
/// assert_eq!((most - least).abs().sum_all().item()?, 0.0);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct DenoisingUNet {
    base: usize,
    time: [Linear; 2],
    class: Embedding,
    first: Conv2d,
    /// From each size a block, and a convolution to half the size.
    down: Vec<(Block, Conv2d)>,
    middle: Block,
    /// To each size a convolution of enlarged images, and a block.
    up: Vec<(Conv2d, Block)>,
    norm: GroupNorm,
    last: Conv2d,
}

impl DenoisingUNet {
    /// `widths` are the numbers of channels at full size, half the size and so on.
    ///
    /// # Panics
    /// When there are no widths, or one is not a multiple of 8.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, widths: &[usize], classes: usize) -> DenoisingUNet {
        let valid = !widths.is_empty() && widths.iter().all(|width| width.is_multiple_of(GROUP));
        assert!(valid, "DenoisingUNet: widths {widths:?} that are not multiples of {GROUP}");
        let (base, condition) = (widths[0], 4 * widths[0]);
        let block = |name: String, from, to| Block::new(&params.path(name), from, to, condition);
        let steps = || widths.windows(2).enumerate().map(|(i, pair)| (i, pair[0], pair[1]));
        let down = |(i, wide, narrow)| {
            let half = conv3(params, &format!("half{i}"), wide, narrow).stride(2).build();
            (block(format!("down{i}"), wide, wide), half)
        };
        let up = |(i, wide, narrow)| {
            (
                conv3(params, &format!("double{i}"), narrow, wide).build(),
                block(format!("up{i}"), 2 * wide, wide),
            )
        };
        let least = widths[widths.len() - 1];
        DenoisingUNet {
            base,
            time: [
                Linear::new(&params.path("time1"), base, condition),
                Linear::new(&params.path("time2"), condition, condition),
            ],
            class: Embedding::new(&params.path("class"), classes, condition),
            first: conv3(params, "first", channels, base).build(),
            down: steps().map(down).collect(),
            middle: block("middle".into(), least, least),
            up: steps().map(up).collect(),
            norm: GroupNorm::new(&params.path("norm"), base / GROUP, base),
            last: conv3(params, "last", base, channels).init(Init::ZEROS).build(),
        }
    }

    /// `t` are numbers of steps, of any type.
    ///
    /// # Panics
    /// When the shapes do not fit, or a side is not a multiple of 2 for each width but the first.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, t: &Tensor, classes: &Tensor) -> Tensor {
        let multiple = 1 << self.down.len();
        let fits = images.rank() == 4 && images.shape()[2..].iter().all(|n| n.is_multiple_of(multiple));
        assert!(
            fits,
            "DenoisingUNet: images {:?} with sides that are not multiples of {multiple}",
            images.shape()
        );
        let waves = timestep_embedding(&t.to(DType::F32), self.base);
        let time = self.time[1].forward(&self.time[0].forward(&waves).silu());
        let condition = (time + self.class.forward(classes)).silu();
        let mut x = self.first.forward(images);
        let mut seen = vec![];
        for (block, half) in &self.down {
            x = block.forward(&x, &condition);
            seen.push(x.clone());
            x = half.forward(&x);
        }
        x = self.middle.forward(&x, &condition);
        for ((double, block), seen) in self.up.iter().zip(&seen).rev() {
            let large = x.interpolate(Resize::By(&[2.0, 2.0]), Interpolation::Nearest);
            x = block.forward(&cat(&[&double.forward(&large), seen], 1), &condition);
        }
        self.last.forward(&self.norm.forward(&x).silu())
    }
}
