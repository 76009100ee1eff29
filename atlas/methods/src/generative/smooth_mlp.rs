//! A perceptron with derivatives of all orders.

use autograd::Tensor;
use models::{Init, Linear, Params};

/// Linear layers with SiLU between them, from `[.., sizes[0]]` to the last size: a smooth function for energies, scores and vector fields,
/// whose training differentiates their derivatives. Parameters `fc1.*`, `fc2.*` and so on.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::SmoothMlp;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = SmoothMlp::new(&params, &[2, 32, 32, 1]);
/// assert_eq!(params.count(), 1185);
/// assert_eq!(net.forward(&Tensor::zeros(&device, &[5, 2])).shape(), [5, 1]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct SmoothMlp {
    layers: Vec<Linear>,
}

impl SmoothMlp {
    /// Layers from each of `sizes` to the next.
    ///
    /// # Panics
    /// With fewer than two sizes.
    #[track_caller]
    pub fn new(params: &Params, sizes: &[usize]) -> SmoothMlp {
        assert!(sizes.len() >= 2, "SmoothMlp: sizes {sizes:?}: at least two are needed");
        let layer = |(i, size): (usize, &[usize])| {
            Linear::new(&params.path(format!("fc{}", i + 1)), size[0], size[1])
        };
        SmoothMlp { layers: sizes.windows(2).enumerate().map(layer).collect() }
    }

    /// A perceptron whose output is initially 0, for layers that start as the identity.
    ///
    /// # Panics
    /// With fewer than two sizes.
    #[track_caller]
    pub fn zero(params: &Params, sizes: &[usize]) -> SmoothMlp {
        let net = SmoothMlp::new(params, sizes);
        params.path(format!("fc{}", net.layers.len())).redraw("*", Init::ZEROS);
        net
    }

    /// # Panics
    /// When the last dimension of `x` is not the first size.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let mut x = x.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&if i == 0 { x } else { x.silu() });
        }
        x
    }
}
