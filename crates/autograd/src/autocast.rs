//! Mixed precision: which results are halves.
//!
//! A tensor of halves has type f32, and values that f16 or bf16 represents exactly. Rounding is an operation of the graph, so that
//! values depend neither on fusion nor on which results are kept. The compiler packs tensors known to be halves ([`Node::half`])
//! wherever they take memory of the plan, and their consumers unpack them; this changes no value.

use std::cell::Cell;

use gpu_core::Half;
use gpu_core::kernels::{Binary, Unary};

use crate::Tensor;
use crate::op::{KernelOp, MapOp, Op};

thread_local! {
    static ACTIVE: Cell<Option<Half>> = const { Cell::new(None) };
}

/// Smaller tensors are not rounded: they take little memory, and many of them are statistics.
const LEAST: usize = 4096;

/// Restores the previously active precision when dropped.
#[must_use]
pub(crate) struct Scope(Option<Half>);

impl Drop for Scope {
    fn drop(&mut self) {
        ACTIVE.set(self.0);
    }
}

/// Records `f` in mixed precision, as `torch.autocast`: results kept from the forward to the backward pass are stored as halves, in
/// half of the memory. Parameters, gradients of parameters and sums stay f32. `None` switches an enclosing `autocast` off.
///
/// Rounded to the nearest half (ties to even, to infinity beyond the range) are these tensors, if they have at least 4096 elements:
/// - operands and results of matrix products, convolutions, attention, pooling, batch and layer norms, but not parameters, data
///   from outside, or the norms' statistics;
/// - sums of two such results, as in a residual network, or of one such result and a smaller tensor, such as a bias.
///
/// The gradient of a rounding is rounded, too. Everything else is f32: other element-wise functions, reductions, softmax, losses, and
/// recurrent layers. f16 needs a loss scale, as it rounds small gradients to 0 and large ones to infinity; bf16 has the range of f32
/// and needs none.
///
/// ```
/// # use autograd::{Device, Half, Tensor, autocast};
/// let device = Device::named("cpu")?;
/// let x = Tensor::full(&device, 1.0 + 1.0 / 1024.0, &[64, 64]).variable();
/// let eye: Vec<f32> = (0..64 * 64).map(|i| if i / 64 == i % 64 { 1.0 } else { 0.0 }).collect();
/// let eye = Tensor::from_slice(&device, &eye, &[64, 64])?;
/// let product = |half| autocast(half, || x.matmul(&eye)).to_vec::<f32>().map(|y| y[0]);
/// assert_eq!(product(None)?, 1.0 + 1.0 / 1024.0);
/// assert_eq!(product(Some(Half::F16))?, 1.0 + 1.0 / 1024.0); // 10 fraction bits
/// assert_eq!(product(Some(Half::BF16))?, 1.0); // 7 fraction bits
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn autocast<R>(half: impl Into<Option<Half>>, f: impl FnOnce() -> R) -> R {
    let _scope = Scope(ACTIVE.replace(half.into()));
    f()
}

/// The active precision; `None` outside of [`autocast`].
pub(crate) fn active() -> Option<Half> {
    ACTIVE.get()
}

/// Switches mixed precision off while gradient rules are recorded, even inside of an [`autocast`].
pub(crate) fn pause() -> Scope {
    Scope(ACTIVE.replace(None))
}

/// The operands of an op, rounded to halves if it takes them.
#[track_caller]
pub(crate) fn operands(op: &impl KernelOp, inputs: Vec<Tensor>) -> Vec<Tensor> {
    let Some(half) = ACTIVE.get() else { return inputs };
    // A loop: a closure would hide the caller's line.
    let mut rounded = Vec::with_capacity(inputs.len());
    for (i, tensor) in inputs.into_iter().enumerate() {
        let stays = !op.takes_halves(i) || given(&tensor);
        rounded.push(if stays { tensor } else { tensor.as_half(half) });
    }
    rounded
}

/// The outputs of an op: the first, which is the result, rounded to halves; the others are statistics and positions.
#[track_caller]
pub(crate) fn results(takes_halves: bool, mut outputs: Vec<Tensor>) -> Vec<Tensor> {
    if let Some(half) = ACTIVE.get().filter(|_| takes_halves) {
        outputs[0] = outputs[0].as_half(half);
    }
    outputs
}

/// The result of an element-wise function; a sum of halves is rounded to halves.
#[track_caller]
pub(crate) fn combined(op: Binary, operands: [&Tensor; 2], result: Tensor) -> Tensor {
    let whole = || operands.iter().filter(|t| t.numel() == result.numel());
    let halves = |half: &Half| whole().count() > 0 && whole().all(|t| t.node.half == Some(*half));
    match ACTIVE.get().filter(|_| op == Binary::Add).filter(halves) {
        Some(half) => result.as_half(half),
        None => result,
    }
}

/// Whether a tensor is a parameter or data, or a view of one.
fn given(tensor: &Tensor) -> bool {
    let mut tensor = tensor.clone();
    loop {
        let node = &tensor.node;
        if node.variable || node.detached || node.is_leaf() {
            return true;
        }
        let Some(next) = node.viewed() else { return node.is_view() };
        tensor = next;
    }
}

impl Tensor {
    /// Rounds to the nearest halves; returns the same tensor if it is halves already, or is small.
    #[track_caller]
    pub(crate) fn as_half(&self, half: Half) -> Tensor {
        if !self.dtype().is_float() || self.numel() < LEAST || self.node.half == Some(half) {
            return self.clone();
        }
        let op = Op::Map(MapOp::Unary(Unary::AsHalf(half)));
        Tensor::record_as(self.device(), op, vec![self.clone()], vec![self.meta().clone()], Some(half))
            .remove(0)
    }
}
