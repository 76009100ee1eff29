//! Joining tensors.

use gpu_core::kernels::ZeroRanges;
use gpu_core::{Layout, Target};

use crate::Tensor;
use crate::compile::Lower;
use crate::op::{KernelOp, Meta};

#[derive(Debug, Hash)]
pub(super) struct Concat {
    pub(super) dim: usize,
}

/// Joins tensors along `dim`; all other dimensions must agree.
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
#[doc(alias("concat", "concatenate"))]
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
        assert!(t.dtype() == first.dtype(), "cat: types {} and {}", first.dtype(), t.dtype());
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
        assert!(
            t.shape() == tensors[0].shape(),
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
        let whole = Layout::contiguous(&cx.output_meta(0).shape);
        let mut start = 0;
        let part = |i: usize| {
            let len = cx.input_meta(i).shape[self.dim];
            start += len;
            whole.slice(self.dim, start - len, len, 1)
        };
        let parts: Vec<Layout> = (0..cx.inputs()).map(part).collect();
        if cx.is_joined_in_place(&whole, &parts) {
            return;
        }
        let out = cx.concatenated_output();
        parts.into_iter().enumerate().for_each(|(i, part)| cx.write_part(i, out, part));
    }

    fn absorbs(&self, _: usize, _: Target) -> bool {
        true
    }

    fn concatenates(&self, inputs: &[Meta]) -> Option<Vec<usize>> {
        let leading: usize = inputs[0].shape[..self.dim].iter().product();
        (leading == 1).then(|| starts(inputs, 1))
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

/// First element of each input when they lie one after the other at multiples of `align`.
fn starts(inputs: &[Meta], align: usize) -> Vec<usize> {
    let mut at = 0;
    let next = |input: &Meta| {
        let start = at;
        at += input.numel().next_multiple_of(align);
        start
    };
    inputs.iter().map(next).collect()
}

/// Flattens tensors into one, each starting at a multiple of `align` elements, with zeros in between. The result has no gradient.
///
/// # Panics
/// When there are no tensors, or they differ in type.
#[track_caller]
pub fn flatten_all(tensors: &[&Tensor], align: usize) -> Tensor {
    assert!(!tensors.is_empty(), "flatten_all: no tensors");
    let dtype = tensors[0].dtype();
    for t in tensors {
        assert!(t.dtype() == dtype, "flatten_all: types {dtype} and {}", t.dtype());
    }
    let len = tensors.iter().map(|t| t.numel().next_multiple_of(align)).sum();
    Tensor::record(FlattenAll { align }, tensors, vec![Meta::new(&[len], dtype)]).remove(0)
}

#[derive(Debug, Hash)]
struct FlattenAll {
    align: usize,
}

impl KernelOp for FlattenAll {
    fn name(&self) -> &'static str {
        "flatten_all"
    }

    fn lower(&self, cx: &mut Lower) {
        let out = cx.concatenated_output();
        let inputs: Vec<Meta> = (0..cx.inputs()).map(|i| cx.input_meta(i)).collect();
        let mut padding = vec![];
        for (i, start) in starts(&inputs, self.align).into_iter().enumerate() {
            cx.write_part(i, out, Layout::contiguous(&inputs[i].shape).at(start));
            let end = start + inputs[i].numel();
            padding.push(end..end.next_multiple_of(self.align));
        }
        padding.retain(|range| !range.is_empty());
        if !padding.is_empty() {
            cx.launch(ZeroRanges { ranges: padding }, &[out]);
        }
    }

    fn absorbs(&self, _: usize, _: Target) -> bool {
        true
    }

    fn concatenates(&self, inputs: &[Meta]) -> Option<Vec<usize>> {
        Some(starts(inputs, self.align))
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], _: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![None; inputs.len()]
    }

    fn differentiable(&self) -> bool {
        false
    }
}
