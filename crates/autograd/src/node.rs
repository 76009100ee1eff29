//! Nodes of the recorded graph.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use gpu_core::kernels::Unary;
use gpu_core::{Buffer, Device, Half, Role};

use crate::op::{MapOp, Meta, Op};
use crate::{Result, Tensor, recorder};

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
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Empty once the values are known and no gradient can be asked for.
    pub inputs: Vec<Tensor>,
    /// The values of each output, once evaluated.
    pub values: Vec<Option<Buffer>>,
    /// An optimizer step has freed the inputs.
    pub released: bool,
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
            _ => true,
        };
        let float = outputs.iter().any(|o| o.dtype.is_float());
        let requires_grad = differentiable && float && inputs.iter().any(|t| t.node.requires_grad);
        let values = vec![None; outputs.len()];
        let half = if keeps_halves(&op) { inputs[0].node.half } else { None };
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
            state: Mutex::new(State { inputs, values, released: false }),
        }
    }

    /// The same operation on other inputs of the same shapes.
    pub fn again(&self, inputs: Vec<Tensor>) -> Arc<Node> {
        let mut node = Node::new(&self.device, self.op.clone(), inputs, self.outputs.clone(), self.location);
        node.detached = self.detached;
        node.half = self.half;
        node.requires_grad &= !self.detached;
        let node = Arc::new(node);
        recorder::pend(&node);
        node
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn is_view(&self) -> bool {
        matches!(self.op, Op::View(_))
    }

    /// Whether the values were not computed from other tensors.
    pub fn is_leaf(&self) -> bool {
        matches!(self.op, Op::Data | Op::Constant(_) | Op::Literal(_) | Op::Scalars(_))
    }

    /// The values of output `i` of an evaluated node; a constant is uploaded when it is first used.
    pub fn buffer(&self, i: usize) -> Result<Buffer> {
        let value = &mut self.state().values[i];
        if let (None, Op::Constant(words)) = (&value, &self.op) {
            *value = Some(self.device.upload(bytemuck::cast_slice(words), Role::Input)?);
        }
        Ok(value.clone().expect("an evaluated node has values"))
    }

    /// The values of output `i`, if evaluated.
    pub fn value(&self, i: usize) -> Option<Buffer> {
        self.state().values[i].clone()
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
        let mut left = std::mem::take(&mut self.state().inputs);
        while let Some(tensor) = left.pop() {
            if let Some(node) = Arc::into_inner(tensor.node) {
                left.append(&mut node.state().inputs);
            }
        }
    }
}
