//! Autoencoders (Hinton and Salakhutdinov 2006): of vectors, and of images.

use autograd::Tensor;

use crate::{Conv2d, ConvTranspose2d, Mlp, Params};

/// An autoencoder of vectors `[N, inputs]`: an encoder of linear layers with ReLU between them, and a mirrored decoder. Code and output
/// are linear. Parameters `encoder.fc1.*` and so on, `decoder.fc1.*` and so on.
///
/// Variants differ in operations on the code and in additional terms of the loss:
///
/// ```
/// use autograd::{Device, Generator, Reduction, Tensor, jacobian_penalty, l1_penalty};
/// use models::{Autoencoder, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Autoencoder::new(&params, &[12, 8, 4]);
/// assert_eq!(params.count(), (12 * 8 + 8) + (8 * 4 + 4) + (4 * 8 + 8) + (8 * 12 + 12));
/// let generator = Generator::new(7);
/// let x = generator.uniform(&device, &[6, 12]);
/// let loss = |output: Tensor| output.mse_loss(&x, Reduction::Mean);
/// let plain = loss(net.forward(&x));
///
/// // Denoising (Vincent et al. 2008): reconstructs clean images from noisy ones.
/// let denoising = loss(net.forward(&(&x + generator.normal(&device, &[6, 12]) * 0.1)));
/// // Sparse: few units are active ..
/// let code = net.encode(&x).relu();
/// let sparse = loss(net.decode(&code)) + l1_penalty(&[code], 1e-3 / 6.0);
/// // .. or each unit is rarely active (Ng 2011) ..
/// let code = net.encode(&x).sigmoid();
/// let rare = loss(net.decode(&code)) + code.mean(&[0], false).sparsity_kl(0.05, Reduction::Sum) * 0.1;
/// // .. or at most k units are active (Makhzani and Frey 2014).
/// let k_sparse = loss(net.decode(&net.encode(&x).keep_topk(2, 1)));
/// // Contractive (Rifai et al. 2011): the code changes little with the input.
/// let code = net.encode(&x).sigmoid();
/// let contractive = loss(net.decode(&code)) + jacobian_penalty(&code, &x) * 0.1;
/// for loss in [plain, denoising, sparse, rare, k_sparse, contractive] {
///     assert!(loss.item()? > 0.0);
/// }
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Autoencoder {
    encoder: Mlp,
    decoder: Mlp,
}

impl Autoencoder {
    /// `sizes` are the widths of the input, of the hidden layers, and of the code.
    ///
    /// # Panics
    /// When there are fewer than two sizes.
    #[track_caller]
    pub fn new(params: &Params, sizes: &[usize]) -> Autoencoder {
        let mirrored: Vec<usize> = sizes.iter().rev().copied().collect();
        Autoencoder {
            encoder: Mlp::new(&params.path("encoder"), sizes),
            decoder: Mlp::new(&params.path("decoder"), &mirrored),
        }
    }

    /// Codes `[N, code]` of `x [N, inputs]`.
    ///
    /// # Panics
    /// When the sizes do not fit.
    #[track_caller]
    pub fn encode(&self, x: &Tensor) -> Tensor {
        self.encoder.forward(x)
    }

    /// Vectors `[N, inputs]` of codes `[N, code]`.
    ///
    /// # Panics
    /// When the sizes do not fit.
    #[track_caller]
    pub fn decode(&self, code: &Tensor) -> Tensor {
        self.decoder.forward(code)
    }

    /// Reconstructs `x [N, inputs]` from its code.
    ///
    /// # Panics
    /// When the sizes do not fit.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.decode(&self.encode(x))
    }
}

/// An [`Autoencoder`] of images: 3x3 convolutions of stride 2 with ReLU between them, and transposed convolutions in the decoder.
/// Parameters `encoder.0.*` and so on, `decoder.0.*` and so on.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{ConvAutoencoder, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = ConvAutoencoder::new(&params, &[1, 16, 4]);
/// assert_eq!(params.count(), (9 * 16 + 16) + (9 * 16 * 4 + 4) + (9 * 4 * 16 + 16) + (9 * 16 + 1));
/// let code = net.encode(&Tensor::zeros(&device, &[2, 1, 28, 28]));
/// assert_eq!(code.shape(), [2, 4, 7, 7]);
/// assert_eq!(net.decode(&code).shape(), [2, 1, 28, 28]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct ConvAutoencoder {
    encoder: Vec<Conv2d>,
    decoder: Vec<ConvTranspose2d>,
}

impl ConvAutoencoder {
    /// `channels` are those of the images, of the features after each layer, which halves height and width, and of the code.
    ///
    /// # Panics
    /// When there are fewer than two numbers of channels.
    #[track_caller]
    pub fn new(params: &Params, channels: &[usize]) -> ConvAutoencoder {
        assert!(channels.len() >= 2, "ConvAutoencoder: channels {channels:?}: at least two are needed");
        let (mut encoder, mut decoder) = (vec![], vec![]);
        for (i, pair) in channels.windows(2).enumerate() {
            let conv = Conv2d::new(&params.path("encoder").path(i), pair[0], pair[1], 3);
            encoder.push(conv.stride(2).padding(1).build());
        }
        for (i, pair) in channels.windows(2).rev().enumerate() {
            let conv = ConvTranspose2d::new(&params.path("decoder").path(i), pair[1], pair[0], 3);
            decoder.push(conv.stride(2).padding(1).output_padding(1).build());
        }
        ConvAutoencoder { encoder, decoder }
    }

    /// Codes `[N, code, H / 2^layers, W / 2^layers]` of images `[N, C, H, W]`.
    ///
    /// # Panics
    /// When the images have a different number of channels, or sides that can't be halved once per layer.
    #[track_caller]
    pub fn encode(&self, images: &Tensor) -> Tensor {
        let scale = 1 << self.encoder.len();
        let fits = images.rank() == 4 && images.shape()[2..].iter().all(|n| n.is_multiple_of(scale));
        assert!(
            fits,
            "ConvAutoencoder: images {:?}, not of sides that are multiples of {scale}",
            images.shape()
        );
        let mut x = images.clone();
        for (i, conv) in self.encoder.iter().enumerate() {
            x = conv.forward(&if i == 0 { x } else { x.relu() });
        }
        x
    }

    /// Images of codes.
    ///
    /// # Panics
    /// When the codes have a different number of channels.
    #[track_caller]
    pub fn decode(&self, codes: &Tensor) -> Tensor {
        let mut x = codes.clone();
        for (i, conv) in self.decoder.iter().enumerate() {
            x = conv.forward(&if i == 0 { x } else { x.relu() });
        }
        x
    }

    /// Reconstructs images from their codes.
    ///
    /// # Panics
    /// As [`encode`](ConvAutoencoder::encode).
    #[track_caller]
    pub fn forward(&self, images: &Tensor) -> Tensor {
        self.decode(&self.encode(images))
    }
}
