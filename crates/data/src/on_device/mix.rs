//! Two images in one: mixup and CutMix, each image of a batch with the one before it.

use autograd::{Device, Generator, Tensor};

use super::{below, extents, within};

/// A share in 0..1, f32 `[]`, drawn from Beta(`alpha`, `alpha`).
#[track_caller]
fn share(op: &str, device: &Device, alpha: f32, generator: &Generator) -> Tensor {
    assert!(alpha > 0.0 && alpha.is_finite(), "{op}: alpha {alpha}");
    let alpha = Tensor::scalar(device, alpha);
    // A quotient of gamma samples, x / (x + y).
    let [x, y] = [(); 2].map(|()| generator.log_standard_gamma(&alpha, &[]));
    (x - y).sigmoid()
}

/// `lambda x + (1 - lambda) x'`, where `x'` is `x` rolled by one item.
#[track_caller]
fn blend(x: &Tensor, lambda: &Tensor) -> Tensor {
    x * lambda + x.roll(1, 0) * (1.0 - lambda)
}

/// mixup (Zhang et al. 2018), as torchvision's `MixUp`: every item of a batch is blended with the one before it (the first with
/// the last), with one `lambda` per batch drawn from Beta(`alpha`, `alpha`).
///
/// The same mix at a hidden layer is manifold mixup (Verma et al. 2019): [`mix`](Mixup::mix) takes any tensor `[N, ..]`.
///
/// ```
/// # use autograd::{Device, Generator, Tensor};
/// # use data::on_device::Mixup;
/// let device = Device::named("cpu")?;
/// let mixup = Mixup::draw(&device, 1.0, &Generator::new(0));
/// let lambda = mixup.lambda().item()?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0], &[3])?;
/// assert_eq!(mixup.mix(&x).to_vec::<f32>()?, [lambda, 1.0 - lambda, 0.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mixup {
    lambda: Tensor,
}

impl Mixup {
    /// Draws `lambda`.
    ///
    /// # Panics
    /// If `alpha` is not above 0.
    #[track_caller]
    pub fn draw(device: &Device, alpha: f32, generator: &Generator) -> Mixup {
        Mixup { lambda: share("mixup", device, alpha, generator) }
    }

    /// An item's own share of its mix, f32 `[]`.
    pub fn lambda(&self) -> &Tensor {
        &self.lambda
    }

    /// `lambda x[i] + (1 - lambda) x[i - 1]` for f32 `[N, ..]`.
    #[track_caller]
    pub fn mix(&self, x: &Tensor) -> Tensor {
        blend(x, &self.lambda)
    }

    /// Class probabilities `[N, classes]` of integer labels `[N]`.
    #[track_caller]
    pub fn targets(&self, labels: &Tensor, classes: usize) -> Tensor {
        blend(&labels.one_hot(classes), &self.lambda)
    }
}

/// CutMix (Yun et al. 2019), as torchvision's `CutMix`: a rectangle of every image of a batch, the same for all, is taken from
/// the image before it (for the first, from the last). Its area is `1 - lambda` of the image's with `lambda` drawn from
/// Beta(`alpha`, `alpha`), less what lies outside of the image.
///
/// ```
/// # use autograd::{Device, Generator, Tensor};
/// # use data::on_device::CutMix;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 0.0], &[2, 1, 1, 1])?.expand(&[2, 1, 16, 16]);
/// let cutmix = CutMix::draw(&x, 1.0, &Generator::new(3));
/// let own = cutmix.mix(&x).mean(&[1, 2, 3], false).to_vec::<f32>()?[0];
/// assert!((own - cutmix.lambda().item()?).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CutMix {
    /// bool `[1, 1, H, W]`
    cut: Tensor,
    lambda: Tensor,
}

impl CutMix {
    /// Draws a rectangle for images `[N, C, H, W]`.
    ///
    /// # Panics
    /// If the images are not f32 `[N, C, H, W]`, or `alpha` is not above 0.
    #[track_caller]
    pub fn draw(images: &Tensor, alpha: f32, generator: &Generator) -> CutMix {
        let [_, _, h, w] = extents("cutmix", images);
        let half = (1.0 - share("cutmix", images.device(), alpha, generator)).sqrt() * 0.5;
        let [[top, bottom], [left, right]] = [h, w].map(|extent| {
            let middle = below(extent, images, &[], generator);
            let half = (&half * extent as f32).floor();
            [(&middle - &half).clamp_min(0.0), (middle + half).clamp_max(extent as f32)]
        });
        let area = (&bottom - &top) * (&right - &left);
        let cut = within([h, w], [&top, &bottom], [&left, &right]);
        CutMix { cut, lambda: 1.0 - &(area / (h * w).max(1) as f32) }
    }

    /// An image's own share of its pixels, f32 `[]`.
    pub fn lambda(&self) -> &Tensor {
        &self.lambda
    }

    /// `images`, or any `[N, C, H, W]` of their height and width, with the rectangle taken from the item before each.
    #[track_caller]
    pub fn mix(&self, images: &Tensor) -> Tensor {
        images.roll(1, 0).where_(&self.cut, images)
    }

    /// Class probabilities `[N, classes]` of integer labels `[N]`.
    #[track_caller]
    pub fn targets(&self, labels: &Tensor, classes: usize) -> Tensor {
        blend(&labels.one_hot(classes), &self.lambda)
    }
}
