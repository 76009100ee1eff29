//! Weights with a length and a direction (Salimans and Kingma 2016).

use autograd::Tensor;

use crate::{Init, Param, Params};

/// A weight `g v / ||v||` for a linear or convolution layer: `x.linear(&weight.value(), ..)`. The norm is over all dimensions but the
/// first. Parameters `parametrizations.weight.original0` (`g [O, 1, ..]`) and `parametrizations.weight.original1` (`v`, initialised by
/// `init`) have PyTorch's names; `g` is initially the norm of `v`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Init, Params, WeightNorm};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let weight = WeightNorm::new(&params, &[1, 4], Init::ONES);
/// assert_eq!(weight.value().to_vec::<f32>()?, [1.0; 4]);
/// params.get("parametrizations.weight.original0").unwrap().set(&Tensor::full(&device, 4.0, &[1, 1]));
/// assert_eq!(weight.value().to_vec::<f32>()?, [2.0; 4]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct WeightNorm {
    g: Param,
    v: Param,
}

impl WeightNorm {
    /// # Panics
    /// When the shape is empty.
    #[track_caller]
    pub fn new(params: &Params, shape: &[usize], init: Init) -> WeightNorm {
        assert!(!shape.is_empty(), "WeightNorm: of a scalar");
        let path = params.path("parametrizations.weight");
        let mut lengths = vec![1; shape.len()];
        lengths[0] = shape[0];
        let g = path.param("original0", &lengths, Init::ZEROS);
        let v = path.param("original1", shape, init);
        g.set(&v.value().lengths(Some(0)));
        WeightNorm { g, v }
    }

    /// The weight.
    #[track_caller]
    pub fn value(&self) -> Tensor {
        self.v.value().weight_norm(&self.g.value(), Some(0))
    }
}
