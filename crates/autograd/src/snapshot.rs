//! What an evaluation works on: the pending ancestors of its roots as they are at one moment.
//!
//! Other threads may evaluate, differentiate or free the same graph meanwhile. They change what a node refers to, never the
//! list that a snapshot has taken from it.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use gpu_core::{Buffer, Device};

use crate::compile::Source;
use crate::history::History;
use crate::node::{Node, Stored};
use crate::op::{Op, View};
use crate::{Result, Tensor};

/// Pending nodes in the order of recording, in which inputs come first, and the tensors in memory that they read.
pub(crate) struct Snapshot {
    pub nodes: Vec<Entry>,
    pub leaves: Vec<Tensor>,
    index: HashMap<*const Node, usize>,
}

/// A pending node.
pub(crate) struct Entry {
    pub node: Arc<Node>,
    pub inputs: Arc<Vec<Tensor>>,
    /// Where the inputs come from.
    pub sources: Vec<Source>,
}

impl Snapshot {
    /// The pending ancestors of `roots`.
    ///
    /// # Errors
    /// [`Error::Freed`](crate::Error::Freed) where an ancestor has neither values nor inputs any more.
    pub fn of<'a>(roots: impl Iterator<Item = &'a Tensor>) -> Result<Snapshot> {
        Snapshot::within(roots, |_| false)
    }

    /// As [`of`](Snapshot::of), as if the tensors of `known` nodes had values.
    pub fn within<'a>(
        roots: impl Iterator<Item = &'a Tensor>,
        known: impl Fn(&Arc<Node>) -> bool,
    ) -> Result<Snapshot> {
        let (nodes, _) = pending(roots, known)?;
        let mut snapshot = Snapshot { nodes, leaves: vec![], index: HashMap::default() };
        snapshot.wire();
        Ok(snapshot)
    }

    /// Adds tensors that depend on a node of the snapshot or the history, and their pending ancestors. Gives those that were added, and
    /// those with values.
    pub fn take_in<T>(&mut self, candidates: Vec<(T, Tensor)>, history: &History) -> Vec<(T, Tensor)> {
        let mut taken = vec![];
        for (what, tensor) in candidates {
            if tensor.memory().is_some() {
                taken.push((what, tensor));
                continue;
            }
            let known = |node: &Arc<Node>| self.contains(node);
            let Ok((nodes, connected)) = pending(std::iter::once(&tensor), known) else { continue };
            let inputs = nodes.iter().flat_map(|entry| entry.inputs.iter());
            if connected || inputs.into_iter().any(|t| history.contains(&t.node)) {
                // Their places follow below.
                nodes.iter().for_each(|entry| _ = self.index.insert(Arc::as_ptr(&entry.node), usize::MAX));
                self.nodes.extend(nodes);
                taken.push((what, tensor));
            }
        }
        self.wire();
        taken
    }

    /// Puts the nodes in order, and finds out what they read.
    fn wire(&mut self) {
        if self.index.len() == self.nodes.len() && self.nodes.iter().all(|entry| !entry.sources.is_empty()) {
            return;
        }
        self.nodes.sort_unstable_by_key(|entry| entry.node.id);
        self.index = self.nodes.iter().enumerate().map(|(i, entry)| (Arc::as_ptr(&entry.node), i)).collect();
        self.leaves.clear();
        let mut known: HashMap<(*const Node, usize), usize> = HashMap::default();
        for entry in &mut self.nodes {
            let source = |tensor: &Tensor| match self.index.get(&Arc::as_ptr(&tensor.node)) {
                Some(&n) => Source::Node(n, tensor.output),
                None => Source::Leaf(
                    *known.entry((Arc::as_ptr(&tensor.node), tensor.output)).or_insert_with(|| {
                        self.leaves.push(tensor.clone());
                        self.leaves.len() - 1
                    }),
                ),
            };
            entry.sources = entry.inputs.iter().map(source).collect();
        }
    }

    /// The number of a tensor's node, if it is pending.
    pub fn find(&self, tensor: &Tensor) -> Option<usize> {
        self.index.get(&Arc::as_ptr(&tensor.node)).copied()
    }

    pub fn contains(&self, node: &Arc<Node>) -> bool {
        self.index.contains_key(&Arc::as_ptr(node))
    }

    /// The node and output that a tensor is, or is a view of, if that is pending.
    pub fn base(&self, tensor: &Tensor) -> Option<(usize, usize)> {
        let (mut n, mut output) = (self.find(tensor)?, tensor.output);
        while self.nodes[n].node.is_view() {
            let Source::Node(base, of) = self.nodes[n].sources[0] else { return None };
            (n, output) = (base, of);
        }
        Some((n, output))
    }

    /// For every node, how many inputs of the others refer to it.
    pub fn references(&self) -> Vec<usize> {
        let mut references = vec![0; self.nodes.len()];
        for entry in &self.nodes {
            for source in &entry.sources {
                if let Source::Node(n, _) = source {
                    references[*n] += 1;
                }
            }
        }
        references
    }

    /// Nodes that handles outside of the snapshot and the history refer to, directly or by a view. `roots` are this evaluation's own
    /// handles.
    pub fn live<'a>(&self, roots: impl Iterator<Item = &'a Tensor>, history: &History) -> Vec<bool> {
        let entries = |entry: &Entry| 1 + usize::from(history.contains(&entry.node));
        let mut own: Vec<usize> =
            self.references().into_iter().zip(&self.nodes).map(|(n, entry)| n + entries(entry)).collect();
        roots.filter_map(|root| self.find(root)).for_each(|n| own[n] += 1);
        let live = self.nodes.iter().zip(own).map(|(entry, own)| Arc::strong_count(&entry.node) > own);
        let mut live: Vec<bool> = live.collect();
        self.mark_bases(&mut live);
        live
    }

    /// Marks what marked views look at.
    pub fn mark_bases(&self, marked: &mut [bool]) {
        for n in (0..self.nodes.len()).rev().filter(|&n| self.nodes[n].node.is_view()) {
            if let (true, Source::Node(base, _)) = (marked[n], self.nodes[n].sources[0]) {
                marked[base] = true;
            }
        }
    }

    /// The memory of every leaf, as `known` says or its own; `None` for numbers, which have none.
    ///
    /// # Errors
    /// Out of memory for constants; [`Error::Freed`](crate::Error::Freed).
    pub fn stored(&self, known: impl Fn(&Tensor) -> Option<Stored>) -> Result<Vec<Option<Stored>>> {
        let stored = |leaf: &Tensor| match leaf.node.op {
            Op::Literal(_) | Op::Scalars(_) => Ok(None),
            _ => known(leaf).map_or_else(|| leaf.node.stored(leaf.output), Ok).map(Some),
        };
        self.leaves.iter().map(stored).collect()
    }

    /// Gives aliases without a gradient the values of what they show, so that they do not keep its history.
    pub fn detach_views(&self) {
        // In order, so that each view looks no further than at the one before.
        let in_order = |node: &Node| matches!(node.op, Op::View(View::Alias | View::Reshape));
        for Entry { node, inputs, .. } in self.nodes.iter().filter(|entry| in_order(&entry.node)) {
            if let Some(stored) = inputs[0].node.value(inputs[0].output).filter(|_| !node.requires_grad) {
                let mut state = node.state();
                state.values[0] = Some(stored);
                let freed = std::mem::take(&mut state.inputs);
                drop(state);
                drop(freed);
            }
        }
    }

    pub fn device(&self) -> Option<&Device> {
        self.nodes.first().map(|entry| &entry.node.device)
    }

    /// Puts a node's values in place and frees its history, if gradients can't be asked for. What another thread has computed
    /// first stays.
    pub fn set_values(&self, n: usize, buffers: Vec<Buffer>) {
        let node = &self.nodes[n].node;
        let mut state = node.state();
        if state.values.iter().any(Option::is_none) {
            state.values = buffers.into_iter().map(|buffer| Some(buffer.into())).collect();
        }
        if !node.requires_grad {
            let freed = std::mem::take(&mut state.inputs);
            drop(state);
            drop(freed);
        }
    }
}

/// The pending ancestors that are not `known`, in no order, and whether some are.
fn pending<'a>(
    roots: impl Iterator<Item = &'a Tensor>,
    known: impl Fn(&Arc<Node>) -> bool,
) -> Result<(Vec<Entry>, bool)> {
    let mut seen: HashSet<*const Node> = HashSet::default();
    let (mut found, mut meets): (Vec<Entry>, bool) = (vec![], false);
    let mut left: Vec<Arc<Node>> = roots.map(|t| t.node.clone()).collect();
    while let Some(node) = left.pop() {
        if known(&node) {
            meets = true;
            continue;
        }
        if node.is_leaf() || !seen.insert(Arc::as_ptr(&node)) {
            continue;
        }
        let (inputs, evaluated) = {
            let state = node.state();
            (state.inputs.clone(), state.values.iter().all(Option::is_some))
        };
        if evaluated {
            continue;
        }
        if inputs.is_empty() {
            return Err(node.freed());
        }
        left.extend(inputs.iter().map(|t| t.node.clone()));
        found.push(Entry { node, inputs, sources: vec![] });
    }
    Ok((found, meets))
}
