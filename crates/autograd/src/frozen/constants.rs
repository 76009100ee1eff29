//! What a frozen function computes from its parameters alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::HashMap;

use crate::Tensor;
use crate::capture_log::Log;
use crate::compile::{Bytes, Source};
use crate::node::Node;
use crate::op::Op;

/// Names of parameters.
pub(super) type Names = BTreeSet<Arc<str>>;

/// Values that do not depend on inputs, each of them once for all structures of inputs.
#[derive(Default)]
pub(super) struct Constants {
    /// The values of states when they were first read, by the states' identifiers.
    states: HashMap<usize, usize>,
    /// By everything that a value depends on.
    computed: HashMap<Vec<u8>, usize>,
    pub tensors: Vec<Tensor>,
    /// The parameters that each tensor is computed from.
    pub names: Vec<Names>,
}

impl Constants {
    /// Drops all values but those of states.
    pub fn forget(&mut self) {
        let (tensors, names) = (std::mem::take(&mut self.tensors), std::mem::take(&mut self.names));
        self.computed.clear();
        for at in self.states.values_mut() {
            self.tensors.push(tensors[*at].clone());
            self.names.push(names[*at].clone());
            *at = self.tensors.len() - 1;
        }
    }

    pub fn push(&mut self, tensor: Tensor, names: Names) -> usize {
        self.tensors.push(tensor);
        self.names.push(names);
        self.tensors.len() - 1
    }

    /// A tensor that the function has not computed.
    pub fn leaf(&mut self, tensor: &Tensor, log: &Log) -> usize {
        let names = tensor.name().map(Arc::from).into_iter().collect();
        if let Some(reader) = log.reader(tensor) {
            if let Some(&at) = self.states.get(&reader.id()) {
                return at;
            }
            let at = self.push(tensor.detach(), names);
            self.states.insert(reader.id(), at);
            return at;
        }
        if let Op::Literal(_) = &tensor.node.op {
            return self.intern(tensor.clone(), &[]);
        }
        self.push(tensor.detach(), names)
    }

    /// A tensor that was computed from constants, or the equal one that is there already.
    pub fn intern(&mut self, tensor: Tensor, inputs: &[usize]) -> usize {
        let sources: Vec<Source> = inputs.iter().map(|&at| Source::Node(at, 0)).collect();
        let mut key = Bytes::of_node(&tensor.node, &sources);
        key.extend_from_slice(&tensor.output.to_ne_bytes());
        if let Some(&at) = self.computed.get(&key) {
            return at;
        }
        let names = inputs.iter().flat_map(|&at| self.names[at].iter().cloned()).collect();
        let at = self.push(tensor, names);
        self.computed.insert(key, at);
        at
    }

    /// The operation of a node on constants.
    pub fn operation(&mut self, node: &Node, inputs: &[usize]) -> usize {
        let tensors = inputs.iter().map(|&at| self.tensors[at].clone()).collect();
        self.intern(Tensor { node: node.recomputed(tensors), output: 0 }, inputs)
    }

    pub fn binary(&mut self, f: fn(&Tensor, &Tensor) -> Tensor, a: usize, b: usize) -> usize {
        let tensor = f(&self.tensors[a], &self.tensors[b]);
        self.intern(tensor, &[a, b])
    }
}
