//! The generator of StyleGAN (Karras et al. 2019).

use autograd::{Generator, Interpolation, Resize, Tensor};
use models::init::{Fan, Nonlinearity};
use models::{Conv2d, Init, InstanceNorm, Linear, Param, Params};

const LEAK: f32 = 0.2;

/// From latents `z [N, width]` to intermediate latents `w [N, width]`: `z` scaled to mean square 1, then fully connected layers with leaky
/// ReLU (0.2) (the mapping network of Karras et al. 2019, figure 1b). Parameters `fc0.*`, `fc1.*` and so on.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::generative::MappingNetwork;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let map = MappingNetwork::new(&Params::new(&device, 1), 16, 2);
/// let z = Generator::new(2).normal(&device, &[5, 16]);
/// let (w, of_double) = (map.forward(&z), map.forward(&(&z * 2.0)));
/// assert_eq!(w.shape(), [5, 16]);
/// assert!((w - of_double).abs().amax(&[0, 1], false).item()? < 1e-5); // only the direction of z matters
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct MappingNetwork {
    layers: Vec<Linear>,
}

impl MappingNetwork {
    /// `depth` layers; the paper has 8.
    #[track_caller]
    pub fn new(params: &Params, width: usize, depth: usize) -> MappingNetwork {
        let layer = |i: usize| Linear::new(&params.path(format!("fc{i}")), width, width);
        let layers = (0..depth).map(layer).collect();
        let gain = Nonlinearity::LeakyRelu(LEAK).gain();
        params.redraw("fc*.weight", Init::KaimingNormal { gain, fan: Fan::In });
        params.redraw("fc*.bias", Init::ZEROS);
        MappingNetwork { layers }
    }

    /// # Panics
    /// When `z` is not `[N, width]`.
    #[track_caller]
    pub fn forward(&self, z: &Tensor) -> Tensor {
        let z = z / (z.square().mean(&[1], true) + 1e-8).sqrt();
        self.layers.iter().fold(z, |x, layer| layer.forward(&x).leaky_relu(LEAK))
    }
}

/// Adaptive instance normalisation of `x [N, C, ..]`: each channel of each image gets the mean `shift [N, C]` and the deviation `scale [N,
/// C]` (Huang and Belongie 2017, equation 8).
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::adaptive_instance_norm;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 3.0], &[1, 1, 2])?;
/// let [scale, shift] = [5.0, 7.0].map(|value| Tensor::full(&device, value, &[1, 1]));
/// let y = adaptive_instance_norm(&x, &scale, &shift).to_vec::<f32>()?;
/// assert!((y[0] - 2.0).abs() < 1e-3 && (y[1] - 12.0).abs() < 1e-3);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When there is not a scale and a shift for each channel of each image, or only one position.
#[track_caller]
pub fn adaptive_instance_norm(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Tensor {
    let mut column = vec![1; x.shape().len()];
    column[..2].copy_from_slice(&x.shape()[..2]);
    InstanceNorm::new().forward(x) * scale.reshape(&column) + shift.reshape(&column)
}

/// A layer of [`StyleGenerator`]: what it does before noise, leaky ReLU and its style.
struct Layer {
    /// None for the first, which starts from the constant.
    conv: Option<Conv2d>,
    doubles: bool,
    noise: Param,
    style: Linear,
}

impl Layer {
    #[track_caller]
    fn forward(&self, x: &Tensor, w: &Tensor, draw: &Generator) -> Tensor {
        let bilinear = Interpolation::Linear { align_corners: false };
        let x = if self.doubles { x.interpolate(Resize::By(&[2.0]), bilinear) } else { x.clone() };
        let x = self.conv.as_ref().map_or(x.clone(), |conv| conv.forward(&x));
        let [n, channels, height, width] = [0, 1, 2, 3].map(|d| x.shape()[d]);
        let noise = draw.normal(x.device(), &[n, 1, height, width]);
        let x = (x + noise * self.noise.value().reshape(&[1, channels, 1, 1])).leaky_relu(LEAK);
        let style = self.style.forward(w);
        adaptive_instance_norm(
            &x,
            &(style.narrow(1, 0, channels) + 1.0),
            &style.narrow(1, channels, channels),
        )
    }
}

/// From styles to images `[N, channels, side, side]` between -1 and 1 (the synthesis network of Karras et al. 2019, figure 1b): a learned
/// constant of 4 x 4, and two layers for each resolution up to `side`. A layer is a convolution 3 x 3, noise that is scaled for each
/// channel, leaky ReLU (0.2), and [adaptive instance normalisation](adaptive_instance_norm) by an affine function of the layer's `w`. As
/// each normalisation overrides the statistics of the one before, a style acts up to the next layer only: those of the first layers decide
/// on what is coarse, those of the last on what is fine.
///
/// Parameters `constant [1, C, 4, 4]`, `layer0.noise [C]`, `layer0.style.*`, `layer1.conv.*` and so on, `to_image.*`.
///
/// ```
/// use autograd::{Device, Generator};
/// use methods::generative::{MappingNetwork, StyleGenerator};
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 1);
/// let map = MappingNetwork::new(&params.path("map"), 16, 2);
/// let net = StyleGenerator::new(&params.path("net"), 16, 3, 16, 8);
/// let draw = Generator::new(2);
/// let [a, b] = [(); 2].map(|()| map.forward(&draw.normal(&device, &[5, 16])));
/// // The styles of `a` for the layers of 4 x 4 and 8 x 8 pixels, of `b` for those of 16 x 16.
/// let styles = net.mixed(&a, &b, 4);
/// assert_eq!(styles.len(), 6);
/// assert_eq!(net.forward(&styles, &draw).shape(), [5, 3, 16, 16]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct StyleGenerator {
    constant: Param,
    layers: Vec<Layer>,
    to_image: Conv2d,
}

impl StyleGenerator {
    /// `latent` is the width of `w`, `width` the number of channels at full size; each halving of the side doubles them up to `4 * width`.
    ///
    /// # Panics
    /// When `side` is not a power of 2, or is less than 4.
    #[track_caller]
    pub fn new(params: &Params, latent: usize, channels: usize, side: usize, width: usize) -> StyleGenerator {
        assert!(side >= 4 && side.is_power_of_two(), "StyleGenerator: images of side {side}");
        let doublings = side.ilog2() as usize - 2;
        // Of the layers at 4 * 2^stage pixels.
        let of_stage = |stage: usize| (width << (doublings - stage)).min(4 * width);
        let layer = |i: usize| {
            let params = params.path(format!("layer{i}"));
            let (from, to) = (of_stage(i.saturating_sub(1) / 2), of_stage(i / 2));
            let conv = || Conv2d::new(&params.path("conv"), from, to, 3).padding_same().build();
            let style = Linear::new(&params.path("style"), latent, 2 * to);
            params.redraw("style.weight", Init::KaimingNormal { gain: 1.0, fan: Fan::In });
            params.redraw("style.bias", Init::ZEROS);
            Layer {
                conv: (i > 0).then(conv),
                doubles: i > 0 && i.is_multiple_of(2),
                noise: params.param("noise", &[to], Init::ZEROS),
                style,
            }
        };
        StyleGenerator {
            constant: params.param("constant", &[1, of_stage(0), 4, 4], Init::Normal { mean: 0.0, std: 1.0 }),
            layers: (0..2 * (doublings + 1)).map(layer).collect(),
            to_image: Conv2d::new(&params.path("to_image"), width, channels, 1).build(),
        }
    }

    /// The same `w [N, latent]` for every layer.
    pub fn same(&self, w: &Tensor) -> Vec<Tensor> {
        vec![w.clone(); self.layers.len()]
    }

    /// The first `crossover` layers' styles of `coarse`, the others' of `fine`: style mixing (section 3.1).
    pub fn mixed(&self, coarse: &Tensor, fine: &Tensor, crossover: usize) -> Vec<Tensor> {
        (0..self.layers.len()).map(|i| if i < crossover { coarse } else { fine }.clone()).collect()
    }

    /// `styles` has a `w [N, latent]` for each layer; `draw` makes the noise.
    ///
    /// # Panics
    /// When there is not a style for each layer.
    #[track_caller]
    pub fn forward(&self, styles: &[Tensor], draw: &Generator) -> Tensor {
        assert_eq!(styles.len(), self.layers.len(), "StyleGenerator: a style for each layer");
        let constant = self.constant.value();
        let shape = [&styles[0].shape()[..1], &constant.shape()[1..]].concat();
        let layers = self.layers.iter().zip(styles);
        self.to_image
            .forward(&layers.fold(constant.expand(&shape), |x, (layer, w)| layer.forward(&x, w, draw)))
            .tanh()
    }
}
