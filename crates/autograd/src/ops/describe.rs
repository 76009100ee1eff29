//! The attributes of ops with kernels of their own, for [`Graph`](crate::Graph).

use std::any::Any;

use gpu_core::kernels::ScanOp;

use super::attention::Attention;
use super::batch_norm::BatchNorm;
use super::concat::Concat;
use super::conv2d::{Conv2d, Conv2dInputGrad};
use super::gather::{Gather, ScatterAdd};
use super::layer_norm::LayerNorm;
use super::matmul::MatMul;
use super::pad::Embed;
use super::pool2d::{AvgPool2d, MaxPool2d};
use super::recurrent::cell;
use super::scan::Scan;
use super::softmax::Softmax;
use crate::graph::Operation;
use crate::op::KernelOp;

/// The public description of an op.
pub(crate) fn describe(op: &dyn KernelOp) -> Operation {
    let any: &dyn Any = op;
    macro_rules! table {
        ($($pattern:pat => $operation:expr,)*) => {
            $(if let Some($pattern) = any.downcast_ref() {
                return $operation;
            })*
        };
    }
    table! {
        MatMul => Operation::MatMul,
        Conv2d(shape) => Operation::Conv2d(*shape),
        Conv2dInputGrad(shape) => Operation::ConvTranspose2d(*shape),
        MaxPool2d(shape) => Operation::MaxPool2d(*shape),
        &AvgPool2d { shape, count_include_pad, divisor } => Operation::AvgPool2d { shape, count_include_pad, divisor },
        BatchNorm { eps_bits } => Operation::BatchNorm { eps: f32::from_bits(*eps_bits) },
        LayerNorm { eps_bits } => Operation::LayerNorm { eps: f32::from_bits(*eps_bits) },
        &Softmax { log } => Operation::Softmax { log },
        &Attention { window, scale_bits } => Operation::Attention { window, scale: f32::from_bits(scale_bits) },
        Gather(_) => Operation::Gather,
        ScatterAdd(_) => Operation::ScatterAdd,
        &Concat { dim } => Operation::Concat { dim },
        Embed { at } => Operation::Embed(at.clone()),
        &Scan { op: ScanOp::Sum, dim, reverse } => Operation::Cumsum { dim, reverse },
    }
    cell(any).unwrap_or_else(|| Operation::Other(op.name().into()))
}
