//! A node with its inputs.

use autograd::{Device, Tensor};

use super::value::{Host, Outcome, Value};
use crate::proto::{AttributeProto, NodeProto};

/// What an operator computes from.
pub struct Context<'a> {
    pub node: &'a NodeProto,
    /// `None` for an optional input that is left out.
    pub inputs: Vec<Option<Value>>,
    pub device: &'a Device,
    pub opset: i64,
}

impl Context<'_> {
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node.attribute.iter().find(|a| a.name() == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|a| a.i).unwrap_or(default)
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).and_then(|a| a.f).unwrap_or(default)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.attribute(name)?.s.as_ref()?).ok()
    }

    pub fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.attribute(name).map(|a| a.ints.clone())
    }

    /// Two sizes of an attribute, such as strides. For sequences, there is only the second one.
    pub fn pair(&self, name: &str, default: usize) -> Outcome<[usize; 2]> {
        match self.ints(name).as_deref() {
            None | Some([]) => Ok([default; 2]),
            Some(&[w]) if w >= 0 => Ok([1, w as usize]),
            Some(&[h, w]) if h >= 0 && w >= 0 => Ok([h as usize, w as usize]),
            Some(other) => Err(format!("{name} {other:?}, only one or two dimensions are supported")),
        }
    }

    pub fn value(&self, i: usize) -> Outcome<&Value> {
        self.inputs.get(i).and_then(Option::as_ref).ok_or_else(|| format!("input {i} is missing"))
    }

    pub fn has(&self, i: usize) -> bool {
        self.value(i).is_ok()
    }

    pub fn tensor(&self, i: usize) -> Outcome<Tensor> {
        Ok(match self.value(i)? {
            Value::Device(tensor) => tensor.clone(),
            Value::Host(host) => host.tensor(self.device),
        })
    }

    /// Input `i`, which must be of a floating-point type.
    pub fn floats(&self, i: usize) -> Outcome<Tensor> {
        let tensor = self.tensor(i)?;
        if tensor.dtype().is_float() {
            return Ok(tensor);
        }
        Err(format!("input {i} of type {}, only floating-point types are supported", tensor.dtype()))
    }

    pub fn host(&self, i: usize) -> Outcome<&Host> {
        match self.value(i)? {
            Value::Host(host) => Ok(host),
            Value::Device(_) => Err(format!("input {i} must not depend on the values of the model's inputs")),
        }
    }

    pub fn shape(&self, i: usize) -> Outcome<Vec<usize>> {
        Ok(match self.value(i)? {
            Value::Host(host) => host.shape.clone(),
            Value::Device(tensor) => tensor.shape().to_vec(),
        })
    }

    /// Whether all inputs are on the host.
    pub fn on_host(&self) -> bool {
        self.inputs.iter().flatten().all(|v| matches!(v, Value::Host(_)))
    }

    /// A dimension, counted from the end if negative.
    pub fn dim(&self, dim: i64, rank: usize) -> Outcome<usize> {
        let at = if dim < 0 { dim + rank as i64 } else { dim };
        usize::try_from(at)
            .ok()
            .filter(|&d| d < rank.max(1))
            .ok_or_else(|| format!("dimension {dim} of {rank}"))
    }

    /// Numbers in an attribute or, since a later opset, in input `i`.
    pub fn numbers(&self, name: &str, i: usize) -> Outcome<Option<Vec<i64>>> {
        if self.has(i) {
            return Ok(Some(self.host(i)?.longs()));
        }
        Ok(self.ints(name))
    }
}
