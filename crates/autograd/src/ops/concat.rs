//! Joining tensors.

use gpu_core::Layout;

use crate::Tensor;
use crate::compile::Lower;
use crate::op::{KernelOp, Meta};

#[derive(Debug, Hash)]
struct Concat {
    dim: usize,
}

/// Joins tensors along `dim`; their other dimensions agree.
///
/// # Panics
/// When there are no tensors, or shapes or types do not fit.
///
/// ```
/// # use autograd::{Device, Tensor, cat};
/// let device = Device::named("cpu")?;
/// let (a, b) = (Tensor::from_slice(&device, &[1.0f32, 2.0], &[2])?, Tensor::from_slice(&device, &[3.0f32], &[1])?);
/// assert_eq!(cat(&[&a, &b], 0).to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn cat(tensors: &[&Tensor], dim: isize) -> Tensor {
    assert!(!tensors.is_empty(), "cat: no tensors");
    let first = tensors[0];
    let dim = first.dim("cat", dim);
    let mut shape = first.shape().to_vec();
    shape[dim] = 0;
    for t in tensors {
        let fits = t.rank() == shape.len() && (0..shape.len()).all(|d| d == dim || t.shape()[d] == shape[d]);
        assert!(fits, "cat: shapes {:?} and {:?} along dimension {dim}", first.shape(), t.shape());
        assert_eq!(t.dtype(), first.dtype(), "cat: types {} and {}", first.dtype(), t.dtype());
        shape[dim] += t.shape()[dim];
    }
    if tensors.len() == 1 {
        return first.clone();
    }
    Tensor::record(Concat { dim }, tensors, vec![Meta { shape, dtype: first.dtype() }]).remove(0)
}

/// Joins tensors of one shape along a new dimension.
///
/// # Panics
/// As [`cat`].
#[track_caller]
pub fn stack(tensors: &[&Tensor], dim: isize) -> Tensor {
    let mut apart = vec![];
    for t in tensors {
        assert_eq!(
            t.shape(),
            tensors[0].shape(),
            "stack: shapes {:?} and {:?}",
            tensors[0].shape(),
            t.shape()
        );
        apart.push(t.unsqueeze(dim));
    }
    cat(&apart.iter().collect::<Vec<_>>(), dim)
}

impl KernelOp for Concat {
    fn name(&self) -> &'static str {
        "cat"
    }

    fn lower(&self, cx: &mut Lower) {
        let meta = cx.output_meta(0).clone();
        let out = cx.output(0);
        let mut start = 0;
        for i in 0..cx.inputs() {
            let (arg, layout) = cx.input(i);
            let len = layout.shape()[self.dim];
            let part = Layout::contiguous(&meta.shape).slice(self.dim, start, len, 1);
            cx.copy_into(meta.dtype, (arg, layout), out, part);
            start += len;
        }
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let grad = grads[0].as_ref().expect("one output");
        let mut start = 0;
        inputs
            .iter()
            .map(|x| {
                let len = x.shape()[self.dim];
                start += len;
                Some(grad.narrow(self.dim as isize, start - len, len))
            })
            .collect()
    }
}
