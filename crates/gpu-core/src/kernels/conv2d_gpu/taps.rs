//! Which elements of a convolution's kernel reach which pixels.

use crate::kernels::conv2d::Conv2dShape;

/// All phases: the remainders of pixels' coordinates by the strides.
pub(super) fn phases([high, wide]: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    (0..high).flat_map(move |h| (0..wide).map(move |w| [h, w]))
}

/// The taps of one dimension that reach a phase of output pixels: `count` of them, tap `first + i * every` reading
/// position `pixel * stride + offset + i * step` of the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taps {
    pub first: usize,
    pub every: usize,
    pub count: usize,
    pub offset: isize,
    pub step: isize,
    pub stride: usize,
}

impl Taps {
    /// The taps of dimension `d` of a convolution or, if `transposed`, of a phase of its input gradient.
    pub fn new(shape: &Conv2dShape, transposed: bool, d: usize, phase: usize) -> Taps {
        if transposed { Taps::input_grad(shape, d, phase) } else { Taps::forward(shape, d) }
    }

    fn forward(s: &Conv2dShape, d: usize) -> Taps {
        let (offset, step) = (-(s.padding[d] as isize), s.dilation[d] as isize);
        Taps { first: 0, every: 1, count: s.kernel[d], offset, step, stride: s.stride[d] }
    }

    /// The taps `t` that connect the input pixels of `phase` with pixels of the output gradient: those where `phase +
    /// padding - t * dilation` is a multiple of the stride.
    fn input_grad(s: &Conv2dShape, d: usize, phase: usize) -> Taps {
        let (stride, dilation) = (s.stride[d] as isize, s.dilation[d] as isize);
        let from = |tap: usize| (phase + s.padding[d]) as isize - tap as isize * dilation;
        let reaching: Vec<usize> = (0..s.kernel[d]).filter(|&t| from(t) % stride == 0).collect();
        let first = reaching.first().copied().unwrap_or(0);
        let every = reaching.get(1).map_or(1, |t| t - first);
        let (offset, step) = (from(first).div_euclid(stride), -(every as isize) * dilation / stride);
        Taps { first, every, count: reaching.len(), offset, step, stride: 1 }
    }

    /// Offset of the `i`-th of these taps.
    pub fn at(&self, i: usize) -> isize {
        self.offset + i as isize * self.step
    }

    /// Smallest and largest offset; without taps, as with one.
    pub fn reach(&self) -> (isize, isize) {
        let ends = [self.at(0), self.at(self.count.max(1) - 1)];
        (ends[0].min(ends[1]), ends[0].max(ends[1]))
    }
}
