//! The network of airbench (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU").

use autograd::{Padding, Pool2d, Tensor, cat};

use crate::{BatchNorm2d, Conv2d, Init, Linear, Mode, Param, Params};

/// Channels after each of the three blocks.
const WIDTHS: [usize; 3] = [64, 256, 256];

/// Side of the patches that the first layer whitens.
const PATCH: usize = 2;

/// The number of values of a patch.
const VALUES: usize = 3 * PATCH * PATCH;

/// airbench94's network, which learns CIFAR-10 in few epochs: a fixed first layer that [whitens](Airbench::whiten) patches of 2 x 2, three
/// blocks of two 3 x 3 convolutions with max pooling, batch norm and GELU, and a linear layer; from images `[N, 3, 32, 32]` to logits
/// `[N, classes]`. The scales of its norms are fixed at 1. Parameters `whiten.*`, `block1.conv1.weight`, `block1.norm1.*` and so on to
/// `block3.norm2.*`, and `head.weight`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Airbench, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Airbench::new(&params, 10);
/// assert_eq!(params.trainable().iter().map(|p| p.value().numel()).sum::<usize>(), 1_971_352);
/// let logits = net.forward(&Tensor::zeros(&device, &[2, 3, 32, 32]), Mode::Eval);
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?;
/// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Airbench {
    whiten: Conv2d,
    filters: Param,
    blocks: Vec<[(Conv2d, BatchNorm2d); 2]>,
    head: Linear,
}

impl Airbench {
    /// A network for `classes` classes. As many filters of each convolution as it has inputs pass one input on at first.
    #[track_caller]
    pub fn new(params: &Params, classes: usize) -> Airbench {
        let first = params.path("whiten");
        let whiten = Conv2d::new(&first, 3, 2 * VALUES, PATCH).build();
        let filters = weight(&first);
        first.freeze("*.weight");
        let widths = [[2 * VALUES, WIDTHS[0]], [WIDTHS[0], WIDTHS[1]], [WIDTHS[1], WIDTHS[2]]];
        let blocks = (1..).zip(widths).map(|(i, [from, to])| {
            let path = params.path(format!("block{i}"));
            [(1, from), (2, to)].map(|(i, from)| {
                let of_norm = path.path(format!("norm{i}"));
                let norm = BatchNorm2d::new(&of_norm, to).eps(1e-12);
                of_norm.freeze("*.weight");
                (passing(&path.path(format!("conv{i}")), from, to), norm)
            })
        });
        let blocks = blocks.collect();
        let of_head = params.path("head");
        let head = Linear::no_bias(&of_head, WIDTHS[2], classes);
        of_head.redraw("*.weight", Init::Normal { mean: 0.0, std: 1.0 });
        Airbench { whiten, filters, blocks, head }
    }

    /// Sets the first layer's filters to the principal components of patches, each divided by its standard deviation, and to their negatives
    /// (Page 2019), from the eigenvalues `[12]` and eigenvectors (columns of `[12, 12]`) of the [moments of patches](Airbench::patches).
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::{Airbench, Params};
    /// let device = Device::named("cpu")?;
    /// let params = Params::new(&device, 42);
    /// // Patches of white noise of deviation 2.
    /// let (values, vectors) = (Tensor::full(&device, 4.0, &[12]), Tensor::ones(&device, &[12]).diag_embed(0));
    /// Airbench::new(&params, 10).whiten(&values, &vectors);
    /// let filters = params.get("whiten.weight").unwrap().value().to_vec::<f32>()?;
    /// assert!((filters[0] - 0.49997).abs() < 1e-5 && (filters[12 * 12] + 0.49997).abs() < 1e-5);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shapes are others.
    #[track_caller]
    pub fn whiten(&self, values: &Tensor, vectors: &Tensor) {
        let components = vectors.t() / (values + 5e-4).sqrt().reshape(&[VALUES, 1]);
        self.filters.set(&cat(&[&components, &-&components], 0).reshape(&[2 * VALUES, 3, PATCH, PATCH]));
    }

    /// The second moments `[12, 12]` of all patches of 2 x 2 pixels of `images` `[N, 3, H, W]`: their covariance if the mean is 0.
    #[track_caller]
    pub fn patches(images: &Tensor) -> Tensor {
        let patches = images.unfold([PATCH; 2], [1; 2], [0; 2], [1; 2]).transpose(1, 2).flatten(0, 1);
        patches.t().matmul(&patches) / patches.size(0) as f32
    }

    /// # Panics
    /// When the images have another size or number of channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.whiten.forward(images).gelu();
        for [(conv1, norm1), (conv2, norm2)] in &self.blocks {
            x = norm1.forward(&conv1.forward(&x).max_pool2d(Pool2d::new(2)).0, mode).gelu();
            x = norm2.forward(&conv2.forward(&x), mode).gelu();
        }
        let features = x.max_pool2d(Pool2d::new(3)).0.flatten(1, 3);
        self.head.forward(&features) / features.size(1) as f32
    }
}

/// A 3 x 3 convolution whose first filters pass one input on each (`torch.nn.init.dirac_`).
#[track_caller]
fn passing(params: &Params, from: usize, to: usize) -> Conv2d {
    let conv = Conv2d::new(params, from, to, 3).padding(1).no_bias().build();
    let identity = Tensor::arange(params.device(), from).one_hot(from).reshape(&[from, from, 1, 1]);
    let first = identity.pad(&[(1, 1), (1, 1)], Padding::Constant(0.0));
    let weight = weight(params);
    weight.set(&cat(&[&first, &weight.value().narrow(0, from, to - from)], 0));
    conv
}

/// The weight of the convolution at this path.
fn weight(params: &Params) -> Param {
    params.all().swap_remove(0)
}
