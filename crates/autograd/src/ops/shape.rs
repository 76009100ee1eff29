//! Shape changes composed of views.

use gpu_core::DType;

use super::gather::{check_index, position};
use crate::{Padding, Tensor, cat};

impl Tensor {
    /// Exchanges two dimensions.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Tensor {
        let (a, b) = (self.dim("transpose", a), self.dim("transpose", b));
        let mut order: Vec<isize> = (0..self.rank() as isize).collect();
        order.swap(a, b);
        self.permute(&order)
    }

    /// The transpose of a matrix.
    #[track_caller]
    pub fn t(&self) -> Tensor {
        assert!(self.rank() == 2, "t: of a tensor of shape {:?}", self.shape());
        self.transpose(0, 1)
    }

    /// Moves dimension `from` to position `to`.
    #[track_caller]
    pub fn movedim(&self, from: isize, to: isize) -> Tensor {
        let (from, to) = (self.dim("movedim", from), self.dim("movedim", to));
        let mut order: Vec<isize> = (0..self.rank() as isize).collect();
        let moved = order.remove(from);
        order.insert(to, moved);
        self.permute(&order)
    }

    /// Moves dimension `from[i]` to position `to[i]`; the others keep their order.
    ///
    /// # Panics
    /// When there are not as many positions as dimensions, or one is given twice.
    #[track_caller]
    pub fn movedims(&self, from: &[isize], to: &[isize]) -> Tensor {
        let (from, to) = (self.dims("movedims", from), self.dims("movedims", to));
        let once = |dims: &[usize]| (1..dims.len()).all(|i| !dims[..i].contains(&dims[i]));
        assert!(from.len() == to.len() && once(&from) && once(&to), "movedims: {from:?} to {to:?}");
        let mut others = (0..self.rank()).filter(|d| !from.contains(d));
        let order = (0..self.rank()).map(|d| match to.iter().position(|&t| t == d) {
            Some(i) => from[i] as isize,
            None => others.next().expect("as many as positions") as isize,
        });
        self.permute(&order.collect::<Vec<_>>())
    }

    /// Merges dimensions `first..=last` into one.
    #[track_caller]
    pub fn flatten(&self, first: isize, last: isize) -> Tensor {
        if self.rank() == 0 {
            return self.reshape(&[1]);
        }
        let (first, last) = (self.dim("flatten", first), self.dim("flatten", last));
        assert!(first <= last, "flatten: dimensions {first}..={last}");
        let mut shape = self.shape()[..first].to_vec();
        shape.push(self.shape()[first..=last].iter().product());
        shape.extend(&self.shape()[last + 1..]);
        self.reshape(&shape)
    }

    /// Drops those of the given dimensions that have size 1.
    #[track_caller]
    pub fn squeeze(&self, dims: &[isize]) -> Tensor {
        let dims = self.dims("squeeze", dims);
        let shape = self.shape().iter().enumerate().filter(|(d, n)| !(dims.contains(d) && **n == 1));
        self.reshape(&shape.map(|(_, &n)| n).collect::<Vec<_>>())
    }

    /// A new dimension of size 1 at position `dim`.
    #[track_caller]
    pub fn unsqueeze(&self, dim: isize) -> Tensor {
        let rank = self.rank() as isize + 1;
        assert!((-rank..rank).contains(&dim), "unsqueeze: dimension {dim} of {:?}", self.shape());
        let mut shape = self.shape().to_vec();
        shape.insert(dim.rem_euclid(rank) as usize, 1);
        self.reshape(&shape)
    }

    /// Pieces of `size` along `dim`; the last may be smaller.
    #[track_caller]
    pub fn split(&self, size: usize, dim: isize) -> Vec<Tensor> {
        assert!(size > 0, "split: pieces of size 0");
        let n = self.shape()[self.dim("split", dim)];
        (0..n).step_by(size).map(|start| self.narrow(dim, start, size.min(n - start))).collect()
    }

    /// Pieces of the given sizes along `dim`.
    ///
    /// # Panics
    /// When the sizes do not add up to the dimension.
    #[track_caller]
    pub fn split_with_sizes(&self, sizes: &[usize], dim: isize) -> Vec<Tensor> {
        let n = self.shape()[self.dim("split_with_sizes", dim)];
        assert!(
            sizes.iter().sum::<usize>() == n,
            "split_with_sizes: {sizes:?} of dimension {dim} of {:?}",
            self.shape()
        );
        let starts = sizes.iter().scan(0, |at, &size| Some(std::mem::replace(at, *at + size)));
        starts.zip(sizes).map(|(start, &size)| self.narrow(dim, start, size)).collect()
    }

    /// Splits `dim` into at most `count` pieces of equal size; the last may be smaller.
    #[track_caller]
    pub fn chunk(&self, count: usize, dim: isize) -> Vec<Tensor> {
        assert!(count > 0, "chunk: no pieces");
        let n = self.shape()[self.dim("chunk", dim)];
        self.split(n.div_ceil(count).max(1), dim)
    }

    /// The slices along `dim`, without that dimension.
    #[track_caller]
    pub fn unbind(&self, dim: isize) -> Vec<Tensor> {
        let n = self.shape()[self.dim("unbind", dim)];
        (0..n).map(|i| self.narrow(dim, i, 1).squeeze(&[dim])).collect()
    }

    /// Element `i` along `dim`, without that dimension.
    #[track_caller]
    pub fn select(&self, dim: isize, i: usize) -> Tensor {
        let n = self.shape()[self.dim("select", dim)];
        assert!(i < n, "select: element {i} of dimension {dim} of {:?}", self.shape());
        self.narrow(dim, i, 1).squeeze(&[dim])
    }

    /// Shifts elements along `dim` by `shift` positions, wrapping around.
    #[track_caller]
    pub fn roll(&self, shift: isize, dim: isize) -> Tensor {
        let n = self.shape()[self.dim("roll", dim)];
        if n == 0 {
            return self.clone();
        }
        let by = shift.rem_euclid(n as isize) as usize;
        if by == 0 {
            return self.clone();
        }
        cat(&[&self.narrow(dim, n - by, by), &self.narrow(dim, 0, n - by)], dim)
    }

    /// Repeats the whole tensor `times[d]` times along every dimension; new dimensions are added in front.
    #[track_caller]
    pub fn repeat(&self, times: &[usize]) -> Tensor {
        assert!(times.len() >= self.rank(), "repeat: {times:?} of shape {:?}", self.shape());
        let front = times.len() - self.rank();
        let own = |d: usize| d.checked_sub(front).map_or(1, |d| self.shape()[d]);
        let (mut apart, mut wide, mut merged) = (vec![], vec![], vec![]);
        for (d, &n) in times.iter().enumerate() {
            apart.extend([1, own(d)]);
            wide.extend([n, own(d)]);
            merged.push(n * own(d));
        }
        self.reshape(&apart).expand(&wide).reshape(&merged)
    }

    /// [`repeat`](Tensor::repeat), with 1 for missing dimensions in front.
    #[track_caller]
    pub fn tile(&self, times: &[usize]) -> Tensor {
        let missing = self.rank().saturating_sub(times.len());
        self.repeat(&[&vec![1; missing], times].concat())
    }

    /// Repeats every slice along `dim` `times` times in a row.
    #[track_caller]
    pub fn repeat_interleave(&self, times: usize, dim: isize) -> Tensor {
        let d = self.dim("repeat_interleave", dim);
        let mut shape = self.shape().to_vec();
        shape.insert(d + 1, 1);
        let mut wide = shape.clone();
        wide[d + 1] = times;
        let mut merged = self.shape().to_vec();
        merged[d] *= times;
        self.reshape(&shape).expand(&wide).reshape(&merged)
    }

    /// Repeats slice `i` along `dim` `times[i]` times in a row.
    ///
    /// # Panics
    /// When there is not one number for each slice.
    #[track_caller]
    pub fn repeat_interleave_each(&self, times: &[usize], dim: isize) -> Tensor {
        let n = self.shape()[self.dim("repeat_interleave_each", dim)];
        position("repeat_interleave_each", n);
        assert!(times.len() == n, "repeat_interleave_each: dimension {dim} of {:?}", self.shape());
        let slices = times.iter().enumerate().flat_map(|(i, &times)| std::iter::repeat_n(i as i32, times));
        let index: Vec<i32> = slices.collect();
        self.index_select(dim, &Tensor::constant(self.device(), &index, &[index.len()]))
    }

    /// The tensor `0, 1, .. n - 1` of type i32.
    ///
    /// # Panics
    /// When `n` is larger than 2^31 - 1.
    #[track_caller]
    pub fn arange(device: &crate::Device, n: usize) -> Tensor {
        let values: Vec<i32> = (0..position("arange", n)).collect();
        Tensor::constant(device, &values, &[n])
    }

    /// Replaces elements where `mask` is true by `value`.
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor, value: f32) -> Tensor {
        self.number(value).where_(mask, self)
    }

    /// One-hot encoding of integer indices `[..]`: f32 `[.., classes]`, 1.0 at the index, 0.0 elsewhere. An uploaded index outside of
    /// the classes is an [error](crate::Error::IndexOutOfRange), a computed one gives zeros.
    ///
    /// # Panics
    /// When the indices are of no integer type.
    #[track_caller]
    pub fn one_hot(&self, classes: usize) -> Tensor {
        check_index("one_hot", self);
        let range = Tensor::arange(self.device(), classes);
        let hot = self.to(DType::I32).unsqueeze(-1).eq(&range).to(DType::F32);
        hot.within("one_hot", self, classes, None)
    }

    /// The lower triangle of the last two dimensions, up to diagonal `diagonal` (above the main one if positive); 0
    /// elsewhere.
    #[track_caller]
    pub fn tril(&self, diagonal: isize) -> Tensor {
        let above = self.diagonals().gt(nearest(diagonal));
        self.masked_fill(&above, 0.0)
    }

    /// The upper triangle of the last two dimensions, from diagonal `diagonal` on; 0 elsewhere.
    #[track_caller]
    pub fn triu(&self, diagonal: isize) -> Tensor {
        let below = self.diagonals().lt(nearest(diagonal));
        self.masked_fill(&below, 0.0)
    }

    /// The number (i32) of the diagonal that each element of the last two dimensions lies on.
    #[track_caller]
    fn diagonals(&self) -> Tensor {
        let (rows, columns) = (self.size(-2), self.size(-1));
        let [rows, columns] = [rows, columns].map(|n| Tensor::arange(self.device(), n));
        columns - rows.unsqueeze(1)
    }

    /// The elements `[.., i, i + offset]` of dimensions `dim1` and `dim2`, which are replaced by a new last dimension.
    ///
    /// # Panics
    /// When there is no such diagonal.
    #[track_caller]
    pub fn diagonal(&self, offset: isize, dim1: isize, dim2: isize) -> Tensor {
        let (first, second) = (self.dim("diagonal", dim1), self.dim("diagonal", dim2));
        assert!(first != second, "diagonal: dimension {dim1} of {:?} twice", self.shape());
        let others = (0..self.rank()).filter(|&d| d != first && d != second);
        let order: Vec<isize> = others.chain([first, second]).map(|d| d as isize).collect();
        let x = self.permute(&order);
        let (below, right) = ((-offset).max(0) as usize, offset.max(0) as usize);
        let [rows, columns] =
            [(-2, below), (-1, right)].map(|(d, cut)| x.size(d).checked_sub(cut).filter(|&n| n > 0));
        let (Some(rows), Some(columns)) = (rows, columns) else {
            panic!("diagonal: offset {offset} in dimensions {dim1} and {dim2} of {:?}", self.shape())
        };
        let n = rows.min(columns);
        let square = x.narrow(-2, below, n).narrow(-1, right, n);
        // In row-major order the diagonal is every (n + 1)th element.
        square.flatten(-2, -1).slice(-1, 0, isize::MAX, n as isize + 1)
    }

    /// Matrices with the last dimension on diagonal `offset`, and zeros elsewhere: `[.., n]` becomes `[.., m, m]` with
    /// `m = n + |offset|`.
    #[track_caller]
    pub fn diag_embed(&self, offset: isize) -> Tensor {
        let (n, shift) = (self.size(-1), offset.unsigned_abs());
        let m = n + shift;
        let aside = (0, shift as isize);
        // Element `i` is in row `i` of a diagonal above the main one, and in column `i` of one below it.
        let along = self.pad(&[aside], Padding::Constant(0.0)).unsqueeze(if offset < 0 { -2 } else { -1 });
        let square = along.expand(&[&self.shape()[..self.rank() - 1], &[m, m]].concat());
        let elsewhere = square.diagonals().ne(nearest(offset));
        square.masked_fill(&elsewhere, 0.0)
    }
}

/// The number of a diagonal, clamped to i32; the diagonals of every tensor are within its range.
fn nearest(diagonal: isize) -> i32 {
    diagonal.clamp(i32::MIN as isize, i32::MAX as isize) as i32
}
