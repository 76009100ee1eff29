//! Reductions over dimensions.

use gpu_core::DType;
use gpu_core::kernels::ReduceOp;

use super::gather::position;
use crate::Tensor;
use crate::op::{Meta, Op};

impl Tensor {
    #[track_caller]
    fn reduce(&self, op: ReduceOp, dims: &[isize], keepdim: bool) -> Tensor {
        let name = format!("{op:?}").to_lowercase();
        let mut dims = self.dims(&name, dims);
        dims.sort_unstable();
        assert!(dims.windows(2).all(|w| w[0] != w[1]), "{name}: a dimension is given twice");
        let empty = dims.iter().any(|&d| self.shape()[d] == 0);
        assert!(
            !empty || matches!(op, ReduceOp::Sum | ReduceOp::Prod),
            "{name}: of no elements, shape {:?}",
            self.shape()
        );
        let kept: Vec<usize> = (0..self.rank()).filter(|d| !dims.contains(d)).collect();
        let (index, dtype) = (op.is_arg(), op.dtype(self.dtype()));
        if index {
            position(&name, dims.iter().map(|&d| self.shape()[d]).product());
        }
        let shape: Vec<usize> = kept.iter().map(|&d| self.shape()[d]).collect();
        let with_ones: Vec<usize> =
            (0..self.rank()).map(|d| if dims.contains(&d) { 1 } else { self.shape()[d] }).collect();
        let meta = Meta { shape, dtype };
        let y = if dims.is_empty() && !index {
            self.clone()
        } else {
            Tensor::record_op(self.device(), Op::Reduce(op, dims), vec![self.clone()], vec![meta]).remove(0)
        };
        if keepdim { y.reshape(&with_ones) } else { y }
    }

    fn all_dims(&self) -> Vec<isize> {
        (0..self.rank() as isize).collect()
    }

    /// Sum over the given dimensions. The sum of nothing is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
    /// assert_eq!(x.sum(&[0], false).to_vec::<f32>()?, [4.0, 6.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn sum(&self, dims: &[isize], keepdim: bool) -> Tensor {
        self.reduce(ReduceOp::Sum, dims, keepdim)
    }

    /// Sum of all elements, a scalar.
    #[track_caller]
    pub fn sum_all(&self) -> Tensor {
        self.sum(&self.all_dims(), false)
    }

    /// Mean over the given dimensions; NaN over no elements.
    #[track_caller]
    pub fn mean(&self, dims: &[isize], keepdim: bool) -> Tensor {
        let count: usize = self.dims("mean", dims).iter().map(|&d| self.shape()[d]).product();
        self.sum(dims, keepdim) / count as f32
    }

    /// Mean of all elements, a scalar.
    #[track_caller]
    pub fn mean_all(&self) -> Tensor {
        self.mean(&self.all_dims(), false)
    }

    /// Product over the given dimensions. The product of nothing is 1.
    #[track_caller]
    pub fn prod(&self, dims: &[isize], keepdim: bool) -> Tensor {
        self.reduce(ReduceOp::Prod, dims, keepdim)
    }

    /// Largest element; NaN if any element is NaN. Ties share the gradient evenly.
    #[track_caller]
    pub fn amax(&self, dims: &[isize], keepdim: bool) -> Tensor {
        self.reduce(ReduceOp::Max, dims, keepdim)
    }

    /// Smallest element; NaN if any element is NaN. Ties share the gradient evenly.
    #[track_caller]
    pub fn amin(&self, dims: &[isize], keepdim: bool) -> Tensor {
        self.reduce(ReduceOp::Min, dims, keepdim)
    }

    /// Position (i32) of the first largest element along `dim`, or of the first NaN if there is one.
    #[track_caller]
    pub fn argmax(&self, dim: isize, keepdim: bool) -> Tensor {
        self.reduce(ReduceOp::ArgMax, &[dim], keepdim)
    }

    /// Position (i32) of the first smallest element along `dim`, or of the first NaN if there is one.
    #[track_caller]
    pub fn argmin(&self, dim: isize, keepdim: bool) -> Tensor {
        self.reduce(ReduceOp::ArgMin, &[dim], keepdim)
    }

    /// Largest element along `dim`, and its position; only that element gets the gradient.
    #[track_caller]
    pub fn max_dim(&self, dim: isize, keepdim: bool) -> (Tensor, Tensor) {
        self.extreme(self.argmax(dim, true), dim, keepdim)
    }

    /// Smallest element along `dim`, and its position; only that element gets the gradient.
    #[track_caller]
    pub fn min_dim(&self, dim: isize, keepdim: bool) -> (Tensor, Tensor) {
        self.extreme(self.argmin(dim, true), dim, keepdim)
    }

    #[track_caller]
    fn extreme(&self, index: Tensor, dim: isize, keepdim: bool) -> (Tensor, Tensor) {
        let value = self.gather(dim, &index);
        if keepdim { (value, index) } else { (value.squeeze(&[dim]), index.squeeze(&[dim])) }
    }

    /// Whether any element is true (or non-zero).
    #[track_caller]
    pub fn any(&self, dims: &[isize], keepdim: bool) -> Tensor {
        self.to(DType::Bool).reduce(ReduceOp::Max, dims, keepdim)
    }

    /// Whether all elements are true (or non-zero).
    #[track_caller]
    pub fn all(&self, dims: &[isize], keepdim: bool) -> Tensor {
        self.to(DType::Bool).reduce(ReduceOp::Min, dims, keepdim)
    }
}

pub(crate) fn reduce_gradient(
    op: ReduceOp,
    dims: &[usize],
    x: &Tensor,
    y: &Tensor,
    g: &Tensor,
) -> Vec<Option<Tensor>> {
    if !x.dtype().is_float() {
        return vec![None];
    }
    let kept: Vec<usize> = (0..x.rank()).map(|d| if dims.contains(&d) { 1 } else { x.shape()[d] }).collect();
    let dims: Vec<isize> = dims.iter().map(|&d| d as isize).collect();
    let (y, g) = (y.reshape(&kept), g.reshape(&kept));
    vec![match op {
        ReduceOp::Sum => Some(g.expand(x.shape())),
        ReduceOp::Prod => Some(g * others_product(x, &y, &dims)),
        ReduceOp::Max | ReduceOp::Min => {
            let hits = x.eq(&y).to(DType::F32);
            let ties = hits.sum(&dims, true);
            Some(hits * (g / ties))
        }
        ReduceOp::ArgMax | ReduceOp::ArgMin => None,
    }]
}

/// For every element the product of all others, correct even if some are 0.
fn others_product(x: &Tensor, y: &Tensor, dims: &[isize]) -> Tensor {
    let (zero, is_zero) = (x.number(0.0), x.eq(0.0));
    let filled = x.number(1.0).where_(&is_zero, x);
    let zeros = is_zero.to(DType::F32).sum(dims, true);
    let at_zero = filled.prod(dims, true).where_(&zeros.eq(1.0), &zero);
    let elsewhere = (y / &filled).where_(&zeros.eq(0.0), &zero);
    at_zero.where_(&is_zero, &elsewhere)
}
