//! What is to be evaluated, and the key under which its plan is cached.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gpu_core::Device;

use crate::Tensor;
use crate::node::Node;
use crate::op::Op;

/// Nodes to evaluate.
pub(crate) struct Request {
    /// In an order in which inputs come first.
    pub nodes: Vec<Arc<Node>>,
    /// Those whose values are kept.
    pub wanted: Vec<Arc<Node>>,
    /// For every in-place pair of every node, in order: whether the input's memory may be overwritten.
    pub donated: Vec<bool>,
}

/// Where an input of a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Evaluated before: a number in [`Wiring::leaves`].
    Leaf(usize),
    /// An output of a node of the request.
    Node(usize, usize),
}

/// The request's structure with numbers in place of references.
pub(crate) struct Wiring {
    /// Inputs of every node.
    pub inputs: Vec<Vec<Source>>,
    /// Evaluated tensors and step-varying numbers that nodes read.
    pub leaves: Vec<Tensor>,
    pub wanted: Vec<bool>,
    /// Whether a wanted node depends on it.
    pub live: Vec<bool>,
}

impl Wiring {
    pub fn new(request: &Request) -> Wiring {
        let mut nodes: HashMap<*const Node, usize> = HashMap::new();
        let mut leaf_index: HashMap<(*const Node, usize), usize> = HashMap::new();
        let mut leaves: Vec<Tensor> = vec![];
        let mut inputs = vec![];
        for (i, node) in request.nodes.iter().enumerate() {
            let state = node.state();
            let sources = state.inputs.iter().map(|tensor| match nodes.get(&Arc::as_ptr(&tensor.node)) {
                Some(&n) => Source::Node(n, tensor.output),
                None => Source::Leaf(
                    *leaf_index.entry((Arc::as_ptr(&tensor.node), tensor.output)).or_insert_with(|| {
                        leaves.push(tensor.clone());
                        leaves.len() - 1
                    }),
                ),
            });
            inputs.push(sources.collect());
            nodes.insert(Arc::as_ptr(node), i);
        }
        let mut wanted = vec![false; request.nodes.len()];
        request.wanted.iter().for_each(|n| wanted[nodes[&Arc::as_ptr(n)]] = true);
        let live = vec![true; request.nodes.len()];
        Wiring { inputs, leaves, wanted, live }
    }

    /// Everything that a plan depends on, as bytes: equal keys mean the same plan.
    pub fn key(&self, device: &Device, request: &Request) -> Vec<u8> {
        let mut bytes = Bytes(Vec::with_capacity(64 * request.nodes.len()));
        (device.id(), super::fuse::enabled()).hash(&mut bytes);
        for (node, inputs) in request.nodes.iter().zip(&self.inputs) {
            bytes.node(node, inputs);
        }
        for leaf in &self.leaves {
            leaf.meta().hash(&mut bytes);
            match leaf.node.op {
                Op::Literal(bits) => (1u8, bits).hash(&mut bytes),
                Op::Scalars(_) => 2u8.hash(&mut bytes),
                _ => 0u8.hash(&mut bytes),
            }
        }
        (&self.wanted, &request.donated).hash(&mut bytes);
        bytes.0
    }
}

/// A "hasher" that keeps every byte, so that keys compare exactly.
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    fn node(&mut self, node: &Node, inputs: &[Source]) {
        node.op.key(self);
        node.half.hash(self);
        inputs.hash(self);
        node.outputs.hash(self);
    }

    /// Everything that the values of a node depend on, given those of its inputs.
    pub fn of_node(node: &Node, inputs: &[Source]) -> Vec<u8> {
        let mut bytes = Bytes(vec![]);
        bytes.node(node, inputs);
        bytes.0
    }
}

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the bytes themselves are the key")
    }
}
