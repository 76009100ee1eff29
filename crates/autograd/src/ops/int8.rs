//! Operations on int8 codes, which [`Frozen`](crate::Frozen) puts in place of convolutions and products. They have no gradients.

use gpu_core::kernels::Conv2dShape;
use gpu_core::kernels::int8::{self, Int8Epilogue};
use gpu_core::{DType, Target};

use crate::Tensor;
use crate::compile::Lower;
use crate::op::{KernelOp, Meta};

/// Codes of f32 values `[outer, channels, inner]`.
#[derive(Debug, Hash)]
struct Int8Quantize {
    shape: [usize; 3],
    scale_bits: u32,
    zero: i8,
}

/// The values of codes for `[outer, channels, inner]`.
#[derive(Debug, Hash)]
struct Int8Dequantize {
    shape: [usize; 3],
    scale_bits: u32,
    zero: i8,
}

/// A layer on codes: inputs x, panels, table, and perhaps a residual.
#[derive(Debug, Hash)]
struct Int8Linear {
    linear: Linear,
    epilogue: Int8Epilogue,
}

/// What an int8 layer computes.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Linear {
    /// A convolution with the code of 0 around its input.
    Conv2d(Conv2dShape, i8),
    /// `[m, k] x [n, k]`, as `[m, n, k]`.
    MatMul([usize; 3]),
}

/// Words of codes for `channels`.
fn words(channels: usize) -> usize {
    channels.div_ceil(4)
}

/// The codes of `x`, whose elements are `[outer, channels, inner]`: `[outer, words, inner]`.
#[track_caller]
pub(crate) fn quantize(x: &Tensor, shape: [usize; 3], scale: f32, zero: i8) -> Tensor {
    let [outer, channels, inner] = shape;
    let meta = Meta::new(&[outer, words(channels), inner], DType::U32);
    Tensor::record(Int8Quantize { shape, scale_bits: scale.to_bits(), zero }, &[x], vec![meta]).remove(0)
}

/// The values of codes, `[outer, channels, inner]`.
#[track_caller]
pub(crate) fn dequantize(codes: &Tensor, shape: [usize; 3], scale: f32, zero: i8) -> Tensor {
    let meta = Meta::new(&shape, DType::F32);
    Tensor::record(Int8Dequantize { shape, scale_bits: scale.to_bits(), zero }, &[codes], vec![meta])
        .remove(0)
}

impl Linear {
    /// The layer of `[x, panels, table]`, and perhaps a residual: codes as those of [`quantize`], or values, both as
    /// `[outer, channels, inner]`.
    #[track_caller]
    pub(crate) fn record(self, inputs: &[&Tensor], epilogue: Int8Epilogue) -> Tensor {
        let [outer, channels, inner] = self.output();
        let meta = match epilogue.codes {
            Some(_) => Meta::new(&[outer, words(channels), inner], DType::U32),
            None => Meta::new(&[outer, channels, inner], DType::F32),
        };
        Tensor::record(Int8Linear { linear: self, epilogue }, inputs, vec![meta]).remove(0)
    }

    /// `[outer, channels, inner]` of the output.
    pub(crate) fn output(self) -> [usize; 3] {
        match self {
            Linear::Conv2d(s, _) => [s.batch, s.out_channels, s.output()[0] * s.output()[1]],
            Linear::MatMul([m, n, _]) => [m, n, 1],
        }
    }
}

impl KernelOp for Int8Quantize {
    fn name(&self) -> &'static str {
        "int8_quantize"
    }

    fn lower(&self, cx: &mut Lower) {
        let (mut args, x) = cx.prologue(0, cx.buffers() - 1);
        args.push(cx.output(0));
        let kernel = int8::Int8Quantize::new(x, self.shape, f32::from_bits(self.scale_bits), self.zero);
        cx.launch(kernel, &args);
    }

    fn absorbs(&self, _: usize, _: Target) -> bool {
        true
    }

    fn differentiable(&self) -> bool {
        false
    }

    fn gradient(&self, _: &[Tensor], _: &[Tensor], _: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![None]
    }
}

impl KernelOp for Int8Dequantize {
    fn name(&self) -> &'static str {
        "int8_dequantize"
    }

    fn lower(&self, cx: &mut Lower) {
        let args = [cx.dense(0), cx.output(0)];
        cx.launch(int8::Int8Dequantize::new(self.shape, f32::from_bits(self.scale_bits), self.zero), &args);
    }

    fn differentiable(&self) -> bool {
        false
    }

    fn gradient(&self, _: &[Tensor], _: &[Tensor], _: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![None]
    }
}

impl KernelOp for Int8Linear {
    fn name(&self) -> &'static str {
        match self.linear {
            Linear::Conv2d(..) => "int8_conv2d",
            Linear::MatMul(_) => "int8_matmul",
        }
    }

    fn lower(&self, cx: &mut Lower) {
        let mut args: Vec<_> = (0..cx.inputs()).map(|i| cx.dense(i)).collect();
        args.push(cx.output(0));
        match self.linear {
            Linear::Conv2d(shape, zero) => {
                cx.launch(int8::Int8Conv2d::new(shape, zero, self.epilogue), &args)
            }
            Linear::MatMul(sizes) => cx.launch(int8::Int8MatMul::new(sizes, self.epilogue), &args),
        }
    }

    fn differentiable(&self) -> bool {
        false
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], _: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![None; inputs.len()]
    }
}
