//! One call of an op: its name, attributes and inputs.

use std::cell::RefCell;

use autograd::{Device, Tensor};
use models::{Param, Params};

use super::attrs::Attrs;

/// A feature that the library does not have.
pub struct Unsupported(pub String);

/// The outputs, in the order of the case's outputs.
pub type Answer = Result<Vec<Tensor>, Unsupported>;

pub struct Call<'a> {
    pub op: &'a str,
    pub attrs: Attrs,
    pub device: &'a Device,
    pub inputs: Vec<(&'a str, Tensor)>,
    /// Names of the outputs.
    pub outputs: &'a [String],
    /// Parameters of a layer, which replace the inputs of the same names.
    pub params: RefCell<Vec<Param>>,
}

impl Call<'_> {
    /// Input `i`.
    pub fn at(&self, i: usize) -> &Tensor {
        &self.inputs.get(i).unwrap_or_else(|| panic!("{}: no input {i}", self.op)).1
    }

    /// The input called `name`.
    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.inputs.iter().find(|(n, _)| *n == name).map(|(_, t)| t)
    }

    /// The input called `name`.
    ///
    /// # Panics
    /// When there is no such input.
    pub fn named(&self, name: &str) -> &Tensor {
        self.find(name).unwrap_or_else(|| panic!("{}: no input {name}", self.op))
    }

    /// Sets parameters to the inputs of the same names; gradients are taken with respect to the parameters.
    pub fn set(&self, params: &Params) {
        params.all().iter().for_each(|p| p.set(self.named(p.name())));
        *self.params.borrow_mut() = params.all();
    }

    /// The tensor with respect to which the gradient of an input is taken.
    pub fn variable(&self, name: &str) -> Tensor {
        let params = self.params.borrow();
        params.iter().find(|p| p.name() == name).map_or_else(|| self.named(name).clone(), Param::value)
    }

    /// All inputs.
    pub fn tensors(&self) -> Vec<&Tensor> {
        self.inputs.iter().map(|(_, t)| t).collect()
    }

    /// The error for a feature of an op that the library does not have.
    pub fn without(&self, what: &str) -> Unsupported {
        Unsupported(format!("{} with {what}", self.op))
    }
}
