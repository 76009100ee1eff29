//! The U-Net (Ronneberger, Fischer and Brox 2015).

use autograd::{Pool2d, Tensor, cat};

use crate::{BatchNorm2d, Conv2d, ConvTranspose2d, Mode, Params};

/// A network from images `[N, channels, H, W]` to logits `[N, classes, H, W]` of every pixel: two stages down, two up, and skip
/// connections between stages of the same size. With padded convolutions and batch norm. Parameters `down1.*`, `down2.*`, `mid.*`,
/// `up2.*`, `dec2.*`, `up1.*`, `dec1.*` (each stage with `conv1`, `bn1`, `conv2`, `bn2`) and `head.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Params, UNet};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = UNet::new(&params, 3, 8, 1);
/// assert_eq!(params.count(), 29_625);
/// let logits = net.forward(&Tensor::zeros(&device, &[1, 3, 8, 12]), Mode::Eval);
/// assert_eq!(logits.shape(), [1, 1, 8, 12]);
/// // Untrained, both classes are about equally probable.
/// assert!((logits.sigmoid().mean_all().item()? - 0.5).abs() < 0.2);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct UNet {
    down1: DoubleConv,
    down2: DoubleConv,
    mid: DoubleConv,
    up2: ConvTranspose2d,
    dec2: DoubleConv,
    up1: ConvTranspose2d,
    dec1: DoubleConv,
    head: Conv2d,
}

impl UNet {
    /// `base` feature maps in the first stage, twice as many in each further one.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, base: usize, classes: usize) -> UNet {
        let stage = |name: &str, from, to| DoubleConv::new(&params.path(name), from, to);
        let up =
            |name: &str, from, to| ConvTranspose2d::new(&params.path(name), from, to, 2).stride(2).build();
        UNet {
            down1: stage("down1", channels, base),
            down2: stage("down2", base, 2 * base),
            mid: stage("mid", 2 * base, 4 * base),
            up2: up("up2", 4 * base, 2 * base),
            dec2: stage("dec2", 4 * base, 2 * base),
            up1: up("up1", 2 * base, base),
            dec1: stage("dec1", 2 * base, base),
            head: Conv2d::new(&params.path("head"), base, classes, 1).build(),
        }
    }

    /// # Panics
    /// When the images have a different number of channels, or sides that are not multiples of 4.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let fits = images.rank() == 4 && images.shape()[2..].iter().all(|n| n.is_multiple_of(4));
        assert!(fits, "UNet: images {:?} with sides that are not multiples of 4", images.shape());
        let skip1 = self.down1.forward(images, mode);
        let skip2 = self.down2.forward(&halved(&skip1), mode);
        let x = self.mid.forward(&halved(&skip2), mode);
        let x = self.dec2.forward(&cat(&[&self.up2.forward(&x), &skip2], 1), mode);
        let x = self.dec1.forward(&cat(&[&self.up1.forward(&x), &skip1], 1), mode);
        self.head.forward(&x)
    }
}

#[track_caller]
fn halved(x: &Tensor) -> Tensor {
    x.max_pool2d(Pool2d::new(2)).0
}

/// A 3x3 convolution, batch norm and ReLU, twice.
struct DoubleConv {
    convs: [Conv2d; 2],
    norms: [BatchNorm2d; 2],
}

impl DoubleConv {
    #[track_caller]
    fn new(params: &Params, inputs: usize, outputs: usize) -> DoubleConv {
        let conv =
            |name, from| Conv2d::new(&params.path(name), from, outputs, 3).padding(1).no_bias().build();
        let norm = |name| BatchNorm2d::new(&params.path(name), outputs);
        DoubleConv { convs: [conv("conv1", inputs), conv("conv2", outputs)], norms: ["bn1", "bn2"].map(norm) }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut x = x.clone();
        for (conv, norm) in self.convs.iter().zip(&self.norms) {
            x = norm.forward(&conv.forward(&x), mode).relu();
        }
        x
    }
}
