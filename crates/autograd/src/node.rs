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
    /// A tensor that gradients are wanted for; they end here.
    pub variable: bool,
    /// Gradients end here without being wanted.
    pub detached: bool,
    /// All values of the only output are known to be halves of this type; see [`autocast`](crate::autocast()).
    pub half: Option<Half>,
    pub location: &'static Location<'static>,
    /// The name of the parameter that this tensor is.
    pub name: OnceLock<Arc<str>>,
    /// The number of the [`checkpoint`](crate::checkpoint()) that it is part of.
    pub checkpoint: OnceLock<u64>,
    state: Mutex<NodeState>,
}

/// What changes about a node after it was recorded.
#[derive(Default)]
pub(crate) struct NodeState {
    /// Shared, so that an evaluation reads the same inputs to its end, whatever other threads clear meanwhile. Empty once the
    /// values are known and no gradient can be asked for.
    pub inputs: Arc<Vec<Tensor>>,
    /// The values of each output, once evaluated.
    pub values: Vec<Option<Stored>>,
    /// A step has freed the graph behind it.
    pub released: bool,
}

/// Values in memory: dense, in row-major order, from element `offset` of a buffer on.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub buffer: Buffer,
    pub offset: usize,
}

impl Stored {
    pub fn same(&self, other: &Stored) -> bool {
        self.buffer.same(&other.buffer) && self.offset == other.offset
    }
}

impl From<Buffer> for Stored {
    fn from(buffer: Buffer) -> Stored {
        Stored { buffer, offset: 0 }
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A number that no node has yet, and no later one will be below.
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

    /// Whether it stands for what a captured pass has recorded; its values are those of what it returns.
    pub fn is_call(&self) -> bool {
        matches!(self.op, Op::Call(_))
    }

    /// What a view shows; `None` for others, and for views that have their values and no history.
    pub fn viewed(&self) -> Option<Tensor> {
        if self.is_view() { self.inputs().first().cloned() } else { None }
    }

    /// Whether the values were not computed from other tensors.
    pub fn is_leaf(&self) -> bool {
        matches!(self.op, Op::Data | Op::Constant(_) | Op::Literal(_) | Op::Scalars(_))
    }

    /// What it was recorded from; empty where that was freed.
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

/// Whether an op makes halves of halves without rounding.
fn keeps_halves(op: &Op) -> bool {
    match op {
        Op::View(_) => true,
        Op::Map(MapOp::Unary(f)) => matches!(f, Unary::Relu | Unary::Neg | Unary::Abs),
        _ => false,
    }
}

impl Drop for Node {
    /// Takes long chains apart in a loop: the compiler's own recursion would overflow the stack.
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
