//! The generator of SRGAN (Ledig et al. 2017).

use autograd::Tensor;
use models::{BatchNorm2d, Conv2d, Mode, PRelu, Params};

struct Residual {
    convs: [Conv2d; 2],
    norms: [BatchNorm2d; 2],
    relu: PRelu,
}

impl Residual {
    fn new(params: &Params, width: usize) -> Residual {
        let conv =
            |name: &str| Conv2d::new(&params.path(name), width, width, 3).padding_same().no_bias().build();
        let norm = |name: &str| BatchNorm2d::new(&params.path(name), width);
        let relu = PRelu::new(&params.path("relu"), 1);
        Residual { convs: ["conv1", "conv2"].map(conv), norms: ["norm1", "norm2"].map(norm), relu }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let layer = |i: usize, x: &Tensor| self.norms[i].forward(&self.convs[i].forward(x), mode);
        x + layer(1, &self.relu.forward(&layer(0, x)))
    }
}

/// Small images `[N, channels, H, W]` to `[N, channels, 2^doublings H, 2^doublings W]`: residual blocks at the small size, a connection
/// around them, and convolutions whose channels [become pixels](Tensor::pixel_shuffle) (SRResNet of Ledig et al. 2017, "Photo-realistic
/// single image super-resolution using a generative adversarial network", figure 4, with kernels of 3 at both ends). Trained by mean
/// squared error alone it is SRResNet, with a loss of features and a discriminator SRGAN. Parameters `first.*`, `first_relu.*`, `block0.*`
/// and so on, `middle.*`, `middle_norm.*`, `up0.*`, `up0_relu.*` and so on, `last.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::SrResNet;
/// use models::{Mode, Params};
/// let device = Device::named("cpu")?;
/// let net = SrResNet::new(&Params::new(&device, 1), 3, 8, 2, 2);
/// assert_eq!(net.forward(&Tensor::zeros(&device, &[5, 3, 6, 8]), Mode::Eval).shape(), [5, 3, 24, 32]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct SrResNet {
    first: (Conv2d, PRelu),
    blocks: Vec<Residual>,
    middle: (Conv2d, BatchNorm2d),
    ups: Vec<(Conv2d, PRelu)>,
    last: Conv2d,
}

impl SrResNet {
    /// `width` is the number of channels of a block.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, width: usize, blocks: usize, doublings: usize) -> SrResNet {
        let conv =
            |name: &str, from: usize, to: usize| Conv2d::new(&params.path(name), from, to, 3).padding_same();
        let relu = |name: &str| PRelu::new(&params.path(name), 1);
        let up = |i: usize| (conv(&format!("up{i}"), width, 4 * width).build(), relu(&format!("up{i}_relu")));
        SrResNet {
            first: (conv("first", channels, width).build(), relu("first_relu")),
            blocks: (0..blocks).map(|i| Residual::new(&params.path(format!("block{i}")), width)).collect(),
            middle: (
                conv("middle", width, width).no_bias().build(),
                BatchNorm2d::new(&params.path("middle_norm"), width),
            ),
            ups: (0..doublings).map(up).collect(),
            last: conv("last", width, channels).build(),
        }
    }

    /// # Panics
    /// When `small` has a different number of channels.
    #[track_caller]
    pub fn forward(&self, small: &Tensor, mode: Mode) -> Tensor {
        let (conv, relu) = &self.first;
        let first = relu.forward(&conv.forward(small));
        let deep = self.blocks.iter().fold(first.clone(), |x, block| block.forward(&x, mode));
        let (conv, norm) = &self.middle;
        let whole = first + norm.forward(&conv.forward(&deep), mode);
        let up = |x: Tensor, (conv, relu): &(Conv2d, PRelu)| relu.forward(&conv.forward(&x).pixel_shuffle(2));
        self.last.forward(&self.ups.iter().fold(whole, up))
    }
}
