//! Weights of unit spectral norm (Miyato et al. 2018).

use autograd::Tensor;

use crate::{Init, Mode, Param, Params};

/// A weight `W / u^T W v` for a linear or convolution layer, `x.linear(&weight.forward(mode), ..)`; `W` counts as a matrix whose rows are
/// its first dimension. In training each use does one step of the power iteration for the singular vectors `u` and `v`. Parameter
/// `parametrizations.weight.original` (`W`, initialised by `init`) and buffers `parametrizations.weight.0._u` and
/// `parametrizations.weight.0._v` (initially 15 steps from random vectors) have PyTorch's names.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Init, Mode, Params, SpectralNorm};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let weight = SpectralNorm::new(&params, &[2, 2], Init::ONES);
/// // A matrix of ones has the singular values 2 and 0.
/// let w = weight.forward(Mode::Train).to_vec::<f32>()?;
/// assert!(w.iter().all(|w| (w - 0.5).abs() < 1e-6));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct SpectralNorm {
    weight: Param,
    u: Param,
    v: Param,
}

const EPS: f32 = 1e-12;
const FIRST_STEPS: usize = 15;

impl SpectralNorm {
    /// # Panics
    /// When the shape has fewer than 2 dimensions.
    #[track_caller]
    pub fn new(params: &Params, shape: &[usize], init: Init) -> SpectralNorm {
        assert!(shape.len() >= 2, "SpectralNorm: of a weight of shape {shape:?}");
        let path = params.path("parametrizations.weight");
        let normal = Init::Normal { mean: 0.0, std: 1.0 };
        let layer = SpectralNorm {
            weight: path.param("original", shape, init),
            u: path.path(0).buffer("_u", &[shape[0]], normal),
            v: path.path(0).buffer("_v", &[shape[1..].iter().product()], normal),
        };
        let (u, v) = layer.iterate(FIRST_STEPS);
        layer.u.set(&u);
        layer.v.set(&v);
        layer
    }

    /// The normalised weight.
    #[track_caller]
    pub fn forward(&self, mode: Mode) -> Tensor {
        if mode == Mode::Train {
            let (u, v) = self.iterate(1);
            self.u.update(&u);
            self.v.update(&v);
        }
        self.weight.value().spectral_norm(&self.u.value(), &self.v.value(), 0)
    }

    #[track_caller]
    fn iterate(&self, steps: usize) -> (Tensor, Tensor) {
        self.weight.value().singular_vectors(&self.u.value(), 0, steps, EPS)
    }
}
