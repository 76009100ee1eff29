//! Two-dimensional convolution: the op and its two gradient ops. The gradients of each of the three are the other two.

use gpu_core::kernels::{self, Conv2dShape, Map, Prologue};
use gpu_core::{Arg, DType, Layout, Target};

use super::conv::{self, Steps, with_bias};
use crate::compile::Lower;
use crate::op::{KernelOp, Meta};
use crate::{Padding, Tensor, autocast};

#[derive(Debug, Hash)]
pub(super) struct Conv2d(pub(super) Conv2dShape);
#[derive(Debug, Hash)]
pub(super) struct Conv2dInputGrad(pub(super) Conv2dShape);
#[derive(Debug, Hash)]
struct Conv2dWeightGrad(Conv2dShape);

impl Tensor {
    /// Cross-correlation of `self [N, C, H, W]` (or `[C, H, W]`) with `weight [O, C / groups, KH, KW]`, plus `bias [O]`, as
    /// `torch.nn.functional.conv2d`.
    ///
    /// # Panics
    /// When shapes do not fit, a kernel size, stride, dilation or group count is 0, or the kernel is larger than the padded
    /// input.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::ones(&device, &[1, 1, 3, 3]);
    /// let w = Tensor::ones(&device, &[1, 1, 3, 3]);
    /// let y = x.conv2d(&w, None, [1, 1], [1, 1], [1, 1], 1);
    /// assert_eq!(y.to_vec::<f32>()?, [4.0, 6.0, 4.0, 6.0, 9.0, 6.0, 4.0, 6.0, 4.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn conv2d(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: [usize; 2],
        padding: [usize; 2],
        dilation: [usize; 2],
        groups: usize,
    ) -> Tensor {
        if self.rank() == 3 {
            return self.unsqueeze(0).conv2d(weight, bias, stride, padding, dilation, groups).squeeze(&[0]);
        }
        conv::check("conv2d", self, weight, bias, Steps { stride, padding, dilation }, groups);
        let (x, w) = (self.shape(), weight.shape());
        let shape = Conv2dShape {
            batch: x[0],
            in_channels: x[1],
            out_channels: w[0],
            groups,
            input: [x[2], x[3]],
            kernel: [w[2], w[3]],
            stride,
            padding,
            dilation,
        };
        let inside = autocast::inside();
        let y = forward(shape, self, weight);
        drop(inside);
        with_bias(self, y, bias)
    }

    /// [`conv2d`](Tensor::conv2d) of stride 1, padded so that the plane keeps its size (`padding="same"`); an odd number of zeros has
    /// the extra one at the end.
    ///
    /// # Panics
    /// When shapes do not fit, or a dilation or the group count is 0.
    #[track_caller]
    pub fn conv2d_same(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        dilation: [usize; 2],
        groups: usize,
    ) -> Tensor {
        let around = conv::same("conv2d_same", self, weight, dilation);
        self.pad(&around, Padding::Constant(0.0)).conv2d(weight, bias, [1; 2], [0; 2], dilation, groups)
    }
}

#[track_caller]
fn forward(shape: Conv2dShape, x: &Tensor, weight: &Tensor) -> Tensor {
    let [h, w] = shape.output();
    let out = Meta::new(&[shape.batch, shape.out_channels, h, w], x.dtype());
    Tensor::record(Conv2d(shape), &[x, weight], vec![out]).remove(0)
}

#[track_caller]
pub(super) fn input_grad(shape: Conv2dShape, dy: &Tensor, weight: &Tensor) -> Tensor {
    let [h, w] = shape.input;
    let out = Meta::new(&[shape.batch, shape.in_channels, h, w], dy.dtype());
    Tensor::record(Conv2dInputGrad(shape), &[dy, weight], vec![out]).remove(0)
}

#[track_caller]
fn weight_grad(shape: Conv2dShape, x: &Tensor, dy: &Tensor) -> Tensor {
    let [h, w] = shape.kernel;
    let out = Meta::new(&[shape.out_channels, shape.in_channels / shape.groups, h, w], x.dtype());
    Tensor::record(Conv2dWeightGrad(shape), &[x, dy], vec![out]).remove(0)
}

/// Fills the output with zeros if it is a sum over nothing; returns whether it did.
fn is_empty(cx: &mut Lower) -> bool {
    let empty = cx.input_meta(0).numel() == 0 || cx.input_meta(1).numel() == 0;
    if empty {
        let out = cx.output(0);
        let whole = Layout::contiguous(&cx.output_meta(0).shape);
        cx.launch(Map::fill(DType::F32, 0, whole), &[out]);
    }
    empty
}

/// Input `i`: on the CPU computed while images are copied into padded planes. On a GPU it is stored first, as every element is loaded
/// many times.
fn operand(cx: &mut Lower, i: usize) -> (Vec<Arg>, Prologue) {
    match cx.target() {
        Target::Cpu => cx.prologue(i, (cx.buffers() - 3) / 2),
        Target::Gpu => {
            let shape = cx.input_meta(i).shape;
            (vec![cx.dense(i)], Prologue::plain(DType::F32, Layout::contiguous(&shape)))
        }
    }
}

impl KernelOp for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn lower(&self, cx: &mut Lower) {
        if !is_empty(cx) {
            let (mut args, x) = operand(cx, 0);
            args.extend([cx.dense(1), cx.output(0)]);
            cx.launch(kernels::Conv2d::new(self.0, x), &args);
        }
    }

    fn absorbs(&self, input: usize, target: Target) -> bool {
        input == 0 && target == Target::Cpu
    }

    fn emits(&self) -> bool {
        true
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let (x, weight, dy) = (&inputs[0], &inputs[1], grads[0].as_ref().expect("one output"));
        // The input of a first layer needs no gradient: its gradient then has no handle, and is never evaluated.
        vec![Some(input_grad(self.0, dy, weight)), Some(weight_grad(self.0, x, dy))]
    }
}

impl KernelOp for Conv2dInputGrad {
    fn name(&self) -> &'static str {
        "conv2d_input_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        if !is_empty(cx) {
            let (mut args, dy) = operand(cx, 0);
            args.extend([cx.dense(1), cx.output(0)]);
            cx.launch(kernels::Conv2dInputGrad::new(self.0, dy), &args);
        }
    }

    fn absorbs(&self, input: usize, target: Target) -> bool {
        input == 0 && target == Target::Cpu
    }

    fn emits(&self) -> bool {
        true
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let (dy, weight, g) = (&inputs[0], &inputs[1], grads[0].as_ref().expect("one output"));
        vec![Some(forward(self.0, g, weight)), Some(weight_grad(self.0, g, dy))]
    }
}

impl KernelOp for Conv2dWeightGrad {
    fn name(&self) -> &'static str {
        "conv2d_weight_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        if !is_empty(cx) {
            let (mut args, x) = operand(cx, 0);
            let (more, dy) = operand(cx, 1);
            args.extend(more);
            args.push(cx.output(0));
            cx.launch(kernels::Conv2dWeightGrad::new(self.0, x, dy), &args);
        }
    }

    fn absorbs(&self, _: usize, target: Target) -> bool {
        target == Target::Cpu
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let (x, dy, g) = (&inputs[0], &inputs[1], grads[0].as_ref().expect("one output"));
        vec![Some(input_grad(self.0, dy, g)), Some(forward(self.0, x, g))]
    }
}
