//! Mixed precision: which results are halves.
//!
//! A tensor of halves has type f32, and values that f16 or bf16 represents exactly. Rounding is an operation of the graph, so that
//! values depend neither on fusion nor on which results are kept. The compiler packs tensors known to be halves ([`Node::half`])
//! wherever they take memory of the plan, and their consumers unpack them; this changes no value.

mod policy;

use std::cell::Cell;

use gpu_core::Half;
use gpu_core::kernels::Unary;

pub use policy::{AUTOCAST_POLICY, Cast};

use crate::Tensor;
use crate::node::Node;
use crate::op::{MapOp, Op, View};

/// What is rounded at present.
#[derive(Clone, Copy, Default)]
struct Active {
    half: Option<Half>,
    /// Whether results are left as they are, because only the result of what they are a part of is rounded.
    inner: bool,
}

thread_local! {
    static ACTIVE: Cell<Active> = const { Cell::new(Active { half: None, inner: false }) };
}

/// Restores the previously active precision when dropped.
#[must_use]
pub(crate) struct Scope(Active);

impl Scope {
    fn enter(active: Active) -> Scope {
        Scope(ACTIVE.replace(active))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        ACTIVE.set(self.0);
    }
}

/// Records `f` in mixed precision, as `torch.autocast`: products are of halves, and what is kept from the forward to the backward pass is
/// stored as halves, in half of the memory. Parameters and their gradients stay f32, and so do the sums inside of each operation.
/// `None` switches an enclosing `autocast` off.
///
/// The [policy](AUTOCAST_POLICY) says for each operation whether its operands and its result are rounded to the nearest half (ties to even,
/// to infinity beyond the range). The gradient of a rounding is rounded, too, except for parameters. A parameter is rounded once in a plan,
/// with its neighbours in memory. f16 needs a loss scale, as it rounds small gradients to 0 and large ones to infinity; bf16 has the range
/// of f32 and needs none.
///
/// ```
/// # use autograd::{Device, Half, Tensor, autocast};
/// let device = Device::named("cpu")?;
/// let x = Tensor::full(&device, 1.0 + 1.0 / 1024.0, &[1, 1]).variable();
/// let product = |half| autocast(half, || x.matmul(&Tensor::ones(&device, &[1, 1]))).item();
/// assert_eq!(product(None)?, 1.0 + 1.0 / 1024.0);
/// assert_eq!(product(Some(Half::F16))?, 1.0 + 1.0 / 1024.0); // 10 fraction bits
/// assert_eq!(product(Some(Half::BF16))?, 1.0); // 7 fraction bits
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn autocast<R>(half: impl Into<Option<Half>>, f: impl FnOnce() -> R) -> R {
    let _scope = Scope::enter(Active { half: half.into(), inner: false });
    f()
}

/// The active precision; `None` outside of [`autocast`].
pub(crate) fn active() -> Option<Half> {
    ACTIVE.get().half
}

/// Switches mixed precision off while gradient rules are recorded, even inside of an [`autocast`].
pub(crate) fn pause() -> Scope {
    Scope::enter(Active::default())
}

/// Until it is dropped, operands are rounded by the policy, but not results: for what has a name in the policy and is recorded as several
/// operations. Its own result is then rounded by [`result`].
pub(crate) fn inside() -> Scope {
    Scope::enter(Active { inner: true, ..ACTIVE.get() })
}

/// The operands of an op, rounded to halves if it takes them.
#[track_caller]
pub(crate) fn operands(name: &str, inputs: Vec<Tensor>) -> Vec<Tensor> {
    let (Some(half), Cast::Half(rounded)) = (active(), policy::cast(name)) else { return inputs };
    // A loop: a closure would hide the caller's line.
    let mut operands = Vec::with_capacity(inputs.len());
    for (i, tensor) in inputs.into_iter().enumerate() {
        operands.push(if rounded.contains(&i) { tensor.as_half(half) } else { tensor });
    }
    operands
}

/// The result of an operation on these inputs, rounded to halves if the policy says so.
#[track_caller]
pub(crate) fn result(name: &str, inputs: &[&Tensor], result: Tensor) -> Tensor {
    let Active { half: Some(half), inner: false } = ACTIVE.get() else { return result };
    let is_half = |t: &&Tensor| t.node.half == Some(half);
    let rounds = match policy::cast(name) {
        Cast::Half(_) => true,
        Cast::Widest([]) => !inputs.is_empty() && inputs.iter().all(is_half),
        Cast::Widest(listed) => listed.iter().all(|&i| is_half(&inputs[i])),
        Cast::Float => false,
    };
    if rounds { result.as_half(half) } else { result }
}

/// Whether a node is a parameter or data; its gradient is not rounded.
pub(crate) fn given(node: &Node) -> bool {
    node.variable || node.is_leaf()
}

impl Tensor {
    /// Rounds to the nearest halves, to even in ties, and to infinity beyond the range; returns the same tensor if it is halves already. The type
    /// stays f32, and plans store the values packed. The gradient is rounded, too.
    ///
    /// ```
    /// # use autograd::{Device, Half, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.001f32, 1e5], &[2])?;
    /// assert_eq!(x.as_half(Half::BF16).to_vec::<f32>()?, [1.0, 99_840.0]);
    /// assert_eq!(x.as_half(Half::F16).to_vec::<f32>()?, [1.000_976_6, f32::INFINITY]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias("half", "bfloat16", "to"))]
    #[track_caller]
    pub fn as_half(&self, half: Half) -> Tensor {
        if !self.dtype().is_float() || self.node.half == Some(half) {
            return self.clone();
        }
        // A matrix and its transpose are rounded once.
        let reorders = match &self.node.op {
            Op::View(View::Reshape | View::Permute(_) | View::Expand) => !given(&self.node),
            _ => false,
        };
        if let Some(viewed) = self.node.viewed().filter(|_| reorders) {
            let (op, meta) = (self.node.op.clone(), self.meta().clone());
            return Tensor::record_op(self.device(), op, vec![viewed.as_half(half)], vec![meta]).remove(0);
        }
        let op = Op::Map(MapOp::Unary(Unary::AsHalf(half)));
        Tensor::record_as(self.device(), op, vec![self.clone()], vec![self.meta().clone()], Some(half))
            .remove(0)
    }

    /// Rounds to halves of the type of `other`, if it is halves.
    #[track_caller]
    pub(crate) fn as_halves_like(&self, other: &Tensor) -> Tensor {
        other.node.half.map_or_else(|| self.clone(), |half| self.as_half(half))
    }
}
