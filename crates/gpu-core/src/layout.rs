//! Where the elements of a strided array lie in its buffer.

use std::fmt;

/// Shape, strides and offset, all in elements. Element `[i, j, ..]` lies at `offset + i * strides[0] + j * strides[1] + ..`.
///
/// ```
/// use gpu_core::Layout;
/// let x = Layout::contiguous(&[2, 3]);
/// assert_eq!(x.permute(&[1, 0]).strides(), &[1, 3]);
/// assert_eq!(x.expand(&[4, 2, 3]).strides(), &[0, 3, 1]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    shape: Vec<usize>,
    strides: Vec<isize>,
    offset: usize,
}

/// `[2, 3]`, with the strides and offset of other than row-major layouts: `[2, 3] by [1, 2] at 64`.
impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", self.shape)?;
        if !self.is_contiguous() {
            write!(f, " by {:?}", self.strides)?;
        }
        if self.offset != 0 { write!(f, " at {}", self.offset) } else { Ok(()) }
    }
}

impl Layout {
    /// Row-major layout of `shape` at offset 0.
    pub fn contiguous(shape: &[usize]) -> Layout {
        let mut strides = vec![0; shape.len()];
        let mut step = 1isize;
        for (stride, &size) in strides.iter_mut().zip(shape).rev() {
            *stride = step;
            step *= size.max(1) as isize;
        }
        Layout { shape: shape.to_vec(), strides, offset: 0 }
    }

    /// A layout of the given parts; `shape` and `strides` have one entry per dimension.
    pub fn new(shape: Vec<usize>, strides: Vec<isize>, offset: usize) -> Layout {
        assert_eq!(shape.len(), strides.len(), "a layout has one stride a dimension");
        Layout { shape, strides, offset }
    }

    /// Size of every dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Distance between neighbours along every dimension, in elements; 0 where a dimension is broadcast.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// Position of the first element in the buffer, in elements.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the elements lie densely in row-major order (from any offset).
    pub fn is_contiguous(&self) -> bool {
        let mut step = 1isize;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if size != 1 && stride != step {
                return false;
            }
            step *= size as isize;
        }
        true
    }

    /// The same layout with its first element at `offset`.
    pub fn at(&self, offset: usize) -> Layout {
        Layout { offset, ..self.clone() }
    }

    /// Dimension `i` of the result is dimension `order[i]` of `self`.
    pub fn permute(&self, order: &[usize]) -> Layout {
        Layout {
            shape: order.iter().map(|&d| self.shape[d]).collect(),
            strides: order.iter().map(|&d| self.strides[d]).collect(),
            offset: self.offset,
        }
    }

    /// Broadcast to `shape` by NumPy's rules (new dimensions in front, size 1 repeated).
    pub fn expand(&self, shape: &[usize]) -> Layout {
        let front = shape.len() - self.rank();
        let stride = |d: usize| match d.checked_sub(front) {
            Some(own) if self.shape[own] == shape[d] => self.strides[own],
            _ => 0,
        };
        Layout { shape: shape.to_vec(), strides: (0..shape.len()).map(stride).collect(), offset: self.offset }
    }

    /// Elements `start, start + step, ..` (`len` of them) along `dim`; `step` may be negative.
    pub fn slice(&self, dim: usize, start: usize, len: usize, step: isize) -> Layout {
        let mut out = self.clone();
        out.offset = (self.offset as isize + start as isize * self.strides[dim]) as usize;
        out.strides[dim] *= step;
        out.shape[dim] = len;
        out
    }

    /// The same elements in row-major order as `shape`, if strides can express that; `None` when it needs a copy.
    pub fn reshape(&self, shape: &[usize]) -> Option<Layout> {
        if self.is_contiguous() {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(shape) });
        }
        let old: Vec<(usize, isize)> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|&(n, _)| n != 1).collect();
        let mut strides = vec![0isize; shape.len()];
        let (mut from, mut to) = (0, 0);
        while from < old.len() {
            // The smallest runs of old and new dimensions with the same number of elements.
            let (start, first) = (from, to);
            let (mut have, mut want) = (old[from].0, *shape.get(to)?);
            (from, to) = (from + 1, to + 1);
            while have != want {
                if have < want {
                    have *= old.get(from)?.0;
                    from += 1;
                } else {
                    want *= shape.get(to)?;
                    to += 1;
                }
            }
            if old[start..from].windows(2).any(|w| w[0].1 != w[1].1 * w[1].0 as isize) {
                return None;
            }
            let mut step = old[from - 1].1;
            for d in (first..to).rev() {
                strides[d] = step;
                step *= shape[d] as isize;
            }
        }
        Some(Layout { shape: shape.to_vec(), strides, offset: self.offset })
    }

    /// The buffer position of the element with row-major number `index`.
    pub fn position(&self, mut index: usize) -> usize {
        let mut at = self.offset as isize;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            at += (index % size) as isize * stride;
            index /= size;
        }
        at as usize
    }
}

/// Layouts of one shape with dimensions of size 1 dropped and neighbouring dimensions merged wherever all layouts allow it.
pub(crate) fn simplify(layouts: &[Layout]) -> Vec<Layout> {
    let shape = layouts[0].shape();
    let mut dims: Vec<(usize, Vec<isize>)> = vec![];
    for (d, &size) in shape.iter().enumerate().filter(|&(_, &n)| n != 1) {
        let strides: Vec<isize> = layouts.iter().map(|l| l.strides[d]).collect();
        match dims.last_mut() {
            Some((last, outer)) if outer.iter().zip(&strides).all(|(&o, &s)| o == s * size as isize) => {
                *last *= size;
                *outer = strides;
            }
            _ => dims.push((size, strides)),
        }
    }
    let part = |i: usize| Layout {
        shape: dims.iter().map(|d| d.0).collect(),
        strides: dims.iter().map(|d| d.1[i]).collect(),
        offset: layouts[i].offset,
    };
    (0..layouts.len()).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_follows_strides_or_asks_for_a_copy() {
        let x = Layout::contiguous(&[2, 3, 4]);
        assert_eq!(x.reshape(&[6, 4]).unwrap().strides(), &[4, 1]);
        let t = x.permute(&[1, 0, 2]);
        assert_eq!(t.reshape(&[6, 4]), None);
        assert_eq!(t.reshape(&[3, 2, 2, 2]).unwrap().strides(), &[4, 12, 2, 1]);
        assert_eq!(x.permute(&[2, 0, 1]).reshape(&[4, 6]).unwrap().strides(), &[1, 4]);
    }

    #[test]
    fn simplify_merges_what_all_layouts_allow() {
        let a = Layout::contiguous(&[2, 3, 1, 4]);
        let b = Layout::contiguous(&[3, 1, 4]).expand(&[2, 3, 1, 4]);
        let both = simplify(&[a, b]);
        assert_eq!(
            (both[0].shape(), both[0].strides(), both[1].strides()),
            (&[2, 12][..], &[12, 1][..], &[0, 1][..])
        );
    }

    #[test]
    fn negative_steps_flip() {
        let x = Layout::contiguous(&[2, 3]).slice(1, 2, 3, -1);
        assert_eq!((0..6).map(|i| x.position(i)).collect::<Vec<_>>(), [2, 1, 0, 5, 4, 3]);
    }
}
