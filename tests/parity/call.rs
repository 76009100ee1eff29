//! One call of an op: its name, attributes and inputs.

use autograd::{Device, Tensor};

use super::attrs::Attrs;

/// What the library does not have.
pub struct Unsupported(pub String);

/// The outputs, in the order of the case's.
pub type Answer = Result<Vec<Tensor>, Unsupported>;

pub struct Call<'a> {
    pub op: &'a str,
    pub attrs: Attrs,
    pub device: &'a Device,
    pub inputs: Vec<(&'a str, Tensor)>,
    /// Names of the outputs.
    pub outputs: &'a [String],
}

impl Call<'_> {
    /// Input `i`.
    pub fn at(&self, i: usize) -> &Tensor {
        &self.inputs.get(i).unwrap_or_else(|| panic!("{}: no input {i}", self.op)).1
    }

    /// The input of a name.
    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.inputs.iter().find(|(n, _)| *n == name).map(|(_, t)| t)
    }

    /// # Panics
    /// When there is no such input.
    pub fn named(&self, name: &str) -> &Tensor {
        self.find(name).unwrap_or_else(|| panic!("{}: no input {name}", self.op))
    }

    /// All inputs.
    pub fn tensors(&self) -> Vec<&Tensor> {
        self.inputs.iter().map(|(_, t)| t).collect()
    }

    /// A part of an op that the library does not have.
    pub fn without(&self, what: &str) -> Unsupported {
        Unsupported(format!("{} with {what}", self.op))
    }
}
