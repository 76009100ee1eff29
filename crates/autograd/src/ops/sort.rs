//! Sorting.

use gpu_core::{DType, kernels};

use super::gather::position;
use crate::Tensor;
use crate::compile::Lower;
use crate::op::{KernelOp, Meta};

/// The positions of the elements of each row of a matrix in sorted order.
#[derive(Debug, Hash)]
struct ArgSort {
    descending: bool,
}

impl Tensor {
    /// The positions (i32) of the elements along `dim` in sorted order. The sort is stable, and NaN counts as larger than all numbers.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, 1.0, 2.0], &[3])?;
    /// assert_eq!(x.argsort(0, false).to_vec::<i32>()?, [1, 2, 0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn argsort(&self, dim: isize, descending: bool) -> Tensor {
        let d = self.dim("argsort", dim) as isize;
        if self.numel() == 0 {
            return Tensor::constant::<i32>(self.device(), &[], self.shape());
        }
        position("argsort", self.size(d));
        let rows = self.movedim(d, -1);
        let order = Meta::new(rows.shape(), DType::I32);
        Tensor::record(ArgSort { descending }, &[&rows], vec![order]).remove(0).movedim(-1, d)
    }

    /// The elements along `dim` in sorted order, and their [positions](Tensor::argsort). Gradients flow back to the elements' original
    /// positions.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, 1.0, 2.0], &[3])?;
    /// let (values, indices) = x.sort(0, true);
    /// assert_eq!(values.to_vec::<f32>()?, [3.0, 2.0, 1.0]);
    /// assert_eq!(indices.to_vec::<i32>()?, [0, 2, 1]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn sort(&self, dim: isize, descending: bool) -> (Tensor, Tensor) {
        let order = self.argsort(dim, descending);
        (self.gather(dim, &order), order)
    }

    /// The `k` largest (or smallest) elements along `dim` in order, and their positions (i32). Among equal elements, the first ones are
    /// taken.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, 1.0, 2.0], &[3])?;
    /// let (values, indices) = x.topk(2, 0, true);
    /// assert_eq!(values.to_vec::<f32>()?, [3.0, 2.0]);
    /// assert_eq!(indices.to_vec::<i32>()?, [0, 2]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the dimension has fewer than `k` elements.
    #[track_caller]
    pub fn topk(&self, k: usize, dim: isize, largest: bool) -> (Tensor, Tensor) {
        let n = self.shape()[self.dim("topk", dim)];
        assert!(k <= n, "topk: {k} elements of dimension {dim} of {:?}", self.shape());
        let first = self.argsort(dim, largest).narrow(dim, 0, k);
        (self.gather(dim, &first), first)
    }

    /// Keeps the `k` largest elements along `dim`, and sets all others to 0: the activation of a k-sparse autoencoder (Makhzani and
    /// Frey 2014). Among equal elements, the first ones are kept.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, -1.0, 2.0, 2.0], &[4])?;
    /// assert_eq!(x.keep_topk(2, 0).to_vec::<f32>()?, [3.0, 0.0, 2.0, 0.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the dimension has fewer than `k` elements.
    #[track_caller]
    pub fn keep_topk(&self, k: usize, dim: isize) -> Tensor {
        let n = self.shape()[self.dim("keep_topk", dim)];
        assert!(k <= n, "keep_topk: {k} elements of dimension {dim} of {:?}", self.shape());
        let (values, at) = self.topk(k, dim, true);
        self.zeros_like().scatter_add(dim, &at, &values)
    }
}

impl KernelOp for ArgSort {
    fn name(&self) -> &'static str {
        "argsort"
    }

    fn lower(&self, cx: &mut Lower) {
        let Meta { shape, dtype } = cx.input_meta(0);
        let cols = *shape.last().expect("rows have a dimension");
        let rows = shape[..shape.len() - 1].iter().product();
        let args = [cx.dense(0), cx.output(0)];
        cx.launch(kernels::ArgSort { rows, cols, dtype, descending: self.descending }, &args);
    }

    fn gradient(&self, _: &[Tensor], _: &[Tensor], _: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![None]
    }

    fn differentiable(&self) -> bool {
        false
    }
}
