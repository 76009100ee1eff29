//! Views: the same elements in another shape or order. They cost nothing.

use crate::Tensor;
use crate::op::{Meta, Op, View};
use crate::ops::map::broadcast;

impl Tensor {
    #[track_caller]
    fn view(&self, view: View, shape: Vec<usize>) -> Tensor {
        let meta = Meta { shape, dtype: self.dtype() };
        Tensor::record_op(self.device(), Op::View(view), vec![self.clone()], vec![meta]).remove(0)
    }

    /// The same elements, in row-major order, with shape `shape`.
    ///
    /// # Panics
    /// When the number of elements differs.
    #[doc(alias = "view")]
    #[track_caller]
    pub fn reshape(&self, shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let (old, numel) = (self.shape(), self.numel());
        assert!(count == numel, "reshape: {old:?} has {numel} elements, {shape:?} has {count}");
        if shape == self.shape() {
            return self.clone();
        }
        self.view(View::Reshape, shape.to_vec())
    }

    /// Dimension `i` of the result is dimension `order[i]` of `self`.
    ///
    /// # Panics
    /// When `order` is not a permutation of the dimensions.
    #[track_caller]
    pub fn permute(&self, order: &[isize]) -> Tensor {
        let order = self.dims("permute", order);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..self.rank()), "permute: {order:?} of shape {:?}", self.shape());
        let shape = order.iter().map(|&d| self.shape()[d]).collect();
        self.view(View::Permute(order), shape)
    }

    /// Broadcast to `shape`: new dimensions in front, dimensions of size 1 repeated.
    ///
    /// # Panics
    /// When the shapes do not broadcast.
    #[doc(alias = "broadcast_to")]
    #[track_caller]
    pub fn expand(&self, shape: &[usize]) -> Tensor {
        let front = shape.len().checked_sub(self.rank());
        let fits = front.is_some_and(|front| {
            self.shape().iter().zip(&shape[front..]).all(|(&own, &want)| own == want || own == 1)
        });
        assert!(fits, "expand: {:?} to {shape:?}", self.shape());
        if shape == self.shape() {
            return self.clone();
        }
        self.view(View::Expand, shape.to_vec())
    }

    /// Elements `start, start + step, ..` before `end` along `dim`, as Python's `x[start:end:step]`. Negative positions
    /// count from the end and are clipped to the dimension; `step` may be negative (then `start` is the larger one).
    ///
    /// # Panics
    /// When `step` is 0 or the dimension does not exist.
    #[track_caller]
    pub fn slice(&self, dim: isize, start: isize, end: isize, step: isize) -> Tensor {
        assert!(step != 0, "slice: step 0");
        let dim = self.dim("slice", dim);
        let size = self.shape()[dim] as isize;
        let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
        let resolve = |at: isize| if at < 0 { (at + size).clamp(low, high) } else { at.clamp(low, high) };
        let (start, end) = (resolve(start), resolve(end));
        let len = if step > 0 {
            (end - start + step - 1).max(0) / step
        } else {
            (start - end - step - 1).max(0) / -step
        };
        self.slice_view(dim, start.max(0) as usize, len as usize, step)
    }

    #[track_caller]
    pub(crate) fn slice_view(&self, dim: usize, start: usize, len: usize, step: isize) -> Tensor {
        if start == 0 && step == 1 && len == self.shape()[dim] {
            return self.clone();
        }
        let mut shape = self.shape().to_vec();
        shape[dim] = len;
        self.view(View::Slice { dim, start: if len == 0 { 0 } else { start }, len, step }, shape)
    }

    /// `len` elements from `start` along `dim`.
    ///
    /// # Panics
    /// When the range is outside of the dimension.
    #[track_caller]
    pub fn narrow(&self, dim: isize, start: usize, len: usize) -> Tensor {
        let d = self.dim("narrow", dim);
        let end = start.saturating_add(len);
        assert!(end <= self.shape()[d], "narrow: {start}..{end} of dimension {dim} of {:?}", self.shape());
        self.slice_view(d, start, len, 1)
    }

    /// Reverses the order of elements along the given dimensions.
    #[track_caller]
    pub fn flip(&self, dims: &[isize]) -> Tensor {
        self.dims("flip", dims).into_iter().fold(self.clone(), |x, d| {
            let n = x.shape()[d];
            if n < 2 { x } else { x.slice_view(d, n - 1, n, -1) }
        })
    }
}

/// Expands tensors to their common shape, as `torch.broadcast_tensors`.
///
/// ```
/// # use autograd::{Device, Tensor, broadcast_tensors};
/// let device = Device::named("cpu")?;
/// let [a, b] = broadcast_tensors([&Tensor::ones(&device, &[2, 1]), &Tensor::zeros(&device, &[3])]);
/// assert_eq!((a.shape(), b.shape()), (&[2, 3][..], &[2, 3][..]));
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not broadcast.
#[track_caller]
pub fn broadcast_tensors<const N: usize>(tensors: [&Tensor; N]) -> [Tensor; N] {
    let shape = broadcast("broadcast_tensors", &tensors.map(Tensor::shape));
    tensors.map(|t| t.expand(&shape))
}

pub(crate) fn view_gradient(view: &View, input: &Tensor, grad: &Tensor) -> Vec<Option<Tensor>> {
    vec![Some(match view {
        View::Alias | View::Recompute => grad.clone(),
        View::Reshape => grad.reshape(input.shape()),
        View::Permute(order) => {
            let mut inverse = vec![0isize; order.len()];
            order.iter().enumerate().for_each(|(i, &d)| inverse[d] = i as isize);
            grad.permute(&inverse)
        }
        View::Expand => grad.sum_to(input.shape()),
        &View::Slice { dim, start, step, .. } => {
            let mut at = vec![(0, 1); grad.rank()];
            at[dim] = (start, step);
            grad.embed(input.shape(), &at)
        }
    })]
}
