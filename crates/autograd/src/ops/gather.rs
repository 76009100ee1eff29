//! Reading and adding at indexed positions.

use gpu_core::DType;
use gpu_core::kernels;

use crate::compile::Lower;
use crate::op::{KernelOp, Meta};
use crate::ops::Operand;
use crate::ops::map::broadcast;
use crate::{Tensor, autocast};

/// Indexing along the middle of three dimensions: `x [outer, dim, inner]`, index `[outer or 1, count, inner or 1]`.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Indexing {
    outer: usize,
    dim: usize,
    count: usize,
    inner: usize,
    /// Whether the index varies along outer and inner.
    index_outer: bool,
    index_inner: bool,
}

#[derive(Debug, Hash)]
pub(super) struct Gather(pub(super) Indexing);
#[derive(Debug, Hash)]
pub(super) struct ScatterAdd(pub(super) Indexing);

impl Tensor {
    /// `y[i, j, ..] = self[i, index[i, j, ..], ..]` (for `dim` 1), as `torch.gather`. An index outside of the dimension
    /// is an [error](crate::Error::IndexOutOfRange) if it was uploaded; if computed, it gives NaN (or 0 for integers).
    ///
    /// # Panics
    /// When the ranks differ or the index is larger than `self` in another dimension.
    #[track_caller]
    pub fn gather(&self, dim: isize, index: &Tensor) -> Tensor {
        let d = self.dim("gather", dim);
        let x = self.cut_to("gather", d, index);
        let y = x.indexed(d, &index.reshape(&split_shape(index.shape(), d)), true, true);
        y.within("gather", index, self.shape()[d], None).reshape(index.shape())
    }

    /// Slices along `dim` at the positions of a 1-D index, as `torch.index_select`. A position outside of the dimension is an
    /// [error](crate::Error::IndexOutOfRange) if it was uploaded; if computed, it gives NaN (or 0 for integers).
    ///
    /// # Panics
    /// When the index has other dimensions or is of no integer type.
    #[track_caller]
    pub fn index_select(&self, dim: isize, index: &Tensor) -> Tensor {
        let d = self.dim("index_select", dim);
        assert!(index.rank() == 1, "index_select: an index of shape {:?}", index.shape());
        check_index("index_select", index);
        self.slices(d, index).within("index_select", index, self.shape()[d], None)
    }

    /// [`index_select`](Tensor::index_select) for indices that may be outside.
    #[track_caller]
    pub(in crate::ops) fn slices(&self, d: usize, index: &Tensor) -> Tensor {
        let mut shape = self.shape().to_vec();
        shape[d] = index.numel();
        self.indexed(d, &index.reshape(&[1, index.numel(), 1]), false, false).reshape(&shape)
    }

    /// Rows of `self [V, D]` at integer indices `[..]`: `[.., D]`. An index outside of the table is an
    /// [error](crate::Error::IndexOutOfRange) if it was uploaded; if computed, it gives NaN.
    ///
    /// # Panics
    /// When `self` is not a matrix or the index is of no integer type.
    #[track_caller]
    pub fn embedding(&self, index: &Tensor) -> Tensor {
        assert!(self.rank() == 2, "embedding: a table of shape {:?}", self.shape());
        check_index("embedding", index);
        let rows = self.slices(0, &index.reshape(&[index.numel()]));
        let rows = rows.within("embedding", index, self.shape()[0], None);
        let rows = rows.reshape(&[index.shape(), &[self.shape()[1]]].concat());
        autocast::result("embedding", &[self], rows)
    }

    /// [`embedding`](Tensor::embedding), with no gradient for row `padding`.
    ///
    /// # Panics
    /// When there is no such row.
    #[track_caller]
    pub fn embedding_padded(&self, index: &Tensor, padding: usize) -> Tensor {
        let rows = self.shape().first().copied().unwrap_or(0);
        let fits = self.rank() == 2 && padding < rows;
        assert!(fits, "embedding_padded: padding row {padding} of {:?}", self.shape());
        let fixed =
            Tensor::arange(self.device(), rows).eq(position("embedding_padded", padding)).unsqueeze(1);
        self.detach().where_(&fixed, self).embedding(index)
    }

    /// `self[i, j, ..]` with one integer index for each of the first dimensions (NumPy's advanced indexing). The indices broadcast to a
    /// common shape, which replaces those dimensions. Negative positions count from the end; positions outside of a dimension give NaN
    /// (or 0 for integers).
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
    /// let [i, j] = [[1i32, 0], [0, -1]].map(|i| Tensor::constant(&device, &i, &[2]));
    /// assert_eq!(x.index(&[&i, &j]).to_vec::<f32>()?, [3.0, 2.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When there are no indices or more than dimensions, the indices do not broadcast or are of no integer type, or the indexed
    /// dimensions have more than 2^31 - 1 positions together.
    #[track_caller]
    pub fn index(&self, indices: &[&Tensor]) -> Tensor {
        let k = indices.len();
        assert!(k > 0 && k <= self.rank(), "index: {k} indices for shape {:?}", self.shape());
        let (front, rest) = self.shape().split_at(k);
        broadcast("index", &indices.iter().map(|i| i.shape()).collect::<Vec<_>>());
        let mut flat = Tensor::constant(self.device(), &[0i32], &[]);
        let count = front.iter().product();
        position("index", count);
        for (index, n) in indices.iter().zip(front.iter().map(|&n| n as i32)) {
            check_index("index", index);
            let i = index.to(DType::I32);
            // What is negative as an i32 is far outside as a u32.
            let i = if index.dtype() == DType::I32 { (&i + n).where_(&i.lt(0), &i) } else { i };
            // A position outside of one dimension stays outside, whatever the other positions are.
            let inside = i.ge(0).logical_and(i.lt(n)).logical_and(flat.ge(0));
            flat = (flat * n + &i).where_(&inside, &i.integer(-1));
        }
        let rows = self.reshape(&[&[count], rest].concat());
        rows.index_select(0, &flat.reshape(&[flat.numel()])).reshape(&[flat.shape(), rest].concat())
    }

    /// The elements of `self` where `mask` is true, in row-major order; both broadcast. Waits for the mask, because the number of
    /// elements depends on its values.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When the mask is not of type bool or the shapes do not broadcast.
    #[track_caller]
    pub fn masked_select(&self, mask: &Tensor) -> crate::Result<Tensor> {
        assert!(mask.dtype() == DType::Bool, "masked_select: a mask of type {}", mask.dtype());
        let shape = broadcast("masked_select", &[self.shape(), mask.shape()]);
        let mask = mask.expand(&shape).to_vec::<u32>()?;
        position("masked_select", mask.len());
        let hits: Vec<i32> =
            mask.iter().enumerate().filter(|(_, m)| **m != 0).map(|(i, _)| i as i32).collect();
        let index = Tensor::from_slice(self.device(), &hits, &[hits.len()])?;
        Ok(self.expand(&shape).reshape(&[mask.len()]).index_select(0, &index))
    }

    /// [`gather`](Tensor::gather) with broadcasting of the other dimensions of `self` and `index`.
    #[track_caller]
    pub fn take_along_dim(&self, index: &Tensor, dim: isize) -> Tensor {
        let d = self.dim("take_along_dim", dim);
        let (mut x, mut i) = (self.shape().to_vec(), index.shape().to_vec());
        assert!(x.len() == i.len(), "take_along_dim: index {i:?} for {x:?}");
        let (own, count) = (std::mem::replace(&mut x[d], 1), std::mem::replace(&mut i[d], 1));
        let mut wide = broadcast("take_along_dim", &[&x, &i]);
        wide[d] = count;
        let index = index.expand(&wide);
        wide[d] = own;
        self.expand(&wide).gather(dim, &index)
    }

    /// `self` with the elements at the positions of `index` along `dim` replaced by those of `source`, a tensor or a number, as
    /// `torch.scatter`. If a position occurs twice, the result is the sum of its elements of `source`; torch leaves it undefined. With
    /// a number, repeated positions are fine.
    ///
    /// # Panics
    /// As [`scatter_add`](Tensor::scatter_add).
    #[track_caller]
    pub fn scatter(&self, dim: isize, index: &Tensor, source: impl Operand) -> Tensor {
        let source = source.beside(self);
        let zeros = self.zeros_like();
        let hit = zeros.scatter_add(dim, index, &zeros.number(1.0).expand(index.shape())).ne(0.0);
        let new = if source.rank() == 0 { source } else { zeros.scatter_add(dim, index, &source) };
        new.where_(&hit, self)
    }

    /// `self` with `source` added at the positions of `index` along `dim`, as `torch.scatter_add`, but always in the same order.
    #[track_caller]
    pub fn scatter_add(&self, dim: isize, index: &Tensor, source: &Tensor) -> Tensor {
        let d = self.dim("scatter_add", dim);
        assert!(self.dtype().is_float(), "scatter_add: of a tensor of type {}", self.dtype());
        assert!(source.dtype() == self.dtype(), "scatter_add: types {} and {}", self.dtype(), source.dtype());
        let part = self.cut_to("scatter_add", d, index);
        let fits =
            source.rank() == index.rank() && source.shape().iter().zip(index.shape()).all(|(s, i)| i <= s);
        assert!(fits, "scatter_add: source {:?} for index {:?}", source.shape(), index.shape());
        let source = (0..index.rank()).fold(source.clone(), |s, d| s.narrow(d as isize, 0, index.shape()[d]));
        let [outer, count, inner] = split_shape(index.shape(), d);
        let at = Indexing { outer, dim: part.shape()[d], count, inner, index_outer: true, index_inner: true };
        let sum =
            scatter(at, &source.reshape(&[outer, count, inner]), &index.reshape(&[outer, count, inner]));
        let pads: Vec<(usize, usize)> =
            self.shape().iter().zip(part.shape()).map(|(&whole, &part)| (0, whole - part)).collect();
        self + sum.reshape(part.shape()).pad_zeros(&pads)
    }

    /// `self` with the slices of `source` added at the positions of a 1-D index along `dim`, as `torch.index_add`.
    #[track_caller]
    pub fn index_add(&self, dim: isize, index: &Tensor, source: &Tensor) -> Tensor {
        let d = self.dim("index_add", dim);
        let mut want = self.shape().to_vec();
        want[d] = index.numel();
        assert!(
            source.shape() == want,
            "index_add: source for {:?} with {} indices",
            self.shape(),
            index.numel()
        );
        check_index("index_add", index);
        assert!(self.dtype().is_float(), "index_add: of a tensor of type {}", self.dtype());
        assert!(source.dtype() == self.dtype(), "index_add: types {} and {}", self.dtype(), source.dtype());
        let [outer, dim, inner] = split_shape(self.shape(), d);
        let at = Indexing { outer, dim, count: index.numel(), inner, index_outer: false, index_inner: false };
        let sum = scatter(at, &source.reshape(&[outer, at.count, inner]), &index.reshape(&[1, at.count, 1]));
        self + sum.reshape(self.shape())
    }

    /// The part of `self` that the index covers in the other dimensions, where its extents may be smaller.
    #[track_caller]
    fn cut_to(&self, op: &str, dim: usize, index: &Tensor) -> Tensor {
        let (x, i) = (self.shape(), index.shape());
        let fits = x.len() == i.len() && (0..x.len()).all(|d| d == dim || i[d] <= x[d]);
        assert!(fits, "{op}: index {i:?} for {x:?} along dimension {dim}");
        check_index(op, index);
        let keep = |t: Tensor, d: usize| if d == dim { t } else { t.narrow(d as isize, 0, i[d]) };
        (0..x.len()).fold(self.clone(), keep)
    }

    #[track_caller]
    fn indexed(&self, d: usize, index: &Tensor, index_outer: bool, index_inner: bool) -> Tensor {
        let [outer, dim, inner] = split_shape(self.shape(), d);
        let at = Indexing { outer, dim, count: index.shape()[1], inner, index_outer, index_inner };
        gathered(at, &self.reshape(&[outer, dim, inner]), index)
    }
}

#[track_caller]
pub(super) fn check_index(op: &str, index: &Tensor) {
    assert!(matches!(index.dtype(), DType::I32 | DType::U32), "{op}: an index of type {}", index.dtype());
}

/// A position as an i32, the type of indices.
///
/// # Panics
/// When it is not below 2^31.
#[track_caller]
pub(super) fn position(op: &str, at: usize) -> i32 {
    // No closure, which would hide the caller's line.
    match i32::try_from(at) {
        Ok(position) => position,
        Err(_) => panic!("{op}: {at} positions, of at most {} in an i32", i32::MAX),
    }
}

/// Product of the sizes before a dimension, its size, and product of those after it.
fn split_shape(shape: &[usize], d: usize) -> [usize; 3] {
    [shape[..d].iter().product(), shape[d], shape[d + 1..].iter().product()]
}

#[track_caller]
fn gathered(at: Indexing, x: &Tensor, index: &Tensor) -> Tensor {
    let out = Meta::new(&[at.outer, at.count, at.inner], x.dtype());
    Tensor::record(Gather(at), &[x, index], vec![out]).remove(0)
}

#[track_caller]
fn scatter(at: Indexing, source: &Tensor, index: &Tensor) -> Tensor {
    let out = Meta::new(&[at.outer, at.dim, at.inner], source.dtype());
    Tensor::record(ScatterAdd(at), &[source, index], vec![out]).remove(0)
}

impl KernelOp for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn lower(&self, cx: &mut Lower) {
        let Indexing { outer, dim, count, inner, index_outer, index_inner } = self.0;
        let dtype = cx.input_meta(0).dtype;
        let args = [cx.dense(0), cx.dense(1), cx.output(0)];
        cx.launch(kernels::Gather { outer, dim, count, inner, index_outer, index_inner, dtype }, &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![grads[0].as_ref().map(|g| scatter(self.0, g, &inputs[1])), None]
    }
}

impl KernelOp for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn lower(&self, cx: &mut Lower) {
        let Indexing { outer, dim, count, inner, index_outer, index_inner } = self.0;
        let args = [cx.dense(0), cx.dense(1), cx.output(0)];
        cx.launch(kernels::ScatterAdd { outer, dim, count, inner, index_outer, index_inner }, &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![grads[0].as_ref().map(|g| gathered(self.0, g, &inputs[1])), None]
    }
}
