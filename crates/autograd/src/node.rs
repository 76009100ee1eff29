//! Nodes of the recorded graph.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use gpu_core::kernels::Unary;
use gpu_core::{Buffer, Device, Half, Role};

use crate::op::{MapOp, Meta, Op};
use crate::{Error, Result, Tensor, record};

/// One recorded operation.
pub(crate) struct Node {
    pub id: u64,
    pub device: Device,
    pub op: Op,
    pub outputs: Vec<Meta>,
    /// Whether gradients flow into or through this node.
    pub requires_grad: bool,
    /// A tensor that gradients are computed for; they flow no further.
    pub variable: bool,
    /// Gradients end here and are not returned.
    pub detached: bool,
    /// All values of the only output are known to be halves of this type; see [`autocast`](crate::autocast()).
    pub half: Option<Half>,
    pub location: &'static Location<'static>,
    /// The name of the parameter that this node represents.
    pub name: OnceLock<Arc<str>>,
    /// The lowest and the highest of integers that were uploaded.
    pub range: OnceLock<[i64; 2]>,
    /// Why the node cannot be computed.
    pub invalid: OnceLock<Box<Error>>,
    /// The number of the [`checkpoint`](crate::checkpoint()) that the node is part of.
    pub checkpoint: OnceLock<u64>,
    state: Mutex<NodeState>,
}

/// The mutable state of a node.
#[derive(Default)]
pub(crate) struct NodeState {
    /// Shared, so that an evaluation reads the same inputs to its end, even if other threads clear them. Empty once the values are
    /// known and no gradient can be computed.
    pub inputs: Arc<Vec<Tensor>>,
    /// The values of each output, once evaluated.
    pub values: Vec<Option<Stored>>,
    /// Whether a step has freed the graph that leads to the node.
    pub released: bool,
}

/// Dense values in row-major order, from element `offset` of a buffer on.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub buffer: Buffer,
    pub offset: usize,
    /// A copy of the whole buffer, rounded to halves and packed.
    pub rounded: Option<(Half, Buffer)>,
}

impl Stored {
    pub fn same(&self, other: &Stored) -> bool {
        self.buffer.same(&other.buffer) && self.offset == other.offset
    }
}

impl From<Buffer> for Stored {
    fn from(buffer: Buffer) -> Stored {
        Stored { buffer, offset: 0, rounded: None }
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A lower bound of the ids of all nodes made later; no node has it yet.
pub(crate) fn next_id() -> u64 {
    NEXT.load(Relaxed)
}

impl Node {
    pub fn new(
        device: &Device,
        op: Op,
        inputs: Vec<Tensor>,
        outputs: Vec<Meta>,
        location: &'static Location,
    ) -> Node {
        let differentiable = match &op {
            Op::Kernel(op) => op.differentiable(),
            Op::Call(_) | Op::Returned(_) => false,
            _ => true,
        };
        let float = outputs.iter().any(|o| o.dtype.is_float());
        let requires_grad = differentiable && float && inputs.iter().any(|t| t.node.requires_grad);
        let values = vec![None; outputs.len()];
        let half = inputs.first().filter(|_| keeps_halves(&op)).and_then(|t| t.node.half);
        Node {
            id: NEXT.fetch_add(1, Relaxed),
            device: device.clone(),
            op,
            outputs,
            requires_grad,
            variable: false,
            detached: false,
            half,
            location,
            name: OnceLock::new(),
            range: OnceLock::new(),
            invalid: OnceLock::new(),
            checkpoint: OnceLock::new(),
            state: Mutex::new(NodeState { inputs: Arc::new(inputs), values, released: false }),
        }
    }

    /// The same operation on other inputs of the same shapes.
    pub fn recomputed(&self, inputs: Vec<Tensor>) -> Arc<Node> {
        let mut node = Node::new(&self.device, self.op.clone(), inputs, self.outputs.clone(), self.location);
        node.detached = self.detached;
        node.half = self.half;
        node.requires_grad &= !self.detached;
        record::note(&node.device);
        Arc::new(node)
    }

    /// The same operation without inputs.
    pub fn template(&self) -> Node {
        let mut node = Node::new(&self.device, self.op.clone(), vec![], self.outputs.clone(), self.location);
        node.half = self.half;
        node
    }

    pub fn state(&self) -> MutexGuard<'_, NodeState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn is_view(&self) -> bool {
        matches!(self.op, Op::View(_))
    }

    /// Whether the node is the call of a captured pass; its values are those of the pass's results.
    pub fn is_call(&self) -> bool {
        matches!(self.op, Op::Call(_))
    }

    /// The tensor that a view shows; `None` for other nodes, and for views whose inputs were cleared.
    pub fn viewed(&self) -> Option<Tensor> {
        if self.is_view() { self.inputs().first().cloned() } else { None }
    }

    /// Whether the values are not computed from other tensors.
    pub fn is_leaf(&self) -> bool {
        matches!(self.op, Op::Data | Op::Constant(_) | Op::Literal(_) | Op::Scalars(_))
    }

    /// The inputs it was recorded with; empty if they were freed.
    pub fn inputs(&self) -> Arc<Vec<Tensor>> {
        self.state().inputs.clone()
    }

    /// The values of output `i`, if known.
    pub fn value(&self, i: usize) -> Option<Stored> {
        self.state().values[i].clone()
    }

    /// The values of output `i` of an evaluated node; a constant is uploaded when it is first used.
    ///
    /// # Errors
    /// Out of memory; [`Error::Freed`] where a step has overwritten the values in place.
    pub fn stored(&self, i: usize) -> Result<Stored> {
        let mut state = self.state();
        match (&state.values[i], &self.op) {
            (Some(stored), _) => Ok(stored.clone()),
            (None, Op::Constant(words)) => {
                let stored = Stored::from(self.device.upload(bytemuck::cast_slice(words), Role::Input)?);
                state.values[i] = Some(stored.clone());
                Ok(stored)
            }
            (None, _) => Err(self.freed()),
        }
    }

    /// The error for values that were freed with the graph of a step.
    pub fn freed(&self) -> Error {
        Error::Freed { op: self.op.name(), location: self.location.to_string() }
    }
}

/// Whether an op of halves yields halves without rounding.
fn keeps_halves(op: &Op) -> bool {
    match op {
        Op::View(_) => true,
        Op::Map(MapOp::Unary(f)) => matches!(f, Unary::Relu | Unary::Neg | Unary::Abs),
        _ => false,
    }
}

impl Drop for Node {
    /// Frees long chains in a loop: the compiler's recursive drop would overflow the stack.
    fn drop(&mut self) {
        let take =
            |node: &Node| Arc::into_inner(std::mem::take(&mut node.state().inputs)).unwrap_or_default();
        let mut left = take(self);
        while let Some(tensor) = left.pop() {
            if let Some(node) = Arc::into_inner(tensor.node) {
                left.append(&mut take(&node));
            }
        }
    }
}
