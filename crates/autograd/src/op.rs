//! What a node computes.

use std::any::{Any, TypeId};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gpu_core::kernels::{Binary, ReduceOp, Unary};
use gpu_core::{DType, Layout, Target};

use crate::Tensor;
use crate::capture::Recording;
use crate::compile::Lower;

/// Shape and type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Meta {
    /// Size of every dimension.
    pub shape: Vec<usize>,
    /// Type of the elements.
    pub dtype: DType,
}

impl Meta {
    /// The description of a tensor of `shape`.
    pub fn new(shape: &[usize], dtype: DType) -> Meta {
        Meta { shape: shape.to_vec(), dtype }
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a node computes from its inputs. The compiler handles each variant; an op with kernels of its own is a [`KernelOp`].
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Values that came from outside.
    Data,
    /// Values known when recorded, as 32-bit words; uploaded when first used.
    Constant(Arc<[u32]>),
    /// A scalar that is part of the plan, as its bits.
    Literal(u32),
    /// Numbers that may differ at every step without changing the plan, as their bits.
    Scalars(Vec<u32>),
    View(View),
    Map(MapOp),
    /// Over the given dimensions, which the result does not have.
    Reduce(ReduceOp, Vec<usize>),
    Kernel(Arc<dyn KernelOp>),
    /// A call of a captured pass.
    Call(Arc<Recording>),
    /// One result of a call.
    Returned(usize),
}

/// The same elements in another shape or order; costs nothing unless a kernel needs them dense.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum View {
    /// The same tensor as a separate node: a variable, detached, or an input of a decomposed op.
    Alias,
    /// The same tensor as an input of recomputed nodes, which are not merged with equal earlier ones.
    Recompute,
    Reshape,
    Permute(Vec<usize>),
    Expand,
    Slice {
        dim: usize,
        start: usize,
        len: usize,
        step: isize,
    },
}

/// An element-wise function with NumPy broadcasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MapOp {
    Unary(Unary),
    Binary(Binary),
    /// `condition ? a : b`
    Select,
}

impl Op {
    pub fn name(&self) -> String {
        match self {
            Op::Data | Op::Constant(_) => "data".into(),
            Op::Literal(_) => "literal".into(),
            Op::Scalars(_) => "scalars".into(),
            Op::View(view) => format!("{view:?}").to_lowercase(),
            Op::Map(MapOp::Unary(op)) => format!("{op:?}").to_lowercase(),
            Op::Map(MapOp::Binary(op)) => format!("{op:?}").to_lowercase(),
            Op::Map(MapOp::Select) => "where".into(),
            Op::Reduce(op, _) => format!("{op:?}").to_lowercase(),
            Op::Kernel(op) => op.name().into(),
            Op::Call(_) => "captured".into(),
            Op::Returned(_) => "result of a captured pass".into(),
        }
    }

    /// Hashes everything that a plan depends on; the numbers in [`Op::Scalars`] are not part of it.
    pub fn key(&self, hasher: &mut dyn Hasher) {
        let mut hasher = hasher;
        std::mem::discriminant(self).hash(&mut hasher);
        match self {
            Op::Data | Op::Constant(_) => {}
            Op::Literal(bits) => bits.hash(&mut hasher),
            Op::Scalars(values) => values.len().hash(&mut hasher),
            Op::View(view) => view.hash(&mut hasher),
            Op::Map(op) => op.hash(&mut hasher),
            Op::Reduce(op, dims) => (op, dims).hash(&mut hasher),
            Op::Kernel(op) => op.key(hasher),
            Op::Call(recording) => recording.id.hash(&mut hasher),
            Op::Returned(k) => k.hash(&mut hasher),
        }
    }
}

/// Attributes as part of a plan's key; implemented for every `Hash` type.
pub trait Key {
    fn key(&self, hasher: &mut dyn Hasher);
}

impl<T: Hash + Any> Key for T {
    fn key(&self, hasher: &mut dyn Hasher) {
        let mut hasher = hasher;
        TypeId::of::<T>().hash(&mut hasher);
        self.hash(&mut hasher);
    }
}

/// An op with kernels of its own: how it is lowered to launches, and how gradients flow through it. Its shape rule is
/// in the `Tensor` method that records it.
#[doc(alias = "Function")]
pub trait KernelOp: Any + Key + Debug + Send + Sync {
    /// The name in profiles, plans, messages and the [policy of `autocast`](crate::AUTOCAST_POLICY), as in `conv2d`.
    fn name(&self) -> &'static str;

    /// Emits the launches that compute the node's outputs.
    fn lower(&self, cx: &mut Lower);

    /// Gradients of the inputs, given the node's inputs, its outputs, and the gradients of the outputs (`None` where
    /// nothing depends on an output). `None` for an input without a gradient.
    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>>;

    /// Whether results carry gradients.
    fn differentiable(&self) -> bool {
        true
    }

    /// If output `output` is an element-wise function of inputs of its size: these inputs, and the approximate number of instructions.
    /// The compiler decides whether the output gets memory; [`lower`](KernelOp::lower) passes the expression to [`Lower::computed`].
    fn elementwise(&self, output: usize) -> Option<(Vec<usize>, usize)> {
        let _ = output;
        None
    }

    /// Whether [`lower`](KernelOp::lower) takes input `input` as an expression or a prologue, so that it needs no memory.
    fn absorbs(&self, input: usize, target: Target) -> bool {
        let _ = (input, target);
        false
    }

    /// Whether element-wise code after the op becomes a part of its launch on a GPU, so that output 0 needs no memory if only that code
    /// reads it.
    fn emits(&self) -> bool {
        false
    }

    /// For ops whose output 0 holds their inputs one after the other, each dense in row-major order: the first element of each.
    /// [`lower`](KernelOp::lower) uses [`Lower::concatenated_output`] and [`Lower::write_part`], which copies inputs that are not
    /// produced in place.
    fn concatenates(&self, inputs: &[Meta]) -> Option<Vec<usize>> {
        let _ = inputs;
        None
    }

    /// Whether [`lower`](KernelOp::lower) can produce output `output` with its elements in the order of `layout`, a permutation of a
    /// dense one; if so, it uses [`Lower::output_layout`]. Element-wise outputs can have any order.
    fn produces(&self, output: usize, layout: &Layout) -> bool {
        let _ = output;
        layout.is_contiguous()
    }

    /// `(input, output)` pairs that share memory, the input being overwritten, if the old value has no other reference or consumer.
    fn in_place(&self) -> &[(usize, usize)] {
        &[]
    }
}
