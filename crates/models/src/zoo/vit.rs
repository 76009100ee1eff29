//! The vision transformer (Dosovitskiy et al. 2021).

use autograd::{Tensor, cat};

use super::block::{Block, redraw_blocks};
use crate::{Conv2d, Dropout, Init, LayerNorm, Linear, Mode, Param, Params};

/// A transformer over patches of an image: from `[N, channels, H, W]` to logits `[N, classes]`. Each patch is projected to a vector, a
/// learned class token is prepended, learned positions are added, and the class token's last vector is classified. Parameters
/// `cls_token [1, 1, E]`, `pos_embed [1, 1 + patches, E]`, `patch_embed.*`, `blocks.0.*` and so on as in [`Gpt`](crate::Gpt), `norm.*` and
/// `head.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Params, Vit, VitOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let options = VitOptions { width: 48, heads: 3, depth: 2, ..VitOptions::new([32, 32], 4, 10) };
/// let net = Vit::new(&params, options);
/// assert_eq!(params.count(), 62_650);
/// let logits = net.forward(&Tensor::zeros(&device, &[2, 3, 32, 32]), Mode::Eval);
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?;
/// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("VisionTransformer", "vit_b_16"))]
pub struct Vit {
    class: Param,
    positions: Param,
    patches: Conv2d,
    dropout: Dropout,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
}

/// Sizes of a [`Vit`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VitOptions {
    /// Height and width of the images.
    pub image: [usize; 2],
    /// Side of a patch.
    pub patch: usize,
    /// Channels of the images.
    pub channels: usize,
    /// Width of the embeddings.
    pub width: usize,
    /// Attention heads of a block, which divide `width`.
    pub heads: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Inner width of a block's MLP, in multiples of `width`.
    pub mlp_ratio: usize,
    /// Number of classes.
    pub classes: usize,
    /// The dropout probability, in a mode that drops, as in [`GptOptions`](crate::GptOptions).
    pub dropout: f32,
}

impl VitOptions {
    /// The sizes of ViT-Base, for images of 3 channels, without dropout.
    pub fn new(image: [usize; 2], patch: usize, classes: usize) -> VitOptions {
        VitOptions {
            image,
            patch,
            channels: 3,
            width: 768,
            heads: 12,
            depth: 12,
            mlp_ratio: 4,
            classes,
            dropout: 0.0,
        }
    }
}

impl Vit {
    /// Blocks are initialised as in GPT-2.
    ///
    /// # Panics
    /// When the patches do not tile the image, or `width` is not a multiple of `heads`.
    #[track_caller]
    pub fn new(params: &Params, options: VitOptions) -> Vit {
        let VitOptions { image, patch, channels, width, heads, depth, mlp_ratio, classes, dropout } = options;
        let fits = patch > 0 && image.iter().all(|n| n.is_multiple_of(patch));
        assert!(fits, "Vit: patches of {patch} for images of {image:?}");
        let count = image[0] / patch * (image[1] / patch);
        let small = Init::Normal { mean: 0.0, std: 0.02 };
        let class = params.param("cls_token", &[1, 1, width], small);
        let positions = params.param("pos_embed", &[1, 1 + count, width], small);
        let patches = Conv2d::new(&params.path("patch_embed"), channels, width, patch).stride(patch).build();
        let under = params.path("blocks");
        let block = |i| Block::new(&under.path(i), width, heads, mlp_ratio, dropout);
        let blocks = (0..depth).map(block).collect();
        redraw_blocks(&under, depth);
        let norm = LayerNorm::new(&params.path("norm"), width);
        let head = Linear::new(&params.path("head"), width, classes);
        let dropout = Dropout::new(params, dropout);
        Vit { class, positions, patches, dropout, blocks, norm, head }
    }

    /// Sets what all normalisations add to the variance, by default 1e-5.
    pub fn eps(self, eps: f32) -> Vit {
        let blocks = self.blocks.into_iter().map(|block| block.eps(eps)).collect();
        Vit { blocks, norm: self.norm.eps(eps), ..self }
    }

    /// Logits `[N, classes]` of images `[N, channels, H, W]`.
    ///
    /// # Panics
    /// When the images have a different size.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.embed(images, mode);
        for block in &self.blocks {
            x = block.forward(&x, false, mode);
        }
        self.head.forward(&self.norm.forward(&x.select(1, 0)))
    }

    /// The attention weights between the class token (first) and all patches: `[N, heads, 1 + patches, 1 + patches]` for each block, for
    /// images `[N, channels, H, W]`; rows sum to 1.
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::{Params, Vit, VitOptions};
    /// let device = Device::named("cpu")?;
    /// let options = VitOptions { width: 8, heads: 2, depth: 3, ..VitOptions::new([8, 8], 4, 10) };
    /// let attention = Vit::new(&Params::new(&device, 1), options).attention(&Tensor::ones(&device, &[2, 3, 8, 8]));
    /// assert_eq!((attention.len(), attention[2].shape()), (3, &[2, 2, 5, 5][..]));
    /// let sums = attention[2].sum(&[-1], false).to_vec::<f32>()?;
    /// assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the images have a different size.
    #[track_caller]
    pub fn attention(&self, images: &Tensor) -> Vec<Tensor> {
        let mut x = self.embed(images, Mode::Eval);
        let of_block = |block: &Block| {
            let weights = block.attention(&x);
            x = block.forward(&x, false, Mode::Eval);
            weights
        };
        self.blocks.iter().map(of_block).collect()
    }

    /// The class token and the projected patches with positions added: `[N, 1 + patches, width]`.
    #[track_caller]
    fn embed(&self, images: &Tensor, mode: Mode) -> Tensor {
        let patches = self.patches.forward(images).flatten(2, 3).transpose(1, 2);
        let class = self.class.value();
        let class = class.expand(&[images.shape()[0], 1, class.size(-1)]);
        self.dropout.forward(&(cat(&[&class, &patches], 1) + self.positions.value()), mode)
    }
}
