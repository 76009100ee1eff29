//! Targets of examples.

use autograd::{Device, Tensor};

use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// What is to be predicted of each example, in their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Class indices, `[N]`.
    Classes(Vec<u32>),
    /// Numbers, `[N, K]`.
    Numbers(Matrix),
}

impl Targets {
    /// N
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes(classes) => classes.len(),
            Targets::Numbers(numbers) => numbers.rows(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The targets of these examples, `[B]` or `[B, K]`.
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn pick(&self, indices: &[u32]) -> Targets {
        match self {
            Targets::Classes(classes) => {
                Targets::Classes(indices.iter().map(|&i| classes[i as usize]).collect())
            }
            Targets::Numbers(numbers) => Targets::Numbers(numbers.pick(indices)),
        }
    }

    /// Copies the targets to a device: classes as i32 `[N]`, numbers as f32 `[N, K]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<Tensor> {
        match self {
            Targets::Classes(classes) => {
                let classes: Vec<i32> = classes.iter().map(|&class| class as i32).collect();
                Tensor::from_slice(device, &classes, &[classes.len()])
            }
            Targets::Numbers(numbers) => numbers.to_device(device),
        }
    }

    /// An error unless there is one target for each of `examples`, and class indices fit in i32.
    pub(crate) fn check(&self, examples: usize) -> Result<()> {
        if self.len() != examples {
            return Err(Error::Examples(format!("{} targets for {examples} examples", self.len())));
        }
        match self {
            Targets::Classes(classes) if classes.iter().any(|&class| class > i32::MAX as u32) => {
                Err(Error::Examples("a class index of 2^31 or more".into()))
            }
            _ => Ok(()),
        }
    }
}
