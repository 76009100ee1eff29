//! Examples that are rows of tensors.

use autograd::{DType, Device, Tensor};

use crate::batches::Examples;
use crate::error::{Error, Result};

/// Tensors whose first dimension counts examples: features `[N, ..]` and targets `[N, ..]`, as torch's `TensorDataset`. A batch has the
/// rows of its examples, which the device copies. Integers are kept on the host and uploaded with each batch, so that a label that is no
/// class is an [error](autograd::Error::IndexOutOfRange).
///
/// ```
/// use std::sync::Arc;
/// use autograd::{Device, Tensor};
/// use data::{BatchOptions, Batches, Source, TensorDataset};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2])?;
/// let y = Tensor::from_slice(&device, &[0, 1, 0], &[3])?;
/// let batches = Batches::new(Arc::new(TensorDataset::new([x, y])?), BatchOptions::eval(2))?;
/// let all: Vec<[Tensor; 2]> = batches.batches(0, 0).collect();
/// assert_eq!(all[0][0].to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(all[1][1].to_vec::<i32>()?, [0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TensorDataset<const N: usize> {
    /// `N` of them.
    columns: Vec<Column>,
    device: Device,
    len: usize,
}

#[derive(Clone, Debug)]
enum Column {
    Floats(Tensor),
    Integers {
        values: Vec<i32>,
        /// The shape of an example.
        shape: Vec<usize>,
    },
}

impl<const N: usize> TensorDataset<N> {
    /// Examples of these tensors.
    ///
    /// # Errors
    /// [`Error::Examples`] if there are no tensors, one is a scalar or of another type than f32 and i32, or their first sizes differ; and
    /// whatever goes wrong on the device.
    pub fn new(tensors: [Tensor; N]) -> Result<TensorDataset<N>> {
        let problem = |text: String| Err(Error::Examples(text));
        let Some(len) = tensors.first().and_then(|t| t.shape().first().copied()) else {
            return problem("a TensorDataset of no tensors, or of a scalar; give tensors [N, ..]".into());
        };
        for tensor in &tensors {
            let (shape, dtype) = (tensor.shape(), tensor.dtype());
            if shape.first() != Some(&len) || !matches!(dtype, DType::F32 | DType::I32) {
                return problem(format!(
                    "{dtype} {shape:?} in a TensorDataset of {len} examples; give tensors [{len}, ..]"
                ));
            }
        }
        let device = tensors[0].device().clone();
        let columns = tensors.iter().map(Column::new).collect::<autograd::Result<_>>()?;
        Ok(TensorDataset { columns, device, len })
    }
}

impl Column {
    fn new(tensor: &Tensor) -> autograd::Result<Column> {
        if tensor.dtype().is_float() {
            return Ok(Column::Floats(tensor.detach()));
        }
        Ok(Column::Integers { values: tensor.to_vec()?, shape: tensor.shape()[1..].to_vec() })
    }

    fn rows(&self, device: &Device, indices: &[u32]) -> Tensor {
        match self {
            Column::Floats(tensor) => {
                tensor.index_select(0, &Tensor::constant(device, indices, &[indices.len()]))
            }
            Column::Integers { values, shape } => {
                let width: usize = shape.iter().product();
                let row = |&index: &u32| &values[index as usize * width..][..width];
                let taken: Vec<i32> = indices.iter().flat_map(row).copied().collect();
                Tensor::constant(device, &taken, &[&[indices.len()], &shape[..]].concat())
            }
        }
    }
}

impl<const N: usize> Examples for TensorDataset<N> {
    type Batch = [Tensor; N];

    fn len(&self) -> usize {
        self.len
    }

    fn collate(&self, indices: &[u32]) -> [Tensor; N] {
        std::array::from_fn(|i| self.columns[i].rows(&self.device, indices))
    }
}
