//! The gradient of one variable.

use std::sync::OnceLock;

use crate::Tensor;

/// The gradient of one variable, before the common factor.
#[derive(Clone)]
pub(super) struct Slope {
    known: Known,
    /// Times the factor, once requested.
    scaled: OnceLock<Tensor>,
}

#[derive(Clone)]
enum Known {
    Tensor(Tensor),
    /// A result of a captured pass: an output of its call, and, once requested, a tensor with values of its own.
    Returned(Tensor, OnceLock<Tensor>),
}

impl From<Tensor> for Slope {
    fn from(tensor: Tensor) -> Slope {
        Slope { known: Known::Tensor(tensor), scaled: OnceLock::new() }
    }
}

impl Slope {
    /// Of an output of a captured pass's call.
    pub fn returned(output: Tensor) -> Slope {
        Slope { known: Known::Returned(output, OnceLock::new()), scaled: OnceLock::new() }
    }

    /// To be called when the common factor changes.
    pub fn rescale(&mut self) {
        self.scaled = OnceLock::new();
    }

    fn tensor(&self) -> &Tensor {
        match &self.known {
            Known::Tensor(tensor) => tensor,
            Known::Returned(output, tensor) => tensor.get_or_init(|| output.returned()),
        }
    }

    /// The gradient as an operand of other operations.
    pub fn operand(&self) -> &Tensor {
        match &self.known {
            Known::Tensor(tensor) => tensor,
            Known::Returned(output, tensor) => tensor.get().unwrap_or(output),
        }
    }

    /// The gradient times the common factor.
    pub fn times(&self, factor: Option<&Tensor>) -> &Tensor {
        match factor {
            Some(factor) => self.scaled.get_or_init(|| self.tensor() * factor),
            None => self.tensor(),
        }
    }
}
