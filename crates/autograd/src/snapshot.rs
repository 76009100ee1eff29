//! The input of an evaluation: the pending ancestors of its roots at one moment.
//!
//! Meanwhile, other threads may evaluate, differentiate or free the same graph. They replace a node's list of inputs, but never change
//! the list that a snapshot has taken from it.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use gpu_core::{Buffer, Device};

use crate::compile::Source;
use crate::history::History;
use crate::node::{Node, Stored};
use crate::op::{Op, View};
use crate::{Result, Tensor};

/// Pending nodes in the order of recording, inputs first, and the tensors in memory that they read.
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
    /// [`Error::Freed`](crate::Error::Freed) where an ancestor has neither values nor inputs any more, and the error of an invalid one.
    pub fn of<'a>(roots: impl Iterator<Item = &'a Tensor>) -> Result<Snapshot> {
        Snapshot::within(roots, |_| false)
    }

    /// As [`of`](Snapshot::of), with `known` nodes treated as if they had values.
    pub fn within<'a>(
        roots: impl Iterator<Item = &'a Tensor>,
        known: impl Fn(&Arc<Node>) -> bool,
    ) -> Result<Snapshot> {
        let (nodes, _) = pending(roots, known)?;
        let mut snapshot = Snapshot { nodes, leaves: vec![], index: HashMap::default() };
        snapshot.wire();
        Ok(snapshot)
    }

    /// Adds those candidates that depend on a node of the snapshot or the history, with their pending ancestors. Returns the candidates
    /// that were added, and those that have values.
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
                // `wire` sets their indices below.
                nodes.iter().for_each(|entry| _ = self.index.insert(Arc::as_ptr(&entry.node), usize::MAX));
                self.nodes.extend(nodes);
                taken.push((what, tensor));
            }
        }
        self.wire();
        taken
    }

    /// Puts the nodes in order, and finds the sources of their inputs.
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

    /// The index of a tensor's node, if it is pending.
    pub fn find(&self, tensor: &Tensor) -> Option<usize> {
        self.index.get(&Arc::as_ptr(&tensor.node)).copied()
    }

    pub fn contains(&self, node: &Arc<Node>) -> bool {
        self.index.contains_key(&Arc::as_ptr(node))
    }

    /// The node and output of a tensor, or of the base that it is a view of, if pending.
    pub fn base(&self, tensor: &Tensor) -> Option<(usize, usize)> {
        let (mut n, mut output) = (self.find(tensor)?, tensor.output);
        while self.nodes[n].node.is_view() {
            let Source::Node(base, of) = self.nodes[n].sources[0] else { return None };
            (n, output) = (base, of);
        }
        Some((n, output))
    }

    /// For every node, how many inputs of other nodes refer to it.
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

    /// The nodes with handles outside of the snapshot and the history, directly or through a view. `roots` are this evaluation's own
    /// handles and do not count.
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

    /// Marks the bases of marked views.
    pub fn mark_bases(&self, marked: &mut [bool]) {
        for n in (0..self.nodes.len()).rev().filter(|&n| self.nodes[n].node.is_view()) {
            if let (true, Source::Node(base, _)) = (marked[n], self.nodes[n].sources[0]) {
                marked[base] = true;
            }
        }
    }

    /// The memory of every leaf: the one that `known` returns, else its own; `None` for literals and scalars, which have none.
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

    /// Gives aliases without a gradient the values of their base, so that they do not keep its history alive.
    pub fn detach_views(&self) {
        // In order, so that each view finds the values of the view before it.
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

    /// Sets a node's values, and frees its history unless it may be differentiated. Values that another thread has set first stay.
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

/// The pending ancestors that are not `known`, unordered, and whether there are known ones.
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
        if let Some(error) = node.invalid.get() {
            return Err((**error).clone());
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
