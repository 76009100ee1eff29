//! Padding.

use std::any::Any;

use gpu_core::kernels::Map;
use gpu_core::{Layout, Target};

use crate::compile::Lower;
use crate::op::{KernelOp, Meta, Op};
use crate::{Tensor, cat};

/// What the padding contains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Padding {
    /// This value everywhere.
    #[doc(alias("ConstantPad1d", "ConstantPad2d", "ZeroPad2d"))]
    Constant(f32),
    /// Mirrored without repeating the edge.
    #[doc(alias("ReflectionPad1d", "ReflectionPad2d"))]
    Reflect,
    /// The edge repeated.
    #[doc(alias("ReplicationPad1d", "ReplicationPad2d"))]
    Replicate,
    /// Wrapped around.
    #[doc(alias("CircularPad1d", "CircularPad2d"))]
    Circular,
}

/// The input surrounded by zeros: along dimension `d`, its element `i` goes to position `at[d].0 + i * at[d].1`.
#[derive(Debug, Hash)]
pub(super) struct Embed {
    pub(super) at: Vec<(usize, isize)>,
}

impl Tensor {
    /// Zeros of `shape`, with element `i` of `self` along dimension `d` at `at[d].0 + i * at[d].1`: the transpose of slicing
    /// by these starts and steps.
    #[track_caller]
    pub(crate) fn embed(&self, shape: &[usize], at: &[(usize, isize)]) -> Tensor {
        if self.shape() == shape {
            // As many positions as elements: all in order, or flipped in some dimensions.
            return (0..shape.len())
                .filter(|&d| at[d].1 < 0)
                .fold(self.clone(), |x, d| x.flip(&[d as isize]));
        }
        if let Op::Kernel(op) = &self.node.op
            && let Some(inner) = (&**op as &dyn Any).downcast_ref::<Embed>()
            && let Some(input) = self.node.state().inputs.first()
        {
            let compose = |(&(start, step), &(from, by)): (&(usize, isize), &(usize, isize))| {
                ((start as isize + from as isize * step) as usize, by * step)
            };
            let at: Vec<(usize, isize)> = at.iter().zip(&inner.at).map(compose).collect();
            return input.embed(shape, &at);
        }
        let meta = Meta { shape: shape.to_vec(), dtype: self.dtype() };
        Tensor::record(Embed { at: at.to_vec() }, &[self], vec![meta]).remove(0)
    }

    /// Pads with zeros: `pads[d]` are the numbers before and after dimension `d`.
    #[track_caller]
    pub(crate) fn pad_zeros(&self, pads: &[(usize, usize)]) -> Tensor {
        let shape: Vec<usize> = self.shape().iter().zip(pads).map(|(n, (a, b))| a + n + b).collect();
        let at: Vec<(usize, isize)> = pads.iter().map(|p| (p.0, 1)).collect();
        self.embed(&shape, &at)
    }

    /// Pads the last dimensions: `pads` are `(before, after)` of the last one, the one before it, and so on, as in
    /// `torch.nn.functional.pad`. Negative numbers crop.
    ///
    /// # Panics
    /// When there are more pads than dimensions, more is cropped than the dimension has, or reflected padding is not smaller than the
    /// dimension.
    #[track_caller]
    pub fn pad(&self, pads: &[(isize, isize)], mode: Padding) -> Tensor {
        assert!(pads.len() <= self.rank(), "pad: {} pads for shape {:?}", pads.len(), self.shape());
        let dims = pads.iter().enumerate().map(|(i, &pad)| (self.rank() - 1 - i, pad));
        let mut x = self.clone();
        let mut around = vec![(0, 0); self.rank()];
        for (dim, (before, after)) in dims {
            let (cut_before, cut_after) = ((-before).max(0) as usize, (-after).max(0) as usize);
            let left = x.shape()[dim].checked_sub(cut_before + cut_after);
            assert!(left.is_some(), "pad: cutting {before} and {after} off shape {:?}", self.shape());
            x = x.narrow(dim as isize, cut_before, left.unwrap_or(0));
            let (before, after) = (before.max(0) as usize, after.max(0) as usize);
            match mode {
                Padding::Constant(_) => around[dim] = (before, after),
                _ => x = x.pad_dim(dim, before, after, mode),
            }
        }
        match mode {
            Padding::Constant(value) if value != 0.0 => {
                let outside = x.ones_like().pad_zeros(&around).eq(0.0);
                x.pad_zeros(&around).masked_fill(&outside, value)
            }
            Padding::Constant(_) => x.pad_zeros(&around),
            _ => x,
        }
    }

    #[track_caller]
    fn pad_dim(&self, dim: usize, before: usize, after: usize, mode: Padding) -> Tensor {
        let n = self.shape()[dim];
        let d = dim as isize;
        let (left, right) = match mode {
            Padding::Reflect => {
                assert!(
                    before < n && after < n,
                    "pad: reflecting {before} and {after} of dimension {dim} of size {n}"
                );
                (self.narrow(d, 1, before).flip(&[d]), self.narrow(d, n - 1 - after, after).flip(&[d]))
            }
            Padding::Circular => {
                assert!(
                    before <= n && after <= n,
                    "pad: wrapping {before} and {after} of dimension {dim} of size {n}"
                );
                (self.narrow(d, n - before, before), self.narrow(d, 0, after))
            }
            Padding::Replicate | Padding::Constant(_) => {
                assert!(n > 0, "pad: replicating the edge of dimension {dim} of size 0");
                (
                    self.narrow(d, 0, 1).repeat_interleave(before, d),
                    self.narrow(d, n - 1, 1).repeat_interleave(after, d),
                )
            }
        };
        let parts: Vec<&Tensor> = [&left, self, &right].into_iter().filter(|t| t.shape()[dim] > 0).collect();
        cat(&parts, d)
    }
}

impl KernelOp for Embed {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn lower(&self, cx: &mut Lower) {
        let meta = cx.output_meta(0).clone();
        let out = cx.output(0);
        let whole = Layout::contiguous(&meta.shape);
        cx.launch(Map::fill(meta.dtype, 0, whole.clone()), &[out]);
        let shape = cx.input_meta(0).shape;
        if shape.iter().all(|&n| n > 0) {
            let part = self.at.iter().zip(shape).enumerate();
            let part = part.fold(whole, |part, (d, (&(start, step), n))| part.slice(d, start, n, step));
            cx.write_part(0, out, part);
        }
    }

    fn absorbs(&self, _: usize, _: Target) -> bool {
        true
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let grad = grads[0].as_ref().expect("one output").clone();
        let shape = inputs[0].shape();
        let cut =
            |g: Tensor, (d, &(start, step)): (usize, &(usize, isize))| g.slice_view(d, start, shape[d], step);
        vec![Some(self.at.iter().enumerate().fold(grad, cut))]
    }
}
