//! The lookup table.

use autograd::Tensor;

use crate::{Init, Param, Params};

/// Looks up rows of a table by integer indices, from `[..]` to `[.., D]`. Parameter `weight [V, D]`, initially standard normal.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Embedding, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = Embedding::new(&params, 3, 2);
/// let table = Tensor::from_slice(&device, &[0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0], &[3, 2])?;
/// params.get("weight").unwrap().set(&table);
/// let tokens = Tensor::from_slice(&device, &[2i32, 0], &[2])?;
/// assert_eq!(layer.forward(&tokens).to_vec::<f32>()?, [4.0, 5.0, 0.0, 1.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Embedding {
    weight: Param,
}

impl Embedding {
    /// A table of `rows` vectors of `width` elements.
    #[track_caller]
    pub fn new(params: &Params, rows: usize, width: usize) -> Embedding {
        Embedding { weight: params.param("weight", &[rows, width], Init::Normal { mean: 0.0, std: 1.0 }) }
    }

    /// The table `[V, D]`, for a layer that shares its weights.
    pub fn weight(&self) -> Tensor {
        self.weight.value()
    }

    /// Rows at `index`; an index outside of the table gives NaN.
    ///
    /// # Panics
    /// When `index` is not of an integer type.
    #[track_caller]
    pub fn forward(&self, index: &Tensor) -> Tensor {
        self.weight.value().embedding(index)
    }
}
