//! What is to be evaluated, and the key under which its plan is cached.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gpu_core::{Buffer, DType, Device, Role};

use crate::Tensor;
use crate::node::{Node, Stored};
use crate::op::{Meta, Op};
use crate::snapshot::Snapshot;

/// Nodes to evaluate.
pub(crate) struct Request {
    /// In an order in which inputs come first.
    pub nodes: Vec<Arc<Node>>,
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
    /// Where each leaf lies: a number in [`Wiring::buffers`], and its first element there; `None` for numbers.
    pub places: Vec<Option<(usize, usize)>>,
    /// The memory behind the leaves, each once.
    pub buffers: Vec<Buffer>,
    /// Live-out nodes, whose values are kept.
    pub wanted: Vec<bool>,
    /// Kept outputs that are no activations: node and output, and what they are.
    pub roles: Vec<((usize, usize), Role)>,
    /// Whether a wanted node depends on it.
    pub live: Vec<bool>,
}

impl Request {
    pub fn new(snapshot: &Snapshot, donated: Vec<bool>) -> Request {
        Request { nodes: snapshot.nodes.iter().map(|entry| entry.node.clone()).collect(), donated }
    }
}

impl Wiring {
    /// Of a snapshot whose leaves are `stored`, and the nodes to keep.
    pub fn new(
        snapshot: &Snapshot,
        stored: Vec<Option<Stored>>,
        wanted: Vec<bool>,
        roles: Vec<((usize, usize), Role)>,
    ) -> Wiring {
        let (mut known, mut buffers) = (HashMap::new(), vec![]);
        let place = |stored: Option<Stored>| {
            let Stored { buffer, offset } = stored?;
            let slot = *known.entry(buffer.id()).or_insert_with(|| {
                buffers.push(buffer);
                buffers.len() - 1
            });
            Some((slot, offset))
        };
        let places = stored.into_iter().map(place).collect();
        Wiring {
            inputs: snapshot.nodes.iter().map(|entry| entry.sources.clone()).collect(),
            leaves: snapshot.leaves.clone(),
            places,
            buffers,
            wanted,
            roles,
            live: vec![true; snapshot.nodes.len()],
        }
    }

    /// Shape and type of what a node reads.
    pub fn meta<'a>(&'a self, request: &'a Request, source: Source) -> &'a Meta {
        match source {
            Source::Leaf(leaf) => self.leaves[leaf].meta(),
            Source::Node(node, output) => &request.nodes[node].outputs[output],
        }
    }

    /// Bytes that leaves take of each buffer, counted from its start.
    pub fn buffer_bytes(&self) -> Vec<usize> {
        let mut bytes = vec![0; self.buffers.len()];
        for (leaf, place) in self.leaves.iter().zip(&self.places) {
            if let Some((slot, offset)) = *place {
                bytes[slot] = bytes[slot].max((offset + leaf.numel()) * DType::BYTES);
            }
        }
        bytes
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
        (&self.places, &self.wanted, &self.roles, &request.donated).hash(&mut bytes);
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
