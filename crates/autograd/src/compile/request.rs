//! What is to be evaluated, and the key under which its plan is cached.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::HashMap;
use gpu_core::{Buffer, DType, Device, Half, Role};

use crate::Tensor;
use crate::capture::Recording;
use crate::node::{Node, Stored};
use crate::op::{Meta, Op};
use crate::snapshot::Snapshot;

/// One evaluation: a snapshot, the memory of its leaves, and what is kept.
pub(crate) struct Evaluation<'a> {
    pub snapshot: &'a Snapshot,
    /// Where each leaf lies: the index of its buffer and its first element there; `None` for numbers.
    pub places: Vec<Option<(usize, usize)>>,
    /// The buffers of the leaves, without duplicates, followed by their rounded copies.
    pub buffers: Vec<Buffer>,
    /// Buffers of which there is a rounded copy.
    pub rounded: Vec<RoundedCopy>,
    /// Live-out nodes, whose values are kept.
    pub wanted: Vec<bool>,
    /// Live-out nodes whose values are kept packed.
    pub packed: Vec<usize>,
    /// The roles of kept outputs that are not activations, by node and output.
    pub roles: Vec<((usize, usize), Role)>,
    /// For every in-place pair of every node, in order: whether the input's memory may be overwritten.
    pub donated: Vec<bool>,
}

/// A packed copy of a leaf's buffer, rounded to halves.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct RoundedCopy {
    pub half: Half,
    /// The index of the buffer.
    pub of: usize,
    /// The index of the buffer with the copy.
    pub copy: usize,
}

/// Nodes to compile.
pub(crate) struct Request {
    /// Producers before consumers.
    pub nodes: Vec<Arc<Node>>,
    /// For every in-place pair of every node, in order: whether the input's memory may be overwritten.
    pub donated: Vec<bool>,
}

/// Where an input of a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A tensor evaluated before: its index in [`Wiring::leaves`].
    Leaf(usize),
    /// An output of a node of the request.
    Node(usize, usize),
}

/// The request's structure, with indices in place of references.
pub(crate) struct Wiring {
    /// Inputs of every node.
    pub inputs: Vec<Vec<Source>>,
    /// Evaluated tensors and step-varying numbers that nodes read.
    pub leaves: Vec<Tensor>,
    /// As [`Evaluation::places`].
    pub places: Vec<Option<(usize, usize)>>,
    /// As [`Evaluation::rounded`].
    pub rounded: Vec<RoundedCopy>,
    /// Live-out nodes.
    pub wanted: Vec<bool>,
    /// Live-out nodes whose values are kept packed.
    pub packed: Vec<usize>,
    /// Whether a wanted node depends on the node.
    pub live: Vec<bool>,
}

/// For each kept node of an evaluation, the node and output of the request for each of its outputs.
pub(crate) type Results = Vec<Vec<(usize, usize)>>;

impl<'a> Evaluation<'a> {
    /// The evaluation of a snapshot whose leaves have the memory `stored`.
    pub fn new(
        snapshot: &'a Snapshot,
        stored: Vec<Option<Stored>>,
        wanted: Vec<bool>,
        roles: Vec<((usize, usize), Role)>,
        donated: Vec<bool>,
    ) -> Evaluation<'a> {
        let (mut known, mut buffers, mut copies) = (HashMap::default(), vec![], vec![]);
        let place = |stored: Option<Stored>| {
            let Stored { buffer, offset, rounded } = stored?;
            let slot = *known.entry(buffer.id()).or_insert_with(|| {
                buffers.push(buffer);
                copies.push(rounded);
                buffers.len() - 1
            });
            Some((slot, offset))
        };
        let places = stored.into_iter().map(place).collect();
        let mut rounded = vec![];
        for (of, copy) in copies.into_iter().enumerate() {
            if let Some((half, copy)) = copy {
                rounded.push(RoundedCopy { half, of, copy: buffers.len() });
                buffers.push(copy);
            }
        }
        Evaluation { snapshot, places, buffers, rounded, wanted, packed: vec![], roles, donated }
    }

    /// The kept nodes.
    pub fn kept(&self) -> impl Iterator<Item = usize> {
        (0..self.wanted.len()).filter(|&n| self.wanted[n])
    }

    /// Everything that a plan depends on, as bytes: equal keys mean the same plan.
    pub fn key(&self, device: &Device) -> Vec<u8> {
        let mut bytes =
            Bytes(Vec::with_capacity(128 * (self.snapshot.nodes.len() + self.snapshot.leaves.len())));
        (device.id(), super::fuse::enabled()).hash(&mut bytes);
        for entry in &self.snapshot.nodes {
            bytes.node(&entry.node, &entry.sources);
        }
        for leaf in &self.snapshot.leaves {
            leaf.meta().hash(&mut bytes);
            match leaf.node.op {
                Op::Literal(bits) => (1u8, bits).hash(&mut bytes),
                Op::Scalars(_) => 2u8.hash(&mut bytes),
                _ => 0u8.hash(&mut bytes),
            }
        }
        (&self.places, &self.rounded, &self.wanted, &self.packed, &self.roles, &self.donated)
            .hash(&mut bytes);
        bytes.0
    }

    /// The nodes to compile, with the calls of captured passes replaced by their recorded nodes.
    pub fn expand(&self) -> (Request, Wiring, Results) {
        let mut flat = Flat::default();
        let mut donated = self.donated.iter().copied();
        for entry in &self.snapshot.nodes {
            flat.add(&entry.node, &entry.sources, &mut donated);
        }
        let mut wanted = vec![false; flat.nodes.len()];
        let mut results = vec![];
        for n in self.kept() {
            let of: Vec<(usize, usize)> = flat.seen[n].iter().map(|source| flat.memory(*source)).collect();
            of.iter().for_each(|&(node, _)| wanted[node] = true);
            results.push(of);
        }
        let packed = self.packed.iter().map(|&n| flat.memory(flat.seen[n][0]).0).collect();
        let wiring = Wiring {
            live: vec![true; flat.nodes.len()],
            inputs: flat.inputs,
            leaves: self.snapshot.leaves.clone(),
            places: self.places.clone(),
            rounded: self.rounded.clone(),
            packed,
            wanted,
        };
        (Request { nodes: flat.nodes, donated: flat.donated }, wiring, results)
    }
}

/// Collects nodes, with calls expanded.
#[derive(Default)]
struct Flat {
    nodes: Vec<Arc<Node>>,
    inputs: Vec<Vec<Source>>,
    donated: Vec<bool>,
    /// For every node of the snapshot, the sources of its outputs in this list.
    seen: Vec<Vec<Source>>,
}

impl Flat {
    fn add(&mut self, node: &Arc<Node>, sources: &[Source], donated: &mut impl Iterator<Item = bool>) {
        let inputs: Vec<Source> = sources.iter().map(|&source| self.source(source)).collect();
        let seen = match &node.op {
            Op::Call(recording) => self.splice(recording, &inputs),
            Op::Returned(_) => inputs,
            op => {
                if let Op::Kernel(op) = op {
                    self.donated.extend(donated.take(op.in_place().len()));
                }
                self.push(node, inputs)
            }
        };
        self.seen.push(seen);
    }

    fn push(&mut self, node: &Arc<Node>, inputs: Vec<Source>) -> Vec<Source> {
        self.nodes.push(node.clone());
        self.inputs.push(inputs);
        let n = self.nodes.len() - 1;
        (0..node.outputs.len()).map(|output| Source::Node(n, output)).collect()
    }

    /// Appends the nodes of a captured pass; returns the sources of its results.
    fn splice(&mut self, recording: &Recording, inputs: &[Source]) -> Vec<Source> {
        let first = self.nodes.len();
        let moved = |source: &Source| match *source {
            Source::Leaf(leaf) => inputs[leaf],
            Source::Node(n, output) => Source::Node(first + n, output),
        };
        for (node, sources) in recording.nodes.iter().zip(&recording.sources) {
            if let Op::Kernel(op) = &node.op {
                self.donated.extend(op.in_place().iter().map(|_| false));
            }
            self.push(node, sources.iter().map(moved).collect());
        }
        recording.results.iter().map(moved).collect()
    }

    fn source(&self, source: Source) -> Source {
        match source {
            Source::Leaf(_) => source,
            Source::Node(n, output) => self.seen[n][output],
        }
    }

    /// The node and output whose memory holds a kept tensor; for a view, that of its base.
    fn memory(&self, source: Source) -> (usize, usize) {
        match source {
            Source::Node(n, _) if self.nodes[n].is_view() => self.memory(self.inputs[n][0]),
            Source::Node(n, output) => (n, output),
            Source::Leaf(_) => unreachable!("what is kept is computed"),
        }
    }
}

impl Wiring {
    /// Shape and type of a source.
    pub fn meta<'a>(&'a self, request: &'a Request, source: Source) -> &'a Meta {
        match source {
            Source::Leaf(leaf) => self.leaves[leaf].meta(),
            Source::Node(node, output) => &request.nodes[node].outputs[output],
        }
    }

    /// For each buffer, the bytes from its start to the end of the last leaf.
    pub fn buffer_bytes(&self) -> Vec<usize> {
        let buffers = self.places.iter().flatten().map(|(slot, _)| slot + 1).max().unwrap_or(0);
        let mut bytes = vec![0; buffers];
        for (leaf, place) in self.leaves.iter().zip(&self.places) {
            if let Some((slot, offset)) = *place {
                bytes[slot] = bytes[slot].max((offset + leaf.numel()) * DType::BYTES);
            }
        }
        bytes
    }
}

/// A "hasher" that keeps every byte, so that keys are compared exactly.
pub(crate) struct Bytes(Vec<u8>);

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
