//! Windows and multiply-adds of ops, for summaries of models. An op that is not listed counts no multiply-adds, and has no windows.

use std::any::Any;

use gpu_core::kernels::{Conv2dShape, Pool2dShape};

use super::batch_norm::BatchNorm;
use super::concat::Concat;
use super::conv2d::{Conv2d, Conv2dInputGrad};
use super::layer_norm::LayerNorm;
use super::matmul::MatMul;
use super::pad::Embed;
use super::pool2d::{AvgPool2d, MaxPool2d};
use super::recurrent::is_cell;
use crate::op::{KernelOp, Meta};

/// Which elements of its inputs' planes (the last two dimensions) an element of an op's first output is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of them.
    All,
    /// Those at the same position. Statistics that normalisations take over all positions do not count.
    Place,
    /// Of the first input, those in a window of `extent` positions; the windows of neighbouring elements are `stride` apart.
    Window { extent: [usize; 2], stride: [usize; 2] },
    /// The transpose: each element of the first input contributes to a window of the output.
    Spread { extent: [usize; 2], stride: [usize; 2] },
}

/// The reach of an op, for receptive fields.
pub(crate) fn reach(op: &dyn KernelOp) -> Reach {
    let op: &dyn Any = op;
    let pool = |shape: &Pool2dShape| Reach::Window {
        extent: extent(shape.kernel, shape.dilation),
        stride: shape.stride,
    };
    if let Some(Conv2d(shape)) = op.downcast_ref() {
        Reach::Window { extent: conv_extent(shape), stride: shape.stride }
    } else if let Some(Conv2dInputGrad(shape)) = op.downcast_ref() {
        Reach::Spread { extent: conv_extent(shape), stride: shape.stride }
    } else if let Some(MaxPool2d(shape)) = op.downcast_ref() {
        pool(shape)
    } else if let Some(AvgPool2d { shape, .. }) = op.downcast_ref() {
        pool(shape)
    } else if op.is::<BatchNorm>() || op.is::<LayerNorm>() || op.is::<Concat>() || op.is::<Embed>() {
        Reach::Place
    } else {
        Reach::All
    }
}

fn conv_extent(shape: &Conv2dShape) -> [usize; 2] {
    extent(shape.kernel, shape.dilation)
}

/// The extent of a dilated window.
fn extent(kernel: [usize; 2], dilation: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|d| dilation[d] * (kernel[d].max(1) - 1) + 1)
}

/// Multiply-adds of the products with weights; other arithmetic is not counted.
pub(crate) fn multiply_adds(op: &dyn KernelOp, inputs: &[Meta]) -> u64 {
    let any: &dyn Any = op;
    if let Some(Conv2d(shape)) = any.downcast_ref() {
        shape.macs()
    } else if let Some(Conv2dInputGrad(shape)) = any.downcast_ref() {
        shape.macs()
    } else if any.is::<MatMul>() {
        (inputs[0].numel() * inputs[1].shape.last().expect("a matrix")) as u64
    } else if is_cell(any) {
        let [x, w_ih, w_hh, ..] = inputs else { unreachable!("a cell has two weights") };
        (x.shape[0] * x.shape[1] * (w_ih.numel() + w_hh.numel())) as u64
    } else {
        0
    }
}
