//! Activation recomputation: a second forward pass of a part of a model, instead of memory for its intermediate results.
//!
//! The nodes of the part carry its number. When a gradient goes through one of them, the gradient rule gets copies of the node's inputs
//! and outputs, which are computed again from the inputs of the part. So only these are kept from the forward to the backward pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use foldhash::HashMap;

use crate::Tensor;
use crate::node::{self, Node};
use crate::op::{Op, View};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Records `f` without keeping its intermediate results for the backward pass, which computes them again from the tensors that `f` read
/// (Chen et al. 2016, "Training deep nets with sublinear memory cost"). Gradients and random numbers are the same as without a
/// checkpoint. Checkpoints may be nested; the nodes of an inner one belong to it alone.
///
/// ```
/// # use autograd::{Device, Tensor, checkpoint};
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[0.5f32, 1.0], &[2])?.variable();
/// let y = checkpoint(|| x.exp().square()); // e^2x
/// let dx = y.sum_all().backward().get(&x).unwrap().to_vec::<f32>()?; // 2 e^2x
/// assert!((dx[0] - 5.436564).abs() < 1e-5 && (dx[1] - 14.778112).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn checkpoint(f: impl FnOnce() -> Tensor) -> Tensor {
    let (number, first) = (NEXT.fetch_add(1, Relaxed), node::next_id());
    let y = f();
    let mut left = vec![y.node.clone()];
    while let Some(node) = left.pop() {
        // The nodes of an inner checkpoint are numbered already.
        if node.id >= first && !node.variable && !node.is_leaf() && node.checkpoint.set(number).is_ok() {
            left.extend(node.state().inputs.iter().map(|t| t.node.clone()));
        }
    }
    y
}

/// The nodes of checkpoints that one backward pass computes again.
#[derive(Default)]
pub(crate) struct Recompute {
    copies: HashMap<*const Node, Arc<Node>>,
    /// Keeps the pointers in the map from being reused.
    originals: Vec<Arc<Node>>,
}

impl Recompute {
    /// The node to take a gradient rule's inputs and outputs from: a copy if it is part of a checkpoint.
    pub fn of(&mut self, node: &Arc<Node>) -> Arc<Node> {
        let Some(&number) = node.checkpoint.get() else { return node.clone() };
        // A loop, not recursion: a part can be a long chain.
        let (mut found, mut left) = (vec![], vec![node.clone()]);
        while let Some(node) = left.pop() {
            if part_of(&node, number) && !self.copies.contains_key(&Arc::as_ptr(&node)) {
                left.extend(node.state().inputs.iter().map(|t| t.node.clone()));
                found.push(node);
            }
        }
        found.sort_by_key(|n| n.id);
        found.dedup_by_key(|n| n.id);
        for node in found {
            let copy = self.copy(&node, number);
            self.copies.insert(Arc::as_ptr(&node), copy);
            self.originals.push(node);
        }
        self.copies.get(&Arc::as_ptr(node)).unwrap_or(node).clone()
    }

    fn copy(&self, node: &Arc<Node>, number: u64) -> Arc<Node> {
        let inputs = node.state().inputs.clone();
        let inputs = inputs.iter().map(|t| match self.copies.get(&Arc::as_ptr(&t.node)) {
            Some(copy) if part_of(&t.node, number) => Tensor { node: copy.clone(), output: t.output },
            _ if t.node.variable => t.clone(),
            _ => recompute(t),
        });
        node.recomputed(inputs.collect())
    }
}

/// Whether the node is recomputed as part of a checkpoint. A node without inputs has its values and is not.
fn part_of(node: &Node, number: u64) -> bool {
    node.checkpoint.get() == Some(&number) && !node.state().inputs.is_empty()
}

/// The same tensor, as an input of recomputed nodes: they are not merged with nodes that are computed already.
#[track_caller]
fn recompute(tensor: &Tensor) -> Tensor {
    let op = Op::View(View::Recompute);
    Tensor::record_op(tensor.device(), op, vec![tensor.clone()], vec![tensor.meta().clone()]).remove(0)
}
