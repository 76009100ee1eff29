//! Padding.

use gpu_core::{Layout, Target};
use gpu_core::kernels::Map;

use crate::compile::Lower;
use crate::op::{KernelOp, Meta};
use crate::{Tensor, cat};

/// What padding is filled with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Padding {
    Constant(f32),
    /// Mirrored without repeating the edge.
    Reflect,
    /// The edge repeated.
    Replicate,
    /// Wrapped around.
    Circular,
}

/// Zeros before and after every dimension.
#[derive(Debug, Hash)]
struct PadZeros {
    pads: Vec<(usize, usize)>,
}

impl Tensor {
    /// Zeros around: `pads[d]` are the numbers before and after dimension `d`.
    #[track_caller]
    pub(crate) fn pad_zeros(&self, pads: &[(usize, usize)]) -> Tensor {
        if pads.iter().all(|&p| p == (0, 0)) {
            return self.clone();
        }
        let shape: Vec<usize> = self.shape().iter().zip(pads).map(|(n, (a, b))| a + n + b).collect();
        Tensor::record(PadZeros { pads: pads.to_vec() }, &[self], vec![Meta { shape, dtype: self.dtype() }])
            .remove(0)
    }

    /// Pads the last dimensions: `pads` are `(before, after)` of the last, the one before it, and so on, as in
    /// `torch.nn.functional.pad`. Negative numbers cut.
    ///
    /// # Panics
    /// When there are more pads than dimensions, a cut removes more than there is, or reflected padding is not smaller
    /// than the dimension.
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

impl KernelOp for PadZeros {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn lower(&self, cx: &mut Lower) {
        let meta = cx.output_meta(0).clone();
        let out = cx.output(0);
        let whole = Layout::contiguous(&meta.shape);
        cx.launch(Map::fill(meta.dtype, 0, whole.clone()), &[out]);
        let shape = cx.input_meta(0).shape;
        let part = self.pads.iter().zip(shape).enumerate();
        let part = part.fold(whole, |part, (d, (pad, n))| part.slice(d, pad.0, n, 1));
        cx.write_part(0, out, part);
    }

    fn absorbs(&self, _: usize, _: Target) -> bool {
        true
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let grad = grads[0].as_ref().expect("one output").clone();
        let shape = inputs[0].shape();
        let cut = |g: Tensor, (d, pad): (usize, &(usize, usize))| g.narrow(d as isize, pad.0, shape[d]);
        vec![Some(self.pads.iter().enumerate().fold(grad, cut))]
    }
}
