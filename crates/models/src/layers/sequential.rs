//! Layers one after another.

use autograd::Tensor;

use super::Mode;
use crate::{Module, Params};

/// Layers and functions one after another, as torch's `nn.Sequential`: parts are numbered from 0, functions as well, and the parameters
/// of part 2 are called `"2.weight"` and so on, so that names are those of the same container in PyTorch.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{BatchNorm2d, Conv2d, Dropout, Linear, Mode, Params, Sequential};
/// let params = Params::new(&Device::named("cpu")?, 42);
/// let net = Sequential::new(&params)
///     .layer(|p| Conv2d::new(p, 1, 8, 3).padding(1).build())
///     .layer(|p| BatchNorm2d::new(p, 8))
///     .function(Tensor::relu)
///     .function(|x| x.flatten(1, 3))
///     .layer(|p| Dropout::new(p, 0.5))
///     .layer(|p| Linear::new(p, 8 * 6 * 6, 10));
/// let logits = net.forward(&Tensor::ones(params.device(), &[2, 1, 6, 6]), Mode::Eval);
/// assert_eq!(logits.shape(), [2, 10]);
/// assert_eq!(params.get("5.weight").unwrap().value().shape(), [10, 288]);
/// assert_eq!(params.count(), 80 + 16 + 2890);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "nn.Sequential")]
pub struct Sequential {
    params: Params,
    parts: Vec<Box<dyn Module>>,
}

impl Sequential {
    /// Without parts: returns its input. Parameters of layers will lie under `params`.
    pub fn new(params: &Params) -> Sequential {
        Sequential { params: params.clone(), parts: vec![] }
    }

    /// Adds the layer that `make` builds under the next number.
    #[track_caller]
    pub fn layer<M: Module + 'static>(mut self, make: impl FnOnce(&Params) -> M) -> Sequential {
        let layer = make(&self.params.path(self.parts.len()));
        self.parts.push(Box::new(layer));
        self
    }

    /// Adds a function without parameters, such as an activation.
    pub fn function(mut self, f: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Sequential {
        self.parts.push(Box::new(f));
        self
    }

    /// The result of the last part.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut x = x.clone();
        // A loop: a closure would hide the caller's line.
        for part in &self.parts {
            x = part.forward(&x, mode);
        }
        x
    }
}
